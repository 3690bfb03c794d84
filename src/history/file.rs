//! The history as a SQLite file, `history.sqlite` in the data directory: apart from the ledger, whose writes nothing may delay.
//!
//! WAL with `synchronous=NORMAL`: a power cut may take the last commits, never the file. It is the writer's alone, as the directory is the
//! process's whose ledger has locked it. Portals and teams are written by name: their places change with the configuration.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};

use super::counts::{Counts, Hour};
use super::patterns::Finding;
use super::report::{Pattern, Query, Report, Row, Sum};

/// The shape of the tables below. Another in the file: another version of the program wrote it.
const SCHEMA_VERSION: i64 = 1;

const SCHEMA: &str = "
CREATE TABLE tally (
  hour INTEGER NOT NULL,   -- hours since 1970-01-01T00:00:00Z
  portal TEXT NOT NULL, team TEXT NOT NULL, family TEXT NOT NULL, dataset TEXT NOT NULL,
  requests INTEGER NOT NULL, hits INTEGER NOT NULL, stale INTEGER NOT NULL, refused INTEGER NOT NULL,
  calls INTEGER NOT NULL, bytes INTEGER NOT NULL,
  PRIMARY KEY (hour, portal, team, family, dataset)
) STRICT, WITHOUT ROWID;
CREATE TABLE pattern (
  day INTEGER NOT NULL,    -- days since 1970-01-01
  portal TEXT NOT NULL, team TEXT NOT NULL,
  place INTEGER NOT NULL,  -- among those of its day, portal and team
  finding TEXT NOT NULL,   -- JSON
  PRIMARY KEY (day, portal, team, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE warned (
  day INTEGER NOT NULL, portal TEXT NOT NULL,
  team TEXT NOT NULL,      -- empty: the portal's day
  level INTEGER NOT NULL,  -- in per cent
  PRIMARY KEY (day, portal, team)
) STRICT, WITHOUT ROWID;
";

/// Rows that are kept, whatever the number of days: some hundred megabytes.
const MOST_ROWS: i64 = 1_000_000;
/// Rows that a report tells.
const REPORTED: usize = 40_000;

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Damage {
    /// It is no history of ours, or not any more: set it aside.
    #[error("{0}")]
    Unreadable(String),
    /// The system does not let us.
    #[error(transparent)]
    Other(rusqlite::Error),
}

impl From<rusqlite::Error> for Damage {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, SqlInputError};
        match (&error, error.sqlite_error_code()) {
            (_, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown))
            | (FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..) | SqlInputError { .. }, _) => {
                Self::Unreadable(error.to_string())
            }
            _ => Self::Other(error),
        }
    }
}

/// Counts to be added to a row.
#[derive(Debug)]
pub(super) struct Tally<'a> {
    pub hour: Hour,
    pub portal: &'a str,
    pub team: &'a str,
    pub family: &'a str,
    pub dataset: &'a str,
    pub counts: Counts,
}

/// Findings that take the place of those before them.
#[derive(Debug)]
pub(super) struct Findings<'a> {
    pub day: i64,
    pub portal: &'a str,
    pub team: &'a str,
    pub findings: &'a [Finding],
}

/// A warning that was given.
#[derive(Debug)]
pub(super) struct Given<'a> {
    pub day: i64,
    pub portal: &'a str,
    pub team: &'a str,
    pub level: u8,
}

/// What is to be written, in one transaction.
#[derive(Debug, Default)]
pub(super) struct Batch<'a> {
    pub tallies: Vec<Tally<'a>>,
    pub findings: Vec<Findings<'a>>,
    pub given: Vec<Given<'a>>,
}

/// What an earlier process has counted of today, for this one to go on.
#[derive(Debug, Default)]
pub(super) struct Recalled {
    /// Calls of teams in the last hours, by portal.
    pub hours: Vec<(Hour, String, u64)>,
    /// Findings of the day.
    pub findings: Vec<(String, String, Finding)>,
    /// Warnings of the days from today on.
    pub given: Vec<(i64, String, String, u8)>,
}

