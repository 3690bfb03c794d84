//! A steady load of one simulated second after the other.

use std::time::Duration;

use futures_util::StreamExt as _;

use super::clients::Clients;
use super::http::{self, Answer};
use super::roof::Roof;

/// Requests under way at once.
const AT_ONCE: usize = 32;

/// Asks all of these, some at once; the answers with the places of their targets, as they come.
pub async fn all(clients: &Clients, targets: &[String]) -> Vec<(usize, Answer)> {
    let asked = targets.iter().enumerate().map(|(place, target)| async move { (place, clients.get(target).await) });
    futures_util::stream::iter(asked).buffer_unordered(AT_ONCE).collect().await
}

/// Whether an answer says that it is stale.
pub fn is_labelled(answer: &Answer) -> bool {
    answer.cache_status().contains("; ttl=-")
}

/// The last word of an answer's Cache-Status.
pub fn detail(answer: &Answer) -> String {
    answer.cache_status().rsplit("; detail=").next().unwrap_or_default().to_owned()
}

/// What the simulator has counted of a family of endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    pub received: u64,
    pub most_at_once: u64,
    pub busiest_minute: u64,
}

/// What the simulator has counted of this family.
pub async fn seen(roof: &Roof, family: &str) -> Seen {
    let counted = http::get(roof.portal.addr(), "/_simulator/calls").await.json();
    let of = |by_family: &serde_json::Value| by_family[family].as_u64().unwrap_or(0);
    Seen {
        received: of(&counted["by_family"]),
        most_at_once: of(&counted["most_at_once"]["by_family"]),
        busiest_minute: of(&counted["busiest_minute"]["by_family"]),
    }
}

/// Calls by préau's ledger since it stood at `base`, once they are what the portal has charged: a fill goes on when nobody waits for it any more.
pub async fn calls_of_both(roof: &Roof, base: u64) -> u64 {
    let (mut ledger, mut charged) = (0, None);
    for _ in 0..10_000 {
        ledger = roof.used().await - base;
        charged = http::get(roof.portal.addr(), "/_simulator/calls").await.json()["anonymous_used_today"].as_u64();
        if charged == Some(ledger) {
            return ledger;
        }
    }
    panic!("{ledger} calls by the ledger, {charged:?} by the portal");
}

/// So many seconds.
pub const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
