//! An audit from begin to end: what is held against the portal, the calls, what came of it, and what is switched off for it.
//!
//! All calls are paid from the revalidation reserve, and each is counted into the day's allowance when it is reserved.

use std::sync::Arc;

use http::StatusCode;
use http_body_util::BodyExt;

use super::doubt::Doubt;
use super::finding::{Finding, Switch};
use super::inquiry::{Ask, Conclusion, Inquiry, Step, Told};
use super::report::{Audited, Outcome, Subject};
use super::spelling::Spelling;
use super::{Audit, PAUSE, REMEMBERED};
use crate::budget::{Purpose, Refusals, Wish};
use crate::cache::disk::{About, Mode, Which};
use crate::cache::inspection::Inspection;
use crate::cache::lookup::Lookup;
use crate::cache::stored_response::StoredResponse;
use crate::exchange::{Mirror, fetch};
use crate::origin::{self, Answer, Call, Coding};
use crate::portal::versions::Standing;
use crate::portal::{Portal, look};
use crate::request::query::Rule;
use crate::request::question::Question;

/// Samples that are looked at for one that can be audited: most have something stored, or had.
const TRIED: usize = 8;

/// Bytes of an answer, as received. What is larger is not fetched twice to be compared.
const ANSWER_LIMIT: u64 = 8 << 20;

/// Why an answer could not be had for comparison.
#[derive(Debug, thiserror::Error)]
enum Unasked {
    #[error("the calls for audits are spent")]
    Spent,
    #[error("no call may leave: {0}")]
    Refused(#[from] Refusals),
    #[error("the call failed: {0}")]
    Failed(#[from] origin::Error),
    #[error("the portal answered {0}, which says nothing of the question")]
    Trouble(StatusCode),
    #[error("the answer is longer than {ANSWER_LIMIT} bytes")]
    TooLarge,
    #[error("nothing proves that the answer is whole")]
    Undelimited,
}

/// Asks on behalf of one audit.
struct Asker<'a> {
    mirror: &'a Arc<Mirror>,
    portal: &'a Arc<Portal>,
    /// Calls that it may still make.
    left: u32,
    made: u32,
}

/// Makes one audit of at most `calls` calls, about whatever has its turn.
pub(super) async fn run(mirror: &Arc<Mirror>, portal: &Arc<Portal>, calls: u32) -> Audited {
    let audit = &portal.audit;
    let at = mirror.clock.now();
    let mut asker = Asker { mirror, portal, left: calls, made: 0 };
    let versions_first = audit.state().made % 3 == 2;
    let mut audited = if versions_first { asker.version().await } else { asker.spelling().await };
    if audited.is_none() {
        audited = if versions_first { asker.spelling().await } else { asker.version().await };
    }
    let now = mirror.clock.now();
    let Some(audited) = audited.map(|audited| Audited { at, calls: asker.made, ..audited }) else {
        audit.set_due(now, Some(PAUSE));
        let detail = "nothing is stored and fresh that a client has written otherwise, or whose version is confirmed".to_owned();
        return Audited::nothing(at, portal.name.clone(), detail);
    };
    {
        let mut state = audit.state();
        state.made += 1;
        state.memory.spent.begin(at);
        if state.courses.len() >= REMEMBERED {
            state.courses.pop_front();
        }
        state.courses.push_back(audited.clone());
    }
    audit.set_due(now, None);
    say(&audited);
    audit.remember().await;
    audited
}

impl Asker<'_> {
    /// Holds a client's spelling against what is stored. None if there is none.
    async fn spelling(&mut self) -> Option<Audited> {
        for _ in 0..TRIED {
            let spelling = self.portal.audit.samples().next_spelling()?;
            let Some(sent) = spelling.on_the_wire(&self.portal.url).filter(|_| spelling.still_holds(&self.portal.rules)) else { continue };
            let Some(key) = &spelling.question.key else { continue };
            let Lookup::Fresh { stored, .. } = self.mirror.look_up(self.portal, &spelling.question, key).await else { continue };
            if is_comparable(&stored) {
                return Some(self.inquire(spelling, &sent, &stored).await);
            }
        }
        None
    }

