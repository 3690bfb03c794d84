//! The budget as a whole: with its ledger on disk, its writer and its waiting.

mod accounts;
mod cycle;
mod datasets;
mod gate;
mod learning;
mod midnight;
mod property;
mod survival;
mod teams;

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use tempfile::TempDir;

use super::*;
use crate::team::{Class, TeamId};

/// The two teams that are always there.
fn default_shares() -> Vec<Share> {
    ["default", "browser"].map(|team| Share { team: team.into(), guaranteed: 0, ceiling: None, class: Class::Interactive }).into()
}

const PORTAL: &str = "education";
const NOON: &str = "2026-03-01T12:00:00Z";
const TONIGHT: &str = "2026-03-02 00:00:00+00:00";
const TOMORROW_NIGHT: &str = "2026-03-03 00:00:00+00:00";

/// A budget in a directory of its own, on a clock that stands still.
struct Office {
    dir: TempDir,
    clock: Clock,
    settings: config::Budget,
    daily_calls: u32,
    shares: Vec<Share>,
    accounts: Vec<KeyAccount>,
}

impl Office {
    fn new(daily_calls: u32) -> Self {
        Self::at(NOON, daily_calls)
    }

    fn at(now: &str, daily_calls: u32) -> Self {
        let settings = config::Budget {
            max_concurrent_calls: NonZeroUsize::new(8).unwrap(),
            look_reserve: 0,
            revalidation_reserve: 0,
            looks_per_day: 300,
            audits_per_day: 10,
            release: Duration::from_secs(17 * 3600),
            max_waiting: NonZeroUsize::new(256).unwrap(),
            min_gap: Duration::ZERO,
            misses_per_second: 0,
            misses_burst: NonZeroU32::MIN,
            rate_limit_fields: true,
            contact: None,
            history_days: 0,
            webhook: None,
        };
        Self {
            dir: tempfile::tempdir().unwrap(),
            clock: Clock::manual(now.parse().unwrap()),
            settings,
            daily_calls,
            shares: default_shares(),
            accounts: Vec::new(),
        }
    }

    fn open(&self) -> Budget {
        self.try_open(self.dir.path()).unwrap()
    }

    fn try_open(&self, dir: &Path) -> Result<Budget, OpenError> {
        let portal = PortalBudget {
            name: PORTAL.into(),
            daily_calls: NonZeroU32::new(self.daily_calls).unwrap(),
            shares: self.shares.clone(),
            accounts: self.accounts.clone(),
        };
        Budget::open(dir, &[portal], &self.settings, self.clock.clone())
    }

    /// Opens it, and has a look told that nobody has called yet but us.
    async fn open_learnt(&self) -> Budget {
        let budget = self.open();
        let used = budget.report(PORTAL).accounts[0].used;
        self.learn(&budget, u64::from(self.daily_calls) - used - 1).await;
        budget
    }

    async fn learn(&self, budget: &Budget, remaining: u64) {
        let look = sent(budget, Purpose::Look).await;
        let midnight = self.clock.now().to_string()[..10].parse::<jiff::civil::Date>().unwrap().tomorrow().unwrap();
        drop(look.settle(&answer(200, self.daily_calls, remaining, &format!("{midnight} 00:00:00+00:00"))));
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    fn ledger(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.dir.path().join("ledger.sqlite")).unwrap()
    }
}

impl Budget {
    /// Ends as `kill -9` does: what is not on disk is lost, and the directory is free.
    fn kill(self) {
        self.0.shared.killed.store(true, Ordering::Release);
        self.0.stop().unwrap().join().unwrap();
    }

    /// Reserves a call as a client of the default team would, or for the background.
    async fn ask(&self, credential: Option<&str>, purpose: Purpose) -> Result<Reservation, Refused> {
        let waiting = || vec![TeamId::DEFAULT];
        let wish = if purpose == Purpose::Fill { Wish::of_askers(&waiting) } else { Wish::background(purpose) };
        let refused = |refused: Refusals| refused.first().expect("somebody waits");
        self.reserve(PORTAL, wish.with_credential(credential)).await.map_err(refused)
    }

    fn account(&self, index: usize) -> AccountReport {
        self.report(PORTAL).accounts.swap_remove(index)
    }

    fn used(&self) -> u64 {
        self.account(0).used
    }
}

async fn sent(budget: &Budget, purpose: Purpose) -> Reservation {
    let mut call = budget.ask(None, purpose).await.unwrap();
    call.depart();
    call
}

async fn sent_with(budget: &Budget, key: &str) -> Reservation {
    let mut call = budget.ask(Some(key), Purpose::Fill).await.unwrap();
    call.depart();
    call
}

/// An answer with the portal's figures.
fn answer(status: u16, limit: impl ToString, remaining: impl ToString, reset: &str) -> Seen {
    let rate_limit = RateLimitFields {
        limit: Some(limit.to_string()),
        remaining: Some(remaining.to_string()),
        reset: Some(reset.into()),
        ..RateLimitFields::default()
    };
    Seen { status, rate_limit, ..Seen::default() }
}

/// An answer without figures.
fn bare(status: u16) -> Seen {
    Seen { status, ..Seen::default() }
}

/// A 429 in the portal's own shape.
fn refusal(errorcode: i64, reset_time: Option<&str>) -> Seen {
    let refusal = QuotaRefusal {
        errorcode: Some(errorcode),
        reset_time: reset_time.map(|text| text.parse().unwrap()),
        limit_time_unit: Some("day".into()),
        call_limit: Some(5000),
    };
    Seen { status: 429, refusal: Some(refusal), ..Seen::default() }
}

/// Whether a reservation is not granted, however often it is polled: a grant shows in the count before the future is ready.
async fn waits<T>(budget: &Budget, mut reserving: Pin<&mut impl Future<Output = T>>) -> bool {
    let before = budget.account(0).in_flight;
    for _ in 0..10 {
        if reserving.as_mut().now_or_never().is_some() {
            return false;
        }
        tokio::task::yield_now().await;
    }
    budget.account(0).in_flight == before
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
