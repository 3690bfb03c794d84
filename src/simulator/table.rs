//! Records in memory: one column per field, texts pooled, so that sixty thousand schools weigh a few megabytes.
//!
//! A [`Table`] is what queries run over: the shared columns of a dataset, and in front of them the rows that a `touch` added.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use jiff::civil::Date;

use super::files;
use super::odsql::fold;
use super::value::{PART, Point, Value};

/// The type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A text with several values.
    List,
    /// A whole number.
    Int,
    /// A number with decimals.
    Double,
    /// Yes or no.
    Bool,
    /// A day.
    Date,
    /// An instant.
    Moment,
    /// A place.
    Point,
    /// A file.
    File,
}

impl Kind {
    /// The portal's name of the type.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text | Self::List => "text",
            Self::Int => "int",
            Self::Double => "double",
            Self::Bool => "boolean",
            Self::Date => "date",
            Self::Moment => "datetime",
            Self::Point => "geo_point_2d",
            Self::File => "file",
        }
    }
}

/// A field of a dataset.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its technical name.
    pub name: &'static str,
    /// Its label in French.
    pub label: &'static str,
    /// Its label in English, the one other language that the portal has words for.
    pub label_en: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Whether the portal offers it as a facet.
    pub facet: bool,
    /// Whether several values of the facet mean "any of them" rather than "all of them".
    pub disjunctive: bool,
}

impl Field {
    /// A plain field.
    pub const fn new(name: &'static str, kind: Kind, label: &'static str, label_en: &'static str) -> Self {
        Self { name, label, label_en, kind, facet: false, disjunctive: false }
    }

    /// The same field, offered as a facet.
    pub const fn facet(self) -> Self {
        Self { facet: true, ..self }
    }

    /// The same field, offered as a facet of which several values may be chosen.
    pub const fn disjunctive(self) -> Self {
        Self { facet: true, disjunctive: true, ..self }
    }
}

/// The fields of a dataset, in the portal's order.
#[derive(Debug)]
pub struct Schema {
    /// The fields.
    pub fields: Vec<Field>,
    by_name: HashMap<&'static str, usize>,
}

impl Schema {
    /// A schema of these fields.
    pub fn new(fields: Vec<Field>) -> Arc<Self> {
        let by_name = fields.iter().enumerate().map(|(at, field)| (field.name, at)).collect();
        Arc::new(Self { fields, by_name })
    }

    /// Where the field of this name stands.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The same without the field at `lost`.
    pub fn without(&self, lost: usize) -> Arc<Self> {
        let left = self.fields.iter().enumerate().filter(|(at, _)| *at != lost);
        Self::new(left.map(|(_, field)| *field).collect())
    }
}

/// Texts of one column: each different one is kept once.
#[derive(Debug, Default)]
struct Texts {
    rows: Vec<u32>,
    pool: Vec<Box<str>>,
    folded: OnceLock<Vec<Box<str>>>,
}

const NO_TEXT: u32 = u32::MAX;

impl Texts {
    fn get(&self, row: usize) -> Option<&str> {
        match self.rows[row] {
            NO_TEXT => None,
            at => Some(&self.pool[at as usize]),
        }
    }

    fn folded(&self, row: usize) -> Option<&str> {
        let folded = self.folded.get_or_init(|| self.pool.iter().map(|text| fold(text).into_boxed_str()).collect());
        match self.rows[row] {
            NO_TEXT => None,
            at => Some(&folded[at as usize]),
        }
    }
}

#[derive(Debug)]
enum Column {
    Text(Texts),
    List(Texts),
    Int(Vec<i64>),
    Double(Vec<f64>),
    Bool(Vec<Option<bool>>),
    Date(Vec<Option<Date>>),
    Moment(Vec<i64>),
    Point(Vec<(f64, f64)>),
    File(Texts),
}

/// Stands for null among whole numbers and instants.
const NO_NUMBER: i64 = i64::MIN;

/// Columns of equal length. They never change once built, so instances share them.
#[derive(Debug)]
pub struct Columns {
    rows: usize,
    columns: Vec<Column>,
}

