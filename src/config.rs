//! What the operator decides: one struct per concern, every field with meaning, unit and default.
//!
//! `file` reads the text, `environment` and the command line's flags lay their values over it, and `Config::load` checks the whole
//! once at start and reports every fault of a run together. After that nothing reads settings from anywhere else.

mod accounts;
mod entry;
mod environment;
mod faults;
mod file;
mod keys;
mod layers;
mod networks;
mod portals;
mod secrets;
mod sections;
mod shares;
mod teams;
mod values;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use crate::team::Class;

pub use environment::Environment;
pub use faults::{Fault, Faults, Place};
pub use keys::{KeyHash, PREFIX as KEY_PREFIX};
pub use teams::named as team_name;
pub use values::size_text;

use layers::Layers;

/// What flags say, as written: faults in them are reported like all others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--config FILE`. Default: `PREAU_CONFIG`, else no file.
    pub config: Option<PathBuf>,
    /// `--listen ADDR`.
    pub listen: Option<String>,
    /// `--admin ADDR`.
    pub admin: Option<String>,
    /// `--data DIR`.
    pub data: Option<PathBuf>,
    /// `--portal NAME=URL`, each. If there is any, they replace the list; one whose name is in the file keeps its other settings.
    pub portals: Vec<String>,
}

impl Config {
    /// Reads and checks everything: flags win over `PREAU_*` variables, these over the file, that over defaults.
    ///
    /// # Errors
    ///
    /// Every fault of file, environment and flags together.
    pub fn load(overrides: &Overrides, environment: &Environment) -> Result<Self, Faults> {
        let mut layers = Layers::gather(overrides, environment);
        let config = read(&mut layers);
        sections::check_together(&config, &mut layers);
        layers.finish().map(|()| config)
    }
}

impl Config {
    /// Where clients find the mirror of `portal`, if that is configured: its own address, or that of the server, with its name where there are
    /// several.
    pub fn public_url_of(&self, portal: &Portal) -> Option<Url> {
        if let Some(own) = &portal.public_url {
            return Some(own.clone());
        }
        let mut url = self.listen.public_url.clone()?;
        if self.portals.len() > 1 {
            let path = format!("{}/{}", url.path().trim_end_matches('/'), portal.name);
            url.set_path(&path);
        }
        Some(url)
    }
}

/// Asks for every setting there is.
fn read(layers: &mut Layers<'_>) -> Config {
    let portals = portals::read(layers);
    let accounts = accounts::read(layers, &portals);
    let budget = sections::budget(layers);
    let teams = teams::read(layers, &portals, &accounts);
    shares::check(&teams, &portals.in_force, &budget, layers);
    Config {
        listen: sections::listen(layers),
        data: sections::data(layers),
        portals: portals.in_force,
        origin: sections::origin(layers),
        cache: sections::cache(layers),
        budget,
        teams: teams.into_iter().map(|listed| listed.team).collect(),
        accounts: accounts.read,
        telemetry: sections::telemetry(layers),
    }
}

/// The whole configuration, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Sockets and their limits.
    pub listen: Listen,
    /// The directory that holds the ledger and the stored responses. One process at a time. Default: the platform's state directory.
    pub data: PathBuf,
    /// The portals that are mirrored, at least one. The first is the default portal.
    pub portals: Vec<Portal>,
    /// How calls are sent.
    pub origin: Origin,
    /// What is stored and for how long it is fresh.
    pub cache: Cache,
    /// The daily budget of outbound calls.
    pub budget: Budget,
    /// The teams that share it. The first two are [`TeamId::DEFAULT`](crate::team::TeamId::DEFAULT) and
    /// [`TeamId::BROWSER`](crate::team::TeamId::BROWSER), whether the file names them or not.
    pub teams: Vec<Team>,
    /// The organisation's own accounts at portals, beside the anonymous one.
    pub accounts: Vec<Account>,
    /// Logs.
    pub telemetry: Telemetry,
}

