//! A team that floods, and what is left for the others; told by the admin API and by `preau budget explain`.

use std::process::Command;

use preau::clock::Clock;
use preau::config::PerPortal;
use preau::simulator::Settings;

use super::http::{self, Answer};
use super::office::{CARTE, add_teams};
use super::roof::{DIRECTORY, Roof};

const NOW: &str = "2026-03-02T10:00:00Z";
const QUOTA: u64 = 40;
const GUARANTEED: u32 = 15;

/// A day of forty calls at ten o'clock, fifteen of them guaranteed to `carte`.
async fn roof() -> Roof {
    let clock = Clock::manual(NOW.parse().expect("a time"));
    let roof = Roof::build(Settings { quota: QUOTA, ..Settings::default() }, clock, |config| {
        add_teams(config);
        config.teams[2].guaranteed = PerPortal { each: Some(GUARANTEED), ..PerPortal::default() };
        config.budget.looks_per_day = 0;
        config.budget.look_reserve = 0;
        config.budget.revalidation_reserve = 0;
        config.budget.misses_per_second = 0;
    })
    .await;
    roof.control(&format!("/_simulator/clock?now={NOW}")).await;
    roof
}

async fn ask(roof: &Roof, number: u32, fields: &[(&str, &str)]) -> Answer {
    http::get_with(roof.mirror(), &format!("{DIRECTORY}/records?limit=1&where=code_postal%3D%22{number:05}%22"), fields).await
}

fn explained(roof: &Roof, flags: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_preau"));
    command.args(["budget", "explain", "--admin", &roof.server.admin().to_string()]).args(flags).env_clear().env("PREAU_DATA", "/nowhere");
    let output = command.output().expect("it runs");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_by_one_team_leaves_another_its_guarantee_and_anybody_can_see_why() {
    let roof = roof().await;
    let carte = [("x-preau-key", CARTE)];
    let mut refused = 0;
    for number in 0..60 {
        let answer = ask(&roof, number, &[]).await;
        refused += u32::from(answer.status == 429);
        assert!(answer.status == 200 || answer.cache_status().contains("guaranteed-to-others"), "{answer:?}");
    }
    let look = 1;
    assert_eq!(u64::from(refused), 60 - (QUOTA - look - u64::from(GUARANTEED)));
    let words = explained(&roof, &["--team", "default"]);
    for part in [
        "box, 2026-03-02 10:00 UTC\n",
        "25 of the day's 40 calls are used: 24 by teams, 1 for looks at the catalogue, 0 for refreshes, 0 by others.\n",
        "15 of what is left is guaranteed and not spent yet; 0 is free for all: the pool.\n",
        "default (interactive): has spent 24; nothing is guaranteed to it.\n  It may spend nothing until 17:00 UTC: all that is left is guaranteed to \
         others.\n",
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
    assert!(!words.contains("carte ("), "one team alone: {words}");
    assert!(
        explained(&roof, &["--at", "2026-03-02T23:30:00Z"])
            .contains("default (interactive): has spent 24; nothing is guaranteed to it.\n  It may spend 15 now")
    );
    let names = explained(&roof, &["--team", "cartes"]);
    assert!(names.contains("no team is called") && names.contains("default, browser, carte, calendrier"), "{names}");
    assert!(explained(&roof, &["--portal", "elsewhere"]).contains("no portal is called"));

    for number in 100..100 + GUARANTEED {
        let answer = ask(&roof, number, &carte).await;
        assert_eq!((answer.status.as_u16(), answer.field("x-preau-cost")), (200, "1"), "{answer:?}");
    }
    assert!(ask(&roof, 200, &carte).await.cache_status().contains("exhausted"));
    assert_eq!(ask(&roof, 100, &[]).await.field("x-preau-cost"), "0", "hits are never refused, whoever has paid");
    let budget = http::get(roof.server.admin(), "/api/v1/budget").await.json();
    let spent: Vec<_> = budget["portals"][0]["teams"].as_array().expect("teams").iter().map(|team| team["spent"].as_u64()).collect();
    assert_eq!(spent, [Some(24), Some(0), Some(15), Some(0)]);
    assert_eq!((roof.used().await, roof.calls().await.charged), (QUOTA, QUOTA));
}
