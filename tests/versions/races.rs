//! Races between a portal that moves and the server that asks it: whatever comes first, no answer is called confirmed with a version that it is
//! not of, and what has moved is noticed within the bound.

use std::collections::HashMap;
use std::time::Duration;

use preau::clock::Clock;
use preau::simulator::Settings;
use serde_json::json;

use super::catalogue::{MORNING, is_fresh};
use super::http::{self, Answer};
use super::look::BOUND;
use super::roof::{DIRECTORY, Roof};

const ID: &str = "fr-en-annuaire-education";

struct Stage {
    roof: Roof,
    clock: Clock,
}

impl Stage {
    async fn build(configure: impl FnOnce(&mut preau::config::Config)) -> Self {
        let clock = Clock::manual(MORNING.parse().expect("a time"));
        let portal = Settings { clock: clock.clone(), ..Settings::default() };
        Self { roof: Roof::build(portal, clock.clone(), configure).await, clock }
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    async fn control(&self, what: &str, more: &str) {
        self.roof.control(&format!("/_simulator/{what}?dataset={ID}{more}")).await;
    }

    /// Asks for records from `offset` on.
    async fn page(&self, offset: usize) -> Answer {
        let answer = self.roof.get(&page(offset)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer
    }

    /// What the portal itself says now.
    async fn truth(&self, offset: usize) -> Vec<u8> {
        self.roof.ask_portal(&page(offset)).await.body.to_vec()
    }

    /// The first page, confirmed; what is asked while a version settles is not.
    async fn confirmed(&self) -> Answer {
        for _ in 0..12 {
            let answer = self.page(0).await;
            if confirmed(&answer).is_some() {
                return answer;
            }
            self.pass(BOUND);
        }
        panic!("it is never confirmed");
    }
}

fn page(offset: usize) -> String {
    format!("{DIRECTORY}/records?limit=3&offset={offset}")
}

fn version(answer: &Answer) -> &str {
    let stated = answer.field("x-preau-dataset-version");
    assert!(!stated.is_empty(), "{answer:?}");
    stated.trim_end_matches("; unconfirmed")
}

/// The version, if it is confirmed.
fn confirmed(answer: &Answer) -> Option<&str> {
    (answer.field("x-preau-dataset-version") == version(answer)).then(|| version(answer))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_that_moves_before_a_page_is_fetched_is_told_within_the_bound() {
    let stage = Stage::build(|_| {}).await;
    let before = stage.confirmed().await;
    stage.control("touch", "").await;
    assert_eq!(stage.page(0).await.body, before.body, "nobody can know yet");
    stage.pass(BOUND);
    let then = stage.page(0).await;
    assert_eq!(then.body, stage.truth(0).await);
    assert_ne!(version(&then), version(&before));
    assert_eq!(confirmed(&then), None, "the version may not have settled");
    let settled = stage.confirmed().await;
    assert_eq!((settled.body.to_vec(), version(&settled)), (stage.truth(0).await, version(&then)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_that_moves_while_a_page_is_fetched_never_confirms_it() {
    let stage = Stage::build(|_| {}).await;
    stage.page(3).await;
    let before = stage.roof.calls().await.received;
    stage.roof.fault("records", "delay", Some(1), json!({"ms": 400})).await;
    let (mirror, target) = (stage.roof.mirror(), page(0));
    let asking = tokio::spawn(async move { http::get(mirror, &target).await });
    while stage.roof.calls().await.received == before {
        tokio::task::yield_now().await;
    }
    stage.control("touch", "").await;
    let during = asking.await.expect("it is answered");
    assert_eq!((during.status.as_u16(), confirmed(&during)), (200, None));
    stage.pass(BOUND);
    let then = stage.page(0).await;
    assert_eq!(then.body, stage.truth(0).await);
    assert_ne!(version(&then), version(&during));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_that_moves_after_a_page_was_fetched_never_confirms_it() {
    let stage = Stage::build(|_| {}).await;
    let first = stage.page(0).await;
    stage.control("touch", "").await;
    for _ in 0..2 {
        stage.pass(100);
        let again = stage.page(0).await;
        assert!(is_fresh(&again) && again.body == first.body && confirmed(&again).is_none(), "{again:?}");
    }
    stage.pass(BOUND);
    let then = stage.page(0).await;
    assert_eq!(then.body, stage.truth(0).await);
    assert_ne!(version(&then), version(&first));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_stated_before_it_answers_is_confirmed_with_its_own_rows_only() {
    // For less than a version settles, and for longer.
    for late in [60, 500] {
        let stage = Stage::build(|_| {}).await;
        let old = stage.confirmed().await;
        stage.pass(BOUND);
        stage.control("touch", "&late=rows&until=release").await;
        let stated = stage.page(0).await;
        assert_ne!(version(&stated), version(&old), "{late}");
        assert_eq!(stated.body, old.body, "{late}: the portal is late");
        let mut waited = 0;
        while waited < late {
            stage.pass(20);
            waited += 20;
            assert_eq!(confirmed(&stage.page(0).await), None, "{late}: after {waited} s");
        }
        stage.control("release", "").await;
        let new = stage.confirmed().await;
        assert_eq!((new.body.to_vec(), version(&new)), (stage.truth(0).await, version(&stated)), "{late}");
        assert_ne!(new.body, old.body, "{late}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_hard_to_believe_is_adopted_after_three_looks_and_unconfirmed_until_then() {
    for says in ["&data_processed=2099-01-01T00:00:00Z", "&data_processed=2001-01-01T00:00:00Z", "&data_processed=null", "&duplicate=1"] {
        let stage = Stage::build(|_| {}).await;
        let before = stage.confirmed().await;
        stage.control("version", says).await;
        for look in 1..=2 {
            stage.pass(BOUND);
            let answer = stage.page(0).await;
            assert_eq!((is_fresh(&answer), confirmed(&answer)), (true, None), "{says}: look {look}: {answer:?}");
            assert_eq!(version(&answer), version(&before), "{says}: look {look}");
            assert_eq!(answer.field("last-modified"), "", "{says}: look {look}");
        }
        stage.pass(BOUND);
        let answer = stage.page(0).await;
        assert_ne!(version(&answer), version(&before), "{says}");
        assert_eq!((answer.body.to_vec(), confirmed(&answer)), (stage.truth(0).await, None), "{says}");
        let settled = stage.confirmed().await;
        assert_eq!(version(&settled), version(&answer), "{says}");
        assert_eq!(settled.field("last-modified").is_empty(), !says.contains("2001"), "{says}: {settled:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalogue_that_shrinks_to_nothing_is_not_believed_and_answers_go_on_labelled() {
    let stage = Stage::build(|_| {}).await;
    let before = stage.confirmed().await;
    stage.roof.control("/_simulator/shrink?keep=0").await;
    for _ in 0..8 {
        stage.pass(BOUND);
        let answer = stage.page(0).await;
        assert!(answer.cache_status().ends_with("detail=version-unchecked"), "{}", answer.cache_status());
        assert_eq!((&answer.body, answer.field("x-preau-cost"), confirmed(&answer)), (&before.body, "0", None));
    }
    stage.roof.control("/_simulator/shrink?keep=all").await;
    stage.pass(16 * 60);
    let after = stage.page(0).await;
    assert_eq!((is_fresh(&after), confirmed(&after)), (true, confirmed(&before)));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_pages_of_a_walk_on_either_side_of_a_change_never_both_say_the_same_confirmed_version() {
    for late in ["", "&late=rows&until=release"] {
        for between in [1, 40, BOUND] {
            let stage = Stage::build(|_| {}).await;
            let mut truths = HashMap::new();
            let old = [stage.truth(0).await, stage.truth(3).await];
            let first = stage.page(0).await;
            truths.insert(version(&first).to_owned(), old.clone());
            stage.control("touch", late).await;
            stage.pass(between);
            stage.page(3).await;
            if !late.is_empty() {
                stage.pass(50);
                stage.page(3).await;
                stage.control("release", "").await;
            }
            let new = [stage.truth(0).await, stage.truth(3).await];
            assert!(new[0] != old[0] && new[1] != old[1], "rows come in front");
            let mut said = 0;
            for _ in 0..25 {
                for (page, offset) in [0, 3].into_iter().enumerate() {
                    let answer = stage.page(offset).await;
                    let Some(stated) = confirmed(&answer) else { continue };
                    let truth = truths.entry(stated.to_owned()).or_insert_with(|| new.clone());
                    assert_eq!(answer.body, truth[page], "{late} {between}: page {page} as of {stated}");
                    said += 1;
                }
                stage.pass(103);
            }
            assert_eq!(truths.len(), 2, "{late} {between}: the new version was confirmed");
            assert!(said > 10, "{late} {between}: {said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_that_is_withdrawn_has_no_stale_answers() {
    for status in [401, 403, 404, 410] {
        let stage = Stage::build(|_| {}).await;
        stage.page(0).await;
        stage.page(3).await;
        stage.control("touch", "").await;
        stage.control("hide", &format!("&listed=1&status={status}")).await;
        stage.pass(BOUND);
        assert_eq!(stage.roof.get(&page(0)).await.status, status, "the answer that was stale is withdrawn");
        stage.roof.fault("records", "status", None, json!({"code": 503})).await;
        for offset in [0, 3] {
            let answer = stage.roof.get(&page(offset)).await;
            assert_ne!(answer.status, 200, "{status}: {offset}: {answer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_dataset_that_is_not_found_costs_one_call() {
    let stage = Stage::build(|_| {}).await;
    stage.control("hide", "&listed=1&status=404").await;
    assert_eq!(stage.roof.get(&page(0)).await.field("x-preau-cost"), "1");
    stage.pass(10);
    let again = stage.roof.get(&page(0)).await;
    assert_eq!((again.status.as_u16(), again.field("x-preau-cost")), (404, "0"), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_that_moves_costs_questions_about_others_nothing_and_metadata_move_with_metadata() {
    let stage = Stage::build(|_| {}).await;
    let listed = stage.roof.ask_portal("/api/explore/v2.1/catalog/datasets?select=dataset_id&limit=5").await.json();
    let others = listed["results"].as_array().expect("a list").iter().map(|entry| entry["dataset_id"].as_str().expect("an id"));
    let other = others.into_iter().find(|id| *id != ID).expect("another one");
    let other = format!("/api/explore/v2.1/catalog/datasets/{other}/records?limit=3");
    stage.roof.get(&other).await;
    let [records, metadata] = [stage.page(0).await, stage.roof.get(DIRECTORY).await];
    stage.pass(200);
    stage.control("touch", "&what=metadata").await;
    stage.pass(BOUND);
    let then = stage.roof.get(DIRECTORY).await;
    assert_ne!(version(&then), version(&metadata));
    assert_eq!(version(&stage.page(0).await), version(&records), "its records have not moved");
    stage.control("touch", "").await;
    stage.pass(BOUND);
    assert_ne!(version(&stage.page(0).await), version(&records));
    let answer = stage.roof.get(&other).await;
    assert!(is_fresh(&answer) && answer.field("x-preau-cost") == "0", "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_passed_on_while_it_arrives_is_fresh_by_version_too() {
    let stage = Stage::build(|config| config.cache.buffer_limit = std::num::NonZeroUsize::new(1000).expect("it is not zero")).await;
    let target = format!("{DIRECTORY}/exports/csv?limit=200");
    // A large body is kept only by a disk store that is open already, which it is once it holds something.
    stage.roof.get(&format!("{DIRECTORY}/records?limit=1&select=identifiant_de_l_etablissement")).await;
    let mut held = 0;
    while held == 0 {
        held = http::get(stage.roof.server.admin(), "/api/v1/store").await.json()["usage"]["entries"].as_u64().expect("a number");
        tokio::task::yield_now().await;
    }
    let first = stage.roof.get(&target).await;
    assert!(first.body.len() > 1000 && confirmed(&first).is_none(), "{:?}", first.fields);
    let old = version(&first).to_owned();
    stage.pass(BOUND);
    let then = http::hit(stage.roof.mirror(), &target, &[]).await;
    assert_eq!((&then.body, confirmed(&then)), (&first.body, Some(old.as_str())));
    stage.control("touch", "").await;
    stage.pass(BOUND);
    let moved = stage.roof.get(&target).await;
    assert_ne!((version(&moved), &moved.body), (old.as_str(), &first.body));
    assert_eq!(confirmed(&moved), None);
}
