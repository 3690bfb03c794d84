//! What the client asked: from a raw request target to one question with one spelling.
//!
//! The stages, in order: [`endpoint::classify`] says which of the portal's endpoints a path names,
//! [`query::RawQuery::parse`] reads the query, [`credential::take`] takes the portal's credentials out of it,
//! [`query::canonicalise`] writes it down in the one spelling that is keyed *and* sent upstream, and
//! [`language::preferred`] says in which language the portal would answer. Beside the question, [`directives::Directives`] says what the
//! client asks of a cache.
//!
//! Everything here is pure: text in, values out. No clock, no socket, no file, no runtime. What a fault means in HTTP
//! is decided elsewhere.

pub mod accept_encoding;
pub mod client;
pub mod credential;
pub mod directives;
pub mod endpoint;
pub mod language;
pub mod odsql;
mod percent;
pub mod query;
pub mod question;
pub mod selected_fields;
