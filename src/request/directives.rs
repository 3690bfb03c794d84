//! The request's `Cache-Control` (RFC 9111 section 5.2.1): what a client asks of a cache, and what that means for what is stored.
//!
//! A call is everybody's money, so the rule is: obeyed as far as it costs no call, and in full for callers that may force one (`may_force`
//! of their portal). Whoever reloads a page says `no-cache` or `max-age=0` without knowing; from a client that may not force, neither these
//! nor `min-fresh` and `no-store` ever cause a call that the same request without them would not. `max-stale` and `only-if-cached` save calls and are
//! obeyed for everybody.
//!
//! Pure. [`Directives::of`] reads, [`Directives::decide`] decides; the exchange does what was decided.

use std::time::Duration;

use http::header::{CACHE_CONTROL, HeaderMap, PRAGMA};

/// What a request asks of a cache. By default nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Directives {
    /// No stored response without asking the portal whether it still holds (section 5.2.1.4).
    pub no_cache: bool,
    /// Nothing of this exchange is to be stored (section 5.2.1.5).
    pub no_store: bool,
    /// No response that is older (section 5.2.1.1).
    pub max_age: Option<Duration>,
    /// Stale responses are welcome (section 5.2.1.2).
    pub max_stale: Option<MaxStale>,
    /// No response that is fresh for less than this (section 5.2.1.3).
    pub min_fresh: Option<Duration>,
    /// A stored response or none: no call (section 5.2.1.7).
    pub only_if_cached: bool,
}

/// How stale a response may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxStale {
    /// By at most this.
    By(Duration),
    /// By any time.
    Any,
}

/// What there is for a question, as far as a directive can tell one thing from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// It answers by itself.
    Fresh {
        /// How old it is (section 4.2.3).
        age: Duration,
        /// What is left of its freshness.
        ttl: Duration,
    },
    /// It was fresh when the portal's catalogue was last looked at, which is too long ago: a look decides.
    Unchecked {
        /// How old it is (section 4.2.3).
        age: Duration,
        /// Time since the last look ceased to vouch for it.
        by: Duration,
    },
    /// It answers only with a label.
    Stale {
        /// How old it is (section 4.2.3).
        age: Duration,
        /// Time since it stopped being fresh.
        by: Duration,
    },
    /// Nothing of use; also of what is never stored.
    Nothing,
}

/// What a request's directives make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// What becomes of a request without directives: what is fresh is served, what is unchecked waits for the look and is decided upon again,
    /// what is stale is renewed, what is missing is filled.
    Ordinary,
    /// What is stored is served, labelled `max-stale`, without a call and without a look.
    ServeStale,
    /// A call is made, or the one under way joined, and waited for, whatever is stored. It is neither paced nor cut short by the
    /// portal's patience.
    Forward,
    /// The call is this client's alone: neither joined by others nor stored.
    PassUnstored,
    /// 504, without a call: the client wants what is stored, and there is nothing that its other directives let pass.
    GatewayTimeout,
}

impl Directives {
    /// Reads the directives of a request. One that is unknown or malformed is as if it were absent (section 5.2.3); of one that is repeated
    /// the strictest counts. `Pragma: no-cache` is read where there is no `Cache-Control` at all (section 5.4, and RFC 7234 section 5.4).
    pub fn of(fields: &HeaderMap) -> Self {
        let mut directives = Self::default();
        if fields.contains_key(CACHE_CONTROL) {
            for (name, argument) in fields.get_all(CACHE_CONTROL).iter().flat_map(|line| elements(line.as_bytes())) {
                directives.add(name, argument);
            }
        } else if fields.contains_key(PRAGMA) {
            let mut pragmas = fields.get_all(PRAGMA).iter().flat_map(|line| elements(line.as_bytes()));
            directives.no_cache = pragmas.any(|(name, _)| name.eq_ignore_ascii_case(b"no-cache"));
        }
        directives
    }

