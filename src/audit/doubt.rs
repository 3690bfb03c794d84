//! An answer that should not have changed, and has: does the catalogue say so after all, or does its version say nothing?
//!
//! Pure. The catalogue may state a version later than the portal answers with it. So a difference is a doubt first, and the looks that follow
//! decide: a version that still stands when the catalogue has had its time is not relied on any more.

use std::sync::Arc;
use std::time::Duration;

use crate::cache::stored_response::StoredResponse;
use crate::portal::versions::Standing;

/// A doubt of one dataset's version.
#[derive(Clone, Debug)]
pub struct Doubt {
    /// Whose.
    pub dataset: String,
    /// The answer that should have been the portal's still.
    pub before: Arc<StoredResponse>,
    /// When the portal gave another, on the monotonic hand.
    pub since: Duration,
}

/// What is to become of a doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The looks so far do not tell.
    Wait,
    /// The version has moved: it was the catalogue that was slow.
    Stated,
    /// Something else decides about this dataset by now.
    Dropped,
    /// The answer has changed and the version has not.
    Silent,
}

/// Decides. `standing` is that of the answer before, `looked` when the last look was sent, and `wait` the time that the catalogue has.
pub fn decide(standing: Standing, looked: Option<Duration>, since: Duration, wait: Duration) -> Decision {
    let had_its_time = looked.is_some_and(|looked| looked >= since.saturating_add(wait));
    match standing {
        Standing::Moved { .. } => Decision::Stated,
        Standing::NotVersioned | Standing::Withdrawn => Decision::Dropped,
        Standing::Unchecked { .. } => Decision::Wait,
        Standing::Current { confirmed: true, .. } if had_its_time => Decision::Silent,
        Standing::Current { .. } => Decision::Wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_given_up_only_when_the_catalogue_has_had_its_time() {
        const SINCE: Duration = Duration::from_secs(1000);
        const WAIT: Duration = Duration::from_secs(600);
        let current = |confirmed| Standing::Current { ttl: WAIT, limit: WAIT, confirmed };
        let looked = |seconds| Some(Duration::from_secs(seconds));
        for (standing, looked, expected) in [
            (current(true), looked(1600), Decision::Silent),
            (current(true), looked(1599), Decision::Wait),
            (current(true), None, Decision::Wait),
            (current(false), looked(1600), Decision::Wait),
            (Standing::Unchecked { by: WAIT }, looked(1600), Decision::Wait),
            (Standing::Moved { by: WAIT }, looked(1001), Decision::Stated),
            (Standing::NotVersioned, looked(1600), Decision::Dropped),
            (Standing::Withdrawn, looked(1600), Decision::Dropped),
        ] {
            assert_eq!(decide(standing, looked, SINCE, WAIT), expected, "{standing:?} {looked:?}");
        }
    }
}
