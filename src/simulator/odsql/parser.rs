//! Clauses of expressions: `select`, `group_by` and `order_by`. Conditions are read in [`super::condition`].

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Fault;
use super::dates;
use super::geometry;
use super::lexer::{Token, TokenKind, tokens};
use super::tree::{Aggregate, Arithmetic, Expression, Function};
use crate::simulator::table::{Kind, Schema};
use crate::simulator::value::Value;

/// What a text is read against.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// The fields there are.
    pub schema: &'a Schema,
    /// The zone that dates without one are in.
    pub zone: &'a TimeZone,
    /// What `now()` is.
    pub now: Timestamp,
    /// Names that stand for an expression: of groups in `select`, of both in `order_by`.
    pub names: Vec<(String, Expression)>,
}

/// One item of `select`.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// `*`
    All,
    /// `include(name)`, `include(prefix*)`
    Include(String),
    /// `exclude(name)`, `exclude(prefix*)`
    Exclude(String),
    /// An expression under a name.
    Named(String, Expression),
}

/// Nesting beyond this is refused: the portal's own bound is unknown, ours is the stack.
const DEEPEST: usize = 100;

/// Reads tokens from left to right.
#[derive(Debug)]
pub struct Parser<'a> {
    pub(super) context: &'a Context<'a>,
    text: Vec<char>,
    tokens: Vec<Token>,
    pub(super) at: usize,
    depth: usize,
}

/// The items of a `select` clause.
///
/// # Errors
///
/// If the text is not of the language or names what is not there.
pub fn select(text: &str, context: &Context<'_>) -> Result<Vec<Item>, Fault> {
    let mut parser = Parser::new(text, context)?;
    parser.separated(Parser::item)
}

/// The groups of a `group_by` clause: name and expression.
///
/// # Errors
///
/// As [`select`].
pub fn group_by(text: &str, context: &Context<'_>) -> Result<Vec<(String, Expression)>, Fault> {
    let mut parser = Parser::new(text, context)?;
    parser.separated(Parser::named)
}

