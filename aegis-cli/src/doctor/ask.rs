//! Questions to the server: an answer, or why there is none; what may not be asked is remembered.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use aegis::{Client, ErrorKind};
use serde_json::{Value, json};

use super::facts::Asked;

/// Most entries of a list that are read.
const MOST: usize = 20_000;

/// Who asks.
pub(super) struct Asker<'a> {
    pub(super) client: &'a Client,
    denied: Mutex<BTreeSet<String>>,
}

impl<'a> Asker<'a> {
    pub(super) fn new(client: &'a Client) -> Self {
        Self {
            client,
            denied: Mutex::default(),
        }
    }

    /// What this user may not ask, in the words of the errors.
    pub(super) fn denied(&self) -> BTreeSet<String> {
        let denied = self.denied.lock();
        denied.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same outcome; that it was not allowed is remembered.
    pub(super) fn noted<T>(&self, outcome: aegis::Result<T>) -> Asked<T> {
        outcome.map_err(|error| {
            let text = error.to_string();
            if error.kind() == ErrorKind::Denied {
                let mut denied = self.denied.lock().unwrap_or_else(PoisonError::into_inner);
                denied.insert(text.clone());
            }
            text
        })
    }

    /// Asks the server itself. That JetStream refuses is no answer.
    pub(super) async fn ask(&self, subject: &str, body: &Value) -> Asked<Value> {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let mut answer = self.noted(self.client.ask_server(subject, &body).await)?;
        match answer["error"].take() {
            Value::Null => Ok(answer),
            error => Err(format!(
                "JetStream says {} ({})",
                error["description"].as_str().unwrap_or("no"),
                error["err_code"]
            )),
        }
    }

    /// Every entry of a list that comes in pages, and the names of those that are missing from it.
    pub(super) async fn all(&self, subject: &str, list: &str) -> Asked<(Vec<Value>, Vec<String>)> {
        let (mut all, mut missing) = (Vec::new(), Vec::new());
        let mut seen = 0;
        loop {
            let mut page = self.ask(subject, &json!({"offset": seen})).await?;
            let Value::Array(entries) = page[list].take() else {
                break;
            };
            let silent = page["missing"].as_array();
            let silent = silent.into_iter().flatten().filter_map(Value::as_str);
            missing.extend(silent.map(str::to_owned));
            seen += entries.len();
            let total = page["total"].as_u64().unwrap_or_default();
            let done = entries.is_empty() || seen >= MOST || seen as u64 >= total;
            all.extend(entries);
            if done {
                break;
            }
        }
        Ok((all, missing))
    }
}
