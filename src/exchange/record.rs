//! The line that an exchange leaves in the log.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use axum::extract::ConnectInfo;
use http::request::Parts;
use http::{Method, StatusCode};

use crate::request::credential::redacted;
use crate::response::cache_status::CacheStatus;

/// What is known of an exchange when its request has been read. A record that is dropped without an end is that of a client that left before
/// its answer was ready.
#[derive(Debug)]
pub(super) struct Record {
    began: Instant,
    method: Method,
    target: String,
    peer: Option<IpAddr>,
    waited: Option<Duration>,
    ended: bool,
}

impl Record {
    /// Begins the record of a request. The target is redacted here: no later line can forget to.
    pub(super) fn begin(head: &Parts) -> Self {
        let target = head.uri.path_and_query().map_or("*", |target| target.as_str());
        Self {
            began: Instant::now(),
            method: head.method.clone(),
            target: redacted(target).into_owned(),
            peer: head.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip()),
            waited: None,
            ended: false,
        }
    }

    /// Notes how long the request waited for the portal, if it did.
    pub(super) fn waited(&mut self, waited: Option<Duration>) {
        self.waited = waited;
    }

    /// Writes the line, when the head of the answer is ready.
    pub(super) fn end(mut self, status: StatusCode, cost: u8, outcome: &str, cache: &CacheStatus) {
        self.ended = true;
        tracing::info!(
            method = %self.method,
            target = self.target,
            status = status.as_u16(),
            outcome,
            cost,
            duration_ms = ms(self.began.elapsed()),
            waited_ms = self.waited.map(ms),
            cache = %cache,
            peer = self.peer.map(tracing::field::display),
            "exchange"
        );
    }
}

/// To the microsecond: what is below is the clock's own noise.
fn ms(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e3
}

impl Drop for Record {
    fn drop(&mut self) {
        if !self.ended {
            tracing::info!(
                method = %self.method,
                target = self.target,
                outcome = "client-left",
                duration_ms = ms(self.began.elapsed()),
                peer = self.peer.map(tracing::field::display),
                "exchange"
            );
        }
    }
}