    async fn inquire(&mut self, spelling: Spelling, sent: &str, stored: &StoredResponse) -> Audited {
        self.portal.audit.samples().tested(&spelling.guesses);
        let mut inquiry = Inquiry::new(told(stored), spelling.rules());
        let mut broken = None;
        let conclusion = loop {
            let ask = match inquiry.step() {
                Step::Over(conclusion) => break conclusion,
                Step::Ask(ask) => ask,
            };
            let rules: &[Rule] = match &ask {
                Ask::Raw | Ask::Canonical => &[],
                Ask::Without(rule) => std::slice::from_ref(rule),
                Ask::Plain => Rule::ALL,
            };
            let target = if ask == Ask::Raw { Some(sent.to_owned()) } else { spelling.without(rules, &self.portal.rules) };
            let answer = match target {
                Some(target) => self.ask(&spelling.question, target).await,
                // A query that is too long without the rule: it is never spelled so.
                None => Ok(told(stored)),
            };
            match answer {
                Ok(told) => inquiry.heard(ask, told),
                Err(unasked) => {
                    broken = Some(unasked);
                    break inquiry.broken_off();
                }
            }
        };
        if conclusion == Conclusion::Moved {
            self.let_go(stored).await;
        }
        self.concluded(spelling, sent, conclusion, broken)
    }

    /// What the portal does not answer any more is not served as fresh.
    async fn let_go(&self, stored: &StoredResponse) {
        let About { portal, target, .. } = stored.about();
        self.mirror.store.purge(Which::Url { portal: portal.clone(), target: target.clone() }, Mode::Soft).await;
    }

    fn concluded(&self, spelling: Spelling, sent: &str, conclusion: Conclusion, broken: Option<Unasked>) -> Audited {
        let mut guilty = Vec::new();
        let (result, mut detail) = match &conclusion {
            Conclusion::Same => (Outcome::Same, "the client's spelling and the canonical one are answered alike".to_owned()),
            Conclusion::Moved => (Outcome::Moved, "the canonical spelling is answered otherwise than it was, too".to_owned()),
            Conclusion::Unfinished => (Outcome::Unfinished, "the spellings could not be compared".to_owned()),
            Conclusion::Encoding => {
                let detail = "the client's spelling is answered otherwise, and no rule makes the difference: it is in the percent-encoding, \
                              or in the order of what is not sorted; nothing can be switched off for that";
                (Outcome::Different, detail.to_owned())
            }
            Conclusion::Guilty(rules) => {
                guilty.clone_from(rules);
                (Outcome::Caught, "the client's spelling is answered otherwise than the canonical one".to_owned())
            }
        };
        if let Some(broken) = broken {
            detail = format!("{detail}; the inquiry was broken off: {broken}");
        }
        let canonical = spelling.canonical();
        let endpoint = &spelling.question.endpoint;
        let switches: Vec<Switch> = guilty.iter().map(|rule| Switch::Rule(*rule, endpoint.version(), endpoint.family())).collect();
        for switch in &switches {
            let finding = Finding {
                switch: switch.clone(),
                at: self.mirror.clock.now(),
                canonical: canonical.clone(),
                other: sent.to_owned(),
                why: detail.clone(),
            };
            self.portal.audit.switch_off(self.mirror, self.portal, finding);
        }
        let audited = Audited {
            subject: Some(Subject::Spelling),
            result,
            detail,
            canonical: Some(canonical),
            other: Some(sent.to_owned()),
            tested: spelling.guesses.iter().map(ToString::to_string).collect(),
            switched_off: switches.iter().map(ToString::to_string).collect(),
            ..Audited::nothing(self.mirror.clock.now(), self.portal.name.clone(), String::new())
        };
        if conclusion == Conclusion::Unfinished {
            self.portal.audit.samples().reopen(spelling);
        }
        audited
    }

    /// Asks once more what is stored and confirmed. None if there is nothing.
    async fn version(&mut self) -> Option<Audited> {
        if self.left < 2 {
            return None;
        }
        for _ in 0..TRIED {
            let (dataset, question) = self.portal.audit.samples().next_answer()?;
            let key = question.key.as_ref().expect("only what has a key is noted");
            let Lookup::Fresh { stored, .. } = self.mirror.look_up(self.portal, &question, key).await else {
                self.portal.audit.samples().forget_answer(&dataset);
                continue;
            };
            let standing = self.portal.versions.standing(&stored, self.mirror.clock.read().elapsed);
            let is_confirmed = matches!(standing, Standing::Current { confirmed: true, .. });
            if is_confirmed && is_comparable(&stored) && !self.portal.audit.is_doubted(&dataset) {
                return Some(self.compare(dataset, &question, stored).await);
            }
        }
        None
    }

