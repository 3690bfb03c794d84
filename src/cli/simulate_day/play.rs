//! Plays a day: moves the clock, lets clients ask, and reads the counts of both sides at its end.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::SendRequest;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::outcome::{Answered, Outcome};
use super::script::{Deed, Script, Step};
use crate::cli::scratch::Scratch;
use crate::cli::{admin_client, connection};
use crate::clock::Clock;
use crate::config::Config;
use crate::server::Server;
use crate::simulator::{self, Settings, Simulator};

/// Where a proxy would say whom it asks for.
const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// Plays the script to its end.
///
/// # Errors
///
/// If one of both does not start, or does not answer.
pub async fn play(script: &Script) -> anyhow::Result<Outcome> {
    let midnight = TimeZone::UTC.to_timestamp(script.day.to_datetime(jiff::civil::Time::midnight()))?;
    let scratch = Scratch::new("preau-day")?;
    let first = script.steps.first().map_or(Duration::ZERO, |step| step.at);
    let clock = Clock::manual(midnight + first);
    let settings = Settings { quota: script.portal.daily_calls, seed: script.portal.seed, clock: clock.clone(), ..Settings::default() };
    let portal = simulator::start(settings).await?;
    let config = configured(&script.config, &portal, &scratch)?;
    let server = Server::start(&config, clock.clone()).await?;
    let mut outcome = Outcome::of(script);
    let mut client = Client { mirror: server.mirror(), sender: None };
    for step in &script.steps {
        advance(&clock, midnight + step.at);
        perform(step, &mut client, portal.addr(), &mut outcome).await?;
    }
    let (_, report) = admin_client::get(server.admin(), "/api/v1/budget").await?;
    outcome.close(&json(&report)?, &json(&admin_client::get(portal.addr(), "/_simulator/calls").await?.1)?);
    server.stop().await;
    portal.stop().await;
    Ok(outcome)
}

/// The script's configuration, in front of the portal in a box, on addresses that touch nobody's, behind a proxy that names each client.
fn configured(config: &Config, portal: &Simulator, scratch: &Scratch) -> anyhow::Result<Config> {
    let mut config = config.clone();
    config.listen.mirror = SocketAddr::from(([127, 0, 0, 1], 0));
    config.listen.admin = SocketAddr::from(([127, 0, 0, 1], 0));
    config.listen.trusted_proxies = vec!["127.0.0.0/8".parse().context("a network of this machine")?];
    config.data = scratch.path().to_owned();
    ensure!(config.portals.len() == 1, "a day has one portal");
    config.portals[0].url = format!("http://{}", portal.addr()).parse()?;
    Ok(config)
}

fn advance(clock: &Clock, to: Timestamp) {
    // A script never goes back: its steps are in order.
    clock.advance(Duration::try_from(to.duration_since(clock.now())).unwrap_or_default());
}

async fn perform(step: &Step, client: &mut Client, portal: SocketAddr, outcome: &mut Outcome) -> anyhow::Result<()> {
    match &step.deed {
        Deed::Ask { team, client: address, origin, target } => {
            let (status, fields) = client.get(address, origin.as_deref(), target).await?;
            outcome.add(*team, step.at, &Answered::of(status, &fields));
        }
        Deed::Portal { control } => {
            let (status, _) = admin_client::post(portal, &format!("/_simulator/{control}"), &Value::Null).await?;
            ensure!(status.is_success(), "the portal in a box does not know `{control}`: {status}; see preau simulate --help");
        }
        Deed::Fault { fault: Some(fault) } => {
            let (status, answer) = admin_client::post(portal, "/_simulator/faults", fault).await?;
            ensure!(status.is_success(), "the portal in a box does not know this fault: {}", String::from_utf8_lossy(&answer));
        }
        Deed::Fault { fault: None } => {
            let (status, _) = admin_client::delete(portal, "/_simulator/faults").await?;
            ensure!(status.is_success(), "the portal in a box keeps its faults: {status}");
        }
    }
    Ok(())
}

fn json(answer: &[u8]) -> anyhow::Result<Value> {
    serde_json::from_slice(answer).context("an answer is not JSON")
}

/// The proxy behind which all clients ask, on one connection that is made anew when it ends.
struct Client {
    mirror: SocketAddr,
    sender: Option<SendRequest<Empty<Bytes>>>,
}

impl Client {
    async fn get(&mut self, address: &str, origin: Option<&str>, target: &str) -> anyhow::Result<(StatusCode, HeaderMap)> {
        let mut sender = match self.sender.take() {
            Some(sender) => sender,
            None => connection::to(self.mirror).await?,
        };
        if sender.ready().await.is_err() {
            sender = connection::to(self.mirror).await?;
        }
        let mut request = Request::get(target).header(HOST, self.mirror.to_string()).header(X_FORWARDED_FOR, address);
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        let response = sender.send_request(request.body(Empty::new())?).await?;
        let (head, body) = response.into_parts();
        body.collect().await?;
        self.sender = Some(sender);
        Ok((head.status, head.headers))
    }
}
