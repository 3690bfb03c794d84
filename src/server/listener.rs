//! A listener: accepting, limits on connections, serving.
//!
//! The accept loop is our own because `axum::serve` arms no header time-out and bounds no connections, and the version sniffing of
//! hyper-util waits for a first byte for ever. HTTP/1.1 only.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::boundary::{Boundary, Guarded};
use super::head_watch::HeadWatch;
use super::write_watch::WriteWatch;
use crate::config;

/// What a connection may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Without a byte of a request, or without a byte taken of an answer.
    pub idle: Duration,
    /// From the first byte of a head to its end.
    pub head: Duration,
    /// Of a request's head.
    pub head_bytes: usize,
    /// Open at once.
    pub connections: usize,
}

impl From<&config::Listen> for Limits {
    fn from(listen: &config::Listen) -> Self {
        Self {
            idle: listen.idle_timeout,
            head: listen.header_timeout,
            head_bytes: listen.max_head_bytes,
            connections: listen.max_connections.get(),
        }
    }
}

/// Fields of a request: more than any client sends, fewer than a flood wants.
const MAX_FIELDS: usize = 100;

/// Pause after `accept` failed for want of file descriptors: the queue is still there, and trying again at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A bound socket that is not served yet.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    addr: SocketAddr,
}

impl Listener {
    /// Binds `addr`; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// The operating system's, with the address in it.
    pub async fn bind(addr: SocketAddr) -> io::Result<Self> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("cannot listen on {addr}: {error}"));
        let socket = TcpListener::bind(addr).await.map_err(named)?;
        let addr = socket.local_addr().map_err(named)?;
        Ok(Self { socket, addr })
    }

    /// The address that was bound.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves `router` until `stop`, then lets the connections finish the exchange they are in. Every connection is a task of `tracker`.
    pub async fn serve(self, router: Router, limits: Limits, stop: CancellationToken, tracker: TaskTracker) {
        let places = Arc::new(Semaphore::new(limits.connections));
        loop {
            // A place first and then a connection: those beyond the cap wait in the kernel's queue and cost nothing here.
            let accepted = async {
                let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
                (self.socket.accept().await, place)
            };
            let (accepted, place) = tokio::select! {
                () = stop.cancelled() => return,
                accepted = accepted => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let connection = serve_connection(stream, peer, router.clone(), limits, stop.clone());
                    tracker.spawn(async move {
                        connection.await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

async fn serve_connection(stream: TcpStream, peer: SocketAddr, router: Router, limits: Limits, stop: CancellationToken) {
    // Answers are written whole; waiting to fill a segment would only delay their ends.
    let _ = stream.set_nodelay(true);
    let boundary = Boundary::default();
    let io = TokioIo::new(HeadWatch::new(WriteWatch::new(stream, limits.idle), boundary.clone(), limits.head));
    let service = service_fn(move |request: Request<Incoming>| {
        let exchange = boundary.exchange(&request);
        let fragment = boundary.raw_fragment();
        let router = router.clone();
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            if let Some(fragment) = fragment {
                request.extensions_mut().insert(fragment);
            }
            let response: Response<Body> = router.oneshot(request).await?;
            Ok::<_, Infallible>(response.map(|body| Guarded::new(body, exchange)))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.idle)
        .max_headers(MAX_FIELDS)
        .max_buf_size(limits.head_bytes.max(MIN_BUFFER))
        .serve_connection(io, service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // A client that leaves or dribbles is everyday life on a socket.
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}

/// hyper refuses smaller buffers.
const MIN_BUFFER: usize = 8192;
