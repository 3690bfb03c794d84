//! The ledger as a SQLite file.
//!
//! WAL with `synchronous=FULL`: a commit that has returned survives a power cut (with `NORMAL` it need not). Rows hold absolute counts, so
//! writing one twice, after an error that left open whether it was written, changes nothing.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, params};
use url::Url;

use crate::budget::book::rows::{AccountRow, Batch, CallRow, DayRow, Rows};

/// The shape of the tables below. Higher in the file: another version of the program wrote it.
const SCHEMA_VERSION: i64 = 1;

const SCHEMA: &str = "
CREATE TABLE account (
  portal TEXT NOT NULL, account TEXT NOT NULL,
  stated TEXT,             -- the limit as the portal last stated it; may exceed 64 bits
  proven INTEGER NOT NULL, -- a key that has shown a limit of its own
  shut_by TEXT, shut_until_ms INTEGER,
  PRIMARY KEY (portal, account)
) STRICT, WITHOUT ROWID;
CREATE TABLE day (
  portal TEXT NOT NULL, account TEXT NOT NULL,
  day INTEGER NOT NULL,    -- days since 1970-01-01 UTC
  own INTEGER NOT NULL, base INTEGER NOT NULL, drift INTEGER NOT NULL,
  looks INTEGER NOT NULL, revalidations INTEGER NOT NULL,
  PRIMARY KEY (portal, account, day)
) STRICT, WITHOUT ROWID;
CREATE TABLE call (        -- reserved or under way
  portal TEXT NOT NULL, id INTEGER NOT NULL,
  since_ms INTEGER NOT NULL, accounts TEXT NOT NULL, days TEXT NOT NULL,
  PRIMARY KEY (portal, id)
) STRICT, WITHOUT ROWID;
";

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Damage {
    /// It is no ledger of ours, or not any more: set it aside.
    #[error("{0}")]
    Unreadable(String),
    /// The system does not let us.
    #[error(transparent)]
    Other(rusqlite::Error),
}

impl From<rusqlite::Error> for Damage {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Unreadable(error.to_string()),
            _ => Self::Other(error),
        }
    }
}

/// An open ledger file.
#[derive(Debug)]
pub(super) struct Store {
    connection: Connection,
}

impl Store {
    /// Opens the file, or makes it.
    pub fn open(path: &Path) -> Result<Self, Damage> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        if mode != "wal" {
            tracing::warn!(mode, "the ledger's file system has no write-ahead log");
        }
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "fullfsync", true)?;
        connection.pragma_update(None, "journal_size_limit", 4 * 1024 * 1024)?;
        let complaint = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))?;
        if complaint != "ok" {
            return Err(Damage::Unreadable(complaint));
        }
        let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let tables: Option<String> = connection.query_row("SELECT name FROM sqlite_schema LIMIT 1", [], |row| row.get(0)).optional()?;
        match (version, tables) {
            (0, None) => {
                let made = connection.transaction()?;
                made.execute_batch(SCHEMA)?;
                made.pragma_update(None, "user_version", SCHEMA_VERSION)?;
                made.commit()?;
            }
            (SCHEMA_VERSION, Some(_)) => {}
            (other, _) => return Err(Damage::Unreadable(format!("its format is {other}, this program's is {SCHEMA_VERSION}"))),
        }
        let store = Self { connection };
        // Whatever is wrong with the tables shows here, while the file can still be set aside.
        match store.load("") {
            Err(error @ (rusqlite::Error::SqliteFailure(..) | rusqlite::Error::SqlInputError { .. })) => match Damage::from(error) {
                Damage::Other(error) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => Err(Damage::Unreadable(error.to_string())),
                damage => Err(damage),
            },
            Err(error) => Err(Damage::Unreadable(error.to_string())),
            Ok(_) => Ok(store),
        }
    }

    /// What the file without its log holds of a portal, without writing anything beside it.
    pub fn peek(path: &Path, portal: &str) -> rusqlite::Result<Rows> {
        let uri = Url::from_file_path(path).map_err(|()| rusqlite::Error::InvalidPath(path.to_owned()))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        load(&Connection::open_with_flags(format!("{uri}?immutable=1"), flags)?, portal)
    }

    /// Everything that it holds of a portal.
    pub fn load(&self, portal: &str) -> rusqlite::Result<Rows> {
        load(&self.connection, portal)
    }

    /// Writes the batches in one transaction. Once it returns, they survive a power cut.
    pub fn write<'a>(&mut self, batches: impl Iterator<Item = &'a Batch>) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        for batch in batches {
            write_batch(&transaction, batch)?;
        }
        transaction.commit()
    }
}

