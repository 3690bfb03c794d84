//! The look: one call that reads the catalogue as a whole.
//!
//! For now it serves the budget alone: after a start, on an empty ledger or when the clock cannot be believed, one call goes ahead of all
//! others, and the portal's own figures in its head decide which day it is and how much of it is spent. It is the catalogue that is asked
//! because the versions of all datasets, which come with it, will be the next thing to be learnt from it.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::Portal;
use crate::budget::{Budget, Purpose};
use crate::origin::Call;

/// The catalogue with nothing but what tells a version (docs/portal.md#versions).
const TARGET: &str = "/api/explore/v2.1/catalog/exports/json?select=dataset_id%2Cdata_processed%2Cmetadata_processed";

/// A catalogue of ten thousand datasets is below this; what is longer is not read to its end.
const CATALOGUE_LIMIT: usize = 4 << 20;

/// Makes looks, one at a time.
#[derive(Debug)]
pub struct Look {
    turn: Semaphore,
}

impl Default for Look {
    fn default() -> Self {
        Self { turn: Semaphore::new(1) }
    }
}

/// Looks, if the budget wants it; whoever asks meanwhile waits for the same look. In a task of its own: a client that leaves does not
/// end a call that is charged.
pub async fn look_if_wanted(portal: &Arc<Portal>, budget: &Budget) {
    if !budget.wants_look(&portal.name) {
        return;
    }
    let (portal, budget) = (Arc::clone(portal), budget.clone());
    let looked = tokio::spawn(async move {
        let _turn = portal.look.turn.acquire().await.expect("the semaphore is never closed");
        // Another asker's look may have been made while this one waited for its turn.
        if budget.wants_look(&portal.name) {
            look(&portal, &budget).await;
        }
    });
    if looked.await.is_err() {
        tracing::error!("a look at the catalogue panicked");
    }
}

async fn look(portal: &Portal, budget: &Budget) {
    let reservation = match budget.reserve(&portal.name, None, Purpose::Look).await {
        Ok(reservation) => reservation,
        Err(refused) => {
            tracing::warn!(portal = portal.name, reason = refused.reason(), "no look at the catalogue: {refused}");
            return;
        }
    };
    match portal.client.fetch(Call::get(TARGET), reservation).await {
        Ok(answer) => {
            let status = answer.status.as_u16();
            // Read to its end, so that the connection can be used again.
            let whole = answer.body.complete(CATALOGUE_LIMIT).await.is_ok();
            tracing::info!(portal = portal.name, status, whole, "looked at the catalogue");
        }
        Err(error) => tracing::warn!(portal = portal.name, %error, "the look at the catalogue failed"),
    }
}
