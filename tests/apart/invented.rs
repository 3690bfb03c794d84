//! A hundred thousand keys that somebody invents: what they cost, and what is left of them.

use std::net::SocketAddr;
use std::num::NonZeroU32;

use preau::clock::Clock;
use preau::simulator::Settings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::askers::{ALPHA, NOBODY};
use super::http;
use super::roof::{DIRECTORY, Roof};

const KEYS: usize = 100_000;
const CONNECTIONS: usize = 8;
/// Requests that are sent before an answer is read.
const AT_ONCE: usize = 50;
/// Keys that come first, until the team has nothing left.
const WARM: usize = 3_000;
/// Calls that the team may spend of the anonymous account's day: more than there are rows.
const CEILING: u32 = 2_000;
/// The anonymous account's day.
const DAY: u32 = 5_000;
/// Accounts of keys that the ledger tells apart, and one for all the others.
const ROWS: usize = 1024 + 1;

/// Asks with keys that nobody else has, each another question, and counts the answers by status.
async fn ask(to: SocketAddr, keys: std::ops::Range<usize>) -> [usize; 2] {
    let mut stream = TcpStream::connect(to).await.expect("the server listens");
    let (mut unknown, mut refused) = (0, 0);
    let mut buffer = vec![0; 1 << 16];
    let mut numbers = keys.peekable();
    while numbers.peek().is_some() {
        let batch: Vec<usize> = numbers.by_ref().take(AT_ONCE).collect();
        let requests: String = batch
            .iter()
            .map(|number| {
                format!("GET {DIRECTORY}/records?limit=1&where=numero%3D{number} HTTP/1.1\r\nHost: roof\r\nAuthorization: Apikey invented-{number:06}\r\n\r\n")
            })
            .collect();
        stream.write_all(requests.as_bytes()).await.expect("the server reads");
        let mut text = String::new();
        let answered = |text: &str| text.matches("HTTP/1.1 ").count();
        // The last answer has ended when its body has: each is one JSON document in lines of its own.
        while answered(&text) < batch.len() || !text.trim_end().ends_with('}') {
            let read = stream.read(&mut buffer).await.expect("the server answers");
            assert!(read > 0, "the server closed: {text}");
            text.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
        unknown += text.matches("HTTP/1.1 401").count();
        refused += text.matches("detail=team-ceiling").count();
        assert_eq!(text.matches("HTTP/1.1 200").count(), 0, "{text}");
    }
    [unknown, refused]
}

#[cfg(target_os = "linux")]
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("this process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the kernel says it");
    line.trim().trim_end_matches("kB").trim().parse::<usize>().expect("a number") << 10
}

#[cfg(not(target_os = "linux"))]
fn resident() -> usize {
    0
}

fn bytes_in(path: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(path).expect("a directory").map(|entry| entry.expect("an entry").path());
    entries.map(|path| if path.is_dir() { bytes_in(&path) } else { path.metadata().map_or(0, |file| file.len()) }).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_invented_keys_cost_what_is_allowed_and_leave_little() {
    let roof = Roof::build(Settings { quota: 1_000_000, ..Settings::default() }, Clock::system(), |config| {
        config.portals[0].daily_calls = NonZeroU32::new(DAY).expect("not zero");
        config.teams[0].ceiling.each = Some(CEILING);
    })
    .await;
    let stored = format!("{DIRECTORY}/records?limit=2");
    for asker in [NOBODY, ALPHA] {
        assert_eq!(asker.get(&roof, &stored).await.status, 200);
    }
    // Until the team has nothing left; then what is always there is there.
    let warm = ask(roof.mirror(), KEYS..KEYS + WARM).await;
    let (memory, disk) = (resident(), bytes_in(roof.data.path()));
    let share = KEYS / CONNECTIONS;
    let askers = (0..CONNECTIONS).map(|part| tokio::spawn(ask(roof.mirror(), part * share..(part + 1) * share)));
    let mut counted = warm;
    for asker in askers.collect::<Vec<_>>() {
        let [unknown, refused] = asker.await.expect("it ends");
        counted = [counted[0] + unknown, counted[1] + refused];
    }
    assert_eq!(counted.iter().sum::<usize>(), KEYS + WARM, "each is answered");
    let (calls, used) = (roof.calls().await.received, roof.used().await);
    println!(
        "{} keys: {} unknown to the portal, {} refused here; {used} calls of {CEILING} used, {calls} seen",
        KEYS + WARM,
        counted[0],
        counted[1]
    );
    // Looks are nobody's, and the call of the key that the portal knows is its own.
    let most = u64::from(CEILING) + 3;
    assert!(used <= most && calls <= most, "{used} of {CEILING}, {calls} at the portal");
    assert!(counted[0] as u64 <= used, "{counted:?}");

    let report = http::get(roof.server.admin(), "/api/v1/budget").await.json();
    let rows = report["portals"][0]["accounts"].as_array().expect("accounts").len();
    assert!(rows <= 1 + ROWS, "{rows} accounts");
    let (more_memory, more_disk) = (resident().saturating_sub(memory), bytes_in(roof.data.path()).saturating_sub(disk));
    println!("{rows} accounts, {more_memory} bytes of memory and {more_disk} of disk more");
    assert!(more_memory < 32 << 20 && more_disk < 4 << 20, "{more_memory} bytes of memory, {more_disk} of disk");
    for asker in [NOBODY, ALPHA] {
        let hit = asker.get(&roof, &stored).await;
        assert_eq!((hit.status.as_u16(), hit.field("x-preau-cost")), (200, "0"), "{}: {hit:?}", asker.name);
    }
}
