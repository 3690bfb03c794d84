//! The doubts of one portal's versions, and what is to be done about versions after each look.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Audit;
use super::doubt::{Decision, Doubt, decide};
use super::finding::{Finding, Switch};
use crate::exchange::Mirror;
use crate::portal::Portal;

/// Doubts under way. Audits are few.
const DOUBTS: usize = 32;

impl Audit {
    /// Whether a dataset's version is in doubt already.
    pub(super) fn is_doubted(&self, dataset: &str) -> bool {
        self.state().doubts.iter().any(|doubt| doubt.dataset == dataset)
    }

    /// The looks to come will decide about it.
    pub(super) fn doubt(&self, doubt: Doubt) {
        let doubts = &mut self.state().doubts;
        if doubts.len() < DOUBTS {
            doubts.push(doubt);
            self.attentive.store(true, Ordering::Relaxed);
        }
    }

    /// Decides what can be decided, and keeps off what is off: a dataset may be new in the table. Returns whether there is something to remember.
    pub(super) fn attend(&self, mirror: &Mirror, portal: &Portal) -> bool {
        let reading = mirror.clock.read();
        let versions = &portal.versions;
        let (looked, wait) = (versions.table().looked(), versions.terms().settle_again);
        let mut silent = Vec::new();
        let unreliable: Vec<String> = {
            let mut state = self.state();
            state.doubts.retain(|doubt| {
                let decision = decide(versions.standing(&doubt.before, reading.elapsed), looked, doubt.since, wait);
                match decision {
                    Decision::Silent => silent.push(doubt.clone()),
                    Decision::Stated => tracing::info!(
                        portal = portal.name,
                        dataset = doubt.dataset,
                        "the catalogue was late, and says now that it has moved"
                    ),
                    Decision::Dropped | Decision::Wait => {}
                }
                decision == Decision::Wait
            });
            let off = state.memory.findings.iter().filter_map(|finding| match &finding.switch {
                Switch::Versions(dataset) => Some(dataset.clone()),
                Switch::Rule(..) => None,
            });
            let off: Vec<String> = off.collect();
            self.attentive.store(!state.doubts.is_empty() || !off.is_empty() || !silent.is_empty(), Ordering::Relaxed);
            off
        };
        let table = versions.table();
        for dataset in &unreliable {
            if table.dataset(dataset).is_some_and(|known| !known.unreliable) {
                versions.rely_on(dataset, false);
            }
        }
        for Doubt { dataset, before, .. } in &silent {
            let target = before.about().target.clone();
            let version = before.asked().stamp.as_ref().map(|stamp| stamp.data.to_string()).unwrap_or_default();
            let why = format!("its answers have changed, and the catalogue says {version} still, {} min later", wait.as_secs() / 60);
            let finding =
                Finding { switch: Switch::Versions(dataset.clone()), at: reading.now, canonical: target.clone(), other: target, why };
            self.switch_off(mirror, portal, finding);
        }
        !silent.is_empty()
    }
}

/// Sees what is to be done, after a fill, a look and now and then a hit: a doubt may be decided, and the next audit due. Costs next to nothing where neither is so.
pub fn tend(mirror: &Arc<Mirror>, portal: &Arc<Portal>) {
    if portal.audit.attentive.load(Ordering::Relaxed) && portal.audit.attend(mirror, portal) {
        let (portal, tasks) = (Arc::clone(portal), mirror.tasks.clone());
        tasks.spawn(async move { portal.audit.remember().await });
    }
    super::begin_if_due(mirror, portal);
}
