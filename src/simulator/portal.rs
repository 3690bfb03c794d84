//! Everything that one running portal keeps: its datasets, its clock, its counters, the faults and lies in force and the requests it saw.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Settings;
use super::catalogue::Catalogue;
use super::fault::Faults;
use super::lie::Lies;
use super::quota::Quota;
use super::seen::Seen;
use super::wire::Request;

/// A portal.
#[derive(Debug)]
pub struct Portal {
    /// What it was started with.
    pub settings: Settings,
    /// Its datasets.
    pub catalogue: Catalogue,
    /// Until when nobody is to listen on the port, if somebody ever said so.
    pub deaf_until: watch::Sender<Option<Instant>>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    hands: Hands,
    seen: Seen,
    quota: Quota,
    faults: Faults,
    lies: Lies,
    /// Whether answers tell whose they are.
    tells_callers: bool,
}

/// The hands of the portal's clock.
#[derive(Clone, Copy, Debug)]
enum Hands {
    /// So far ahead of the clock that the portal was started with.
    Ahead(SignedDuration),
    /// They stand here.
    Still(Timestamp),
}

impl Hands {
    /// As the portal is started.
    fn new(settings: &Settings) -> Self {
        Self::Ahead(settings.now.map_or(SignedDuration::ZERO, |now| now.duration_since(settings.clock.now())))
    }
}

impl Inner {
    fn new(settings: &Settings) -> Self {
        Self {
            hands: Hands::new(settings),
            seen: Seen::default(),
            quota: Quota::new(settings.quota),
            faults: Faults::default(),
            lies: Lies::default(),
            tells_callers: false,
        }
    }
}

impl Portal {
    /// A portal that nobody has asked anything yet.
    pub fn new(settings: Settings) -> Self {
        let inner = Mutex::new(Inner::new(&settings));
        let deaf_until = watch::Sender::new(None);
        Self { catalogue: Catalogue::new(settings.seed, settings.datasets), settings, deaf_until, inner }
    }

    /// The portal's time.
    pub fn now(&self) -> Timestamp {
        let hands = self.inner().hands;
        match hands {
            Hands::Ahead(ahead) => self.settings.clock.now().saturating_add(ahead).unwrap_or(Timestamp::MAX),
            Hands::Still(now) => now,
        }
    }

    /// Sets the portal's clock. It runs on from there, or stands still.
    pub fn set_clock(&self, now: Timestamp, frozen: bool) {
        let hands = if frozen { Hands::Still(now) } else { Hands::Ahead(now.duration_since(self.settings.clock.now())) };
        self.inner().hands = hands;
    }

    /// Whether the portal's clock stands still.
    pub fn is_frozen(&self) -> bool {
        matches!(self.inner().hands, Hands::Still(_))
    }

    /// Back to the start: counters, quota, faults, lies, clock, and whatever was done to the datasets.
    pub fn reset(&self) {
        let mut inner = self.inner();
        let seen = Seen::after(&inner.seen);
        *inner = Inner { seen, ..Inner::new(&self.settings) };
        drop(inner);
        self.catalogue.reset();
    }

    /// Notes a request whose head has been read, to be followed by [`answered`](Self::answered).
    pub fn received(&self, family: &'static str, request: &Request) {
        let now = self.now();
        self.inner().seen.received(family, request, now);
    }

    /// The portal is done with a request.
    pub fn answered(&self, family: &'static str) {
        self.inner().seen.answered(family);
    }

    /// Runs `count` on the quota.
    pub fn quota<T>(&self, count: impl FnOnce(&mut Quota, Timestamp) -> T) -> T {
        let now = self.now();
        count(&mut self.inner().quota, now)
    }

    /// Runs `change` on the faults.
    pub fn faults<T>(&self, change: impl FnOnce(&mut Faults) -> T) -> T {
        change(&mut self.inner().faults)
    }

    /// Runs `change` on the lies.
    pub fn lies<T>(&self, change: impl FnOnce(&mut Lies) -> T) -> T {
        change(&mut self.inner().lies)
    }

    /// Has every answer tell whose it is, or not.
    pub fn tell_callers(&self, tell: bool) {
        self.inner().tells_callers = tell;
    }

    /// Whether answers tell whose they are.
    pub fn tells_callers(&self) -> bool {
        self.inner().tells_callers
    }

    /// Has the port closed for a while, and with it every connection that waits for a request.
    pub fn stop_listening(&self, time: Duration) {
        self.deaf_until.send_replace(Some(Instant::now() + time));
    }

    /// The counters, as `/_simulator/calls` tells them.
    pub fn calls(&self) -> Json {
        let now = self.now();
        let mut inner = self.inner();
        let mut calls = json!({
            "charged": inner.quota.charged(),
            "anonymous_used_today": inner.quota.used_today(now),
            "now": now.to_string(),
        });
        inner.seen.tell(&mut calls, now);
        calls
    }

    /// The last requests whose target has this text in it, oldest first.
    pub fn last_requests(&self, number: usize, containing: &str) -> Json {
        self.inner().seen.last(number, containing)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
