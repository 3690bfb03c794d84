//! The portal in a box: a small Opendatasoft portal with synthetic schools, the real one's shapes, fields, quota and errors, and faults on
//! demand. What the tests and the demo run against, and what anybody can test a client with without spending a call.

mod answer;
mod catalogue;
mod console;
mod control;
mod data;
mod delivery;
mod dice;
mod exchange;
mod explore;
mod fault;
mod files;
mod foreign;
mod graph;
mod json;
mod language;
mod lie;
mod metadata;
mod odsql;
mod others;
mod portal;
mod projection;
mod query;
mod quota;
mod refusal;
mod route;
mod rows;
mod search;
mod seen;
mod swell;
mod table;
mod target;
mod value;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

pub use self::control::help;
pub use self::data::{DATASETS, MOST_DATASETS};
use self::portal::Portal;
use self::wire::Connection;
use crate::clock::Clock;

/// What a portal is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it answers. Default: a free port of the loopback.
    pub listen: SocketAddr,
    /// Calls that it grants an anonymous caller per UTC day. Default 5000.
    pub quota: u64,
    /// How long it takes over each answer. Default: no time.
    pub delay: Duration,
    /// Chooses the data. Default 1.
    pub seed: u64,
    /// Datasets that everybody sees, from 64 to 2,000; outside, the nearer of the two. Default 64. Their rows are made when they are asked
    /// for.
    pub datasets: usize,
    /// What its clock reads at the start and after a reset. Default: the time of `clock`.
    pub now: Option<Timestamp>,
    /// What moves its clock. Default: the system's; one that a simulation moves by hand is shared with it.
    pub clock: Clock,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            quota: 5000,
            delay: Duration::ZERO,
            seed: 1,
            datasets: DATASETS,
            now: None,
            clock: Clock::system(),
        }
    }
}

/// A running portal. Dropped, it stops. What tests tell it to do while it runs, [`help`] lists.
#[derive(Debug)]
pub struct Simulator {
    addr: SocketAddr,
    accepting: JoinHandle<()>,
}

/// Connections at once.
const MAX_CONNECTIONS: usize = 4096;

/// Starts a portal.
///
/// # Errors
///
/// If its address cannot be had.
pub async fn start(settings: Settings) -> std::io::Result<Simulator> {
    let listener = TcpListener::bind(settings.listen).await?;
    let addr = listener.local_addr()?;
    let portal = Arc::new(Portal::new(settings));
    Ok(Simulator { addr, accepting: tokio::spawn(accept(listener, portal)) })
}

impl Simulator {
    /// Where it answers.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops it, and every connection with it.
    pub async fn stop(mut self) {
        self.accepting.abort();
        // It was aborted, which is what is awaited here.
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(mut listener: TcpListener, portal: Arc<Portal>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    // Owned here, so that they end with the loop.
    let mut connections = tokio::task::JoinSet::new();
    let mut deaf_until = portal.deaf_until.subscribe();
    let addr = listener.local_addr();
    loop {
        let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    // An answer is written in pieces. Without this each would wait for the client's delayed acknowledgement of the one before;
                    // a socket that does not take it still works.
                    let _ = stream.set_nodelay(true);
                    stream
                }
                // The client left, or there are no descriptors for a moment.
                Err(_) => continue,
            },
            _ = deaf_until.changed() => {
                let until = *deaf_until.borrow_and_update();
                if let (Some(until), Ok(addr)) = (until, &addr) {
                    drop(listener);
                    tokio::time::sleep_until(until).await;
                    listener = bind_again(*addr).await;
                }
                continue;
            }
        };
        let portal = Arc::clone(&portal);
        connections.spawn(async move {
            exchange::serve(portal, Connection::new(stream)).await;
            drop(place);
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Takes an address that was let go. Somebody may hold it for a moment.
async fn bind_again(addr: SocketAddr) -> TcpListener {
    loop {
        match TcpListener::bind(addr).await {
            Ok(listener) => return listener,
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}
