//! The way in: whose request it is, for which portal, and what it asks; or where the client is sent instead.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::ConnectInfo;
use bytes::Bytes;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, AUTHORIZATION, CONTENT_TYPE, HOST, LOCATION};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderValue, Method, Response, StatusCode, Version};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::answered::{Answered, Failure};
use super::apart;
use crate::error::Error;
use crate::portal::{Chosen, Portal, Portals};
use crate::request::client::{Client, Recognition};
use crate::request::credential;
use crate::request::endpoint::{self, PathFault};
use crate::request::question::{Asked, Fault, Question, Understood};
use crate::response::cache_status::CacheStatus;
use crate::server::boundary::RawFragment;

/// Longest body of a POST that reads. A query of v1 in a form has some kilobytes, a CSW request as many.
const CONTENT_LIMIT: usize = 1 << 20;

/// Whose request it is, and for which portal.
///
/// # Errors
///
/// Requests that name no server or another one, targets that are too long.
pub(super) fn identify<'a>(portals: &'a Portals, head: &'a Parts, max_target_bytes: usize) -> Result<Chosen<'a>, Error> {
    let target = head.uri.path_and_query().map_or("", |target| target.as_str());
    if target.len() > max_target_bytes {
        return Err(Error::TargetTooLong { bytes: target.len(), limit: max_target_bytes });
    }
    if let Some(RawFragment) = head.extensions.get() {
        // The parser cut it off, and what the client meant by it is anybody's guess.
        return Err(Error::Question(PathFault::Fragment { at: target.len() }.into()));
    }
    let host = host(head)?;
    let chosen = portals.choose(host, head.uri.path());
    // An absolute target is legitimate for a name that is this server's (RFC 9112 section 3.2.2); this is no forward proxy for others.
    if head.uri.authority().is_some_and(|authority| !portals.is_named(authority.host())) {
        return Err(Error::ForeignTarget);
    }
    Ok(chosen)
}

/// Who asks.
///
/// # Errors
///
/// Keys that are nobody's, that disagree, or that stand where everybody sees them; and proxies that cannot be understood.
pub(super) fn recognise(clients: &Recognition, head: &Parts) -> Result<Client, Error> {
    let target = head.uri.path_and_query().map_or("", |target| target.as_str());
    if credential::is_own_key_in(target.as_bytes()) || is_own_key_misplaced(head) {
        return Err(Error::MisplacedKey);
    }
    let peer = head.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    Ok(clients.recognise(head, peer)?)
}

/// Whether a key of ours stands in a field where one of the portal belongs.
fn is_own_key_misplaced(head: &Parts) -> bool {
    head.headers.get_all(AUTHORIZATION).iter().any(|value| credential::is_own_key_in(value.as_bytes()))
}

/// The `Host` field, exactly one in HTTP/1.1 (RFC 9112 section 3.2).
fn host(head: &Parts) -> Result<&str, Error> {
    let mut lines = head.headers.get_all(HOST).iter();
    let (first, second) = (lines.next(), lines.next());
    match (first, second) {
        (Some(host), None) => {
            let host = host.to_str().map_err(|_| Error::Host)?;
            let named = host.parse::<Authority>().map_err(|_| Error::Host)?;
            // A user's name has no place in this field (RFC 9110 section 4.2.4).
            if host.contains('@') || named.host().is_empty() { Err(Error::Host) } else { Ok(host) }
        }
        (None, _) if head.version < Version::HTTP_11 => Ok(""),
        _ => Err(Error::Host),
    }
}

/// What the request asks.
///
/// # Errors
///
/// Whatever is wrong with its path, method, query, credentials or body.
pub(super) async fn understand(portal: &Portal, path: &str, head: &Parts, body: Body, patience: Duration) -> Result<Understood, Failure> {
    // The body of any other request has no meaning (RFC 9110 section 9.3.1) and goes nowhere: key and call cannot disagree over it. Where
    // POST is refused, the body is not asked for either: it may be long, or a password.
    let reads = head.method == Method::POST && endpoint::classify(path).is_ok_and(|endpoint| endpoint.allows(&Method::POST));
    let content = if reads { Some(content(body, patience).await?) } else { None };
    if content.as_ref().is_some_and(|content| credential::is_own_key_in(content)) {
        return Err(Error::MisplacedKey.into());
    }
    let asked = Asked {
        portal: &portal.name,
        origin: portal.url.as_str(),
        same_as_anonymous: &portal.same_as_anonymous,
        method: &head.method,
        path,
        query: head.uri.query().unwrap_or_default(),
        fields: &head.headers,
        content,
        is_form: is_form(head),
    };
    Ok(match Question::understand(asked, &portal.rules).map_err(Error::Question)? {
        Understood::Question(question) => Understood::Question(Box::new(apart::with_client_key(portal, *question)?)),
        Understood::Elsewhere => Understood::Elsewhere,
    })
}

/// The body of a request, whole, within limits of bytes and time. One that states a larger length is not read at all.
async fn content(body: Body, patience: Duration) -> Result<Bytes, Error> {
    let too_large = Error::ContentTooLarge { limit: CONTENT_LIMIT };
    if body.size_hint().lower() > CONTENT_LIMIT as u64 {
        return Err(too_large);
    }
    match tokio::time::timeout(patience, Limited::new(body, CONTENT_LIMIT).collect()).await {
        Ok(Ok(content)) => Ok(content.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large),
        Ok(Err(_)) => Err(Error::ContentBroken),
        Err(_) => Err(Error::ContentTooSlow { after: patience }),
    }
}

fn is_form(head: &Parts) -> bool {
    let media_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    media_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Sends the client to the portal for a page that is not mirrored.
///
/// # Errors
///
/// For methods other than GET and HEAD: a form that is sent to a page is meant for the portal alone. And for requests with a key of ours: many
/// clients that follow a redirect repeat their fields, and the key is none of the portal's business. They are told the address.
pub(super) fn redirect(portal: &Arc<Portal>, path: &str, head: &Parts) -> Result<Answered, Failure> {
    if head.method != Method::GET && head.method != Method::HEAD {
        return Err(Error::PageMethod.into());
    }
    let address = portal.address_of(path, head.uri.query());
    if credential::own_key(&head.headers).is_some() {
        return Err(Error::PageWithKey { address: credential::redacted(&address).into_owned() }.into());
    }
    let address = HeaderValue::try_from(address).map_err(|_| Error::Question(Fault::UnknownUri))?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    response.headers_mut().insert(LOCATION, address);
    // Else a page that follows it fails here, before the portal could say whether it may.
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    Ok(Answered::new(response, CacheStatus::Local { detail: "not-mirrored" }, 0))
}
