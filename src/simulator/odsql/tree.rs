//! What a clause means, once read.

use super::geometry::Shape;
use super::matching::Needle;
use crate::simulator::value::{Point, Value};

/// Something that has a value in each row.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// The same in every row.
    Constant(Value<'static>),
    /// A field: its column.
    Field(usize),
    /// A function of other values.
    Call(Function, Vec<Expression>),
    /// Arithmetic.
    Arithmetic(Arithmetic, Box<(Expression, Expression)>),
    /// A value of the whole group of rows.
    Aggregate(Aggregate, Option<Box<Expression>>),
    /// The grouping expression of this number, in a query with groups.
    GroupKey(usize),
}

/// Functions of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// Characters of a text.
    Length,
    /// Lower case.
    Lower,
    /// Upper case.
    Upper,
    /// The first value that is there.
    IfNull,
    /// The year of a date.
    Year,
    /// The month of a date.
    Month,
    /// The day of a date.
    Day,
    /// The hour of an instant.
    Hour,
    /// The minute of an instant.
    Minute,
    /// The second of an instant.
    Second,
    /// A date printed by a pattern.
    DateFormat,
    /// Metres between two places.
    Distance,
    /// A number that depends on a seed and the row alone.
    Random,
    /// The step of a range that a number or date falls into: lower bound and step.
    Range,
}

/// The four operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `*`
    Times,
    /// `/`
    Over,
}

/// Functions of many rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aggregate {
    /// Rows, or rows with a value.
    Count,
    /// Different values.
    CountDistinct,
    /// Mean.
    Avg,
    /// Sum.
    Sum,
    /// Least value.
    Min,
    /// Greatest value.
    Max,
    /// The value that this per cent of the values do not exceed.
    Percentile(f64),
}

/// Something that holds in a row or does not.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// All of them.
    And(Vec<Condition>),
    /// Any of them.
    Or(Vec<Condition>),
    /// Not it.
    Not(Box<Condition>),
    /// Two values compared.
    Compare(Box<(Expression, Comparison, Expression)>),
    /// The text holds these words.
    Like(Expression, Needle),
    /// The value is null.
    IsNull(Expression),
    /// The value is this truth value.
    Is(Expression, bool),
    /// The value is one of these.
    OneOf(Expression, Vec<Expression>),
    /// Words searched in these columns.
    Search(Vec<usize>, Needle),
    /// One of these columns begins so, case included.
    StartsWith(Vec<usize>, String),
    /// The place lies within so many metres.
    Near(Expression, Point, f64),
    /// The place lies in the shape, or outside.
    Inside(Expression, Shape),
}

/// How words are searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// Every word, the last one as a prefix, small mistakes forgiven.
    Fuzzy,
    /// Every word as the beginning of a word.
    Suggest,
    /// Every word as it stands, accents and case aside.
    Words,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=` or `:`
    Equal,
    /// `!=` or `<>`, undocumented but sent by real clients.
    Different,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

impl Condition {
    /// The value lies between two bounds, each compared as it says.
    pub fn between(value: Expression, from: (Comparison, Expression), to: (Comparison, Expression)) -> Self {
        let above = Self::Compare(Box::new((value.clone(), from.0, from.1)));
        let below = Self::Compare(Box::new((value, to.0, to.1)));
        Self::And(vec![above, below])
    }
}

impl Expression {
    /// Whether the value depends on many rows.
    pub fn is_aggregate(&self) -> bool {
        match self {
            Self::Aggregate(..) => true,
            Self::Call(_, arguments) => arguments.iter().any(Self::is_aggregate),
            Self::Arithmetic(_, sides) => sides.0.is_aggregate() || sides.1.is_aggregate(),
            Self::Constant(_) | Self::Field(_) | Self::GroupKey(_) => false,
        }
    }
}
