//! Looking an entry up: in the index, on one of a few connections, and in its file.
//!
//! Nothing is given out that was not checked: the row's seal, the key in full, the head's layout, the file's trailer and, for bodies that
//! are read whole, every block.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

use super::body_file::{BodyFile, Unusable, trailer_len};
use super::index::{BUSY, Failure, id_of};
use super::record::{AboutRef, Head, seal};
use super::shared::Shared;
use super::{Body, Found};
use crate::cache::key::CacheKey;

/// Bodies in files up to this length are read whole, so that what is wrong with them is a miss and not a broken answer.
pub(super) const WHOLE: u64 = 256 * 1024;
/// How many look up at a time.
const READERS: usize = 4;

/// Connections for reading.
#[derive(Debug)]
pub(super) struct Readers {
    index: PathBuf,
    /// Odd while there is an index to read. Connections of another generation are to a file that is gone.
    generation: AtomicU64,
    idle: Mutex<Vec<(u64, Connection)>>,
    turn: Arc<Semaphore>,
    /// A look-up took too long, and none has ended since.
    stuck: AtomicBool,
}

/// How long a look-up may take. A disk that is slower is no help to anybody who waits.
const PATIENCE: Duration = Duration::from_secs(2);

/// What was found under a key.
#[derive(Debug)]
pub(super) enum Looked {
    Absent,
    Found {
        found: Box<Found>,
        serial: u64,
    },
    /// An entry that cannot be used.
    Bad {
        serial: Option<u64>,
        why: String,
    },
}

impl Readers {
    pub fn new(index: PathBuf) -> Self {
        Self {
            index,
            generation: AtomicU64::new(0),
            idle: Mutex::default(),
            turn: Arc::new(Semaphore::new(READERS)),
            stuck: AtomicBool::new(false),
        }
    }

    /// There is an index to read.
    pub fn open(&self) {
        self.generation.fetch_or(1, Ordering::AcqRel);
    }

    /// There is none any more: what is looked up meanwhile is not found.
    pub fn close(&self) {
        // Only the writer does this, and opening.
        let generation = self.generation.load(Ordering::Acquire);
        self.generation.store((generation | 1) + 1, Ordering::Release);
        let idle = std::mem::take(&mut *self.idle());
        drop(idle);
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(u64, Connection)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connection(&self, generation: u64) -> rusqlite::Result<Connection> {
        let idle = self.idle().pop();
        match idle {
            Some((of, connection)) if of == generation => Ok(connection),
            _ => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let connection = Connection::open_with_flags(&self.index, flags)?;
                connection.busy_timeout(BUSY)?;
                connection.pragma_update(None, "cell_size_check", true)?;
                Ok(connection)
            }
        }
    }

    /// All turns, as if each were waiting for the disk.
    #[cfg(test)]
    pub fn hang(&self) -> tokio::sync::OwnedSemaphorePermit {
        Arc::clone(&self.turn).try_acquire_many_owned(READERS as u32).unwrap()
    }

    fn give_back(&self, generation: u64, connection: Connection) {
        let mut idle = self.idle();
        // Looked at under the lock, so that none comes back behind a closing.
        if generation == self.generation() {
            idle.push((generation, connection));
        }
    }
}

/// Looks for the entry of `key`, for as long as is sensible. Dropped, it ends on its own.
pub(super) async fn find(shared: &Arc<Shared>, key: &CacheKey) -> Result<Looked, Failure> {
    let readers = &shared.readers;
    // Once the disk hangs, not everybody has to find out by waiting.
    if readers.stuck.load(Ordering::Acquire) && readers.turn.available_permits() == 0 {
        return Ok(Looked::Absent);
    }
    let (of, asked) = (Arc::clone(shared), key.clone());
    let looked = async {
        let turn = Arc::clone(&readers.turn).acquire_owned().await.ok()?;
        let looking = tokio::task::spawn_blocking(move || {
            let looked = look_up(&of, &asked);
            of.readers.stuck.store(false, Ordering::Release);
            drop(turn);
            looked
        });
        looking.await.ok()
    };
    match tokio::time::timeout(PATIENCE, looked).await {
        Ok(looked) => looked.unwrap_or(Ok(Looked::Absent)),
        Err(_) => {
            readers.stuck.store(true, Ordering::Release);
            Err(Failure::Unavailable(format!("no answer within {} s", PATIENCE.as_secs())))
        }
    }
}

/// Looks for the entry of `key`. What fails here is the index, and not the entry. Blocks.
pub(super) fn look_up(shared: &Arc<Shared>, key: &CacheKey) -> Result<Looked, Failure> {
    let generation = shared.readers.generation();
    if generation.is_multiple_of(2) {
        return Ok(Looked::Absent);
    }
    let looked = look(shared, key, generation);
    // The index was given up meanwhile: what was found, or failed, is of the past.
    if generation == shared.readers.generation() { looked } else { Ok(Looked::Absent) }
}

