//! Everything that one running portal keeps: its datasets, its clock, its counters, the faults in force and the requests it saw.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Settings;
use super::catalogue::Catalogue;
use super::fault::Faults;
use super::quota::Quota;
use super::wire::Request;
use crate::clock::Clock;

/// Requests that can be looked at afterwards.
const REMEMBERED: usize = 500;

/// A portal.
#[derive(Debug)]
pub struct Portal {
    /// What it was started with.
    pub settings: Settings,
    /// Its datasets.
    pub catalogue: Catalogue,
    /// Until when nobody is to listen on the port, if somebody ever said so.
    pub deaf_until: watch::Sender<Option<Instant>>,
    clock: Clock,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// How far the portal's clock is ahead of the real one.
    ahead: SignedDuration,
    received: u64,
    by_family: BTreeMap<&'static str, u64>,
    requests: VecDeque<Request>,
    quota: Quota,
    faults: Faults,
}

impl Inner {
    fn new(quota: u64) -> Self {
        Self {
            ahead: SignedDuration::ZERO,
            received: 0,
            by_family: BTreeMap::new(),
            requests: VecDeque::new(),
            quota: Quota::new(quota),
            faults: Faults::default(),
        }
    }
}

impl Portal {
    /// A portal that nobody has asked anything yet.
    pub fn new(settings: Settings) -> Self {
        let inner = Mutex::new(Inner::new(settings.quota));
        let deaf_until = watch::Sender::new(None);
        Self { catalogue: Catalogue::new(settings.seed), settings, deaf_until, clock: Clock::system(), inner }
    }

    /// The portal's time.
    pub fn now(&self) -> Timestamp {
        let ahead = self.inner().ahead;
        self.clock.now().saturating_add(ahead).unwrap_or(Timestamp::MAX)
    }

    /// Sets the portal's clock; it runs on from there.
    pub fn set_clock(&self, now: Timestamp) {
        let ahead = now.duration_since(self.clock.now());
        self.inner().ahead = ahead;
    }

    /// Back to the start: counters, quota, faults, touches, swellings and clock.
    pub fn reset(&self) {
        *self.inner() = Inner::new(self.settings.quota);
        self.catalogue.reset();
    }

    /// Notes a request whose head has been read.
    pub fn received(&self, family: &'static str, request: &Request) {
        let mut inner = self.inner();
        inner.received += 1;
        *inner.by_family.entry(family).or_default() += 1;
        if inner.requests.len() == REMEMBERED {
            inner.requests.pop_front();
        }
        inner.requests.push_back(request.clone());
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

    /// Has the port closed for a while, and with it every connection that waits for a request.
    pub fn stop_listening(&self, time: Duration) {
        self.deaf_until.send_replace(Some(Instant::now() + time));
    }

    /// The counters, as `/_simulator/calls` tells them.
    pub fn calls(&self) -> Json {
        let now = self.now();
        let mut inner = self.inner();
        let used_today = inner.quota.used_today(now);
        json!({
            "received": inner.received,
            "charged": inner.quota.charged(),
            "by_family": inner.by_family,
            "anonymous_used_today": used_today,
            "now": now.to_string(),
        })
    }

    /// The last requests, oldest first.
    pub fn last_requests(&self, number: usize) -> Json {
        let inner = self.inner();
        let skipped = inner.requests.len().saturating_sub(number);
        let shown = inner
            .requests
            .iter()
            .skip(skipped)
            .map(|request| json!({"method": request.method, "target": request.target, "headers": request.fields}));
        Json::Array(shown.collect())
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
