//! The portal's query language, read and evaluated by code that shares nothing with the mirror's own reading of it.
//!
//! Two readers that agree are a test; one reader used twice is none. [`parse`](parser) turns the text of a clause into a tree against
//! the fields of a table, [`evaluate`] runs the tree over rows. The search language of API v1 is read in [`v1`] into the same tree.

pub mod condition;
pub mod dates;
pub mod evaluate;
pub mod geometry;
pub mod lexer;
pub mod matching;
pub mod parser;
pub mod tree;
pub mod v1;

pub use matching::fold;

/// Why the text of a clause could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The text is not of the language: what stood at which character.
    Syntax {
        /// The unexpected text.
        unexpected: String,
        /// Characters before it.
        position: usize,
    },
    /// A field that the dataset does not have.
    UnknownField(String),
    /// Anything else that is wrong with the meaning.
    Meaning(String),
}
