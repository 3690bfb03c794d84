//! The tables of the file, key by key: how each value is read, its bounds, and its default with the reason for it.
//!
//! The meaning of each setting stands at its field in `config`; here stands what a value may be. What two settings must have in common is
//! checked last, when all of them are known.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use super::environment::is_root;
use super::faults::{Mistake, Place};
use super::layers::Layers;
use super::networks::{NETWORKS, ORIGINS, network_of_proxies, origin_of_pages};
use super::secrets::{self, Named};
use super::values::{
    address, contact, count, duration, line, list, log_filter, log_format, positive_duration, public_url, size, size_text, switch, text,
    time_of_day,
};
use super::{Budget, Cache, Config, Lifetimes, Listen, LogFormat, Origin, Secret, Telemetry};
// Whether a file of authorities or a proxy variable can be used is asked of what will use it, so that the answers cannot differ.
use crate::origin::{ProxyFault, authorities, proxy_for};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;
/// hyper panics below this size of its read buffer.
const SMALLEST_HEAD: u64 = 8 * KIB;
/// When guarantees are all released.
const GUARANTEES_END: &str = "23:30";
/// The `http` crate holds offsets into a target in 16 bits.
const LONGEST_TARGET: u64 = 65_534;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

const fn hours(hours: u64) -> Duration {
    minutes(60 * hours)
}

/// A count or size whose bounds start above zero and end within the type.
fn nonzero(value: u64) -> NonZeroUsize {
    usize::try_from(value).ok().and_then(NonZeroUsize::new).unwrap_or(NonZeroUsize::MAX)
}

pub(super) fn listen(layers: &mut Layers<'_>) -> Listen {
    let bytes = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
    Listen {
        mirror: layers.read_or("listen.mirror", address, SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8080))),
        // Who reaches it may read every team's use and, later, purge: nobody but this machine unless somebody decides so.
        admin: layers.read_or("listen.admin", address, SocketAddr::from((Ipv4Addr::LOCALHOST, 8081))),
        header_timeout: layers.read_or("listen.header_timeout", positive_duration, seconds(10)),
        idle_timeout: layers.read_or("listen.idle_timeout", positive_duration, seconds(60)),
        max_connections: nonzero(layers.read_or("listen.max_connections", count(1..=1_000_000), 10_000).into()),
        max_head_bytes: bytes(layers.read_or("listen.max_head_bytes", size(SMALLEST_HEAD..=16 * MIB), 64 * KIB)),
        max_target_bytes: bytes(layers.read_or("listen.max_target_bytes", size(256..=LONGEST_TARGET), 16 * KIB)),
        shutdown_deadline: layers.read_or("listen.shutdown_deadline", duration, seconds(30)),
        public_url: layers.read("listen.public_url", public_url),
        trusted_proxies: layers.read_or("listen.trusted_proxies", list(network_of_proxies, NETWORKS), Vec::new()),
        allowed_origins: layers.read_or("listen.allowed_origins", list(origin_of_pages, ORIGINS), Vec::new()),
    }
}

/// The data directory; if nothing states one and the platform has none, a fault.
pub(super) fn data(layers: &mut Layers<'_>) -> PathBuf {
    if let Some(path) = layers.read_path("data") {
        return path;
    }
    layers.environment().state_directory(is_root()).unwrap_or_else(|| {
        layers.refuse("data", "there is no home directory to keep state in", "name a directory with --data, PREAU_DATA or data = \"…\"");
        PathBuf::new()
    })
}

pub(super) fn origin(layers: &mut Layers<'_>) -> Origin {
    let ca_file = layers.read_path("origin.ca_file");
    if let Some(Err(fault)) = ca_file.as_deref().map(authorities) {
        let reason = std::error::Error::source(&fault).map_or_else(String::new, |source| format!(": {source}"));
        layers.refuse("origin.ca_file", format!("{fault}{reason}"), "name a PEM file with at least one BEGIN CERTIFICATE section");
    }
    Origin {
        contact: layers.read("origin.contact", contact),
        connect_timeout: layers.read_or("origin.connect_timeout", positive_duration, seconds(5)),
        first_byte_timeout: layers.read_or("origin.first_byte_timeout", positive_duration, seconds(60)),
        idle_timeout: layers.read_or("origin.idle_timeout", positive_duration, seconds(30)),
        // An export that the portal sends at 65 KB/s takes this long.
        whole_timeout: layers.read_or("origin.whole_timeout", positive_duration, minutes(30)),
        ca_file,
        proxy: layers.environment().proxy(),
    }
}

