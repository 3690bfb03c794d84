//! The search language of API v1 (`q`, and `qv1` on the later versions), read into the same tree.
//!
//! Words, quoted words, `AND OR NOT`, `field:value`, `== = > < >= <=`, `[a TO b]` and `#functions`. Words side by side must all be found.

use super::Fault;
use super::condition::text_columns;
use super::dates;
use super::geometry;
use super::lexer::TokenKind;
use super::matching::Needle;
use super::parser::{Context, Parser};
use super::tree::{Comparison, Condition, Expression, Search};
use crate::simulator::table::{Field, Kind};
use crate::simulator::value::{Point, Value};

/// The condition that a query of v1 states.
///
/// # Errors
///
/// [`Fault`] where a bracket or function is not finished, or a function is not known.
pub fn condition(text: &str, context: &Context<'_>) -> Result<Condition, Fault> {
    if text.trim().is_empty() {
        return Ok(Condition::And(Vec::new()));
    }
    let text = plain(text);
    let mut parser = Parser::new(&text, context)?;
    let condition = parser.v1_any()?;
    parser.finish()?;
    Ok(condition)
}

/// The text with a space in the place of each character that only separates words: people type `l'école`, `R&D` and `a@b` into search
/// fields. What stands in quotes is left alone.
fn plain(text: &str) -> String {
    let mut quote = None;
    let mut before = ' ';
    let separated = text.chars().map(|c| {
        let known = match (quote, c) {
            (Some(open), _) => {
                if c == open {
                    quote = None;
                }
                true
            }
            // An apostrophe within a word opens no string.
            (None, '"' | '\'' | '`') if !before.is_alphanumeric() => {
                quote = Some(c);
                true
            }
            (None, _) => c.is_alphanumeric() || c.is_whitespace() || "_-+*/.:=<>()[],;#".contains(c),
        };
        before = c;
        if known { c } else { ' ' }
    });
    separated.collect()
}

