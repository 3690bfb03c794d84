//! Parquet: one row group after the other, so that no more than one is in memory.
//!
//! Texts are UTF-8 strings, several values a list of them, dates days, instants microseconds of UTC, places a group of two doubles. Columns
//! are compressed by Snappy. Where the question wants Zstandard, for which there is no encoder here, they are not compressed at all: a file
//! that every reader takes, and other bytes.

use std::sync::Arc;

use jiff::civil::{Date, date};
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type};
use parquet::errors::Result;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};

use super::source::{Place, Source};
use crate::simulator::answer::{Answer, Body};
use crate::simulator::refusal::Refusal;
use crate::simulator::table::Kind;
use crate::simulator::target::Parameters;
use crate::simulator::value::{Point, Value};

/// Rows of a group. Small for the format, but a group is what is held in memory.
const GROUP: usize = 2048;

/// What the writer says to us if it breaks: it writes to memory, under the schema it was made with.
const IN_MEMORY: &str = "writing to memory succeeds";

/// The pieces of a Parquet file: a row group each, and the footer.
struct Pieces {
    source: Source,
    kinds: Vec<Kind>,
    place: Place,
    /// None once the footer is out.
    writer: Option<SerializedFileWriter<Vec<u8>>>,
}

/// Reads `parquet_compression`.
///
/// # Errors
///
/// If it is none of the portal's.
pub fn compression(parameters: &Parameters) -> std::result::Result<Compression, Refusal> {
    match parameters.given("parquet_compression").unwrap_or("snappy") {
        "snappy" => Ok(Compression::SNAPPY),
        "zstd" => Ok(Compression::UNCOMPRESSED),
        other => {
            let expected = "one of snappy, zstd".to_owned();
            Err(Refusal::Parameter { name: "parquet_compression", found: other.to_owned(), expected })
        }
    }
}

/// A Parquet file with the rows of a source.
pub fn answer(source: Source, compression: Compression) -> Answer {
    Answer::new("application/parquet; charset=utf-8", Body::Pieces(Box::new(Pieces::new(source, compression))))
}

impl Pieces {
    /// The rows of a source.
    fn new(source: Source, compression: Compression) -> Self {
        let kinds = source.kinds();
        let columns = source.headings().iter().zip(&kinds).map(|(heading, kind)| column(heading, *kind));
        let columns: Result<Vec<TypePtr>> = columns.collect();
        let schema = columns.and_then(|columns| Type::group_type_builder("schema").with_fields(columns).build());
        // Readers of tables keep the zone beside an instant, so the file depends on it.
        let zone = source.zone().iana_name().unwrap_or("UTC").to_owned();
        let properties = WriterProperties::builder()
            .set_compression(compression)
            .set_key_value_metadata(Some(vec![KeyValue::new("timezone".to_owned(), zone)]))
            .build();
        let schema = Arc::new(schema.expect("the schema names what each column is"));
        let writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).expect(IN_MEMORY);
        Self { source, kinds, place: Place::default(), writer: Some(writer) }
    }
}

impl Iterator for Pieces {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let writer = self.writer.as_mut()?;
        let mut rows = Vec::new();
        while rows.len() < GROUP && !self.source.has_ended(self.place, writer.bytes_written() as u64) {
            rows.push(self.source.values(self.place));
            self.place = self.source.behind(self.place);
        }
        if rows.is_empty() {
            return Some(self.writer.take()?.into_inner().expect(IN_MEMORY));
        }
        let mut group = writer.next_row_group().expect(IN_MEMORY);
        for (at, kind) in self.kinds.iter().enumerate() {
            cells(&mut group, *kind, rows.iter().map(|row| &row[at]), &self.source).expect(IN_MEMORY);
        }
        group.close().expect(IN_MEMORY);
        writer.flush().expect(IN_MEMORY);
        Some(std::mem::take(writer.inner_mut()))
    }
}

