//! HTTP/1.1 on the socket, by hand: a library would not let us break it where a fault has to.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A longer head is refused, as portals do.
const LONGEST_HEAD: usize = 64 * 1024;
/// A longer body is refused: nothing that reads needs one.
const LONGEST_BODY: usize = 1024 * 1024;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The target, byte for byte.
    pub target: String,
    /// Whether the client speaks HTTP/1.1, and so understands chunks.
    pub http_11: bool,
    /// Names and values of the fields, as they were spelt.
    pub fields: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// The first value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Whether a field lists this token.
    pub fn lists(&self, name: &str, token: &str) -> bool {
        let values = self.fields.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        values.flat_map(|(_, value)| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(token))
    }

    /// Whether the client takes a gzip body: listed, and not with weight zero.
    pub fn accepts_gzip(&self) -> bool {
        let values = self.fields.iter().filter(|(known, _)| known.eq_ignore_ascii_case("accept-encoding"));
        values.flat_map(|(_, value)| value.split(',')).any(|part| {
            let (coding, weight) = part.split_once(';').unwrap_or((part, ""));
            let refused = weight.trim().strip_prefix("q=").and_then(|q| q.trim().parse::<f64>().ok()) == Some(0.0);
            coding.trim().eq_ignore_ascii_case("gzip") && !refused
        })
    }
}

/// Why no request was read.
#[derive(Debug)]
pub enum Unread {
    /// The client left between requests.
    Ended,
    /// What came is not HTTP: answer with this status and close.
    Refused(u16),
    /// The connection broke.
    Broken,
}

impl From<io::Error> for Unread {
    fn from(_: io::Error) -> Self {
        Self::Broken
    }
}

/// A client's connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    /// Bytes that arrived behind what has been read: the next request, if the client pipelines.
    buffer: Vec<u8>,
}

impl Connection {
    /// Takes over an accepted stream.
    pub fn new(stream: TcpStream) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// Reads the head of the next request.
    ///
    /// # Errors
    ///
    /// [`Unread`], after which the connection is of no further use.
    pub async fn read_head(&mut self) -> Result<Request, Unread> {
        let mut searched = 0;
        let end = loop {
            if let Some(at) = self.buffer[searched..].windows(4).position(|window| window == b"\r\n\r\n") {
                break searched + at;
            }
            searched = self.buffer.len().saturating_sub(3);
            if self.buffer.len() > LONGEST_HEAD {
                let in_target = !self.buffer.contains(&b'\n');
                return Err(Unread::Refused(if in_target { 414 } else { 431 }));
            }
            if self.fill().await? == 0 {
                return Err(if self.buffer.is_empty() { Unread::Ended } else { Unread::Refused(400) });
            }
        };
        let head: Vec<u8> = self.buffer.drain(..end + 4).take(end).collect();
        parse_head(&head).ok_or(Unread::Refused(400))
    }

    /// Reads the body that the head announces into the request.
    ///
    /// # Errors
    ///
    /// As [`read_head`](Self::read_head).
    pub async fn read_body(&mut self, request: &mut Request) -> Result<(), Unread> {
        let chunked = request.lists("transfer-encoding", "chunked");
        let length = match request.field("content-length") {
            Some(_) if chunked => return Err(Unread::Refused(400)),
            Some(text) => text.trim().parse::<usize>().map_err(|_| Unread::Refused(400))?,
            None => 0,
        };
        if length > LONGEST_BODY {
            return Err(Unread::Refused(413));
        }
        if (length > 0 || chunked) && request.lists("expect", "100-continue") {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        if !chunked {
            request.body = self.take(length).await?;
            return Ok(());
        }
        loop {
            let line = self.take_line().await?;
            let size = usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16).map_err(|_| Unread::Refused(400))?;
            if size > LONGEST_BODY || request.body.len() + size > LONGEST_BODY {
                return Err(Unread::Refused(413));
            }
            if size == 0 {
                while !self.take_line().await?.is_empty() {}
                return Ok(());
            }
            request.body.extend(self.take(size).await?);
            self.take_line().await?;
        }
    }

    async fn fill(&mut self) -> io::Result<usize> {
        self.stream.read_buf(&mut self.buffer).await
    }

