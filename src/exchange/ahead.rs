//! Refreshing ahead: what is asked for most is asked for anew once its dataset has moved, before its next client has to wait.
//!
//! A stored answer that has answered often is noted, under its dataset; the first request that meets the dataset moved sets off one task that
//! refreshes what was noted, one after the other, at uneven intervals, within the [pace](super::pace) of all refreshes, and paid from the
//! revalidation reserve or not done. Bounded, and nothing is walked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Mirror;
use super::answered::Asker;
use super::fetch::{self, Charged, Occasion};
use crate::cache::fill::Joined;
use crate::cache::key::CacheKey;
use crate::cache::lookup::Lookup;
use crate::cache::stored_response::StoredResponse;
use crate::portal::Portal;
use crate::portal::versions::Standing;
use crate::request::question::Question;

/// The questions that are asked most, by portal and dataset.
#[derive(Debug, Default)]
pub struct Popular(Mutex<HashMap<Subject, Vec<(CacheKey, Question)>>>);

/// Name of a portal, and one of its datasets.
type Subject = (String, String);

/// Questions that are noted of one dataset,
const PER_DATASET: usize = 16;
/// and datasets that any are noted of.
const DATASETS: usize = 512;
/// The longest pause between two refreshes.
const PAUSE: Duration = Duration::from_secs(3);

impl Popular {
    fn note(&self, portal: &Portal, key: &CacheKey, question: &Question) {
        let Some(dataset) = &question.query.dataset else { return };
        let subject = (portal.name.clone(), dataset.clone());
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.len() >= DATASETS && !noted.contains_key(&subject) {
            return;
        }
        let of_dataset = noted.entry(subject).or_default();
        if of_dataset.len() < PER_DATASET && of_dataset.iter().all(|(known, _)| known != key) {
            of_dataset.push((key.clone(), question.clone()));
        }
    }

    fn take(&self, portal: &Portal, dataset: &str) -> Vec<(CacheKey, Question)> {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.remove(&(portal.name.clone(), dataset.to_owned())).unwrap_or_default()
    }
}

impl Mirror {
    /// Counts a hit, and notes what has become popular.
    pub(super) fn note_hit(&self, asker: Asker<'_>, key: &CacheKey, stored: &StoredResponse) {
        // What a key unlocked is its holders' to ask for.
        if stored.becomes_popular() && !stored.is_apart() {
            self.popular.note(asker.portal, key, asker.question);
        }
    }

    /// Something stale was met: if that is because its dataset has moved, has what is asked for most of it refreshed.
    pub(super) fn refresh_ahead(self: &Arc<Self>, asker: Asker<'_>, stale: &StoredResponse) {
        let Some(dataset) = &asker.question.query.dataset else { return };
        if !matches!(asker.portal.versions.standing(stale, self.clock.read().elapsed), Standing::Moved { .. }) {
            return;
        }
        let popular = self.popular.take(asker.portal, dataset);
        if !popular.is_empty() {
            let (mirror, portal) = (Arc::clone(self), Arc::clone(asker.portal));
            self.tasks.spawn(self.stopping.clone().run_until_cancelled_owned(async move {
                for (key, question) in popular {
                    tokio::time::sleep(PAUSE.mul_f32(fastrand::f32())).await;
                    mirror.refresh_one(&portal, question, &key).await;
                }
            }));
        }
    }

    async fn refresh_one(self: &Arc<Self>, portal: &Arc<Portal>, question: Question, key: &CacheKey) {
        // Whoever asked for it meanwhile has refreshed it; or it is no more.
        if !matches!(self.look_up(portal, &question, key).await, Lookup::Stale { .. }) || self.fills.is_under_way(key) {
            return;
        }
        let elapsed = self.clock.read().elapsed;
        if self.failures.of(key, elapsed).is_some() {
            return;
        }
        let Some(turn) = self.refreshes.turn(elapsed) else { return };
        if let Joined { mut waiter, lead: Some(lead) } = self.fills.join(key, None) {
            let fill = fetch::run(Arc::clone(self), Arc::clone(portal), question, lead, Occasion::Ahead(turn), Charged::default());
            self.tasks.spawn(fill);
            // Refused, failed or done: there is nothing to be made of it here.
            let _ = waiter.outcome().await;
        }
    }
}
