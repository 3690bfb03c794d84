//! What was received, as it was meant: content codings, checked whole or undone while the bytes arrive.
//!
//! The portal is asked for gzip alone. A gzip body proves its own end (length and CRC), so checking it tells a whole answer from a cut one even
//! where the framing lies. Whether an answer is then stored or passed on is not decided here.

use std::collections::VecDeque;
use std::io::Write;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use http::{HeaderMap, header};
use http_body::Frame;

/// The content coding of a body as received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coding {
    /// None.
    Identity,
    /// gzip.
    Gzip,
    /// Something we did not ask for: the text of `Content-Encoding`.
    Unknown(String),
}

impl Coding {
    /// The coding that `headers` state.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let values: Vec<_> =
            headers.get_all(header::CONTENT_ENCODING).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        let text = values.join(", ");
        match text.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Self::Identity,
            "gzip" | "x-gzip" => Self::Gzip,
            _ => Self::Unknown(text),
        }
    }
}

/// How a body contradicts its coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not gzip, cut, wrong sum or length, or something behind its end.
    #[error("the portal's answer is not the gzip it says to be")]
    BadGzip,
    /// Larger than anything that was asked for.
    #[error("the portal's answer grows past {limit} bytes when decoded")]
    DecodedTooLarge {
        /// The limit.
        limit: usize,
    },
    /// Grows as only a bomb does.
    #[error("the portal's answer grows more than {ratio} times when decoded")]
    RatioTooHigh {
        /// The limit.
        ratio: usize,
    },
    /// In a coding that was not asked for.
    #[error("the portal's answer is in a content coding that was not asked for")]
    Unknown,
}

/// How far a body may grow when it is decoded as a whole.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Decoded bytes.
    pub decoded_bytes: usize,
    /// Decoded bytes for each one received, once they are more than [`Limits::HARMLESS`].
    pub ratio: usize,
}

impl Limits {
    /// Up to here any ratio will do: a page of nulls shrinks two-hundredfold and hurts nobody.
    pub const HARMLESS: usize = 1 << 20;
}

impl Default for Limits {
    /// 32 MiB and 200 times. JSON of the portal grows 5 to 30 times; deflate cannot grow more than 1,032 times.
    fn default() -> Self {
        Self { decoded_bytes: 32 << 20, ratio: 200 }
    }
}

/// The identity form of `received`, proven whole as far as `coding` can prove it. Keep `received` too: it is what a client that accepts the
/// coding gets.
///
/// Decoding takes about 5 ms a megabyte of result; `limits` bound it.
///
/// # Errors
///
/// If the coding is not one we ask for, the bytes contradict it (cut, wrong sum, anything behind the end), or the result passes a limit.
pub fn checked(received: &Bytes, coding: &Coding, limits: Limits) -> Result<Bytes, Fault> {
    match coding {
        Coding::Identity => Ok(received.clone()),
        Coding::Unknown(_) => Err(Fault::Unknown),
        Coding::Gzip => {
            let mut gunzip = Gunzip::default();
            let mut decoded = Vec::new();
            for slice in received.chunks(Gunzip::SLICE) {
                decoded.append(&mut gunzip.write(slice)?);
                if decoded.len() > limits.decoded_bytes {
                    return Err(Fault::DecodedTooLarge { limit: limits.decoded_bytes });
                }
                // Against all that was received, not what was read of it: a dense start proves nothing yet.
                if decoded.len() > Limits::HARMLESS && decoded.len() / limits.ratio.max(1) > received.len() {
                    return Err(Fault::RatioTooHigh { ratio: limits.ratio });
                }
            }
            decoded.append(&mut gunzip.finish()?);
            if decoded.len() > limits.decoded_bytes {
                return Err(Fault::DecodedTooLarge { limit: limits.decoded_bytes });
            }
            decoded.shrink_to_fit();
            Ok(Bytes::from(decoded))
        }
    }
}

/// A gzip decoder that is fed in slices, so that what one step yields is bounded.
#[derive(Debug)]
pub struct Gunzip(MultiGzDecoder<Vec<u8>>);

impl Default for Gunzip {
    fn default() -> Self {
        Self(MultiGzDecoder::new(Vec::new()))
    }
}

impl Gunzip {
    /// Bytes fed at once: they yield a megabyte at most, since deflate cannot grow more than 1,032 times.
    pub const SLICE: usize = 1024;

    /// What a slice of at most [`Gunzip::SLICE`] bytes yields.
    ///
    /// # Errors
    ///
    /// [`Fault::BadGzip`]
    pub fn write(&mut self, slice: &[u8]) -> Result<Vec<u8>, Fault> {
        self.0.write_all(slice).and_then(|()| self.0.flush()).map_err(|_| Fault::BadGzip)?;
        Ok(std::mem::take(self.0.get_mut()))
    }

    /// What is left, if the gzip ends here.
    ///
    /// # Errors
    ///
    /// [`Fault::BadGzip`]
    pub fn finish(self) -> Result<Vec<u8>, Fault> {
        self.0.finish().map_err(|_| Fault::BadGzip)
    }
}

/// The identity form of a gzip body, while it arrives. It ends cleanly only if the gzip does; what is bad or cut ends it with an error, so that
/// nothing downstream can take it for whole. Memory stays flat, therefore no limit on its growth.
#[derive(Debug)]
pub struct Decoded<B> {
    received: B,
    gunzip: Option<Gunzip>,
    /// Received and not yet fed.
    unfed: VecDeque<Bytes>,
}

impl<B> Decoded<B> {
    /// Undoes the gzip of `received`.
    pub fn new(received: B) -> Self {
        Self { received, gunzip: Some(Gunzip::default()), unfed: VecDeque::new() }
    }

    /// Feeds one slice of what was received; `None` if there is nothing to feed.
    fn feed(&mut self) -> Option<Result<Vec<u8>, Fault>> {
        let mut bytes = self.unfed.pop_front()?;
        let slice = bytes.split_to(bytes.len().min(Gunzip::SLICE));
        if !bytes.is_empty() {
            self.unfed.push_front(bytes);
        }
        Some(self.gunzip.as_mut()?.write(&slice))
    }

    /// Ends the body, with an error or without.
    fn end(&mut self) -> Option<Gunzip> {
        self.unfed.clear();
        self.gunzip.take()
    }
}

impl<B> http_body::Body for Decoded<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: From<Fault>,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        while self.gunzip.is_some() {
            match self.feed() {
                Some(Ok(decoded)) if decoded.is_empty() => {}
                Some(Ok(decoded)) => return Poll::Ready(Some(Ok(Frame::data(Bytes::from(decoded))))),
                Some(Err(fault)) => {
                    self.end();
                    return Poll::Ready(Some(Err(fault.into())));
                }
                None => match ready!(Pin::new(&mut self.received).poll_frame(cx)) {
                    Some(Ok(frame)) => self.unfed.extend(frame.into_data().ok().filter(|data| !data.is_empty())),
                    Some(Err(error)) => {
                        self.end();
                        return Poll::Ready(Some(Err(error)));
                    }
                    None => match self.end().map(Gunzip::finish) {
                        Some(Ok(rest)) if !rest.is_empty() => return Poll::Ready(Some(Ok(Frame::data(Bytes::from(rest))))),
                        Some(Err(fault)) => return Poll::Ready(Some(Err(fault.into()))),
                        _ => {}
                    },
                },
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.gunzip.is_none()
    }
}

#[cfg(test)]
mod tests;