fn load(connection: &Connection, portal: &str) -> rusqlite::Result<Rows> {
    let mut accounts = connection.prepare("SELECT account, stated, proven, shut_by, shut_until_ms FROM account WHERE portal = ?1")?;
    let accounts = accounts.query_map([portal], |row| {
        Ok(AccountRow { account: row.get(0)?, stated: row.get(1)?, proven: row.get(2)?, shut_by: row.get(3)?, shut_until_ms: row.get(4)? })
    })?;
    let mut days = connection.prepare("SELECT account, day, own, base, drift, looks, revalidations FROM day WHERE portal = ?1")?;
    let days = days.query_map([portal], |row| {
        let count = |column: usize| row.get::<_, i64>(column).map(|count| u64::try_from(count).unwrap_or(0));
        Ok(DayRow {
            account: row.get(0)?,
            day: row.get(1)?,
            own: count(2)?,
            base: count(3)?,
            drift: count(4)?,
            looks: count(5)?,
            revalidations: count(6)?,
        })
    })?;
    let mut calls = connection.prepare("SELECT id, since_ms, accounts, days FROM call WHERE portal = ?1")?;
    let calls = calls.query_map([portal], |row| {
        let id = u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0);
        Ok(CallRow { id, since_ms: row.get(1)?, accounts: row.get(2)?, days: row.get(3)? })
    })?;
    Ok(Rows {
        accounts: accounts.collect::<Result<_, _>>()?,
        days: days.collect::<Result<_, _>>()?,
        calls: calls.collect::<Result<_, _>>()?,
    })
}

fn write_batch(transaction: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<()> {
    let portal = &batch.portal;
    let mut account = transaction.prepare_cached("INSERT OR REPLACE INTO account VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    for row in &batch.rows.accounts {
        account.execute(params![portal, row.account, row.stated, row.proven, row.shut_by, row.shut_until_ms])?;
    }
    let mut day = transaction.prepare_cached("INSERT OR REPLACE INTO day VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?;
    for row in &batch.rows.days {
        let [own, base, drift] = [row.own, row.base, row.drift].map(integer);
        day.execute(params![portal, row.account, row.day, own, base, drift, integer(row.looks), integer(row.revalidations)])?;
    }
    let mut call = transaction.prepare_cached("INSERT OR REPLACE INTO call VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for row in &batch.rows.calls {
        call.execute(params![portal, integer(row.id), row.since_ms, row.accounts, row.days])?;
    }
    let mut over = transaction.prepare_cached("DELETE FROM call WHERE portal = ?1 AND id = ?2")?;
    for id in &batch.over {
        over.execute(params![portal, integer(*id)])?;
    }
    if let Some(prune) = batch.prune {
        transaction.execute(
            "DELETE FROM day WHERE portal = ?1 AND (CASE account WHEN 'anonymous' THEN day < ?2 ELSE day <= ?3 END)",
            params![portal, prune.anonymous_before.map(|day| day.0), prune.keys_last.0],
        )?;
        transaction.execute(
            "DELETE FROM account WHERE portal = ?1 AND account <> 'anonymous'
             AND NOT EXISTS (SELECT 1 FROM day WHERE day.portal = account.portal AND day.account = account.account)",
            params![portal],
        )?;
    }
    Ok(())
}

fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
