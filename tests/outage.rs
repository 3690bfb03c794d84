//! A portal that fails, or refuses: what that costs, and what clients get meanwhile. Over sockets, in simulated time.

#[path = "day/clients.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod clients;
#[path = "outage/down.rs"]
mod down;
#[path = "outage/gate.rs"]
mod gate;
#[path = "support/http.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod http;
#[path = "day/load.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod load;
#[path = "outage/question.rs"]
mod question;
#[path = "outage/queue.rs"]
mod queue;
mod raw_portal;
#[path = "outage/refusals.rs"]
mod refusals;
#[path = "support/roof.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod roof;

/// Held by each test whose portal takes real time: what préau waits for is real too, and beside one another they would all be late.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// When tests begin: far from midnight, where a call may be counted twice.
const MORNING: jiff::Timestamp = jiff::Timestamp::constant(1_772_431_200, 0);

/// A question about records that differs by its number.
fn target(number: usize) -> String {
    format!("{}/records?limit=2&offset={number}", roof::DIRECTORY)
}
