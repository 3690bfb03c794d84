//! XLSX: one sheet, made as a whole, because a workbook is an archive whose parts refer to each other.

use jiff::civil::{Date, DateTime};
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};

use super::source::{Place, Source};
use crate::simulator::answer::{Answer, Body};
use crate::simulator::value::Value;

/// Content-Type of workbooks.
pub const CONTENT_TYPE: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// Rows of a sheet below the headings: the format has no more.
const MOST_ROWS: u32 = 1_048_575;

/// A workbook with the rows of a source. It is made when it is sent and not before.
pub fn answer(source: Source) -> Answer {
    let whole =
        std::iter::once_with(move || workbook(&source).expect("a sheet of no more rows and columns than the format has is written"));
    Answer::new(CONTENT_TYPE, Body::Pieces(Box::new(whole)))
}

fn workbook(source: &Source) -> Result<Vec<u8>, XlsxError> {
    let formats = Formats::new();
    sheet(source.headings(), |sheet| {
        let mut place = Place::default();
        let mut row = 1;
        // A sheet is not swollen: it would have to be held in memory.
        while place.round == 0 && row <= MOST_ROWS && !source.has_ended(place, 0) {
            for (column, value) in (0..).zip(&source.values(place)) {
                cell(sheet, (row, column), value, &formats, source)?;
            }
            place = source.behind(place);
            row += 1;
        }
        Ok(())
    })
}

/// A workbook of texts.
pub fn of_texts(headings: &[String], rows: impl Iterator<Item = Vec<String>>) -> Vec<u8> {
    let write = |sheet: &mut Worksheet| {
        for (row, texts) in (1..).zip(rows) {
            for (column, text) in (0..).zip(texts) {
                sheet.write_string(row, column, fitting(text))?;
            }
        }
        Ok(())
    };
    sheet(headings, write).expect("the texts are short and few")
}

/// A workbook of one sheet: a line of headings, and below it what `write` writes.
fn sheet(headings: &[String], write: impl FnOnce(&mut Worksheet) -> Result<(), XlsxError>) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    // The library would write the time of day: equal questions must get equal bytes.
    workbook.set_properties(&DocProperties::new().set_creation_datetime(&ExcelDateTime::from_ymd(2025, 1, 1)?));
    let sheet = workbook.add_worksheet();
    for (column, heading) in (0..).zip(headings) {
        sheet.write_string(0, column, fitting(heading.clone()))?;
    }
    write(sheet)?;
    workbook.save_to_buffer()
}

/// How days and instants are shown.
pub struct Formats {
    day: Format,
    moment: Format,
}

impl Formats {
    fn new() -> Self {
        Self { day: Format::new().set_num_format("yyyy-mm-dd"), moment: Format::new().set_num_format("yyyy-mm-dd hh:mm:ss") }
    }
}

fn cell(sheet: &mut Worksheet, (row, column): (u32, u16), value: &Value<'_>, formats: &Formats, source: &Source) -> Result<(), XlsxError> {
    match value {
        Value::Null => {}
        Value::Bool(truth) => drop(sheet.write_boolean(row, column, *truth)?),
        // A cell holds a double; longer numbers of ours are none that anybody calculates with.
        Value::Int(number) => drop(sheet.write_number(row, column, *number as f64)?),
        Value::Double(number) => drop(sheet.write_number(row, column, *number)?),
        Value::Date(day) => match excel_day(*day) {
            Some(at) => drop(sheet.write_datetime_with_format(row, column, &at, &formats.day)?),
            None => drop(sheet.write_string(row, column, day.to_string())?),
        },
        Value::Moment(moment) => {
            let civil = source.zone().to_datetime(*moment);
            match excel_moment(civil) {
                Some(at) => drop(sheet.write_datetime_with_format(row, column, &at, &formats.moment)?),
                None => drop(sheet.write_string(row, column, value.plain(source.zone()))?),
            }
        }
        other => drop(sheet.write_string(row, column, fitting(other.plain(source.zone())))?),
    }
    Ok(())
}

/// None before 1900, where the format has no dates.
fn excel_day(day: Date) -> Option<ExcelDateTime> {
    ExcelDateTime::from_ymd(u16::try_from(day.year()).ok()?, day.month() as u8, day.day() as u8).ok()
}

fn excel_moment(at: DateTime) -> Option<ExcelDateTime> {
    excel_day(at.date())?.and_hms(at.hour() as u16, at.minute() as u8, f64::from(at.second())).ok()
}

/// As much of a text as a cell holds.
fn fitting(text: String) -> String {
    const MOST: usize = 32_767;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    }
}
