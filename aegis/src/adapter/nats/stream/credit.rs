//! How much was asked for and did not come yet: counted here, without the server.
//!
//! A delivery does not tell which request it answers, and a request that got all it wanted ends
//! without a word. So what is outstanding is counted over all requests. Each carries in its reply
//! subject what is to be known of it when it ends; and none lives longer than it asked for, so what
//! is outstanding beyond those that live was lost.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::consumer::Limits;

/// What may be outstanding, so that it fits into the queue of a subscription.
pub(super) const MOST_OUTSTANDING: u64 = 16_384;
/// So many requests of the largest size may be outstanding.
const MOST_REQUESTS: u64 = 32;
/// How long a request waits for messages.
const EXPIRES: Duration = Duration::from_secs(30);
/// The server says so often that it is there.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// So long nothing is heard only if the server has nothing to do with us any more.
pub(super) const QUIET: Duration = Duration::from_millis(12_500);
/// How long the last word on a request may take.
const SLACK: Duration = Duration::from_secs(5);
/// Requests are forgotten together that ended within so long.
const BUCKET: Duration = Duration::from_secs(1);
/// A request that ends so soon, and brought nothing, did not wait; shorter ones end in half their
/// time.
const QUICK: Duration = Duration::from_secs(1);
/// So many of those in a row are no accident.
const MOST_QUICK: u32 = 3;

/// One request for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Request {
    number: u64,
    /// How many it asks for.
    pub(super) batch: u64,
    /// Milliseconds since the beginning.
    sent: u64,
}

impl Request {
    /// The end of its reply subject.
    pub(super) fn token(self) -> String {
        format!("{}-{}-{}", self.number, self.batch, self.sent)
    }

    pub(super) fn parse(token: &str) -> Option<Self> {
        let mut parts = token.split('-').map(|part| part.parse().ok());
        let request = Self {
            number: parts.next()??,
            batch: parts.next()??,
            sent: parts.next()??,
        };
        parts.next().is_none().then_some(request)
    }
}

/// How a request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) expires: Duration,
    pub(super) heartbeat: Duration,
    /// The most messages of one.
    batch: u64,
    /// The most messages of all.
    most: u64,
}

impl Terms {
    pub(super) fn within(limits: Limits) -> Self {
        let batch = limits.batch.unwrap_or(MOST_OUTSTANDING);
        let batch = batch.min(MOST_OUTSTANDING);
        let expires = limits.expires.map_or(EXPIRES, |most| most.min(EXPIRES));
        Self {
            expires,
            // The server wants two of them in a request.
            heartbeat: HEARTBEAT.min(expires / 2),
            batch,
            most: MOST_OUTSTANDING.min(batch * MOST_REQUESTS),
        }
    }
}

/// What follows from a look at the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Nothing is wrong; look again then.
    At(Instant),
    /// The server should have been heard.
    Silent,
}

#[derive(Debug)]
pub(super) struct Credit {
    terms: Terms,
    begun: Instant,
    /// Asked for here, and not of the server yet.
    held: u64,
    /// Asked of the server, and neither delivered nor given back.
    outstanding: u64,
    /// Until when requests may live, and how much they asked for; the oldest first.
    living: VecDeque<(Instant, u64)>,
    /// The sum of those.
    lives: u64,
    next: u64,
    heard: Instant,
    /// Since when something is outstanding.
    waits: Instant,
    /// Requests in a row that did not wait.
    quick: u32,
}

impl Credit {
    pub(super) fn new(terms: Terms, now: Instant) -> Self {
        Self {
            terms,
            begun: now,
            held: 0,
            outstanding: 0,
            living: VecDeque::new(),
            lives: 0,
            next: 0,
            heard: now,
            waits: now,
            quick: 0,
        }
    }

    /// So many more may come.
    pub(super) fn more(&mut self, count: u64) {
        self.held = self.held.saturating_add(count);
    }

