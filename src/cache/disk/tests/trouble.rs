//! A disk that cannot be used: memory only, said, tried again, and no answer fails for it.

use std::fs;

use super::*;

fn why(store: &DiskStore) -> String {
    match store.state() {
        State::MemoryOnly { why } => why,
        State::Ready => panic!("it is ready"),
    }
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_memory_only_until_it_can() {
    let dir = directory();
    let path = dir.path().join("store");
    fs::write(&path, b"a file is in the way").unwrap();
    let store = open(&path);
    assert!(!why(&store).is_empty());
    put(&store, "a", 100);
    assert!(store.get(&key_of("a")).await.is_none());
    assert!(store.incoming().await.is_none());
    store.remove(&key_of("a"));
    store.touch(&key_of("a"));
    store.settled().await;
    assert_eq!(store.usage().dropped_writes, 1);
    assert!(!store.purge(Which::All { portal: PORTAL.to_owned() }, Mode::Soft).await.complete);
    fs::remove_file(&path).unwrap();
    store.shared().suspect();
    store.settled().await;
    assert_eq!(store.state(), State::Ready);
    put(&store, "a", 100);
    store.settled().await;
    assert!(!store.get(&key_of("a")).await.unwrap().purged);
    assert_has(&store, "a", 100).await;
    assert!(store.incoming().await.is_some());
}

#[tokio::test]
async fn what_was_removed_and_purged_while_the_store_could_not_be_opened_does_not_come_back() {
    let dir = directory();
    let path = dir.path().join("store");
    let store = open(&path);
    for name in ["removed", "replaced", "purged"] {
        put(&store, name, 20_000);
    }
    store.close().await;
    fs::rename(&path, dir.path().join("away")).unwrap();
    fs::write(&path, b"a file is in the way").unwrap();
    let store = open(&path);
    store.remove(&key_of("removed"));
    put(&store, "replaced", 100);
    store.purge(Which::Dataset { portal: PORTAL.to_owned(), id: "d-purged".to_owned() }, Mode::Soft).await;
    fs::remove_file(&path).unwrap();
    fs::rename(dir.path().join("away"), &path).unwrap();
    store.shared().suspect();
    store.settled().await;
    assert!(store.get(&key_of("removed")).await.is_none());
    assert!(store.get(&key_of("replaced")).await.is_none(), "the new one could not be stored, and the old one is not the answer any more");
    assert!(store.get(&key_of("purged")).await.unwrap().purged);
}

#[tokio::test]
async fn a_file_system_without_enough_free_space_stores_nothing_and_still_removes() {
    let dir = directory();
    let store = open(dir.path());
    put(&store, "a", 100);
    store.close().await;
    let store = DiskStore::open(dir.path(), Limits { free_bytes: u64::MAX, ..LIMITS });
    store.settled().await;
    assert!(why(&store).contains("free space"), "{}", why(&store));
    assert_eq!(store.usage().entries, 0, "its own entries went first");
    put(&store, "b", 100);
    store.remove(&key_of("a"));
    store.shared().suspect();
    store.settled().await;
    assert!(store.get(&key_of("b")).await.is_none());
    assert_eq!((store.usage().dropped_writes, store.usage().queued_bytes), (1, 0));
    assert!(store.incoming().await.is_none());
    assert!(store.purge(Which::All { portal: PORTAL.to_owned() }, Mode::Hard).await.complete || store.usage().entries == 0);
}

#[tokio::test]
async fn a_body_that_cannot_be_written_is_dropped_and_the_store_recovers() {
    let dir = directory();
    let store = open(dir.path());
    put(&store, "a", 20_000);
    put(&store, "b", 30_000);
    store.settled().await;
    let incoming = dir.path().join("incoming");
    fs::remove_dir(&incoming).unwrap();
    fs::write(&incoming, b"a file is in the way").unwrap();
    put(&store, "a", 20_001);
    store.settled().await;
    assert!(!why(&store).is_empty());
    assert_has(&store, "b", 30_000).await;
    assert!(store.get(&key_of("a")).await.is_none(), "neither the new one nor the old one");
    assert!(store.incoming().await.is_none());
    fs::remove_file(&incoming).unwrap();
    fs::create_dir(&incoming).unwrap();
    store.shared().suspect();
    store.settled().await;
    assert_eq!(store.state(), State::Ready);
    put(&store, "a", 20_002);
    store.settled().await;
    assert_has(&store, "a", 20_002).await;
    store.close().await;
    assert_agree(dir.path());
}

#[tokio::test]
async fn an_index_that_cannot_be_written_keeps_everything_in_the_queue_until_it_can() {
    let dir = directory();
    let store = open(dir.path());
    put(&store, "old", 20_000);
    put(&store, "removed", 20_000);
    store.settled().await;
    let mut incoming = store.incoming().await.unwrap();
    let other = index(dir.path());
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    put(&store, "inline", 100);
    put(&store, "file", 30_000);
    incoming.append(&body_of("kept", 300_000)).unwrap();
    store.keep(key_of("kept"), head_of("kept", 300_000), about("kept"), incoming);
    store.remove(&key_of("removed"));
    store.settled().await;
    assert!(why(&store).contains("locked"), "{}", why(&store));
    assert_has(&store, "old", 20_000).await;
    assert_has(&store, "inline", 100).await;
    assert_has(&store, "file", 30_000).await;
    assert_has(&store, "kept", 300_000).await;
    assert!(store.get(&key_of("removed")).await.is_none());
    other.execute_batch("ROLLBACK").unwrap();
    store.shared().suspect();
    store.settled().await;
    assert_eq!(store.state(), State::Ready);
    assert!(store.get(&key_of("removed")).await.is_none());
    store.close().await;
    assert_agree(dir.path());
    let store = open(dir.path());
    assert_has(&store, "file", 30_000).await;
    assert_has(&store, "inline", 100).await;
    assert_has(&store, "kept", 300_000).await;
}

#[tokio::test]
async fn a_closed_store_answers_nothing_and_fails_nobody() {
    let dir = directory();
    let store = open(dir.path());
    keep(&store, "a", 300_000).await;
    let mut incoming = store.incoming().await.unwrap();
    store.close().await;
    store.close().await;
    put(&store, "b", 100);
    assert!(store.get(&key_of("a")).await.is_none());
    assert!(store.get(&key_of("b")).await.is_none());
    assert!(store.incoming().await.is_none());
    assert!(!store.purge(Which::All { portal: PORTAL.to_owned() }, Mode::Hard).await.complete);
    store.settled().await;
    let incoming = tokio::task::spawn_blocking(move || {
        // There is room for this without anybody to make some.
        incoming.append(b"late").unwrap();
        incoming
    });
    let body = store.keep(key_of("c"), head_of("c", 4), about("c"), incoming.await.unwrap());
    assert_eq!(&whole(&Body::File(body)).await.unwrap()[..], b"late");
    assert_eq!(why(&store), "it is closed");
    drop(store);
    assert_agree(dir.path());
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_hangs_is_a_miss_and_only_the_first_askers_wait_for_it() {
    let dir = directory();
    let store = open(dir.path());
    put(&store, "a", 100);
    store.settled().await;
    let turns = store.shared().readers.hang();
    let began = tokio::time::Instant::now();
    assert!(store.get(&key_of("a")).await.is_none());
    let waited = began.elapsed();
    assert!(waited >= std::time::Duration::from_secs(1), "{waited:?}");
    assert!(store.get(&key_of("a")).await.is_none());
    assert_eq!(began.elapsed(), waited);
    drop(turns);
    assert_has(&store, "a", 100).await;
}
