//! The queue, as JetStream tells of it.

use data_encoding::BASE64;
use serde_json::{Value, json};

/// The queue of a server.
pub(super) struct Queue(async_nats::Client);

impl Queue {
    pub(super) async fn of(url: &str) -> Self {
        Self(async_nats::connect(url).await.unwrap())
    }

    /// What JetStream answers; none if nobody does now.
    async fn ask(&self, what: &str, how: Value) -> Option<Value> {
        let body = serde_json::to_vec(&how).unwrap();
        let asked = self.0.request(format!("$JS.API.{what}"), body.into());
        let answer: Value = serde_json::from_slice(&asked.await.ok()?.payload).unwrap();
        answer["error"].is_null().then_some(answer)
    }

    /// Whether everything was delivered and is settled.
    pub(super) async fn is_drained(&self) -> bool {
        let lanes = self.ask("CONSUMER.LIST.COMMANDS", json!({})).await;
        let lanes = lanes
            .as_ref()
            .and_then(|lanes| lanes["consumers"].as_array());
        let is_drained = |lane: &Value| lane["num_pending"] == 0 && lane["num_ack_pending"] == 0;
        lanes.is_some_and(|lanes| !lanes.is_empty() && lanes.iter().all(is_drained))
    }

    /// The ids of the messages that it holds.
    pub(super) async fn held(&self) -> Option<Vec<String>> {
        let stream = self.ask("STREAM.INFO.COMMANDS", json!({})).await?;
        let count = stream["state"]["messages"].as_u64()?;
        let (mut held, mut next) = (Vec::new(), 1);
        for _ in 0..count {
            let how = json!({"seq": next, "next_by_subj": "commands.>"});
            let found = self.ask("STREAM.MSG.GET.COMMANDS", how).await?;
            let headers = found["message"]["hdrs"].as_str()?.as_bytes();
            let headers = String::from_utf8(BASE64.decode(headers).ok()?).ok()?;
            let id = headers
                .lines()
                .find_map(|line| line.strip_prefix("Nats-Msg-Id: "));
            held.push(id?.to_owned());
            next = found["message"]["seq"].as_u64()? + 1;
        }
        Some(held)
    }
}
