//! Expressions of series: arithmetic over the fields of a row, with the functions of the vendor's list.

use std::f64::consts::PI;

use jiff::tz::TimeZone;

use crate::simulator::dice::mix;
use crate::simulator::odsql::Fault;
use crate::simulator::table::{Kind, Schema, Table};
use crate::simulator::value::Value;

/// Brackets within brackets beyond this are refused: the reader recurses.
const DEEPEST: usize = 64;

/// An expression.
#[derive(Clone, Debug)]
pub struct Formula(Node);

#[derive(Clone, Debug)]
enum Node {
    Number(f64),
    Field(usize),
    /// A number that depends on the row alone, so that an answer can be given twice.
    Random,
    Negative(Box<Node>),
    Operation(char, Box<(Node, Node)>),
    One(fn(f64) -> f64, Box<Node>),
    Two(fn(f64, f64) -> f64, Box<(Node, Node)>),
}

impl Formula {
    /// Reads an expression over the numbers and dates of a table.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or names a field that is no number.
    pub fn read(text: &str, schema: &Schema) -> Result<Self, Fault> {
        let mut reader = Reader { text, at: 0, depth: 0, schema };
        let node = reader.sum()?;
        if reader.peek().is_some() { Err(reader.unexpected()) } else { Ok(Self(node)) }
    }

    /// Its value in a row; none where a field has none, or the arithmetic has no result.
    pub fn value(&self, table: &Table, row: usize) -> Option<f64> {
        self.0.value(table, row).filter(|number| number.is_finite())
    }
}

impl Node {
    fn value(&self, table: &Table, row: usize) -> Option<f64> {
        Some(match self {
            Self::Number(number) => *number,
            Self::Field(column) => match table.value(row, *column) {
                Value::Moment(moment) => moment.as_millisecond() as f64,
                Value::Date(date) => TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?.as_millisecond() as f64,
                value => value.number()?,
            },
            Self::Random => (mix(row as u64) >> 11) as f64 / (1_u64 << 53) as f64,
            Self::Negative(inner) => -inner.value(table, row)?,
            Self::Operation(operation, sides) => {
                let (a, b) = (sides.0.value(table, row)?, sides.1.value(table, row)?);
                match operation {
                    '+' => a + b,
                    '-' => a - b,
                    '*' => a * b,
                    _ => a / b,
                }
            }
            Self::One(function, inner) => function(inner.value(table, row)?),
            Self::Two(function, sides) => function(sides.0.value(table, row)?, sides.1.value(table, row)?),
        })
    }
}

struct Reader<'a> {
    text: &'a str,
    /// Bytes read.
    at: usize,
    depth: usize,
    schema: &'a Schema,
}

impl<'a> Reader<'a> {
    fn peek(&mut self) -> Option<char> {
        self.at = self.text.len() - self.text[self.at..].trim_start().len();
        self.text[self.at..].chars().next()
    }

    fn take(&mut self, wanted: &[char]) -> Option<char> {
        let found = self.peek().filter(|c| wanted.contains(c))?;
        self.at += found.len_utf8();
        Some(found)
    }

    fn expect(&mut self, wanted: char) -> Result<(), Fault> {
        self.take(&[wanted]).map(|_| ()).ok_or_else(|| self.unexpected())
    }

    fn unexpected(&mut self) -> Fault {
        let unexpected = self.peek().map_or_else(|| "end of text".to_owned(), String::from);
        Fault::Syntax { unexpected, position: self.text[..self.at].chars().count() }
    }

