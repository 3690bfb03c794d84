//! A key of ours is in the request that carries it and nowhere else.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use preau::simulator::{self, Settings};

use super::http;
use super::office::basic;
use super::roof::DIRECTORY;
use super::served::Served;

/// `preau key new`: the key, and the lines for the file.
fn new_key(team: &str) -> (String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_preau")).args(["key", "new", team]).env_clear().output().expect("the binary runs");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    let (key, rest) = text.split_once('\n').expect("the key has a line of its own");
    assert!(!rest.contains(key));
    (key.to_owned(), rest.to_owned())
}

/// All files below `directory`, with what is in them.
fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("it is there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).expect("it is ours")));
        }
    }
    found
}

fn holds(bytes: &[u8], needle: &str) -> bool {
    memchr::memmem::find(bytes, needle.as_bytes()).is_some()
}

/// Every way in which a key may come, right and wrong.
fn requests(key: &str) -> Vec<String> {
    let records = format!("{DIRECTORY}/records?limit=1");
    let basic = |name: &str| basic(name, key);
    let fields = [
        format!("X-Preau-Key: {key}"),
        format!("Authorization: {}", basic("carte")),
        format!("Authorization: {}", basic("other")),
        format!("Authorization: {}", basic("")),
        format!("X-Preau-Key: {key}x"),
        format!("X-Preau-Key: {key}\r\nX-Preau-Key: {key}"),
        format!("X-Preau-Key: {key}\r\nAuthorization: Apikey valid-0123"),
        format!("Authorization: {}\r\nAuthorization: Apikey valid-0123", basic("carte")),
        format!("Authorization: Apikey {key}x\r\nX-Preau-Key: {key}"),
        format!("Authorization: Bearer {key}"),
        format!("X-Preau-Key : {key}"),
        format!("X-Preau-Key: {key}\0"),
        format!("Connection: X-Preau-Key\r\nX-Preau-Key: {key}"),
        format!("X-Preau-Key: {key}\r\nCache-Control: no-store"),
    ];
    let targets = [
        records.as_str(),
        "/api/explore/v2.1/catalog/datasets/nothing/records",
        "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/exports/csv?limit=100",
        "/api/nothing",
        "/explore/dataset/x/",
        "/%2e%2e/x",
    ];
    let in_fields = targets.iter().flat_map(|target| fields.iter().map(move |field| ((*target).to_owned(), field.clone())));
    let in_targets = ["?k=", "&preau_key=", "/", "?apikey=", "?%61=a%26", "&where=a%3D", "#"]
        .map(|before| (format!("{}{before}{key}", records.trim_end_matches("?limit=1")), "X: y".to_owned()));
    let user = (format!("http://carte:{key}@elsewhere.example/"), "X: y".to_owned());
    in_fields
        .chain(in_targets)
        .chain([user])
        .map(|(target, field)| format!("GET {target} HTTP/1.1\r\nHost: roof\r\nConnection: close\r\n{field}\r\n\r\n"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_in_no_log_no_call_no_answer_and_no_file() {
    let (key, lines) = new_key("carte");
    let digits = key.strip_prefix("preau_").expect("it begins so");
    assert_eq!((digits.len(), new_key("carte").0 == key), (64, false));
    let portal = simulator::start(Settings::default()).await.expect("the simulator starts");
    let directory = tempfile::tempdir().expect("a directory");
    let (config, data, log) = ["preau.toml", "data", "log"].map(|name| directory.path().join(name)).into();
    let portal_table = format!("[[portal]]\nname = \"box\"\nurl = \"http://{}\"\n", portal.addr());
    std::fs::write(&config, portal_table + &lines).expect("the file is ours");
    let (config, data) = (config.display().to_string(), data.display().to_string());
    let server = Served::start_logging("trace", &log, &["--config", &config, "--data", &data]);
    let (typed, unnamed) = (basic("carte", &key), basic("", &key));
    let secrets = [digits, typed.trim_start_matches("Basic "), unnamed.trim_start_matches("Basic ")];
    let mut served = 0;
    for request in requests(&key) {
        let answer = http::raw(server.mirror, request.as_bytes(), Duration::from_secs(10)).await;
        served += u32::from(answer.starts_with(b"HTTP/1.1 200"));
        assert!(answer.starts_with(b"HTTP/1.1 "), "{request}");
        assert!(!secrets.iter().any(|secret| holds(&answer, secret)), "{request}\n{}", String::from_utf8_lossy(&answer));
    }
    assert!(served > 5, "keys are taken: {served}");
    for path in ["/api/v1/budget", "/api/v1/status", "/readyz"] {
        let told = http::get(server.admin, path).await;
        assert!(!secrets.iter().any(|secret| holds(&told.body, secret)), "{path}");
    }
    tokio::task::spawn_blocking(move || server.terminate()).await.expect("it ends");
    let seen = http::get(portal.addr(), "/_simulator/requests?last=10000").await;
    assert!(seen.json().as_array().map_or(0, Vec::len) > 3, "calls were made");
    assert!(!secrets.iter().any(|secret| holds(&seen.body, secret)), "{}", String::from_utf8_lossy(&seen.body));
    let kept = files(Path::new(&data));
    assert!(kept.iter().any(|(path, _)| path.contains("ledger")), "{:?}", kept.iter().map(|(path, _)| path).collect::<Vec<_>>());
    let written = kept.into_iter().chain([("the log".to_owned(), std::fs::read(&log).expect("it logged"))]);
    for (path, bytes) in written {
        assert!(!secrets.iter().any(|secret| holds(&bytes, secret)), "{path}");
        assert!(!path.ends_with("log") || bytes.len() > 10_000, "the log is there");
    }
}
