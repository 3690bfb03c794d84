//! The rows of an export as every format reads them: headings, types, and the values of a row, swollen if a test asked for that.

use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::simulator::catalogue::Dataset;
use crate::simulator::query::Setting;
use crate::simulator::query::run::Selection;
use crate::simulator::swell::Swell;
use crate::simulator::table::{Kind, Table};
use crate::simulator::value::Value;

/// The column that tells the repetitions of a row apart, by the portal's own name for the id of a record.
const RECORD_ID: &str = "recordid";

/// The rows of an export.
#[derive(Debug)]
pub struct Source {
    table: Table,
    selection: Selection,
    setting: Setting,
    headings: Arc<[String]>,
    swollen: Option<(Swell, Dataset)>,
}

/// A row of a swollen export: which one, in which round through the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The row of the selection.
    pub at: usize,
    /// Whole rounds before this one.
    pub round: u64,
}

impl Source {
    /// The rows of `selection` over `table`, headed by labels instead of names if so wished.
    pub fn new(table: Table, selection: Selection, setting: Setting, labels: bool) -> Self {
        let heading = |name: &String| match table.schema.position(name) {
            Some(at) if labels => {
                let field = &table.schema.fields[at];
                (if setting.lang == "en" { field.label_en } else { field.label }).to_owned()
            }
            _ => name.clone(),
        };
        let headings = selection.names.iter().map(heading).collect();
        Self { table, selection, setting, headings, swollen: None }
    }

    /// The same rows, as often as the dataset is to be swollen, and a column with the id of each.
    pub fn swollen(mut self, dataset: &Dataset) -> Self {
        if let Some(swell) = dataset.swell() {
            self.headings = self.headings.iter().cloned().chain([RECORD_ID.to_owned()]).collect();
            self.swollen = Some((swell, dataset.clone()));
        }
        self
    }

    /// The names of the columns, or their labels.
    pub fn headings(&self) -> &Arc<[String]> {
        &self.headings
    }

    /// The zone that dates are told in.
    pub fn zone(&self) -> &TimeZone {
        &self.setting.zone
    }

    /// What else the values are told in.
    pub fn setting(&self) -> &Setting {
        &self.setting
    }

    /// Whether rows are repeated.
    pub fn repeats(&self) -> bool {
        self.swollen.is_some()
    }

    /// Whether there is no row at `place`, `written` bytes into the export.
    pub fn has_ended(&self, place: Place, written: u64) -> bool {
        self.selection.len() == 0
            || match &self.swollen {
                None => place.round >= 1,
                Some((swell, _)) => swell.is_reached(place.round, written),
            }
    }

    /// The place behind this one.
    pub fn behind(&self, place: Place) -> Place {
        if place.at + 1 < self.selection.len() { Place { at: place.at + 1, ..place } } else { Place { at: 0, round: place.round + 1 } }
    }

    /// The values of a row, one under each heading.
    pub fn values(&self, place: Place) -> Vec<Value<'_>> {
        let mut values = self.selection.values(&self.table, &self.setting, place.at);
        values.extend(self.id(place).map(Value::owned));
        values
    }

    /// The id of a repeated row, which is the value under the last heading.
    pub fn id(&self, place: Place) -> Option<String> {
        let (_, dataset) = self.swollen.as_ref()?;
        Some(dataset.repeated_id(self.selection.row(place.at).unwrap_or(place.at), place.round))
    }

    /// The type of each column. Fields have one; what is computed is looked at, all of it.
    pub fn kinds(&self) -> Vec<Kind> {
        let mut kinds: Vec<Option<Kind>> =
            (0..self.selection.names.len()).map(|at| self.selection.field(at).map(|field| self.table.schema.fields[field].kind)).collect();
        let computed: Vec<usize> = (0..kinds.len()).filter(|at| kinds[*at].is_none()).collect();
        if !computed.is_empty() {
            for at in 0..self.selection.len() {
                let values = self.selection.values(&self.table, &self.setting, at);
                for column in &computed {
                    kinds[*column] = joined(kinds[*column], &values[*column]);
                }
            }
        }
        kinds.extend(self.swollen.iter().map(|_| Some(Kind::Text)));
        kinds.into_iter().map(|kind| kind.unwrap_or(Kind::Text)).collect()
    }
}

/// The narrowest type that holds what was seen and this value. Where nothing else does, a text.
fn joined(seen: Option<Kind>, value: &Value<'_>) -> Option<Kind> {
    let kind = match value {
        Value::Null => return seen,
        Value::Bool(_) => Kind::Bool,
        Value::Int(_) => Kind::Int,
        Value::Double(_) => Kind::Double,
        Value::List(_) => Kind::List,
        Value::Date(_) => Kind::Date,
        Value::Moment(_) => Kind::Moment,
        Value::Point(_) => Kind::Point,
        _ => Kind::Text,
    };
    Some(match (seen, kind) {
        (None, kind) => kind,
        (Some(seen), kind) if seen == kind => kind,
        (Some(Kind::Int | Kind::Double), Kind::Int | Kind::Double) => Kind::Double,
        _ => Kind::Text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn computed_columns_take_the_narrowest_type_that_holds_their_values() {
        let of = |values: &[Value<'static>]| values.iter().fold(None, joined);
        assert_eq!(of(&[Value::Null]), None);
        assert_eq!(of(&[Value::Null, Value::Int(1)]), Some(Kind::Int));
        assert_eq!(of(&[Value::Double(0.5), Value::Int(1)]), Some(Kind::Double));
        assert_eq!(of(&[Value::Bool(true), Value::Int(1)]), Some(Kind::Text));
    }
}