/// `[listen]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Where the mirror answers. Default `0.0.0.0:8080`; port 0 takes a free one.
    pub mirror: SocketAddr,
    /// Where the admin API answers. Default `127.0.0.1:8081`.
    pub admin: SocketAddr,
    /// Time from the first byte of a request to the end of its head. Default 10 s.
    pub header_timeout: Duration,
    /// Time a connection may be open, or idle between two requests, without a byte of a request; for the body of a request; and for a client
    /// to take more of an answer. Default 60 s.
    pub idle_timeout: Duration,
    /// Connections open at once on the mirror; further ones wait in the kernel's queue. Default 10,000.
    pub max_connections: NonZeroUsize,
    /// Bytes of a request's head that are read before 431. Default 64 KiB.
    pub max_head_bytes: usize,
    /// Bytes of a request's target before 414. Default 16 KiB.
    pub max_target_bytes: usize,
    /// How long a stop waits for exchanges and fills under way. Default 30 s.
    pub shutdown_deadline: Duration,
    /// The address by which clients know the mirror, for links in answers; of several portals, each is found there under its name. Default
    /// none: the address that each client used.
    pub public_url: Option<Url>,
    /// Networks of proxies in front of the mirror whose `Forwarded` and `X-Forwarded-For` are believed. Default none.
    pub trusted_proxies: Vec<IpNet>,
    /// Origins whose pages may spend the budget of the team that their reader's network belongs to: `https://portail.intra.example`. Default
    /// none: what pages of other origins ask is paid by the team `browser`.
    pub allowed_origins: Vec<String>,
}

/// `[[portal]]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Portal {
    /// Its name in paths, logs and the ledger: `[a-z0-9-]{1,32}`. Default `education`.
    pub name: String,
    /// Its origin: scheme, host and port, nothing else. Default `https://data.education.gouv.fr`.
    pub url: Url,
    /// `Host` names that choose this portal, compared without case and without port. Default none.
    pub hosts: Vec<String>,
    /// Calls that the portal grants an anonymous caller per UTC day. Lower values that the portal states itself are believed; higher
    /// ones are not. Default 5000.
    pub daily_calls: NonZeroU32,
    /// The address by which clients know this portal's mirror. Default: that of `[listen]`.
    pub public_url: Option<Url>,
    /// Whether absolute links to the portal in its answers become links to the mirror. Default yes.
    pub rewrite_links: bool,
    /// Whether this portal's clients may force calls by what their requests say (`Cache-Control: no-cache`, `max-age`, `min-fresh`, `no-store`).
    /// Default no: whoever reloads a page would spend everybody's calls. `max-stale` and `only-if-cached` cost no call and are obeyed either way.
    pub may_force: bool,
    /// Portal keys that unlock nothing an anonymous caller does not get (a public read key in a web page): dropped before the call.
    /// Default none.
    pub same_as_anonymous: Vec<Secret>,
    /// What becomes of other keys of the portal that clients send. Default `pass`.
    pub client_keys: ClientKeys,
}

/// What becomes of a credential of the portal that a client sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientKeys {
    /// It is passed on: the call is made with its rights, on its account, and the answer is kept apart.
    #[default]
    Pass,
    /// It is taken off, and the question asked as by anybody.
    Strip,
    /// The request is refused.
    Refuse,
}

/// `[[team]]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// Its name: `[a-z0-9-]{1,32}`.
    pub name: String,
    /// Hashes of the keys that its clients carry, as `preau key new` prints them. Default none.
    pub keys: Vec<KeyHash>,
    /// Networks whose clients belong to it without a key. Of several that hold an address, the narrowest counts. Default none.
    pub networks: Vec<IpNet>,
    /// Calls of each day that no other team takes from it, until they are released (`release`). Default 0.
    pub guaranteed: PerPortal,
    /// Calls of each day that it never exceeds. Default none; of the team `browser`, 100.
    pub ceiling: PerPortal,
    /// How it spends. Default `interactive`.
    pub class: Class,
    /// Whether its clients may force calls by what their requests say, at every portal. Default no.
    pub may_force: bool,
    /// The accounts, by name, that it may use where the anonymous one refuses it. Default none.
    pub overflow: Vec<String>,
}

