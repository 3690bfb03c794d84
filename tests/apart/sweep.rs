//! The sweep: every family of endpoints, in every situation, asked by one and then by another. No answer to the one is ever given to the other.
//!
//! The portal writes on each answer whose it is, and the datasets that the questions are about are there for the first asker alone. So an answer that
//! goes astray shows, whatever its status.

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use jiff::Timestamp;
use preau::clock::Clock;
use preau::request::endpoint::Family;
use preau::server::Server;
use preau::simulator::Settings;
use serde_json::json;

use super::askers::{ANSWERED, Asker, NOBODY};
use super::families::{PRIVATE, Target, targets};
use super::http::{self, Answer};
use super::roof::Roof;
use super::situations;

/// A portal and a roof for one situation, what was asked, and what went astray.
pub struct Site {
    pub roof: Roof,
    pub clock: Clock,
    pub targets: Vec<Target>,
    situation: &'static str,
    combinations: u32,
    answers: u32,
    /// How often the situation was met as it was meant: without that, nothing is shown.
    met: BTreeMap<&'static str, u32>,
    astray: Vec<String>,
}

/// What the situation needs.
#[derive(Clone, Copy, Debug)]
pub struct Needs {
    /// How long the portal takes.
    pub delay: Duration,
    /// Largest body that is completed first.
    pub buffer_limit: usize,
    /// Whether clients may force calls.
    pub may_force: bool,
}

impl Default for Needs {
    fn default() -> Self {
        Self { delay: Duration::ZERO, buffer_limit: 256 << 10, may_force: false }
    }
}

impl Site {
    pub async fn build(situation: &'static str, needs: Needs) -> Self {
        let clock = Clock::manual(Timestamp::now());
        let portal = Settings { quota: 1_000_000, delay: needs.delay, clock: clock.clone(), ..Settings::default() };
        let roof = Roof::build(portal, clock.clone(), |config| {
            let many = NonZeroU32::new(1_000_000).expect("not zero");
            config.portals[0].daily_calls = many;
            config.portals[0].may_force = needs.may_force;
            config.cache.refreshes_per_minute = many;
            config.cache.concurrent_refreshes = NonZeroUsize::new(64).expect("not zero");
            config.cache.buffer_limit = NonZeroUsize::new(needs.buffer_limit).expect("not zero");
            config.cache.patience = Duration::from_secs(20);
        })
        .await;
        let targets = targets(&roof).await;
        roof.control("/_simulator/callers?tell=1").await;
        // The count of the anonymous account is known before any key comes: so keys that are known are told from invented ones.
        NOBODY.get(&roof, "/api/explore/v2.1").await;
        Self { roof, clock, targets, situation, combinations: 0, answers: 0, met: BTreeMap::new(), astray: Vec::new() }
    }

    /// From now on the datasets are there for `first` alone, or for everybody if that is nobody in particular. What was known before is gone.
    pub async fn belongs_to(&mut self, first: Asker) {
        for id in PRIVATE {
            self.roof.control(&format!("/_simulator/private?dataset={id}&key={}", first.key.unwrap_or_default())).await;
        }
        self.purge("hard").await;
        // Of an earlier refusal too, and of a dataset that was gone.
        self.pass(70).await;
        for holder in ANSWERED {
            // Each key unlocks something, so that what it is refused from here on is remembered too.
            let unlocked = Target {
                text: "/api/explore/v2.1/catalog/datasets?limit=1".to_owned(),
                family: Family::Catalog,
                private: false,
                refused: false,
            };
            let answer = holder.get(&self.roof, &unlocked.text).await;
            self.look_own(&unlocked, holder, first, &answer);
        }
    }

