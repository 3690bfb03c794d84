//! The index as a SQLite file: one row an entry, with its head, and its body if that is small.
//!
//! WAL with `synchronous=NORMAL`: a power cut may take the last entries, never the file. Nothing of the kind of `quick_check` at the start,
//! which would read every page: damage is met where it is, and then the index is begun anew, for it is only a cache. What the readers do with
//! a row is in [`readers`](super::readers).

use std::path::Path;
use std::time::Duration;

use rusqlite::{CachedStatement, Connection, ErrorCode, OptionalExtension, Transaction, params};
use sha2::{Digest as _, Sha256};

use super::record::AboutRef;
use crate::cache::key::CacheKey;

mod purge;

/// The shape of the tables below. Another one in the file, older or newer: the file is given up.
pub(super) const SCHEMA_VERSION: i64 = 1;

const SCHEMA: &str = "
CREATE TABLE opening (session INTEGER NOT NULL) STRICT;
INSERT INTO opening VALUES (0);
CREATE TABLE entry (
  id INTEGER PRIMARY KEY,       -- of the key: the beginning of its hash
  serial INTEGER NOT NULL,      -- of this storing; names the file
  used INTEGER NOT NULL,        -- grows with each use of any entry
  file_bytes INTEGER NOT NULL,  -- of the file, trailer included; 0: the body is in this row
  row_bytes INTEGER NOT NULL,   -- about what the row takes
  purged INTEGER NOT NULL,      -- softly: it is stale
  portal TEXT NOT NULL, dataset TEXT, family TEXT NOT NULL,
  target_id INTEGER NOT NULL,   -- the beginning of its hash
  target TEXT NOT NULL,
  body_len INTEGER NOT NULL,
  seal INTEGER NOT NULL,        -- checksum of all that must not change
  key BLOB NOT NULL, head BLOB NOT NULL, body BLOB
) STRICT;
CREATE INDEX by_use ON entry (used, serial, file_bytes, row_bytes);
CREATE INDEX by_file ON entry (serial, file_bytes) WHERE file_bytes > 0;
CREATE INDEX by_subject ON entry (portal, dataset, family);
CREATE INDEX by_target ON entry (target_id);
";

/// The numbers that one session may give, as a power of two: enough for a million a second over twelve days, and for eight million sessions.
pub(super) const PER_SESSION: u32 = 40;

/// How long to wait for another process that has the index open, such as an operator's.
pub(super) const BUSY: Duration = if cfg!(test) { Duration::from_millis(20) } else { Duration::from_secs(2) };

/// Why the index cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// It is no index of ours, or not any more: it is given up.
    #[error("{0}")]
    Damaged(String),
    /// The system does not let us.
    #[error("{0}")]
    Unavailable(String),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        let text = error.to_string();
        match error.sqlite_error_code() {
            Some(
                ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::Unknown
                | ErrorCode::ConstraintViolation
                | ErrorCode::TypeMismatch,
            ) => Self::Damaged(text),
            Some(_) => Self::Unavailable(text),
            // Not SQLite but a value: of a type or a size that we do not write.
            None => Self::Damaged(text),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// The hash that names a key in the trailer of a body's file.
pub(super) fn key_digest(key: &CacheKey) -> [u8; 16] {
    *Sha256::digest(key.as_bytes()).first_chunk().expect("SHA-256 has 32 bytes")
}

/// Where the entry of a key is. Two keys may share it: then there is room for one of them.
pub(super) fn id_of(key: &[u8]) -> i64 {
    i64::from_be_bytes(*Sha256::digest(key).first_chunk().expect("SHA-256 has 32 bytes"))
}

/// An entry to be written.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub key: &'a CacheKey,
    pub serial: u64,
    pub used: u64,
    pub file_bytes: u64,
    pub purged: bool,
    pub about: AboutRef<'a>,
    pub body_len: u64,
    pub seal: u32,
    pub head: &'a [u8],
    pub body: Option<&'a [u8]>,
}

/// What is written together.
#[derive(Debug)]
pub(super) enum Write<'a> {
    Put(Row<'a>),
    Remove(&'a CacheKey),
    /// Of a bad entry: by place, because its key may be what is bad.
    Discard(&'a CacheKey, Option<u64>),
}

/// An entry that is in the index no more, or is about to leave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gone {
    pub id: i64,
    pub serial: u64,
    pub file_bytes: u64,
    pub row_bytes: u64,
}

/// What a transaction changed.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub entries_added: u64,
    pub gone: Vec<Gone>,
}

/// The index, open for writing.
#[derive(Debug)]
pub(super) struct Index {
    connection: Connection,
}

