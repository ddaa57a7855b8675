//! Which instance a call goes to.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::core::Client;
use super::route::Route;
use crate::cluster::candidate;
use crate::model::{Candidate, Chance, InstanceId, Select, choose};
use crate::observe::{self, Seldom};

/// The first calls of a program wait so long at most to learn who is there, and never more than a
/// quarter of their time.
const LEARN: Duration = Duration::from_secs(1);
/// After so many that were gone, any instance is asked.
const MOST_TRIED: usize = 3;

/// What was said about the instance.
#[derive(Debug, Clone, Default)]
pub(super) enum Target {
    /// Any: the server chooses.
    #[default]
    Any,
    /// This one.
    Instance(InstanceId),
    /// One that is chosen for each attempt.
    Chosen(Choice),
}

/// How an instance is chosen, and those that did not answer this call.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    select: Select,
    tried: Vec<String>,
}

impl Choice {
    pub(super) fn new(select: Select) -> Self {
        Self {
            select,
            tried: Vec::new(),
        }
    }

    /// Not this one again, while there are others.
    pub(super) fn avoid(&mut self, instance: &InstanceId) {
        self.tried.push(instance.to_string());
    }

    /// The instance to ask next; none if nobody is left who could be chosen.
    pub(super) async fn next(
        &self,
        client: &Client,
        route: &Route,
        until: Instant,
    ) -> Option<InstanceId> {
        if self.tried.len() >= MOST_TRIED {
            return None;
        }
        let now = Instant::now();
        let learn = now + LEARN.min(until.saturating_duration_since(now) / 4);
        let table = match client.directory().ready(learn).await {
            Ok(table) => table,
            Err(error) => {
                static SELDOM: Seldom = Seldom::new();
                if let Some(unsaid) = SELDOM.again() {
                    tracing::warn!(
                        subject = %route.subject, %error, unsaid,
                        "nobody can be chosen without the registry: any instance is asked"
                    );
                }
                return None;
            }
        };
        let available = table.available(&route.service);
        // Other programs may write ids that no subject can have.
        let callable = |id: &String| !self.tried.contains(id) && InstanceId::parse(id).is_ok();
        let candidates: Vec<Candidate<'_>> = available
            .iter()
            .filter(|one| callable(&one.id))
            .map(|one| candidate(one))
            .collect();
        let chance = Chance {
            turn: route.turn.fetch_add(1, Ordering::Relaxed),
            random: observe::random(),
            client: client.shared.number,
        };
        let at = choose(&self.select, &candidates, chance)?;
        InstanceId::parse(candidates[at].id).ok()
    }
}
