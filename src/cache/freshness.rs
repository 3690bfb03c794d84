//! Is a stored response still fresh, and if not, may it be served all the same? (RFC 9111 section 4.2)
//!
//! Pure: the caller says how old the response is, and what the versions say of it. Where they say something, they decide; where they say
//! nothing, a lifetime per endpoint family does.

use std::time::Duration;

use crate::portal::versions::Standing;

/// What a stored response may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// It answers by itself for `ttl` longer.
    Fresh {
        /// What is left of the freshness lifetime.
        ttl: Duration,
    },
    /// A look at the catalogue will tell.
    Unchecked {
        /// Time since it could be said to be fresh.
        by: Duration,
    },
    /// It answers, labelled, while a fill is slow or fails, or when the budget is out (RFC 5861 section 4).
    Stale {
        /// Time since it stopped being fresh.
        by: Duration,
    },
    /// It is of no more use.
    Expired,
}

/// How long a stored response serves: first fresh, then stale. By default not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lifetime {
    /// The freshness lifetime (RFC 9111 section 4.2.1), where no version decides.
    pub fresh: Duration,
    /// The longest that a version can keep it fresh.
    pub unmoved: Duration,
    /// How long after either it may be served stale. Zero: never.
    pub stale: Duration,
}

impl Lifetime {
    /// Time until the response is of no use to anybody: what a store keeps it for.
    pub fn whole(self) -> Duration {
        self.fresh.max(self.unmoved).saturating_add(self.stale)
    }
}

impl Freshness {
    /// Judges a response of `age` by its `lifetime` and its `standing`.
    pub fn of(age: Duration, lifetime: Lifetime, standing: Standing) -> Self {
        let stale = |by: Duration| if by < lifetime.stale { Self::Stale { by } } else { Self::Expired };
        // Section 4.2: response_is_fresh = (freshness_lifetime > current_age), so a lifetime of zero is never fresh.
        let within = |lifetime: Duration, ttl: Duration| {
            if age < lifetime { Self::Fresh { ttl: ttl.min(lifetime - age) } } else { stale(age - lifetime) }
        };
        match standing {
            Standing::NotVersioned => within(lifetime.fresh, Duration::MAX),
            // What is not to be stored has no life at all.
            Standing::Current { ttl, limit, .. } => within(limit.min(lifetime.unmoved), ttl),
            // Beyond that a look could not make it fresh.
            Standing::Unchecked { by } if age < lifetime.unmoved => Self::Unchecked { by },
            Standing::Unchecked { .. } => stale(age - lifetime.unmoved),
            Standing::Moved { by } => stale(by),
            Standing::Withdrawn => Self::Expired,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    const LIFETIME: Lifetime = Lifetime { fresh: s(600), unmoved: s(86_400), stale: s(60) };

    #[test]
    fn each_instant_of_a_life_has_one_judgement() {
        for (age, expected) in [
            (0, Freshness::Fresh { ttl: s(600) }),
            (599, Freshness::Fresh { ttl: s(1) }),
            (600, Freshness::Stale { by: s(0) }),
            (659, Freshness::Stale { by: s(59) }),
            (660, Freshness::Expired),
        ] {
            assert_eq!(Freshness::of(s(age), LIFETIME, Standing::NotVersioned), expected, "age {age}");
        }
    }

    #[test]
    fn nothing_is_fresh_for_no_time_and_stale_for_ever_does_not_overflow() {
        let of = |age, fresh, stale| Freshness::of(age, Lifetime { fresh, stale, ..Lifetime::default() }, Standing::NotVersioned);
        assert_eq!(of(s(0), s(0), s(0)), Freshness::Expired);
        assert_eq!(of(s(9), s(1), Duration::MAX), Freshness::Stale { by: s(8) });
        assert_eq!(Lifetime { fresh: s(1), stale: Duration::MAX, ..LIFETIME }.whole(), Duration::MAX);
    }

    #[test]
    fn a_version_decides_where_there_is_one() {
        let current = |ttl, limit| Standing::Current { ttl: s(ttl), limit: s(limit), confirmed: true };
        for (age, standing, expected) in [
            (5000, current(300, 86_400), Freshness::Fresh { ttl: s(300) }),
            (86_200, current(300, 86_400), Freshness::Fresh { ttl: s(200) }),
            (86_410, current(300, 86_400), Freshness::Stale { by: s(10) }),
            (3610, current(300, 3600), Freshness::Stale { by: s(10) }),
            (5, Standing::Unchecked { by: s(99) }, Freshness::Unchecked { by: s(99) }),
            (86_402, Standing::Unchecked { by: s(99) }, Freshness::Stale { by: s(2) }),
            (86_460, Standing::Unchecked { by: s(99) }, Freshness::Expired),
            (5, Standing::Moved { by: s(3) }, Freshness::Stale { by: s(3) }),
            (5, Standing::Moved { by: s(60) }, Freshness::Expired),
            (5, Standing::Withdrawn, Freshness::Expired),
        ] {
            assert_eq!(Freshness::of(s(age), LIFETIME, standing), expected, "{age} {standing:?}");
        }
    }
}
