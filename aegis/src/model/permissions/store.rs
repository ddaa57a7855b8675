//! The subjects of inboxes, buckets, streams and their consumers.

use super::list::List;
use super::need::Access;

/// Where answers and deliveries come in.
pub(super) fn inbox(list: &mut List, prefix: &str, is_shared: bool) {
    let own = format!("{prefix}.>");
    list.may_subscribe("answers to what it asks, and deliveries", [own.clone()]);
    if !is_shared {
        // In the common inbox it would let a program answer in the place of others.
        let why = "to ask itself whether all it said was handled (else NATS logs a violation at each \
                   start and stop)";
        list.may_publish(why, [own]);
    }
}

/// `$JS.API.{what}`
pub(super) fn api(what: &str) -> String {
    format!("$JS.API.{what}")
}

/// A stream that is made if it is missing, and changed by services to what is configured.
pub(super) fn stream(list: &mut List, stream: &str, (what, changes): (&str, bool)) {
    let look = format!("to look whether the stream {stream} is there");
    list.may_publish(&look, [api(&format!("STREAM.INFO.{stream}"))]);
    let make = format!("to make the stream {stream} of {what} if it is missing");
    list.may_publish(&make, [api(&format!("STREAM.CREATE.{stream}"))]);
    if changes {
        let change = format!("to change the stream {stream} to what is configured");
        list.may_publish(&change, [api(&format!("STREAM.UPDATE.{stream}"))]);
    }
}

/// Whom a consumer is of.
pub(super) struct Reader<'a> {
    pub(super) stream: &'a str,
    /// Its name; `*` if it has more than one.
    pub(super) consumer: &'a str,
    /// What it chooses of the stream. A consumer with one choice has it in the subject, so that it
    /// can be permitted by what it reads.
    pub(super) filters: &'a [String],
    pub(super) why: &'a str,
}

impl Reader<'_> {
    /// It is made or changed, looked at, and read.
    pub(super) fn reads(&self, list: &mut List) {
        let Self {
            stream,
            consumer,
            filters,
            why,
        } = self;
        let make = match filters {
            [one] => format!("CONSUMER.CREATE.{stream}.{consumer}.{one}"),
            _ => format!("CONSUMER.CREATE.{stream}.{consumer}"),
        };
        let info = format!("CONSUMER.INFO.{stream}.{consumer}");
        let next = format!("CONSUMER.MSG.NEXT.{stream}.{consumer}");
        list.may_publish(why, [make, info, next].map(|what| api(&what)));
        let acknowledge = match *consumer {
            "*" => format!("$JS.ACK.{stream}.>"),
            _ => format!("$JS.ACK.{stream}.{consumer}.>"),
        };
        list.may_publish(why, [acknowledge]);
    }

    /// It is removed.
    pub(super) fn ends(&self, list: &mut List) {
        let (stream, consumer) = (self.stream, self.consumer);
        let what = api(&format!("CONSUMER.DELETE.{stream}.{consumer}"));
        list.may_publish(self.why, [what]);
    }
}

/// A bucket that is opened, read, listed and watched; and written.
pub(super) fn bucket(list: &mut List, bucket: &str, name: &str, access: Access) {
    let read = format!("to open and read the bucket {name}");
    list.may_publish(&read, opened(bucket));
    if access >= Access::Writes {
        let make = format!("to make the bucket {name} if it is missing");
        list.may_publish(&make, [made(bucket)]);
        let write = format!("to write to the bucket {name}");
        list.may_publish(&write, [format!("$KV.{bucket}.>")]);
    }
    if access == Access::Removes {
        let remove = format!("to remove the bucket {name}");
        list.may_publish(&remove, [api(&format!("STREAM.DELETE.KV_{bucket}"))]);
    }
    listed(
        list,
        bucket,
        &format!("to list and watch the bucket {name}"),
    );
    let flow = format!("to get more of the bucket {name} than 1 MiB at a time");
    list.may_publish(&flow, [format!("$JS.FC.KV_{bucket}.>")]);
}

/// Found, and asked for a key.
pub(super) fn opened(bucket: &str) -> [String; 2] {
    ["INFO", "MSG.GET"].map(|what| api(&format!("STREAM.{what}.KV_{bucket}")))
}

pub(super) fn made(bucket: &str) -> String {
    api(&format!("STREAM.CREATE.KV_{bucket}"))
}

/// All keys, or what happens to them.
pub(super) fn listed(list: &mut List, bucket: &str, why: &str) {
    let consumer = ["CREATE", "DELETE"];
    let subjects = consumer.map(|what| api(&format!("CONSUMER.{what}.KV_{bucket}.*")));
    list.may_publish(why, subjects);
}
