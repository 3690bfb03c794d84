//! The `where` clause. `not` binds tighter than `and`, and `and` tighter than `or`.

use super::Fault;
use super::dates;
use super::geometry::{self, Shape};
use super::lexer::TokenKind;
use super::matching::Needle;
use super::parser::{Context, Parser};
use super::tree::{Comparison, Condition, Expression, Search};
use crate::simulator::table::{Kind, Schema};
use crate::simulator::value::{Point, Value};

/// The condition that `text` states. An empty text states nothing and holds everywhere.
///
/// # Errors
///
/// If the text is not of the language or names what is not there.
pub fn condition(text: &str, context: &Context<'_>) -> Result<Condition, Fault> {
    if text.trim().is_empty() {
        return Ok(Condition::And(Vec::new()));
    }
    let mut parser = Parser::new(text, context)?;
    let condition = parser.any()?;
    parser.finish()?;
    Ok(condition)
}

/// The columns that a search looks into when it names none.
pub fn text_columns(schema: &Schema) -> Vec<usize> {
    (0..schema.fields.len()).filter(|at| matches!(schema.fields[*at].kind, Kind::Text | Kind::List)).collect()
}

impl Parser<'_> {
    fn any(&mut self) -> Result<Condition, Fault> {
        self.nested(|parser| {
            let mut sides = vec![parser.all()?];
            while parser.take_word("or") {
                sides.push(parser.all()?);
            }
            Ok(if sides.len() == 1 { sides.remove(0) } else { Condition::Or(sides) })
        })
    }

    fn all(&mut self) -> Result<Condition, Fault> {
        let mut sides = vec![self.negated()?];
        while self.take_word("and") {
            sides.push(self.negated()?);
        }
        Ok(if sides.len() == 1 { sides.remove(0) } else { Condition::And(sides) })
    }

    fn negated(&mut self) -> Result<Condition, Fault> {
        if self.take_word("not") {
            return self.nested(Self::negated).map(|condition| Condition::Not(Box::new(condition)));
        }
        self.primary()
    }

    fn primary(&mut self) -> Result<Condition, Fault> {
        let Some(token) = self.peek().cloned() else { return Err(self.unexpected()) };
        if token.is_symbol("(") {
            // A bracket opens a condition, or an expression that is then compared: `(a + b) > 3`. What follows its end tells.
            let after = self.after_bracket();
            if !self.continues_an_expression(after) {
                self.at += 1;
                let condition = self.any()?;
                self.expect(")")?;
                return Ok(condition);
            }
            return self.comparison();
        }
        if let TokenKind::Text(words) = &token.kind
            && !self.continues_an_expression(self.at + 1)
        {
            self.at += 1;
            return Ok(Condition::Search(text_columns(self.context.schema), Needle::like(words)));
        }
        let opens = self.peek_after().is_some_and(|next| next.is_symbol("("));
        if token.kind == TokenKind::Word && opens {
            let start = self.at;
            if let Some(condition) = self.predicate(&token.text.to_ascii_lowercase())? {
                return Ok(condition);
            }
            self.at = start;
        }
        self.comparison()
    }

    /// The place behind the bracket that closes the one here.
    fn after_bracket(&self) -> usize {
        let mut open = 0_usize;
        for at in self.at.. {
            match self.token(at) {
                Some(token) if token.is_symbol("(") => open += 1,
                Some(token) if token.is_symbol(")") => open -= 1,
                Some(_) => {}
                None => return at,
            }
            if open == 0 {
                return at + 1;
            }
        }
        self.at
    }

    /// Whether the token at this place makes what is before it a value.
    fn continues_an_expression(&self, at: usize) -> bool {
        self.token(at).is_some_and(|token| match token.kind {
            TokenKind::Symbol => matches!(token.text.as_str(), "=" | ":" | "!=" | "<>" | "<" | ">" | "<=" | ">=" | "+" | "-" | "*" | "/"),
            TokenKind::Word => ["like", "is", "in"].iter().any(|word| token.is_word(word)),
            _ => false,
        })
    }

    fn predicate(&mut self, name: &str) -> Result<Option<Condition>, Fault> {
        let condition = match name {
            "search" | "suggest" | "startswith" => {
                self.at += 2;
                let (columns, text) = self.search_arguments()?;
                match name {
                    "search" => Condition::Search(columns, Needle::new(Search::Fuzzy, &text)),
                    "suggest" => Condition::Search(columns, Needle::new(Search::Suggest, &text)),
                    _ => Condition::StartsWith(columns, text),
                }
            }
            "within_distance" | "distance" => {
                self.at += 2;
                let place = self.expression()?;
                self.expect(",")?;
                let Expression::Constant(Value::Point(centre)) = self.expression()? else { return Err(self.unexpected()) };
                if !self.take_symbol(",") {
                    return Ok(None);
                }
                let metres = self.measure()?;
                self.expect(")")?;
                Condition::Near(place, centre, metres)
            }
            "in_bbox" => {
                self.at += 2;
                let place = self.expression()?;
                let mut bounds = [0.0; 4];
                for bound in &mut bounds {
                    self.expect(",")?;
                    let Expression::Constant(number) = self.expression()? else { return Err(self.unexpected()) };
                    *bound = number.number().ok_or_else(|| self.unexpected())?;
                }
                self.expect(")")?;
                let [lat_1, lon_1, lat_2, lon_2] = bounds;
                Condition::Inside(place, Shape::rectangle(Point { lon: lon_1, lat: lat_1 }, Point { lon: lon_2, lat: lat_2 }))
            }
            "intersects" | "within" | "disjoint" | "geometry" | "polygon" => {
                self.at += 2;
                let place = self.expression()?;
                self.expect(",")?;
                let shape = match self.peek().map(|token| token.kind.clone()) {
                    Some(TokenKind::Geometry(text)) => text,
                    _ => return Err(self.unexpected()),
                };
                self.at += 1;
                let mut outside = name == "disjoint";
                if self.take_symbol(",") {
                    outside = self.take_word("disjoint");
                    if !outside {
                        self.name()?;
                    }
                }
                self.expect(")")?;
                let shape = geometry::corners(&shape).and_then(|ring| Shape::new(ring, outside));
                Condition::Inside(place, shape.ok_or_else(|| Fault::Meaning("Invalid geometry".to_owned()))?)
            }
            _ => return Ok(None),
        };
        Ok(Some(condition))
    }

    /// `[* | field, …,] "text")`
    fn search_arguments(&mut self) -> Result<(Vec<usize>, String), Fault> {
        let mut columns = Vec::new();
        let mut everywhere = false;
        loop {
            if let Some(TokenKind::Text(text)) = self.peek().map(|token| token.kind.clone()) {
                self.at += 1;
                self.expect(")")?;
                if everywhere || columns.is_empty() {
                    columns = text_columns(self.context.schema);
                }
                return Ok((columns, text));
            }
            if self.take_symbol("*") {
                everywhere = true;
            } else {
                let name = self.name()?;
                columns.push(self.column(&name)?);
            }
            self.expect(",")?;
        }
    }

    fn measure(&mut self) -> Result<f64, Fault> {
        let Some(TokenKind::Measure(number, unit)) = self.peek().map(|token| token.kind.clone()) else { return Err(self.unexpected()) };
        let metres = geometry::unit(&unit).ok_or_else(|| self.unexpected())?;
        self.at += 1;
        Ok(number * metres)
    }

    fn comparison(&mut self) -> Result<Condition, Fault> {
        let left = self.expression()?;
        if self.take_word("like") {
            let Some(TokenKind::Text(pattern)) = self.peek().map(|token| token.kind.clone()) else { return Err(self.unexpected()) };
            self.at += 1;
            return Ok(Condition::Like(left, Needle::like(&pattern)));
        }
        if self.take_word("is") {
            let negated = self.take_word("not");
            let condition = if self.take_word("null") {
                Condition::IsNull(left)
            } else if self.take_word("true") {
                Condition::Is(left, true)
            } else if self.take_word("false") {
                Condition::Is(left, false)
            } else {
                return Err(self.unexpected());
            };
            return Ok(if negated { Condition::Not(Box::new(condition)) } else { condition });
        }
        if self.take_word("in") {
            return self.membership(left);
        }
        let comparisons = [
            ("<=", Comparison::AtMost),
            (">=", Comparison::AtLeast),
            ("!=", Comparison::Different),
            ("<>", Comparison::Different),
            ("=", Comparison::Equal),
            (":", Comparison::Equal),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        for (symbol, comparison) in comparisons {
            if !self.take_symbol(symbol) {
                continue;
            }
            if symbol == ":" && self.peek().is_some_and(|token| token.is_symbol("[") || token.is_symbol("]")) {
                return self.membership(left);
            }
            let right = self.expression()?;
            let (left, right) = (self.dated(left, &right)?, right);
            let right = self.dated(right, &left)?;
            return Ok(Condition::Compare(Box::new((left, comparison, right))));
        }
        match left {
            Expression::Field(_) => Ok(Condition::Is(left, true)),
            _ => Err(self.unexpected()),
        }
    }

    /// What follows `in`: a list, an interval, or the multivalued field that holds the literal.
    fn membership(&mut self, left: Expression) -> Result<Condition, Fault> {
        if self.take_symbol("(") {
            let mut choices = Vec::new();
            loop {
                let choice = self.expression()?;
                choices.push(self.dated(choice, &left)?);
                if self.take_symbol(")") {
                    return Ok(Condition::OneOf(left, choices));
                }
                self.expect(",")?;
            }
        }
        let above = if self.take_symbol("[") {
            Comparison::AtLeast
        } else if self.take_symbol("]") {
            Comparison::Greater
        } else {
            let field = self.expression()?;
            return Ok(Condition::OneOf(field, vec![left]));
        };
        let from = self.expression()?;
        if !self.take_word("to") {
            self.expect("..")?;
        }
        let to = self.expression()?;
        let below = if self.take_symbol("]") {
            Comparison::AtMost
        } else {
            self.expect("[")?;
            Comparison::Less
        };
        let (from, to) = (self.dated(from, &left)?, self.dated(to, &left)?);
        Ok(Condition::between(left, (above, from), (below, to)))
    }

    /// A text beside a date is a date.
    fn dated(&self, expression: Expression, beside: &Expression) -> Result<Expression, Fault> {
        match expression {
            Expression::Constant(Value::Text(text)) if self.is_date(beside) => match dates::span(&text, self.context.zone) {
                Some(span) => Ok(Expression::Constant(Value::Span(span))),
                None => Err(Fault::Meaning(format!("Invalid date: {text}"))),
            },
            Expression::Constant(Value::Int(year)) if self.is_date(beside) => match dates::span(&year.to_string(), self.context.zone) {
                Some(span) => Ok(Expression::Constant(Value::Span(span))),
                None => Err(Fault::Meaning(format!("Invalid date: {year}"))),
            },
            other => Ok(other),
        }
    }
}
