//! What stands under an id, read and written.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Shared;
use crate::error::Result;
use crate::kv::value::Entry;
use crate::model::{EffectRecord, EffectState};

impl Shared {
    pub(super) async fn read(&self, id: &str) -> Result<Option<Entry<EffectRecord>>> {
        self.records.entry(id).await
    }

    /// Writes if this is the newest revision; if nothing is there, without one.
    pub(super) async fn write(
        &self,
        id: &str,
        owner: &str,
        state: EffectState,
        revision: Option<u64>,
    ) -> Result<u64> {
        let now = OffsetDateTime::now_utc().replace_nanosecond(0);
        let at = now.ok().and_then(|now| now.format(&Rfc3339).ok());
        let record = EffectRecord {
            state,
            owner: owner.to_owned(),
            instance: self.instance.clone(),
            at: at.unwrap_or_default(),
        };
        match revision {
            None => self.records.create(id, &record).await,
            Some(revision) => self.records.update(id, &record, revision).await,
        }
    }
}