    fn add(&mut self, name: &[u8], argument: Option<&[u8]>) {
        let named = |directive: &str| name.eq_ignore_ascii_case(directive.as_bytes());
        let seconds = argument.and_then(delta_seconds);
        if named("no-cache") {
            self.no_cache = true;
        } else if named("no-store") {
            self.no_store = true;
        } else if named("only-if-cached") {
            self.only_if_cached = true;
        } else if named("max-age") {
            self.max_age = self.max_age.into_iter().chain(seconds).min();
        } else if named("min-fresh") {
            self.min_fresh = self.min_fresh.into_iter().chain(seconds).max();
        } else if named("max-stale") {
            // A number that cannot be read is not leave for any staleness.
            let stated = if argument.is_none() { Some(MaxStale::Any) } else { seconds.map(MaxStale::By) };
            self.max_stale = self.max_stale.into_iter().chain(stated).min_by_key(MaxStale::most);
        }
    }

    /// Decides upon a request for which the store has `held`, from a client that may force calls or may not. To be asked again when a look
    /// has settled what was unchecked.
    pub fn decide(&self, may_force: bool, held: Held) -> Decision {
        // The best that a call could be obeyed with; to callers that may not force, nothing of it applies.
        let call = match (may_force, self.no_store) {
            (false, _) => Decision::Ordinary,
            (true, false) => Decision::Forward,
            (true, true) => Decision::PassUnstored,
        };
        // Where no call is to be made, every wish can be obeyed for nothing.
        let otherwise = |decision| if self.only_if_cached { Decision::GatewayTimeout } else { decision };
        match held {
            // Section 5.2.1.5: `no-store` says nothing of a response that is stored already.
            Held::Fresh { age, ttl } if self.accepts(age) && self.min_fresh.is_none_or(|least| ttl >= least) => Decision::Ordinary,
            Held::Fresh { .. } => otherwise(call),
            Held::Unchecked { age, by } | Held::Stale { age, by } if self.accepts_stale(age, by) => Decision::ServeStale,
            // A look may find it fresh, but not younger.
            Held::Unchecked { age, .. } => otherwise(if self.accepts(age) { Decision::Ordinary } else { call }),
            // Section 5.2.1.1: who states an age wants nothing stale, and the ordinary way falls back on it soon.
            Held::Stale { .. } if self.no_cache || self.max_age.is_some() || self.min_fresh.is_some() => otherwise(call),
            Held::Stale { .. } | Held::Nothing => otherwise(if self.no_store { call } else { Decision::Ordinary }),
        }
    }

    /// Whether a response of this age may be used, if it is otherwise fit.
    fn accepts(&self, age: Duration) -> bool {
        !self.no_cache && self.max_age.is_none_or(|most| age <= most)
    }

    /// Whether a stale response may be used as if it were fresh. Of contradicting wishes the narrower counts.
    fn accepts_stale(&self, age: Duration, by: Duration) -> bool {
        self.max_stale.is_some_and(|most| by <= most.most()) && self.min_fresh.is_none() && self.accepts(age)
    }
}

impl MaxStale {
    fn most(&self) -> Duration {
        match self {
            Self::By(most) => *most,
            Self::Any => Duration::MAX,
        }
    }
}

/// The elements of a list of directives, by name and argument. A comma within a quoted string separates nothing (RFC 9110 section 5.6.4); a
/// string that is not closed takes the rest of the line with it.
fn elements(line: &[u8]) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    let (mut quoted, mut escaped) = (false, false);
    line.split(move |&byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return true,
            _ => {}
        }
        false
    })
    .map(|element| {
        let element = element.trim_ascii();
        match element.iter().position(|&byte| byte == b'=') {
            Some(at) => (&element[..at], Some(&element[at + 1..])),
            None => (element, None),
        }
    })
}

/// Section 1.2.2: a number too large is 2^31 seconds, or the greatest that is convenient.
const LONGEST: u64 = 1 << 31;

/// Digits, in quotation marks or not (section 5.2): nothing else is a number of seconds, nor is a digit with a backslash, which nobody has reason
/// to write.
fn delta_seconds(argument: &[u8]) -> Option<Duration> {
    let digits = match argument {
        [b'"', quoted @ .., b'"'] => quoted,
        token => token,
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let seconds = digits.iter().fold(0u64, |seconds, digit| seconds.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
    Some(Duration::from_secs(seconds.min(LONGEST)))
}

#[cfg(test)]
mod tests;
