//! Teams: groups of internal clients, each with its share of the day's calls.
//!
//! A team is known by its place in the configuration's list, which begins with two that are always there: [`TeamId::DEFAULT`], for clients
//! that are not recognised, and [`TeamId::BROWSER`], for what pages of foreign origins ask. The ledger knows teams by name: a place can change
//! with the file. How clients are recognised is in [`crate::request::client`], what a team may spend in [`crate::budget`].

/// A team's place in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TeamId(u16);

impl TeamId {
    /// The team of clients that are not recognised.
    pub const DEFAULT: Self = Self(0);
    /// The team of pages of foreign origins.
    pub const BROWSER: Self = Self(1);

    /// The team in this place.
    pub const fn new(index: u16) -> Self {
        Self(index)
    }

    /// The place.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// How a team spends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Class {
    /// People wait: whatever is not guaranteed to others, at any time of the day.
    #[default]
    Interactive,
    /// Nobody waits: beyond its guarantee, only what the pace of the day leaves over.
    Batch,
}
