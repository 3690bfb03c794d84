//! The portal in a box as a client meets it: bytes over sockets, against what is known of the portal.

#![allow(clippy::unwrap_used, reason = "in a test an absence is a failure")]

#[path = "simulator/client.rs"]
mod client;
#[path = "simulator/control.rs"]
mod control;
#[path = "simulator/exports.rs"]
mod exports;
#[path = "simulator/faults.rs"]
mod faults;
#[path = "simulator/fields.rs"]
mod fields;
#[path = "simulator/old.rs"]
mod old;
#[path = "simulator/queries.rs"]
mod queries;
#[path = "simulator/quota.rs"]
mod quota;
#[path = "simulator/recorded.rs"]
mod recorded;
#[path = "simulator/refusals.rs"]
mod refusals;
#[path = "simulator/search.rs"]
mod search;
