//! Why an exchange ends without an answer of the portal, and what the client is told: the only place that knows both our errors and
//! HTTP's status codes.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{Response, StatusCode};
use jiff::Timestamp;

use crate::budget::{Refused, Shutter, Why};
use crate::origin;
use crate::request::question::Fault;
use crate::response::problem::Problem;

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
    /// A key of ours that is nobody's.
    #[error("this key is not known here")]
    UnknownKey,
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
    /// A stable token for `Cache-Status` and logs.
    pub fn token(&self) -> &'static str {
        match self {
            Self::Question(fault) => question_token(fault),
            Self::Host => "bad-host",
            Self::ForeignTarget => "foreign-target",
            Self::UnknownKey => "unknown-key",
            Self::PageMethod => "method",
            Self::TargetTooLong { .. } => "target-too-long",
            Self::ContentTooLarge { .. } => "content-too-large",
            Self::ContentBroken => "content-broken",
            Self::ContentTooSlow { .. } => "content-too-slow",
            Self::NeedsChunks => "needs-chunks",
            Self::OnlyIfCached => "only-if-cached",
            Self::Refused(refused) => refused.reason(),
            Self::Origin(error) => origin_token(error),
            Self::Lost => "lost",
        }
    }

    /// What the client is told.
    fn problem(&self, now: Timestamp) -> Problem {
        let say = |status, title, code| Problem::new(status, title, code, self.to_string());
        let bad = |title, code| say(StatusCode::BAD_REQUEST, title, code);
        match self {
            Self::Question(fault) => match fault {
                Fault::Path(_) => bad("Malformed path", "MalformedPath"),
                Fault::Query(_) => bad("Malformed query", "InvalidRESTParameterError"),
                Fault::Form => bad("Malformed form", "InvalidRESTParameterError"),
                Fault::Credential(_) => bad("Contradicting credentials", "ContradictingCredentials"),
                Fault::UnknownUri => say(StatusCode::NOT_FOUND, "Not found", "NotFoundURI"),
                Fault::Method { allow } => say(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed", "MethodNotAllowed").allow(allow),
            },
            Self::PageMethod => say(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed", "MethodNotAllowed").allow("GET, HEAD"),
            Self::Host => bad("Bad Host field", "BadHost"),
            Self::ForeignTarget => bad("Foreign target", "ForeignTarget"),
            Self::UnknownKey => {
                say(StatusCode::UNAUTHORIZED, "Unknown key", "UnknownKey").authenticate("Basic realm=\"preau\", charset=\"UTF-8\"")
            }
            Self::TargetTooLong { .. } => say(StatusCode::URI_TOO_LONG, "Target too long", "URITooLong"),
            Self::ContentTooLarge { .. } => say(StatusCode::PAYLOAD_TOO_LARGE, "Content too large", "ContentTooLarge"),
            Self::ContentBroken => bad("Broken content", "ContentBroken"),
            Self::ContentTooSlow { .. } => say(StatusCode::REQUEST_TIMEOUT, "Content too slow", "RequestTimeout"),
            Self::NeedsChunks => say(StatusCode::HTTP_VERSION_NOT_SUPPORTED, "HTTP/1.1 needed", "HTTPVersionNotSupported"),
            Self::OnlyIfCached => say(StatusCode::GATEWAY_TIMEOUT, "Not stored", "OnlyIfCached"),
            Self::Refused(refused) => refusal(refused, now),
            Self::Origin(error) => {
                let (status, title) = if matches!(**error, origin::Error::TimedOut { .. }) {
                    (StatusCode::GATEWAY_TIMEOUT, "The portal took too long")
                } else {
                    (StatusCode::BAD_GATEWAY, "The portal could not be asked")
                };
                Problem::new(status, title, "PortalUnavailable", self.to_string())
            }
            Self::Lost => say(StatusCode::BAD_GATEWAY, "The answer was lost", "PortalUnavailable"),
        }
    }

    /// The answer. `cost` is 1 if a call left for this request all the same.
    pub fn into_response(self, now: Timestamp, cost: u8) -> Response<Body> {
        self.problem(now).into_response(self.token(), cost)
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

fn refusal(refused: &Refused, now: Timestamp) -> Problem {
    let wait = Duration::try_from(refused.until.duration_since(now)).unwrap_or_default();
    let (title, errorcode) = match refused.why {
        Why::Exhausted | Why::ReserveSpent => ("The day's calls are spent", ANONYMOUS_LIMIT),
        Why::Closed(Shutter::Domain) => ("The portal's own quota is spent", DOMAIN_LIMIT),
        Why::Closed(Shutter::Anonymous) => ("The portal says that the day's calls are spent", ANONYMOUS_LIMIT),
        Why::BackingOff => ("The portal asked to slow down", ANONYMOUS_LIMIT),
        _ => {
            return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "No call can leave now", "NoCall", refused.to_string())
                .retry_after(wait.clamp(Duration::from_secs(1), Duration::from_secs(60)));
        }
    };
    let detail = format!("{refused}. Questions that were asked before are still answered. Calls may leave again at {}.", refused.until);
    Problem::quota(title, detail, errorcode, refused.until, refused.limit).retry_after(wait)
}

/// The portal's number for the quota of anonymous users (docs/portal.md#quota).
const ANONYMOUS_LIMIT: i64 = 10005;
/// The portal's number for the quota of the whole domain.
const DOMAIN_LIMIT: i64 = 10002;
