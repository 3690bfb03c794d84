//! The count that survives: one file per data directory, written by one thread of its own.
//!
//! Tasks change the [books](super::book) in memory and ring; the writer takes everything that was marked since it last looked, of all
//! portals, and writes it in one transaction. So reservations that wait together become durable together, in one `fsync`, and what
//! waits is bounded by the rows there are. The directory belongs to one process: a lock file says so, for as long as the writer lives.

mod sqlite;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;

use super::OpenError;
use super::book::rows::{Batch, Rows};
use super::portal::Shared;
use sqlite::{Damage, Store};

/// The ledger's file.
const LEDGER: &str = "ledger.sqlite";
/// The file whose lock is the directory's.
const LOCK: &str = "lock";
/// How often a write that failed is tried again although nobody asks.
const RETRY: Duration = Duration::from_secs(1);

/// The directory's ledger, before its writer runs.
pub(super) struct Ledger {
    path: PathBuf,
    /// `None` while the system does not let us open it.
    store: Option<Store>,
    lock: File,
}

impl Ledger {
    /// Locks the directory and opens the ledger in it. A ledger that is damaged is set aside, and an empty one begun. One that the system does
    /// not let us open (a full disk has no room for its log) is tried again by the writer: until then every reservation is refused.
    pub fn open(dir: &Path, now: Timestamp) -> Result<Self, OpenError> {
        let lock = lock(dir)?;
        let path = dir.join(LEDGER);
        let mut opened = Store::open(&path);
        if let Err(Damage::Unreadable(why)) = &opened {
            let aside = set_aside(&path, now).map_err(|source| OpenError::Ledger { path: path.clone(), source })?;
            tracing::warn!(why, aside, "the ledger cannot be read and was set aside; the count is learnt from the portal");
            opened = Store::open(&path);
        }
        if let Err(error) = &opened {
            tracing::error!(%error, "the ledger cannot be opened: no call leaves until it can");
        }
        Ok(Self { path, store: opened.ok(), lock })
    }

    pub fn is_open(&self) -> bool {
        self.store.is_some()
    }

    /// What it holds of a portal. Of a ledger that could not be opened, what can be seen of it from outside.
    pub fn load(&self, portal: &str) -> Rows {
        let rows = match &self.store {
            Some(store) => store.load(portal),
            None => Store::peek(&self.path, portal),
        };
        rows.unwrap_or_else(|error| {
            tracing::warn!(portal, %error, "the ledger cannot be read; the count is learnt from the portal");
            Rows::default()
        })
    }

    /// Starts the writer. It ends when the bell is dropped, after a last write.
    pub fn start(self, shared: Arc<Shared>, bell: Receiver<()>) -> std::io::Result<JoinHandle<()>> {
        let writer = Writer { path: self.path, store: self.store, _lock: self.lock, shared };
        std::thread::Builder::new().name("ledger".to_owned()).spawn(move || writer.run(&bell))
    }
}

struct Writer {
    path: PathBuf,
    store: Option<Store>,
    _lock: File,
    shared: Arc<Shared>,
}

impl Writer {
    fn run(mut self, bell: &Receiver<()>) {
        loop {
            let rung =
                if self.shared.writable() { bell.recv().map_err(|_| RecvTimeoutError::Disconnected) } else { bell.recv_timeout(RETRY) };
            #[cfg(test)]
            if self.shared.killed.load(Ordering::Acquire) {
                return;
            }
            self.write();
            if rung == Err(RecvTimeoutError::Disconnected) {
                return;
            }
        }
    }

    /// Writes everything that is marked, and tells who waits for it.
    fn write(&mut self) {
        let opened = self.store.take().map_or_else(|| self.reopen(), Ok);
        let Ok(mut store) = opened else {
            for portal in &self.shared.portals {
                let change = portal.book().change();
                portal.written.send_modify(|state| state.failed = change);
            }
            return;
        };
        let batches: Vec<(usize, Batch)> =
            self.shared.portals.iter().enumerate().filter_map(|(index, portal)| Some((index, portal.book().take_batch()?))).collect();
        if !batches.is_empty() {
            let result = store.write(batches.iter().map(|(_, batch)| batch));
            self.tell(batches, result);
        }
        self.store = Some(store);
    }

    fn tell(&self, batches: Vec<(usize, Batch)>, result: rusqlite::Result<()>) {
        let was_writable = self.shared.writable.swap(result.is_ok(), Ordering::AcqRel);
        match &result {
            Err(error) if was_writable => tracing::error!(%error, "the ledger cannot be written: no call leaves until it can"),
            Ok(()) if !was_writable => tracing::info!("the ledger can be written again"),
            _ => {}
        }
        for (index, batch) in batches {
            let (portal, change, written) = (&self.shared.portals[index], batch.change, result.is_ok());
            if !written {
                portal.book().return_batch(batch);
            }
            portal.written.send_modify(|state| if written { state.durable = change } else { state.failed = change });
        }
    }

    /// Opens a ledger that could not be opened so far. What it holds counts.
    fn reopen(&self) -> Result<Store, Damage> {
        let store = Store::open(&self.path)?;
        for portal in &self.shared.portals {
            let rows = store.load(&portal.name)?;
            portal.book().absorb(rows, self.shared.clock.read());
        }
        self.shared.writable.store(true, Ordering::Release);
        tracing::info!("the ledger can be opened again");
        Ok(store)
    }
}

impl Drop for Writer {
    /// Whoever still waits must not wait for a writer that is gone, whether it ended or panicked.
    fn drop(&mut self) {
        self.shared.writable.store(false, Ordering::Release);
        for portal in &self.shared.portals {
            portal.written.send_modify(|state| state.failed = u64::MAX);
        }
    }
}

fn lock(dir: &Path) -> Result<File, OpenError> {
    let unusable = |source| OpenError::Directory { dir: dir.to_owned(), source };
    fs::create_dir_all(dir).map_err(unusable)?;
    let file = File::options().read(true).write(true).create(true).truncate(false).open(dir.join(LOCK)).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { dir: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(unusable(source)),
    }
}

/// Renames a SQLite file and what is kept beside it, so that an operator can look at it: `NAME.bad-` and the time. Returns the new name.
///
/// # Errors
///
/// What the system says.
pub(crate) fn set_aside(path: &Path, now: Timestamp) -> std::io::Result<String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let named = |suffix: &str| path.with_file_name(format!("{name}{suffix}"));
    let free = |bad: &String| !named(bad).exists();
    let bad = (0..1000).map(|n| format!(".bad-{}{}", now.as_second(), if n == 0 { String::new() } else { format!("-{n}") })).find(free);
    let bad = bad.ok_or(std::io::ErrorKind::AlreadyExists)?;
    fs::rename(path, named(&bad))?;
    for beside in ["-wal", "-shm"] {
        match fs::rename(named(beside), named(&format!("{bad}{beside}"))) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(format!("{name}{bad}"))
}
