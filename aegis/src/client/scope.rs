//! What a call made inside a handler inherits from what is being handled.

use std::sync::Arc;

use tokio::time::Instant;

use crate::model::{Headers, TraceContext, header};

/// The remaining time, the trace, and what is handed on as it came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    pub(crate) deadline: Option<Instant>,
    pub(crate) trace: Option<TraceContext>,
    /// What is handled was left out of all traces.
    pub(crate) left_out: bool,
    /// Headers that stand on everything that is sent.
    pub(crate) carried: Option<Arc<Headers>>,
}

/// What is handed on as it came (W3C trace context, W3C baggage).
const CARRIED: [&str; 3] = [header::TRACESTATE, header::BAGGAGE, header::CORRELATION_ID];

tokio::task_local! {
    static CURRENT: Scope;
}

impl Scope {
    /// What headers say that is to be handed on.
    pub(crate) fn carried(headers: &Headers) -> Option<Arc<Headers>> {
        if headers.is_empty() {
            return None;
        }
        let mut carried = Headers::new();
        for name in CARRIED {
            if let Some(value) = headers.get(name) {
                carried.own(name, value.to_owned());
            }
        }
        (!carried.is_empty()).then(|| Arc::new(carried))
    }

    /// The same of what belongs to something in any case: to an event, or to a job.
    pub(crate) fn belonging(headers: &Headers, to: &str) -> Arc<Headers> {
        let carried = Self::carried(headers);
        let mut carried = carried.map_or_else(Headers::new, |carried| (*carried).clone());
        if carried.get(header::CORRELATION_ID).is_none() {
            carried.own_text(header::CORRELATION_ID, to);
        }
        Arc::new(carried)
    }

    /// What everything belongs to that is sent.
    pub(crate) fn correlation_id(&self) -> Option<&str> {
        self.carried.as_ref()?.get(header::CORRELATION_ID)
    }

    /// Sets what is handed on, but for what was set already.
    pub(crate) fn carry(&self, headers: &mut Headers) {
        let carried = self.carried.iter().flat_map(|carried| carried.iter());
        for (name, value) in carried {
            let own = CARRIED.into_iter().find(|own| *own == name);
            if let Some(own) = own.filter(|own| headers.get(own).is_none()) {
                // What cannot travel is made so that it can.
                if headers.set(own, value).is_err() {
                    headers.own_text(own, value);
                }
            }
        }
    }

    /// The scope of the handler that runs in this task, if one does.
    pub(crate) fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }

    /// Whether there is nothing to inherit.
    pub(crate) fn is_empty(&self) -> bool {
        let is_traced = self.trace.is_some() || self.left_out;
        self.deadline.is_none() && !is_traced && self.carried.is_none()
    }

    /// Runs one step of a handler inside this scope.
    pub(crate) fn enter<T>(&self, step: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self.clone(), step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_on_is_what_came_unless_it_was_set() {
        let mut came = Headers::new();
        came.received("TraceState", "a=1");
        came.received("baggage", "desk=7");
        came.received("Tenant", "acme");
        let scope = Scope {
            carried: Scope::carried(&came),
            ..Scope::default()
        };
        let mut sent = Headers::new();
        sent.set("baggage", "desk=8").unwrap();
        scope.carry(&mut sent);
        let sent: Vec<(&str, &str)> = sent.iter().collect();
        assert_eq!(sent, [("baggage", "desk=8"), ("tracestate", "a=1")]);
        assert!(Scope::carried(&Headers::new()).is_none());
    }
}
