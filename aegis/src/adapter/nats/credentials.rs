//! A `.creds` file, read anew for each connection: one that was replaced counts from the next on.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_nats::{Auth, AuthError, ConnectOptions};
use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;
use serde::Deserialize;
use time::OffsetDateTime;

use crate::error::{Error, ErrorKind, Result};

/// Far more than a token and a seed.
const LARGEST: u64 = 1 << 20;

/// What is in the file.
pub(super) struct Credentials {
    token: String,
    seed: KeyPair,
}

/// What of a token matters here.
#[derive(Deserialize)]
struct Claims {
    /// In seconds since 1970.
    exp: Option<i64>,
}

/// Options that read the file whenever a server asks who we are.
pub(super) fn options(path: &Path) -> ConnectOptions {
    let path = path.to_owned();
    let told = Arc::new(AtomicBool::new(false));
    ConnectOptions::with_auth_callback(move |nonce| {
        let (path, told) = (path.clone(), told.clone());
        async move {
            match signed(path, &nonce).await {
                Ok(auth) => {
                    told.store(false, Ordering::Relaxed);
                    Ok(auth)
                }
                Err(error) => {
                    // It is tried again and again.
                    if !told.swap(true, Ordering::Relaxed) {
                        tracing::error!(%error, "no login to NATS: the file is read again at each attempt");
                    }
                    Err(AuthError::new(error))
                }
            }
        }
    })
}

async fn signed(path: PathBuf, nonce: &[u8]) -> Result<Auth> {
    let Credentials { token, seed } = read(path.clone()).await?;
    let signature = seed.sign(nonce).map_err(|cause| unusable(&path, cause))?;
    let mut auth = Auth::new();
    auth.jwt = Some(token);
    auth.signature = Some(signature);
    Ok(auth)
}

/// Reads the file. Errors: `Config`, with its name and without anything that is in it.
pub(super) async fn read(path: PathBuf) -> Result<Credentials> {
    // A file on another machine may take its time.
    let reading = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        let read = File::open(&path).and_then(|file| file.take(LARGEST).read_to_string(&mut text));
        match read {
            Ok(_) => parse(&path, &text),
            Err(cause) => Err(unusable(&path, cause)),
        }
    });
    let failed =
        |cause| Error::new(ErrorKind::Internal, "the credentials file was not read").because(cause);
    reading.await.map_err(failed)?
}

fn parse(path: &Path, text: &str) -> Result<Credentials> {
    let mut blocks = blocks(text);
    let (token, seed) = (blocks.next(), blocks.next());
    let (Some(token), Some(seed)) = (token, seed) else {
        let text = "it has no JWT and seed between lines of dashes";
        return Err(unusable(path, std::io::Error::other(text)));
    };
    Ok(Credentials {
        token: token.to_owned(),
        seed: KeyPair::from_seed(seed).map_err(|cause| unusable(path, cause))?,
    })
}

/// The lines that stand alone between two lines of dashes.
fn blocks(text: &str) -> impl Iterator<Item = &str> {
    let is_rule = |line: &str| line.starts_with("---") && line.ends_with("---");
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let framed = lines.windows(3).filter_map(move |lines| match lines {
        [above, line, below] if is_rule(above) && is_rule(below) && !is_rule(line) => Some(*line),
        _ => None,
    });
    framed
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .into_iter()
}

fn unusable(path: &Path, cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    let text = format!(
        "the credentials file {} cannot be used: {cause}; it is a `.creds` file with a JWT and its \
         seed, as `nsc generate creds` writes it (`nats.credentials_file`)",
        path.display()
    );
    Error::new(ErrorKind::Config, text).because(cause)
}

impl Credentials {
    /// When they ran out, if they have.
    pub(super) fn expired(&self, now: OffsetDateTime) -> Option<OffsetDateTime> {
        let claims = self.token.split('.').nth(1)?;
        let claims = BASE64URL_NOPAD.decode(claims.as_bytes()).ok()?;
        let claims: Claims = serde_json::from_slice(&claims).ok()?;
        let end = OffsetDateTime::from_unix_timestamp(claims.exp?).ok()?;
        (end <= now).then_some(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_nsc_writes_it() {
        let seed = KeyPair::new_user().seed().unwrap();
        let claims = BASE64URL_NOPAD.encode(br#"{"exp": 5}"#);
        let jwt = format!("e30.{claims}.x");
        let file = format!(
            "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
             ************************* IMPORTANT *************************\nNKEY Seed printed \
             below\n\n-----BEGIN USER NKEY SEED-----\r\n{seed}\r\n------END USER NKEY SEED------\n"
        );
        let path = Path::new("joe.creds");
        let read = parse(path, &file).unwrap();
        assert_eq!(read.token, jwt);
        let end = OffsetDateTime::UNIX_EPOCH + std::time::Duration::from_secs(5);
        assert_eq!(read.expired(OffsetDateTime::now_utc()), Some(end));
        assert_eq!(read.expired(OffsetDateTime::UNIX_EPOCH), None);
        for wrong in [
            "",
            &jwt,
            &file[..file.len() / 2],
            &file.replace(&seed, &seed[..40]),
            &file.replace(&seed, ""),
        ] {
            let error = parse(path, wrong).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Config);
            let text = format!("{error} {error:?}");
            assert!(text.contains("joe.creds") && text.contains("nsc"), "{text}");
            assert!(
                !text.contains(&seed[..40]) && !text.contains(&claims),
                "{text}"
            );
        }
    }
}
