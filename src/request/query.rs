//! A query as it was received, and the one spelling in which it is keyed and sent upstream.
//!
//! [`RawQuery::parse`] decodes names and values once and changes nothing else. [`canonicalise`] then applies the
//! [`rules`] of the endpoint; the credentials must have been taken out before. The upstream query is written from the
//! result and from nothing else, so key and call cannot disagree.

mod canonical;
mod clock;
mod jsonp;
#[cfg(test)]
mod properties;
pub mod rules;
#[cfg(test)]
mod tests;

use thiserror::Error;

pub use canonical::{Canonical, CanonicalQuery, canonicalise};
pub use jsonp::Callback;
pub use rules::{Rule, RuleSwitches};

use super::percent::{self, Plus, Slash, Undecodable};

/// Parameters in one query. The longest real queries, which copy every facet of a console, have about 40.
pub const MAX_PARAMETERS: usize = 1_000;

/// Bytes of a canonical query. With any path it fits the 65,534 bytes that `http::Uri` can hold.
pub const MAX_CANONICAL_BYTES: usize = 48 * 1024;

/// What is wrong with a query; `at` is the offset of the offending byte in its text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum QueryFault {
    /// A percent sign without two hexadecimal digits.
    #[error("invalid percent-encoding at byte {at} of the query: `%` must be followed by two hexadecimal digits; write `%25` for `%`")]
    Escape {
        /// Offset of the percent sign.
        at: usize,
    },
    /// The decoded bytes are not UTF-8.
    #[error("byte {at} of the query is not UTF-8 once decoded; encode characters as the bytes of their UTF-8 form")]
    NotUtf8 {
        /// Offset of the byte.
        at: usize,
    },
    /// A raw number sign.
    #[error("raw `#` at byte {at} of the query: a fragment is never sent to a server; write `%23` if the character is meant")]
    Fragment {
        /// Offset of the character.
        at: usize,
    },
    /// More than [`MAX_PARAMETERS`].
    #[error("the query has more than {MAX_PARAMETERS} parameters; ask for less at a time, with `in (…)` instead of repeated conditions")]
    TooManyParameters,
    /// More than [`MAX_CANONICAL_BYTES`].
    #[error("the query is longer than {MAX_CANONICAL_BYTES} bytes once encoded; ask for less at a time")]
    TooLong,
    /// A JSONP callback that is not one.
    #[error("the value of `callback` cannot be the name of a function: it must be 1 to 64 of the characters A-Z a-z 0-9 _ . $")]
    Callback,
}

/// What stood before a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Separator {
    /// The beginning, or `&`.
    Ampersand,
    /// A raw `;`. Today it is data, but servers of a certain age take it for a separator too. Which one the portal is,
    /// we do not guess: what has one is sent as it was written.
    Semicolon,
}

/// One parameter, decoded. `value` is absent where there is no `=`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pair {
    name: String,
    value: Option<String>,
    after: Separator,
}

impl Pair {
    fn is(&self, name: &str) -> bool {
        self.name == name
    }
}

/// The parameters of a query (or of a form), decoded once, in the order they were received.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RawQuery(Vec<Pair>);

impl RawQuery {
    /// Reads the text after the `?` of a target, or an `application/x-www-form-urlencoded` body.
    ///
    /// `&` separates, `+` and `%20` are a space. `a` and `a=` are kept apart. Nothing between two `&` is no parameter,
    /// for every reader of such texts (WHATWG URL, `application/x-www-form-urlencoded` parsing).
    ///
    /// # Errors
    ///
    /// [`QueryFault`] for what cannot be decoded, for a raw `#` and for more than [`MAX_PARAMETERS`].
    pub fn parse(text: &str) -> Result<Self, QueryFault> {
        if let Some(at) = text.find('#') {
            return Err(QueryFault::Fragment { at });
        }
        let mut pairs = Vec::new();
        let mut at = 0;
        for chunk in text.split('&') {
            let pieces = chunk.split(';');
            let mut after = Separator::Ampersand;
            if !chunk.is_empty() {
                for piece in pieces {
                    if pairs.len() == MAX_PARAMETERS {
                        return Err(QueryFault::TooManyParameters);
                    }
                    pairs.push(pair(piece, after).map_err(|fault| located(fault, at))?);
                    after = Separator::Semicolon;
                    at += piece.len() + 1;
                }
            } else {
                at += 1;
            }
        }
        Ok(Self(pairs))
    }

    /// Whether there is no parameter at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The values of the parameters called exactly `name`, in order; a parameter without `=` has the value `""`.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |pair| pair.is(name)).map(|pair| pair.value.as_deref().unwrap_or_default())
    }

    /// Names and values in order; a parameter without `=` has no value.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|pair| (pair.name.as_str(), pair.value.as_deref()))
    }

    /// The query written anew, parameters in the order received: what a form is sent as after
    /// [`credential::take`](super::credential::take).
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (index, pair) in self.0.iter().enumerate() {
            match pair.after {
                Separator::Semicolon => text.push(';'),
                Separator::Ampersand if index > 0 => text.push('&'),
                Separator::Ampersand => {}
            }
            percent::encode(&mut text, &pair.name, Slash::Raw);
            if let Some(value) = &pair.value {
                text.push('=');
                percent::encode(&mut text, value, Slash::Raw);
            }
        }
        text
    }

    /// Whether a raw `;` stands anywhere in it.
    pub(super) fn has_semicolon(&self) -> bool {
        self.0.iter().any(|pair| pair.after == Separator::Semicolon)
    }

    /// Removes the parameters called exactly `name` and returns their values.
    pub(super) fn remove(&mut self, name: &str) -> Vec<String> {
        self.0.extract_if(.., |pair| pair.is(name)).map(|pair| pair.value.unwrap_or_default()).collect()
    }
}

impl FromIterator<(String, Option<String>)> for RawQuery {
    /// The query of these names and values.
    fn from_iter<T: IntoIterator<Item = (String, Option<String>)>>(pairs: T) -> Self {
        Self(pairs.into_iter().map(|(name, value)| Pair { name, value, after: Separator::Ampersand }).collect())
    }
}

/// Values may be credentials: only the names are shown.
impl std::fmt::Debug for RawQuery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.iter().map(|pair| &pair.name)).finish()
    }
}

fn pair(piece: &str, after: Separator) -> Result<Pair, QueryFault> {
    let (name, value) = match piece.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (piece, None),
    };
    let value = value.map(|value| decoded(value, name.len() + 1)).transpose()?;
    Ok(Pair { name: decoded(name, 0)?, value, after })
}

fn decoded(text: &str, offset: usize) -> Result<String, QueryFault> {
    percent::decode(text, Plus::Space).map_err(|fault| match fault {
        Undecodable::Escape { at } => QueryFault::Escape { at: offset + at },
        Undecodable::NotUtf8 { at } => QueryFault::NotUtf8 { at: offset + at },
    })
}

fn located(fault: QueryFault, offset: usize) -> QueryFault {
    match fault {
        QueryFault::Escape { at } => QueryFault::Escape { at: offset + at },
        QueryFault::NotUtf8 { at } => QueryFault::NotUtf8 { at: offset + at },
        other => other,
    }
}
