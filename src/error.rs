//! Why an exchange ends without an answer of the portal, and what the client is told: the only place that knows both our errors and
//! HTTP's status codes. In which words is in `words`, for a refusal of the budget in [`crate::response::refusal`].

mod words;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{Response, StatusCode};

use crate::budget::{Refused, Shutter, Why};
use crate::exchange::failures::Failed;
use crate::origin;
use crate::request::client::Unrecognised;
use crate::request::question::Fault;
use crate::response::addressee::Addressee;
use crate::response::problem::Problem;
use crate::response::refusal;

/// Everything that can end an exchange.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// What was asked is no question to the portal.
    #[error(transparent)]
    Question(#[from] Fault),
    /// The request does not say whom it is for, or says it twice.
    #[error("exactly one Host field is needed (RFC 9110 section 7.2)")]
    Host,
    /// An absolute target of another server: this is no forward proxy.
    #[error("this server answers for the portal alone; ask for a path, not for another server's address")]
    ForeignTarget,
    /// A key of the portal, where clients may send none.
    #[error("keys of the portal are not taken here; ask without one, or ask the portal itself")]
    ClientKey,
    /// A key that the portal does not know, as it said a moment ago.
    #[error("the portal does not know this key; it said so less than a minute ago")]
    KeyRejected {
        /// When it is asked again.
        wait: Duration,
    },
    /// Nobody knows whose request it is.
    #[error(transparent)]
    Client(#[from] Unrecognised),
    /// A key of ours stands where keys of the portal do, or in the target: sent on, it would be the portal's to know.
    #[error(
        "a key of this server belongs in `X-Preau-Key` or in `Authorization: Basic` and nowhere else; if others can have seen where it was \
         sent, have it replaced"
    )]
    MisplacedKey,
    /// A page that is not mirrored, asked for with a key of ours: clients that follow a redirect may repeat their fields to the new host.
    #[error("this page is the portal's own and is not mirrored; ask for it without a key of this server, at {address}")]
    PageWithKey {
        /// Where it is, without secrets.
        address: String,
    },
    /// A page of the portal, asked for by a method that is meant for the portal alone.
    #[error("this page is the portal's; only GET and HEAD are sent there")]
    PageMethod,
    /// The target is longer than is read.
    #[error("the target has {bytes} bytes; at most {limit} are read")]
    TargetTooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The request's body is longer than is read.
    #[error("the body has more than {limit} bytes")]
    ContentTooLarge {
        /// The limit.
        limit: usize,
    },
    /// The request's body did not arrive whole.
    #[error("the body is malformed or ends too early")]
    ContentBroken,
    /// The request's body is not complete after a time in which any network brings it.
    #[error("the body was not complete after {after:?}")]
    ContentTooSlow {
        /// The time.
        after: Duration,
    },
    /// The answer streams, and the client's protocol cannot tell a whole stream from a broken one.
    #[error("this answer is streamed, which HTTP/1.0 cannot tell from a broken one; ask with HTTP/1.1")]
    NeedsChunks,
    /// The client wants what is stored or nothing (RFC 9111 section 5.2.1.7), and there is nothing that it would take.
    #[error("nothing that is stored answers this, and the request says only-if-cached")]
    OnlyIfCached,
    /// No call may leave.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The call left, or tried to, and brought nothing whole.
    #[error(transparent)]
    Origin(Arc<origin::Error>),
    /// The last call for the question failed, and none is made for a while.
    #[error("{}; no call is made for this question for a while", said(failed))]
    FailedBefore {
        /// How it failed.
        failed: Failed,
        /// Until one may be made.
        wait: Duration,
    },
    /// The client has too many calls made for it.
    #[error(
        "this client asks what nobody has asked before faster than one client may; ask for less at a time, or for more in one question"
    )]
    TooFast {
        /// Until one more may be made.
        wait: Duration,
    },
    /// The task that made the call ended without a word, more than once.
    #[error("the answer was lost")]
    Lost,
}

impl From<origin::Error> for Error {
    fn from(error: origin::Error) -> Self {
        Self::Origin(Arc::new(error))
    }
}

