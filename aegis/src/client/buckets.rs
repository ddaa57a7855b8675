//! The buckets of a client, and what is built on them.

use tokio::time::Instant;

use super::core::Client;
use crate::error::Result;
use crate::kv::{OpenBucket, OpenCheckpoint, OpenInbox};
use crate::model::Codec;

impl Client {
    /// A key-value bucket, to be opened. A client with a prefix puts it before the name, so that
    /// environments do not share buckets: with `eu.staging` the bucket `users` is
    /// `eu_staging_users` on the server.
    ///
    /// ```
    /// # async fn example(client: aegis::Client) -> aegis::Result<()> {
    /// let names: aegis::Bucket<String> = client.bucket("names").open().await?;
    /// let revision = names.put("user:123", &"Ann".to_owned()).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn bucket(&self, name: &str) -> OpenBucket {
        self.open_bucket(name, self.shared.settings.codec)
    }

    pub(super) fn open_bucket(&self, name: &str, codec: Codec) -> OpenBucket {
        let settings = &self.shared.settings;
        let name = settings.layout.bucket(name);
        let store = self.shared.store.clone();
        OpenBucket::new(store, name, codec, settings.timeout).replicas_if_new(settings.replicas)
    }

    /// An inbox, to be opened: it makes effects happen once for an id. Its bucket is
    /// `inbox_{name}`, with the prefix of the client as in [`bucket`](Self::bucket); its records are
    /// JSON.
    ///
    /// ```
    /// # async fn example(client: aegis::Client) -> aegis::Result<()> {
    /// let inbox = client.inbox("billing").open().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn inbox(&self, name: &str) -> OpenInbox {
        let bucket = self.open_bucket(&format!("inbox_{name}"), Codec::Json);
        OpenInbox::new(bucket, &self.shared.settings.source)
    }

    /// A checkpoint, to be opened: state of a leader, with the position up to which it stands. Its
    /// bucket is `checkpoint_{name}`, with the prefix of the client as in [`bucket`](Self::bucket);
    /// `record` is its key there, any text.
    ///
    /// ```
    /// # async fn example(client: aegis::Client) -> aegis::Result<()> {
    /// let total: aegis::Checkpoint<u64> = client.checkpoint("ledger", "main").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn checkpoint<T>(&self, name: &str, record: &str) -> OpenCheckpoint<T> {
        OpenCheckpoint::new(self.bucket(&format!("checkpoint_{name}")), record)
    }

    /// The names of all buckets, sorted; with a prefix those that have it, without it.
    pub async fn buckets(&self) -> Result<Vec<String>> {
        let settings = &self.shared.settings;
        let deadline = Instant::now() + settings.timeout;
        let names = self.shared.store.buckets(deadline).await?;
        let prefix = settings.layout.bucket("");
        let own = names.iter().filter_map(|name| name.strip_prefix(&prefix));
        Ok(own.map(str::to_owned).collect())
    }
}
