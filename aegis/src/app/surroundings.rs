//! What is seen of the machine: variables, files, and addresses that stand for others in tests.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::adapter::nats::{Greeting, greeting};
use crate::model::MachineSigns;

/// Where Kubernetes puts the files of a pod's account.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// More of a file is not read: all that is looked for stands at the start of short ones.
const MOST: u64 = 1 << 20;

/// What `nats.url = "auto"` sees of the machine: variables, files, and who answers at an address. A test
/// says all of it, and gives it to [`Config::within`](crate::Config::within): so none changes the
/// environment of its process.
#[cfg_attr(
    not(feature = "testing"),
    expect(unreachable_pub, reason = "only tests name it")
)]
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// None: those of this process.
    variables: Option<BTreeMap<String, String>>,
    /// Stands before every path; none on the machine itself.
    root: Option<PathBuf>,
    /// Addresses, `host:port`, that stand for others.
    addresses: BTreeMap<String, String>,
}

impl Surroundings {
    /// The machine this process runs on.
    pub(crate) fn here() -> Self {
        Self {
            variables: None,
            root: None,
            addresses: BTreeMap::new(),
        }
    }

    /// A variable of the environment that says something.
    pub(super) fn said(&self, name: &str) -> Option<String> {
        let value = match &self.variables {
            Some(variables) => variables.get(name).cloned(),
            None => std::env::var(name).ok(),
        };
        value.filter(|text| !text.is_empty())
    }

    /// The address to ask for another one.
    pub(super) fn address<'a>(&'a self, address: &'a str) -> &'a str {
        self.addresses.get(address).map_or(address, String::as_str)
    }

    /// The namespace of the pod we are in.
    pub(super) fn namespace(&self) -> Option<String> {
        let text = read(&self.path(&format!("{ACCOUNT}/namespace")))?;
        Some(text.trim().to_owned()).filter(|name| !name.is_empty())
    }

    /// The files of a kubeconfig, as `kubectl` finds them; those of a list may be missing.
    pub(super) fn kubeconfigs(&self, said: Option<&Path>) -> Vec<PathBuf> {
        if let Some(path) = said {
            return vec![path.to_owned()];
        }
        if let Some(list) = self.said("KUBECONFIG") {
            let paths = std::env::split_paths(&list);
            return paths.filter(|path| !path.as_os_str().is_empty()).collect();
        }
        let home = match &self.variables {
            Some(_) => self.said("HOME").map(PathBuf::from),
            None => std::env::home_dir(),
        };
        let path = home.map(|home| home.join(".kube/config"));
        path.into_iter().collect()
    }

    /// What tells where we are. The context that was said counts, else the one in the kubeconfig.
    pub(super) fn signs(&self, kubeconfigs: &[PathBuf], context: Option<&str>) -> MachineSigns {
        let is_there = |path: &str| self.path(path).exists();
        let in_a_file = || {
            let texts = kubeconfigs.iter().filter_map(|path| read(path));
            let mut contexts = texts.filter_map(|text| current_context(&text));
            contexts.next()
        };
        MachineSigns {
            service_host: self.said("KUBERNETES_SERVICE_HOST").is_some(),
            service_account: is_there(&format!("{ACCOUNT}/token")),
            container_file: is_there("/.dockerenv") || is_there("/run/.containerenv"),
            cgroup: read(&self.path("/proc/1/cgroup")).unwrap_or_default(),
            context: context.map(str::to_owned).or_else(in_a_file),
        }
    }

    fn path(&self, path: &str) -> PathBuf {
        match &self.root {
            Some(root) => root.join(path.trim_start_matches('/')),
            None => PathBuf::from(path),
        }
    }

    /// Asks whether a NATS server answers at an address, or at the one that stands for it.
    pub(super) async fn ask(&self, address: &str, within: Duration) -> Result<Greeting, String> {
        greeting(self.address(address), within).await
    }
}

/// For tests: everything is said, and nothing is looked up.
#[cfg(feature = "testing")]
impl Surroundings {
    /// A machine with nothing on it, and `root` for its files: what is looked for at `/.dockerenv` is
    /// looked for at `{root}/.dockerenv`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self {
            variables: Some(BTreeMap::new()),
            root: Some(root.into()),
            addresses: BTreeMap::new(),
        }
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        let variables = self.variables.get_or_insert_default();
        variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Who asks at `asked` reaches `answers`, both `host:port`.
    #[must_use]
    pub fn address_of(mut self, asked: &str, answers: &str) -> Self {
        let pair = (asked.to_owned(), answers.to_owned());
        self.addresses.extend([pair]);
        self
    }
}

/// The text of a file that can be read.
fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(MOST).read_to_string(&mut text).ok()?;
    Some(text)
}

/// The current context of a kubeconfig: a key of its outermost level, so that one line says it. That is
/// enough to tell where we are, and needs no reader of YAML.
fn current_context(text: &str) -> Option<String> {
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix("current-context:"))?;
    let name = value.trim().trim_matches(['"', '\'']);
    Some(name.to_owned()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_context_is_read_without_yaml() {
        for (text, expected) in [
            ("a: b\ncurrent-context: kind-dev\n", Some("kind-dev")),
            ("current-context: \"prod\"\n", Some("prod")),
            ("current-context: 'prod eu'\n", Some("prod eu")),
            ("current-context: \"\"\n", None),
            ("contexts:\n  current-context: inner\n", None),
            ("", None),
        ] {
            assert_eq!(current_context(text).as_deref(), expected, "{text:?}");
        }
    }
}
