//! The content codings of a small body beside the one it was received in (RFC 9110 section 8.4.1): which bodies are worth it, how they are made,
//! and how long they may be to be kept.
//!
//! Made on first demand, once, and kept with the body. A store must not grow by being read, so each is weighed before it exists: one that turns
//! out longer than its weight is given up. Large bodies, in files, are not coded anew: that would be seconds of a processor's time for one client, and
//! the file beside them would have to be weighed, named and evicted as they are. Neither are streams, whose every byte would wait for the
//! encoder's next block, and which are gone when they are over.

use std::io::{self, Write};
use std::panic::resume_unwind;
use std::sync::{LazyLock, OnceLock};

use bytes::Bytes;
use flate2::write::GzEncoder;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use tokio::sync::Semaphore;

use crate::cache::validation::EntityTags;
use crate::request::accept_encoding::ContentCoding;

/// Bytes in one coding.
#[derive(Clone, Debug)]
pub struct Coded {
    /// The bytes.
    pub bytes: Bytes,
    /// Their entity tag.
    pub tag: HeaderValue,
}

/// The codings of one sequence of bytes, made or not.
#[derive(Debug)]
pub struct CodedForms {
    /// A form that is longer is neither kept nor sent.
    longest: usize,
    gzip: OnceLock<Option<Coded>>,
    br: OnceLock<Option<Coded>>,
    zstd: OnceLock<Option<Coded>>,
    /// Held while one is made aside, so that a thousand who ask at once wait for one encoder.
    turn: Semaphore,
}

/// Shorter bodies fit a packet or so in any form.
const WORTH_CODING: u64 = 1 << 10;

/// Work on more bytes than this is done aside: 64 KiB are two milliseconds for the slowest of the encoders.
pub const AT_ONCE: usize = 64 << 10;

impl CodedForms {
    /// For a body of `identity_len` bytes that is worth coding: one that does not halve it is not worth the weight. `gzip_len` is its length as
    /// received, if that is gzip, which is the better guess then. A form that is a little longer is kept all the same: to a client that
    /// does not take gzip it is far better than none.
    pub fn new(identity_len: u64, gzip_len: Option<u64>) -> Self {
        let longest = gzip_len.map_or(identity_len / 2, |len| (len + len / 8 + 64).min(identity_len - identity_len / 8));
        Self {
            // Of a body in memory.
            longest: longest as usize,
            gzip: OnceLock::new(),
            br: OnceLock::new(),
            zstd: OnceLock::new(),
            turn: Semaphore::new(1),
        }
    }

    /// Whether a body of `identity_len` bytes with these fields is worth coding: not what is tiny, and not what is packed already (images,
    /// Parquet, XLSX, ZIP) or unknown.
    pub fn are_worth_it(identity_len: u64, fields: &HeaderMap) -> bool {
        let media_type = fields.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let (top, sub) = media_type.split_once('/').unwrap_or_default();
        identity_len >= WORTH_CODING && (top == "text" || TEXTUAL.iter().any(|kind| sub.ends_with(kind)))
    }

    /// What was made of a coding: nothing yet, or a form, or the knowledge that it is not worth keeping.
    pub fn made(&self, coding: ContentCoding) -> Option<Option<&Coded>> {
        Some(self.place(coding)?.get()?.as_ref())
    }

    /// The form of `identity`, these bytes, in `coding`, if it is worth it. `tags` are the tags of the bytes.
    pub async fn make(&self, coding: ContentCoding, identity: &Bytes, tags: &EntityTags) -> Option<&Coded> {
        let (place, longest) = (self.place(coding)?, self.longest);
        if identity.len() <= AT_ONCE {
            return place.get_or_init(|| coded(coding, identity, longest, tags)).as_ref();
        }
        let _turn = self.turn.acquire().await.expect("it is never closed");
        if place.get().is_none() {
            let (identity, tags) = (identity.clone(), tags.clone());
            let made = aside(move || coded(coding, &identity, longest, &tags)).await;
            // Another cannot have been made: this one had its turn.
            let _ = place.set(made);
        }
        place.get().and_then(Option::as_ref)
    }

