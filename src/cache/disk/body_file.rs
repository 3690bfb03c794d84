//! A body in a file: its bytes from the first on, and a trailer with a checksum for each block of them.
//!
//! ```text
//! body ‖ CRC-32 of each block of 128 KiB ‖ key digest (16) ‖ serial (8) ‖ length of the body (8) ‖ magic and version (8) ‖ CRC-32 of all after the body
//! ```
//!
//! The trailer names the entry that the file belongs to, so that a file of another entry, whole in itself, is not taken for this one's. A
//! file that is open stays readable when the store removes it.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::task::JoinHandle;

use super::index::key_digest;
use super::shared::Shared;
use crate::cache::key::CacheKey;

/// Bytes that have a checksum of their own, and are read at once.
pub(super) const BLOCK: u64 = 128 * 1024;

const MAGIC: [u8; 8] = *b"preau\0b1";
/// The trailer without the blocks' checksums.
const FIXED: u64 = 16 + 8 + 8 + 8 + 4;

/// An open file with the body of one entry, whole. It may be read for as long as it is held, whatever becomes of the entry.
#[derive(Debug)]
pub struct BodyFile {
    file: Arc<File>,
    len: u64,
    checksums: Box<[u32]>,
    key: CacheKey,
    serial: u64,
    store: Weak<Shared>,
}

/// Why a file is not the body of its entry.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    #[error("its file cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("its file has {found} bytes instead of {expected}")]
    Length { found: u64, expected: u64 },
    #[error("its file's trailer is damaged, foreign or of another version")]
    Trailer,
    #[error("block {0} of its file does not have its checksum")]
    Checksum(u64),
}

/// The blocks' checksums of a body that is being written.
#[derive(Debug, Default)]
pub(super) struct Checksums {
    done: Vec<u32>,
    current: crc32fast::Hasher,
    /// Bytes in the current block.
    filled: u64,
}

impl Checksums {
    pub fn update(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            let room = usize::try_from(BLOCK - self.filled).unwrap_or(usize::MAX);
            let (block, rest) = data.split_at(room.min(data.len()));
            self.current.update(block);
            self.filled += block.len() as u64;
            if self.filled == BLOCK {
                self.end_block();
            }
            data = rest;
        }
    }

    pub fn finish(mut self) -> Box<[u32]> {
        if self.filled > 0 {
            self.end_block();
        }
        self.done.into()
    }

    fn end_block(&mut self) {
        self.done.push(std::mem::take(&mut self.current).finalize());
        self.filled = 0;
    }
}

/// Bytes of the trailer of a body of `len` bytes.
pub(super) fn trailer_len(len: u64) -> u64 {
    FIXED + len.div_ceil(BLOCK) * 4
}

pub(super) fn trailer(key: &CacheKey, serial: u64, len: u64, checksums: &[u32]) -> Vec<u8> {
    let mut trailer: Vec<u8> = checksums.iter().flat_map(|checksum| checksum.to_le_bytes()).collect();
    trailer.extend(key_digest(key));
    trailer.extend(serial.to_le_bytes());
    trailer.extend(len.to_le_bytes());
    trailer.extend(MAGIC);
    trailer.extend(crc32fast::hash(&trailer).to_le_bytes());
    trailer
}

impl BodyFile {
    /// A body that has just been received, before its trailer is written.
    pub(super) fn received(file: Arc<File>, len: u64, checksums: Box<[u32]>, key: CacheKey, serial: u64, store: Weak<Shared>) -> Self {
        Self { file, len, checksums, key, serial, store }
    }

    /// Opens the file of an entry and checks that it is that entry's, and as long as it must be. Reads the trailer alone. Blocks.
    pub(super) fn open(path: &Path, key: &CacheKey, serial: u64, len: u64, store: Weak<Shared>) -> Result<Self, Unusable> {
        let file = File::open(path)?;
        let (found, expected) = (file.metadata()?.len(), len.saturating_add(trailer_len(len)));
        if found != expected {
            return Err(Unusable::Length { found, expected });
        }
        let mut read = vec![0; usize::try_from(trailer_len(len)).map_err(|_| Unusable::Trailer)?];
        file.read_exact_at(&mut read, len)?;
        let (checksums, _) = read.as_chunks::<4>();
        let blocks = checksums.len() - (FIXED / 4) as usize;
        let checksums: Box<[u32]> = checksums[..blocks].iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
        if read != trailer(key, serial, len, &checksums) {
            return Err(Unusable::Trailer);
        }
        Ok(Self { file: Arc::new(file), len, checksums, key: key.clone(), serial, store })
    }

    /// The number of its storing, which no other has had or will have.
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// Length of the body in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the body has no byte.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes of `range`, as far as there are any, block by block while they are asked for. Each block is checked before it is given out.
    pub fn read(self: &Arc<Self>, range: Range<u64>) -> FileBody {
        let end = range.end.min(self.len);
        FileBody { file: Arc::clone(self), left: range.start.min(end)..end, reading: None }
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn checksums(&self) -> &[u32] {
        &self.checksums
    }

    /// The whole body. Blocks.
    pub(super) fn read_whole(&self) -> Result<Bytes, Unusable> {
        let mut whole = Vec::with_capacity(usize::try_from(self.len).unwrap_or(0));
        for block in 0..self.checksums.len() as u64 {
            whole.extend_from_slice(&self.block(block)?);
        }
        Ok(whole.into())
    }

    fn block(&self, number: u64) -> Result<Bytes, Unusable> {
        let start = number * BLOCK;
        let mut data = vec![0; (self.len - start).min(BLOCK) as usize];
        self.file.read_exact_at(&mut data, start)?;
        if self.checksums.get(number as usize) != Some(&crc32fast::hash(&data)) {
            return Err(Unusable::Checksum(number));
        }
        Ok(data.into())
    }

    /// As much of the range as lies in the block of its first byte. A block that is bad takes its entry with it. Blocks.
    fn first_of(&self, range: &Range<u64>) -> io::Result<Bytes> {
        let number = range.start / BLOCK;
        let start = number * BLOCK;
        match self.block(number) {
            Ok(block) => {
                let within = |at: u64| usize::try_from(at - start).unwrap_or(usize::MAX).min(block.len());
                Ok(block.slice(within(range.start)..within(range.end)))
            }
            Err(unusable) => {
                if let Some(store) = self.store.upgrade() {
                    store.discard(&self.key, Some(self.serial), &unusable);
                }
                Err(match unusable {
                    Unusable::Io(error) => error,
                    other => io::Error::new(ErrorKind::InvalidData, other),
                })
            }
        }
    }
}

/// Bytes of a [`BodyFile`] on their way. Ends with an error where the file is not what it was; nothing of a bad block is given out.
#[derive(Debug)]
pub struct FileBody {
    file: Arc<BodyFile>,
    left: Range<u64>,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl http_body::Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        if this.left.is_empty() {
            return Poll::Ready(None);
        }
        let reading = this.reading.get_or_insert_with(|| {
            let (file, left) = (Arc::clone(&this.file), this.left.clone());
            tokio::task::spawn_blocking(move || file.first_of(&left))
        });
        let read = ready!(Pin::new(reading).poll(cx)).map_err(io::Error::other).flatten();
        this.reading = None;
        match &read {
            Ok(data) => this.left.start += data.len() as u64,
            Err(_) => this.left.start = this.left.end,
        }
        Poll::Ready(Some(read.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.end - self.left.start)
    }
}
