//! A client that shows an answer as it came: names and values of fields, the framing of the body, and whether it arrived whole.

use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;

use preau::simulator::{self, Settings, Simulator};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Nothing takes this long unless it hangs. Tests that pause time reach it at once.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub const V21: &str = "/api/explore/v2.1/catalog";
pub const DIRECTORY: &str = "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education";
pub const CALENDAR: &str = "/api/explore/v2.1/catalog/datasets/fr-en-calendrier-scolaire";

/// A running portal.
pub struct Portal(Simulator);

/// An answer, read until the portal closed the connection.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case, values as they stood between `: ` and the line's end.
    pub fields: Vec<(String, String)>,
    /// The body, without its chunks.
    pub body: Vec<u8>,
    /// How long each chunk was.
    pub chunks: Vec<usize>,
    /// Whether the body is as long as its framing says.
    pub whole: bool,
}

impl Portal {
    pub async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub async fn with(settings: Settings) -> Self {
        Self(simulator::start(settings).await.expect("a free port"))
    }

    pub async fn with_quota(quota: u64) -> Self {
        Self::with(Settings { quota, ..Settings::default() }).await
    }

    pub fn addr(&self) -> SocketAddr {
        self.0.addr()
    }

    pub async fn stop(self) {
        self.0.stop().await;
    }

    pub async fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, &[], "").await
    }

    pub async fn get_with(&self, target: &str, fields: &[(&str, &str)]) -> Answer {
        self.ask("GET", target, fields, "").await
    }

    /// A `GET` that must be answered 200 with JSON.
    pub async fn json(&self, target: &str) -> Value {
        let answer = self.get(target).await;
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        answer.json()
    }

    pub async fn ask(&self, method: &str, target: &str, fields: &[(&str, &str)], body: &str) -> Answer {
        let bytes = self.send(&request(method, target, fields, body)).await.expect("the portal reads");
        Answer::parse(&bytes, method == "HEAD").unwrap_or_else(|| panic!("{target}: no answer in {:?}", String::from_utf8_lossy(&bytes)))
    }

    /// Sends bytes, and returns what comes back until the connection ends.
    pub async fn send(&self, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        let exchange = async {
            let mut stream = TcpStream::connect(self.addr()).await?;
            // The portal may refuse before it has read everything.
            let _ = stream.write_all(bytes).await;
            let mut answer = Vec::new();
            let mut buffer = vec![0; 64 * 1024];
            loop {
                match stream.read(&mut buffer).await {
                    Ok(0) => return Ok(answer),
                    Ok(read) => answer.extend_from_slice(&buffer[..read]),
                    Err(error) if answer.is_empty() => return Err(error),
                    Err(_) => return Ok(answer),
                }
            }
        };
        tokio::time::timeout(PATIENCE, exchange).await?
    }

    pub async fn control(&self, method: &str, path: &str, body: &str) -> Value {
        let answer = self.ask(method, &format!("/_simulator/{path}"), &[], body).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    pub async fn fault(&self, fault: &str) {
        self.control("POST", "faults", fault).await;
    }

    pub async fn calls(&self) -> Value {
        self.control("GET", "calls", "").await
    }
}

/// A request on a connection that ends with it.
pub fn request(method: &str, target: &str, fields: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: portail.example\r\nConnection: close\r\n");
    for (name, value) in fields {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    format!("{head}\r\n{body}").into_bytes()
}

impl Answer {
    /// None if there is not even a head.
    pub fn parse(bytes: &[u8], bodiless: bool) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        let fields: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())))
            .collect::<Option<_>>()?;
        let mut answer = Self { status, fields, body: bytes[end + 4..].to_vec(), chunks: Vec::new(), whole: true };
        if answer.field("transfer-encoding") == "chunked" {
            answer.unchunk();
        } else if let Ok(length) = answer.field("content-length").parse::<usize>() {
            answer.whole = bodiless || answer.body.len() == length;
        }
        Some(answer)
    }

    fn unchunk(&mut self) {
        let framed = std::mem::take(&mut self.body);
        let mut rest = framed.as_slice();
        self.whole = false;
        while let Some(at) = rest.windows(2).position(|window| window == b"\r\n") {
            let size = std::str::from_utf8(&rest[..at]).ok().and_then(|text| usize::from_str_radix(text, 16).ok()).expect("a chunk's size");
            rest = &rest[at + 2..];
            if size == 0 {
                assert_eq!(rest, b"\r\n", "nothing follows the last chunk");
                self.whole = true;
                return;
            }
            self.chunks.push(size);
            self.body.extend_from_slice(&rest[..size.min(rest.len())]);
            rest = rest.get(size + 2..).unwrap_or_default();
        }
    }

    /// The value of a field, empty if it is absent.
    pub fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The names of the fields, sorted.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.fields.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        assert!(self.whole, "the body was cut");
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn gunzip(&self) -> Vec<u8> {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(self.body.as_slice()).read_to_end(&mut plain).expect("it is gzip");
        plain
    }
}
