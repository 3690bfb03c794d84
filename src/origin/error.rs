//! Why there is no answer, or not a whole one, in this room's words. No text here holds a URL, a field's value or a credential.

use std::error::Error as StdError;
use std::time::Duration;

use super::content_coding;
use super::proxy::ProxyFault;
use super::trust::TrustFault;

/// A call that brought no whole answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The target is not what would be sent: a fault of ours, met before any connection.
    #[error("the target of the call is not in its canonical form")]
    Target,
    /// There is no connection to the portal, or to the proxy on the way to it.
    #[error("no connection to the portal")]
    Connect(#[source] reqwest::Error),
    /// The portal (or a proxy that speaks TLS) is not who it should be, or TLS cannot be agreed on.
    #[error("no trusted connection to the portal: {fault}")]
    Tls {
        /// What is wrong.
        fault: rustls::Error,
        /// Where it was met.
        source: reqwest::Error,
    },
    /// Too long a wait.
    #[error("the portal's {phase} took more than {after:?}")]
    TimedOut {
        /// For what.
        phase: Phase,
        /// How long.
        after: Duration,
    },
    /// The connection ended before the head of the answer.
    #[error("the portal closed the connection without an answer")]
    Closed(#[source] reqwest::Error),
    /// The head of the answer is not HTTP/1.1.
    #[error("the head of the portal's answer is malformed")]
    Malformed(#[source] reqwest::Error),
    /// The portal wants to leave HTTP, which nobody asked for.
    #[error("the portal answered with 101 (Switching Protocols)")]
    SwitchedProtocols,
    /// The portal says that nothing has changed since something that no call mentions.
    #[error("the portal answered with 304 (Not Modified) to a call without a condition")]
    NotModified,
    /// The head of the answer has too many fields or bytes.
    #[error("the head of the portal's answer is too large")]
    HeadTooLarge(#[source] reqwest::Error),
    /// The body ended before its end, or is framed wrongly.
    #[error("the portal's answer broke off after {received} bytes of its body")]
    Truncated {
        /// Bytes received until then.
        received: u64,
        /// What broke.
        source: reqwest::Error,
    },
    /// The body arrived and is not what its content coding says.
    #[error(transparent)]
    Coding(#[from] content_coding::Fault),
}

/// What was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// A connection, TLS included.
    Connect,
    /// The head of the answer.
    FirstByte,
    /// The next bytes of the body.
    Idle,
    /// The end of the whole exchange.
    Whole,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Connect => "connection",
            Self::FirstByte => "first byte",
            Self::Idle => "pause inside a body",
            Self::Whole => "whole answer",
        })
    }
}

impl Error {
    /// Whether the portal may have received the request, so that the call is charged. Where not, its reservation has been given back.
    pub fn is_charged(&self) -> bool {
        !matches!(self, Self::Target | Self::Connect(_) | Self::Tls { .. } | Self::TimedOut { phase: Phase::Connect, .. })
    }

    /// What a request that brought no head failed with. `connect_timeout` is the one the client was built with.
    pub(super) fn of_sending(source: reqwest::Error, connect_timeout: Duration) -> Self {
        let source = source.without_url();
        if source.is_connect() {
            if source.is_timeout() {
                return Self::TimedOut { phase: Phase::Connect, after: connect_timeout };
            }
            if let Some(fault) = cause::<rustls::Error>(&source) {
                let fault = fault.clone();
                return Self::Tls { fault, source };
            }
            return Self::Connect(source);
        }
        match cause::<hyper::Error>(&source) {
            Some(hyper) if hyper.is_parse_too_large() => Self::HeadTooLarge(source),
            Some(hyper) if hyper.is_parse() => Self::Malformed(source),
            _ => Self::Closed(source),
        }
    }

    /// What a body failed with.
    pub(super) fn of_body(source: reqwest::Error, received: u64) -> Self {
        Self::Truncated { received, source: source.without_url() }
    }
}

/// The first cause of type `E` below `error`.
fn cause<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = error.source();
    while let Some(found) = next {
        if let Some(wanted) = found.downcast_ref::<E>() {
            return Some(wanted);
        }
        // An I/O error gives as its source the source of what it was made of, and would hide that itself.
        next = match found.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => found.source(),
        };
    }
    None
}

/// Why a client for a portal cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The portal's address is not that of an origin server.
    #[error("the portal's address is not http:// or https:// with a host")]
    Portal,
    /// The contact cannot stand in `User-Agent`.
    #[error("the contact must be printable ASCII without brackets and backslashes")]
    Contact,
    /// The proxy variables cannot be followed.
    #[error(transparent)]
    Proxy(#[from] ProxyFault),
    /// The file of authorities cannot be used.
    #[error(transparent)]
    Trust(#[from] TrustFault),
    /// The client library refuses, for want of any trusted root above all.
    #[error("no client can be made for the portal (are there any trusted roots on this machine?)")]
    Client(#[source] reqwest::Error),
}

impl BuildError {
    /// What the client library says, without an address.
    pub fn client(source: reqwest::Error) -> Self {
        Self::Client(source.without_url())
    }
}