    /// Time passes.
    pub async fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Purges all.
    pub async fn purge(&self, mode: &str) {
        let document = json!({"all": true, "mode": mode}).to_string();
        let fields = [("content-type", "application/json")];
        let answer = http::send(self.roof.server.admin(), ::http::Method::POST, "/api/v1/purge", &fields, document.into()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// From now on the portal answers nothing but errors, or not any more.
    pub async fn break_portal(&self, broken: bool) {
        if broken {
            self.roof.fault("*", "status", None, json!({"code": 503})).await;
        } else {
            self.roof.forget_faults().await;
        }
    }

    /// Stops the server and starts it on the same data.
    pub async fn restart(self) -> Self {
        let Self { roof: Roof { portal, server, data, config }, clock, .. } = self;
        server.stop().await;
        let server = Server::start(&config, clock.clone()).await.expect("it starts again");
        Self { roof: Roof { portal, server, data, config }, clock, ..self }
    }

    /// A combination begins.
    pub fn begin(&mut self) {
        self.combinations += 1;
    }

    /// Something happened that the situation is about.
    pub fn meet(&mut self, what: &'static str) {
        *self.met.entry(what).or_default() += 1;
    }

    /// The same, if it did.
    pub fn meet_if(&mut self, what: &'static str, happened: bool) {
        if happened {
            self.meet(what);
        }
    }

    /// An answer to `asker`, where the datasets belong to `owner`: it must not be another's, nor be about what this one does not see. Whether that
    /// is so.
    pub fn look(&mut self, target: &Target, asker: Asker, owner: Asker, answer: &Answer) -> bool {
        self.answers += 1;
        let stranger = target.private && owner.key.is_some() && asker != owner;
        let sees = matches!(answer.status.as_u16(), 200 | 206 | 304 | 416);
        let strayed = !asker.may_have(answer) || (stranger && sees);
        if strayed {
            let whose = Asker::of(answer).unwrap_or("nobody's");
            let (name, status) = (asker.name, answer.status.as_u16());
            self.astray.push(format!("{}: {name} got {status}, {whose}: {} ({})", self.situation, target.text, answer.cache_status()));
        }
        if asker != NOBODY && !strayed {
            let control = answer.field("cache-control");
            assert!(["private, no-store", "no-store"].contains(&control), "{}: {answer:?}", target.text);
        }
        !strayed
    }

    /// An answer that must be there, and be the asker's own.
    pub fn look_own(&mut self, target: &Target, asker: Asker, owner: Asker, answer: &Answer) {
        if !self.look(target, asker, owner, answer) {
            return;
        }
        assert!(asker.owns(answer), "{}: {} is not answered: {}: {answer:?}", self.situation, asker.name, target.text);
        let status = answer.status.as_u16();
        let stranger = target.private && owner.key.is_some() && asker != owner;
        let right = if target.refused { matches!(status, 400 | 404) } else { (status == 404) == stranger };
        assert!(right, "{}: {} got {status}: {}", self.situation, asker.name, target.text);
    }

    /// What it came to.
    pub fn report(self) -> Report {
        let Self { situation, combinations, answers, met, astray, .. } = self;
        Report { situation, combinations, answers, met, astray }
    }
}

/// What a situation came to.
#[derive(Debug)]
pub struct Report {
    situation: &'static str,
    combinations: u32,
    answers: u32,
    met: BTreeMap<&'static str, u32>,
    astray: Vec<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_one_asker_gets_is_ever_given_to_another() {
    // Some at a time: each has a portal and a server of its own.
    let (one, other) = tokio::join!(tokio::spawn(situations::of_fills()), tokio::spawn(situations::of_what_is_stored()));
    let reports: Vec<Report> = [one, other].into_iter().flat_map(|reports| reports.expect("it ends")).collect();
    println!("{:<22} {:>12} {:>8} {:>7}  met", "situation", "combinations", "answers", "astray");
    for Report { situation, combinations, answers, met, astray } in &reports {
        let met: Vec<String> = met.iter().map(|(what, times)| format!("{what} {times}")).collect();
        println!("{situation:<22} {combinations:>12} {answers:>8} {:>7}  {}", astray.len(), met.join(", "));
    }
    let sum = |of: fn(&Report) -> u32| reports.iter().map(of).sum::<u32>();
    let astray: Vec<&String> = reports.iter().flat_map(|report| &report.astray).collect();
    println!("{:<22} {:>12} {:>8} {:>7}", "all", sum(|report| report.combinations), sum(|report| report.answers), astray.len());
    for report in &reports {
        assert!(!report.met.is_empty(), "{report:?}");
        for (what, times) in &report.met {
            assert!(*times * 2 >= report.combinations, "{}: {what} only {times} times", report.situation);
        }
    }
    assert!(astray.is_empty(), "{} answers went astray, such as {:#?}", astray.len(), &astray[..astray.len().min(20)]);
}
