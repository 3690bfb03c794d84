//! `Cache-Status` (RFC 9211): where an answer came from, in words that scripts can read.

use std::fmt;
use std::time::Duration;

use http::HeaderValue;

use crate::budget::Why;

/// How this cache handled one request. Prints as the field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheStatus {
    /// Answered from store without a call.
    Hit {
        /// What is left of the freshness lifetime.
        ttl: Duration,
    },
    /// Answered from store although the stored response is stale.
    Stale {
        /// Time since it stopped being fresh.
        by: Duration,
        /// What was tried, and why the answer is stale all the same.
        why: WhyStale,
    },
    /// A call was made for this request, or another request's call was shared.
    Forwarded {
        /// Why the store could not answer.
        fwd: Fwd,
        /// The portal's status.
        status: u16,
        /// Whether the answer was stored.
        stored: bool,
        /// Whether the call was another request's.
        collapsed: bool,
        /// Why it was not stored, or anything else an operator should know.
        detail: Option<&'static str>,
    },
    /// Answered here: neither store nor portal was asked, or neither could answer.
    Local {
        /// Why.
        detail: &'static str,
    },
}

/// Why a request was forwarded (RFC 9211 section 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fwd {
    /// This endpoint, credential or answer is not one that is stored.
    Bypass,
    /// The method's answers are not stored.
    Method,
    /// What is stored is fresh, and the request asked for more than that (`Cache-Control`, from a client that may force calls).
    Request,
    /// Nothing is stored under the key.
    UriMiss,
    /// What is stored is stale.
    Stale,
}

impl Fwd {
    /// The token of RFC 9211.
    pub fn token(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::Request => "request",
            Self::UriMiss => "uri-miss",
            Self::Stale => "stale",
        }
    }
}

/// Why a stale response was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyStale {
    /// The fill took longer than the patience of the portal's askers.
    FillSlow,
    /// The call failed, or the portal's answer could not be right.
    FillFailed {
        /// The portal's status, if it gave one.
        status: Option<u16>,
    },
    /// The last call for it failed a moment ago, and none is made for a while.
    FailedBefore,
    /// This client has too many calls made.
    TooFast,
    /// No look at the catalogue has told for too long whether its dataset has moved.
    Unchecked,
    /// As many refreshes are under way, or were begun in this minute, as may be.
    Paced,
    /// No call could be made: the reason of the budget's refusal.
    Refused(Why),
    /// The request welcomes it (`max-stale`): nothing was tried.
    MaxStale,
}

impl CacheStatus {
    /// The outcome in one word, for logs and counts.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Hit { .. } => "hit",
            Self::Stale { .. } => "stale",
            Self::Forwarded { collapsed: true, .. } => "collapsed",
            Self::Forwarded { fwd: Fwd::Bypass | Fwd::Method, .. } => "pass",
            Self::Forwarded { .. } => "miss",
            Self::Local { .. } => "local",
        }
    }

    /// The field's value.
    pub fn to_value(&self) -> HeaderValue {
        HeaderValue::from_str(&self.to_string()).expect("tokens, integers and separators are a valid field value")
    }
}

impl fmt::Display for CacheStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("preau")?;
        match *self {
            Self::Hit { ttl } => write!(f, "; hit; ttl={}", ttl.as_secs()),
            // Section 2.4: a negative ttl says for how long the response has been stale.
            Self::Stale { by, why: WhyStale::FillSlow } => write!(f, "; hit; ttl=-{}; detail=fill-slow", by.as_secs()),
            Self::Stale { by, why: WhyStale::Unchecked } => write!(f, "; hit; ttl=-{}; detail=version-unchecked", by.as_secs()),
            Self::Stale { by, why: WhyStale::FailedBefore } => write!(f, "; hit; ttl=-{}; detail=failed-before", by.as_secs()),
            Self::Stale { by, why: WhyStale::TooFast } => write!(f, "; hit; ttl=-{}; detail=too-fast", by.as_secs()),
            Self::Stale { by, why: WhyStale::Paced } => write!(f, "; hit; ttl=-{}; detail=paced", by.as_secs()),
            Self::Stale { by, why: WhyStale::Refused(why) } => write!(f, "; hit; ttl=-{}; detail={}", by.as_secs(), why.token()),
            Self::Stale { by, why: WhyStale::MaxStale } => write!(f, "; hit; ttl=-{}; detail=max-stale", by.as_secs()),
            Self::Stale { by, why: WhyStale::FillFailed { status } } => {
                f.write_str("; fwd=stale")?;
                if let Some(status) = status {
                    write!(f, "; fwd-status={status}")?;
                }
                write!(f, "; ttl=-{}; detail=fill-failed", by.as_secs())
            }
            Self::Forwarded { fwd, status, stored, collapsed, detail } => {
                write!(f, "; fwd={}; fwd-status={status}", fwd.token())?;
                if stored {
                    f.write_str("; stored")?;
                }
                if collapsed {
                    f.write_str("; collapsed")?;
                }
                match detail {
                    Some(detail) => write!(f, "; detail={detail}"),
                    None => Ok(()),
                }
            }
            Self::Local { detail } => write!(f, "; detail={detail}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_has_its_words() {
        let s = Duration::from_secs;
        for (status, expected) in [
            (CacheStatus::Hit { ttl: s(590) }, "preau; hit; ttl=590"),
            (CacheStatus::Stale { by: s(3), why: WhyStale::FillSlow }, "preau; hit; ttl=-3; detail=fill-slow"),
            (CacheStatus::Stale { by: s(3), why: WhyStale::Unchecked }, "preau; hit; ttl=-3; detail=version-unchecked"),
            (CacheStatus::Stale { by: s(3), why: WhyStale::Paced }, "preau; hit; ttl=-3; detail=paced"),
            (CacheStatus::Stale { by: s(3), why: WhyStale::FailedBefore }, "preau; hit; ttl=-3; detail=failed-before"),
            (CacheStatus::Stale { by: s(3), why: WhyStale::TooFast }, "preau; hit; ttl=-3; detail=too-fast"),
            (CacheStatus::Stale { by: s(3), why: WhyStale::Refused(Why::Exhausted) }, "preau; hit; ttl=-3; detail=exhausted"),
            (
                CacheStatus::Stale { by: s(3), why: WhyStale::FillFailed { status: Some(503) } },
                "preau; fwd=stale; fwd-status=503; ttl=-3; detail=fill-failed",
            ),
            (CacheStatus::Stale { by: s(3), why: WhyStale::MaxStale }, "preau; hit; ttl=-3; detail=max-stale"),
            (CacheStatus::Stale { by: s(3), why: WhyStale::FillFailed { status: None } }, "preau; fwd=stale; ttl=-3; detail=fill-failed"),
            (
                CacheStatus::Forwarded { fwd: Fwd::UriMiss, status: 200, stored: true, collapsed: true, detail: None },
                "preau; fwd=uri-miss; fwd-status=200; stored; collapsed",
            ),
            (
                CacheStatus::Forwarded { fwd: Fwd::Request, status: 200, stored: true, collapsed: false, detail: None },
                "preau; fwd=request; fwd-status=200; stored",
            ),
            (
                CacheStatus::Forwarded { fwd: Fwd::Bypass, status: 401, stored: false, collapsed: false, detail: Some("private") },
                "preau; fwd=bypass; fwd-status=401; detail=private",
            ),
            (CacheStatus::Local { detail: "malformed" }, "preau; detail=malformed"),
        ] {
            assert_eq!(status.to_string(), expected);
            assert_eq!(status.to_value(), expected);
        }
    }
}
