//! The running server: the mirror's and the admin's listeners, their layers in order, and a stop that loses nothing.

pub mod boundary;
mod head;
pub mod head_watch;
pub mod listener;
mod request_line;
mod write_watch;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use http::{Request, Response, StatusCode};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::catch_panic::CatchPanicLayer;

use self::listener::{Limits, Listener};
use crate::admin;
use crate::audit::Audit;
use crate::audit::file::MemoryFile;
use crate::budget::{self, Budget, KeyAccount, PortalBudget, Share};
use crate::cache::disk::{self, DiskStore};
use crate::cache::fill::Fills;
use crate::cache::memory::MemoryStore;
use crate::cache::partition::Partitions;
use crate::cache::store::Store;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::exchange::ahead::Popular;
use crate::exchange::failures::Failures;
use crate::exchange::pace::Pace;
use crate::exchange::throttle::Throttle;
use crate::exchange::{self, Mirror};
use crate::history::{History, Notes, Webhook, WebhookFault, warnings};
use crate::origin;
use crate::portal::accounts::{self, Accounts};
use crate::portal::look::Look;
use crate::portal::versions::file::TableFile;
use crate::portal::versions::{Terms, Versions};
use crate::portal::{Portal, Portals};
use crate::request::client::Recognition;
use crate::request::credential::Fingerprint;
use crate::request::language::Spoken;
use crate::response::addressee::{Addressee, House};
use crate::response::problem::Problem;
use crate::response::rate_limit::RateLimitFields;
use crate::response::refusal::Words;

