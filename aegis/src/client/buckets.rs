//! The buckets of a client.

use tokio::time::Instant;

use super::core::Client;
use crate::error::Result;
use crate::kv::OpenBucket;

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
        let settings = &self.shared.settings;
        OpenBucket::new(
            self.shared.store.clone(),
            settings.layout.bucket(name),
            settings.codec,
            settings.timeout,
        )
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
