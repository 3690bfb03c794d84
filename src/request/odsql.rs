//! The portal's query language, as far as one spelling per meaning needs it: a lexer, and the canonical text of `where`
//! and `order_by`.
//!
//! Only what the grammar calls insignificant is touched: the amount of white space between tokens, and the case of
//! operator words. Strings, back-quoted names, numbers and units are bytes (`1M` is a month, `1m` a minute).
//!
//! The portal quotes a statement that it cannot parse in its answer, so such a statement is its own spelling. What it
//! can parse is decided by the module `syntax`, which knows less than the portal does: what it does not recognise is left as it
//! was written.

mod lexer;
mod syntax;
#[cfg(test)]
pub(crate) mod tests;

pub use lexer::{Kind, Token, tokens};

/// A clause whose text may be rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clause {
    /// A condition.
    Where,
    /// An ordering.
    OrderBy,
}

/// The words that are written in lower case.
const OPERATORS: [&str; 10] = ["and", "or", "not", "in", "like", "is", "null", "true", "false", "asc"];
const DESC: &str = "desc";

/// `text` with each run of white space between tokens made one space; none is inserted and none removed. `None` if it
/// is not recognised as valid.
pub fn with_single_spaces(clause: Clause, text: &str) -> Option<String> {
    rewritten(clause, text, |token| match token.kind {
        Kind::Space => " ".into(),
        _ => token.text.into(),
    })
}

/// `text` with its operator words in lower case. `None` if it is not recognised as valid.
pub fn with_lower_case_operators(clause: Clause, text: &str) -> Option<String> {
    rewritten(clause, text, |token| if is_operator(token) { token.text.to_ascii_lowercase().into() } else { token.text.into() })
}

fn rewritten<'a>(clause: Clause, text: &'a str, token_text: impl Fn(&Token<'a>) -> std::borrow::Cow<'a, str>) -> Option<String> {
    let tokens: Vec<Token<'_>> = tokens(text).collect();
    syntax::recognises(clause, &tokens).then(|| tokens.iter().map(token_text).collect())
}

/// Whether the portal is known to parse `text` as a `clause`. A `false` says nothing.
pub fn is_recognised(clause: Clause, text: &str) -> bool {
    syntax::recognises(clause, &tokens(text).collect::<Vec<_>>())
}

/// Whether `token` is a word that the canonical text has in lower case.
pub fn is_operator(token: &Token<'_>) -> bool {
    token.kind == Kind::Word
        && (OPERATORS.into_iter().any(|word| token.text.eq_ignore_ascii_case(word)) || token.text.eq_ignore_ascii_case(DESC))
}

/// Whether the answer to a question with this clause may move although the data do not: it names `now`, or draws lots
/// without a seed.
///
/// Where the text cannot be read to its end, it is enough that the word stands somewhere in the rest.
pub fn depends_on_clock(text: &str) -> bool {
    let mut significant = tokens(text).filter(|token| token.kind != Kind::Space).peekable();
    while let Some(token) = significant.next() {
        match token.kind {
            Kind::Word if token.text.eq_ignore_ascii_case("now") => return true,
            Kind::Word if token.text.eq_ignore_ascii_case("random") => {
                let opens = significant.next_if(|next| next.text == "(").is_some();
                if opens && significant.peek().is_none_or(|next| next.text == ")") {
                    return true;
                }
            }
            Kind::Unterminated => {
                let rest = token.text.to_ascii_lowercase();
                return rest.contains("now") || rest.contains("random");
            }
            _ => {}
        }
    }
    false
}
