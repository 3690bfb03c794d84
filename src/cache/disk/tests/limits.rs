//! The store stays within its limits, and what was used last stays in it.

use std::fs;
use std::io::ErrorKind;

use super::*;

fn limited(dir: &Path, bytes: u64, entries: u64) -> DiskStore {
    DiskStore::open(dir, Limits { bytes, entries, free_bytes: 0 })
}

/// Bytes that the store's files have, save for the index's log.
fn on_disk(dir: &Path) -> u64 {
    let len = |path: &std::path::PathBuf| fs::metadata(path).map_or(0, |file| file.len());
    files(dir, "").iter().filter(|path| !path.to_str().unwrap().contains("sqlite-")).map(len).sum()
}

/// Which of numbered entries are there.
async fn there(store: &DiskStore, numbers: std::ops::Range<u32>) -> Vec<u32> {
    let mut there = Vec::new();
    for number in numbers {
        // Not noted as a use.
        let (shared, key) = (Arc::clone(store.shared()), key_of(&number.to_string()));
        let looked = tokio::task::spawn_blocking(move || readers::look_up(&shared, &key)).await.unwrap().unwrap();
        if matches!(looked, Looked::Found { .. }) {
            there.push(number);
        }
    }
    there
}

#[tokio::test]
async fn what_was_not_used_for_longest_goes_first_when_bytes_run_out() {
    let dir = directory();
    let store = limited(dir.path(), 1_000_000, 1000);
    for number in 0..9 {
        put(&store, &number.to_string(), 100_000);
    }
    store.settled().await;
    assert_eq!(there(&store, 0..9).await.len(), 9);
    assert_has(&store, "0", 100_000).await;
    store.touch(&key_of("2"));
    for number in 9..12 {
        put(&store, &number.to_string(), 100_000);
        store.settled().await;
        assert!(store.usage().bytes <= 1_000_000, "{:?}", store.usage());
        assert!(on_disk(dir.path()) <= 1_000_000);
    }
    assert_eq!(there(&store, 0..12).await, [0, 2, 5, 6, 7, 8, 9, 10, 11]);
    assert_eq!(store.usage().evicted, 3);
    store.close().await;
    assert_agree(dir.path());
}

#[tokio::test]
async fn the_order_of_use_survives_a_restart() {
    let dir = directory();
    let store = limited(dir.path(), 1_000_000, 3);
    for number in 0..3 {
        put(&store, &number.to_string(), 10);
    }
    store.settled().await;
    assert_has(&store, "0", 10).await;
    store.close().await;
    let store = limited(dir.path(), 1_000_000, 3);
    put(&store, "3", 10);
    store.settled().await;
    assert_eq!(there(&store, 0..4).await, [0, 2, 3]);
    assert_has(&store, "2", 10).await;
    put(&store, "4", 10);
    store.settled().await;
    assert_eq!(there(&store, 0..5).await, [2, 3, 4]);
}

#[tokio::test]
async fn the_number_of_entries_is_bounded_and_a_replacement_needs_no_room() {
    let dir = directory();
    let store = limited(dir.path(), 10_000_000, 50);
    for number in 0..200 {
        put(&store, &number.to_string(), 100);
        assert!(store.usage().entries <= 50);
    }
    store.settled().await;
    assert_eq!(there(&store, 0..200).await, (150..200).collect::<Vec<_>>());
    for _ in 0..3 {
        put(&store, "160", 200);
        store.settled().await;
    }
    assert_eq!((store.usage().entries, store.usage().evicted), (50, 150));
    let store = {
        store.close().await;
        limited(dir.path(), 10_000_000, 10)
    };
    store.settled().await;
    assert_eq!(store.usage().entries, 10, "a limit that was lowered holds from the start");
    assert_eq!(there(&store, 150..200).await, [160, 191, 192, 193, 194, 195, 196, 197, 198, 199]);
}