impl Error {
    /// Whether it is that no call may leave, for the budget's sake or the client's own.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::TooFast { .. })
    }

    /// A stable token for `Cache-Status` and logs.
    pub fn token(&self) -> &'static str {
        match self {
            Self::Question(fault) => question_token(fault),
            Self::Host => "bad-host",
            Self::ForeignTarget => "foreign-target",
            Self::ClientKey => "client-key",
            Self::KeyRejected { .. } => "key-rejected",
            Self::Client(fault) => client_token(*fault),
            Self::MisplacedKey => "misplaced-key",
            Self::PageWithKey { .. } => "page-with-key",
            Self::PageMethod => "method",
            Self::TargetTooLong { .. } => "target-too-long",
            Self::ContentTooLarge { .. } => "content-too-large",
            Self::ContentBroken => "content-broken",
            Self::ContentTooSlow { .. } => "content-too-slow",
            Self::NeedsChunks => "needs-chunks",
            Self::OnlyIfCached => "only-if-cached",
            Self::Refused(refused) => refused.reason(),
            Self::Origin(error) => origin_token(error),
            Self::FailedBefore { .. } => "failed-before",
            Self::TooFast { .. } => "too-fast",
            Self::Lost => "lost",
        }
    }

    /// What the client is told.
    fn problem(&self, to: &Addressee<'_>) -> Problem {
        if let Self::Refused(refused) = self {
            return refusal(refused, to);
        }
        let (status, code) = self.status();
        let problem = Problem::new(status, code, words::of(self, to), to);
        match self {
            Self::Question(Fault::Method { allow }) => problem.allow(allow),
            Self::PageMethod => problem.allow("GET, HEAD"),
            // RFC 9110 section 11.6.1 demands a challenge.
            Self::Client(Unrecognised::UnknownKey | Unrecognised::OtherName) => {
                problem.authenticate("Basic realm=\"preau\", charset=\"UTF-8\"")
            }
            Self::KeyRejected { wait } => problem.authenticate("Apikey realm=\"portal\"").retry_after(*wait),
            Self::FailedBefore { wait, .. } | Self::TooFast { wait } => problem.retry_after(*wait),
            _ => problem,
        }
    }

    /// The status, and the portal's word for the kind of error, or ours where it has none.
    fn status(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Question(fault) => match fault {
                Fault::Path(_) => (StatusCode::BAD_REQUEST, "MalformedPath"),
                Fault::Query(_) | Fault::Form => (StatusCode::BAD_REQUEST, "InvalidRESTParameterError"),
                Fault::Credential(_) => (StatusCode::BAD_REQUEST, "ContradictingCredentials"),
                Fault::UnknownUri => (StatusCode::NOT_FOUND, "NotFoundURI"),
                Fault::Method { .. } => (StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
            },
            Self::PageMethod => (StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
            Self::Host => (StatusCode::BAD_REQUEST, "BadHost"),
            Self::ForeignTarget => (StatusCode::BAD_REQUEST, "ForeignTarget"),
            Self::Client(Unrecognised::UnknownKey | Unrecognised::OtherName) => (StatusCode::UNAUTHORIZED, "UnknownKey"),
            Self::Client(Unrecognised::TwoKeys) => (StatusCode::BAD_REQUEST, "ContradictingKeys"),
            Self::Client(Unrecognised::MalformedForwarding | Unrecognised::TwoAddresses) => (StatusCode::BAD_REQUEST, "BadForwarding"),
            Self::MisplacedKey => (StatusCode::BAD_REQUEST, "MisplacedKey"),
            Self::ClientKey => (StatusCode::FORBIDDEN, "ClientKey"),
            Self::KeyRejected { .. } => (StatusCode::UNAUTHORIZED, "Unauthorized"),
            Self::PageWithKey { .. } => (StatusCode::NOT_FOUND, "PageWithKey"),
            Self::TargetTooLong { .. } => (StatusCode::URI_TOO_LONG, "URITooLong"),
            Self::ContentTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "ContentTooLarge"),
            Self::ContentBroken => (StatusCode::BAD_REQUEST, "ContentBroken"),
            Self::ContentTooSlow { .. } => (StatusCode::REQUEST_TIMEOUT, "RequestTimeout"),
            Self::NeedsChunks => (StatusCode::HTTP_VERSION_NOT_SUPPORTED, "HTTPVersionNotSupported"),
            Self::OnlyIfCached => (StatusCode::GATEWAY_TIMEOUT, "OnlyIfCached"),
            Self::Refused(_) => (StatusCode::TOO_MANY_REQUESTS, "TooManyRequests"),
            Self::Origin(error) if matches!(**error, origin::Error::TimedOut { .. }) => (StatusCode::GATEWAY_TIMEOUT, "PortalUnavailable"),
            Self::FailedBefore { failed, .. } => match failed {
                Failed::Call(error) if matches!(**error, origin::Error::TimedOut { .. }) => {
                    (StatusCode::GATEWAY_TIMEOUT, "PortalUnavailable")
                }
                Failed::Answer(status) if status.is_server_error() => (*status, "PortalUnavailable"),
                Failed::Call(_) | Failed::Answer(_) => (StatusCode::BAD_GATEWAY, "PortalUnavailable"),
            },
            Self::TooFast { .. } => (StatusCode::TOO_MANY_REQUESTS, "TooManyRequests"),
            Self::Origin(_) | Self::Lost => (StatusCode::BAD_GATEWAY, "PortalUnavailable"),
        }
    }

    /// The answer. `cost` is 1 if a call left for this request all the same.
    pub fn into_response(self, to: &Addressee<'_>, cost: u8) -> Response<Body> {
        self.problem(to).into_response(self.token(), cost)
    }
}

