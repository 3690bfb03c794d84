//! A client's three rounds: of the portal itself, through préau, and through préau again. What is compared, and what is counted.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use preau::clock::Clock;
use preau::config::{Config, PerPortal};
use preau::simulator::{self, Settings, Simulator};
use preau::team::TeamId;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::calls::Call;
use crate::http;
use crate::outcome::Outcome;
use crate::roof::Roof;

/// A line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    client: &'static str,
    calls: usize,
    equal: usize,
    /// Links in the bodies: how many there were to be kept.
    links: usize,
    /// What the portal received in the first and in the second round through préau.
    received: [u64; 2],
    /// Of these, the calls with a key of the portal: they are nobody else's, and made each time.
    keyed: usize,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = self.received;
        write!(f, "{:<24} {:>5} {:>5} {:>6} {:>8} {:>8} {:>6}", self.client, self.calls, self.equal, self.links, first, second, self.keyed)
    }
}

/// The lines so far.
static TABLE: Mutex<Vec<Row>> = Mutex::new(Vec::new());

/// Prints the table.
pub fn print_table() {
    let table = TABLE.lock().unwrap_or_else(PoisonError::into_inner);
    if !table.is_empty() {
        println!("{:<24} {:>5} {:>5} {:>6} {:>8} {:>8} {:>6}", "client", "calls", "equal", "links", "round 1", "round 2", "keyed");
        table.iter().for_each(|row| println!("{row}"));
        println!("equal: in status, body and fields, to the portal's own, in both rounds; rounds: calls that reached the portal\n");
    }
}

/// The portal that a client asks first, and the roof over another one that has the same data: nobody but préau asks that one.
pub struct Stage {
    pub runtime: Runtime,
    pub portal: Simulator,
    roof: Roof,
}

impl Stage {
    /// The clock stands still: nothing becomes stale, however slow the client is.
    pub fn new() -> Self {
        let runtime = Runtime::new().expect("a runtime starts");
        let portal = runtime.block_on(simulator::start(Settings::default())).expect("the simulator starts");
        // A page of another origin may ask as often as anybody: what it may spend is the subject of pages.rs.
        let unlimited = |config: &mut Config| config.teams[TeamId::BROWSER.index()].ceiling = PerPortal::default();
        let roof = runtime.block_on(Roof::build(Settings::default(), Clock::manual(Timestamp::now()), unlimited));
        Self { runtime, portal, roof }
    }

    /// The origin of the mirror.
    pub fn mirror(&self) -> String {
        format!("http://{}", self.roof.mirror())
    }
}

/// What the portal and the ledger have counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counted {
    received: u64,
    /// By the ledger as préau's own, of all accounts.
    used: u64,
}

impl Counted {
    fn read(stage: &Stage) -> Self {
        let Stage { runtime, roof, .. } = stage;
        let budget = runtime.block_on(http::get(roof.server.admin(), "/api/v1/budget")).json();
        let accounts = budget["portals"][0]["accounts"].as_array().expect("a list of accounts");
        let count = |account: &Value, name: &str| account[name].as_u64().expect("a count");
        let used = accounts.iter().map(|account| count(account, "used") - count(account, "drift")).sum();
        Self { received: runtime.block_on(roof.calls()).received, used }
    }

    fn since(self, before: Self) -> Self {
        Self { received: self.received - before.received, used: self.used - before.used }
    }
}

/// Has `ask` make `calls` in three rounds, notes a line of the table, and fails unless every answer was equal and each call was made once.
pub fn run(client: &'static str, stage: &Stage, calls: &[Call], mut ask: impl FnMut(&str, &[Call]) -> Vec<Outcome>) {
    let [portal, mirror] = [format!("http://{}", stage.portal.addr()), stage.mirror()];
    let own = ask(&portal, calls);
    assert!(own.len() >= calls.len(), "{client} told {} outcomes of {} calls", own.len(), calls.len());
    let mut faults = Vec::new();
    let mut differing = vec![false; own.len()];
    let mut counted = Vec::new();
    for round in [1, 2] {
        let before = Counted::read(stage);
        let outcomes = ask(&mirror, calls);
        counted.push(Counted::read(stage).since(before));
        assert_eq!(outcomes.len(), own.len(), "{client}, round {round}");
        for (at, (got, own)) in outcomes.iter().zip(&own).enumerate() {
            assert_eq!(got.target, own.target, "{client} makes the same calls each time");
            // What the script of a client asks beyond the calls has no exceptions.
            let call = calls.get(at);
            let differences = match call {
                Some(call) if call.is_answered_here() => got.differences_of_status(own),
                Some(call) if call.names_the_portal_as_data() => got.differences_beside_data(own, &portal, &mirror),
                _ => got.differences(own, &portal, &mirror),
            };
            differing[at] |= !differences.is_empty();
            faults.extend(differences.into_iter().map(|fault| format!("round {round}: {}: {fault}", got.target)));
            // Where a client shows the fields, the answer says itself what it cost.
            let paid = got.fields.get("x-preau-cost").is_some_and(|cost| cost != "0");
            if round == 2 && paid {
                let why = got.fields.get("cache-status").map_or("", String::as_str);
                faults.push(format!("round 2: {}: it cost a call: {why}", got.target));
            }
        }
    }
    let keyed = calls.iter().filter(|call| call.is_keyed()).count();
    let equal = differing.iter().filter(|differs| !**differs).count();
    let links = own.iter().map(|outcome| outcome.links).sum();
    let row = Row { client, calls: own.len(), equal, links, received: [counted[0].received, counted[1].received], keyed };
    println!("{row}");
    TABLE.lock().unwrap_or_else(PoisonError::into_inner).push(row);
    for (round, counted) in [1, 2].into_iter().zip(&counted) {
        // Until the portal has shown that it knows a key, a call with it is counted as an anonymous one too.
        let unproven = u64::from(round == 1 && keyed > 0);
        if counted.used != counted.received + unproven {
            faults.push(format!("round {round}: the portal received {} calls and the ledger has {}", counted.received, counted.used));
        }
    }
    if counted[1].received != 0 {
        faults.push(format!("round 2: {} calls reached the portal", counted[1].received));
    }
    assert!(faults.is_empty(), "{client}: {} faults\n{}", faults.len(), faults.join("\n"));
}
