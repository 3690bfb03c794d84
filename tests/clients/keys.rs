//! Which programs can carry a key of préau, and in which way: what the table of the README says.
//!
//! A way carries a key if the right one is answered and a wrong one is not. Where both are, the program has kept it to itself until it is asked,
//! which nobody does who answers without one.

use std::collections::BTreeMap;
use std::path::Path;

use preau::clock::Clock;
use preau::config::{KeyHash, Team};
use preau::simulator::Settings;

use crate::program;
use crate::roof::{DIRECTORY, Roof};

const KEY: &str = "preau_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// What became of a key that was sent in some way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    /// It arrived.
    Carried,
    /// The program asked without it.
    KeptBack,
    /// The program cannot ask at all.
    Impossible,
}

impl Sent {
    fn of(right: bool, wrong: bool) -> Self {
        match (right, wrong) {
            (true, false) => Self::Carried,
            (true, true) => Self::KeptBack,
            (false, _) => Self::Impossible,
        }
    }
}

use Sent::{Carried, Impossible, KeptBack};

/// A mirror that knows the key as that of `team`.
fn mirror() -> (tokio::runtime::Runtime, Roof) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let roof = runtime.block_on(Roof::build(Settings::default(), Clock::system(), |config| {
        let keys = vec![KeyHash::of(KEY.as_bytes())];
        config.teams.push(Team { name: "team".to_owned(), keys, ..config.teams[0].clone() });
    }));
    (runtime, roof)
}

/// What a script tells of its ways.
fn told(program: &Path, script: &str, more: &[&Path]) -> BTreeMap<String, Sent> {
    let (_runtime, roof) = mirror();
    let home = tempfile::tempdir().expect("a directory");
    let mut command = program::command(program, home.path());
    let output = command.arg(program::scripts().join(script)).arg(roof.mirror().to_string()).arg(KEY).args(more).output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    let line = |line: &str| {
        let told: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{script}: {error}: {line}"));
        let is = |name: &str| told[name].as_bool().expect("yes or no");
        (told["way"].as_str().expect("a name").to_owned(), Sent::of(is("right"), is("wrong")))
    };
    text.lines().map(line).collect()
}

fn expected<const N: usize>(ways: [(&str, Sent); N]) -> BTreeMap<String, Sent> {
    ways.into_iter().map(|(way, sent)| (way.to_owned(), sent)).collect()
}

pub fn curl_carries_keys() {
    let (_runtime, roof) = mirror();
    let home = tempfile::tempdir().expect("a directory");
    let host = roof.mirror().to_string();
    let answered = |arguments: &[String]| {
        let mut command = program::command("curl", home.path());
        command.args(["--disable", "--silent", "--fail", "--max-time", "60", "--noproxy", "*", "--output"]).arg(home.path().join("body"));
        command.args(arguments).status().expect("curl runs").success()
    };
    let target = format!("{DIRECTORY}/records?limit=1");
    let wrong = KEY.replace("cdef0", "cdee0");
    for way in [
        |host: &str, target: &str, key: &str| vec![format!("http://team:{key}@{host}{target}")],
        |host: &str, target: &str, key: &str| vec!["--user".to_owned(), format!("team:{key}"), format!("http://{host}{target}")],
        |host: &str, target: &str, key: &str| vec!["--header".to_owned(), format!("X-Preau-Key: {key}"), format!("http://{host}{target}")],
    ] {
        let sent = Sent::of(answered(&way(&host, &target, KEY)), answered(&way(&host, &target, &wrong)));
        assert_eq!(sent, Carried, "{:?}", way(&host, &target, "…"));
    }
}

pub fn pythons_programs_carry_keys(python: &Path) {
    assert_eq!(
        told(python, "with_keys.py", &[]),
        expected([
            ("requests: address", Carried),
            ("requests: auth", Carried),
            ("requests: field", Carried),
            ("urllib: address", Impossible),
            ("urllib: field", Carried),
            ("urllib: basic field", Carried),
            ("urllib: handler", KeptBack),
            ("urllib: prior handler", Carried),
            ("pandas: address", Impossible),
            ("pandas: field", Carried),
            ("DuckDB: address", Carried),
            ("DuckDB: secret", Carried),
        ])
    );
}

pub fn javascript_carries_keys(installed: &Path) {
    assert_eq!(
        told(Path::new("node"), "with_keys.mjs", &[installed]),
        expected([
            ("fetch: address", Impossible),
            ("fetch: field", Carried),
            ("fetch: basic field", Carried),
            ("api-client: field", Carried),
        ])
    );
}
