//! The ledger as a SQLite file.
//!
//! WAL with `synchronous=FULL`: a commit that has returned survives a power cut (with `NORMAL` it need not). Rows hold absolute counts, so
//! writing one twice, after an error that left open whether it was written, changes nothing.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Row, Transaction, params};
use url::Url;

use crate::budget::book::rows::{AccountRow, Batch, CallRow, ChangeRow, DatasetRow, DayRow, Rows, SettingRow, TeamRow};

/// The shape of the tables below. Higher in the file: another version of the program wrote it.
const SCHEMA_VERSION: i64 = 2;

/// What a file of shape 1 has.
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

/// What shape 2 has besides: teams, limits of datasets, and what was configured. Older rows stay as they are; their calls are no team's.
const SCHEMA_2: &str = "
ALTER TABLE call ADD COLUMN team TEXT; -- the one that pays
CREATE TABLE team_day (
  portal TEXT NOT NULL, day INTEGER NOT NULL, team TEXT NOT NULL,
  own INTEGER NOT NULL,    -- its calls on the anonymous account
  PRIMARY KEY (portal, day, team)
) STRICT, WITHOUT ROWID;
CREATE TABLE dataset (     -- as the portal last stated it
  portal TEXT NOT NULL, account TEXT NOT NULL, dataset TEXT NOT NULL,
  calls INTEGER NOT NULL, remaining INTEGER NOT NULL, resets_ms INTEGER, seen_ms INTEGER NOT NULL,
  own INTEGER NOT NULL,    -- calls of ours since
  last_call_ms INTEGER NOT NULL,
  PRIMARY KEY (portal, account, dataset)
) STRICT, WITHOUT ROWID;
CREATE TABLE setting (     -- as last configured; without a team: the portal's own
  portal TEXT NOT NULL, team TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (portal, team, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE setting_change (
  portal TEXT NOT NULL, number INTEGER NOT NULL,
  at_ms INTEGER NOT NULL, team TEXT, what TEXT NOT NULL, before TEXT, after TEXT,
  PRIMARY KEY (portal, number)
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

impl Damage {
    /// What goes wrong with a statement that is right says that the tables are not ours.
    fn of_tables(error: rusqlite::Error) -> Self {
        match Self::from(error) {
            Self::Other(error) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => Self::Unreadable(error.to_string()),
            damage => damage,
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
                made.execute_batch(SCHEMA_2)?;
                made.pragma_update(None, "user_version", SCHEMA_VERSION)?;
                made.commit()?;
            }
            (1, Some(_)) => {
                let grown = connection.transaction()?;
                grown.execute_batch(SCHEMA_2).map_err(Damage::of_tables)?;
                grown.pragma_update(None, "user_version", SCHEMA_VERSION)?;
                grown.commit()?;
                tracing::info!("the ledger has been given its tables for teams");
            }
            (SCHEMA_VERSION, Some(_)) => {}
            (other, _) => return Err(Damage::Unreadable(format!("its format is {other}, this program's is {SCHEMA_VERSION}"))),
        }
        let store = Self { connection };
        // Whatever is wrong with the tables shows here, while the file can still be set aside.
        match store.load("") {
            Err(error @ (rusqlite::Error::SqliteFailure(..) | rusqlite::Error::SqlInputError { .. })) => Err(Damage::of_tables(error)),
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
    // A ledger that can be read and not written may still have its older shape.
    let has_teams = connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))? >= 2;
    let team = if has_teams { "team" } else { "NULL" };
    let mut calls = connection.prepare(&format!("SELECT id, since_ms, accounts, days, {team} FROM call WHERE portal = ?1"))?;
    let calls = calls.query_map([portal], |row| {
        let id = u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0);
        Ok(CallRow { id, since_ms: row.get(1)?, accounts: row.get(2)?, days: row.get(3)?, team: row.get(4)? })
    })?;
    let mut rows = Rows {
        accounts: accounts.collect::<Result<_, _>>()?,
        days: days.collect::<Result<_, _>>()?,
        calls: calls.collect::<Result<_, _>>()?,
        ..Rows::default()
    };
    if has_teams {
        load_teams(connection, portal, &mut rows)?;
    }
    Ok(rows)
}

/// What shape 2 has besides.
fn load_teams(connection: &Connection, portal: &str, rows: &mut Rows) -> rusqlite::Result<()> {
    let count = |row: &Row<'_>, column: usize| row.get::<_, i64>(column).map(|count| u64::try_from(count).unwrap_or(0));
    let mut teams = connection.prepare("SELECT team, day, own FROM team_day WHERE portal = ?1")?;
    let teams = teams.query_map([portal], |row| Ok(TeamRow { team: row.get(0)?, day: row.get(1)?, own: count(row, 2)? }))?;
    rows.teams = teams.collect::<Result<_, _>>()?;
    let mut datasets = connection
        .prepare("SELECT account, dataset, calls, remaining, resets_ms, seen_ms, own, last_call_ms FROM dataset WHERE portal = ?1")?;
    let datasets = datasets.query_map([portal], |row| {
        Ok(DatasetRow {
            account: row.get(0)?,
            dataset: row.get(1)?,
            limit: count(row, 2)?,
            remaining: count(row, 3)?,
            resets_ms: row.get(4)?,
            seen_ms: row.get(5)?,
            own: count(row, 6)?,
            last_call_ms: row.get(7)?,
        })
    })?;
    rows.datasets = datasets.collect::<Result<_, _>>()?;
    let mut settings = connection.prepare("SELECT team, name, value FROM setting WHERE portal = ?1")?;
    let settings = settings.query_map([portal], |row| Ok(SettingRow { team: row.get(0)?, name: row.get(1)?, value: row.get(2)? }))?;
    rows.settings = settings.collect::<Result<_, _>>()?;
    let mut changes =
        connection.prepare("SELECT number, at_ms, team, what, before, after FROM setting_change WHERE portal = ?1 ORDER BY number")?;
    let changes = changes.query_map([portal], |row| {
        let (number, at_ms, team, what) = (count(row, 0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        Ok(ChangeRow { number, at_ms, team, what, from: row.get(4)?, to: row.get(5)? })
    })?;
    rows.changes = changes.collect::<Result<_, _>>()?;
    Ok(())
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
    let mut call = transaction
        .prepare_cached("INSERT OR REPLACE INTO call (portal, id, since_ms, accounts, days, team) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    for row in &batch.rows.calls {
        call.execute(params![portal, integer(row.id), row.since_ms, row.accounts, row.days, row.team])?;
    }
    let mut over = transaction.prepare_cached("DELETE FROM call WHERE portal = ?1 AND id = ?2")?;
    for id in &batch.over {
        over.execute(params![portal, integer(*id)])?;
    }
    write_teams(transaction, batch)?;
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
        transaction
            .execute("DELETE FROM team_day WHERE portal = ?1 AND day < ?2", params![portal, prune.anonymous_before.map(|day| day.0)])?;
    }
    Ok(())
}

fn write_teams(transaction: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<()> {
    let portal = &batch.portal;
    let mut team = transaction.prepare_cached("INSERT OR REPLACE INTO team_day (portal, day, team, own) VALUES (?1, ?2, ?3, ?4)")?;
    for row in &batch.rows.teams {
        team.execute(params![portal, row.day, row.team, integer(row.own)])?;
    }
    let mut dataset = transaction.prepare_cached("INSERT OR REPLACE INTO dataset VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?;
    for row in &batch.rows.datasets {
        let [calls, remaining, own] = [row.limit, row.remaining, row.own].map(integer);
        let times = (row.resets_ms, row.seen_ms, row.last_call_ms);
        dataset.execute(params![portal, row.account, row.dataset, calls, remaining, times.0, times.1, own, times.2])?;
    }
    let mut forgotten = transaction.prepare_cached("DELETE FROM dataset WHERE portal = ?1 AND account = ?2 AND dataset = ?3")?;
    for (account, dataset) in &batch.forgotten {
        forgotten.execute(params![portal, account, dataset])?;
    }
    if !batch.rows.settings.is_empty() {
        transaction.execute("DELETE FROM setting WHERE portal = ?1", params![portal])?;
        let mut setting = transaction.prepare_cached("INSERT INTO setting VALUES (?1, ?2, ?3, ?4)")?;
        for row in &batch.rows.settings {
            setting.execute(params![portal, row.team, row.name, row.value])?;
        }
    }
    let mut change = transaction.prepare_cached("INSERT OR REPLACE INTO setting_change VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
    for row in &batch.rows.changes {
        change.execute(params![portal, integer(row.number), row.at_ms, row.team, row.what, row.from, row.to])?;
    }
    if !batch.rows.changes.is_empty() {
        transaction
            .execute("DELETE FROM setting_change WHERE portal = ?1 AND number < ?2", params![portal, integer(batch.first_change)])?;
    }
    Ok(())
}

fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
