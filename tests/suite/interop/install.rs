//! Clients in other languages, installed once per user: a cache folder is complete or absent.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What is installed, with pinned versions: each is what the others of its line were made for.
const PYTHON: &[&str] = &["nats-py==2.16.0", "msgpack==1.1.2"];
const NODE: &[&str] = &[
    "@nats-io/transport-node@3.0.0-35",
    "@nats-io/services@3.0.0-25",
    "@nats-io/nats-core@3.0.0-50",
    "@nats-io/nkeys@2.0.2",
    "@nats-io/nuid@2.0.3",
    "tweetnacl@1.0.3",
];

/// A language on this computer, with its NATS client.
#[derive(Debug, Clone)]
pub(super) struct Language {
    /// What runs a script.
    pub(super) program: &'static str,
    /// The variable by which it finds the client.
    pub(super) variable: &'static str,
    /// Where the client is.
    pub(super) folder: PathBuf,
}

/// Python with nats-py; none without `python3`.
pub(super) async fn python() -> Option<Language> {
    let folder = installed("python3", "python", PYTHON, |folder| {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--no-deps"])
            .args(["--disable-pip-version-check", "--no-warn-script-location"])
            .args(["--root-user-action", "ignore", "--target"])
            .arg(folder);
        pip
    });
    Some(Language {
        program: "python3",
        variable: "PYTHONPATH",
        folder: folder.await?,
    })
}

/// Node with the clients of `@nats-io`; none without `node`.
pub(super) async fn node() -> Option<Language> {
    let folder = installed("node", "node", NODE, |folder| {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts"])
            .arg("--prefix")
            .arg(folder);
        npm
    });
    Some(Language {
        program: "node",
        variable: "NODE_PATH",
        folder: folder.await?.join("node_modules"),
    })
}

async fn installed(
    program: &'static str,
    name: &'static str,
    packages: &'static [&'static str],
    installer: impl Fn(&Path) -> Command + Send + 'static,
) -> Option<PathBuf> {
    let work = move || {
        let version = Command::new(program)
            .arg("--version")
            .stdin(Stdio::null())
            .output();
        if !version.is_ok_and(|output| output.status.success()) {
            eprintln!("NOT RUN: there is no `{program}` on this computer");
            return None;
        }
        Some(install(name, packages, &installer))
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// Installs into a folder beside, and moves it into place in one step, under a lock.
fn install(name: &str, packages: &[&str], installer: &dyn Fn(&Path) -> Command) -> PathBuf {
    let cache = cache_folder();
    fs::create_dir_all(&cache).unwrap();
    let versions: String = packages
        .join("+")
        .chars()
        .map(|c| match c {
            'a'..='z' | '0'..='9' | '.' | '-' | '+' => c,
            _ => '_',
        })
        .collect();
    let folder = cache.join(format!("interop-{name}-{versions}"));
    let lock = File::create(cache.join(format!("interop-{name}.lock"))).unwrap();
    lock.lock().unwrap();
    if folder.exists() {
        return folder;
    }
    let work = tempfile::Builder::new()
        .prefix("install-")
        .tempdir_in(&cache)
        .unwrap();
    let mut command = installer(work.path());
    let output = command.args(packages).stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    fs::rename(work.keep(), &folder).unwrap();
    folder
}

/// The user's cache, as the freedesktop specification says.
fn cache_folder() -> PathBuf {
    let named = |name: &str| {
        let value = std::env::var_os(name).map(PathBuf::from);
        value.filter(|path| path.is_absolute())
    };
    named("XDG_CACHE_HOME")
        .or_else(|| named("HOME").map(|home| home.join(".cache")))
        .unwrap_or_else(std::env::temp_dir)
        .join("aegis")
}