/// The index and what it said when it was opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub index: Index,
    /// Larger than all before that gave numbers to what is in it.
    pub session: u64,
    /// It was not there, or empty.
    pub is_new: bool,
}

impl Index {
    /// Opens the file, or makes it. Reads no entry. The session is at least `session`.
    pub fn open(path: &Path, session: u64) -> Result<Opened, Failure> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(BUSY)?;
        // Before there are tables, or without effect.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "journal_size_limit", 4 * 1024 * 1024)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        connection.set_prepared_statement_cache_capacity(32);
        let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let tables: Option<String> = connection.query_row("SELECT name FROM sqlite_schema LIMIT 1", [], |row| row.get(0)).optional()?;
        let is_new = version == 0 && tables.is_none();
        match (version, tables) {
            (0, None) => {
                let made = connection.transaction()?;
                made.execute_batch(SCHEMA)?;
                made.pragma_update(None, "user_version", SCHEMA_VERSION)?;
                made.commit()?;
            }
            (SCHEMA_VERSION, Some(_)) => {}
            (other, _) => return Err(Failure::Damaged(format!("its format is {other}, this program's is {SCHEMA_VERSION}"))),
        }
        // The newest use is looked at too, should the number kept for this be damaged.
        let newest: Option<i64> = connection.query_row("SELECT max(used) FROM entry INDEXED BY by_use", [], |row| row.get(0))?;
        let floor = session.max((unsigned(newest.unwrap_or(0)) >> PER_SESSION) + 1);
        let next = "UPDATE opening SET session = max(session + 1, ?1) RETURNING session";
        let session = unsigned(connection.query_row(next, [signed(floor)], |row| row.get(0))?);
        let index = Self { connection };
        // Tables of another shape show here, while there is still something else to do about them than to stumble over each entry.
        index.least_recently_used(0)?;
        index
            .connection
            .prepare("SELECT purged, portal, dataset, family, target_id, target, body_len, seal, key, head, body FROM entry")?;
        Ok(Opened { index, session, is_new })
    }

    /// How many entries there are, and the bytes of their files.
    pub fn totals(&self) -> Result<(u64, u64), Failure> {
        let count = |row: &rusqlite::Row<'_>| Ok((unsigned(row.get(0)?), unsigned(row.get(1)?)));
        Ok(self.connection.query_row("SELECT count(*), coalesce(sum(file_bytes), 0) FROM entry INDEXED BY by_use", [], count)?)
    }

    /// Bytes of the pages in use.
    pub fn bytes(&self) -> Result<u64, Failure> {
        let pragma = |name: &str| self.connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0).map(unsigned));
        Ok((pragma("page_count")?.saturating_sub(pragma("freelist_count")?)).saturating_mul(pragma("page_size")?))
    }

    /// Gives pages back to the file system, if many are unused. A few at a time; false if there is nothing to be given.
    pub fn shrink(&self) -> Result<bool, Failure> {
        let pragma = |name: &str| self.connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0).map(unsigned));
        let unused = pragma("freelist_count")?;
        let many = unused > 256 && unused > pragma("page_count")? / 16;
        if many {
            let mut vacuum = self.connection.prepare_cached("PRAGMA incremental_vacuum(1024)")?;
            let mut rows = vacuum.query([])?;
            // A page a row.
            while rows.next()?.is_some() {}
        }
        Ok(many)
    }

    /// Whether the place of the key is free.
    pub fn is_free(&self, key: &CacheKey) -> Result<bool, Failure> {
        let mut there = self.connection.prepare_cached("SELECT 1 FROM entry WHERE id = ?1")?;
        Ok(!there.exists([id_of(key.as_bytes())])?)
    }

    /// Writes all or nothing.
    pub fn write<'a>(&mut self, writes: impl Iterator<Item = Write<'a>>) -> Result<Written, Failure> {
        let transaction = self.connection.transaction()?;
        let mut written = Written::default();
        for write in writes {
            match write {
                Write::Put(row) => {
                    written.gone.extend(at(&transaction, id_of(row.key.as_bytes()))?);
                    put(&transaction, &row)?;
                    written.entries_added += 1;
                }
                Write::Remove(key) => {
                    let mut held = transaction.prepare_cached("SELECT key = ?2 FROM entry WHERE id = ?1")?;
                    let id = id_of(key.as_bytes());
                    if held.query_row(params![id, key.as_bytes()], |row| row.get(0)).optional()? == Some(true) {
                        written.gone.extend(delete(&transaction, id)?);
                    }
                }
                Write::Discard(key, serial) => {
                    let id = id_of(key.as_bytes());
                    if at(&transaction, id)?.is_some_and(|there| serial.is_none_or(|serial| serial == there.serial)) {
                        written.gone.extend(delete(&transaction, id)?);
                    }
                }
            }
        }
        transaction.commit()?;
        Ok(written)
    }

    /// Writes down when keys were last used.
    pub fn note_uses<'a>(&mut self, uses: impl Iterator<Item = (&'a CacheKey, u64)>) -> Result<(), Failure> {
        let transaction = self.connection.transaction()?;
        let mut note = transaction.prepare_cached("UPDATE entry SET used = ?2 WHERE id = ?1 AND used < ?2")?;
        for (key, tick) in uses {
            note.execute(params![id_of(key.as_bytes()), signed(tick)])?;
        }
        drop(note);
        Ok(transaction.commit()?)
    }

    /// The entries that were not used for longest.
    pub fn least_recently_used(&self, number: u32) -> Result<Vec<Gone>, Failure> {
        let oldest = "SELECT id, serial, file_bytes, row_bytes FROM entry INDEXED BY by_use ORDER BY used LIMIT ?1";
        collect(self.connection.prepare_cached(oldest)?, [number])
    }

    /// Removes these entries.
    pub fn delete(&mut self, entries: &[Gone]) -> Result<(), Failure> {
        let transaction = self.connection.transaction()?;
        let mut gone = transaction.prepare_cached("DELETE FROM entry WHERE id = ?1 AND serial = ?2")?;
        for entry in entries {
            gone.execute(params![entry.id, signed(entry.serial)])?;
        }
        drop(gone);
        Ok(transaction.commit()?)
    }

    /// Entries with files, by serial, after one of them.
    pub fn with_files(&self, after: u64, number: u32) -> Result<Vec<Gone>, Failure> {
        let sql = "SELECT id, serial, file_bytes, row_bytes FROM entry INDEXED BY by_file
                   WHERE file_bytes > 0 AND serial > ?1 ORDER BY serial LIMIT ?2";
        collect(self.connection.prepare_cached(sql)?, params![signed(after), number])
    }

    /// Whether an entry names the file of this serial.
    pub fn has_file(&self, serial: u64) -> Result<bool, Failure> {
        let mut there = self.connection.prepare_cached("SELECT 1 FROM entry INDEXED BY by_file WHERE file_bytes > 0 AND serial = ?1")?;
        Ok(there.exists([signed(serial)])?)
    }

    /// Writes something that changes nothing, to find out whether it can be written.
    pub fn probe(&self) -> Result<(), Failure> {
        self.connection.execute("UPDATE opening SET session = session", [])?;
        Ok(())
    }
}

