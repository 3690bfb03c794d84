//! The two addresses of a rewriting: where links lead as the portal writes them, and where they are to lead.
//!
//! Both are checked when they are made, to the last byte: a base may come from a client's `Host`, and its text is written into bodies and
//! header fields as it stands.

use std::net::Ipv6Addr;
use std::sync::Arc;

use thiserror::Error;
use url::Url;

/// Why a text is no address that links could begin with.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum AddressFault {
    /// It does not begin with `http://` or `https://`.
    #[error("the address does not begin with http:// or https://")]
    Scheme,
    /// Neither a name of ASCII letters, digits, `.`, `-` and `_`, nor an IP address.
    #[error("the host is neither a name in ASCII nor an IP address")]
    Host,
    /// Not a number from 1 to 65535.
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// Something after the host that is not allowed there.
    #[error("the path has an empty or dot segment, or a character other than ASCII letters, digits, `.`, `-`, `_` and `~`")]
    Path,
}

/// The origin of a portal, `scheme://host[:port]`, as links in its answers begin with it.
///
/// A portal is one site whatever the scheme: links in older answers say `http` where the portal has long been on `https`. So both schemes
/// are this origin, in any case, and the host in any case; a port that is the scheme's default may be written out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// All spellings, in lower case.
    spellings: Arc<[Box<[u8]>]>,
}

/// What replaces the origin: `scheme://host[:port][/NAME]`, without a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    text: Arc<str>,
    /// As a JSON string has it where slashes are escaped.
    escaped: Arc<str>,
}

impl Origin {
    /// An origin from its text; a lone slash may follow.
    ///
    /// # Errors
    ///
    /// [`AddressFault`], also for a path.
    pub fn parse(text: &str) -> Result<Self, AddressFault> {
        let Parts { scheme, host, port, path } = Parts::of(text)?;
        if !matches!(path, "" | "/") {
            return Err(AddressFault::Path);
        }
        Ok(Self::from_parts(scheme, &host, port, ""))
    }

    /// The origin of a portal's configured address.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse): the configuration knows URLs that links cannot begin with.
    pub fn of(url: &Url) -> Result<Self, AddressFault> {
        Self::parse(&url.origin().ascii_serialization())
    }

    fn from_parts(scheme: Scheme, host: &str, port: Option<u16>, path: &str) -> Self {
        let port = port.filter(|port| *port != scheme.default_port());
        let spellings = Scheme::BOTH.iter().flat_map(|scheme| {
            let scheme_name = scheme.name();
            match port {
                Some(port) => vec![format!("{scheme_name}://{host}:{port}{path}")],
                None => {
                    let default = scheme.default_port();
                    vec![format!("{scheme_name}://{host}{path}"), format!("{scheme_name}://{host}:{default}{path}")]
                }
            }
        });
        Self { spellings: spellings.map(|text| text.into_bytes().into_boxed_slice()).collect() }
    }

    /// All spellings, in lower case; at most four.
    pub(super) fn spellings(&self) -> &Arc<[Box<[u8]>]> {
        &self.spellings
    }
}

impl Base {
    /// A base from its text; a trailing slash is dropped.
    ///
    /// # Errors
    ///
    /// [`AddressFault`].
    pub fn parse(text: &str) -> Result<Self, AddressFault> {
        let Parts { scheme, host, port, path } = Parts::of(text)?;
        let path = path.strip_suffix('/').unwrap_or(path);
        if !path.is_empty() {
            let mut segments = path.split('/');
            // The path begins with a slash, so the first of its segments is nothing.
            let rooted = segments.next() == Some("");
            if !rooted || !segments.all(is_plain_segment) {
                return Err(AddressFault::Path);
            }
        }
        let port = port.filter(|port| *port != scheme.default_port()).map(|port| format!(":{port}")).unwrap_or_default();
        let text = format!("{}://{host}{port}{path}", scheme.name());
        Ok(Self { escaped: text.replace('/', "\\/").into(), text: text.into() })
    }

    /// The address that a client used: `host` as its `Host` field has it, and `name` where the portal is not at the root.
    ///
    /// # Errors
    ///
    /// [`AddressFault`]: the field is the client's, and may hold anything.
    pub fn at_host(secure: bool, host: &str, name: Option<&str>) -> Result<Self, AddressFault> {
        if host.contains(['/', '?', '#']) {
            return Err(AddressFault::Host);
        }
        let scheme = if secure { Scheme::Https } else { Scheme::Http };
        let name = name.map(|name| format!("/{name}")).unwrap_or_default();
        Self::parse(&format!("{}://{host}{name}", scheme.name()))
    }

