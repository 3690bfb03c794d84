//! A client for tests: one request on a connection of its own, or bytes as they are.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Nothing in a test takes this long unless it hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub fields: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// A field's text, empty if it is absent.
    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", |value| value.to_str().expect("a test's fields are ASCII"))
    }

    pub fn cache_status(&self) -> &str {
        self.field("cache-status")
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }
}

/// `GET target` without any field but `Host`.
pub async fn get(to: SocketAddr, target: &str) -> Answer {
    send(to, Method::GET, target, &[], Bytes::new()).await
}

/// `GET target` with fields.
pub async fn get_with(to: SocketAddr, target: &str, fields: &[(&str, &str)]) -> Answer {
    send(to, Method::GET, target, fields, Bytes::new()).await
}

/// Asks until the answer comes from store: a large body that has just ended for its readers is stored a moment later, and whoever asks in that
/// moment reads the same fill.
#[allow(dead_code, reason = "each test binary uses its part")]
pub async fn hit(to: SocketAddr, target: &str, fields: &[(&str, &str)]) -> Answer {
    for _ in 0..10_000 {
        let answer = get_with(to, target, fields).await;
        assert_eq!(answer.field("x-preau-cost"), "0", "{target}: {}", answer.cache_status());
        if answer.cache_status().starts_with("preau; hit") || answer.status == 304 || answer.status == 206 {
            return answer;
        }
        tokio::task::yield_now().await;
    }
    panic!("{target} is not stored");
}

/// Any request; panics if the connection breaks before the end of the body.
pub async fn send(to: SocketAddr, method: Method, target: &str, fields: &[(&str, &str)], body: Bytes) -> Answer {
    try_send(to, method, target, fields, body).await.unwrap_or_else(|error| panic!("{target}: {error:?}"))
}

/// Any request.
///
/// # Errors
///
/// If the connection breaks before the end of the body.
pub async fn try_send(
    to: SocketAddr,
    method: Method,
    target: &str,
    fields: &[(&str, &str)],
    body: Bytes,
) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
    let exchange = async {
        let stream = TcpStream::connect(to).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(target);
        if !fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request = request.header("host", to.to_string());
        }
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let (head, body) = sender.send_request(request.body(Full::new(body))?).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        connection.abort();
        Ok(Answer { status: head.status, fields: head.headers, body })
    };
    tokio::time::timeout(PATIENCE, exchange).await?
}

/// Writes `bytes` as they are, and reads until the server closes or, once it has begun to answer, `quiet` passes without a byte.
pub async fn raw(to: SocketAddr, bytes: &[u8], quiet: Duration) -> Vec<u8> {
    let mut stream = TcpStream::connect(to).await.expect("the server listens");
    // The server may close before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut patience = PATIENCE;
    while let Ok(Ok(read)) = tokio::time::timeout(patience, stream.read(&mut buffer)).await {
        if read == 0 {
            break;
        }
        patience = quiet;
        answer.extend_from_slice(&buffer[..read]);
    }
    answer
}
