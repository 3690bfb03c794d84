//! A day of an organisation, simulated: many thousand requests through real sockets in simulated time, and what they cost.

#[path = "day/budget.rs"]
mod budget;
#[path = "day/canonical.rs"]
mod canonical;
#[path = "day/clients.rs"]
mod clients;
#[path = "day/dataset.rs"]
mod dataset;
#[path = "support/http.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod http;
#[path = "day/live.rs"]
mod live;
#[path = "day/load.rs"]
mod load;
#[path = "day/outage.rs"]
mod outage;
#[path = "day/plan.rs"]
mod plan;
#[path = "day/question.rs"]
mod question;
#[path = "support/roof.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod roof;
#[path = "day/shares.rs"]
mod shares;
#[path = "day/tally.rs"]
mod tally;
#[path = "day/touched.rs"]
mod touched;
#[path = "day/truth.rs"]
mod truth;

/// Held by each test whose portal takes real time: what préau waits for is real too, and beside one another they would all be late.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