    /// The text that replaces the origin.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its path, without a trailing slash: nothing, or `/NAME`.
    pub(super) fn path(&self) -> &str {
        let authority = self.text.find("://").map_or(0, |scheme| scheme + 3);
        self.text[authority..].find('/').map_or("", |slash| &self.text[authority + slash..])
    }

    pub(super) fn spelled(&self, escaped: bool) -> &str {
        if escaped { &self.escaped } else { &self.text }
    }

    /// This base as if it were a portal's origin: for tests that turn links back.
    #[cfg(test)]
    pub(super) fn as_origin(&self) -> Origin {
        let Parts { scheme, host, port, path } = Parts::of(&self.text).unwrap();
        Origin::from_parts(scheme, &host, port, path)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

impl Scheme {
    const BOTH: [Self; 2] = [Self::Http, Self::Https];

    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

struct Parts<'a> {
    scheme: Scheme,
    /// In lower case; an IPv6 address in its brackets.
    host: String,
    port: Option<u16>,
    path: &'a str,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Result<Self, AddressFault> {
        let (scheme, rest) = text.split_once("://").ok_or(AddressFault::Scheme)?;
        let scheme = *Scheme::BOTH.iter().find(|known| known.name().eq_ignore_ascii_case(scheme)).ok_or(AddressFault::Scheme)?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = match authority.rfind(':') {
            Some(colon) if !authority[colon..].contains(']') => (&authority[..colon], Some(&authority[colon + 1..])),
            _ => (authority, None),
        };
        let port = port.map(|digits| {
            let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|port| plain && *port != 0).ok_or(AddressFault::Port)
        });
        if !is_host(host) {
            return Err(AddressFault::Host);
        }
        Ok(Self { scheme, host: host.to_ascii_lowercase(), port: port.transpose()?, path })
    }
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
            (1..=253).contains(&host.len()) && host.bytes().all(plain)
        }
    }
}

fn is_plain_segment(segment: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~');
    !matches!(segment, "" | "." | "..") && segment.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_written_one_way() {
        for (text, base) in [
            ("http://roof", "http://roof"),
            ("HTTPS://Roof.Example:443/", "https://roof.example"),
            ("http://roof:443", "http://roof:443"),
            ("http://roof:8080/education", "http://roof:8080/education"),
            ("http://roof/a/b~c/", "http://roof/a/b~c"),
            ("http://[2001:DB8::1]:80/x", "http://[2001:db8::1]/x"),
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
            ("http://my_service:1", "http://my_service:1"),
        ] {
            assert_eq!(Base::parse(text).unwrap().as_str(), base, "{text}");
        }
    }

    #[test]
    fn what_could_be_more_than_an_address_is_refused() {
        use AddressFault::*;
        for (text, fault) in [
            ("roof", Scheme),
            ("ftp://roof", Scheme),
            ("http:/roof", Scheme),
            ("http://", Host),
            ("http:///x", Host),
            ("http://us er", Host),
            ("http://user@roof", Host),
            ("http://roof\r\nX: y", Host),
            ("http://roof\"", Host),
            ("http://ro<of", Host),
            ("http://é.example", Host),
            ("http://[::1", Host),
            ("http://[::g]", Host),
            ("http://[::1]x", Host),
            ("http://roof?x", Host),
            ("http://roof:", Port),
            ("http://roof:0", Port),
            ("http://roof:65536", Port),
            ("http://roof:+1", Port),
            ("http://roof:80:80", Host),
            ("http://roof//", Path),
            ("http://roof/a//b", Path),
            ("http://roof/..", Path),
            ("http://roof/a?b", Path),
            ("http://roof/a\"b", Path),
            ("http://roof/a&b", Path),
            ("http://roof/a b", Path),
        ] {
            assert_eq!(Base::parse(text), Err(fault), "{text:?}");
        }
        assert_eq!(Origin::parse("http://portal/x"), Err(Path));
        assert_eq!(Base::at_host(false, "roof/../x", None), Err(Host));
    }

    #[test]
    fn the_address_a_client_used_is_its_host_and_the_portals_name() {
        assert_eq!(Base::at_host(false, "Roof:8080", Some("sports")).unwrap().as_str(), "http://roof:8080/sports");
        assert_eq!(Base::at_host(true, "[::1]:443", None).unwrap().as_str(), "https://[::1]");
    }

    #[test]
    fn a_portals_configured_address_is_an_origin() {
        let of = |text: &str| Origin::of(&Url::parse(text).unwrap()).unwrap();
        assert_eq!(of("https://Data.Example:443/"), Origin::parse("https://data.example").unwrap());
        assert_ne!(of("https://data.example:8443/"), Origin::parse("https://data.example").unwrap());
    }
}
