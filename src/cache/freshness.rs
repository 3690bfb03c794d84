//! Is a stored response still fresh, and if not, may it be served all the same? (RFC 9111 section 4.2)
//!
//! Pure: the caller says how old the response is. Freshness is a lifetime per endpoint family; the dataset's version will decide before
//! the lifetime does, and has its place in [`Freshness::of`].

use std::time::Duration;

/// What a stored response may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// It answers by itself for `ttl` longer.
    Fresh {
        /// What is left of the freshness lifetime.
        ttl: Duration,
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
    /// The freshness lifetime (RFC 9111 section 4.2.1).
    pub fresh: Duration,
    /// How long after that it may be served stale. Zero: never.
    pub stale: Duration,
}

impl Lifetime {
    /// Time until the response is of no use to anybody: what a store keeps it for.
    pub fn whole(self) -> Duration {
        self.fresh.saturating_add(self.stale)
    }
}

impl Freshness {
    /// Judges a response of `age` by its `lifetime`.
    pub fn of(age: Duration, lifetime: Lifetime) -> Self {
        // Section 4.2: response_is_fresh = (freshness_lifetime > current_age), so a lifetime of zero is never fresh.
        if age < lifetime.fresh {
            Self::Fresh { ttl: lifetime.fresh - age }
        } else if age < lifetime.whole() {
            Self::Stale { by: age - lifetime.fresh }
        } else {
            Self::Expired
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn each_instant_of_a_life_has_one_judgement() {
        let lifetime = Lifetime { fresh: s(600), stale: s(60) };
        for (age, expected) in [
            (0, Freshness::Fresh { ttl: s(600) }),
            (599, Freshness::Fresh { ttl: s(1) }),
            (600, Freshness::Stale { by: s(0) }),
            (659, Freshness::Stale { by: s(59) }),
            (660, Freshness::Expired),
        ] {
            assert_eq!(Freshness::of(s(age), lifetime), expected, "age {age}");
        }
    }

    #[test]
    fn nothing_is_fresh_for_no_time_and_stale_for_ever_does_not_overflow() {
        assert_eq!(Freshness::of(s(0), Lifetime { fresh: s(0), stale: s(0) }), Freshness::Expired);
        assert_eq!(Freshness::of(s(9), Lifetime { fresh: s(1), stale: Duration::MAX }), Freshness::Stale { by: s(8) });
    }
}
