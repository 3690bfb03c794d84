//! The client of one portal: one call for one reservation.
//!
//! What the client library would do of itself is decided here, each thing explicitly: nothing is retried, no redirect is followed, nothing is
//! decoded, no HTTP/2 is spoken (the portal's `Content-Security-Policy` ends in white space, which strict HTTP/2 refuses; seen 2026-08-17), no
//! variable of the environment is read.
//!
//! One retry is left in the library and harmless: a request that was queued for a kept-alive connection which turned out to be closed *before*
//! a byte of it was written is taken back and written to another. A connection that closes once the request has been taken up is an
//! error, so one reservation is received at most once.

use std::time::Duration;

use http::StatusCode;
use reqwest::redirect;
use tokio::time::{Instant, timeout};
use url::Url;

use super::body::Patience;
use super::error::{BuildError, Error, Phase};
use super::proxy::proxy_for;
use super::request::{Call, Shape};
use super::response::Answer;
use super::trust::{authorities, install_cryptography};
use crate::budget::{Reservation, Seen};
use crate::clock::Clock;
use crate::config;
use crate::history::{Asks, CallNote, Notes};

/// Connections are kept this long for the next call. A portal's own limit is longer, as a rule a minute: whoever closes first should be us, because
/// a call that meets a connection just being closed is charged and lost.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Connections kept.
const MAX_KEPT: usize = 8;

/// What is decided of every client, whomever at `url` it asks: nothing is done of itself, and who is trusted and by which way it goes is as configured.
///
/// # Errors
///
/// If a proxy variable or the file of authorities cannot be used.
pub fn plain(url: &Url, origin: &config::Origin) -> Result<reqwest::ClientBuilder, BuildError> {
    install_cryptography();
    let mut builder = reqwest::Client::builder()
        .http1_only()
        .retry(reqwest::retry::never())
        .redirect(redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .connect_timeout(origin.connect_timeout);

    let via = proxy_for(&origin.proxy, url)?;
    // The platform's roots are read only where TLS is spoken: a machine without any can still mirror a portal on its own network.
    let over_tls = url.scheme() == "https" || via.as_ref().is_some_and(|via| via.is_tls());
    if let Some(via) = via {
        let mut proxy = reqwest::Proxy::all(via.uri().to_string()).map_err(BuildError::client)?;
        if let Some(authorization) = via.authorization() {
            proxy = proxy.custom_http_auth(authorization.clone());
        }
        builder = builder.proxy(proxy);
    }

    let mut ours = Vec::new();
    for certificate in origin.ca_file.as_deref().map(authorities).transpose()?.unwrap_or_default() {
        ours.push(reqwest::Certificate::from_der(&certificate).map_err(BuildError::client)?);
    }
    Ok(if over_tls { builder.tls_certs_merge(ours) } else { builder.tls_certs_only(ours) })
}

/// Sends calls to one portal. Clones share connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    shape: Shape,
    clock: Clock,
    /// The history that calls are noted in, and the portal's place in it.
    notes: Option<(Notes, usize)>,
    connect_timeout: Duration,
    first_byte_timeout: Duration,
    idle_timeout: Duration,
    whole_timeout: Duration,
}

impl Client {
    /// A client for `portal`. Opens no connection.
    ///
    /// # Errors
    ///
    /// If the portal's address, the contact, a proxy variable or the file of authorities cannot be used, or nothing is trusted at all.
    pub fn new(portal: &config::Portal, origin: &config::Origin, clock: Clock) -> Result<Self, BuildError> {
        let shape = Shape::new(&portal.url, origin.contact.as_deref())?;
        let builder = plain(&portal.url, origin)?.pool_idle_timeout(KEEP_ALIVE).pool_max_idle_per_host(MAX_KEPT);
        Ok(Self {
            http: builder.build().map_err(BuildError::client)?,
            shape,
            clock,
            notes: None,
            connect_timeout: origin.connect_timeout,
            first_byte_timeout: origin.first_byte_timeout,
            idle_timeout: origin.idle_timeout,
            whole_timeout: origin.whole_timeout,
        })
    }

    /// Notes each call in the history, where the portal is called `portal`.
    #[must_use]
    pub fn noting(self, notes: Notes, portal: &str) -> Self {
        let place = notes.portal(portal);
        Self { notes: Some((notes, place)), ..self }
    }

    /// Asks the portal `call`, at the cost of `reservation`, and waits for the head of the answer.
    ///
    /// The reservation is given back only if the request cannot have left, that is if there is no connection; whatever else goes wrong, it stays
    /// charged. A connection that has to be made counts towards the time to the first byte. If the future is dropped, the call is abandoned and stays charged: run it in a task of its own.
    ///
    /// # Errors
    ///
    /// Every kind but [`Error::Truncated`] and [`Error::Coding`], which only a body meets. [`Error::is_charged`] says which of them cost a call.
    pub async fn fetch(&self, call: Call, mut reservation: Reservation) -> Result<Answer, Error> {
        let dataset = call.dataset.clone();
        let is_keyed = call.authorization.is_some();
        let method = call.method.clone();
        let target = call.path_and_query.clone();
        let request = match self.shape.request(call) {
            Ok(request) => request,
            // Dropped before it departs, the reservation is given back.
            Err(error) => return Err(error),
        };
        let patience = Patience { idle: self.idle_timeout, whole: self.whole_timeout, began: Instant::now() };
        reservation.depart();
        let (purpose, payer) = (reservation.purpose(), reservation.payer());
        let noted = self.notes.as_ref().map(|(notes, portal)| {
            let asks = Asks { target, dataset: dataset.as_deref(), is_keyed };
            notes.call(*portal, purpose, payer, asks)
        });
        let response = match self.send(request).await {
            Ok(response) => response,
            Err(error) => {
                if error.is_charged() {
                    reservation.fail();
                } else {
                    noted.into_iter().for_each(CallNote::take_back);
                    reservation.give_back();
                }
                return Err(error);
            }
        };
        let mut answer = Answer::new(&method, response, patience);
        let mut seen = Seen::from_head(answer.status, &answer.headers, self.clock.now());
        seen.dataset = dataset;
        seen.refusal = answer.refusal().await;
        answer.body.hold(reservation.settle(&seen));
        if answer.status == StatusCode::NOT_MODIFIED {
            // Passed on, it would make a client believe that whatever it has is current.
            return Err(Error::NotModified);
        }
        Ok(answer)
    }

    /// Sends `request` and waits for the head of the answer.
    async fn send(&self, request: reqwest::Request) -> Result<reqwest::Response, Error> {
        let (phase, after) = if self.whole_timeout < self.first_byte_timeout {
            (Phase::Whole, self.whole_timeout)
        } else {
            (Phase::FirstByte, self.first_byte_timeout)
        };
        match timeout(after, self.http.execute(request)).await {
            Ok(Ok(response)) if response.status() == StatusCode::SWITCHING_PROTOCOLS => Err(Error::SwitchedProtocols),
            Ok(result) => result.map_err(|error| Error::of_sending(error, self.connect_timeout)),
            Err(_) => Err(Error::TimedOut { phase, after }),
        }
    }
}
