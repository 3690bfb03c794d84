//! Purging by what entries are about, in the queue and on disk.

use super::*;

fn about(portal: &str, dataset: Option<&str>, family: &'static str, target: &str) -> About {
    About { portal: portal.to_owned(), dataset: dataset.map(str::to_owned), family, target: target.to_owned() }
}

/// Entries named by what they are about.
fn fill(store: &DiskStore) {
    for (name, about) in [
        ("a1", about("p", Some("a"), "records", "/a?1")),
        ("a1-fr", about("p", Some("a"), "records", "/a?1")),
        ("a2", about("p", Some("a"), "export", "/a?2")),
        ("b1", about("p", Some("b"), "records", "/b?1")),
        ("none", about("p", None, "catalog", "/c")),
        ("elsewhere", about("q", Some("a"), "records", "/a?1")),
    ] {
        let len = if name == "a2" { 100_000 } else { 500 };
        store.put(key_of(name), Entry { about, ..entry(name, len) });
    }
}

const NAMES: [&str; 6] = ["a1", "a1-fr", "a2", "b1", "none", "elsewhere"];

/// Which entries are there, and which of these are purged.
async fn state(store: &DiskStore) -> (Vec<&'static str>, Vec<&'static str>) {
    let (mut there, mut purged) = (Vec::new(), Vec::new());
    for name in NAMES {
        if let Some(found) = store.get(&key_of(name)).await {
            there.push(name);
            purged.extend(found.purged.then_some(name));
        }
    }
    (there, purged)
}

fn kinds() -> [(Which, Vec<&'static str>); 8] {
    let p = || "p".to_owned();
    [
        (Which::Url { portal: p(), target: "/a?1".to_owned() }, vec!["a1", "a1-fr"]),
        (Which::Url { portal: p(), target: "/a".to_owned() }, vec![]),
        (Which::Dataset { portal: p(), id: "a".to_owned() }, vec!["a1", "a1-fr", "a2"]),
        (Which::Dataset { portal: p(), id: "A".to_owned() }, vec![]),
        (Which::Family { portal: p(), name: "records".to_owned() }, vec!["a1", "a1-fr", "b1"]),
        (Which::All { portal: p() }, vec!["a1", "a1-fr", "a2", "b1", "none"]),
        (Which::All { portal: "r".to_owned() }, vec![]),
        (Which::All { portal: "' OR 1 --".to_owned() }, vec![]),
    ]
}

#[tokio::test]
async fn each_kind_of_purge_is_about_its_entries_and_no_others() {
    for written in [false, true] {
        for (which, expected) in kinds() {
            for mode in [Mode::Count, Mode::Soft, Mode::Hard] {
                let dir = directory();
                let store = open(dir.path());
                fill(&store);
                if written {
                    store.settled().await;
                }
                let purged = store.purge(which.clone(), mode).await;
                let what = format!("{which:?} {mode:?} {written}");
                assert!(purged.complete, "{what}");
                assert_eq!(purged.entries, expected.len() as u64, "{what}");
                assert_eq!(purged.bytes > 100_000, expected.contains(&"a2"), "{what}: {purged:?}");
                let rest: Vec<&str> = NAMES.into_iter().filter(|name| !expected.contains(name)).collect();
                let after = match mode {
                    Mode::Count => (NAMES.to_vec(), vec![]),
                    Mode::Soft => (NAMES.to_vec(), expected.clone()),
                    Mode::Hard => (rest, vec![]),
                };
                assert_eq!(state(&store).await, after, "{what}");
                store.close().await;
                assert_agree(dir.path());
                assert_eq!(state(&open(dir.path())).await, after, "{what}, reopened");
            }
        }
    }
}

#[tokio::test]
async fn what_is_stored_after_a_soft_purge_is_not_purged() {
    let dir = directory();
    let store = open(dir.path());
    fill(&store);
    store.settled().await;
    // The purge waits, and what is stored meanwhile is newer.
    let (purged, ()) = tokio::join!(store.purge(Which::All { portal: "p".to_owned() }, Mode::Soft), async {
        store.put(key_of("b1"), Entry { about: about("p", Some("b"), "records", "/b?1"), ..entry("b1", 600) });
    });
    assert!(purged.complete);
    assert_eq!(state(&store).await.1, ["a1", "a1-fr", "a2", "none"]);
    store.settled().await;
    store.put(key_of("a1"), Entry { about: about("p", Some("a"), "records", "/a?1"), ..entry("a1", 500) });
    store.settled().await;
    assert_eq!(state(&store).await.1, ["a1-fr", "a2", "none"]);
}

#[tokio::test]
async fn a_purge_that_cannot_be_written_hides_the_disk_until_it_is() {
    let dir = directory();
    let store = open(dir.path());
    fill(&store);
    store.settled().await;
    let other = index(dir.path());
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    store.put(key_of("b1"), Entry { about: about("p", Some("b"), "records", "/b?1"), ..entry("b1", 500) });
    store.settled().await;
    let hard = store.purge(Which::Dataset { portal: "p".to_owned(), id: "a".to_owned() }, Mode::Hard).await;
    let soft = store.purge(Which::Dataset { portal: "p".to_owned(), id: "b".to_owned() }, Mode::Soft).await;
    let count = store.purge(Which::All { portal: "p".to_owned() }, Mode::Count).await;
    assert!(!hard.complete && !soft.complete && !count.complete);
    assert_eq!(state(&store).await, (vec!["b1"], vec!["b1"]), "what waits in memory is answered from, marked");
    other.execute_batch("ROLLBACK").unwrap();
    store.shared().suspect();
    store.settled().await;
    assert_eq!(state(&store).await, (vec!["b1", "none", "elsewhere"], vec!["b1"]));
    assert_eq!(store.state(), State::Ready);
}

#[tokio::test]
async fn more_purges_than_can_wait_give_up_the_index() {
    let dir = directory();
    let store = open(dir.path());
    fill(&store);
    store.settled().await;
    let other = index(dir.path());
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for number in 0..100 {
        assert!(!store.purge(Which::Dataset { portal: "p".to_owned(), id: number.to_string() }, Mode::Soft).await.complete);
    }
    assert_eq!(state(&store).await.0, Vec::<&str>::new());
    drop(other);
    store.shared().suspect();
    store.settled().await;
    assert_eq!(state(&store).await.0, Vec::<&str>::new());
    put(&store, "new", 20_000);
    store.settled().await;
    assert_has(&store, "new", 20_000).await;
    store.close().await;
    assert_agree(dir.path());
}
