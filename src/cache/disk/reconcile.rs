//! Comparing index and files after a start, a piece at a time: files that no entry names are removed, entries without their file too.
//!
//! It runs in the [writer](super::writer), between batches, so nothing is renamed or written while a piece is compared. What is wrong with
//! an entry beyond that shows when it is looked up.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use super::index::{Failure, Gone, Index};
use super::layout::{Layout, SHARDS};
use super::shared::Shared;

/// Entries compared at a time.
const PIECE: u32 = 256;

/// How far the comparison is.
#[derive(Debug)]
pub(super) struct Reconcile {
    next: Next,
    files: u64,
    entries: u64,
}

#[derive(Clone, Copy, Debug)]
enum Next {
    /// What lies beside the shards.
    Beside,
    /// The files of this shard.
    Shard(u16),
    /// The entries after this serial.
    Entries(u64),
    Done,
}

impl Reconcile {
    pub fn new() -> Self {
        Self { next: Next::Beside, files: 0, entries: 0 }
    }

    /// Compares a piece. False if all has been compared.
    pub fn step(&mut self, shared: &Arc<Shared>, index: &mut Index) -> Result<bool, Failure> {
        self.next = match self.next {
            Next::Beside => {
                self.sweep(shared, &shared.layout.bodies(), |_| Ok(false))?;
                Next::Shard(0)
            }
            Next::Shard(SHARDS) => Next::Entries(0),
            Next::Shard(shard) => {
                let named = |name: &OsStr| match Layout::serial_of(shard, name) {
                    Some(serial) => index.has_file(serial),
                    None => Ok(false),
                };
                self.sweep(shared, &shared.layout.shard(shard), named)?;
                Next::Shard(shard + 1)
            }
            Next::Entries(after) => self.compare(shared, index, after)?,
            Next::Done => return Ok(false),
        };
        if matches!(self.next, Next::Done) && self.files + self.entries > 0 {
            tracing::info!(
                files = self.files,
                entries = self.entries,
                "index and bodies of the disk store did not agree: what was left over is removed"
            );
        }
        Ok(true)
    }

    /// Removes the files of a directory that have no entry. Directories are left alone: those that are ours are swept on their own.
    fn sweep(&mut self, shared: &Shared, dir: &Path, named: impl Fn(&OsStr) -> Result<bool, Failure>) -> Result<(), Failure> {
        let names = match files_of(dir) {
            Ok(names) => names,
            Err(error) => {
                // What cannot be read is not in anybody's way either.
                tracing::warn!(%error, dir = %dir.display(), "a directory of the disk store cannot be read");
                return Ok(());
            }
        };
        for name in names {
            if !named(&name)? {
                shared.unlink(&dir.join(name));
                self.files += 1;
            }
        }
        Ok(())
    }

    /// Removes the entries after a serial that have no file, or one of another length.
    fn compare(&mut self, shared: &Arc<Shared>, index: &mut Index, after: u64) -> Result<Next, Failure> {
        let entries = index.with_files(after, PIECE)?;
        let Some(last) = entries.last() else { return Ok(Next::Done) };
        let next = Next::Entries(last.serial);
        let is_bad = |entry: &Gone| match fs::symlink_metadata(shared.layout.body(entry.serial)) {
            Ok(file) => !file.is_file() || file.len() != entry.file_bytes,
            Err(error) => error.kind() == ErrorKind::NotFound,
        };
        let bad: Vec<Gone> = entries.into_iter().filter(is_bad).collect();
        if !bad.is_empty() {
            index.delete(&bad)?;
            for entry in &bad {
                shared.unlink(&shared.layout.body(entry.serial));
            }
            let files: u64 = bad.iter().map(|entry| entry.file_bytes).sum();
            shared.room.change(|account| {
                account.entries = account.entries.saturating_sub(bad.len() as u64);
                account.files = account.files.saturating_sub(files);
            });
            self.entries += bad.len() as u64;
        }
        Ok(next)
    }
}

/// Names of all that is no directory. A directory that is not there has none.
fn files_of(dir: &Path) -> std::io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(names),
        other => other?,
    };
    for entry in entries {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            names.push(entry.file_name());
        }
    }
    Ok(names)
}