/// A number of calls, of every portal's day or of that of one named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PerPortal {
    /// Of each portal that is not named below.
    pub each: Option<u32>,
    /// By portal.
    pub named: BTreeMap<String, u32>,
}

impl PerPortal {
    /// That of one portal.
    pub fn of(&self, portal: &str) -> Option<u32> {
        self.named.get(portal).copied().or(self.each)
    }
}

/// `[[account]]`: a key of the organisation's own at a portal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its name, by which teams refer to it.
    pub name: String,
    /// The portal whose key it is. Default: the only one.
    pub portal: String,
    /// The key, from `key_file`.
    pub key: Secret,
    /// Calls a day that are assumed until the portal states the key's own limit. Default 5000.
    pub daily_calls: NonZeroU32,
}

/// `[origin]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Whom the portal's administrator may write to, sent in `User-Agent`: an e-mail or web address. Default none.
    pub contact: Option<String>,
    /// Time to a connection, TLS included. Default 5 s.
    pub connect_timeout: Duration,
    /// Time from the request to the head of the answer. Default 60 s: exports are computed before their first byte.
    pub first_byte_timeout: Duration,
    /// Longest pause inside a body. Default 30 s.
    pub idle_timeout: Duration,
    /// Longest time for a whole exchange with the portal. Default 30 min.
    pub whole_timeout: Duration,
    /// PEM file of certificate authorities trusted beside the platform's own. Default none.
    pub ca_file: Option<PathBuf>,
    /// The proxy for calls, from `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`.
    pub proxy: ProxyVariables,
}

/// The proxy variables of the environment, as found (lower-case names win, as in curl).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyVariables {
    /// `https_proxy` or `HTTPS_PROXY`.
    pub https: Option<Secret>,
    /// `http_proxy`; `HTTP_PROXY` is ignored where `REQUEST_METHOD` is set (httpoxy).
    pub http: Option<Secret>,
    /// `all_proxy` or `ALL_PROXY`.
    pub all: Option<Secret>,
    /// `no_proxy` or `NO_PROXY`.
    pub no: Option<String>,
}

/// `[cache]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    /// Bytes of stored responses kept in memory. Default 256 MiB.
    pub memory_bytes: NonZeroU64,
    /// Bytes of stored responses kept on disk, in the data directory. Default 10 GiB; zero: none, and what memory lets go is lost.
    pub disk_bytes: u64,
    /// Stored responses kept on disk. Default 1,000,000.
    pub disk_entries: u64,
    /// Bytes of the file system that are left to others. Default 1 GiB.
    pub disk_free_bytes: u64,
    /// Largest body, as received, that is completed before its head is sent. Larger ones go to disk and to the clients while they arrive.
    /// Default 256 KiB.
    pub buffer_limit: NonZeroUsize,
    /// Up to this size a body goes on arriving although its last reader has left. Default 512 MiB; zero: only if it is nearly whole.
    pub finish_limit: u64,
    /// How long after it was asked the portal's catalogue vouches for the answers of datasets that it says have not moved. An answer without a
    /// stale label is never further behind the portal than this. Default 5 min.
    pub freshness_bound: Duration,
    /// How long an answer may be fresh although its dataset does not move: labels and visibility can change without it. Default 24 h.
    pub max_unmoved: Duration,
    /// The same once the dataset's metadata has moved and its data has not. Default 1 h.
    pub max_unmoved_after_metadata: Duration,
    /// What was fetched within this time of our first sight of a version is fetched once more after it: a portal may state a version before it
    /// answers with it. Default 2 min; zero: it is not.
    pub settle: Duration,
    /// When it is fetched once more again, after our first sight of the version, if the version moved and the bytes did not. Default 30 min;
    /// zero: it is not.
    pub settle_again: Duration,
    /// Calls at once, of all portals together, that renew stale answers. Further askers get the stale one, labelled `paced`. Default 4.
    pub concurrent_refreshes: NonZeroUsize,
    /// Calls a minute, of all portals together, that renew stale answers. Further askers get the stale one, labelled `paced`. Default 30.
    pub refreshes_per_minute: NonZeroU32,
    /// Whether clients are told what is left of the freshness (`max-age=123`) instead of `max-age=0`. Default no: what a client or a cache
    /// in front of it keeps by itself outlives a change that we know of.
    pub client_freshness: bool,
    /// How long an answer of each family is fresh where no dataset version can say so.
    pub lifetimes: Lifetimes,
    /// How long an answer may be served, labelled, after it went stale, while the portal is slow, fails, or the budget is out. Default 7 days;
    /// zero: never.
    pub stale_if_error: Duration,
    /// How long an asker waits for a fill if a stale answer exists. Default 1 s; zero: not at all.
    pub patience: Duration,
    /// How long a 400 or 404 is remembered, at most `freshness_bound`. Default 5 min; zero: not at all.
    pub negative_lifetime: Duration,
}

