//! The hostile client, the lying portal and the worst instant, over real sockets.

#[path = "hostile/behind.rs"]
mod behind;
#[path = "hostile/connections.rs"]
mod connections;
#[path = "hostile/costs.rs"]
mod costs;
#[path = "hostile/framing.rs"]
mod framing;
#[path = "support/http.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod http;
#[path = "hostile/lies.rs"]
mod lies;
#[path = "hostile/memory.rs"]
mod memory;
mod raw_portal;
#[path = "hostile/raw_targets.rs"]
mod raw_targets;
#[path = "support/roof.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod roof;
#[path = "hostile/secrets.rs"]
mod secrets;
#[path = "support/served.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod served;
#[path = "hostile/stopping.rs"]
mod stopping;
#[path = "support/twin.rs"]
mod twin;
