//! When the catalogue is looked at, in which way, and what becomes of answers while it cannot be.

use std::io::Write;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::catalogue::{Asked, Observed, RECORDS, Says, ask, is_fresh, settled};
use super::http::{self, PATIENCE};

/// A second more than a look is relied on.
pub const BOUND: u64 = 301;

pub const LOOK: Asked = Asked { exports: 1, pages: 0, questions: 0 };
const QUESTION: Asked = Asked { exports: 0, pages: 0, questions: 1 };

/// Waits until `so`.
async fn until(so: impl Fn() -> bool) {
    let waiting = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_askers_share_one_look() {
    let observed = Observed::with(3).await;
    let (server, _data) = settled(&observed).await;
    for _ in 0..3 {
        observed.pass(BOUND);
        observed.doing().delay = Duration::from_millis(100);
        let before = observed.asked();
        let mut askers = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let to = server.mirror();
            askers.spawn(async move { http::get(to, RECORDS).await });
        }
        for answer in askers.join_all().await {
            assert!(is_fresh(&answer), "{}", answer.cache_status());
            assert_eq!(answer.field("x-preau-cost"), "0");
        }
        assert_eq!(observed.asked() - before, LOOK);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_asks_and_nobody_looks() {
    let observed = Observed::with(3).await;
    let (server, _data) = settled(&observed).await;
    let before = observed.asked();
    observed.pass(6 * 3600);
    assert_eq!(observed.asked(), before);
    assert!(is_fresh(&ask(&server).await));
    assert_eq!(observed.asked() - before, LOOK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_does_not_end_the_look() {
    let observed = Observed::with(3).await;
    let (server, _data) = settled(&observed).await;
    observed.pass(BOUND);
    observed.doing().delay = Duration::from_millis(200);
    let before = observed.asked();
    let mut client = TcpStream::connect(server.mirror()).await.expect("it listens");
    client.write_all(format!("GET {RECORDS} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.expect("it reads");
    until(|| observed.asked() - before == LOOK).await;
    drop(client);
    assert!(is_fresh(&ask(&server).await));
    assert_eq!(observed.asked() - before, LOOK, "the look that was under way brought it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_hangs_keeps_nobody_longer_than_patience_and_none_is_made_beside_it() {
    let observed = Observed::with(3).await;
    let (server, _data) = settled(&observed).await;
    observed.pass(BOUND);
    observed.doing().export = Says::Nothing;
    let before = observed.asked();
    for _ in 0..3 {
        let answer = ask(&server).await;
        assert!(answer.cache_status().ends_with("detail=version-unchecked"), "{}", answer.cache_status());
        observed.pass(3600);
    }
    assert_eq!(observed.asked() - before, LOOK);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_without_catalogue_has_a_dozen_looks_and_ends_with_two_at_most() {
    let observed = Observed::with(3).await;
    let (server, _data) = settled(&observed).await;
    observed.pass(BOUND);
    observed.doing().export = Says::Status(503);
    let before = observed.asked();
    for _ in 0..240 {
        let answer = ask(&server).await;
        assert!(answer.cache_status().ends_with("detail=version-unchecked"), "{}", answer.cache_status());
        assert_eq!(answer.field("x-preau-cost"), "0");
        observed.pass(15);
    }
    let in_the_hour = observed.asked() - before;
    assert!((4..=12).contains(&in_the_hour.exports), "{in_the_hour:?}");
    assert_eq!((in_the_hour.pages, in_the_hour.questions), (0, 0));

    observed.doing().export = Says::Right;
    let before = observed.asked();
    for _ in 0..60 {
        ask(&server).await;
        observed.pass(1);
    }
    assert!((observed.asked() - before).exports <= 2);
    // The longest that it waits with the next look.
    observed.pass(900);
    assert!(is_fresh(&ask(&server).await));
    assert_eq!((observed.asked() - before).questions, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_not_the_whole_catalogue_changes_nothing() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(b"[{\"dataset_id\": \"d-0000\"}]").expect("memory");
    let broken = [
        Says::Cut,
        Says::Body(b"".to_vec()),
        Says::Body(b"<!DOCTYPE html><html></html>".to_vec()),
        Says::Body(b"[{\"dataset_id\": \"d-0000\", \"data_processed\": NaN}]".to_vec()),
        Says::Body(b"[{\"dataset_id\": \"d-0000\"}".to_vec()),
        // The coding is not stated.
        Says::Body(gzip.finish().expect("memory")),
        Says::Status(500),
        Says::Status(429),
        Says::Status(302),
        Says::Status(204),
    ];
    for says in broken {
        let observed = Observed::with(3).await;
        let (server, _data) = settled(&observed).await;
        observed.pass(BOUND);
        observed.doing().export = says.clone();
        let before = observed.asked();
        let answer = ask(&server).await;
        assert!(answer.cache_status().ends_with("detail=version-unchecked"), "{says:?}: {}", answer.cache_status());
        ask(&server).await;
        assert_eq!(observed.asked() - before, LOOK, "{says:?}: it is not asked again at once, nor in another way");
        observed.doing().export = Says::Right;
        observed.pass(62);
        assert!(is_fresh(&ask(&server).await), "{says:?}");
        assert_eq!((observed.asked() - before).questions, 0, "{says:?}: what was known has stayed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalogue_that_loses_everything_or_half_is_an_accident() {
    for left in [0, 4] {
        let observed = Observed::with(10).await;
        let (server, _data) = settled(&observed).await;
        let all = observed.doing().datasets.clone();
        observed.doing().datasets.drain(..all.len() - left);
        observed.pass(BOUND);
        let before = observed.asked();
        let answer = ask(&server).await;
        assert!(answer.cache_status().ends_with("detail=version-unchecked"), "{left}: {}", answer.cache_status());
        ask(&server).await;
        assert_eq!(observed.asked() - before, LOOK, "{left}: it counts as failed");
        observed.doing().datasets = all;
        observed.pass(62);
        assert!(is_fresh(&ask(&server).await), "{left}");
        assert_eq!((observed.asked() - before).questions, 0, "{left}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_of_looks_fits_its_allowance_and_nothing_is_left_unchecked() {
    let observed = Observed::with(3).await;
    let data = tempfile::tempdir().expect("a directory");
    let server = observed.serve(data.path(), |config| config.budget.looks_per_day = 6).await;
    ask(&server).await;
    // Until shortly before midnight.
    for _ in 0..(18 * 20 - 2) {
        observed.pass(180);
        let answer = ask(&server).await;
        assert!(is_fresh(&answer), "{}: {}", observed.clock.now(), answer.cache_status());
    }
    assert_eq!(observed.asked(), Asked { exports: 6, pages: 0, questions: 1 });
    // The next day has its own.
    observed.pass(3600);
    assert!(is_fresh(&ask(&server).await));
    assert_eq!(observed.asked().exports, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn looks_that_fail_are_charged_to_the_allowance() {
    let observed = Observed::with(3).await;
    let data = tempfile::tempdir().expect("a directory");
    let server = observed.serve(data.path(), |config| config.budget.looks_per_day = 4).await;
    ask(&server).await;
    observed.doing().export = Says::Status(503);
    observed.pass(18 * 3600 / 4 + 1);
    for _ in 0..60 {
        ask(&server).await;
        observed.pass(60);
    }
    assert_eq!(observed.asked().exports, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_allowance_lifetimes_decide_and_only_the_budget_looks() {
    let observed = Observed::with(3).await;
    let data = tempfile::tempdir().expect("a directory");
    let server = observed.serve(data.path(), |config| config.budget.looks_per_day = 0).await;
    ask(&server).await;
    assert_eq!(observed.asked(), Asked { exports: 1, pages: 0, questions: 1 }, "the day had to be learnt");
    for _ in 0..5 {
        observed.pass(590);
        assert!(is_fresh(&ask(&server).await));
        observed.pass(20);
        assert_eq!(ask(&server).await.field("x-preau-cost"), "1");
    }
    assert_eq!(observed.asked(), Asked { exports: 1, pages: 0, questions: 6 });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_costs_one_look_and_not_what_is_stored() {
    let observed = Observed::with(3).await;
    let (server, data) = settled(&observed).await;
    server.stop().await;
    for away in [10, 7200] {
        observed.pass(away);
        let before = observed.asked();
        let server = observed.serve(data.path(), |_| {}).await;
        let answer = ask(&server).await;
        assert!(is_fresh(&answer), "{}", answer.cache_status());
        assert_eq!(observed.asked() - before, LOOK);
        server.stop().await;
    }
    // A move that nobody saw is seen.
    observed.doing().touch("2026-03-02T08:00:00+00:00");
    observed.pass(60);
    let before = observed.asked();
    let server = observed.serve(data.path(), |_| {}).await;
    let answer = ask(&server).await;
    assert!(String::from_utf8_lossy(&answer.body).contains("2026-03-02T08:00:00"), "{answer:?}");
    assert_eq!(observed.asked() - before, Asked { exports: 1, pages: 0, questions: 1 });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_cannot_be_read_is_learnt_anew() {
    let observed = Observed::with(3).await;
    let (server, data) = settled(&observed).await;
    server.stop().await;
    let table = data.path().join("versions").join("box.json");
    let mut bytes = std::fs::read(&table).expect("it was written");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x20;
    std::fs::write(&table, &bytes).expect("it can be written");
    let before = observed.asked();
    let server = observed.serve(data.path(), |_| {}).await;
    assert!(is_fresh(&ask(&server).await), "the answer carries its own version");
    assert_eq!(observed.asked() - before, LOOK);
    assert_eq!(std::fs::read(table.with_extension("json.bad")).expect("it was set aside"), bytes);
    server.stop().await;
    assert!(table.exists(), "what was learnt is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_a_dataset_that_moved_is_fetched_anew_within_the_bound() {
    let observed = Observed::with(3).await;
    let (server, _data) = settled(&observed).await;
    observed.pass(600);
    ask(&server).await;
    observed.doing().touch("2026-03-02T06:10:00+00:00");
    observed.pass(BOUND);
    let before = observed.asked();
    let answer = ask(&server).await;
    assert!(String::from_utf8_lossy(&answer.body).contains("2026-03-02T06:10:00"), "{answer:?}");
    assert_eq!(observed.asked() - before, Asked { exports: 1, ..QUESTION });
}
