//! The lexer: every byte of a text belongs to exactly one token, whatever the text is.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A run of spaces, tabs and line ends.
    Space,
    /// A name, keyword or number with what is glued to it: `zones`, `default.title`, `AND`, `10km`, `1.5`.
    Word,
    /// A string in either quotes, with the `date` or `geom` that is glued to it.
    Text,
    /// A name in back-quotes.
    Name,
    /// An operator or a mark: `>=`, `(`, `..`.
    Mark,
    /// From a quote that nothing closes to the end.
    Unterminated,
}

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its bytes.
    pub text: &'a str,
}

/// The tokens of `text`; put together they are `text` again.
pub fn tokens(text: &str) -> impl Iterator<Item = Token<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (kind, length) = first(rest)?;
        let (text, after) = rest.split_at(length);
        rest = after;
        Some(Token { kind, text })
    })
}

fn first(text: &str) -> Option<(Kind, usize)> {
    let character = text.chars().next()?;
    Some(match character {
        _ if is_space(character) => (Kind::Space, text.find(|c| !is_space(c)).unwrap_or(text.len())),
        '"' | '\'' => closed(text, 0, Kind::Text),
        '`' => closed(text, 0, Kind::Name),
        _ if is_word(character) => {
            let length = word(text);
            let literal = ["date", "geom"].into_iter().any(|prefix| text[..length].eq_ignore_ascii_case(prefix));
            match text[length..].chars().next() {
                Some('"' | '\'') if literal => closed(text, length, Kind::Text),
                _ => (Kind::Word, length),
            }
        }
        _ => (Kind::Mark, if ["<=", ">=", "!=", ".."].into_iter().any(|mark| text.starts_with(mark)) { 2 } else { character.len_utf8() }),
    })
}

/// The white space of the grammar. Others, such as the no-break space, are not known to be.
fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

fn is_word(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

/// The length of the word that `text` begins with: a dot inside belongs to it (`1.5`, `default.title`), two dots do not (`1..5`).
fn word(text: &str) -> usize {
    let mut length = 0;
    loop {
        length += text[length..].find(|c| !is_word(c)).unwrap_or(text.len() - length);
        match text[length..].strip_prefix('.') {
            Some(after) if after.starts_with(is_word) => length += 1,
            _ => return length,
        }
    }
}

/// The token whose opening quote is at `open`; a backslash takes the next character along.
fn closed(text: &str, open: usize, kind: Kind) -> (Kind, usize) {
    let bytes = text.as_bytes();
    let quote = bytes[open];
    let mut at = open + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            byte if byte == quote => return (kind, at + 1),
            _ => at += 1,
        }
    }
    (Kind::Unterminated, text.len())
}