#[tokio::test]
async fn small_bodies_make_room_too_and_the_index_gives_its_pages_back() {
    let dir = directory();
    let store = limited(dir.path(), 4_000_000, 10_000);
    for number in 0..1_000 {
        put(&store, &number.to_string(), 10_000);
        if number % 50 == 0 {
            store.settled().await;
        }
        assert!(store.usage().bytes <= 4_000_000);
    }
    store.settled().await;
    assert!(store.usage().entries > 250, "{:?}", store.usage());
    keep(&store, "large", 3_500_000).await;
    store.settled().await;
    assert!(store.usage().bytes <= 4_000_000, "{:?}", store.usage());
    assert_has(&store, "large", 3_500_000).await;
    store.close().await;
    assert!(on_disk(dir.path()) <= 4_600_000, "{}", on_disk(dir.path()));
}

#[tokio::test]
async fn many_times_the_limit_goes_through_and_it_is_never_passed() {
    let dir = directory();
    let store = limited(dir.path(), 2_000_000, 100);
    put(&store, "hot", 5_000);
    for number in 0..20 {
        let mut incoming = store.incoming().await.unwrap();
        let (store_there, path) = (store.clone(), dir.path().to_owned());
        let incoming = tokio::task::spawn_blocking(move || {
            for piece in body_of(&number.to_string(), 900_000).chunks(30_000) {
                incoming.append(piece).unwrap();
                assert!(store_there.usage().bytes <= 2_000_000, "{:?}", store_there.usage());
                assert!(on_disk(&path) <= 2_000_000);
            }
            incoming
        });
        let incoming = incoming.await.unwrap();
        let name = number.to_string();
        store.keep(key_of(&name), head_of(&name, 900_000), about(&name), incoming);
        assert_has(&store, "hot", 5_000).await;
        assert_has(&store, &name, 900_000).await;
    }
    store.settled().await;
    assert_eq!(there(&store, 0..20).await, [18, 19]);
}

#[tokio::test]
async fn a_body_larger_than_the_store_is_refused_and_costs_the_others_nothing() {
    let dir = directory();
    let store = limited(dir.path(), 500_000, 100);
    put(&store, "a", 100_000);
    store.settled().await;
    let mut incoming = store.incoming().await.unwrap();
    incoming.append(&[0; 400_000][..300_000]).unwrap();
    assert_eq!(incoming.append(&[0; 250_000]).unwrap_err().kind(), ErrorKind::FileTooLarge);
    assert_eq!(incoming.len(), 300_000, "what came before can still be read");
    drop(incoming);
    put(&store, "too-large", 600_000);
    store.settled().await;
    assert!(store.get(&key_of("too-large")).await.is_none());
    assert_eq!(store.usage().dropped_writes, 1);
    assert_has(&store, "a", 100_000).await;
}

#[tokio::test]
async fn two_bodies_that_do_not_fit_together_are_told_so() {
    let dir = directory();
    let store = limited(dir.path(), 1_000_000, 100);
    let (mut one, mut other) = (store.incoming().await.unwrap(), store.incoming().await.unwrap());
    let told = tokio::task::spawn_blocking(move || {
        one.append(&[0; 600_000]).unwrap();
        let told = other.append(&[0; 600_000]).unwrap_err().kind();
        drop(one);
        (told, other.append(&[0; 600_000]).is_ok())
    });
    assert_eq!(told.await.unwrap(), (ErrorKind::StorageFull, true));
}

#[tokio::test]
async fn a_full_queue_drops_what_comes_and_the_older_entry_with_it() {
    let dir = directory();
    let store = open(dir.path());
    put(&store, "a", 100);
    store.settled().await;
    let other = index(dir.path());
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for number in 0..17 {
        put(&store, &number.to_string(), 1_000_000);
    }
    assert!(store.usage().queued_bytes <= queue::QUEUE_BYTES, "{:?}", store.usage());
    assert_eq!(store.usage().dropped_writes, 1);
    put(&store, "a", 1_000_000);
    assert!(store.get(&key_of("a")).await.is_none(), "neither the new one nor the old one");
    other.execute_batch("ROLLBACK").unwrap();
    store.shared().suspect();
    store.settled().await;
    assert!(store.get(&key_of("a")).await.is_none());
    assert_has(&store, "15", 1_000_000).await;
    assert_eq!(there(&store, 0..17).await.len(), 16);
}
