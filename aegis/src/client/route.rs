//! What a client remembers of one method: its subject, its circuit, its figures.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Breaker, BreakerPolicy, BreakerState, Subject};
use crate::observe::{self, Errors};

/// Methods remembered at most; further ones work, but their circuit never opens.
const MOST_ROUTES: usize = 4096;

/// One method of one service.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) service: String,
    pub(super) method: String,
    /// With the prefix, ready for the wire.
    pub(super) subject: Subject,
    /// Counts calls whose instance is chosen.
    pub(super) turn: AtomicU64,
    /// Counts answers: whoever gets none, while others do, tells of one instance and not of all.
    answers: AtomicU64,
    breaker: Mutex<Breaker>,
    /// A call got no answer since the last one that did. While this is false the circuit is
    /// closed and there is nothing to note, so nobody needs the lock.
    troubled: AtomicBool,
    calls: metrics::Counter,
    errors: Errors,
    duration: metrics::Histogram,
    pub(super) retries: metrics::Counter,
}

/// A call that the circuit has let through: how many answers there were when it began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Permit(u64);

impl Route {
    pub(super) fn new(
        (service, method): (&str, &str),
        subject: Subject,
        policy: BreakerPolicy,
    ) -> Self {
        let (of_service, of_method) = observe::told_apart(service, method);
        let labels = [
            ("service", of_service.to_owned()),
            ("method", of_method.to_owned()),
        ];
        Self {
            service: service.to_owned(),
            method: method.to_owned(),
            subject,
            turn: AtomicU64::new(0),
            answers: AtomicU64::new(0),
            breaker: Mutex::new(Breaker::new(policy)),
            troubled: AtomicBool::new(false),
            calls: metrics::counter!(observe::CLIENT_CALLS, &labels),
            errors: Errors::new(observe::CLIENT_ERRORS, &labels),
            retries: metrics::counter!(observe::CLIENT_RETRIES, &labels),
            duration: metrics::histogram!(
                observe::CLIENT_DURATION,
                "rpc_service" => of_service.to_owned(), "rpc_method" => of_method.to_owned()
            ),
        }
    }

    /// Asks the circuit to let a call through.
    pub(super) fn permit(&self) -> Result<Permit> {
        let permit = Permit(self.answers.load(Ordering::Relaxed));
        if !self.troubled.load(Ordering::Acquire) {
            return Ok(permit);
        }
        let permitted = self.breaker(|breaker| breaker.permit(Instant::now()));
        permitted.map(|()| permit).map_err(|remaining| {
            Error::new(
                ErrorKind::CircuitOpen,
                format!(
                    "{} does not answer; calls are refused for another {remaining:?}",
                    self.subject
                ),
            )
        })
    }

    /// Tells the circuit how a call ended that it let through.
    pub(super) fn report(&self, permit: Permit, error: Option<&Error>) {
        match error.map(|error| (error.kind(), error.failure())) {
            Some((ErrorKind::Timeout, None)) if self.is_alive_since(permit) => {}
            Some((ErrorKind::Timeout, None)) => self.breaker(|breaker| {
                breaker.unanswered(Instant::now());
                self.troubled.store(true, Ordering::Release);
            }),
            // An error that nobody answered is our own side's: it tells nothing of the service.
            Some((kind, None)) if kind != ErrorKind::NoService => {}
            _ => {
                self.answers.fetch_add(1, Ordering::Relaxed);
                if self.troubled.load(Ordering::Acquire) {
                    self.breaker(|breaker| {
                        breaker.answered();
                        self.troubled.store(false, Ordering::Release);
                    });
                }
            }
        }
    }

    /// Somebody got an answer since: what one instance that hangs or has crashed leaves unanswered
    /// does not close the way to the others.
    fn is_alive_since(&self, permit: Permit) -> bool {
        self.answers.load(Ordering::Relaxed) != permit.0
    }

    /// Counts a call, with what kind of error it ended in.
    pub(super) fn count(&self, took: Duration, failed: Option<&str>) {
        self.calls.increment(1);
        self.duration.record(took);
        if let Some(kind) = failed {
            self.errors.count(kind);
        }
    }

    /// The state of the circuit.
    pub(super) fn state(&self) -> BreakerState {
        self.breaker(|breaker| breaker.state(Instant::now()))
    }

    fn breaker<T>(&self, f: impl FnOnce(&mut Breaker) -> T) -> T {
        f(&mut self.breaker.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The methods a client has called so far.
#[derive(Debug, Default)]
pub(super) struct Routes(Mutex<HashMap<Subject, Arc<Route>>>);

impl Routes {
    pub(super) fn get(&self, subject: &Subject, make: impl FnOnce() -> Route) -> Arc<Route> {
        let mut routes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(route) = routes.get(subject) {
            return route.clone();
        }
        let route = Arc::new(make());
        if routes.len() < MOST_ROUTES {
            routes.insert(subject.clone(), route.clone());
        }
        route
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Code, Failure};

    fn route() -> Route {
        let policy = BreakerPolicy::default()
            .failures(1)
            .open_for(Duration::from_nanos(1));
        Route::new(("a", "b"), Subject::literal("rpc.a.b"), policy)
    }

    #[test]
    fn only_silence_opens_the_circuit() {
        let silence = Error::new(ErrorKind::Timeout, "");
        let answered = |code| Error::reported(Failure::framework(code, ""));
        for (error, opens) in [
            (silence, true),
            (answered(Code::Timeout), false),
            (answered(Code::Overloaded), false),
            (Error::new(ErrorKind::NoService, ""), false),
            (
                Error::new(ErrorKind::Disconnected, "").after_sending(),
                false,
            ),
        ] {
            let route = route();
            let permit = route.permit().unwrap();
            route.report(permit, Some(&error));
            assert_eq!(route.state() != BreakerState::Closed, opens, "{error:?}");
        }
    }

    #[test]
    fn only_an_answer_closes_it() {
        for (error, closes) in [
            (None, true),
            (
                Some(Error::reported(Failure::framework(Code::Internal, ""))),
                true,
            ),
            (Some(Error::reported(Failure::new("SOLD_OUT", ""))), true),
            (Some(Error::new(ErrorKind::NoService, "")), true),
            (Some(Error::new(ErrorKind::TooLarge, "")), false),
            (Some(Error::new(ErrorKind::Invalid, "")), false),
            (Some(Error::new(ErrorKind::Denied, "")), false),
            (Some(Error::new(ErrorKind::Disconnected, "")), false),
        ] {
            let route = route();
            let permit = route.permit().unwrap();
            route.report(permit, Some(&Error::new(ErrorKind::Timeout, "")));
            route.report(permit, error.as_ref());
            assert_eq!(route.state() == BreakerState::Closed, closes, "{error:?}");
        }
    }

    #[test]
    fn what_one_instance_leaves_unanswered_opens_nothing() {
        let (route, silence) = (route(), Error::new(ErrorKind::Timeout, ""));
        let early: Vec<Permit> = (0..20).map(|_| route.permit().unwrap()).collect();
        // Another instance answers meanwhile.
        route.report(route.permit().unwrap(), None);
        for permit in early {
            route.report(permit, Some(&silence));
        }
        assert_eq!(route.state(), BreakerState::Closed);
        let late = route.permit().unwrap();
        route.report(late, Some(&silence));
        assert_ne!(
            route.state(),
            BreakerState::Closed,
            "nobody answers any more"
        );
    }
}
