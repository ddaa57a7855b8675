//! Who leads, as far as one instance knows.

use std::sync::Arc;

use super::held::Lease;
use crate::model::Moment;

/// What one instance knows of the leadership of its group.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing {
    /// Its own lease, from the winning of the term on.
    pub(crate) lease: Option<Arc<Lease>>,
    /// It takes nothing new, and gives its lease up when what runs has ended.
    pub(crate) drains: bool,
    /// Whose record was seen last.
    pub(crate) holder: Option<Holder>,
}

/// The leader of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) instance: String,
    pub(crate) epoch: u64,
    /// Nobody takes over before this time of our own clock.
    pub(crate) until: Moment,
}

impl Standing {
    /// Takes in whose record was seen; tells whether it is another leader than before. Whoever
    /// leads knows better.
    pub(crate) fn see(&mut self, holder: Holder) -> bool {
        let known = self.holder.as_ref().map(|known| known.epoch);
        if self.lease.is_some() || known.is_some_and(|epoch| epoch > holder.epoch) {
            return false;
        }
        let is_news = known != Some(holder.epoch);
        self.holder = Some(holder);
        is_news
    }
}