fn question_token(fault: &Fault) -> &'static str {
    match fault {
        Fault::Path(_) => "malformed-path",
        Fault::Query(_) => "malformed-query",
        Fault::Form => "malformed-form",
        Fault::Credential(_) => "contradicting-credentials",
        Fault::UnknownUri => "unknown-uri",
        Fault::Method { .. } => "method",
    }
}

fn client_token(fault: Unrecognised) -> &'static str {
    match fault {
        Unrecognised::UnknownKey => "unknown-key",
        Unrecognised::OtherName => "other-name",
        Unrecognised::TwoKeys => "contradicting-keys",
        Unrecognised::MalformedForwarding => "malformed-forwarding",
        Unrecognised::TwoAddresses => "contradicting-forwarding",
    }
}

/// How the last call failed, in words.
fn said(failed: &Failed) -> String {
    match failed {
        Failed::Call(error) => error.to_string(),
        Failed::Answer(status) if status.is_server_error() => format!("the portal answered {}", status.as_u16()),
        Failed::Answer(_) => "the portal's answer could not be right".to_owned(),
    }
}

fn origin_token(error: &origin::Error) -> &'static str {
    match error {
        origin::Error::Target => "target",
        origin::Error::Connect(_) => "connect",
        origin::Error::Tls { .. } => "tls",
        origin::Error::TimedOut { .. } => "timed-out",
        origin::Error::Closed(_) => "closed",
        origin::Error::Malformed(_) => "malformed",
        origin::Error::HeadTooLarge(_) => "head-too-large",
        origin::Error::Truncated { .. } => "truncated",
        origin::Error::SwitchedProtocols => "switched-protocols",
        origin::Error::NotModified => "not-modified",
        origin::Error::Coding(_) => "coding",
    }
}

/// A refusal of the budget. Where a number of calls is what refuses, it is a 429 with the portal's members; where this server or the portal is
/// what cannot, a 503.
fn refusal(refused: &Refused, to: &Addressee<'_>) -> Problem {
    let wait = Duration::try_from(refused.until.duration_since(to.now)).unwrap_or_default();
    let errorcode = match refused.why {
        Why::Closed(Shutter::Domain) => DOMAIN_LIMIT,
        Why::Exhausted
        | Why::ReserveSpent
        | Why::Ceiling
        | Why::Guaranteed
        | Why::Pace
        | Why::Dataset
        | Why::Closed(Shutter::Anonymous)
        | Why::BackingOff => ANONYMOUS_LIMIT,
        Why::QueueFull | Why::PortalDown | Why::Learning | Why::LedgerUnwritable | Why::ShuttingDown => {
            let code = if refused.why == Why::PortalDown { "PortalUnavailable" } else { "NoCall" };
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, refusal::words(refused, to), to);
            return problem.with_figures(refused).retry_after(wait);
        }
    };
    // The portal has limits by the month for some datasets (docs/portal.md#quota), and says so only by the time of their end.
    let monthly = refused.why == Why::Dataset && wait > Duration::from_secs(25 * 3600);
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", refusal::words(refused, to), to)
        .with_quota(errorcode, if monthly { "month" } else { "day" }, refused.until, refused.limit)
        .with_figures(refused)
        .retry_after(wait)
}

/// The portal's number for the quota of anonymous users (docs/portal.md#quota).
const ANONYMOUS_LIMIT: i64 = 10005;
/// The portal's number for the quota of the whole domain.
const DOMAIN_LIMIT: i64 = 10002;
