//! What a flood by one team does to the others: 1,000 distinct questions a second for a minute, while another team asks for what is stored.
//!
//! Starts a portal in a box and préau in front of it, each a process of its own, on the loopback; clients of the two teams ask from addresses of
//! their own. Prints the latency of the quiet team's hits without and with the flood, and whether its guarantee is whole afterwards.
//!
//! ```sh
//! cargo build --release && cargo run --release --example flood            # about four minutes
//! cargo run --release --example flood -- --seconds 5 --rounds 1           # does it work?
//! ```

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Clients of the flooding team, and of the quiet one: addresses of the loopback that teams are told apart by.
const FLOODING: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const QUIET: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);
const RECORDS: &str = "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/records";
/// Questions of the quiet team that are stored before anything is measured.
const STORED: u64 = 50;
const HITS_PER_SECOND: u64 = 200;
const FLOOD_PER_SECOND: u64 = 1_000;
const GUARANTEED: u64 = 400;
/// Connections of each team.
const CONNECTIONS: u64 = 16;

const CONFIGURATION: &str = r#"
[listen]
mirror = "127.0.0.1:0"
admin = "127.0.0.1:0"
[budget]
misses_per_second = 0
[[team]]
name = "flooding"
networks = ["127.0.0.2/32"]
[[team]]
name = "quiet"
networks = ["127.0.0.3/32"]
guaranteed = 400
"#;

/// A process that ends with this one.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (mut seconds, mut rounds) = (60, 3);
    while let (Some(name), Some(value)) = (arguments.next(), arguments.next()) {
        match name.as_str() {
            "--seconds" => seconds = value.parse()?,
            "--rounds" => rounds = value.parse()?,
            _ => return Err(format!("no such flag: {name}").into()),
        }
    }
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(seconds, rounds))
}

async fn run(seconds: u64, rounds: u32) -> Result<()> {
    println!("quiet: {HITS_PER_SECOND} hits a second; flooding: {FLOOD_PER_SECOND} distinct questions a second; {seconds} s each\n");
    println!("{:<8} {:>12} {:>12} {:>12} {:>12} {:>12} {:>12}", "round", "alone p50", "p99", "flooded p50", "p99", "p99 ratio", "refused");
    let mut ratios = Vec::new();
    for round in 1..=rounds {
        let directory = tempfile::tempdir()?;
        let (_portal, portal) = start(&["simulate", "--listen", "127.0.0.1:0", "--delay", "30ms"], "portal http://")?;
        let file = directory.path().join("preau.toml");
        std::fs::write(&file, CONFIGURATION)?;
        let (file, data) = (file.to_string_lossy().into_owned(), directory.path().join("data").to_string_lossy().into_owned());
        let portal = format!("box=http://{portal}");
        let serve = ["serve", "--config", &file, "--data", &data, "--portal", &portal];
        let (_server, mirror) = start(&serve, "mirror")?;
        for number in 0..STORED {
            let mut client = Client::new(mirror, QUIET).await?;
            client.get(&format!("{RECORDS}?limit=1&offset={number}")).await?;
        }
        let alone = hits(mirror, seconds).await?;
        let flood = tokio::spawn(flood(mirror, seconds));
        let flooded = hits(mirror, seconds).await?;
        let refused = flood.await??;
        let ratio = percentile(&flooded, 99) / percentile(&alone, 99);
        ratios.push(ratio);
        println!(
            "{round:<8} {:>9.0} µs {:>9.0} µs {:>9.0} µs {:>9.0} µs {ratio:>12.2} {refused:>12}",
            percentile(&alone, 50),
            percentile(&alone, 99),
            percentile(&flooded, 50),
            percentile(&flooded, 99),
        );
        whole(mirror).await?;
    }
    ratios.sort_by(f64::total_cmp);
    println!(
        "\nmedian of the p99 ratios: {:.2}; the quiet team's {GUARANTEED} guaranteed calls were all made after each flood",
        ratios[ratios.len() / 2]
    );
    Ok(())
}

/// Starts the préau that was built beside this program, and reads its address off the line that `name` begins.
fn start(arguments: &[&str], name: &str) -> Result<(Running, SocketAddr)> {
    let built = std::env::current_exe()?.ancestors().nth(2).ok_or("this program has no directory")?.join("preau");
    let mut child = Command::new(&built).args(arguments).env_clear().stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let out = child.stdout.take().ok_or("no output")?;
    let child = Running(child);
    for line in BufReader::new(out).lines() {
        let line = line?;
        if let Some(rest) = line.trim().strip_prefix(name) {
            let rest = rest.trim().trim_start_matches("http://");
            return Ok((child, rest.split_whitespace().next().unwrap_or_default().parse()?));
        }
    }
    Err(format!("{} {arguments:?} did not start", built.display()).into())
}

