//! The audit over sockets: what is believed of a portal, and what comes of it where the portal does not do so.

#[path = "audit/command.rs"]
mod command;
#[path = "audit/guard.rs"]
mod guard;
#[path = "support/http.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod http;
#[path = "support/roof.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod roof;
#[path = "audit/rules.rs"]
mod rules;
#[path = "support/served.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod served;
#[path = "audit/stage.rs"]
mod stage;
#[path = "audit/versions.rs"]
mod versions;
