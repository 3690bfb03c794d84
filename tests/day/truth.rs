//! What the portal holds, known without spending a call of the account that the day is about: the portal is asked by somebody with a key,
//! whose calls are counted apart, before the day begins and whenever a dataset has changed.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use sha2::{Digest as _, Sha256};

use super::clients::Clients;
use super::plan::Plan;
use super::roof::Roof;

/// Answers that are awaited at once.
const AT_ONCE: usize = 64;

type Digest = [u8; 32];

/// The portal's answers, by question.
pub struct Truth {
    portal: Clients,
    told: HashMap<usize, Vec<Told>>,
}

/// An answer, and since when it is the right one.
struct Told {
    since: Duration,
    digest: Digest,
}

/// How an answer of préau compares with the portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is what the portal says now.
    Current,
    /// It was that until so long ago.
    Behind(Duration),
    /// The portal never said this.
    Wrong,
}

impl Truth {
    /// Knows nothing yet. The portal is asked under the mirror's name, so that its links are those that a client of the mirror gets.
    pub fn of(roof: &Roof) -> Self {
        let fields = [("host", roof.mirror().to_string()), ("authorization", "Apikey valid-witness".to_owned())];
        Self { portal: Clients::of(roof.portal.addr(), &fields), told: HashMap::new() }
    }

    /// Asks these questions, whose answers hold from `since` on.
    pub async fn learn(&mut self, plan: &Plan, questions: impl IntoIterator<Item = usize>, since: Duration) {
        let portal = &self.portal;
        let answers: Vec<(usize, Digest)> = futures_util::stream::iter(questions)
            .map(|question| async move {
                let target = &plan.questions[question].canonical;
                let answer = portal.get(target).await;
                assert_eq!(answer.status, 200, "{target}: {}", String::from_utf8_lossy(&answer.body));
                (question, Sha256::digest(&answer.body).into())
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        for (question, digest) in answers {
            self.told.entry(question).or_default().push(Told { since, digest });
        }
    }

    /// How `body` compares with what the portal answers to `question` at `now`.
    pub fn compare(&self, question: usize, body: &[u8], now: Duration) -> Standing {
        let digest: Digest = Sha256::digest(body).into();
        let told = self.told.get(&question).map_or(&[][..], Vec::as_slice);
        match told.iter().rposition(|told| told.digest == digest) {
            None => Standing::Wrong,
            Some(at) => told.get(at + 1).map_or(Standing::Current, |next| Standing::Behind(now - next.since)),
        }
    }
}
