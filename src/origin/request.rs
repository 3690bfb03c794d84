//! The forwarded request: one canonical shape, whatever the client sent.
//!
//! A field of a client goes on only if it can change the answer; everything else (who it is, what it has stored, by which proxies it came)
//! is ours to know and not the portal's. So two clients that ask the same question send the portal the same bytes, and whatever goes on
//! belongs in the cache key.
//!
//! | field | value | why |
//! | --- | --- | --- |
//! | `Host` | the configured portal's | a client's `Host` chooses a portal here, and nothing there |
//! | `User-Agent` | `preau/VERSION (+contact)` | the portal's administrator can tell who calls and whom to write to |
//! | `Accept` | `*/*` | the portal's formats are chosen by path or parameter, except where [`SelectedFields`] has it |
//! | `Accept-Encoding` | `gzip` | the one coding that the portal has; other codings are made here |
//! | `Accept-Language` | the language of the answer | the portal varies on it |
//! | `Authorization` | the client's credential for the portal | it decides account and visibility |
//! | [`SelectedFields`] | the client's | they change the answers of some services |

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Uri};
use url::{Position, Url};

use super::error::{BuildError, Error};
use crate::request::selected_fields::SelectedFields;

/// What of a client's request goes to the portal, in its one canonical form.
#[derive(Clone, Debug)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// Path and query, exactly as sent: the canonical text, a fixed point of the client library's URL type.
    pub path_and_query: String,
    /// The language that the answer is asked in; none leaves it to the portal.
    pub accept_language: Option<HeaderValue>,
    /// The credential for the portal, marked sensitive.
    pub authorization: Option<HeaderValue>,
    /// What the client said that the service reads.
    pub fields: SelectedFields,
    /// The body of a POST.
    pub body: Option<Bytes>,
    /// The dataset that is asked, for the quotas that a portal sets per dataset. Not sent: it is in the path.
    pub dataset: Option<String>,
}

impl Call {
    /// An anonymous GET without any field of a client's.
    pub fn get(path_and_query: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path_and_query: path_and_query.into(),
            accept_language: None,
            authorization: None,
            fields: SelectedFields::default(),
            body: None,
            dataset: None,
        }
    }
}

/// What is the same in every request to one portal.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    origin: String,
    host: HeaderValue,
    user_agent: HeaderValue,
}

impl Shape {
    /// The shape of requests to the portal at `url`, from an organisation that can be reached at `contact`.
    pub(super) fn new(url: &Url, contact: Option<&str>) -> Result<Self, BuildError> {
        let origin = url.origin();
        if !origin.is_tuple() || !matches!(url.scheme(), "http" | "https") {
            return Err(BuildError::Portal);
        }
        let host = HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort]).map_err(|_| BuildError::Portal)?;
        let user_agent = match contact {
            None => HeaderValue::from_static(concat!("preau/", env!("CARGO_PKG_VERSION"))),
            // Brackets and backslashes would end or escape the comment (RFC 9110 section 5.6.5).
            Some(contact) if contact.bytes().all(|byte| matches!(byte, b' '..=b'~') && !b"()\\".contains(&byte)) => {
                HeaderValue::from_str(&format!("preau/{} (+{contact})", env!("CARGO_PKG_VERSION"))).map_err(|_| BuildError::Contact)?
            }
            Some(_) => return Err(BuildError::Contact),
        };
        Ok(Self { origin: origin.ascii_serialization(), host, user_agent })
    }

    /// The request that asks the portal `call`.
    ///
    /// # Errors
    ///
    /// [`Error::Target`] if the client library would send any other target than the canonical text.
    pub(super) fn request(&self, call: Call) -> Result<reqwest::Request, Error> {
        let url = self.url(&call.path_and_query).ok_or(Error::Target)?;
        let mut request = reqwest::Request::new(call.method, url);
        let headers = request.headers_mut();
        headers.insert(header::HOST, self.host.clone());
        headers.insert(header::USER_AGENT, self.user_agent.clone());
        headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        if let Some(language) = call.accept_language {
            headers.insert(header::ACCEPT_LANGUAGE, language);
        }
        if let Some(mut authorization) = call.authorization {
            authorization.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, authorization);
        }
        for (name, value) in call.fields.iter() {
            headers.insert(name.clone(), value.clone());
        }
        *request.body_mut() = call.body.map(reqwest::Body::from);
        Ok(request)
    }

    /// The URL of `target` at the portal, if both URL types on the way to the socket leave `target` as it is.
    fn url(&self, target: &str) -> Option<Url> {
        if !target.starts_with('/') {
            return None;
        }
        let url = Url::parse(&format!("{}{target}", self.origin)).ok()?;
        let on_the_wire = url.as_str().parse::<Uri>().ok()?;
        let same = url.fragment().is_none()
            && &url[Position::BeforePath..] == target
            && on_the_wire.path_and_query().is_some_and(|sent| sent.as_str() == target);
        same.then_some(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> Shape {
        Shape::new(&Url::parse("https://data.example").unwrap(), None).unwrap()
    }

    #[test]
    fn a_target_is_sent_as_it_is_or_not_at_all() {
        for target in ["/", "/a?", "/a?b=%27%22%20c&d=+", "/%C3%A9/x/?y=%C3%A9", "/a?b=;c|d{}`^"] {
            assert_eq!(&shape().url(target).unwrap()[Position::BeforePath..], target);
        }
        for target in [
            "",
            "a",
            "@evil.example/",
            ":80/",
            "/a/../b",
            "/a/./b",
            "/a/%2e%2e/b",
            "/a b",
            "/a?b=c d",
            "/a?b='c'",
            "/a?b=\"",
            "/a?b=<",
            "/a#b",
            "/a?b#",
            "/é",
            "/a?é",
            "/a\tb",
            "/a\n",
            "/a\\b",
            "/a ",
        ] {
            assert!(shape().url(target).is_none(), "{target:?}");
        }
    }

    #[test]
    fn the_user_agent_says_whom_to_write_to() {
        let url = Url::parse("http://127.0.0.1:8080").unwrap();
        let agent = |contact| Shape::new(&url, contact).map(|shape| shape.user_agent.to_str().unwrap().to_owned());
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(agent(None).unwrap(), format!("preau/{version}"));
        assert_eq!(agent(Some("opendata@school.example")).unwrap(), format!("preau/{version} (+opendata@school.example)"));
        for contact in ["a)b", "a\r\nX: y", "école@school.example", "a\\"] {
            assert!(matches!(agent(Some(contact)), Err(BuildError::Contact)), "{contact:?}");
        }
    }

    #[test]
    fn a_credential_is_never_printed() {
        let call = Call { authorization: Some(HeaderValue::from_static("Apikey s3cret")), ..Call::get("/a") };
        let request = shape().request(call).unwrap();
        assert_eq!(request.headers()[header::AUTHORIZATION], "Apikey s3cret");
        assert!(!format!("{request:?}").contains("s3cret"));
    }
}