pub(super) fn cache(layers: &mut Layers<'_>) -> Cache {
    let memory_bytes = layers.read_or("cache.memory_bytes", size(MIB..=16 * TIB), 256 * MIB);
    let freshness_bound = layers.read_or("cache.freshness_bound", positive_duration, minutes(5));
    let refreshes_per_minute = layers.read_or("cache.refreshes_per_minute", count(1..=100_000), 30);
    Cache {
        memory_bytes: NonZeroU64::new(memory_bytes).unwrap_or(NonZeroU64::MIN),
        disk_bytes: layers.read_or("cache.disk_bytes", size(0..=16 * TIB), 10 * GIB),
        disk_entries: layers.read_or("cache.disk_entries", count(1..=100_000_000), 1_000_000).into(),
        disk_free_bytes: layers.read_or("cache.disk_free_bytes", size(0..=16 * TIB), GIB),
        buffer_limit: nonzero(layers.read_or("cache.buffer_limit", size(KIB..=1024 * MIB), 256 * KIB)),
        // Half of it is nothing to anybody, and the call is spent: what a connection brings in minutes is worth its end.
        finish_limit: layers.read_or("cache.finish_limit", size(0..=16 * TIB), 512 * MIB),
        // A look every five minutes is 288 a day.
        freshness_bound,
        max_unmoved: layers.read_or("cache.max_unmoved", positive_duration, hours(24)),
        max_unmoved_after_metadata: layers.read_or("cache.max_unmoved_after_metadata", positive_duration, hours(1)),
        settle: layers.read_or("cache.settle", duration, minutes(2)),
        settle_again: layers.read_or("cache.settle_again", duration, minutes(30)),
        // Half of what may be under way at once stays for what was never asked.
        concurrent_refreshes: nonzero(layers.read_or("cache.concurrent_refreshes", count(1..=1000), 4).into()),
        refreshes_per_minute: NonZeroU32::new(refreshes_per_minute).unwrap_or(NonZeroU32::MIN),
        client_freshness: layers.read_or("cache.client_freshness", switch, false),
        lifetimes: lifetimes(layers),
        // Users of the calendar keep it for a week to a month themselves.
        stale_if_error: layers.read_or("cache.stale_if_error", duration, hours(7 * 24)),
        patience: layers.read_or("cache.patience", duration, seconds(1)),
        // What is missing today may be published in a minute: nothing vouches for an error longer than for an answer.
        negative_lifetime: layers.read_or("cache.negative_lifetime", duration, minutes(5)).min(freshness_bound),
    }
}

fn lifetimes(layers: &mut Layers<'_>) -> Lifetimes {
    let default = layers.read_or("cache.lifetimes.default", duration, minutes(10));
    let mut family = |key| layers.read_or(key, duration, default);
    Lifetimes {
        default,
        catalog: family("cache.lifetimes.catalog"),
        dataset: family("cache.lifetimes.dataset"),
        records: family("cache.lifetimes.records"),
        export: family("cache.lifetimes.export"),
        attachment: family("cache.lifetimes.attachment"),
        page: family("cache.lifetimes.page"),
    }
}

pub(super) fn budget(layers: &mut Layers<'_>) -> Budget {
    Budget {
        // It bounds what a `kill -9` can cost, and what a portal sees of us at once.
        max_concurrent_calls: nonzero(layers.read_or("budget.max_concurrent_calls", count(1..=1000), 8).into()),
        look_reserve: layers.read_or("budget.look_reserve", count(0..=u32::MAX), 50),
        revalidation_reserve: layers.read_or("budget.revalidation_reserve", count(0..=u32::MAX), 100),
        // One each five minutes, and a dozen that failed.
        looks_per_day: layers.read_or("budget.looks_per_day", count(0..=u32::MAX), 300),
        audits_per_day: layers.read_or("budget.audits_per_day", count(0..=u32::MAX), 10),
        // Offices are closing, and what is left is of use to the night's batches alone.
        release: layers.read_or("budget.release", time_of_day(GUARANTEES_END), hours(17)),
        max_waiting: nonzero(layers.read_or("budget.max_waiting", count(1..=100_000), 256).into()),
        min_gap: layers.read_or("budget.min_gap", duration, Duration::ZERO),
        misses_per_second: layers.read_or("budget.misses_per_second", count(0..=u32::MAX), 10),
        misses_burst: NonZeroU32::new(layers.read_or("budget.misses_burst", count(1..=u32::MAX), 100)).unwrap_or(NonZeroU32::MIN),
        rate_limit_fields: layers.read_or("budget.rate_limit_fields", switch, true),
        contact: layers.read("budget.contact", line),
        history_days: layers.read_or("budget.history_days", count(0..=3660), 30),
        webhook: webhook(layers),
    }
}