    async fn compare(&mut self, dataset: String, question: &Question, before: Arc<StoredResponse>) -> Audited {
        let since = self.mirror.clock.read().elapsed;
        let canonical = before.about().target.clone();
        let stored = told(&before);
        let (result, detail) = match self.ask(question, canonical.clone()).await {
            Err(unasked) => (Outcome::Unfinished, format!("the answers could not be compared: {unasked}")),
            Ok(first) if first == stored => (Outcome::Same, "the answer is still the one that is stored".to_owned()),
            Ok(first) => match self.ask(question, canonical.clone()).await {
                Ok(second) if second == first => {
                    // Whatever its version turns out to be, it is not what the portal answers.
                    self.let_go(&before).await;
                    self.portal.audit.doubt(Doubt { dataset: dataset.clone(), before, since });
                    let wait = self.portal.versions.terms().settle_again.as_secs() / 60;
                    (Outcome::Pending, format!("the answer has changed and its version has not; the catalogue has {wait} min to say so"))
                }
                Ok(_) => (Outcome::Different, "the portal answers the same question differently from one call to the next".to_owned()),
                Err(unasked) => (Outcome::Unfinished, format!("the answer has changed, and it could not be asked for again: {unasked}")),
            },
        };
        Audited {
            subject: Some(Subject::Version),
            result,
            detail,
            canonical: Some(canonical),
            tested: vec![Switch::Versions(dataset).to_string()],
            ..Audited::nothing(self.mirror.clock.now(), self.portal.name.clone(), String::new())
        }
    }

    /// Asks `question` in the spelling `target`.
    async fn ask(&mut self, question: &Question, target: String) -> Result<Told, Unasked> {
        let Self { mirror, portal, .. } = *self;
        self.left = self.left.checked_sub(1).ok_or(Unasked::Spent)?;
        let reservation = mirror.budget.reserve(&portal.name, Wish::background(Purpose::Revalidation)).await?;
        self.made += 1;
        portal.audit.state().memory.spent.spend(mirror.clock.now());
        let call = Call { path_and_query: target, ..fetch::call(question) };
        let Answer { status, coding, delimited, mut body, content_length, .. } = portal.client.fetch(call, reservation).await?;
        // What else a portal may say, it says of itself or of who asks.
        if !matches!(status, StatusCode::OK | StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::GONE) {
            return Err(Unasked::Trouble(status));
        }
        if content_length.is_some_and(|length| length > ANSWER_LIMIT) {
            return Err(Unasked::TooLarge);
        }
        if !delimited && coding != Coding::Gzip {
            return Err(Unasked::Undelimited);
        }
        let mut inspection = Inspection::new(&coding, None).map_err(origin::Error::from)?;
        let mut received = 0;
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            received += data.len() as u64;
            if received > ANSWER_LIMIT {
                return Err(Unasked::TooLarge);
            }
            inspection.push(&data).map_err(origin::Error::from)?;
        }
        let inspected = inspection.finish().map_err(origin::Error::from)?;
        Ok(Told { status: status.as_u16(), digest: inspected.digest })
    }
}

fn told(stored: &StoredResponse) -> Told {
    Told { status: stored.status().as_u16(), digest: stored.body().digest() }
}

fn is_comparable(stored: &StoredResponse) -> bool {
    stored.status() == StatusCode::OK && stored.body().received_len() <= ANSWER_LIMIT
}

/// One line in the log for each audit; a finding has its own beside it.
fn say(audited: &Audited) {
    let Audited { portal, subject, result, detail, canonical, other, calls, .. } = audited;
    let (canonical, other) = (canonical.as_deref(), other.as_deref());
    match result {
        Outcome::Different => tracing::warn!(portal, ?subject, ?result, calls, canonical, other, "an audit found a difference: {detail}"),
        _ => tracing::info!(portal, ?subject, ?result, calls, canonical, other, "audited: {detail}"),
    }
}

impl Audit {
    /// Switches off what was found out, and remembers why.
    pub(super) fn switch_off(&self, mirror: &Mirror, portal: &Portal, finding: Finding) {
        let Finding { switch, canonical, other, why, .. } = &finding;
        tracing::warn!(
            portal = portal.name,
            canonical,
            other,
            "{switch} is off from now on: {why}; `preau audit --accept {switch}` switches it on again"
        );
        match switch {
            Switch::Rule(rule, version, family) => {
                portal.rules.switch_off(*rule, *version, *family);
            }
            Switch::Versions(dataset) => {
                portal.versions.rely_on(dataset, false);
                look::keep(mirror, portal);
            }
        }
        let findings = &mut self.state().memory.findings;
        findings.retain(|known| known.switch != finding.switch);
        findings.push(finding);
    }
}
