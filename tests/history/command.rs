//! `preau budget report`, against a server that runs.

use std::process::{Command, Output};

use preau::simulator::{self, Settings};

use super::http;
use super::served::Served;
use super::stage::RECORDS;

/// `preau budget …` against the server's admin address.
fn preau(server: &Served, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_preau"));
    command.arg("budget").args(arguments).args(["--admin", &server.admin.to_string()]).env_clear();
    command.env("PREAU_DATA", "/nowhere").output().expect("it runs")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_told_to_people_to_spreadsheets_and_to_programs() {
    let portal = simulator::start(Settings::default()).await.expect("the simulator starts");
    let data = tempfile::tempdir().expect("a directory");
    let url = format!("box=http://{}", portal.addr());
    let server = Served::start(&["--portal", &url, "--data", data.path().to_str().expect("a path in UTF-8")]);
    let empty = preau(&server, &["report"]);
    assert!(text(&empty).contains(": nothing was asked\n"), "{}", text(&empty));

    for n in 0..12 {
        http::get(server.mirror, &format!("{RECORDS}?limit=1&where=identifiant_de_l_etablissement%3D%22{}%22", n * 1_037)).await;
    }
    http::get(server.mirror, "/api/records/1.0/search/?dataset=%3DHYPERLINK(1)%2Cx").await;
    let people = text(&preau(&server, &["report"]));
    for part in [
        "default at box",
        "(looks) at box",
        "total",
        "records of fr-en-annuaire-education",
        "one call per item, 12 calls",
        "  instead  /api/",
    ] {
        assert!(people.contains(part), "{part}: {people}");
    }
    let csv = text(&preau(&server, &["report", "--csv", "--team", "default"]));
    assert!(csv.starts_with("hour,portal,team,family,dataset,requests,hits,stale,refused,calls,bytes\r\n"), "{csv}");
    assert!(csv.contains(",box,default,records,\"'=HYPERLINK(1),x\",1,0,0,0,1,"), "{csv}");
    assert!(!csv.contains("(looks)"));
    let json = preau(&server, &["report", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    let received = http::get(portal.addr(), "/_simulator/calls").await.json()["received"].clone();
    assert_eq!(json["total"]["calls"], received);
    let wrong = preau(&server, &["report", "--day", "monday"]);
    assert!(!wrong.status.success() && text(&wrong).contains("write the day as 2026-03-02"), "{}", text(&wrong));
    assert!(text(&preau(&server, &[])).starts_with("portal "), "without a word it is what is left");
    server.terminate();
    portal.stop().await;
}