impl Columns {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    fn value(&self, row: usize, column: usize) -> Value<'_> {
        let number = |n: i64| (n != NO_NUMBER).then_some(n);
        match &self.columns[column] {
            Column::Text(texts) => texts.get(row).map_or(Value::Null, Value::text),
            Column::List(texts) => texts.get(row).map_or(Value::Null, |text| Value::List(Cow::Borrowed(text))),
            Column::Int(rows) => number(rows[row]).map_or(Value::Null, Value::Int),
            Column::Double(rows) => {
                if rows[row].is_nan() {
                    Value::Null
                } else {
                    Value::Double(rows[row])
                }
            }
            Column::Bool(rows) => rows[row].map_or(Value::Null, Value::Bool),
            Column::Date(rows) => rows[row].map_or(Value::Null, Value::Date),
            Column::Moment(rows) => {
                number(rows[row]).and_then(|micros| Timestamp::from_microsecond(micros).ok()).map_or(Value::Null, Value::Moment)
            }
            Column::Point(rows) => {
                let (lon, lat) = rows[row];
                if lon.is_nan() { Value::Null } else { Value::Point(Point { lon, lat }) }
            }
            Column::File(texts) => texts.get(row).map_or(Value::Null, |name| Value::File(Cow::Borrowed(name))),
        }
    }

    fn folded(&self, row: usize, column: usize) -> Option<&str> {
        match &self.columns[column] {
            Column::Text(texts) | Column::List(texts) => texts.folded(row),
            _ => None,
        }
    }
}

/// Builds [`Columns`] value by value, row after row, in the order of the schema.
#[derive(Debug)]
pub struct Builder {
    columns: Vec<Column>,
    interned: Vec<HashMap<Box<str>, u32>>,
    next: usize,
    rows: usize,
}

impl Builder {
    /// Nothing yet, of this schema.
    pub fn new(schema: &Schema) -> Self {
        let columns: Vec<Column> = schema
            .fields
            .iter()
            .map(|field| match field.kind {
                Kind::Text => Column::Text(Texts::default()),
                Kind::List => Column::List(Texts::default()),
                Kind::Int => Column::Int(Vec::new()),
                Kind::Double => Column::Double(Vec::new()),
                Kind::Bool => Column::Bool(Vec::new()),
                Kind::Date => Column::Date(Vec::new()),
                Kind::Moment => Column::Moment(Vec::new()),
                Kind::Point => Column::Point(Vec::new()),
                Kind::File => Column::File(Texts::default()),
            })
            .collect();
        let interned = columns.iter().map(|_| HashMap::new()).collect();
        Self { columns, interned, next: 0, rows: 0 }
    }

    /// Adds the next value of the row under way.
    ///
    /// # Panics
    ///
    /// If the value is not of the field's type: the generators are code, not input.
    pub fn push(&mut self, value: Value<'_>) -> &mut Self {
        let at = self.next;
        match (&mut self.columns[at], value) {
            (Column::Text(texts) | Column::List(texts) | Column::File(texts), Value::Null) => texts.rows.push(NO_TEXT),
            (Column::Text(texts), Value::Text(text))
            | (Column::List(texts), Value::List(text))
            | (Column::File(texts), Value::File(text)) => {
                let known = self.interned[at].get(text.as_ref()).copied();
                let id = known.unwrap_or_else(|| {
                    let id = texts.pool.len() as u32;
                    texts.pool.push(text.as_ref().into());
                    self.interned[at].insert(text.into(), id);
                    id
                });
                texts.rows.push(id);
            }
            (Column::Int(rows), Value::Int(n)) => rows.push(n),
            (Column::Int(rows), Value::Null) => rows.push(NO_NUMBER),
            (Column::Double(rows), Value::Double(n)) => rows.push(n),
            (Column::Double(rows), Value::Null) => rows.push(f64::NAN),
            (Column::Bool(rows), Value::Bool(b)) => rows.push(Some(b)),
            (Column::Bool(rows), Value::Null) => rows.push(None),
            (Column::Date(rows), Value::Date(date)) => rows.push(Some(date)),
            (Column::Date(rows), Value::Null) => rows.push(None),
            (Column::Moment(rows), Value::Moment(moment)) => rows.push(moment.as_microsecond()),
            (Column::Moment(rows), Value::Null) => rows.push(NO_NUMBER),
            (Column::Point(rows), Value::Point(point)) => rows.push((point.lon, point.lat)),
            (Column::Point(rows), Value::Null) => rows.push((f64::NAN, f64::NAN)),
            (column, value) => panic!("{value:?} is not a value of column {at}, {column:?}"),
        }
        self.next += 1;
        if self.next == self.columns.len() {
            self.next = 0;
            self.rows += 1;
        }
        self
    }

