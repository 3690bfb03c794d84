//! A body that is being received, in a file of its own until it is whole.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use super::body_file::{BodyFile, Checksums, trailer_len};
use super::shared::Shared;
use crate::cache::key::CacheKey;

/// A file that no entry names yet. Dropped, it goes; its bytes count until it has gone.
#[derive(Debug)]
pub(super) struct LooseFile {
    path: PathBuf,
    bytes: u64,
    placed: bool,
    /// `None` once an entry owns the file.
    store: Option<Arc<Shared>>,
}

impl LooseFile {
    /// A file whose `bytes` have been reserved.
    pub fn new(path: PathBuf, bytes: u64, store: Arc<Shared>) -> Self {
        Self { path, bytes, placed: false, store: Some(store) }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Counts more bytes, which have been reserved.
    pub fn grow(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// It lies among the bodies now.
    pub fn set_placed(&mut self, path: PathBuf) {
        self.path = path;
        self.placed = true;
    }

    pub fn is_placed(&self) -> bool {
        self.placed
    }

    /// An entry owns the file from now on, and counts its bytes.
    pub fn give_away(mut self) {
        if let Some(store) = self.store.take() {
            store.room.change(|account| account.loose = account.loose.saturating_sub(self.bytes));
        }
    }
}

impl Drop for LooseFile {
    fn drop(&mut self) {
        if let Some(store) = self.store.take() {
            store.throw_away(std::mem::take(&mut self.path), self.bytes);
        }
    }
}

/// A body that is being received. It counts in the store's usage while it grows, and older entries make room for it. Unless it is
/// [kept](super::DiskStore::keep), the file goes when this is dropped.
#[derive(Debug)]
pub struct Incoming {
    file: Arc<File>,
    loose: LooseFile,
    len: u64,
    checksums: Checksums,
    store: Arc<Shared>,
}

impl Incoming {
    /// Begins an empty file. Blocks.
    pub(super) fn create(store: Arc<Shared>) -> io::Result<Self> {
        let (file, path) = store.layout.create_incoming(store.next_serial())?;
        let loose = LooseFile::new(path, 0, Arc::clone(&store));
        Ok(Self { file: Arc::new(file), loose, len: 0, checksums: Checksums::default(), store })
    }

    /// Adds bytes at the end. Blocks, also while room is made.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::FileTooLarge`] if the body alone is larger than the store may be; [`ErrorKind::StorageFull`] if there is no room for it
    /// beside other bodies that are being received; or what the system says. What was appended before stays readable.
    pub fn append(&mut self, data: &[u8]) -> io::Result<()> {
        let more = data.len() as u64;
        let len = self.len + more;
        if len.saturating_add(trailer_len(len)) > self.store.room.limits().bytes {
            return Err(ErrorKind::FileTooLarge.into());
        }
        self.store.room.reserve(&self.store.layout, more, || self.store.ring())?;
        self.loose.grow(more);
        if let Err(error) = self.file.write_all_at(data, self.len) {
            self.store.suspect();
            return Err(error);
        }
        self.checksums.update(data);
        self.len = len;
        Ok(())
    }

    /// Bytes appended so far.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing was appended yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The file: what has been appended is in it, from its first byte on.
    pub fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// The body, whole, as that of an entry; and the file it is in.
    pub(super) fn into_body(self, key: CacheKey, serial: u64, store: Weak<Shared>) -> (BodyFile, LooseFile) {
        (BodyFile::received(self.file, self.len, self.checksums.finish(), key, serial, store), self.loose)
    }

    /// Whether it is a file of this store.
    pub(super) fn is_of(&self, store: &Arc<Shared>) -> bool {
        Arc::ptr_eq(&self.store, store)
    }
}
