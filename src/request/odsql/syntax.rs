//! Which statements the portal is known to parse: the well-lit part of its documented grammar.
//!
//! A recogniser by recursive descent, without backtracking, that says yes only where the documentation leaves no doubt.
//! Old functions, ranges, undocumented operators (`!=`), names that begin with a digit and anything deeply nested are
//! left to the portal.

use super::{Clause, Kind, Token};

/// Parentheses inside parentheses that are followed. Real statements have two or three.
const DEEPEST: usize = 32;

/// Words that cannot be names without back-quotes.
const RESERVED: [&str; 41] = [
    "and",
    "as",
    "asc",
    "avg",
    "by",
    "count",
    "date_format",
    "day",
    "dayofweek",
    "desc",
    "distinct",
    "equi",
    "false",
    "group",
    "hour",
    "ifnull",
    "in",
    "is",
    "like",
    "limit",
    "lower",
    "max",
    "millisecond",
    "min",
    "minute",
    "month",
    "not",
    "null",
    "or",
    "quarter",
    "range",
    "search",
    "second",
    "select",
    "sum",
    "to",
    "top",
    "true",
    "upper",
    "where",
    "year",
];

/// Units of a distance.
const LENGTHS: [&str; 7] = ["mi", "yd", "ft", "m", "cm", "km", "mm"];

/// Whether the portal parses `tokens` as a `clause`. A `false` says nothing.
pub(super) fn recognises(clause: Clause, tokens: &[Token<'_>]) -> bool {
    let solid = |kind| matches!(kind, Kind::Word | Kind::Text | Kind::Name);
    // Whether `"x"and` is two tokens to the portal is not documented.
    let separated = tokens.windows(2).all(|pair| !(solid(pair[0].kind) && solid(pair[1].kind)));
    let significant: Vec<Seen<'_>> = std::iter::once(Kind::Space)
        .chain(tokens.iter().map(|token| token.kind))
        .zip(tokens)
        .filter(|(_, token)| token.kind != Kind::Space)
        .map(|(before, token)| Seen { kind: token.kind, text: token.text, glued: before != Kind::Space })
        .collect();
    let mut parser = Parser { rest: &significant, depth: 0 };
    let parsed = match clause {
        Clause::Where => parser.condition(),
        Clause::OrderBy => parser.ordering(),
    };
    separated && parsed.is_some() && parser.rest.is_empty()
}

/// A significant token; `glued` if no white space stands before it.
#[derive(Clone, Copy)]
struct Seen<'a> {
    kind: Kind,
    text: &'a str,
    glued: bool,
}

struct Parser<'a> {
    rest: &'a [Seen<'a>],
    depth: usize,
}