fn gone(row: &rusqlite::Row<'_>) -> rusqlite::Result<Gone> {
    Ok(Gone { id: row.get(0)?, serial: unsigned(row.get(1)?), file_bytes: unsigned(row.get(2)?), row_bytes: unsigned(row.get(3)?) })
}

fn collect(mut statement: CachedStatement<'_>, values: impl rusqlite::Params) -> Result<Vec<Gone>, Failure> {
    Ok(statement.query_map(values, gone)?.collect::<Result<_, _>>()?)
}

fn at(transaction: &Transaction<'_>, id: i64) -> rusqlite::Result<Option<Gone>> {
    transaction.prepare_cached("SELECT id, serial, file_bytes, row_bytes FROM entry WHERE id = ?1")?.query_row([id], gone).optional()
}

fn delete(transaction: &Transaction<'_>, id: i64) -> rusqlite::Result<Option<Gone>> {
    let sql = "DELETE FROM entry WHERE id = ?1 RETURNING id, serial, file_bytes, row_bytes";
    transaction.prepare_cached(sql)?.query_row([id], gone).optional()
}

fn put(transaction: &Transaction<'_>, row: &Row<'_>) -> rusqlite::Result<()> {
    let about = row.about;
    let texts = about.portal.len() + about.dataset.map_or(0, str::len) + about.family.len() + about.target.len();
    // The numbers, their copies in the four indexes, and SQLite's own.
    let row_bytes = texts + row.key.as_bytes().len() + row.head.len() + row.body.map_or(0, <[u8]>::len) + 200;
    let sql = "INSERT OR REPLACE INTO entry VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";
    transaction.prepare_cached(sql)?.execute(params![
        id_of(row.key.as_bytes()),
        signed(row.serial),
        signed(row.used),
        signed(row.file_bytes),
        signed(row_bytes as u64),
        row.purged,
        about.portal,
        about.dataset,
        about.family,
        id_of(about.target.as_bytes()),
        about.target,
        signed(row.body_len),
        row.seal,
        row.key.as_bytes(),
        row.head,
        row.body,
    ])?;
    Ok(())
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// What we write is never negative; what is, is damaged.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
