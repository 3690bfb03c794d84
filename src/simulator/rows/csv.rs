//! Separated values: the options of the question, and how a line is written.

use serde_json::Value as Json;

use crate::simulator::query::Setting;
use crate::simulator::refusal::Refusal;
use crate::simulator::target::Parameters;
use crate::simulator::value::{PART, Value};

/// How separated values are written.
#[derive(Clone, Debug)]
pub struct Csv {
    delimiter: char,
    list_separator: String,
    quote_all: bool,
    bom: bool,
}

impl Default for Csv {
    fn default() -> Self {
        Self { delimiter: ';', list_separator: ",".to_owned(), quote_all: false, bom: false }
    }
}

impl Csv {
    /// Reads the options. A byte order mark is written by default from v2.1 on.
    ///
    /// # Errors
    ///
    /// If the delimiter is not one of those that the portal has.
    pub fn read(parameters: &Parameters, bom: bool) -> Result<Self, Refusal> {
        let delimiter = parameters.first("delimiter").filter(|text| !text.is_empty()).unwrap_or(";");
        let one = delimiter.chars().next().filter(|c| delimiter.len() == 1 && matches!(c, ';' | ',' | '\t' | '|'));
        let refused = || Refusal::Parameter { name: "delimiter", found: delimiter.to_owned(), expected: "one of ; , | tab".to_owned() };
        Ok(Self {
            delimiter: one.ok_or_else(refused)?,
            list_separator: parameters.first("list_separator").filter(|text| !text.is_empty()).unwrap_or(",").to_owned(),
            quote_all: parameters.flag("quote_all", false),
            bom: parameters.flag("with_bom", bom),
        })
    }

    /// The options of v1: any ASCII character as the delimiter, and lists joined by `;`.
    ///
    /// # Errors
    ///
    /// If the delimiter is anything else, or would be taken for something else.
    pub fn read_v1(parameters: &Parameters) -> Result<Self, Refusal> {
        let text = parameters.first("csv_separator").filter(|text| !text.is_empty()).unwrap_or(";");
        let one = text.chars().next().filter(|c| text.len() == 1 && !matches!(c, '"' | '\n' | '\r'));
        let refused = || Refusal::Parameter { name: "csv_separator", found: text.to_owned(), expected: "an ASCII character".to_owned() };
        Ok(Self { delimiter: one.ok_or_else(refused)?, list_separator: ";".to_owned(), quote_all: false, bom: false })
    }

    /// What stands before the first line.
    pub fn start(&self) -> Vec<u8> {
        if self.bom { "\u{feff}".into() } else { Vec::new() }
    }

    /// Appends a line.
    pub fn line(&self, out: &mut Vec<u8>, cells: impl Iterator<Item = String>) {
        for (at, cell) in cells.enumerate() {
            if at > 0 {
                out.push(self.delimiter as u8);
            }
            if self.quote_all || cell.contains([self.delimiter, '"', '\n', '\r']) {
                out.push(b'"');
                out.extend_from_slice(cell.replace('"', "\"\"").as_bytes());
                out.push(b'"');
            } else {
                out.extend_from_slice(cell.as_bytes());
            }
        }
        out.extend_from_slice(b"\r\n");
    }

    /// A metadatum as a cell.
    pub fn metadatum(&self, value: &Json) -> String {
        match value {
            Json::Null => String::new(),
            Json::String(text) => text.clone(),
            Json::Array(parts) => parts.iter().map(|part| self.metadatum(part)).collect::<Vec<_>>().join(&self.list_separator),
            other => other.to_string(),
        }
    }

    /// A value as a cell.
    pub fn cell(&self, value: &Value<'_>, setting: &Setting) -> String {
        match value {
            Value::List(text) => text.replace(PART, &self.list_separator),
            other => other.plain(&setting.zone),
        }
    }
}
