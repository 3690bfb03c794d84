//! Asks the admin listener of the running server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use clap::Args;
use http::header::{CONTENT_TYPE, HOST};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::config::{Config, Environment, Overrides};

/// Which server is asked.
#[derive(Clone, Debug, Args)]
pub struct Server {
    /// The configuration file, for the admin address.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The server's admin address.
    #[arg(long, value_name = "ADDR")]
    admin: Option<String>,
}

impl Server {
    /// Its admin address.
    ///
    /// # Errors
    ///
    /// Every fault of the configuration.
    pub fn address(&self, environment: &Environment) -> anyhow::Result<SocketAddr> {
        let overrides = Overrides { config: self.config.clone(), admin: self.admin.clone(), ..Overrides::default() };
        Ok(Config::load(&overrides, environment).map_err(anyhow::Error::msg)?.listen.admin)
    }
}

/// The server is on this machine or beside it: what takes longer is not well.
const PATIENCE: Duration = Duration::from_secs(5);

/// More than any answer of the admin API has.
const ANSWER_LIMIT: usize = 16 << 20;

/// The answer to `GET path`.
///
/// # Errors
///
/// If nobody answers at `admin`, or not in time, or not in HTTP.
pub async fn get(admin: SocketAddr, path: &str) -> anyhow::Result<(StatusCode, Bytes)> {
    ask(admin, Request::get(path).body(Full::default())?, PATIENCE).await
}

/// The answer to `POST path` with a JSON document.
///
/// # Errors
///
/// As [`get`].
pub async fn post(admin: SocketAddr, path: &str, document: &Value) -> anyhow::Result<(StatusCode, Bytes)> {
    post_patiently(admin, path, document, PATIENCE).await
}

/// The same for what takes the server some time, at most `patience`.
///
/// # Errors
///
/// As [`get`].
pub async fn post_patiently(admin: SocketAddr, path: &str, document: &Value, patience: Duration) -> anyhow::Result<(StatusCode, Bytes)> {
    let body = Full::from(document.to_string());
    ask(admin, Request::post(path).header(CONTENT_TYPE, "application/json").body(body)?, patience).await
}

/// The answer to `DELETE path`.
///
/// # Errors
///
/// As [`get`].
pub async fn delete(admin: SocketAddr, path: &str) -> anyhow::Result<(StatusCode, Bytes)> {
    ask(admin, Request::delete(path).body(Full::default())?, PATIENCE).await
}

/// What the server says, where it is asked to do something.
///
/// # Errors
///
/// Why it does not, in its own words.
pub fn answered((status, answer): (StatusCode, Bytes)) -> anyhow::Result<Value> {
    let answer: Value = serde_json::from_slice(&answer).with_context(|| format!("the server answered {status}, not in JSON"))?;
    if !status.is_success() {
        bail!("{}", answer["error"].as_str().unwrap_or("the server refused"));
    }
    Ok(answer)
}

async fn ask(admin: SocketAddr, mut request: Request<Full<Bytes>>, patience: Duration) -> anyhow::Result<(StatusCode, Bytes)> {
    let admin = reachable(admin);
    let asked = async {
        let stream = TcpStream::connect(admin).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        request.headers_mut().insert(HOST, admin.to_string().parse()?);
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, ANSWER_LIMIT).collect().await.map_err(anyhow::Error::from_boxed)?.to_bytes();
        Ok::<_, anyhow::Error>((head.status, body))
    };
    tokio::time::timeout(patience, asked)
        .await
        .with_context(|| format!("no answer in {patience:?}"))
        .flatten()
        .with_context(|| format!("no server answers on the admin address {admin}; is `preau serve` running, and with this configuration?"))
}

/// A server that listens on every address is reached on the loopback.
fn reachable(mut admin: SocketAddr) -> SocketAddr {
    if admin.ip().is_unspecified() {
        admin.set_ip(if admin.is_ipv4() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { IpAddr::V6(Ipv6Addr::LOCALHOST) });
    }
    admin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_every_address_is_asked_on_the_loopback() {
        for (admin, expected) in [("0.0.0.0:8081", "127.0.0.1:8081"), ("[::]:8081", "[::1]:8081"), ("10.1.2.3:1", "10.1.2.3:1")] {
            assert_eq!(reachable(admin.parse().unwrap()), expected.parse().unwrap());
        }
    }
}