fn webhook(layers: &mut Layers<'_>) -> Option<Secret> {
    const KEY: &str = "budget.webhook_file";
    let path = layers.read(KEY, text)?;
    let place = layers.place(KEY);
    secrets::address(Named { key: KEY, path: &path, place: &place }, layers)
}

pub(super) fn telemetry(layers: &mut Layers<'_>) -> Telemetry {
    Telemetry {
        log_format: layers.read_or("telemetry.log_format", log_format, LogFormat::Text),
        log_filter: layers.read_or("telemetry.log_filter", log_filter, "info".to_owned()),
    }
}

/// What settings must have in common.
pub(super) fn check_together(config: &Config, layers: &mut Layers<'_>) {
    let Listen { mirror, admin, .. } = config.listen;
    let same_ip = mirror.ip() == admin.ip() || mirror.ip().is_unspecified() || admin.ip().is_unspecified();
    if mirror.port() == admin.port() && mirror.port() != 0 && same_ip {
        layers.refuse("listen.admin", format!("{admin} is taken by listen.mirror ({mirror})"), "give the admin listener a port of its own");
    }
    let (target, head) = (config.listen.max_target_bytes as u64, config.listen.max_head_bytes as u64);
    if target > head {
        let wrong = format!("{} is more than listen.max_head_bytes ({}), which holds the target", size_text(target), size_text(head));
        layers.refuse("listen.max_target_bytes", wrong, "lower it, or raise listen.max_head_bytes");
    }
    let (limit, memory) = (config.cache.buffer_limit.get() as u64, config.cache.memory_bytes.get());
    if limit > memory {
        let wrong = format!("{} is more than cache.memory_bytes ({})", size_text(limit), size_text(memory));
        layers.refuse("cache.buffer_limit", wrong, "lower it, or raise cache.memory_bytes");
    }
    let disk = config.cache.disk_bytes;
    if disk != 0 && limit > disk {
        let wrong = format!("{} is more than cache.disk_bytes ({})", size_text(limit), size_text(disk));
        layers.refuse("cache.buffer_limit", wrong, "lower it, or raise cache.disk_bytes, or set that to 0 for no disk at all");
    }
    check_freshness(&config.cache, layers);
    let origin = &config.origin;
    for (key, part) in [("origin.connect_timeout", origin.connect_timeout), ("origin.first_byte_timeout", origin.first_byte_timeout)] {
        if part > origin.whole_timeout {
            layers.refuse(
                key,
                "it is longer than origin.whole_timeout, which would always come first",
                "lower it, or raise origin.whole_timeout",
            );
        }
    }
    for portal in &config.portals {
        if let Err(fault) = proxy_for(&origin.proxy, &portal.url) {
            let (ProxyFault::NotAnAddress { variable } | ProxyFault::Scheme { variable, .. }) = fault;
            let text = fault.to_string();
            let (wrong, right) = text.split_once("; ").unwrap_or((&text, "name an http or https proxy"));
            let place = Place::Environment { variable: variable.to_owned() };
            layers.fault(place, "the proxy of calls", Mistake::new(wrong, right));
        }
    }
}

/// The times of freshness among each other: only what could never come to pass is refused.
fn check_freshness(cache: &Cache, layers: &mut Layers<'_>) {
    let unmoved = [("cache.max_unmoved", cache.max_unmoved), ("cache.max_unmoved_after_metadata", cache.max_unmoved_after_metadata)];
    for (key, most) in unmoved {
        if most < cache.freshness_bound {
            layers.refuse(
                key,
                "it is shorter than cache.freshness_bound: what a look finds unmoved would be asked for again before the next look",
                "raise it, or lower cache.freshness_bound",
            );
        }
    }
    if cache.max_unmoved_after_metadata > cache.max_unmoved {
        layers.refuse(
            "cache.max_unmoved_after_metadata",
            "it is longer than cache.max_unmoved, which would always come first",
            "lower it, or raise cache.max_unmoved",
        );
    }
    if !cache.settle_again.is_zero() && cache.settle_again <= cache.settle {
        layers.refuse(
            "cache.settle_again",
            "it does not come after cache.settle, and both count from the first sight of a version",
            "raise it, lower cache.settle, or set it to \"0 s\" for no second time",
        );
    }
}
