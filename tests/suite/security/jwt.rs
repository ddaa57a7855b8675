//! An operator, an account and its users, as JSON Web Tokens in the form that NATS reads
//! (version 2, algorithm `ed25519-nkey`).

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;
use serde_json::{Value, json};
use tempfile::TempDir;

/// One operator with one account, whose users can be written to files.
pub(super) struct Operator {
    keys: KeyPair,
    account: KeyPair,
    folder: TempDir,
}

/// A user's credentials, and what of them is secret.
pub(super) struct Credentials {
    pub(super) file: PathBuf,
    pub(super) seed: String,
    pub(super) token: String,
    /// The public key.
    id: String,
}

impl Operator {
    pub(super) fn new() -> Self {
        Self {
            keys: KeyPair::new_operator(),
            account: KeyPair::new_account(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// The part of a server's configuration that trusts this operator.
    pub(super) fn config(&self) -> String {
        self.config_without(&[])
    }

    /// The same, where these users are revoked.
    pub(super) fn config_without(&self, revoked: &[&Credentials]) -> String {
        let operator = sign(&self.keys, &self.keys, None, json!({"type": "operator"}));
        let limits = json!({
            "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1,
            "wildcards": true, "conn": -1, "leaf": -1,
        });
        let revocations = revoked
            .iter()
            .map(|user| (user.id.clone(), json!(now() + 60)));
        let revocations: Value = revocations.collect::<serde_json::Map<_, _>>().into();
        let claims = json!({"type": "account", "limits": limits, "revocations": revocations});
        let account = sign(&self.keys, &self.account, None, claims);
        let id = self.account.public_key();
        format!("operator: {operator}\nresolver: MEMORY\nresolver_preload: {{ {id}: {account} }}\n")
    }

    /// A new user; `expires` is a time in seconds since 1970.
    pub(super) fn user(&self, expires: Option<u64>) -> Credentials {
        let user = KeyPair::new_user();
        let claims = json!({
            "type": "user", "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1,
        });
        let token = sign(&self.account, &user, expires, claims);
        let seed = user.seed().unwrap();
        let file = self
            .folder
            .path()
            .join(format!("{}.creds", user.public_key()));
        let text = format!(
            "-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        );
        std::fs::write(&file, text).unwrap();
        let id = user.public_key();
        Credentials {
            file,
            seed,
            token,
            id,
        }
    }
}

pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_secs()
}

fn sign(issuer: &KeyPair, subject: &KeyPair, expires: Option<u64>, mut nats: Value) -> String {
    nats["version"] = json!(2);
    let mut claims = json!({
        "iat": now() - 60,
        "iss": issuer.public_key(),
        "sub": subject.public_key(),
        "name": "test",
        "nats": nats,
    });
    if let Some(expires) = expires {
        claims["exp"] = json!(expires);
    }
    let encoded = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let header = json!({"typ": "JWT", "alg": "ed25519-nkey"});
    let signed = format!("{}.{}", encoded(&header), encoded(&claims));
    let signature = issuer.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature))
}
