//! By which way calls to a portal go: directly, or through the proxy that the environment names.
//!
//! The decision is made once, from values that the configuration has read, so that `preau check` can print exactly what `preau serve`
//! will do. A variable that cannot be understood is a fault: going directly instead would be a surprise in a network that forbids it.

use std::fmt;

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

use crate::config::ProxyVariables;

/// The proxy that calls to a portal go through. Prints without its credentials.
#[derive(Clone, Debug)]
pub struct Via {
    uri: Uri,
    authorization: Option<HeaderValue>,
    variable: &'static str,
    tunnel: bool,
}

/// Why a proxy variable cannot be followed. Says nothing of its value, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyFault {
    /// The text is no address.
    #[error("{variable} is not the address of a proxy; write http://host:port or http://user:password@host:port, with percent-encoding")]
    NotAnAddress {
        /// The variable's name.
        variable: &'static str,
    },
    /// A kind of proxy that calls cannot go through.
    #[error("{variable} names a {scheme} proxy; only http and https proxies can be used")]
    Scheme {
        /// The variable's name.
        variable: &'static str,
        /// The address's scheme.
        scheme: String,
    },
}

impl Via {
    /// The proxy's address, without credentials.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The variable that names it.
    pub fn variable(&self) -> &'static str {
        self.variable
    }

    /// Whether the connection to the proxy itself is over TLS.
    pub(super) fn is_tls(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }

    /// The value of `Proxy-Authorization`, marked sensitive.
    pub(super) fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.uri.scheme_str().unwrap_or("http");
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        let credentials = if self.authorization.is_some() { "…@" } else { "" };
        let way = if self.tunnel { "tunnel" } else { "forwarding" };
        write!(f, "{scheme}://{credentials}{authority} ({way}, from {})", self.variable)
    }
}

/// The proxy for calls to `url`, or `None` if they go directly.
///
/// `NO_PROXY` is read as curl does: names with their subdomains, addresses, networks (`10.0.0.0/8`), `*`; no ports. An empty variable counts
/// as absent.
///
/// # Errors
///
/// If a proxy is due and its variable is not the address of an http or https proxy.
pub fn proxy_for(variables: &ProxyVariables, url: &Url) -> Result<Option<Via>, ProxyFault> {
    let tunnel = url.scheme() == "https";
    let own = if tunnel { ("HTTPS_PROXY", &variables.https) } else { ("HTTP_PROXY", &variables.http) };
    let set = [own, ("ALL_PROXY", &variables.all)]
        .into_iter()
        .filter_map(|(variable, value)| Some((variable, value.as_ref()?.expose())))
        .find(|(_, value)| !value.is_empty());
    let Some((variable, value)) = set else { return Ok(None) };
    // A URL that http::Uri refuses cannot be called anyhow; the request says so.
    let Ok(target) = url.as_str().parse::<Uri>() else { return Ok(None) };

    let exceptions = variables.no.as_deref().unwrap_or_default();
    if Matcher::builder().all("http://proxy.invalid").no(exceptions).build().intercept(&target).is_none() {
        return Ok(None);
    }
    let matched = Matcher::builder().all(value).build().intercept(&target).filter(|found| is_plain(found.uri()));
    let Some(found) = matched else { return Err(ProxyFault::NotAnAddress { variable }) };
    match found.uri().scheme_str() {
        Some("http" | "https") => Ok(Some(Via { uri: found.uri().clone(), authorization: found.basic_auth().cloned(), variable, tunnel })),
        other => Err(ProxyFault::Scheme { variable, scheme: other.unwrap_or_default().to_owned() }),
    }
}

/// Whether a proxy's address is a host and perhaps a port. An `@` in a password that is not percent-encoded leaves the rest of it in the host.
fn is_plain(uri: &Uri) -> bool {
    uri.host().is_some_and(|host| !host.is_empty()) && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn variables(https: &str, http: &str, all: &str, no: &str) -> ProxyVariables {
        let secret = |text: &str| (!text.is_empty()).then(|| Secret::new(text));
        ProxyVariables { https: secret(https), http: secret(http), all: secret(all), no: (!no.is_empty()).then(|| no.to_owned()) }
    }

    fn shown(variables: &ProxyVariables, url: &str) -> Result<Option<String>, ProxyFault> {
        proxy_for(variables, &Url::parse(url).unwrap()).map(|via| via.map(|via| via.to_string()))
    }

    #[test]
    fn the_variable_of_the_scheme_wins_over_all_proxy() {
        let set = variables("http://secure:1", "plain:2", "http://all:3", "");
        assert_eq!(shown(&set, "https://data.example/").unwrap().as_deref(), Some("http://secure:1 (tunnel, from HTTPS_PROXY)"));
        assert_eq!(shown(&set, "http://data.example/").unwrap().as_deref(), Some("http://plain:2 (forwarding, from HTTP_PROXY)"));
        let set = variables("", "", "https://all:3", "");
        assert_eq!(shown(&set, "https://data.example/").unwrap().as_deref(), Some("https://all:3 (tunnel, from ALL_PROXY)"));
        assert_eq!(shown(&ProxyVariables::default(), "https://data.example/").unwrap(), None);
    }

    #[test]
    fn no_proxy_excepts_names_with_their_subdomains_addresses_and_networks() {
        let set = variables("http://secure:1", "http://plain:2", "", ".education.example, other.example,10.0.0.0/8,::1");
        for direct in ["https://data.Education.example/", "https://x.other.example/", "https://10.3.4.5/", "http://[::1]:80/"] {
            assert_eq!(shown(&set, direct).unwrap(), None, "{direct}");
        }
        for proxied in ["https://notother.example/", "https://11.0.0.1/", "http://[::2]/"] {
            assert!(shown(&set, proxied).unwrap().is_some(), "{proxied}");
        }
        assert_eq!(shown(&variables("http://secure:1", "", "", "*"), "https://data.example/").unwrap(), None);
    }

    #[test]
    fn credentials_are_used_and_never_printed() {
        let set = variables("http://us%40er:pass%3Aword@secure:1", "", "", "");
        let via = proxy_for(&set, &Url::parse("https://data.example/").unwrap()).unwrap().unwrap();
        assert_eq!(via.authorization().unwrap(), "Basic dXNAZXI6cGFzczp3b3Jk");
        assert_eq!(via.to_string(), "http://…@secure:1 (tunnel, from HTTPS_PROXY)");
        for text in [via.to_string(), format!("{via:?}"), via.uri().to_string()] {
            assert!(!text.contains("pass") && !text.contains("dXNA"), "{text}");
        }
    }

    #[test]
    fn a_variable_that_cannot_be_followed_is_a_fault_without_its_value() {
        for value in ["http://us er@secure:1", "http://user:pa@ss@secure:1", "ftp://secure:1", "http://", "::"] {
            let fault = shown(&variables(value, "", "", ""), "https://data.example/").unwrap_err();
            assert_eq!(fault, ProxyFault::NotAnAddress { variable: "HTTPS_PROXY" }, "{value}");
            assert!(!fault.to_string().contains("secure"));
        }
        let fault = shown(&variables("", "", "socks5://secure:1", ""), "https://data.example/").unwrap_err();
        assert_eq!(fault, ProxyFault::Scheme { variable: "ALL_PROXY", scheme: "socks5".to_owned() });
        // Not followed, so not a fault.
        assert_eq!(shown(&variables("ftp://secure:1", "", "", "data.example"), "https://data.example/"), Ok(None));
    }
}
