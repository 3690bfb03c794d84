//! Teams over real sockets: by what clients are recognised, by what they are not, and that a key of ours is nowhere but in the request.

#[path = "support/http.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod http;
#[path = "teams/keys.rs"]
mod keys;
#[path = "teams/networks.rs"]
mod networks;
#[path = "teams/office.rs"]
mod office;
#[path = "teams/pages.rs"]
mod pages;
#[path = "support/roof.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod roof;
#[path = "teams/secrets.rs"]
mod secrets;
#[path = "support/served.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod served;
#[path = "teams/spending.rs"]
mod spending;