/// Both listeners, serving.
#[derive(Debug)]
pub struct Server {
    mirror: SocketAddr,
    admin: SocketAddr,
    state: Arc<Mirror>,
    stop: CancellationToken,
    connections: TaskTracker,
    listeners: TaskTracker,
    deadline: Duration,
}

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A listener.
    #[error(transparent)]
    Listen(#[from] io::Error),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] budget::OpenError),
    /// The thread of the history.
    #[error("the history's thread cannot be started: {0}")]
    History(#[source] io::Error),
    /// The webhook.
    #[error(transparent)]
    Webhook(#[from] WebhookFault),
    /// A key of the organisation's own.
    #[error(transparent)]
    Account(#[from] accounts::NoKey),
    /// A portal cannot be called as configured.
    #[error("portal `{portal}`: {source}")]
    Portal {
        /// Its name.
        portal: String,
        /// Why.
        source: origin::BuildError,
    },
}

impl Server {
    /// Opens the ledger, binds both listeners and serves. Makes no call.
    ///
    /// # Errors
    ///
    /// Whatever is in the way; nothing is left running then.
    pub async fn start(config: &Config, clock: Clock) -> Result<Self, StartError> {
        // The sockets first: they are what most often fails, and an address in use must not touch the ledger of the process that has it.
        let mirror_listener = Listener::bind(config.listen.mirror).await?;
        let admin_listener = Listener::bind(config.listen.admin).await?;
        let state = Arc::new(mirror(config, clock)?);
        let server = Self {
            mirror: mirror_listener.addr(),
            admin: admin_listener.addr(),
            state: Arc::clone(&state),
            stop: state.stopping.clone(),
            connections: TaskTracker::new(),
            listeners: TaskTracker::new(),
            deadline: config.listen.shutdown_deadline,
        };
        server.state.tasks.spawn(server.stop.clone().run_until_cancelled_owned(warnings::watch(Arc::clone(&state))));
        let limits = Limits::from(&config.listen);
        for (listener, router) in [(mirror_listener, mirror_router(Arc::clone(&state))), (admin_listener, admin::router(state))] {
            server.listeners.spawn(listener.serve(router, limits, server.stop.clone(), server.connections.clone()));
        }
        Ok(server)
    }

    /// The mirror's address.
    pub fn mirror(&self) -> SocketAddr {
        self.mirror
    }

    /// The admin's address.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Stops: takes no more connections, lets exchanges and fills under way end, flushes the ledger. What is not done by the deadline is
    /// dropped, charged as it is.
    pub async fn stop(self) {
        self.stop.cancel();
        self.listeners.close();
        self.listeners.wait().await;
        let done = async {
            self.connections.close();
            self.connections.wait().await;
            self.state.tasks.close();
            self.state.tasks.wait().await;
        };
        if tokio::time::timeout(self.deadline, done).await.is_err() {
            tracing::warn!(
                connections = self.connections.len(),
                fills = self.state.tasks.len(),
                "not everything was done by the deadline; what is left is dropped"
            );
        }
        self.state.store.close().await;
        // While the directory is still locked.
        self.state.history.close().await;
        self.state.budget.close().await;
    }
}

/// All that both listeners answer from.
pub(crate) fn mirror(config: &Config, clock: Clock) -> Result<Mirror, StartError> {
    let budgets: Vec<PortalBudget> = config.portals.iter().map(|portal| portal_budget(config, portal)).collect();
    // First of all that is in the data directory: its lock tells whether another process has it, and the store would sweep that one's files.
    let budget = Budget::open(&config.data, &budgets, &config.budget, clock.clone())?;
    let webhook = config.budget.webhook.as_ref().map(|address| Webhook::new(address, &config.origin)).transpose()?;
    let history = History::open(&config.data, &budgets, config.budget.history_days, webhook, clock.clone()).map_err(StartError::History)?;
    let portals = config.portals.iter().map(|settings| portal(config, settings, history.notes(), &clock)).collect::<Result<_, _>>()?;
    Ok(Mirror {
        portals: Portals::new(portals),
        clients: Recognition::new(config),
        store: store(config, &clock),
        fills: Fills::default(),
        history,
        partitions: Partitions::default(),
        budget,
        clock,
        popular: Popular::default(),
        failures: Failures::default(),
        throttle: Throttle::new(config.budget.misses_per_second, config.budget.misses_burst),
        refreshes: Pace::new(config.cache.concurrent_refreshes, config.cache.refreshes_per_minute),
        cache: config.cache.clone(),
        house: House::new(config),
        max_target_bytes: config.listen.max_target_bytes,
        content_timeout: config.listen.idle_timeout,
        tasks: TaskTracker::new(),
        stopping: CancellationToken::new(),
    })
}

fn portal_budget(config: &Config, portal: &config::Portal) -> PortalBudget {
    let share = |team: &config::Team| Share {
        team: team.name.clone(),
        guaranteed: team.guaranteed.of(&portal.name).unwrap_or(0),
        ceiling: team.ceiling.of(&portal.name),
        class: team.class,
    };
    let accounts = config.accounts.iter().filter(|account| account.portal == portal.name).map(|account| KeyAccount {
        name: account.name.clone(),
        fingerprint: Fingerprint::of(account.key.expose()).as_str().to_owned(),
        daily_calls: account.daily_calls,
    });
    PortalBudget {
        name: portal.name.clone(),
        daily_calls: portal.daily_calls,
        shares: config.teams.iter().map(share).collect(),
        accounts: accounts.collect(),
    }
}

/// A portal, with what an earlier process knew of its versions.
fn portal(config: &Config, settings: &config::Portal, notes: &Notes, clock: &Clock) -> Result<Arc<Portal>, StartError> {
    let (file, table) = TableFile::open(&config.data.join(VERSIONS), &settings.name, settings.url.as_str(), clock.read());
    let versions = Versions::new(Terms::of(&config.cache), table);
    if config.budget.looks_per_day == 0 {
        versions.refuse();
    }
    let look = Look::new(config.budget.looks_per_day, Some(file));
    let portal = Portal::new(settings, config.public_url_of(settings).as_ref(), &config.origin, versions, look, clock);
    let mut portal = portal.map_err(|source| StartError::Portal { portal: settings.name.clone(), source })?;
    portal.client = portal.client.noting(notes.clone(), &portal.name);
    portal.accounts = Accounts::of(config, &portal.name)?;
    let memory = MemoryFile::of(&config.data, &portal.name);
    portal.audit = Audit::recall(memory, config.budget.audits_per_day, &portal.rules, clock.now());
    portal.rate_limits = RateLimitFields::new(config.budget.rate_limit_fields, config.teams.len());
    Ok(Arc::new(portal))
}

fn store(config: &Config, clock: &Clock) -> Store {
    let cache = &config.cache;
    let memory = MemoryStore::new(cache.memory_bytes);
    let limits = disk::Limits { bytes: cache.disk_bytes, entries: cache.disk_entries, free_bytes: cache.disk_free_bytes };
    let disk = (cache.disk_bytes > 0).then(|| DiskStore::open(&config.data.join(STORE), limits));
    Store::new(memory, disk, clock.clone())
}

/// The disk store's place in the data directory.
const STORE: &str = "store";
/// The place of what is known of versions.
const VERSIONS: &str = "versions";

fn mirror_router(state: Arc<Mirror>) -> Router {
    Router::new()
        .fallback(|State(mirror): State<Arc<Mirror>>, request: Request<Body>| exchange::respond(mirror, request))
        .with_state(state)
        .layer(CatchPanicLayer::custom(panicked))
}

/// A fault of ours ends one exchange and no other. What the panic said is in the log, where its hook wrote it; who asked is gone with it.
fn panicked(_: Box<dyn std::any::Any + Send>) -> Response<Body> {
    let to = Addressee { spoken: Spoken::English, now: Timestamp::UNIX_EPOCH, team: None, contact: None };
    let words = Words { title: "A fault of this server", detail: "the exchange ended in a fault of this server".to_owned() };
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", words, &to).into_response("fault", 0)
}

/// Lets this process have as many files open as the system permits. The usual soft limit of 1,024 was chosen for programs that use
/// `select`, and is a tenth of the connections that the mirror takes.
pub fn raise_file_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        // A refusal leaves what was there.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
}
