//! Who spent what: the history over sockets, held against what the portal has charged.

#[path = "history/command.rs"]
mod command;
#[path = "history/counted.rs"]
mod counted;
#[path = "support/http.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod http;
#[path = "history/kept.rs"]
mod kept;
#[path = "history/patterns.rs"]
mod patterns;
#[path = "support/roof.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod roof;
#[path = "support/served.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod served;
#[path = "history/stage.rs"]
mod stage;
#[path = "history/warned.rs"]
mod warned;