    /// A request that is to be sent now. It waits until as much is to be asked for as is
    /// outstanding: so there are few requests, and the server never waits for one.
    pub(super) fn due(&mut self, now: Instant) -> Option<Request> {
        let missing = self
            .held
            .min(self.terms.most.saturating_sub(self.outstanding));
        if missing == 0 || missing < self.outstanding {
            return None;
        }
        let batch = missing.min(self.terms.batch);
        if self.outstanding == 0 {
            self.waits = now;
        }
        self.held -= batch;
        self.outstanding += batch;
        let until = now + self.terms.expires + SLACK;
        match self.living.back_mut() {
            Some((last, sum)) if until < *last + BUCKET => {
                (*last, *sum) = (until, *sum + batch);
            }
            _ => self.living.push_back((until, batch)),
        }
        self.lives += batch;
        self.next += 1;
        Some(Request {
            number: self.next,
            batch,
            sent: self.millis(now),
        })
    }

    /// A request was not sent.
    pub(super) fn unsent(&mut self, request: Request) {
        self.back(request.batch);
    }

    /// Counts a delivery; none if it is more than was asked for.
    pub(super) fn delivered(&mut self, now: Instant) -> Option<()> {
        self.heard = now;
        self.quick = 0;
        if self.outstanding > 0 {
            self.outstanding -= 1;
            if self.outstanding == 0 {
                // They have all they asked for.
                self.forget_living();
            }
        } else {
            // One that was taken for lost.
            self.held = self.held.checked_sub(1)?;
        }
        Some(())
    }

    /// A delivery that was counted is of no use: another one may come for it.
    pub(super) fn useless(&mut self) {
        self.held += 1;
    }

    /// The server is there.
    pub(super) fn hear(&mut self, now: Instant) {
        self.heard = now;
    }

    /// A request ended before it got all it asked for; none if that happens all the time.
    pub(super) fn ended(
        &mut self,
        request: Request,
        pending: Option<u64>,
        now: Instant,
    ) -> Option<()> {
        self.heard = now;
        let rest = pending.unwrap_or(request.batch).min(request.batch);
        self.back(rest);
        let lasted = self.millis(now).saturating_sub(request.sent);
        if Duration::from_millis(lasted) >= QUICK.min(self.terms.expires / 2) {
            self.quick = 0;
        } else if rest == request.batch {
            self.quick += 1;
        }
        (self.quick < MOST_QUICK).then_some(())
    }

    /// Looks at the clock.
    pub(super) fn look(&mut self, now: Instant) -> Look {
        while let Some((until, sum)) = self.living.front().copied()
            && until <= now
        {
            self.living.pop_front();
            self.lives -= sum;
        }
        // Requests that nobody said a word about.
        let lost = self.outstanding.saturating_sub(self.lives);
        self.outstanding -= lost;
        self.held += lost;
        if self.outstanding == 0 {
            return Look::At(now + QUIET);
        }
        let silent = self.heard.max(self.waits) + QUIET;
        if silent <= now {
            return Look::Silent;
        }
        let oldest = self.living.front().map_or(silent, |(until, _)| *until);
        Look::At(silent.min(oldest))
    }

    /// When the server was heard last; it has no reason to speak while nothing is outstanding.
    pub(super) fn heard(&self, now: Instant) -> Instant {
        match self.outstanding {
            0 => now,
            _ => self.heard.max(self.waits),
        }
    }

    /// So much is to be asked for again.
    fn back(&mut self, rest: u64) {
        let rest = rest.min(self.outstanding);
        self.outstanding -= rest;
        self.held += rest;
        if self.outstanding == 0 {
            self.forget_living();
            return;
        }
        // What ends is the oldest, as a rule.
        let mut rest = rest;
        while let Some((until, sum)) = self.living.pop_front() {
            let part = rest.min(sum);
            rest -= part;
            self.lives -= part;
            if part < sum {
                self.living.push_front((until, sum - part));
                return;
            }
        }
    }

    fn forget_living(&mut self) {
        self.living.clear();
        self.lives = 0;
    }

    fn millis(&self, now: Instant) -> u64 {
        u64::try_from((now - self.begun).as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests;
