//! What is stored is found: at once, after it is written, and after a restart.

use super::*;

#[tokio::test]
async fn a_reopened_store_finds_everything_that_was_closed() {
    let dir = directory();
    let sizes = [("empty", 0), ("small", 2_000), ("inline", 16_384), ("file", 16_385), ("block", 131_072), ("large", 1_000_000)];
    let store = open(dir.path());
    for (name, len) in sizes {
        put(&store, name, len);
        assert_has(&store, name, len).await;
    }
    keep(&store, "kept", 700_000).await;
    keep(&store, "kept-empty", 0).await;
    store.settled().await;
    for _ in 0..2 {
        for (name, len) in sizes.into_iter().chain([("kept", 700_000), ("kept-empty", 0)]) {
            assert_has(&store, name, len).await;
        }
    }
    store.close().await;
    assert_agree(dir.path());
    let store = open(dir.path());
    assert_eq!(store.state(), State::Ready);
    for (name, len) in sizes.into_iter().chain([("kept", 700_000), ("kept-empty", 0)]) {
        assert_has(&store, name, len).await;
    }
    assert!(store.get(&key_of("other")).await.is_none());
}

#[tokio::test]
async fn the_newest_of_a_key_is_the_one_found_and_the_only_one_on_disk() {
    let dir = directory();
    let store = open(dir.path());
    for len in [20_000, 300_000, 10, 40_000, 50_000] {
        put(&store, "a", len);
        assert_has(&store, "a", len).await;
        if len > 20_000 {
            store.settled().await;
        }
    }
    keep(&store, "a", 400_000).await;
    assert_has(&store, "a", 400_000).await;
    store.settled().await;
    assert_has(&store, "a", 400_000).await;
    assert_eq!(std::fs::metadata(only_body(dir.path())).unwrap().len(), 400_000 + 4 * 4 + 44);
    put(&store, "a", 5);
    store.settled().await;
    assert_eq!(files(dir.path(), "bodies").len(), 0);
    assert_eq!(store.usage().entries, 1);
    store.close().await;
    assert_agree(dir.path());
}

#[tokio::test]
async fn what_is_removed_is_not_found_from_then_on() {
    let dir = directory();
    let store = open(dir.path());
    for (name, len) in [("a", 100), ("b", 100_000)] {
        put(&store, name, len);
        store.remove(&key_of(name));
        assert!(store.get(&key_of(name)).await.is_none());
        put(&store, name, len);
        store.settled().await;
        store.remove(&key_of(name));
        assert!(store.get(&key_of(name)).await.is_none());
        store.settled().await;
        assert!(store.get(&key_of(name)).await.is_none());
    }
    store.close().await;
    assert_agree(dir.path());
    let store = open(dir.path());
    assert!(store.get(&key_of("a")).await.is_none());
    store.settled().await;
    assert_eq!(store.usage().entries, 0);
}

#[tokio::test]
async fn a_store_that_is_dropped_without_closing_still_writes_what_waits() {
    let dir = directory();
    let store = open(dir.path());
    put(&store, "a", 100);
    put(&store, "b", 100_000);
    let (ended, told) = oneshot::channel();
    store.shared().queue.close(Some(ended));
    drop(store);
    told.await.unwrap();
    let store = open(dir.path());
    assert_has(&store, "a", 100).await;
    assert_has(&store, "b", 100_000).await;
}

#[tokio::test]
async fn every_range_of_a_file_is_read_as_it_was_received() {
    let dir = directory();
    let store = open(dir.path());
    let (len, body) = (600_000, body_of("a", 600_000));
    let before = keep(&store, "a", len).await;
    store.settled().await;
    let Some(Found { body: Body::File(after), .. }) = store.get(&key_of("a")).await else { panic!("a large body is a file") };
    for file in [before, after] {
        assert_eq!(file.len(), 600_000);
        for range in
            [0..1, 0..600_000, 131_071..131_073, 131_072..262_144, 599_999..600_000, 1..599_999, 5..5, 600_000..600_001, 500_000..u64::MAX]
        {
            let read = file.read(range.clone());
            let expected = &body[(range.start as usize).min(len)..(range.end as usize).min(len)];
            assert_eq!(http_body::Body::size_hint(&read).exact(), Some(expected.len() as u64), "{range:?}");
            assert_eq!(http_body::Body::is_end_stream(&read), expected.is_empty(), "{range:?}");
            assert!(read.collect().await.unwrap().to_bytes() == expected, "{range:?}");
        }
    }
}

#[tokio::test]
async fn a_body_that_is_being_read_stays_readable_when_its_entry_goes() {
    let dir = directory();
    let store = open(dir.path());
    keep(&store, "a", 600_000).await;
    store.settled().await;
    let found = store.get(&key_of("a")).await.unwrap();
    store.remove(&key_of("a"));
    store.settled().await;
    assert_eq!(files(dir.path(), "bodies").len(), 0);
    assert!(whole(&found.body).await.unwrap() == body_of("a", 600_000));
}

#[tokio::test]
async fn what_is_being_received_counts_and_is_readable_and_goes_if_it_is_not_kept() {
    let dir = directory();
    let store = open(dir.path());
    store.settled().await;
    let before = store.usage().bytes;
    let mut incoming = store.incoming().await.unwrap();
    incoming.append(b"abc").unwrap();
    incoming.append(b"def").unwrap();
    assert_eq!((incoming.len(), store.usage().incoming_bytes, store.usage().bytes), (6, 6, before + 6));
    let mut read = [0; 4];
    std::os::unix::fs::FileExt::read_exact_at(&*incoming.file(), &mut read, 2).unwrap();
    assert_eq!(&read, b"cdef");
    assert_eq!(files(dir.path(), "incoming").len(), 1);
    drop(incoming);
    store.settled().await;
    assert_eq!((files(dir.path(), "incoming").len(), store.usage().bytes), (0, before));
}

#[tokio::test]
async fn temporary_files_of_a_dead_process_go_before_the_store_is_open() {
    let dir = directory();
    open(dir.path()).close().await;
    std::fs::write(dir.path().join("incoming/0000000000000001"), b"half of a body").unwrap();
    std::fs::create_dir_all(dir.path().join("discarded-0/00")).unwrap();
    std::fs::write(dir.path().join("discarded-0/00/0000000000000001"), b"a body").unwrap();
    let store = open(dir.path());
    assert_eq!(files(dir.path(), "incoming").len(), 0);
    store.settled().await;
    assert!(!dir.path().join("discarded-0").exists());
}

#[tokio::test]
async fn a_store_with_a_hundred_thousand_entries_opens_at_once() {
    // Too much for a small directory in memory.
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    put(&store, "a", 1000);
    store.close().await;
    let rows = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 100000)
        INSERT INTO entry SELECT n, n, n, 0, 1000, 0, 'education', 'd', 'records', n, '/api/' || n, 200, 0, zeroblob(200), zeroblob(400), zeroblob(400) FROM n";
    index(dir.path()).execute(rows, []).unwrap();
    let began = std::time::Instant::now();
    let store = DiskStore::open(dir.path(), Limits { entries: 200_000, bytes: 1 << 30, ..LIMITS });
    assert_has(&store, "a", 1000).await;
    assert!(began.elapsed() < std::time::Duration::from_secs(1), "{:?}", began.elapsed());
    store.settled().await;
    assert_eq!(store.usage().entries, 100_001);
}