fn look(shared: &Arc<Shared>, key: &CacheKey, generation: u64) -> Result<Looked, Failure> {
    let connection = shared.readers.connection(generation)?;
    // A connection that failed may stay broken: it does not come back.
    let fetched = fetch(&connection, key)?;
    shared.readers.give_back(generation, connection);
    Ok(match fetched {
        Fetched::Absent => Looked::Absent,
        Fetched::Bad { serial, why } => Looked::Bad { serial, why },
        Fetched::Row(row) => row.open(shared, key),
    })
}

enum Fetched {
    Absent,
    Bad { serial: Option<u64>, why: String },
    Row(Box<Row>),
}

/// A row whose seal is whole.
struct Row {
    serial: u64,
    purged: bool,
    file_bytes: u64,
    body_len: u64,
    head: Head,
    body: Option<Bytes>,
}

fn fetch(connection: &Connection, key: &CacheKey) -> Result<Fetched, rusqlite::Error> {
    let id = id_of(key.as_bytes());
    let mut select = connection.prepare_cached(
        "SELECT serial, key, portal, dataset, family, target, body_len, seal, head, body, purged, file_bytes FROM entry WHERE id = ?1",
    )?;
    let mut rows = select.query([id])?;
    let Some(row) = rows.next()? else { return Ok(Fetched::Absent) };
    Ok(read(row, key, id))
}

/// Reads a row. Values that are not what we write are the row's fault, and not the index's.
fn read(row: &rusqlite::Row<'_>, key: &CacheKey, id: i64) -> Fetched {
    let serial = number(row, 0);
    let bad = |why: &str| Fetched::Bad { serial, why: why.to_owned() };
    let (Some(known), Some(stored_key)) = (serial, blob(row, 1)) else { return bad("its row is damaged") };
    if stored_key != key.as_bytes() {
        // Either another key whose hash begins alike, or what is left of one.
        return if id_of(stored_key) == id { Fetched::Absent } else { bad("its key is damaged") };
    }
    let (Some(portal), Some(family), Some(target), Some(body_len), Some(sealed), Some(head)) =
        (text(row, 2), text(row, 4), text(row, 5), number(row, 6), number(row, 7), blob(row, 8))
    else {
        return bad("its row is damaged");
    };
    let about = AboutRef { portal, dataset: text(row, 3), family, target };
    let body = blob(row, 9);
    if u64::from(seal(key, known, about, head, body_len, body)) != sealed {
        return bad("its row does not have its checksum");
    }
    match Head::from_bytes(head) {
        Err(error) => bad(&error.to_string()),
        Ok(head) => Fetched::Row(Box::new(Row {
            serial: known,
            purged: number(row, 10) != Some(0),
            file_bytes: number(row, 11).unwrap_or(0),
            body_len,
            head,
            body: body.map(Bytes::copy_from_slice),
        })),
    }
}

fn number(row: &rusqlite::Row<'_>, column: usize) -> Option<u64> {
    row.get::<_, i64>(column).ok().and_then(|number| u64::try_from(number).ok())
}

fn text<'a>(row: &'a rusqlite::Row<'_>, column: usize) -> Option<&'a str> {
    match row.get_ref(column) {
        Ok(ValueRef::Text(text)) => std::str::from_utf8(text).ok(),
        _ => None,
    }
}

fn blob<'a>(row: &'a rusqlite::Row<'_>, column: usize) -> Option<&'a [u8]> {
    match row.get_ref(column) {
        Ok(ValueRef::Blob(blob)) => Some(blob),
        _ => None,
    }
}

impl Row {
    /// Adds the body.
    fn open(self, shared: &Arc<Shared>, key: &CacheKey) -> Looked {
        let serial = self.serial;
        let body = match self.body {
            Some(bytes) => Ok(Body::Bytes(bytes)),
            None if self.file_bytes != self.body_len.saturating_add(trailer_len(self.body_len)) => {
                return Looked::Bad { serial: Some(serial), why: "its row is damaged".to_owned() };
            }
            None => BodyFile::open(&shared.layout.body(serial), key, serial, self.body_len, Arc::downgrade(shared))
                .and_then(|file| if file.len() <= WHOLE { file.read_whole().map(Body::Bytes) } else { Ok(Body::File(Arc::new(file))) }),
        };
        match body {
            Ok(body) => Looked::Found { found: Box::new(Found { head: self.head, body, purged: self.purged }), serial },
            Err(Unusable::Io(error)) if is_ours(&error) => {
                tracing::warn!(%error, "a stored body cannot be opened now");
                Looked::Absent
            }
            Err(unusable) => Looked::Bad { serial: Some(serial), why: unusable.to_string() },
        }
    }
}

/// Whether what failed is this process and not the file: too many files open, or no right to open this one.
fn is_ours(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    let limits = [Errno::MFILE, Errno::NFILE, Errno::NOMEM].map(Errno::raw_os_error);
    error.kind() == ErrorKind::PermissionDenied || error.raw_os_error().is_some_and(|code| limits.contains(&code))
}
