//! Parquet exports, read back with the library's reader: values, types, compression, row groups.

use bytes::Bytes;
use parquet::basic::{Compression, LogicalType, TimeUnit, Type as Physical};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use serde_json::{Value, json};

use super::client::{CALENDAR, DIRECTORY, Portal, V21};

async fn file(portal: &Portal, target: &str) -> SerializedFileReader<Bytes> {
    let answer = portal.get(target).await;
    assert_eq!((answer.status, answer.field("content-type")), (200, "application/parquet; charset=utf-8"), "{target}");
    SerializedFileReader::new(Bytes::from(answer.body)).unwrap_or_else(|error| panic!("{target}: {error}"))
}

fn rows(file: &SerializedFileReader<Bytes>) -> Vec<Row> {
    file.get_row_iter(None).unwrap().map(Result::unwrap).collect()
}

/// A value as the JSON export has it.
fn json_of(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Str(text) => json!(text),
        Field::Long(number) => json!(number),
        Field::Double(number) => json!(number),
        Field::Bool(truth) => json!(truth),
        Field::Date(days) => {
            let day = jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().days(*days)).unwrap();
            json!(day.to_string())
        }
        Field::TimestampMicros(micros) => {
            let moment = jiff::Timestamp::from_microsecond(*micros).unwrap();
            json!(moment.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string())
        }
        Field::ListInternal(list) => Value::Array(list.elements().iter().map(json_of).collect()),
        Field::Group(row) => Value::Object(row.get_column_iter().map(|(name, field)| (name.clone(), json_of(field))).collect()),
        other => panic!("{other:?}"),
    }
}

fn object(row: &Row) -> Value {
    Value::Object(row.get_column_iter().map(|(name, field)| (name.clone(), json_of(field))).collect())
}

#[tokio::test]
async fn the_rows_are_those_of_the_json_export() {
    let portal = Portal::new().await;
    for (dataset, query) in [
        (DIRECTORY, "where=code_departement=%22029%22&order_by=nom_etablissement&limit=500"),
        (CALENDAR, "limit=300"),
        (CALENDAR, "select=zones,count(*)%20as%20n,min(start_date)%20as%20premiere&group_by=zones"),
        (CALENDAR, "select=length(zones)%20as%20l,year(start_date)%20as%20an,zones%20as%20z&limit=20"),
        (CALENDAR, "where=zones=%22no%20such%20zone%22"),
    ] {
        let expected = portal.json(&format!("{dataset}/exports/json?{query}")).await;
        let file = file(&portal, &format!("{dataset}/exports/parquet?{query}")).await;
        let found: Vec<Value> = rows(&file).iter().map(object).collect();
        assert_eq!(Value::Array(found), expected, "{query}");
    }
}

#[tokio::test]
async fn columns_have_the_types_of_their_fields() {
    let portal = Portal::new().await;
    let directory = file(&portal, &format!("{DIRECTORY}/exports/parquet?limit=5")).await;
    let calendar = file(&portal, &format!("{CALENDAR}/exports/parquet?limit=5")).await;
    for (file, path, physical, logical) in [
        (&directory, "nom_etablissement", Physical::BYTE_ARRAY, Some(LogicalType::String)),
        (&directory, "nombre_d_eleves", Physical::INT64, None),
        (&directory, "latitude", Physical::DOUBLE, None),
        (&directory, "date_ouverture", Physical::INT32, Some(LogicalType::Date)),
        (&directory, "position.lon", Physical::DOUBLE, None),
        (&directory, "sections.list.element", Physical::BYTE_ARRAY, Some(LogicalType::String)),
        (&calendar, "start_date", Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
    ] {
        let schema = file.metadata().file_metadata().schema_descr_ptr();
        let column = schema.columns().iter().find(|column| column.path().string() == path).unwrap_or_else(|| panic!("{path}"));
        assert_eq!((column.physical_type(), column.logical_type_ref()), (physical, logical.as_ref()), "{path}");
    }
    let labels = file(&portal, &format!("{CALENDAR}/exports/parquet?limit=1&use_labels=true&lang=en")).await;
    let names: Vec<String> = rows(&labels)[0].get_column_iter().map(|(name, _)| name.clone()).collect();
    let csv = portal.get(&format!("{CALENDAR}/exports/csv?limit=1&use_labels=true&lang=en&with_bom=false")).await.text();
    assert_eq!(names.join(";"), csv.lines().next().unwrap());
}

#[tokio::test]
async fn snappy_is_the_default_and_other_codecs_are_other_bytes() {
    let portal = Portal::new().await;
    let target = format!("{CALENDAR}/exports/parquet?limit=50");
    let codec = async |option: &str| file(&portal, &format!("{target}{option}")).await.metadata().row_group(0).column(0).compression();
    assert_eq!(codec("").await, Compression::SNAPPY);
    assert_eq!(codec("&parquet_compression=snappy").await, Compression::SNAPPY);
    assert_ne!(codec("&parquet_compression=zstd").await, Compression::SNAPPY);
    assert_eq!(portal.get(&target).await.body, portal.get(&format!("{target}&parquet_compression=snappy")).await.body);
    assert_eq!(portal.get(&format!("{target}&parquet_compression=lzma")).await.status, 400);
}

#[tokio::test]
async fn a_large_file_comes_by_row_groups_and_can_be_swollen() {
    let portal = Portal::new().await;
    let target = format!("{DIRECTORY}/exports/parquet?where=code_departement%3E=%22090%22");
    let answer = portal.get(&target).await;
    let whole = SerializedFileReader::new(Bytes::from(answer.body.clone())).unwrap();
    let groups = whole.num_row_groups();
    assert!(groups >= 2 && answer.chunks.len() == groups + 1, "{groups} groups in {} chunks", answer.chunks.len());

    let small = format!("{V21}/datasets/fr-en-effectifs-internats/exports/parquet");
    let before = rows(&file(&portal, &small).await).len();
    portal.control("POST", "swell?dataset=fr-en-effectifs-internats&times=5", "").await;
    let swollen = rows(&file(&portal, &small).await);
    assert_eq!(swollen.len(), before * 5);
    assert_ne!(object(&swollen[0])["recordid"], object(&swollen[before])["recordid"]);
    portal.control("POST", "swell?dataset=fr-en-effectifs-internats&bytes=500000", "").await;
    assert!(portal.get(&small).await.body.len() >= 500_000);
}