    fn place(&self, coding: ContentCoding) -> Option<&OnceLock<Option<Coded>>> {
        match coding {
            ContentCoding::Identity => None,
            ContentCoding::Gzip => Some(&self.gzip),
            ContentCoding::Br => Some(&self.br),
            ContentCoding::Zstd => Some(&self.zstd),
        }
    }

    /// Memory that `forms` of them take at most, and the places for all.
    pub fn weight(&self, forms: usize) -> usize {
        size_of::<Self>() + forms * self.longest
    }
}

/// How subtypes end that are text in all but name: `application/json`, `geo+json`, `vnd.google-earth.kml+xml`, `image/svg+xml`.
const TEXTUAL: [&str; 6] = ["json", "xml", "javascript", "csv", "jsonl", "turtle"];

/// Encoders at work, of all bodies: each has megabytes of tables, and none may keep the disk's readers from a thread.
static ASIDE: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from)));

/// Does work that takes its time on a thread of its own, a processor's worth at a time. Dropped, the work goes on, and what it made is lost.
pub async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let turn = ASIDE.acquire().await.expect("it is never closed");
    let working = tokio::task::spawn_blocking(move || {
        let made = work();
        drop(turn);
        made
    });
    match working.await {
        Ok(made) => made,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The runtime stops, and whoever waits with it.
            Err(_) => std::future::pending().await,
        },
    }
}

fn coded(coding: ContentCoding, identity: &[u8], longest: usize, tags: &EntityTags) -> Option<Coded> {
    let mut bytes = encoded(coding, identity, longest)?;
    bytes.shrink_to_fit();
    let tag = tags.coded(coding, u64::from(crc32fast::hash(&bytes)));
    Some(Coded { bytes: bytes.into(), tag })
}

/// Of the levels that take about as long as gzip's usual one, the densest; zstd's is higher, because it is quick, and has to beat that.
fn encoded(coding: ContentCoding, identity: &[u8], longest: usize) -> Option<Vec<u8>> {
    let mut out = AtMost { written: Vec::with_capacity(longest.min(identity.len() / 4)), longest };
    let done = match coding {
        ContentCoding::Identity => out.write_all(identity),
        ContentCoding::Gzip => {
            let mut encoder = GzEncoder::new(&mut out, flate2::Compression::default());
            encoder.write_all(identity).and_then(|()| encoder.finish().map(drop))
        }
        ContentCoding::Br => {
            // A window as large as the body, and no larger: it is what the encoder's memory goes by.
            let lgwin = usize::BITS - identity.len().leading_zeros();
            let parameters = brotli::enc::BrotliEncoderParams {
                quality: 5,
                lgwin: lgwin.clamp(16, 22) as i32,
                size_hint: identity.len(),
                ..Default::default()
            };
            brotli::BrotliCompress(&mut &identity[..], &mut out, &parameters).map(drop)
        }
        ContentCoding::Zstd => zstd_encoded(identity, &mut out),
    };
    // There is one error: that it became too long.
    done.is_ok().then_some(out.written)
}

fn zstd_encoded(identity: &[u8], out: &mut AtMost) -> io::Result<()> {
    // Its window is 4 MiB at most: RFC 9659 allows no more than 8 on the web.
    let mut encoder = zstd::Encoder::new(out, 9)?;
    encoder.set_pledged_src_size(Some(identity.len() as u64))?;
    encoder.write_all(identity)?;
    encoder.finish().map(drop)
}

/// Takes bytes as long as they are few enough.
#[derive(Debug)]
struct AtMost {
    written: Vec<u8>,
    longest: usize,
}

impl Write for AtMost {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.longest - self.written.len() < bytes.len() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