/// A column of the schema. Everything may be absent.
fn column(name: &str, kind: Kind) -> Result<TypePtr> {
    let leaf = |name: &str, physical, logical| {
        Type::primitive_type_builder(name, physical).with_repetition(Repetition::OPTIONAL).with_logical_type(logical).build().map(Arc::new)
    };
    match kind {
        Kind::Int => leaf(name, Physical::INT64, None),
        Kind::Double => leaf(name, Physical::DOUBLE, None),
        Kind::Bool => leaf(name, Physical::BOOLEAN, None),
        Kind::Date => leaf(name, Physical::INT32, Some(LogicalType::Date)),
        Kind::Moment => leaf(name, Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
        Kind::Point => {
            let coordinates = vec![leaf("lon", Physical::DOUBLE, None)?, leaf("lat", Physical::DOUBLE, None)?];
            Type::group_type_builder(name).with_repetition(Repetition::OPTIONAL).with_fields(coordinates).build().map(Arc::new)
        }
        Kind::List => {
            let element = leaf("element", Physical::BYTE_ARRAY, Some(LogicalType::String))?;
            let list = Type::group_type_builder("list").with_repetition(Repetition::REPEATED).with_fields(vec![element]).build()?;
            let outer = Type::group_type_builder(name).with_repetition(Repetition::OPTIONAL);
            outer.with_logical_type(Some(LogicalType::List)).with_fields(vec![Arc::new(list)]).build().map(Arc::new)
        }
        _ => leaf(name, Physical::BYTE_ARRAY, Some(LogicalType::String)),
    }
}

type Group<'a> = SerializedRowGroupWriter<'a, Vec<u8>>;

/// The values of one column in a row group.
fn cells<'v>(group: &mut Group<'_>, kind: Kind, values: impl Iterator<Item = &'v Value<'v>> + Clone, source: &Source) -> Result<()> {
    match kind {
        Kind::Int => leaf::<Int64Type>(
            group,
            1,
            values.map(|value| match value {
                Value::Int(number) => Some(*number),
                _ => None,
            }),
        ),
        Kind::Double => leaf::<DoubleType>(group, 1, values.map(Value::number)),
        Kind::Bool => leaf::<BoolType>(
            group,
            1,
            values.map(|value| match value {
                Value::Bool(truth) => Some(*truth),
                _ => None,
            }),
        ),
        Kind::Date => leaf::<Int32Type>(
            group,
            1,
            values.map(|value| match value {
                Value::Date(day) => Some(days(*day)),
                _ => None,
            }),
        ),
        Kind::Moment => leaf::<Int64Type>(
            group,
            1,
            values.map(|value| match value {
                Value::Moment(moment) => Some(moment.as_microsecond()),
                _ => None,
            }),
        ),
        Kind::Point => {
            let coordinate = |which: fn(&Point) -> f64| {
                values.clone().map(move |value| match value {
                    Value::Point(point) => Some(which(point)),
                    _ => None,
                })
            };
            leaf::<DoubleType>(group, 2, coordinate(|point| point.lon))?;
            leaf::<DoubleType>(group, 2, coordinate(|point| point.lat))
        }
        Kind::List => lists(group, values),
        // Texts, and what has no type of its own here.
        _ => leaf::<ByteArrayType>(group, 1, values.map(|value| text(value, source))),
    }
}

fn text(value: &Value<'_>, source: &Source) -> Option<ByteArray> {
    match value {
        Value::Null => None,
        Value::Text(text) => Some(ByteArray::from(text.as_ref())),
        other => Some(ByteArray::from(other.plain(source.zone()).as_str())),
    }
}

fn days(day: Date) -> i32 {
    (day.duration_since(date(1970, 1, 1)).as_hours() / 24) as i32
}

/// Values that are there or not, below `depth` levels that may be absent.
fn leaf<T: DataType>(group: &mut Group<'_>, depth: i16, cells: impl Iterator<Item = Option<T::T>>) -> Result<()> {
    let mut levels = Vec::new();
    let values: Vec<T::T> = cells.inspect(|cell| levels.push(if cell.is_some() { depth } else { 0 })).flatten().collect();
    let mut column = group.next_column()?.expect("the schema has this column");
    column.typed::<T>().write_batch(&values, Some(&levels), None)?;
    column.close()
}

/// Lists of texts: definition levels say whether there is a list, an element and a value, repetition levels where a list begins.
fn lists<'v>(group: &mut Group<'_>, cells: impl Iterator<Item = &'v Value<'v>>) -> Result<()> {
    let (mut values, mut definition, mut repetition) = (Vec::new(), Vec::new(), Vec::new());
    for cell in cells {
        let parts = cell.parts();
        if parts.is_empty() {
            definition.push(0);
            repetition.push(0);
        }
        for (at, part) in parts.into_iter().enumerate() {
            values.push(ByteArray::from(part));
            definition.push(3);
            repetition.push(i16::from(at > 0));
        }
    }
    let mut column = group.next_column()?.expect("the schema has this column");
    column.typed::<ByteArrayType>().write_batch(&values, Some(&definition), Some(&repetition))?;
    column.close()
}
