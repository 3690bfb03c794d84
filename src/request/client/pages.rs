//! Pages: what a browser asks on behalf of another site.
//!
//! Browsers say for whom they ask: `Origin` where a script reads the answer (the Fetch standard, section 3.2), `Sec-Fetch-Site` on everything
//! that goes to a trustworthy address (HTTPS, or this machine; Fetch Metadata, section 2.3), and `Referer` unless the page forbids it. None of the
//! three can be set by a page. Programs that are no browsers send none of them.

use std::net::IpAddr;

use http::header::{HOST, ORIGIN, REFERER};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Which pages are not foreign, beside those of the address that a request is sent to.
///
/// That address counts only where it is known to be ours. Anybody may let a name of his own lead to this server's address, and a page of that
/// name, to the browser, is then this server's own (DNS rebinding): it would read and spend as if somebody in the house had asked.
#[derive(Debug)]
pub(super) struct Pages {
    /// Origins, as browsers write them.
    allowed: Vec<String>,
    /// Names of this server, in lower case.
    names: Vec<String>,
}

/// Names that nobody can have in the public DNS (RFC 6761, RFC 6762, RFC 8375, and ICANN's reservation of `internal`).
const NOT_PUBLIC: [&str; 4] = [".localhost", ".local", ".internal", ".home.arpa"];

impl Pages {
    /// Those of `allowed` origins, and of the mirror's `public` addresses; `hosts` are further names of its own.
    pub(super) fn new<'a>(allowed: &[String], public: impl Iterator<Item = &'a Url> + Clone, hosts: impl Iterator<Item = &'a str>) -> Self {
        let origins = public.clone().map(|url| url.origin().ascii_serialization());
        let names = public.filter_map(Url::host_str).chain(hosts).map(canonical);
        Self { allowed: allowed.iter().cloned().chain(origins).collect(), names: names.collect() }
    }

    /// Whether a browser sends the request on behalf of a foreign page.
    pub(super) fn is_foreign(&self, fields: &HeaderMap) -> bool {
        let ours = |value: &HeaderValue| value.to_str().is_ok_and(|text| self.is_ours(text, fields));
        let mut origins = fields.get_all(ORIGIN).iter();
        if let Some(origin) = origins.next() {
            return origins.next().is_some() || !ours(origin);
        }
        let sites = || fields.get_all(SEC_FETCH_SITE).iter().map(HeaderValue::as_bytes);
        if sites().any(|site| site == b"cross-site") {
            // Also where the page that began it may ask: a redirect on the way may have led here from anywhere, and says so here alone.
            return true;
        }
        if sites().any(|site| site == b"none") {
            return false;
        }
        if sites().any(|site| [&b"same-origin"[..], b"same-site"].contains(&site)) {
            return self.own_host(fields).is_none();
        }
        // A browser that asks an address in plain text, and says no more.
        fields.get(REFERER).is_some_and(|referer| !ours(referer))
    }

    /// Whether `address`, an origin or a page of one, is allowed or is the request's own. `null`, the origin of what has none, is neither.
    fn is_ours(&self, address: &str, fields: &HeaderMap) -> bool {
        if self.allowed.iter().any(|allowed| allowed == address) {
            return true;
        }
        let Ok(url) = Url::parse(address) else { return false };
        let origin = url.origin();
        origin.is_tuple()
            && (self.allowed.contains(&origin.ascii_serialization()) || self.own_host(fields).is_some_and(|host| is_host(&url, &host)))
    }

    /// The host that a request was sent to, if nobody else can have called this server so: a configured name, an address, or a name that the public
    /// DNS does not have.
    fn own_host(&self, fields: &HeaderMap) -> Option<Authority> {
        let host: Authority = fields.get(HOST)?.to_str().ok()?.parse().ok()?;
        let name = canonical(host.host());
        let is_address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        let not_public = !name.is_empty() && !name.contains('.') || NOT_PUBLIC.iter().any(|suffix| name.ends_with(suffix));
        (is_address || not_public || self.names.contains(&name)).then_some(host)
    }
}

/// Whether a page's host and port are those that a request was sent to. The scheme is not compared: TLS may end in front of this server.
fn is_host(page: &Url, named: &Authority) -> bool {
    let port = named.port_u16().filter(|port| !matches!(port, 80 | 443));
    page.host_str().is_some_and(|host| canonical(host) == canonical(named.host())) && page.port() == port
}

fn canonical(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}