    /// Adds a text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.push(Value::text(text))
    }

    /// Adds a text, or nothing.
    pub fn maybe(&mut self, text: Option<&str>) -> &mut Self {
        self.push(text.map_or(Value::Null, Value::text))
    }

    /// Adds a multivalued text; null if there is no value.
    pub fn list(&mut self, parts: &[&str]) -> &mut Self {
        if parts.is_empty() {
            return self.push(Value::Null);
        }
        self.push(Value::List(Cow::Owned(parts.join(&PART.to_string()))))
    }

    /// The columns.
    ///
    /// # Panics
    ///
    /// If a row is unfinished.
    pub fn finish(self) -> Columns {
        assert_eq!(self.next, 0, "the last row lacks values");
        Columns { rows: self.rows, columns: self.columns }
    }
}

/// Rows that a query can run over.
#[derive(Clone, Debug)]
pub struct Table {
    /// What the columns are.
    pub schema: Arc<Schema>,
    fresh: Option<Arc<Columns>>,
    base: Arc<Columns>,
    files: Files,
    /// The column that is not told of. Those behind it have moved up.
    lost: Option<usize>,
}

/// Where the files of the rows are: the portal's origin and the dataset.
#[derive(Clone, Debug, Default)]
struct Files {
    origin: Arc<str>,
    dataset: Arc<str>,
}

impl Table {
    /// The rows of `base`, with those of `fresh` in front of them.
    pub fn new(schema: Arc<Schema>, base: Arc<Columns>, fresh: Option<Arc<Columns>>) -> Self {
        Self { schema, fresh, base, files: Files::default(), lost: None }
    }

    /// The same rows, whose files are those of `dataset` at `origin`.
    pub fn with_files(self, origin: &str, dataset: &str) -> Self {
        Self { files: Files { origin: origin.into(), dataset: dataset.into() }, ..self }
    }

    /// The same rows without the column at `lost`.
    pub fn without(self, lost: usize) -> Self {
        Self { schema: self.schema.without(lost), lost: Some(lost), ..self }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.fresh_len() + self.base.len()
    }

    /// Number of rows in front that a touch added.
    pub fn fresh_len(&self) -> usize {
        self.fresh.as_ref().map_or(0, |fresh| fresh.len())
    }

    /// The value of a field in a row.
    pub fn value(&self, row: usize, column: usize) -> Value<'_> {
        let (columns, row) = self.locate(row);
        match columns.value(row, self.kept(column)) {
            Value::File(name) => files::value(&self.files.origin, &self.files.dataset, &name),
            value => value,
        }
    }

    /// A text in lower case and without accents, for searching.
    pub fn folded(&self, row: usize, column: usize) -> Option<&str> {
        let (columns, row) = self.locate(row);
        columns.folded(row, self.kept(column))
    }

    /// Where a column of the schema stands among those of the rows.
    fn kept(&self, column: usize) -> usize {
        if self.lost.is_some_and(|lost| column >= lost) { column + 1 } else { column }
    }

    fn locate(&self, row: usize) -> (&Columns, usize) {
        match &self.fresh {
            Some(fresh) if row < fresh.len() => (fresh, row),
            Some(fresh) => (&self.base, row - fresh.len()),
            None => (&self.base, row),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_rows_stand_in_front_and_every_value_comes_back() {
        let schema =
            Schema::new(vec![Field::new("nom", Kind::Text, "Nom", "Name"), Field::new("effectif", Kind::Int, "Effectif", "Count")]);
        let mut base = Builder::new(&schema);
        base.text("École").push(Value::Int(3)).maybe(None).push(Value::Null);
        let mut fresh = Builder::new(&schema);
        fresh.text("Collège").push(Value::Int(4));
        let table = Table::new(schema, Arc::new(base.finish()), Some(Arc::new(fresh.finish())));
        assert_eq!(table.len(), 3);
        assert_eq!(table.value(0, 0), Value::text("Collège"));
        assert_eq!(table.value(1, 0), Value::text("École"));
        assert_eq!(table.folded(1, 0), Some("ecole"));
        assert_eq!((table.value(2, 0), table.value(2, 1)), (Value::Null, Value::Null));
    }
}
