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
            let text = for_doctor(&error.to_string());
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
        if !answer.is_object() {
            return Err(format!("what answers at {subject} is not JetStream"));
        }
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

/// The text of an error with the words that help here: what is to be granted, and subjects without the
/// names that consumers get by chance, so that one permission is told once.
fn for_doctor(text: &str) -> String {
    let text = text.replace(
        "`aegis permissions` prints",
        "`aegis permissions --doctor` prints",
    );
    let words = text.split(' ').map(|word| {
        let end = word.trim_end_matches([':', ',', '.', ';']).len();
        let (subject, rest) = word.split_at(end);
        granted(subject).map_or_else(|| word.to_owned(), |subject| subject + rest)
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The subject that is to be granted for one that is about a consumer.
fn granted(subject: &str) -> Option<String> {
    let tokens: Vec<&str> = subject.split('.').collect();
    let consumer = match tokens[..] {
        [
            "$JS",
            "API",
            "CONSUMER",
            "CREATE" | "INFO" | "DELETE",
            _,
            _,
            ..,
        ] => 5,
        ["$JS", "API", "CONSUMER", "MSG", "NEXT", _, _] => 6,
        _ => return None,
    };
    let mut tokens = tokens;
    tokens[consumer] = "*";
    Some(tokens.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_granted_has_no_names_of_chance() {
        for (text, expected) in [
            (
                "publish on $JS.API.CONSUMER.CREATE.KV_users.x7Fq: grant",
                "publish on $JS.API.CONSUMER.CREATE.KV_users.*: grant",
            ),
            (
                "$JS.API.CONSUMER.CREATE.DEAD.observer-1.dead.>: no",
                "$JS.API.CONSUMER.CREATE.DEAD.*.dead.>: no",
            ),
            (
                "$JS.API.CONSUMER.MSG.NEXT.DEAD.observer-1",
                "$JS.API.CONSUMER.MSG.NEXT.DEAD.*",
            ),
            (
                "on $JS.API.CONSUMER.LIST.EVENTS: grant it (`aegis permissions` prints what is needed)",
                "on $JS.API.CONSUMER.LIST.EVENTS: grant it (`aegis permissions --doctor` prints what is \
                 needed)",
            ),
        ] {
            assert_eq!(for_doctor(text), expected);
        }
    }
}
