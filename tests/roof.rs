//! The roof as its users meet it: real sockets, the portal in a box behind it.

#[path = "roof/bad_input.rs"]
mod bad_input;
#[path = "roof/budget_out.rs"]
mod budget_out;
#[path = "roof/credentials.rs"]
mod credentials;
#[path = "roof/herd.rs"]
mod herd;
#[path = "support/http.rs"]
mod http;
#[path = "roof/kill.rs"]
mod kill;
#[path = "roof/midnight.rs"]
mod midnight;
#[path = "roof/mirror.rs"]
mod mirror;
#[path = "roof/oracle.rs"]
mod oracle;
#[path = "roof/portals.rs"]
mod portals;
#[path = "support/roof.rs"]
mod roof;
#[path = "support/served.rs"]
mod served;
#[path = "roof/staleness.rs"]
mod staleness;
#[path = "roof/told.rs"]
mod told;
