//! What we know of a portal beyond HTTP, and how a request finds its portal.

pub mod look;

use std::sync::Arc;

use url::Url;

use self::look::Look;
use crate::config;
use crate::origin;
use crate::request::query::RuleSwitches;

/// One mirrored portal.
#[derive(Debug)]
pub struct Portal {
    /// Its name in paths, logs and the ledger.
    pub name: String,
    /// Its origin.
    pub url: Url,
    /// Its keys that count as none.
    pub same_as_anonymous: Vec<config::Secret>,
    /// Which rules of canonicalisation are in force.
    pub rules: RuleSwitches,
    /// The only way to it.
    pub client: origin::Client,
    /// The catalogue, read as a whole.
    pub look: Look,
    hosts: Vec<String>,
}

impl Portal {
    /// A portal as configured.
    ///
    /// # Errors
    ///
    /// What stands in the way of calling it.
    pub fn new(settings: &config::Portal, origin: &config::Origin, clock: &crate::clock::Clock) -> Result<Self, origin::BuildError> {
        Ok(Self {
            name: settings.name.clone(),
            url: settings.url.clone(),
            same_as_anonymous: settings.same_as_anonymous.clone(),
            rules: RuleSwitches::default(),
            client: origin::Client::new(settings, origin, clock.clone())?,
            look: Look::default(),
            hosts: settings.hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
        })
    }

    /// The address of a target at the portal itself, for clients that are sent there.
    pub fn address_of(&self, path: &str, query: Option<&str>) -> String {
        let origin = self.url.as_str().trim_end_matches('/');
        match query {
            Some(query) => format!("{origin}{path}?{query}"),
            None => format!("{origin}{path}"),
        }
    }
}

/// All portals; at least one, and the first is the default.
#[derive(Debug)]
pub struct Portals(Vec<Arc<Portal>>);

/// A request's portal, and the path as that portal knows it.
#[derive(Debug)]
pub struct Chosen<'a> {
    /// The portal.
    pub portal: &'a Arc<Portal>,
    /// The path without the portal's name.
    pub path: &'a str,
}

impl Portals {
    /// # Panics
    ///
    /// If there is none: the configuration makes sure of one.
    pub fn new(portals: Vec<Arc<Portal>>) -> Self {
        assert!(!portals.is_empty(), "a configuration names at least one portal");
        Self(portals)
    }

    /// All of them, the default first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Portal>> {
        self.0.iter()
    }

    /// Whether `host`, without port, is a configured name of a portal here.
    pub fn is_named(&self, host: &str) -> bool {
        let host = without_port(host);
        self.0.iter().any(|portal| portal.hosts.iter().any(|known| known.eq_ignore_ascii_case(host)))
    }

    /// Finds the portal of a request: by a configured `Host`, else, where there are several, by the first segment of the path, else the
    /// default. An unknown `Host` chooses nothing: it is whatever name this server happens to be called by.
    pub fn choose<'a>(&'a self, host: &str, path: &'a str) -> Chosen<'a> {
        let name = without_port(host);
        if let Some(portal) = self.0.iter().find(|portal| portal.hosts.iter().any(|known| known.eq_ignore_ascii_case(name))) {
            return Chosen { portal, path };
        }
        if self.0.len() > 1 {
            for portal in &self.0 {
                let Some(rest) = path.strip_prefix('/').and_then(|path| path.strip_prefix(portal.name.as_str())) else { continue };
                if rest.is_empty() || rest.starts_with('/') {
                    return Chosen { portal, path: if rest.is_empty() { "/" } else { rest } };
                }
            }
        }
        Chosen { portal: &self.0[0], path }
    }
}

fn without_port(host: &str) -> &str {
    // An IPv6 address has colons of its own, inside brackets.
    let name = match host.rfind(':') {
        Some(colon) if !host[colon..].contains(']') => &host[..colon],
        _ => host,
    };
    // Written to the root, it is the same name.
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn portals(named: &[(&str, &[&str])]) -> Portals {
        let config = config::Config::load(&config::Overrides::default(), &config::Environment::default()).unwrap();
        Portals::new(
            named
                .iter()
                .map(|(name, hosts)| {
                    let settings = config::Portal {
                        name: (*name).to_owned(),
                        hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
                        ..config.portals[0].clone()
                    };
                    Arc::new(Portal::new(&settings, &config.origin, &Clock::system()).unwrap())
                })
                .collect(),
        )
    }

    #[test]
    fn one_portal_has_the_root_and_several_share_it_by_name_or_host() {
        let one = portals(&[("education", &[])]);
        assert_eq!(one.choose("anything", "/education/api").path, "/education/api");
        let two = portals(&[("education", &[]), ("sports", &["Sports.example"])]);
        for (host, path, portal, rest) in [
            ("localhost:8080", "/api/x", "education", "/api/x"),
            ("localhost:8080", "/sports/api/x", "sports", "/api/x"),
            ("localhost:8080", "/sports", "sports", "/"),
            ("localhost:8080", "/sportsmen/api", "education", "/sportsmen/api"),
            ("sports.EXAMPLE:8080", "/api/x", "sports", "/api/x"),
            ("sports.example.", "/api/x", "sports", "/api/x"),
            ("sports.example.:80", "/api/x", "sports", "/api/x"),
            ("[::1]:8080", "/education/api/x", "education", "/api/x"),
            ("localhost", "/sports//evil.example/", "sports", "//evil.example/"),
            ("", "/sports/", "sports", "/"),
            ("localhost", "//sports/api", "education", "//sports/api"),
        ] {
            let chosen = two.choose(host, path);
            assert_eq!((chosen.portal.name.as_str(), chosen.path), (portal, rest), "{host}{path}");
        }
    }
}
