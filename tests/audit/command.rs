//! The commands, against a server that runs.

use std::process::{Command, Output};

use preau::simulator::{self, Settings};
use serde_json::Value;

use super::http;
use super::served::Served;
use super::stage::RECORDS;

/// `preau …` against the server's admin address.
fn preau(server: &Served, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_preau"));
    command.args(arguments).args(["--admin", &server.admin.to_string()]).env_clear();
    // Settings are read for the address alone, and still have to be whole.
    command.env("PREAU_DATA", "/nowhere").output().expect("it runs")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_audits_sees_what_is_off_and_switches_it_on_again() {
    let portal = simulator::start(Settings::default()).await.expect("the simulator starts");
    let data = tempfile::tempdir().expect("a directory");
    let url = format!("box=http://{}", portal.addr());
    let server = Served::start(&["--portal", &url, "--data", data.path().to_str().expect("a path in UTF-8")]);

    let nothing = preau(&server, &["audit"]);
    assert!(nothing.status.success() && text(&nothing).starts_with("nothing: "), "{}", text(&nothing));
    assert!(text(&preau(&server, &["status"])).contains("nothing is off"));

    http::get(server.mirror, &format!("{RECORDS}?limit=7&offset=0")).await;
    let same = preau(&server, &["audit", "--json"]);
    let told: Value = serde_json::from_slice(&same.stdout).expect("JSON");
    assert!(same.status.success() && told["result"] == "same", "{told:#}");

    let lie = "/_simulator/lie?endpoint=records&rule=offset-zero";
    http::send(portal.addr(), ::http::Method::POST, lie, &[], bytes::Bytes::new()).await;
    http::get(server.mirror, &format!("{RECORDS}?limit=8&offset=0")).await;
    let caught = preau(&server, &["audit"]);
    assert!(!caught.status.success(), "a script hears of it");
    for part in ["caught: ", "limit=8\n", "limit=8&offset=0\n", "now off drop-defaults:v2.1:records\n", "calls   4\n"] {
        assert!(text(&caught).contains(part), "{part}: {}", text(&caught));
    }
    for command in [&["status"][..], &["audit", "--list"]] {
        let output = preau(&server, command);
        assert!(output.status.success() && text(&output).contains(": drop-defaults:v2.1:records\n"), "{command:?}: {}", text(&output));
    }
    let unknown = preau(&server, &["audit", "--accept", "nonsense"]);
    assert!(!unknown.status.success() && text(&unknown).contains("nothing is called"), "{}", text(&unknown));
    let accepted = preau(&server, &["audit", "--accept-all"]);
    assert_eq!(text(&accepted), "on again: drop-defaults:v2.1:records\n");
    assert!(text(&preau(&server, &["status"])).contains("nothing is off"));
    server.terminate();
    portal.stop().await;
}
