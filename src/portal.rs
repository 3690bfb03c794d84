//! What we know of a portal beyond HTTP, and how a request finds its portal.

pub mod accounts;
pub mod guard;
pub mod links;
pub mod look;
pub mod versions;

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, StatusCode};
use url::Url;

use self::accounts::Accounts;
use self::guard::Guard;
use self::links::{Base, Counter, Origin, Positions, Relinking};
use self::look::Look;
use self::versions::Versions;
use crate::audit::Audit;
use crate::config;
use crate::origin;
use crate::request::query::RuleSwitches;
use crate::request::question::Question;
use crate::response::rate_limit::RateLimitFields;

/// One mirrored portal.
#[derive(Debug)]
pub struct Portal {
    /// Its name in paths, logs and the ledger.
    pub name: String,
    /// Its origin.
    pub url: Url,
    /// Its keys that count as none.
    pub same_as_anonymous: Vec<config::Secret>,
    /// What becomes of other keys of it that clients send.
    pub client_keys: config::ClientKeys,
    /// The organisation's own keys at it.
    pub accounts: Accounts,
    /// Which rules of canonicalisation are in force.
    pub rules: RuleSwitches,
    /// What finds out whether they may be, and whether versions may be relied on.
    pub audit: Audit,
    /// The only way to it.
    pub client: origin::Client,
    /// The catalogue, read as a whole.
    pub look: Look,
    /// What is known of the versions of its datasets.
    pub versions: Versions,
    /// What sees to it that no dataset loses its fields or its rows unnoticed.
    pub guard: Guard,
    /// What its clients are told of the quota.
    pub rate_limits: RateLimitFields,
    /// Whether its clients may force a call.
    pub may_force: bool,
    hosts: Vec<String>,
    /// The origin that links in its answers begin with; none if it is an address that no link can begin with.
    origin: Option<Origin>,
    /// Whether they lead here. If not they are counted all the same: what is stored outlives a change of the configuration.
    rewrites: bool,
    /// Where clients find its mirror, if that was configured.
    public: Option<Base>,
}

impl Portal {
    /// A portal as configured, with what is known of its versions and how they are learnt; `public` is where clients find its mirror, if that is known.
    ///
    /// # Errors
    ///
    /// What stands in the way of calling it.
    pub fn new(
        settings: &config::Portal,
        public: Option<&Url>,
        origin: &config::Origin,
        versions: Versions,
        look: Look,
        clock: &crate::clock::Clock,
    ) -> Result<Self, origin::BuildError> {
        Ok(Self {
            origin: Origin::of(&settings.url).ok(),
            rewrites: settings.rewrite_links,
            public: public.and_then(|url| Base::parse(url.as_str()).ok()),
            name: settings.name.clone(),
            url: settings.url.clone(),
            same_as_anonymous: settings.same_as_anonymous.clone(),
            client_keys: settings.client_keys,
            accounts: Accounts::default(),
            rules: RuleSwitches::default(),
            audit: Audit::default(),
            guard: Guard::new(&settings.name),
            client: origin::Client::new(settings, origin, clock.clone())?,
            look,
            versions,
            rate_limits: RateLimitFields::default(),
            may_force: settings.may_force,
            hosts: settings.hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
        })
    }

    /// Where an answer to `question` carries links that are to lead here.
    pub fn positions(&self, question: &Question, status: StatusCode, fields: &HeaderMap) -> Option<Positions> {
        if self.rewrites { self.known_positions(question, status, fields) } else { None }
    }

    fn known_positions(&self, question: &Question, status: StatusCode, fields: &HeaderMap) -> Option<Positions> {
        let linked = self.origin.is_some() && status == StatusCode::OK;
        linked.then(|| links::positions(&question.endpoint, question.query.query.text(), fields)).flatten()
    }

    /// Counts the links to this portal in a body, where its answers have any.
    pub fn links_in(&self, question: &Question, status: StatusCode, fields: &HeaderMap) -> Option<Counter> {
        let positions = self.known_positions(question, status, fields)?;
        Some(Counter::new(positions, self.origin.as_ref()?))
    }

    /// How the links of a body are written for `base`.
    pub fn relinking(&self, positions: Positions, base: Base) -> Option<Relinking<'_>> {
        Some(Relinking { positions, from: self.origin.as_ref()?, to: base })
    }

    /// Lets the links in a head lead to `base`.
    pub fn relink(&self, fields: &mut HeaderMap, base: &Base) {
        if let Some(origin) = self.origin.as_ref().filter(|_| self.rewrites) {
            links::rewrite_fields(fields, origin, base);
        }
    }

    /// Where a client that sent `host`, and asked below `prefix`, finds the mirror of this portal: the configured address, else the one that it
    /// used. None if that is no address.
    pub fn base(&self, host: Option<&HeaderValue>, prefix: &str) -> Option<Base> {
        match &self.public {
            Some(base) => Some(base.clone()),
            None => Base::at_host(false, host?.to_str().ok()?, prefix.strip_prefix('/')).ok(),
        }
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
    /// The part of the path that chose it, such as `/sports`; nothing, if something else did.
    pub prefix: &'a str,
    /// The path without that.
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
            return Chosen { portal, prefix: "", path };
        }
        if self.0.len() > 1 {
            for portal in &self.0 {
                let Some(rest) = path.strip_prefix('/').and_then(|path| path.strip_prefix(portal.name.as_str())) else { continue };
                if rest.is_empty() || rest.starts_with('/') {
                    let prefix = &path[..path.len() - rest.len()];
                    return Chosen { portal, prefix, path: if rest.is_empty() { "/" } else { rest } };
                }
            }
        }
        Chosen { portal: &self.0[0], prefix: "", path }
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
    use super::versions::{Table, Terms};
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
                    let versions = Versions::new(Terms::of(&config.cache), Table::default());
                    Arc::new(Portal::new(&settings, None, &config.origin, versions, Look::new(0, None), &Clock::system()).unwrap())
                })
                .collect(),
        )
    }

    #[test]
    fn the_part_of_the_path_that_chose_the_portal_is_told() {
        let two = portals(&[("education", &[]), ("sports", &["sports.example"])]);
        for (host, path, prefix) in
            [("x", "/sports/api/x", "/sports"), ("x", "/api/x", ""), ("sports.example", "/sports/x", ""), ("x", "/sports", "/sports")]
        {
            assert_eq!(two.choose(host, path).prefix, prefix, "{host}{path}");
        }
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