    async fn take(&mut self, length: usize) -> Result<Vec<u8>, Unread> {
        while self.buffer.len() < length {
            if self.fill().await? == 0 {
                return Err(Unread::Refused(400));
            }
        }
        Ok(self.buffer.drain(..length).collect())
    }

    async fn take_line(&mut self) -> Result<String, Unread> {
        loop {
            if let Some(at) = self.buffer.windows(2).position(|window| window == b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..at + 2).take(at).collect();
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            if self.buffer.len() > LONGEST_HEAD || self.fill().await? == 0 {
                return Err(Unread::Refused(400));
            }
        }
    }

    /// Sends bytes.
    ///
    /// # Errors
    ///
    /// If the client has gone.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Sends one chunk of a chunked body.
    ///
    /// # Errors
    ///
    /// If the client has gone.
    pub async fn send_chunk(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut framed = format!("{:x}\r\n", bytes.len()).into_bytes();
        framed.extend_from_slice(bytes);
        framed.extend_from_slice(b"\r\n");
        self.stream.write_all(&framed).await
    }

    /// Says nothing until the client leaves.
    pub async fn wait_for_the_client_to_leave(&mut self) {
        let mut sink = [0; 1024];
        while matches!(self.stream.read(&mut sink).await, Ok(read) if read > 0) {}
    }

    /// Ends the connection in order: what was sent arrives.
    pub async fn close(mut self) {
        // The client may have gone first; there is nobody left to tell.
        let _ = self.stream.shutdown().await;
    }

    /// Tears the connection down with a reset.
    pub fn reset(self) {
        // Without the option the drop is an ordinary close: still no answer.
        let _ = self.stream.set_zero_linger();
    }

    /// Looks at the first bytes without taking them: whether a control request is coming.
    pub async fn is_for_control(&self) -> bool {
        const CONTROL: &[u8] = b" /_simulator/";
        let mut start = [0; 32];
        let mut seen = 0;
        loop {
            let Ok(length) = self.stream.peek(&mut start).await else { return false };
            let known = &start[..length];
            if let Some(space) = known.iter().position(|byte| *byte == b' ') {
                let rest = &known[space..];
                if rest.len() >= CONTROL.len() || !CONTROL.starts_with(rest) {
                    return rest.starts_with(CONTROL);
                }
            }
            if length == seen || length == start.len() {
                return false;
            }
            seen = length;
            // A head that trickles in is waited for at leisure: `peek` alone would spin.
            tokio::task::yield_now().await;
        }
    }
}

fn parse_head(head: &[u8]) -> Option<Request> {
    // Field values may be Latin-1; targets of browsers are ASCII, those of others UTF-8.
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() || method.is_empty() || target.is_empty() {
        return None;
    }
    let http_11 = match version {
        "HTTP/1.1" => true,
        "HTTP/1.0" => false,
        _ => return None,
    };
    let mut fields = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        if name.is_empty() || name.ends_with([' ', '\t']) || name.starts_with([' ', '\t']) {
            return None;
        }
        fields.push((name.to_owned(), value.trim().to_owned()));
    }
    Some(Request { method: method.to_owned(), target: target.to_owned(), http_11, fields, body: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_taken_with_raw_quotes_in_its_target() {
        let request = parse_head(b"GET /a?where=b=\"<c>\" HTTP/1.1\r\nHost: x\r\naccept-encoding: br, gzip;q=0.5").unwrap();
        assert_eq!(request.target, "/a?where=b=\"<c>\"");
        assert!(request.accepts_gzip() && request.http_11);
    }

    #[test]
    fn a_malformed_head_is_none() {
        for head in ["GET / HTTP/2", "GET  / HTTP/1.1", "GET / HTTP/1.1\r\nname : x", "GET / HTTP/1.1\r\n folded"] {
            assert!(parse_head(head.as_bytes()).is_none(), "{head}");
        }
    }

    #[test]
    fn gzip_with_weight_zero_is_refused() {
        let request = parse_head(b"GET / HTTP/1.1\r\nAccept-Encoding: gzip;q=0, identity").unwrap();
        assert!(!request.accepts_gzip());
    }
}
