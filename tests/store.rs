//! What was once paid for stays: bodies of any size, for all who ask while they arrive and afterwards, across restarts.

#[path = "hostile/behind.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod behind;
#[path = "store/codings.rs"]
mod codings;
#[path = "store/conditions.rs"]
mod conditions;
#[path = "store/far_end.rs"]
mod far_end;
#[path = "support/http.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod http;
#[path = "store/huge.rs"]
mod huge;
#[path = "store/kill.rs"]
mod kill;
#[path = "store/large.rs"]
mod large;
#[path = "store/limits.rs"]
mod limits;
#[path = "store/links.rs"]
mod links;
#[path = "store/purge.rs"]
mod purge;
mod raw_portal;
#[path = "store/restart.rs"]
mod restart;
#[path = "support/roof.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod roof;
#[path = "store/second_look.rs"]
mod second_look;
#[path = "support/served.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod served;
#[path = "store/stream.rs"]
mod stream;