/// An open file.
#[derive(Debug)]
pub(super) struct Store {
    connection: Connection,
}

impl Store {
    /// Opens the file, or makes it.
    pub fn open(path: &Path) -> Result<Self, Damage> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "journal_size_limit", 4 * 1024 * 1024)?;
        // No check of all pages, which takes its time over a month of history: damage is met when it is read.
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
        store.recall(Timestamp::UNIX_EPOCH)?;
        Ok(store)
    }

    /// What there is of today.
    pub fn recall(&self, now: Timestamp) -> Result<Recalled, Damage> {
        let (hour, day) = (Hour::of(now), Hour::of(now).day());
        let mut hours = self.connection.prepare_cached(
            "SELECT hour, portal, SUM(calls) FROM tally WHERE hour >= ?1 AND hour <= ?2 AND calls > 0 AND team NOT LIKE '(%' GROUP BY hour, portal",
        )?;
        let hours = hours.query_map([hour.0 - 3, hour.0], |row| Ok((Hour(row.get(0)?), row.get(1)?, count(row, 2)?)))?;
        let mut given = self.connection.prepare_cached("SELECT day, portal, team, level FROM warned WHERE day >= ?1")?;
        let given = given.query_map([day], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
        let patterns = self.patterns(day, None, None)?;
        Ok(Recalled {
            hours: hours.collect::<Result<_, _>>()?,
            findings: patterns.into_iter().map(|Pattern { portal, team, finding }| (portal, team, finding)).collect(),
            given: given.collect::<Result<_, _>>()?,
        })
    }

    /// Writes it, all or nothing.
    pub fn write(&mut self, batch: &Batch<'_>) -> Result<(), Damage> {
        let transaction = self.connection.transaction()?;
        {
            let mut tally = transaction.prepare_cached(
                "INSERT INTO tally VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT DO UPDATE SET \
                 requests = requests + excluded.requests, hits = hits + excluded.hits, stale = stale + excluded.stale, \
                 refused = refused + excluded.refused, calls = calls + excluded.calls, bytes = bytes + excluded.bytes",
            )?;
            for Tally { hour, portal, team, family, dataset, counts } in &batch.tallies {
                let Counts { requests, hits, stale, refused, calls, bytes } = *counts;
                let [requests, hits, stale, refused, bytes] = [requests, hits, stale, refused, bytes].map(stored);
                tally.execute(params![hour.0, portal, team, family, dataset, requests, hits, stale, refused, calls, bytes])?;
            }
            let mut before = transaction.prepare_cached("DELETE FROM pattern WHERE day = ?1 AND portal = ?2 AND team = ?3")?;
            let mut pattern = transaction.prepare_cached("INSERT INTO pattern VALUES (?1, ?2, ?3, ?4, ?5)")?;
            for Findings { day, portal, team, findings } in &batch.findings {
                before.execute(params![day, portal, team])?;
                for (place, finding) in findings.iter().enumerate() {
                    let text = serde_json::to_string(finding).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
                    pattern.execute(params![day, portal, team, place as i64, text])?;
                }
            }
            let mut warned = transaction.prepare_cached("INSERT OR REPLACE INTO warned VALUES (?1, ?2, ?3, ?4)")?;
            for Given { day, portal, team, level } in &batch.given {
                warned.execute(params![day, portal, team, level])?;
            }
        }
        Ok(transaction.commit()?)
    }

    /// Drops what is older than `days` before `now`, and of more than a bounded number of rows the oldest hours.
    pub fn prune(&mut self, days: u32, now: Timestamp) -> Result<(), Damage> {
        let first = Hour::of(now).day() - i64::from(days) + 1;
        let transaction = self.connection.transaction()?;
        transaction.execute("DELETE FROM tally WHERE hour < ?1", [first * 24])?;
        transaction.execute("DELETE FROM pattern WHERE day < ?1", [first])?;
        // Of use on its day alone.
        transaction.execute("DELETE FROM warned WHERE day < ?1", [Hour::of(now).day() - 1])?;
        transaction
            .execute("DELETE FROM tally WHERE hour <= (SELECT hour FROM tally ORDER BY hour DESC LIMIT 1 OFFSET ?1)", [MOST_ROWS])?;
        Ok(transaction.commit()?)
    }

    /// Tells a day.
    pub fn report(&self, query: &Query, kept_days: u32, at: Timestamp) -> Result<Report, Damage> {
        let day = day_number(query.day);
        let mut rows = self.connection.prepare_cached(
            "SELECT hour, portal, team, family, dataset, requests, hits, stale, refused, calls, bytes FROM tally \
             WHERE hour >= ?1 AND hour < ?2 AND (?3 IS NULL OR portal = ?3) AND (?4 IS NULL OR team = ?4) ORDER BY 1, 2, 3, 4, 5",
        )?;
        let found = rows.query_map(params![day * 24, (day + 1) * 24, query.portal, query.team], |row| {
            Ok(Row {
                hour: Hour(row.get(0)?).begin(),
                portal: row.get(1)?,
                team: row.get(2)?,
                family: row.get(3)?,
                dataset: row.get(4)?,
                counts: Sum {
                    requests: count(row, 5)?,
                    hits: count(row, 6)?,
                    stale: count(row, 7)?,
                    refused: count(row, 8)?,
                    calls: count(row, 9)?,
                    bytes: count(row, 10)?,
                },
            })
        })?;
        let (mut total, mut rows, mut more) = (Sum::default(), Vec::new(), false);
        for row in found {
            let row = row?;
            total.add(&row.counts);
            if rows.len() < REPORTED { rows.push(row) } else { more = true }
        }
        let patterns = self.patterns(day, query.portal.as_deref(), query.team.as_deref())?;
        Ok(Report { day: query.day, kept_days, at, total, rows, more, patterns })
    }

    fn patterns(&self, day: i64, portal: Option<&str>, team: Option<&str>) -> Result<Vec<Pattern>, Damage> {
        let mut patterns = self.connection.prepare_cached(
            "SELECT portal, team, finding FROM pattern WHERE day = ?1 AND (?2 IS NULL OR portal = ?2) AND (?3 IS NULL OR team = ?3) \
             ORDER BY portal, team, place",
        )?;
        let found = patterns.query_map(params![day, portal, team], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?)))?;
        let read = |row: rusqlite::Result<(String, String, String)>| {
            let (portal, team, finding) = row?;
            let finding = serde_json::from_str(&finding).map_err(|error| Damage::Unreadable(error.to_string()))?;
            Ok(Pattern { portal, team, finding })
        };
        found.map(read).collect()
    }
}

