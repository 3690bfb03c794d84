//! Stored responses: what may be kept, for how long it answers, where it is, and how many askers share one call for it.

pub mod arriving;
pub mod coded;
pub mod disk;
pub mod fill;
pub mod freshness;
pub mod inspection;
pub mod key;
pub mod lookup;
pub mod memory;
pub mod partition;
pub mod representation;
pub mod shape;
pub mod storable;
pub mod store;
pub mod stored_response;
pub mod validation;
