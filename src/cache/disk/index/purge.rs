//! Purging: entries by what they are about.

use rusqlite::params_from_iter;
use rusqlite::types::Value;

use super::{Failure, Gone, Index, collect, id_of, signed, unsigned};
use crate::cache::disk::{Purged, Which};

impl Index {
    /// The entries stored before `before`, and the bytes they take.
    pub fn count(&self, which: &Which, before: u64) -> Result<Purged, Failure> {
        let (condition, values) = condition(which, before);
        let sql = format!("SELECT count(*), coalesce(sum(file_bytes + row_bytes), 0) FROM entry WHERE {condition}");
        let purged = |row: &rusqlite::Row<'_>| Ok(Purged { entries: unsigned(row.get(0)?), bytes: unsigned(row.get(1)?), complete: true });
        Ok(self.connection.query_row(&sql, params_from_iter(values), purged)?)
    }

    /// Marks them as purged.
    pub fn mark(&self, which: &Which, before: u64) -> Result<(), Failure> {
        let (condition, values) = condition(which, before);
        self.connection.execute(&format!("UPDATE entry SET purged = 1 WHERE {condition} AND purged = 0"), params_from_iter(values))?;
        Ok(())
    }

    /// Some of them, to be removed.
    pub fn some(&self, which: &Which, before: u64, number: u32) -> Result<Vec<Gone>, Failure> {
        let (condition, values) = condition(which, before);
        let sql = format!("SELECT id, serial, file_bytes, row_bytes FROM entry WHERE {condition} LIMIT {number}");
        collect(self.connection.prepare_cached(&sql)?, params_from_iter(values))
    }
}

/// A condition on rows, and the values in it.
fn condition(which: &Which, before: u64) -> (&'static str, Vec<Value>) {
    let (condition, mut values) = match which {
        Which::Url { portal, target } => {
            let id = id_of(target.as_bytes());
            (
                "serial < ?1 AND portal = ?2 AND target_id = ?3 AND target = ?4",
                vec![portal.clone().into(), id.into(), target.clone().into()],
            )
        }
        Which::Dataset { portal, id } => ("serial < ?1 AND portal = ?2 AND dataset = ?3", vec![portal.clone().into(), id.clone().into()]),
        Which::Family { portal, name } => ("serial < ?1 AND portal = ?2 AND family = ?3", vec![portal.clone().into(), name.clone().into()]),
        Which::All { portal } => ("serial < ?1 AND portal = ?2", vec![portal.clone().into()]),
    };
    values.insert(0, Value::Integer(signed(before)));
    (condition, values)
}