/// `[cache.lifetimes]`: freshness lifetime per endpoint family; zero: stale at once. A family that is not named has `default`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Everything that is not named below. Default 10 min.
    pub default: Duration,
    /// Catalogue: lists of datasets, facets and exports of the catalogue.
    pub catalog: Duration,
    /// One dataset's metadata.
    pub dataset: Duration,
    /// Records, aggregates and facets of a dataset.
    pub records: Duration,
    /// Exports and downloads of a dataset.
    pub export: Duration,
    /// Attachments and files.
    pub attachment: Duration,
    /// Consoles and API descriptions.
    pub page: Duration,
}

/// `[budget]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Calls under way at once, per portal. Default 8.
    pub max_concurrent_calls: NonZeroUsize,
    /// Calls of each day kept for looks at the catalogue, at most a twentieth of the day's. Default 50.
    pub look_reserve: u32,
    /// Calls of each day kept for revalidation and audits, at most a twentieth of the day's. Default 100.
    pub revalidation_reserve: u32,
    /// Calls of each day that looks at the catalogue may take, failures included; where a look takes several calls or the day is short, looks
    /// are further apart. Default 300; zero: no looks, and lifetimes alone decide what is fresh.
    pub looks_per_day: u32,
    /// Calls of each day, out of `revalidation_reserve`, by which stored answers are compared with the portal's. Default 10; zero: none.
    pub audits_per_day: u32,
    /// From this time of day (UTC) guarantees are released: they fall linearly to nothing at 23:30. As time since midnight. Default 17:00.
    pub release: Duration,
    /// Questions that wait for a call at once, per portal; further ones are refused. Default 256.
    pub max_waiting: NonZeroUsize,
    /// Shortest time between the beginnings of two calls to one portal. Default none.
    pub min_gap: Duration,
    /// Calls a second that one client may set off, and in a burst before that counts. Default 10; zero: no limit.
    pub misses_per_second: u32,
    /// See [`misses_per_second`](Self::misses_per_second). Default 100.
    pub misses_burst: NonZeroU32,
    /// Whether answers carry `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers). Default yes.
    pub rate_limit_fields: bool,
    /// Whom clients are told to ask when they are refused: an address or a name. Default none.
    pub contact: Option<String>,
    /// Days for which it is kept who spent what. Default 30; zero: it is not.
    pub history_days: u32,
    /// Where warnings are sent, by POST, when half, four fifths and 95 % of a day are spent; from `webhook_file`. Default none.
    pub webhook: Option<Secret>,
}

impl Budget {
    /// Calls of a day of `daily_calls` kept for looks, and for revalidation: each at most a twentieth.
    pub fn reserves(&self, daily_calls: NonZeroU32) -> (u32, u32) {
        let most = daily_calls.get() / 20;
        (self.look_reserve.min(most), self.revalidation_reserve.min(most))
    }
}

/// `[telemetry]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telemetry {
    /// Shape of a log line. Default text.
    pub log_format: LogFormat,
    /// Filter in the syntax of `tracing_subscriber::EnvFilter`. Default `info`.
    pub log_filter: String,
}

/// Shape of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A value that prints as `…` wherever it is printed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(String);

impl Secret {
    /// Takes charge of `value`.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

impl std::fmt::Display for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests;
