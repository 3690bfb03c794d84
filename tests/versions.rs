//! Fresh by dataset version: what the catalogue says decides what is fresh, and costs no more than it may.

#[path = "versions/catalogue.rs"]
mod catalogue;
#[path = "versions/directives.rs"]
mod directives;
#[path = "support/http.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod http;
#[path = "versions/look.rs"]
mod look;
#[path = "versions/races.rs"]
mod races;
mod raw_portal;
#[path = "support/roof.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod roof;
#[path = "versions/ways.rs"]
mod ways;
