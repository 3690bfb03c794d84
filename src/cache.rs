//! Stored responses: what may be kept, for how long it answers, where it is, and how many askers share one call for it.

pub mod fill;
pub mod freshness;
pub mod key;
pub mod lookup;
pub mod memory;
pub mod storable;
pub mod stored_response;
