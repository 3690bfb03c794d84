//! What the server's parser makes of bytes as clients send them, compared with what the bare parser makes of their percent-encoded twin.
//!
//! The twin is made here a second time, from the whole of the bytes and with them all in view. Used by the tests and by the fuzz target.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use preau::server::boundary::{Boundary, Guarded};
use preau::server::head_watch::HeadWatch;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};

/// How the bytes arrive and what the service does.
#[derive(Clone, Debug, Default)]
pub struct Manner {
    /// Lengths of the stretches; what is left comes at once.
    pub stretches: Vec<usize>,
    /// Bodies are read before the answer.
    pub reads_bodies: bool,
    /// An exchange takes some time.
    pub takes_time: bool,
}

/// Bytes are one stretch after another, each when nothing is left to be done with those before.
const BETWEEN: Duration = Duration::from_millis(1);
/// An exchange that takes time.
const EXCHANGE: Duration = Duration::from_millis(3);
/// Longer than all that is under way. The clock is paused: it costs nothing.
const QUIET: Duration = Duration::from_secs(5);
/// Never met.
const HEAD_LIMIT: Duration = Duration::from_secs(600);

/// A request as the service had it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    line: String,
    target: String,
    fields: Vec<(String, Vec<u8>)>,
    body: Option<Result<Bytes, String>>,
    raw_fragment: bool,
}

/// All that a connection came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Course {
    requests: Vec<Seen>,
    /// What was answered before the client closed, and after.
    said: [String; 2],
    ended: String,
}

/// Panics if `sent` is not taken as its twin is, or if something is refused that the bare parser takes.
pub fn compare(sent: &[u8], manner: &Manner) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    let at_once = Manner { stretches: Vec::new(), ..manner.clone() };
    let Twin { sent: twin, fragments, certain } = twin(sent);
    let (mut taken, mut expected, mut bare) = runtime
        .block_on(async { (course(sent, manner, true).await, course(&twin, &at_once, false).await, course(sent, &at_once, false).await) });
    for (at, request) in taken.requests.iter_mut().enumerate() {
        let raw_fragment = std::mem::take(&mut request.raw_fragment);
        if let Some(expected) = fragments.get(at) {
            assert_eq!(raw_fragment, *expected, "request {at} of {:?}: {request:?}", String::from_utf8_lossy(sent));
        }
    }
    let whole = sent.ends_with(b"\n\n") || sent.ends_with(b"\n\r\n");
    let preface = sent.windows(3).any(|three| three == b"PRI");
    let drained = !certain && !manner.reads_bodies;
    for course in [&mut expected, &mut taken, &mut bare] {
        // Some of what the parser does depends on the stretches, without our stream too. A head that never ends is read again only when it
        // seems whole; the preface of HTTP/2, which is two heads, is answered with nothing if both came in one read.
        if !whole || preface || drained {
            (course.said, course.ended) = Default::default();
        }
        // A body that nobody reads is passed over if it is there at once; else the connection ends with it.
        if drained {
            course.requests.truncate(fragments.len());
        }
    }
    assert_eq!(taken, expected, "{manner:?} {:?}", String::from_utf8_lossy(sent));
    assert!(bare.requests.len() <= taken.requests.len(), "{bare:?} {taken:?}");
    for (bare, taken) in bare.requests.into_iter().zip(taken.requests) {
        if bare != taken {
            assert_eq!(Seen { target: encoded(bare.target.as_bytes(), &[]), ..bare }, taken);
        }
    }
}

async fn course(sent: &[u8], manner: &Manner, adapted: bool) -> Course {
    let (mut client, server) = tokio::io::duplex(1 << 20);
    let requests = Arc::default();
    let boundary = Boundary::default();
    let served = if adapted {
        let server = HeadWatch::new(server, boundary.clone(), HEAD_LIMIT);
        tokio::spawn(serve(server, boundary, Arc::clone(&requests), manner.clone()))
    } else {
        tokio::spawn(serve(server, boundary, Arc::clone(&requests), manner.clone()))
    };
    let mut rest = sent;
    for length in &manner.stretches {
        let (stretch, later) = rest.split_at((*length).min(rest.len()));
        // The server may have closed.
        let _ = client.write_all(stretch).await;
        tokio::time::sleep(BETWEEN).await;
        rest = later;
    }
    let _ = client.write_all(rest).await;
    let before = heard(&mut client).await;
    let _ = client.shutdown().await;
    let after = heard(&mut client).await;
    let ended = match served.await.expect("the connection does not panic") {
        Ok(()) => String::new(),
        Err(error) => error.to_string(),
    };
    let requests = std::mem::take(&mut *requests.lock().expect("nothing panicked"));
    Course { requests, said: [before, after], ended }
}