/// A client on a connection of its own.
struct Client {
    sender: SendRequest<Empty<Bytes>>,
    host: String,
}

impl Client {
    async fn new(mirror: SocketAddr, address: Ipv4Addr) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((address, 0)))?;
        let stream = socket.connect(mirror).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender, host: mirror.to_string() })
    }

    async fn get(&mut self, target: &str) -> Result<(StatusCode, bool)> {
        self.sender.ready().await?;
        let request = Request::get(target).header(HOST, &self.host).body(Empty::new())?;
        let (head, body) = self.sender.send_request(request).await?.into_parts();
        body.collect().await?;
        let hit = head.headers.get("cache-status").is_some_and(|status| status.as_bytes().starts_with(b"preau; hit"));
        Ok((head.status, hit))
    }
}

/// The latencies of hits at an even rate, in microseconds, in order; from when each was due, so that a stall counts for all it delays.
async fn hits(mirror: SocketAddr, seconds: u64) -> Result<Vec<f64>> {
    let mut clients = JoinSet::new();
    let start = Instant::now() + Duration::from_millis(100);
    for number in 0..CONNECTIONS {
        clients.spawn(async move {
            let mut client = Client::new(mirror, QUIET).await?;
            let every = Duration::from_micros(1_000_000 * CONNECTIONS / HITS_PER_SECOND);
            let mut times = interval_at(start + every * number as u32 / CONNECTIONS as u32, every);
            times.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut latencies = Vec::new();
            for n in 0..seconds * HITS_PER_SECOND / CONNECTIONS {
                let due = times.tick().await;
                let (_, hit) = client.get(&format!("{RECORDS}?limit=1&offset={}", (n + number) % STORED)).await?;
                if !hit {
                    return Err("an answer of the quiet team was no hit".into());
                }
                latencies.push(due.elapsed().as_secs_f64() * 1e6);
            }
            Ok::<_, Box<dyn Error + Send + Sync>>(latencies)
        });
    }
    let mut latencies = Vec::new();
    while let Some(of_one) = clients.join_next().await {
        latencies.extend(of_one??);
    }
    latencies.sort_by(f64::total_cmp);
    Ok(latencies)
}

/// Asks distinct questions at an even rate. Returns how many were refused.
async fn flood(mirror: SocketAddr, seconds: u64) -> Result<u64> {
    let (next, refused) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut clients = JoinSet::new();
    let start = Instant::now() + Duration::from_millis(100);
    // As many more connections as wait for calls that the portal takes its time over.
    for number in 0..CONNECTIONS * 16 {
        let (next, refused) = (Arc::clone(&next), Arc::clone(&refused));
        clients.spawn(async move {
            let mut client = Client::new(mirror, FLOODING).await?;
            let every = Duration::from_micros(1_000_000 * CONNECTIONS * 16 / FLOOD_PER_SECOND);
            let mut times = interval_at(start + every * number as u32 / (CONNECTIONS as u32 * 16), every);
            times.set_missed_tick_behavior(MissedTickBehavior::Burst);
            while next.fetch_add(1, Ordering::Relaxed) < seconds * FLOOD_PER_SECOND {
                times.tick().await;
                let question = next.load(Ordering::Relaxed);
                let (status, _) = client.get(&format!("{RECORDS}?limit=1&where=flood%3D{question}_{number}")).await?;
                if status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE {
                    refused.fetch_add(1, Ordering::Relaxed);
                }
            }
            Ok::<_, Box<dyn Error + Send + Sync>>(())
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended??;
    }
    Ok(refused.load(Ordering::Relaxed))
}

/// Makes all of the quiet team's guaranteed calls that are left.
async fn whole(mirror: SocketAddr) -> Result<()> {
    let mut client = Client::new(mirror, QUIET).await?;
    for number in 0..GUARANTEED - STORED {
        let (status, _) = client.get(&format!("{RECORDS}?limit=1&offset={}", 100 + number)).await?;
        if status != StatusCode::OK {
            return Err(format!("call {number} of the quiet team's guarantee was answered {status}").into());
        }
    }
    Ok(())
}

fn percentile(sorted: &[f64], percent: usize) -> f64 {
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}