/// What an expression turned out to be, as far as it matters for what may follow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operand {
    Field,
    Text,
    Other,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<Seen<'a>> {
        self.rest.first().copied()
    }

    fn next_if(&mut self, fits: impl FnOnce(Seen<'a>) -> bool) -> Option<Seen<'a>> {
        let token = self.peek().filter(|token| fits(*token))?;
        self.rest = &self.rest[1..];
        Some(token)
    }

    fn mark(&mut self, mark: &str) -> Option<()> {
        self.next_if(|token| token.kind == Kind::Mark && token.text == mark).map(|_| ())
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.next_if(|token| token.kind == Kind::Word && token.text.eq_ignore_ascii_case(word)).map(|_| ())
    }

    fn any_word(&mut self, words: &[&str]) -> Option<()> {
        words.iter().find_map(|word| self.word(word))
    }

    fn text(&mut self) -> Option<()> {
        self.next_if(|token| token.kind == Kind::Text && token.text.starts_with(['"', '\''])).map(|_| ())
    }

    fn geometry(&mut self) -> Option<()> {
        self.next_if(|token| token.kind == Kind::Text && token.text.as_bytes()[0].eq_ignore_ascii_case(&b'g')).map(|_| ())
    }

    fn number(&mut self) -> Option<()> {
        let negative = usize::from(self.peek()?.text == "-");
        let digits = self.rest.get(negative).filter(|token| token.kind == Kind::Word && is_number(token.text));
        digits.map(|_| self.rest = &self.rest[negative + 1..])
    }

    fn distance(&mut self) -> Option<()> {
        let is_distance = |text: &str| {
            let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
            is_number(number) && LENGTHS.contains(&&text[number.len()..])
        };
        self.next_if(|token| token.kind == Kind::Word && is_distance(token.text)).map(|_| ())
    }

    fn field(&mut self) -> Option<()> {
        self.next_if(|token| token.kind == Kind::Name || (token.kind == Kind::Word && is_name(token.text))).map(|_| ())
    }

    /// A function's name with its parenthesis right behind it; the parenthesis is consumed too.
    fn call(&mut self, among: &[&str]) -> Option<&'a str> {
        let [name, open, ..] = self.rest else { return None };
        let calls =
            name.kind == Kind::Word && open.text == "(" && open.glued && among.iter().any(|known| name.text.eq_ignore_ascii_case(known));
        calls.then(|| {
            self.rest = &self.rest[2..];
            name.text
        })
    }

    fn close(&mut self) -> Option<()> {
        self.mark(")")
    }

    fn nested<T>(&mut self, inside: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        if self.depth == DEEPEST {
            return None;
        }
        self.depth += 1;
        let result = inside(self);
        self.depth -= 1;
        result
    }

    fn condition(&mut self) -> Option<()> {
        loop {
            self.negation()?;
            if self.any_word(&["and", "or"]).is_none() {
                return Some(());
            }
        }
    }

    fn negation(&mut self) -> Option<()> {
        while self.word("not").is_some() {}
        if self.mark("(").is_some() {
            self.nested(Self::condition)?;
            return self.close();
        }
        match self.call(&["search", "suggest", "startswith", "within_distance", "in_bbox", "intersects", "disjoint", "within"]) {
            Some(predicate) => {
                self.predicate(&predicate.to_ascii_lowercase())?;
                self.close()
            }
            None => self.comparison(),
        }
    }

    fn predicate(&mut self, name: &str) -> Option<()> {
        if matches!(name, "search" | "suggest" | "startswith") {
            if self.mark("*").is_some() {
                self.mark(",")?;
            } else {
                while self.field().is_some() {
                    self.mark(",")?;
                }
            }
            return self.text();
        }
        self.field()?;
        self.mark(",")?;
        match name {
            "within_distance" => {
                self.geometry()?;
                self.mark(",")?;
                self.distance()
            }
            "in_bbox" => {
                self.number()?;
                (0..3).try_for_each(|_| {
                    self.mark(",")?;
                    self.number()
                })
            }
            _ => self.geometry(),
        }
    }

    fn comparison(&mut self) -> Option<()> {
        let left = self.expression()?;
        if left != Operand::Text && ["=", ":", "<", ">", "<=", ">="].iter().any(|mark| self.mark(mark).is_some()) {
            return self.any_word(&["true", "false"]).or_else(|| self.expression().map(|_| ()));
        }
        if left == Operand::Field && self.word("like").is_some() {
            return self.text();
        }
        if left == Operand::Field && self.word("is").is_some() {
            let _ = self.word("not");
            return self.any_word(&["null", "true", "false"]);
        }
        if left != Operand::Other && self.word("in").is_some() {
            return if left == Operand::Field { self.list() } else { self.field() };
        }
        // A string is a full-text search, a field a truth value.
        (left != Operand::Other).then_some(())
    }

    fn list(&mut self) -> Option<()> {
        self.mark("(")?;
        loop {
            self.text().or_else(|| self.number())?;
            if self.mark(",").is_none() {
                return self.close();
            }
        }
    }

    /// Terms and operators; parentheses only around arguments.
    fn expression(&mut self) -> Option<Operand> {
        let first = self.term()?;
        if first == Operand::Text {
            return Some(first);
        }
        let mut result = first;
        while ["+", "-", "*", "/"].iter().any(|mark| self.mark(mark).is_some()) {
            if self.term()? == Operand::Text {
                return None;
            }
            result = Operand::Other;
        }
        Some(result)
    }

    fn term(&mut self) -> Option<Operand> {
        // `date'…'` counts as a text: it is compared, and nothing is added to it.
        if self.next_if(|token| token.kind == Kind::Text && !token.text.starts_with(['g', 'G'])).is_some() {
            return Some(Operand::Text);
        }
        if self.number().is_some() {
            return Some(Operand::Other);
        }
        match self.call(&["length", "lower", "year", "month", "day", "hour", "minute", "second", "date_format", "ifnull", "now"]) {
            Some(function) => {
                self.nested(|parser| parser.arguments(&function.to_ascii_lowercase()))?;
                self.close().map(|()| Operand::Other)
            }
            None => self.field().map(|()| Operand::Field),
        }
    }

    fn arguments(&mut self, function: &str) -> Option<()> {
        match function {
            "now" if self.peek()?.text == ")" => Some(()),
            "now" => loop {
                self.next_if(|token| token.kind == Kind::Word && !is_number(token.text))?;
                self.mark("=")?;
                self.number()?;
                if self.mark(",").is_none() {
                    return Some(());
                }
            },
            "date_format" => {
                self.field()?;
                self.mark(",")?;
                self.text()
            }
            "ifnull" => {
                self.field()?;
                self.mark(",")?;
                self.text().or_else(|| self.number()).or_else(|| self.field())
            }
            _ => self.field(),
        }
    }

    fn ordering(&mut self) -> Option<()> {
        loop {
            match self.call(&["count", "sum", "avg", "min", "max", "random"]) {
                Some(function) => {
                    match function.to_ascii_lowercase().as_str() {
                        "count" => self.mark("*").or_else(|| self.field())?,
                        "random" => self.number()?,
                        _ => self.field()?,
                    }
                    self.close()?;
                }
                None => {
                    if self.expression()? == Operand::Text {
                        return None;
                    }
                }
            }
            let _ = self.any_word(&["asc", "desc"]);
            if self.mark(",").is_none() {
                return Some(());
            }
        }
    }
}

fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('.').map_or_else(|| digits(text), |(whole, decimals)| digits(whole) && digits(decimals))
}

/// A name without back-quotes, or two with a dot between them (`template.meta`).
fn is_name(text: &str) -> bool {
    let simple = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    let reserved = RESERVED.iter().any(|word| text.eq_ignore_ascii_case(word));
    !reserved && text.split_once('.').map_or_else(|| simple(text), |(template, name)| simple(template) && simple(name))
}