    fn sum(&mut self) -> Result<Node, Fault> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.unexpected());
        }
        let mut left = self.product()?;
        while let Some(operation) = self.take(&['+', '-']) {
            left = Node::Operation(operation, Box::new((left, self.product()?)));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn product(&mut self) -> Result<Node, Fault> {
        let mut left = self.factor()?;
        while let Some(operation) = self.take(&['*', '/']) {
            left = Node::Operation(operation, Box::new((left, self.factor()?)));
        }
        Ok(left)
    }

    fn factor(&mut self) -> Result<Node, Fault> {
        let mut negative = false;
        while self.take(&['-']).is_some() {
            negative = !negative;
        }
        let node = if self.take(&['(']).is_some() {
            let inner = self.sum()?;
            self.expect(')')?;
            inner
        } else {
            self.word()?
        };
        Ok(if negative { Node::Negative(Box::new(node)) } else { node })
    }

    /// A field, a number or a function. Fields may begin with a digit, so they come first.
    fn word(&mut self) -> Result<Node, Fault> {
        self.peek();
        let rest: &'a str = &self.text[self.at..];
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))).unwrap_or(rest.len());
        let word = &rest[..end];
        if word.is_empty() {
            return Err(self.unexpected());
        }
        let start = self.at;
        self.at += end;
        if let Some(column) = self.schema.position(word) {
            let field = self.schema.fields[column];
            return match field.kind {
                Kind::Int | Kind::Double | Kind::Date | Kind::Moment => Ok(Node::Field(column)),
                _ => Err(Fault::Meaning(format!("{word} is not a numeric field"))),
            };
        }
        if word.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return word.parse().map(Node::Number).map_err(|_| {
                self.at = start;
                self.unexpected()
            });
        }
        if self.take(&['(']).is_none() {
            return Err(Fault::UnknownField(word.to_owned()));
        }
        let node = self.call(word)?;
        self.expect(')')?;
        Ok(node)
    }

    fn call(&mut self, name: &str) -> Result<Node, Fault> {
        if name == "random" {
            return Ok(Node::Random);
        }
        if let Some(function) = of_one(name) {
            return Ok(Node::One(function, Box::new(self.sum()?)));
        }
        let Some(function) = of_two(name) else { return Err(Fault::Meaning(format!("Unknown function: {name}"))) };
        let first = self.sum()?;
        self.expect(',')?;
        Ok(Node::Two(function, Box::new((first, self.sum()?))))
    }
}

fn of_one(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        // A date is its milliseconds already.
        "time" => |x| x,
        "sin" => f64::sin,
        "cos" => f64::cos,
        "tan" => f64::tan,
        "asin" => f64::asin,
        "acos" => f64::acos,
        "atan" => f64::atan,
        "sinh" => f64::sinh,
        "cosh" => f64::cosh,
        "tanh" => f64::tanh,
        "toRadians" => |x| x * PI / 180.0,
        "toDegrees" => |x| x * 180.0 / PI,
        "exp" => f64::exp,
        "log" => f64::ln,
        "log10" => f64::log10,
        "sqrt" => f64::sqrt,
        "cbrt" => f64::cbrt,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "rint" => f64::round_ties_even,
        // Halves go up, also below zero.
        "round" => |x| (x + 0.5).floor(),
        "abs" => f64::abs,
        "ulp" => |x| x.abs().next_up() - x.abs(),
        "signum" => |x| if x == 0.0 { 0.0 } else { x.signum() },
        _ => return None,
    })
}

fn of_two(name: &str) -> Option<fn(f64, f64) -> f64> {
    Some(match name {
        "atan2" => f64::atan2,
        "pow" => f64::powf,
        "max" => f64::max,
        "min" => f64::min,
        "hypot" => f64::hypot,
        "IEEEremainder" => |a, b| a - b * (a / b).round_ties_even(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::simulator::table::{Builder, Field};

    fn value(text: &str) -> Result<Option<f64>, Fault> {
        let field = |name, kind| Field::new(name, kind, name, name);
        let schema = Schema::new(vec![field("2ndes_gt", Kind::Int), field("taux", Kind::Double), field("nom", Kind::Text)]);
        let mut rows = Builder::new(&schema);
        rows.push(Value::Int(16)).push(Value::Null).text("a");
        let table = Table::new(schema.clone(), Arc::new(rows.finish()), None);
        Formula::read(text, &schema).map(|formula| formula.value(&table, 0))
    }

    #[test]
    fn arithmetic_has_its_usual_order_and_the_listed_functions() {
        for (text, expected) in [
            ("2ndes_gt", 16.0),
            ("sqrt(2ndes_gt)*2", 8.0),
            ("1 + 2 * 3 - -4 / 2", 9.0),
            ("(1 + 2) * 3", 9.0),
            ("max(2ndes_gt, 20) - pow(2, 3)", 12.0),
            ("round(2.5) + rint(2.5) + floor(-0.5)", 4.0),
            ("toDegrees(toRadians(90))", 90.0),
        ] {
            assert_eq!(value(text), Ok(Some(expected)), "{text}");
        }
    }

    #[test]
    fn what_has_no_value_has_none_and_what_cannot_be_read_is_a_fault() {
        assert_eq!(value("taux + 1"), Ok(None));
        assert_eq!(value("2ndes_gt / 0"), Ok(None));
        assert_eq!(value("effectif"), Err(Fault::UnknownField("effectif".to_owned())));
        assert!(matches!(value("nom * 2"), Err(Fault::Meaning(_))));
        assert!(matches!(value("median(2ndes_gt)"), Err(Fault::Meaning(_))));
        for text in ["", "1 +", "(1", "1 2", "sqrt(4", "pow(2)", "é", &"(".repeat(1000)] {
            assert!(matches!(value(text), Err(Fault::Syntax { .. })), "{text}");
        }
    }
}
