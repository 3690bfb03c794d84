//! The portal in a box as a client meets it: bytes over sockets, against what is known of the portal.

#![allow(clippy::unwrap_used, reason = "in a test an absence is a failure")]

#[path = "simulator/analyze.rs"]
mod analyze;
#[path = "simulator/bad_days.rs"]
mod bad_days;
#[path = "simulator/catalogue.rs"]
mod catalogue;
#[path = "simulator/client.rs"]
mod client;
#[path = "simulator/control.rs"]
mod control;
#[path = "simulator/description.rs"]
mod description;
#[path = "simulator/downloads.rs"]
mod downloads;
#[path = "simulator/exports.rs"]
mod exports;
#[path = "simulator/exports_of_places.rs"]
mod exports_of_places;
#[path = "simulator/facets.rs"]
mod facets;
#[path = "simulator/faults.rs"]
mod faults;
#[path = "simulator/fields.rs"]
mod fields;
#[path = "simulator/files.rs"]
mod files;
#[path = "simulator/geo.rs"]
mod geo;
#[path = "simulator/lies.rs"]
mod lies;
#[path = "simulator/links.rs"]
mod links;
#[path = "simulator/old.rs"]
mod old;
#[path = "simulator/parquet.rs"]
mod parquet;
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
#[path = "simulator/seen.rs"]
mod seen;
#[path = "simulator/swell.rs"]
mod swell;
#[path = "simulator/versions.rs"]
mod versions;
#[path = "simulator/workbook.rs"]
mod workbook;
#[path = "simulator/xml.rs"]
mod xml;
