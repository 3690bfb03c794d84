//! Stored responses: what they are found by.

pub mod key;