/// A day as a number of days since 1970-01-01.
fn day_number(day: Date) -> i64 {
    Hour::of(jiff::tz::TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).unwrap_or(Timestamp::MIN)).day()
}

/// SQLite's integers have a sign; a count that does not fit has been wrong for long.
fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn count(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(|count| u64::try_from(count).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::patterns::Kind;

    fn now() -> Timestamp {
        "2026-03-02T10:30:00Z".parse().unwrap()
    }

    fn tally<'a>(hour: i64, team: &'a str, dataset: &'a str, calls: i64) -> Tally<'a> {
        let counts = Counts { requests: 10, hits: 7, calls, bytes: 1_000, ..Counts::default() };
        Tally { hour: Hour(Hour::of(now()).0 + hour), portal: "box", team, family: "records", dataset, counts }
    }

    fn finding() -> Finding {
        serde_json::from_value(serde_json::json!({"kind": Kind::Dearest, "question": "/q", "calls": 7})).unwrap()
    }

    fn query() -> Query {
        Query { day: "2026-03-02".parse().unwrap(), portal: None, team: None }
    }

    fn open() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("history.sqlite")).unwrap();
        (dir, store)
    }

    #[test]
    fn counts_add_up_and_findings_replace_those_before() {
        let (_dir, mut store) = open();
        for calls in [2, 4, -1] {
            let findings = [finding()];
            store
                .write(&Batch {
                    tallies: vec![tally(0, "lyon", "d", calls), tally(-1, "(looks)", "", 1), tally(-11, "lyon", "d", 99)],
                    findings: vec![Findings { day: Hour::of(now()).day(), portal: "box", team: "lyon", findings: &findings }],
                    given: vec![],
                })
                .unwrap();
        }
        let report = store.report(&query(), 30, now()).unwrap();
        assert_eq!((report.rows.len(), report.total.calls, report.total.requests, report.more), (2, 8, 60, false));
        assert_eq!(report.rows[1].hour, "2026-03-02T10:00:00Z".parse().unwrap());
        assert_eq!(report.patterns, [Pattern { portal: "box".into(), team: "lyon".into(), finding: finding() }]);
        let of_looks = store.report(&Query { team: Some("(looks)".into()), ..query() }, 30, now()).unwrap();
        assert_eq!((of_looks.total.calls, of_looks.patterns.len()), (3, 0));
        assert!(store.report(&Query { portal: Some("other".into()), ..query() }, 30, now()).unwrap().rows.is_empty());
        let recalled = store.recall(now()).unwrap();
        assert_eq!(recalled.hours, [(Hour::of(now()), "box".into(), 5)]);
        assert_eq!(recalled.findings.len(), 1);
    }

    #[test]
    fn what_is_older_than_the_days_that_are_kept_goes() {
        let (_dir, mut store) = open();
        let day = Hour::of(now()).day();
        let tallies = (0..5).map(|days| tally(-24 * days, "lyon", "d", 1)).collect();
        let given = vec![Given { day, portal: "box", team: "", level: 80 }, Given { day: day - 2, portal: "box", team: "", level: 50 }];
        store.write(&Batch { tallies, findings: vec![], given }).unwrap();
        store.prune(3, now()).unwrap();
        let number = |store: &Store, table: &str| {
            store.connection.query_row(&format!("SELECT COUNT(*) FROM {table}"), [], |row| row.get::<_, i64>(0)).unwrap()
        };
        assert_eq!((number(&store, "tally"), number(&store, "warned")), (3, 1));
        assert_eq!(store.recall(now()).unwrap().given, [(day, "box".into(), String::new(), 80)]);
        store.prune(0, now()).unwrap();
        assert_eq!(number(&store, "tally"), 0, "none are kept");
    }

    #[test]
    fn what_is_no_history_is_damage_and_what_is_not_to_be_had_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history.sqlite");
        for damage in [
            &b"no database at all, but long enough to be looked at as if it were one, which it is not ...........  "[..],
            b"SQLite format 3\0",
        ] {
            std::fs::write(&path, damage).unwrap();
            assert!(matches!(Store::open(&path), Err(Damage::Unreadable(_))), "{damage:?}");
            std::fs::remove_file(&path).unwrap();
        }
        let store = Store::open(&path).unwrap();
        store.connection.pragma_update(None, "user_version", 9).unwrap();
        drop(store);
        assert!(matches!(Store::open(&path), Err(Damage::Unreadable(_))), "another version's");
        let store = Connection::open(&path).unwrap();
        store.pragma_update(None, "user_version", SCHEMA_VERSION).unwrap();
        store.execute_batch("DROP TABLE tally").unwrap();
        drop(store);
        assert!(matches!(Store::open(&path), Err(Damage::Unreadable(_))), "a table is missing");
        assert!(matches!(Store::open(dir.path()), Err(Damage::Other(_))), "a directory");
    }
}
