//! Text to tokens.

use super::Fault;

/// A token and where it starts, in characters.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Its text as it stood.
    pub text: String,
    /// Characters before it.
    pub position: usize,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub enum TokenKind {
    /// A bare word: a field, a function or a keyword.
    Word,
    /// A field in back-quotes, without them.
    Quoted(String),
    /// A string, its escapes resolved.
    Text(String),
    /// `date'…'`.
    Date(String),
    /// `geom'…'`.
    Geometry(String),
    /// A number.
    Number(f64),
    /// A number with a unit, such as `10km`. Units are case-sensitive.
    Measure(f64, String),
    /// An operator or a bracket.
    Symbol,
}

impl Token {
    /// Whether this is the keyword, in any case.
    pub fn is_word(&self, word: &str) -> bool {
        self.kind == TokenKind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// Whether this is the symbol.
    pub fn is_symbol(&self, symbol: &str) -> bool {
        self.kind == TokenKind::Symbol && self.text == symbol
    }
}

/// The tokens of `text`.
///
/// # Errors
///
/// [`Fault::Syntax`] at the first character that begins no token, or at the start of a string that never ends.
pub fn tokens(text: &str) -> Result<Vec<Token>, Fault> {
    Lexer { characters: text.chars().collect(), at: 0 }.run()
}

struct Lexer {
    characters: Vec<char>,
    at: usize,
}

const SYMBOLS: &[&str] = &["<=", ">=", "!=", "<>", "..", "=", ":", "<", ">", "(", ")", "[", "]", ",", "+", "-", "*", "/", ";", "#"];

impl Lexer {
    fn run(mut self) -> Result<Vec<Token>, Fault> {
        let mut tokens = Vec::new();
        loop {
            while self.peek().is_some_and(char::is_whitespace) {
                self.at += 1;
            }
            let start = self.at;
            let Some(first) = self.peek() else { return Ok(tokens) };
            let kind = if first.is_alphabetic() || first == '_' {
                self.word()?
            } else if first.is_ascii_digit() {
                self.number()
            } else if first == '"' || first == '\'' {
                TokenKind::Text(self.delimited(first)?)
            } else if first == '`' {
                TokenKind::Quoted(self.delimited('`')?)
            } else {
                self.symbol()?
            };
            tokens.push(Token { kind, text: self.characters[start..self.at].iter().collect(), position: start });
        }
    }

    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    fn word(&mut self) -> Result<TokenKind, Fault> {
        let start = self.at;
        // A dot joins a metadata template and its field: `default.modified`.
        while self.peek().is_some_and(|c| c.is_alphanumeric() || c == '_')
            || (self.peek() == Some('.') && self.characters.get(self.at + 1).is_some_and(|c| c.is_alphanumeric() || *c == '_'))
        {
            self.at += 1;
        }
        let word: String = self.characters[start..self.at].iter().collect();
        match (word.to_ascii_lowercase().as_str(), self.peek()) {
            ("date", Some(quote @ ('\'' | '"'))) => Ok(TokenKind::Date(self.delimited(quote)?)),
            ("geom", Some(quote @ ('\'' | '"'))) => Ok(TokenKind::Geometry(self.delimited(quote)?)),
            _ => Ok(TokenKind::Word),
        }
    }

    fn number(&mut self) -> TokenKind {
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        if self.peek() == Some('.') && self.characters.get(self.at + 1).is_some_and(char::is_ascii_digit) {
            self.at += 1;
            while self.peek().is_some_and(|c| c.is_ascii_digit()) {
                self.at += 1;
            }
        }
        let digits: String = self.characters[start..self.at].iter().collect();
        let number = digits.parse().unwrap_or(f64::MAX);
        let unit_start = self.at;
        while self.peek().is_some_and(|c| c.is_alphanumeric() || c == '_') {
            self.at += 1;
        }
        if self.at == unit_start {
            return TokenKind::Number(number);
        }
        let unit: String = self.characters[unit_start..self.at].iter().collect();
        // `2ndes_gt` is a field that begins with a digit; `10km` is a measure.
        if unit.len() > 12 || unit.contains('_') { TokenKind::Word } else { TokenKind::Measure(number, unit) }
    }

    fn delimited(&mut self, quote: char) -> Result<String, Fault> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.at += 1;
            if c == quote {
                return Ok(text);
            }
            if c == '\\'
                && let Some(escaped) = self.peek()
            {
                text.push(escaped);
                self.at += 1;
                continue;
            }
            text.push(c);
        }
        Err(Fault::Syntax { unexpected: quote.to_string(), position: start })
    }

    fn symbol(&mut self) -> Result<TokenKind, Fault> {
        for symbol in SYMBOLS {
            if symbol.chars().enumerate().all(|(i, c)| self.characters.get(self.at + i) == Some(&c)) {
                self.at += symbol.len();
                return Ok(TokenKind::Symbol);
            }
        }
        let unexpected = self.characters[self.at].to_string();
        Err(Fault::Syntax { unexpected, position: self.at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<TokenKind> {
        tokens(text).unwrap().into_iter().map(|token| token.kind).collect()
    }

    #[test]
    fn strings_keep_what_their_escapes_hide() {
        assert_eq!(kinds(r#"'l\'école' "a\"b""#), [TokenKind::Text("l'école".into()), TokenKind::Text("a\"b".into())]);
        assert_eq!(kinds(r"`a\`b`"), [TokenKind::Quoted("a`b".into())]);
    }

    #[test]
    fn units_keep_their_case() {
        assert_eq!(kinds("1M 1m"), [TokenKind::Measure(1.0, "M".into()), TokenKind::Measure(1.0, "m".into())]);
    }

    #[test]
    fn an_unfinished_string_is_reported_where_it_starts() {
        assert_eq!(tokens("a = 'b"), Err(Fault::Syntax { unexpected: "'".into(), position: 4 }));
    }

    #[test]
    fn dates_and_geometries_are_one_token() {
        assert_eq!(kinds("date'2025' GEOM'POINT(1 2)'"), [TokenKind::Date("2025".into()), TokenKind::Geometry("POINT(1 2)".into())]);
    }
}
