//! Series: a function of the rows of a slice, `y.S.func` of `y.S.expr`.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::formula::Formula;
use crate::simulator::odsql::Fault;
use crate::simulator::odsql::evaluate::percentile;
use crate::simulator::refusal::Refusal;
use crate::simulator::table::{Schema, Table};
use crate::simulator::target::Parameters;

/// A series.
#[derive(Debug)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// Whether each value is added to all before it.
    pub cumulative: bool,
    function: Function,
    /// What the function is of; rows are counted without.
    formula: Option<Formula>,
}

/// The functions of many numbers.
#[derive(Clone, Debug, PartialEq)]
enum Function {
    Count,
    Avg,
    Sum,
    Min,
    Max,
    Stddev,
    SumSquares,
    /// These hundredths.
    Quantiles(Vec<f64>),
}

/// A value of a series.
#[derive(Clone, Debug, PartialEq)]
pub enum Amount {
    /// One number.
    Number(f64),
    /// A number for each hundredth that was asked for.
    Quantiles(Vec<(f64, f64)>),
}

const FUNCTIONS: &str = "one of COUNT, AVG, SUM, MIN, MAX, STDDEV, SUMSQUARES, QUANTILES";

impl Series {
    /// All series of a question, by name: their order does not show in answers.
    ///
    /// # Errors
    ///
    /// If a function is unknown, or an expression is missing or cannot be read.
    pub fn read_all(parameters: &Parameters, schema: &Schema) -> Result<Vec<Self>, Refusal> {
        let mut named: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
        for (name, value) in parameters.under("y.") {
            // A series may have dots in its name, what is said of it has none.
            if let Some((name, part)) = name.rsplit_once('.') {
                named.entry(name).or_default().entry(part).or_insert(value.trim());
            }
        }
        named.into_iter().map(|(name, parts)| Self::read(name, &parts, schema)).collect()
    }

    fn read(name: &str, parts: &BTreeMap<&str, &str>, schema: &Schema) -> Result<Self, Refusal> {
        let part = |part| parts.get(part).copied().filter(|text: &&str| !text.is_empty());
        let function = match part("func").unwrap_or("COUNT") {
            "COUNT" => Function::Count,
            "AVG" => Function::Avg,
            "SUM" => Function::Sum,
            "MIN" => Function::Min,
            "MAX" => Function::Max,
            "STDDEV" => Function::Stddev,
            "SUMSQUARES" => Function::SumSquares,
            "QUANTILES" => Function::Quantiles(hundredths(part("subsets").unwrap_or("50"))?),
            other => return Err(Refusal::Parameter { name: "y.func", found: other.to_owned(), expected: FUNCTIONS.to_owned() }),
        };
        let formula = match part("expr") {
            _ if function == Function::Count => None,
            Some(text) => {
                let refused = |fault| Refusal::Clause { clause: "y.expr", text: text.to_owned(), fault };
                Some(Formula::read(text, schema).map_err(refused)?)
            }
            None => {
                let fault = Fault::Meaning(format!("the series {name} needs an expression"));
                return Err(Refusal::Clause { clause: "y.expr", text: String::new(), fault });
            }
        };
        Ok(Self { name: name.to_owned(), cumulative: part("cumulative") == Some("true"), function, formula })
    }

    /// The value in these rows, if they have one.
    pub fn amount(&self, table: &Table, rows: &[u32]) -> Option<Amount> {
        let Some(formula) = &self.formula else { return Some(Amount::Number(rows.len() as f64)) };
        let numbers: Vec<f64> = rows.iter().filter_map(|row| formula.value(table, *row as usize)).collect();
        if numbers.is_empty() {
            return None;
        }
        let count = numbers.len() as f64;
        let sum: f64 = numbers.iter().sum();
        Some(Amount::Number(match &self.function {
            Function::Count => count,
            Function::Sum => sum,
            Function::Avg => sum / count,
            Function::Min => numbers.iter().copied().fold(f64::INFINITY, f64::min),
            Function::Max => numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Function::Stddev => (numbers.iter().map(|number| (number - sum / count).powi(2)).sum::<f64>() / count).sqrt(),
            Function::SumSquares => numbers.iter().map(|number| number * number).sum(),
            Function::Quantiles(hundredths) => {
                let of = |percent: &f64| percentile(numbers.clone(), *percent).map(|number| (*percent, number));
                return Some(Amount::Quantiles(hundredths.iter().filter_map(of).collect()));
            }
        }))
    }

    /// The names of its columns in a table.
    pub fn headings(&self) -> Vec<String> {
        match &self.function {
            Function::Quantiles(hundredths) => hundredths.iter().map(|percent| format!("{}.{percent:?}", self.name)).collect(),
            _ => vec![self.name.clone()],
        }
    }

    /// A value in these columns.
    pub fn cells(&self, amount: Option<&Amount>) -> Vec<String> {
        match amount {
            None => self.headings().iter().map(|_| String::new()).collect(),
            Some(Amount::Number(value)) => vec![number(*value).to_string()],
            Some(Amount::Quantiles(values)) => values.iter().map(|(_, value)| number(*value).to_string()).collect(),
        }
    }
}

impl Amount {
    /// As points and clusters have it. The keys of hundredths have a decimal, as the vendor's charts expect.
    pub fn json(&self) -> Json {
        match self {
            Self::Number(value) => number(*value),
            Self::Quantiles(values) => {
                Json::Object(values.iter().map(|(percent, value)| (format!("{percent:?}"), number(*value))).collect())
            }
        }
    }

    /// The number that it is sorted by: of several the first.
    pub fn rank(&self) -> Option<f64> {
        match self {
            Self::Number(value) => Some(*value),
            Self::Quantiles(values) => values.first().map(|(_, value)| *value),
        }
    }
}

/// A number, without decimals where it needs none.
pub fn number(value: f64) -> Json {
    if value.fract() == 0.0 && value.abs() < 9e15 { json!(value as i64) } else { json!(value) }
}

fn hundredths(text: &str) -> Result<Vec<f64>, Refusal> {
    let refused = || Refusal::Parameter { name: "y.subsets", found: text.to_owned(), expected: "numbers from 0 to 100".to_owned() };
    let one = |part: &str| part.trim().parse().ok().filter(|percent| (0.0..=100.0).contains(percent)).ok_or_else(refused);
    let mut hundredths: Vec<f64> = text.split(',').map(one).collect::<Result<_, _>>()?;
    hundredths.sort_by(f64::total_cmp);
    hundredths.dedup();
    Ok(hundredths)
}