/// What the server says until it has nothing more to say.
async fn heard(client: &mut DuplexStream) -> String {
    let mut heard = Vec::new();
    let _ = tokio::time::timeout(QUIET, client.read_to_end(&mut heard)).await;
    String::from_utf8_lossy(&heard).into_owned()
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    boundary: Boundary,
    requests: Arc<Mutex<Vec<Seen>>>,
    manner: Manner,
) -> hyper::Result<()> {
    let service = service_fn(|request: Request<Incoming>| {
        let exchange = boundary.exchange(&request);
        let mut seen = seen(&request);
        seen.raw_fragment = boundary.raw_fragment().is_some();
        let at = {
            let mut requests = requests.lock().expect("nothing panicked");
            requests.push(seen);
            requests.len() - 1
        };
        let requests = Arc::clone(&requests);
        let (takes_time, reads_bodies) = (manner.takes_time, manner.reads_bodies);
        async move {
            if reads_bodies {
                let body = request.into_body().collect().await;
                let body = body.map(|body| body.to_bytes()).map_err(|error| error.to_string());
                requests.lock().expect("nothing panicked")[at].body = Some(body);
            }
            if takes_time {
                tokio::time::sleep(EXCHANGE).await;
            }
            Ok::<_, io::Error>(Response::new(Guarded::new(Empty::<Bytes>::new(), exchange)))
        }
    });
    http1::Builder::new().auto_date_header(false).max_headers(100).serve_connection(TokioIo::new(stream), service).await
}

fn seen(request: &Request<Incoming>) -> Seen {
    Seen {
        line: format!("{} {:?}", request.method(), request.version()),
        target: request.uri().to_string(),
        fields: request.headers().iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect(),
        body: None,
        raw_fragment: false,
    }
}

struct Twin {
    /// With the targets encoded.
    sent: Vec<u8>,
    /// Of each head that is certainly one, whether there is a `#` in its request line.
    fragments: Vec<bool>,
    /// Whether all of it is heads.
    certain: bool,
}

fn twin(sent: &[u8]) -> Twin {
    let (mut twin, mut fragments) = (Vec::new(), Vec::new());
    let mut rest = sent;
    loop {
        let begin = rest.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(rest.len());
        twin.extend_from_slice(&rest[..begin]);
        rest = &rest[begin..];
        let lines: Vec<&[u8]> = rest.split_inclusive(|byte| *byte == b'\n').collect();
        let Some((request_line, fields)) = lines.split_first() else { return Twin { sent: twin, fragments, certain: true } };
        twin.extend_from_slice(&twin_of_line(request_line));
        fragments.push(request_line.contains(&b'#'));
        rest = &rest[request_line.len()..];
        let mut certain = !request_line.starts_with(b"CONNECT ");
        for line in fields {
            twin.extend_from_slice(line);
            rest = &rest[line.len()..];
            if matches!(*line, b"\n" | b"\r\n") {
                break;
            }
            let text = String::from_utf8_lossy(line).to_ascii_lowercase();
            let (name, value) = text.split_once(':').unwrap_or_default();
            certain &= match name {
                "content-length" => value.trim().bytes().all(|digit| digit == b'0'),
                "transfer-encoding" | "upgrade" => false,
                _ => true,
            };
        }
        if !certain {
            twin.extend_from_slice(rest);
            return Twin { sent: twin, fragments, certain };
        }
    }
}

fn twin_of_line(line: &[u8]) -> Vec<u8> {
    let Some(method) = [&b"GET "[..], b"HEAD ", b"OPTIONS "].into_iter().find(|method| line.starts_with(method)) else {
        return line.to_vec();
    };
    let length = |bytes: &[u8], ends: &[u8]| bytes.iter().position(|byte| ends.contains(byte)).unwrap_or(bytes.len());
    let (target, version) = line[method.len()..].split_at(length(&line[method.len()..], b" #\n"));
    // An absolute target's path is behind its authority.
    let path_at = match target {
        [b'/', ..] => 0,
        _ => match target.windows(3).position(|three| three == b"://") {
            Some(scheme) => scheme + 3 + length(&target[scheme + 3..], b"/?"),
            None => target.len(),
        },
    };
    let (before, target) = target.split_at(path_at);
    let (path, query) = target.split_at(length(target, b"?"));
    [method, before, encoded(path, b"<>`").as_bytes(), encoded(query, b"\"<>").as_bytes(), version].concat()
}

/// `bytes` with those of `refused`, and those that are not ASCII, percent-encoded. What is left may be anything that is ASCII.
fn encoded(bytes: &[u8], refused: &[u8]) -> String {
    let encode = |byte: &u8| {
        if refused.contains(byte) || !byte.is_ascii() { format!("%{byte:02X}") } else { char::from(*byte).to_string() }
    };
    bytes.iter().map(encode).collect()
}
