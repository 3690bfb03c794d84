//! The table on disk: what a process has known of versions, for the next one. A restart costs a look, and not a cold cache.
//!
//! One file per portal, written as a whole beside the old one, synced, and put in its place; the last table wins. It holds nothing that could not be
//! learnt anew, so one that cannot be read is set aside and the table begins empty.

mod format;

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::task::TaskTracker;

use self::format::Unreadable;
use super::Table;
use crate::clock::Reading;

/// A table of a hundred thousand datasets is below this.
const LARGEST: u64 = 64 << 20;

/// Where one portal's table is kept. Clones share it.
#[derive(Clone, Debug)]
pub struct TableFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    portal: String,
    /// Whose versions they are: the same name may mean another portal the next time.
    origin: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What is to be written next.
    next: Option<Arc<Table>>,
    writing: bool,
    /// The last write failed, and that was said.
    failed: bool,
}

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error("it has more than {LARGEST} bytes")]
    TooLarge,
    #[error(transparent)]
    Io(io::Error),
}

impl TableFile {
    /// The file of the portal named `portal` at `origin`, in `dir`, and the table in it: an empty one if there is none, or none that can be read.
    /// A file that is damaged, foreign or of another version is set aside as `….bad`.
    pub fn open(dir: &Path, portal: &str, origin: &str, now: Reading) -> (Self, Table) {
        let path = dir.join(format!("{portal}.json"));
        let found = read(&path).and_then(|bytes| Ok(bytes.map(|bytes| format::from_bytes(&bytes, portal, origin, now)).transpose()?));
        let table = found.unwrap_or_else(|fault| {
            tracing::warn!(portal, %fault, "the table of versions cannot be read; it is learnt anew");
            // What the system does not let us read may be right.
            let aside = if matches!(fault, Fault::Io(_)) { Ok(()) } else { fs::rename(&path, path.with_extension("json.bad")) };
            if let Err(error) = aside {
                tracing::warn!(portal, %error, "nor can it be set aside");
            }
            None
        });
        let inner = Inner { path, portal: portal.to_owned(), origin: origin.to_owned(), state: Mutex::default() };
        (Self(Arc::new(inner)), table.unwrap_or_default())
    }

    /// Writes `table`, off the runtime's threads, in a task of `tasks`; soon, and not before a write that is under way has ended. Of tables that
    /// come meanwhile only the last is written.
    pub fn keep(&self, table: Arc<Table>, tasks: &TaskTracker) {
        let mut state = self.0.state();
        state.next = Some(table);
        if !std::mem::replace(&mut state.writing, true) {
            let inner = Arc::clone(&self.0);
            tasks.spawn_blocking(move || inner.write_all());
        }
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes until there is nothing more to write.
    fn write_all(&self) {
        while let Some(table) = self.next() {
            let written = self.write(&format::to_bytes(&table, &self.portal, &self.origin));
            let failed_before = std::mem::replace(&mut self.state().failed, written.is_err());
            match written {
                Err(error) if !failed_before => {
                    tracing::warn!(portal = self.portal, %error, "the table of versions cannot be written; a restart would learn it anew");
                }
                Ok(()) if failed_before => tracing::info!(portal = self.portal, "the table of versions can be written again"),
                _ => {}
            }
        }
    }

    fn next(&self) -> Option<Arc<Table>> {
        let mut state = self.state();
        let next = state.next.take();
        state.writing = next.is_some();
        next
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let dir = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(dir)?;
        let beside = self.path.with_extension("json.new");
        let mut file = File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)?;
        // The new name is on disk only with its directory.
        File::open(dir)?.sync_all()
    }
}

/// The bytes of a file, if there is one.
fn read(path: &Path) -> Result<Option<Vec<u8>>, Fault> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Fault::Io(error)),
    };
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(Fault::Io)?;
    if bytes.len() as u64 > LARGEST { Err(Fault::TooLarge) } else { Ok(Some(bytes)) }
}

#[cfg(test)]
mod tests;