/// The keys of an `order_by` clause, and whether each descends.
///
/// # Errors
///
/// As [`select`].
pub fn order_by(text: &str, context: &Context<'_>) -> Result<Vec<(Expression, bool)>, Fault> {
    let mut parser = Parser::new(text, context)?;
    parser.separated(|parser| {
        let minus = parser.take_symbol("-");
        let expression = parser.expression()?;
        let descending = if parser.take_word("desc") {
            true
        } else {
            parser.take_word("asc");
            minus
        };
        Ok((expression, descending))
    })
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &str, context: &'a Context<'a>) -> Result<Self, Fault> {
        Ok(Self { context, text: text.chars().collect(), tokens: tokens(text)?, at: 0, depth: 0 })
    }

    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    pub(super) fn token(&self, at: usize) -> Option<&Token> {
        self.tokens.get(at)
    }

    pub(super) fn peek_after(&self) -> Option<&Token> {
        self.tokens.get(self.at + 1)
    }

    pub(super) fn take_symbol(&mut self, symbol: &str) -> bool {
        let there = self.peek().is_some_and(|token| token.is_symbol(symbol));
        self.at += usize::from(there);
        there
    }

    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let there = self.peek().is_some_and(|token| token.is_word(word));
        self.at += usize::from(there);
        there
    }

    pub(super) fn expect(&mut self, symbol: &str) -> Result<(), Fault> {
        if self.take_symbol(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// The fault of the token that stands here.
    pub(super) fn unexpected(&self) -> Fault {
        match self.peek() {
            Some(token) => Fault::Syntax { unexpected: token.text.clone(), position: token.position },
            None => Fault::Syntax { unexpected: "end of text".to_owned(), position: self.text.len() },
        }
    }

    pub(super) fn finish(&self) -> Result<(), Fault> {
        if self.at == self.tokens.len() { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Runs `read` one level deeper.
    pub(super) fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.depth == DEEPEST {
            return Err(Fault::Meaning("the expression is nested too deeply".to_owned()));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn separated<T>(&mut self, mut read: impl FnMut(&mut Self) -> Result<T, Fault>) -> Result<Vec<T>, Fault> {
        let mut items = vec![read(self)?];
        while self.take_symbol(",") {
            items.push(read(self)?);
        }
        self.finish()?;
        Ok(items)
    }

    fn item(&mut self) -> Result<Item, Fault> {
        if self.take_symbol("*") {
            return Ok(Item::All);
        }
        let opens = self.peek_after().is_some_and(|token| token.is_symbol("("));
        for (word, make) in [("include", Item::Include as fn(String) -> Item), ("exclude", Item::Exclude)] {
            if opens && self.take_word(word) {
                self.expect("(")?;
                let mut name = self.name()?;
                if self.take_symbol("*") {
                    name.push('*');
                }
                self.expect(")")?;
                return Ok(make(name));
            }
        }
        self.named().map(|(name, expression)| Item::Named(name, expression))
    }

    /// An expression with its name: the alias, a field's own, or the text of the expression as it was written.
    fn named(&mut self) -> Result<(String, Expression), Fault> {
        let first = self.at;
        let expression = self.expression()?;
        let last = self.at - 1;
        if self.take_word("as") {
            return Ok((self.name()?, expression));
        }
        let name = match (&self.tokens[first].kind, first == last) {
            (TokenKind::Quoted(name), true) => name.clone(),
            _ => {
                let end = self.tokens[last].position + self.tokens[last].text.chars().count();
                self.text[self.tokens[first].position..end].iter().collect()
            }
        };
        Ok((name, expression))
    }

    pub(super) fn name(&mut self) -> Result<String, Fault> {
        let name = match self.peek().map(|token| (&token.kind, &token.text)) {
            Some((TokenKind::Word | TokenKind::Measure(..), text)) => text.clone(),
            Some((TokenKind::Quoted(name) | TokenKind::Text(name), _)) => name.clone(),
            _ => return Err(self.unexpected()),
        };
        self.at += 1;
        Ok(name)
    }

    pub(super) fn expression(&mut self) -> Result<Expression, Fault> {
        self.nested(|parser| {
            let mut left = parser.term()?;
            loop {
                let operation = if parser.take_symbol("+") {
                    Arithmetic::Plus
                } else if parser.take_symbol("-") {
                    Arithmetic::Minus
                } else {
                    return Ok(left);
                };
                left = Expression::Arithmetic(operation, Box::new((left, parser.term()?)));
            }
        })
    }

    fn term(&mut self) -> Result<Expression, Fault> {
        let mut left = self.factor()?;
        loop {
            let operation = if self.take_symbol("*") {
                Arithmetic::Times
            } else if self.take_symbol("/") {
                Arithmetic::Over
            } else {
                return Ok(left);
            };
            left = Expression::Arithmetic(operation, Box::new((left, self.factor()?)));
        }
    }

    fn factor(&mut self) -> Result<Expression, Fault> {
        if self.take_symbol("(") {
            let inner = self.expression()?;
            self.expect(")")?;
            return Ok(inner);
        }
        if self.take_symbol("-") {
            let inner = self.nested(Self::factor)?;
            return Ok(match inner {
                Expression::Constant(Value::Int(n)) => Expression::Constant(Value::Int(-n)),
                Expression::Constant(Value::Double(n)) => Expression::Constant(Value::Double(-n)),
                other => Expression::Arithmetic(Arithmetic::Minus, Box::new((Expression::Constant(Value::Int(0)), other))),
            });
        }
        let Some(token) = self.peek().cloned() else { return Err(self.unexpected()) };
        if token.kind == TokenKind::Word && self.peek_after().is_some_and(|next| next.is_symbol("(")) {
            return self.call(&token);
        }
        self.at += 1;
        let constant = |value| Ok(Expression::Constant(value));
        match token.kind {
            TokenKind::Number(number) if number.fract() == 0.0 && number.abs() < 9e15 => constant(Value::Int(number as i64)),
            TokenKind::Number(number) => constant(Value::Double(number)),
            TokenKind::Text(text) => constant(Value::owned(text)),
            TokenKind::Date(text) => match dates::span(&text, self.context.zone) {
                Some(span) => constant(Value::Span(span)),
                None => Err(Fault::Meaning(format!("Invalid date: {text}"))),
            },
            TokenKind::Geometry(text) => match geometry::corners(&text).as_deref() {
                Some([point]) => constant(Value::Point(*point)),
                _ => Err(Fault::Meaning(format!("Invalid point: {text}"))),
            },
            TokenKind::Word if token.text.eq_ignore_ascii_case("null") => constant(Value::Null),
            TokenKind::Word if token.text.eq_ignore_ascii_case("true") => constant(Value::Bool(true)),
            TokenKind::Word if token.text.eq_ignore_ascii_case("false") => constant(Value::Bool(false)),
            TokenKind::Word | TokenKind::Measure(..) => self.field(&token.text),
            TokenKind::Quoted(name) => self.field(&name),
            TokenKind::Symbol => {
                self.at -= 1;
                Err(self.unexpected())
            }
        }
    }

    fn field(&self, name: &str) -> Result<Expression, Fault> {
        if let Some((_, expression)) = self.context.names.iter().find(|(known, _)| known == name) {
            return Ok(expression.clone());
        }
        self.column(name).map(Expression::Field)
    }

    /// The column of a field. The basic metadata template may be named or left out.
    pub(super) fn column(&self, name: &str) -> Result<usize, Fault> {
        let schema = self.context.schema;
        let found = schema.position(name).or_else(|| name.strip_prefix("default.").and_then(|name| schema.position(name)));
        found.ok_or_else(|| Fault::UnknownField(name.to_owned()))
    }

    /// `name(`: a function, or a syntax error at the bracket.
    fn call(&mut self, name: &Token) -> Result<Expression, Fault> {
        self.at += 1;
        let word = name.text.to_ascii_lowercase();
        // The text of an aggregate may be a name itself: `order_by=count(*)`.
        let simple = |function, least, most| (function, least, most);
        let (function, least, most) = match word.as_str() {
            "count" | "avg" | "sum" | "min" | "max" | "median" | "percentile" => return self.aggregate(&word),
            "now" => return self.now(),
            "length" => simple(Function::Length, 1, 1),
            "lower" => simple(Function::Lower, 1, 1),
            "upper" => simple(Function::Upper, 1, 1),
            "ifnull" => simple(Function::IfNull, 2, 2),
            "year" => simple(Function::Year, 1, 1),
            "month" => simple(Function::Month, 1, 1),
            "day" => simple(Function::Day, 1, 1),
            "hour" => simple(Function::Hour, 1, 1),
            "minute" => simple(Function::Minute, 1, 1),
            "second" => simple(Function::Second, 1, 1),
            "date_format" => simple(Function::DateFormat, 2, 2),
            "distance" => simple(Function::Distance, 2, 2),
            "random" => simple(Function::Random, 1, 1),
            "range" => simple(Function::Range, 2, 2),
            _ => return Err(self.unexpected()),
        };
        self.expect("(")?;
        let mut arguments = Vec::new();
        while !self.take_symbol(")") {
            if !arguments.is_empty() {
                self.expect(",")?;
            }
            arguments.push(self.expression()?);
        }
        if arguments.len() < least || arguments.len() > most {
            return Err(Fault::Meaning(format!("{word} takes {least} argument(s), {} found", arguments.len())));
        }
        Ok(Expression::Call(function, arguments))
    }

    fn aggregate(&mut self, word: &str) -> Result<Expression, Fault> {
        self.expect("(")?;
        if word == "count" && self.take_symbol("*") {
            self.expect(")")?;
            return Ok(Expression::Aggregate(Aggregate::Count, None));
        }
        let distinct = word == "count" && self.take_word("distinct");
        let inner = self.expression()?;
        if inner.is_aggregate() {
            return Err(Fault::Meaning(format!("{word} cannot be taken of another aggregate")));
        }
        let aggregate = match word {
            "count" if distinct => Aggregate::CountDistinct,
            "count" => Aggregate::Count,
            "avg" => Aggregate::Avg,
            "sum" => Aggregate::Sum,
            "min" => Aggregate::Min,
            "max" => Aggregate::Max,
            "median" => Aggregate::Percentile(50.0),
            _ => {
                self.expect(",")?;
                match self.expression()? {
                    Expression::Constant(percent) if percent.number().is_some_and(|percent| (0.0..=100.0).contains(&percent)) => {
                        Aggregate::Percentile(percent.number().unwrap_or_default())
                    }
                    _ => return Err(Fault::Meaning("percentile takes a number from 0 to 100".to_owned())),
                }
            }
        };
        self.expect(")")?;
        Ok(Expression::Aggregate(aggregate, Some(Box::new(inner))))
    }

    fn now(&mut self) -> Result<Expression, Fault> {
        self.expect("(")?;
        let mut parts = Vec::new();
        while !self.take_symbol(")") {
            if !parts.is_empty() {
                self.expect(",")?;
            }
            let name = self.name()?.to_ascii_lowercase();
            self.expect("=")?;
            match self.nested(Self::factor)? {
                Expression::Constant(Value::Int(amount)) => parts.push((name, amount)),
                _ => return Err(Fault::Meaning(format!("now: {name} takes a whole number"))),
            }
        }
        let now = dates::now(self.context.now, &parts, self.context.zone);
        now.map(|now| Expression::Constant(Value::Moment(now))).ok_or_else(|| Fault::Meaning("now: no such date".to_owned()))
    }

    /// The type of an expression, as far as it decides how a text beside it is read.
    pub(super) fn is_date(&self, expression: &Expression) -> bool {
        match expression {
            Expression::Field(column) => matches!(self.context.schema.fields[*column].kind, Kind::Date | Kind::Moment),
            Expression::Constant(Value::Moment(_)) => true,
            _ => false,
        }
    }
}