impl Parser<'_> {
    fn v1_any(&mut self) -> Result<Condition, Fault> {
        self.nested(|parser| {
            let mut sides = vec![parser.v1_all()?];
            while parser.take_word("or") {
                sides.push(parser.v1_all()?);
            }
            Ok(if sides.len() == 1 { sides.remove(0) } else { Condition::Or(sides) })
        })
    }

    fn v1_all(&mut self) -> Result<Condition, Fault> {
        let mut sides = Vec::new();
        while let Some(token) = self.peek() {
            if token.is_symbol(")") || token.is_word("or") {
                break;
            }
            // Side by side means and.
            if !self.take_word("and") {
                sides.push(self.v1_one()?);
            }
        }
        Ok(if sides.len() == 1 { sides.remove(0) } else { Condition::And(sides) })
    }

    fn v1_one(&mut self) -> Result<Condition, Fault> {
        if self.take_word("not") || self.take_symbol("-") {
            return self.nested(Self::v1_one).map(|condition| Condition::Not(Box::new(condition)));
        }
        if self.take_symbol("(") {
            let condition = self.v1_any()?;
            self.expect(")")?;
            return Ok(condition);
        }
        if self.take_symbol("#") {
            return self.v1_function();
        }
        let Some(token) = self.peek().cloned() else { return Err(self.unexpected()) };
        let column = match &token.kind {
            TokenKind::Word | TokenKind::Measure(..) => self.context.schema.position(&token.text),
            _ => None,
        };
        if let Some(column) = column
            && let Some(comparison) = self.v1_comparison(self.at + 1)
        {
            self.at += 2;
            // `==` is lexed as two.
            self.take_symbol("=");
            return self.v1_value(column, comparison);
        }
        self.at += 1;
        match token.kind {
            TokenKind::Text(words) => Ok(self.v1_words(&words, Search::Words)),
            TokenKind::Symbol => {
                // Punctuation between words means nothing.
                if self.peek().is_none() { Ok(Condition::And(Vec::new())) } else { self.nested(Self::v1_one) }
            }
            // A bare word is found as a prefix only where it says so.
            _ => {
                let prefix = self.take_symbol("*");
                Ok(self.v1_words(&token.text, if prefix { Search::Suggest } else { Search::Words }))
            }
        }
    }

    fn v1_words(&self, words: &str, kind: Search) -> Condition {
        Condition::Search(text_columns(self.context.schema), Needle::new(kind, words))
    }

    fn v1_comparison(&self, at: usize) -> Option<Comparison> {
        let token = self.token(at).filter(|token| token.kind == TokenKind::Symbol)?;
        Some(match token.text.as_str() {
            ":" | "=" => Comparison::Equal,
            "<" => Comparison::Less,
            "<=" => Comparison::AtMost,
            ">" => Comparison::Greater,
            ">=" => Comparison::AtLeast,
            _ => return None,
        })
    }

    fn v1_value(&mut self, column: usize, comparison: Comparison) -> Result<Condition, Fault> {
        let field = self.context.schema.fields[column];
        if self.take_symbol("[") {
            let from = self.v1_literal(&field)?;
            if !self.take_word("to") {
                return Err(self.unexpected());
            }
            let to = self.v1_literal(&field)?;
            self.expect("]")?;
            return Ok(Condition::between(Expression::Field(column), (Comparison::AtLeast, from), (Comparison::AtMost, to)));
        }
        if comparison == Comparison::Equal && matches!(field.kind, Kind::Text | Kind::List) {
            let words = self.v1_text()?;
            return Ok(Condition::Like(Expression::Field(column), Needle::new(Search::Words, &words)));
        }
        let literal = self.v1_literal(&field)?;
        Ok(Condition::Compare(Box::new((Expression::Field(column), comparison, literal))))
    }

    /// A literal that is read by the field's type; a date may stand bare, `2025-10-01` or `2025/10/01`.
    fn v1_literal(&mut self, field: &Field) -> Result<Expression, Fault> {
        let text = self.v1_text()?;
        let value = match field.kind {
            Kind::Date | Kind::Moment => dates::span(&text, self.context.zone).map(Value::Span),
            Kind::Int | Kind::Double => text.parse().ok().map(Value::Double),
            Kind::Bool => text.parse().ok().map(Value::Bool),
            _ => Some(Value::owned(text.clone())),
        };
        value.map(Expression::Constant).ok_or_else(|| Fault::Meaning(format!("{text} is not a value of {}", field.name)))
    }

    fn v1_text(&mut self) -> Result<String, Fault> {
        let Some(first) = self.peek().cloned() else { return Err(self.unexpected()) };
        if let TokenKind::Text(text) = first.kind {
            self.at += 1;
            return Ok(text);
        }
        // What is written without a gap is one value: 2025-10-01, 0750001A, Aix-Marseille.
        let mut text = String::new();
        let mut end = first.position;
        while let Some(token) = self.peek()
            && token.position == end
            && !matches!(token.text.as_str(), "(" | ")" | "[" | "]" | ",")
        {
            text.push_str(&token.text);
            end = token.position + token.text.chars().count();
            self.at += 1;
        }
        if text.is_empty() { Err(self.unexpected()) } else { Ok(text) }
    }

    fn v1_function(&mut self) -> Result<Condition, Fault> {
        let name = self.name()?.to_ascii_lowercase();
        self.expect("(")?;
        let column = match self.peek().cloned() {
            Some(token) if token.kind == TokenKind::Word => {
                self.at += 1;
                Some(self.column(&token.text)?)
            }
            _ => None,
        };
        if column.is_some() && !self.peek().is_some_and(|token| token.is_symbol(")")) {
            self.expect(",")?;
        }
        let columns = column.map_or_else(|| text_columns(self.context.schema), |column| vec![column]);
        let condition = match (name.as_str(), column) {
            ("null", Some(column)) => Condition::IsNull(Expression::Field(column)),
            ("exact", Some(column)) => {
                let text = self.v1_text()?;
                let equal = (Expression::Field(column), Comparison::Equal, Expression::Constant(Value::owned(text)));
                Condition::Compare(Box::new(equal))
            }
            ("search", _) => Condition::Search(columns, Needle::new(Search::Fuzzy, &self.v1_text()?)),
            ("startswith", _) => Condition::StartsWith(columns, self.v1_text()?),
            ("distance", Some(column)) => {
                let text = self.v1_text()?;
                self.expect(",")?;
                let metres = self.v1_text()?;
                within(Expression::Field(column), &format!("{text},{metres}")).ok_or_else(|| self.unexpected())?
            }
            _ => return Err(Fault::Meaning(format!("Unknown function: #{name}"))),
        };
        self.expect(")")?;
        Ok(condition)
    }
}

/// `geofilter.distance`: latitude, longitude and metres.
pub fn within(place: Expression, text: &str) -> Option<Condition> {
    let numbers: Vec<f64> = text.split(',').map(|part| part.trim().parse()).collect::<Result<_, _>>().ok()?;
    let [lat, lon, metres] = numbers[..] else { return None };
    Some(Condition::Near(place, Point { lon, lat }, metres))
}

/// `geofilter.polygon`: corners in brackets, each latitude and longitude.
pub fn inside(place: Expression, text: &str) -> Option<Condition> {
    let numbers: Vec<f64> =
        text.split(['(', ')', ',', ' ']).filter(|part| !part.is_empty()).map(str::parse).collect::<Result<_, _>>().ok()?;
    let (pairs, rest) = numbers.as_chunks::<2>();
    let ring = pairs.iter().map(|&[lat, lon]| Point { lon, lat }).collect();
    if !rest.is_empty() {
        return None;
    }
    geometry::Shape::new(ring, false).map(|shape| Condition::Inside(place, shape))
}

/// `geofilter.bbox`: latitude and longitude of one corner, and of the one across.
pub fn between(place: Expression, text: &str) -> Option<Condition> {
    let numbers: Vec<f64> = text.split(',').map(|part| part.trim().parse()).collect::<Result<_, _>>().ok()?;
    let [lat, lon, other_lat, other_lon] = numbers[..] else { return None };
    let shape = geometry::Shape::rectangle(Point { lon, lat }, Point { lon: other_lon, lat: other_lat });
    Some(Condition::Inside(place, shape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_separate_words_become_spaces_outside_quotes() {
        assert_eq!(plain("l'école R&D a@b"), "l école R D a b");
        assert_eq!(plain(r#"nom:"l'éco&le" AND x:'a@b'"#), r#"nom:"l'éco&le" AND x:'a@b'"#);
    }
}
