//! How the bytes of an answer leave: framing, compression, and the ways in which a fault breaks them.

use std::io;
use std::time::Duration;

use super::answer::{Answer, Body};
use super::wire::{Connection, Request};

/// How the bytes of an answer leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// As they should.
    Whole,
    /// Never, while the connection stays open.
    Hang,
    /// Never, the connection is closed.
    Close,
    /// Never, the connection is reset.
    Reset,
    /// Up to so many bytes of the body, or its middle.
    Truncate(Option<usize>),
    /// All of them, under a length that promises more.
    LengthTooLong,
    /// All of them, under a length that promises fewer.
    LengthTooShort,
    /// A few at a time.
    SlowDrip {
        /// Time between them.
        every: Duration,
        /// How many at a time.
        bytes: usize,
    },
}

/// What the portal's front does not compress: recorded for the first, and files that are compressed themselves.
const UNCOMPRESSED: [&str; 5] =
    ["application/octet-stream", "application/gzip", "application/zip", "application/parquet", "application/vnd.openxmlformats"];

/// Frames an answer and sends it. Whether the connection can carry another request.
///
/// `held` is let go before the last bytes leave: a client that has its answer finds it gone.
///
/// # Errors
///
/// If the client has gone.
pub async fn deliver<H>(
    connection: &mut Connection,
    request: &Request,
    answer: Answer,
    delivery: Delivery,
    close: bool,
    held: H,
) -> io::Result<bool> {
    let mut head = format!("HTTP/1.1 {} {}\r\n", answer.status, reason(answer.status));
    if !answer.content_type.is_empty() {
        head.push_str(&format!("Content-Type: {}\r\n", answer.content_type));
    }
    for (name, value) in &answer.fields {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let bodiless = request.method == "HEAD" || matches!(answer.status, 204 | 304);
    let empty = matches!(&answer.body, Body::Whole(bytes) if bytes.is_empty());
    let binary =
        answer.fields.iter().any(|(name, value)| *name == "Content-Type" && UNCOMPRESSED.iter().any(|kind| value.starts_with(kind)));
    // A 400 was recorded with a length and as it is, a 404 compressed.
    let gzip = request.accepts_gzip() && !empty && !binary && !answer.file && answer.status != 400;
    if gzip {
        head.push_str("Content-Encoding: gzip\r\n");
    }
    if answer.file
        && bodiless
        && let Body::Whole(bytes) = &answer.body
    {
        head.push_str(&format!("Content-Length: {}\r\n", bytes.len()));
    }
    let body = if gzip && !bodiless { answer.body.gzip() } else { answer.body };
    if bodiless {
        head.push_str(if close { "Connection: close\r\n\r\n" } else { "Connection: keep-alive\r\n\r\n" });
        drop(held);
        connection.send(head.as_bytes()).await?;
        return Ok(!close);
    }
    if matches!(delivery, Delivery::LengthTooLong | Delivery::LengthTooShort) {
        let body = body.collect();
        let told = if delivery == Delivery::LengthTooLong { body.len() + 100 } else { body.len() / 2 };
        head.push_str(&format!("Content-Length: {told}\r\nConnection: keep-alive\r\n\r\n"));
        connection.send(head.as_bytes()).await?;
        drop(held);
        connection.send(&body).await?;
        return Ok(false);
    }
    // Successful answers are streamed without a length; only small errors tell theirs.
    let told = match &body {
        Body::Whole(bytes) if (answer.status >= 300 || empty || answer.file) && !gzip => Some(bytes.len()),
        _ => None,
    };
    let framing = match told {
        Some(length) => format!("Content-Length: {length}\r\n"),
        None if request.http_11 => "Transfer-Encoding: chunked\r\n".to_owned(),
        None => String::new(),
    };
    let keep = !close && (told.is_some() || request.http_11);
    head.push_str(&framing);
    head.push_str(if keep { "Connection: keep-alive\r\n\r\n" } else { "Connection: close\r\n\r\n" });
    connection.send(head.as_bytes()).await?;
    let chunked = told.is_none() && request.http_11;
    let pieces: Box<dyn Iterator<Item = Vec<u8>> + Send> = match (body, &delivery) {
        // The middle of a body is known only once it is whole.
        (body, Delivery::Truncate(None)) => {
            let whole = body.collect();
            let half = whole.len() / 2;
            Box::new(std::iter::once(whole[..half].to_vec()))
        }
        (Body::Whole(bytes), _) => Box::new(std::iter::once(bytes)),
        (Body::Pieces(pieces), _) => pieces,
    };
    let mut left = match delivery {
        Delivery::Truncate(Some(after)) => after,
        _ => usize::MAX,
    };
    let mut held = Some(held);
    for mut piece in pieces {
        // A body that tells its length is one piece.
        if told.is_some() && matches!(delivery, Delivery::Whole) {
            held = None;
        }
        piece.truncate(left);
        left -= piece.len();
        let (step, every) = match delivery {
            Delivery::SlowDrip { every, bytes } => (bytes, every),
            _ => (piece.len().max(1), Duration::ZERO),
        };
        for part in piece.chunks(step) {
            if chunked {
                connection.send_chunk(part).await?
            } else {
                connection.send(part).await?
            }
            if !every.is_zero() {
                tokio::time::sleep(every).await;
            }
        }
        if left == 0 {
            break;
        }
    }
    if matches!(delivery, Delivery::Truncate(_)) {
        return Ok(false);
    }
    drop(held);
    if chunked {
        connection.send(b"0\r\n\r\n").await?;
    }
    Ok(keep)
}

/// The reason phrase of a status code.
pub fn reason(status: u16) -> &'static str {
    http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Unknown")
}
