//! A kill at any instant: what is found afterwards is right to the byte, and nothing is left over.

use super::*;

/// Stores, replaces, keeps, removes, purges and evicts, each on its own. All lengths that an entry ever has are in [`LENS`].
async fn live(store: &DiskStore) {
    for (name, len) in [("inline", 900), ("file", 30_000), ("new", 40_000), ("inline", 40_001), ("file", 800)] {
        put(store, name, len);
        store.settled().await;
    }
    if let Some(mut incoming) = store.incoming().await {
        let incoming = tokio::task::spawn_blocking(move || incoming.append(&body_of("kept", 200_001)).is_ok().then_some(incoming));
        if let Some(incoming) = incoming.await.unwrap() {
            store.keep(key_of("kept"), head_of("kept", 200_001), about("kept"), incoming);
        }
    }
    store.settled().await;
    store.remove(&key_of("removed"));
    store.settled().await;
    store.purge(Which::Url { portal: PORTAL.to_owned(), target: "/api/purged".to_owned() }, Mode::Hard).await;
    // More than the limit: others make room.
    for name in ["new", "more", "most"] {
        put(store, name, 150_000);
        store.settled().await;
    }
    put(store, "last", 50_000);
}

const LENS: [(&str, &[usize]); 8] = [
    ("inline", &[1_000, 900, 40_001]),
    ("file", &[100_000, 30_000, 800]),
    ("kept", &[300_000, 200_001]),
    ("removed", &[20_000]),
    ("purged", &[20_000]),
    ("new", &[40_000, 150_000]),
    ("more", &[150_000]),
    ("most", &[150_000]),
];

const TIGHT: Limits = Limits { bytes: 700_000, ..LIMITS };

async fn assert_survived(dir: &Path) {
    let store = DiskStore::open(dir, TIGHT);
    assert_eq!(files(dir, "incoming").len(), 0);
    for settled in [false, true] {
        if settled {
            store.settled().await;
        }
        for (name, lens) in LENS {
            assert_right_or_missing(&store, name, lens).await;
        }
        assert_right_or_missing(&store, "last", &[50_000]).await;
    }
    assert_eq!(store.state(), State::Ready);
    put(&store, "after", 60_000);
    store.settled().await;
    assert_has(&store, "after", 60_000).await;
    store.close().await;
    assert_agree(dir);
}

#[tokio::test]
async fn after_a_kill_at_any_step_of_the_writer_all_is_right_or_a_miss_and_nothing_is_left_over() {
    let base = directory();
    let store = DiskStore::open(base.path(), TIGHT);
    put(&store, "inline", 1_000);
    put(&store, "file", 100_000);
    keep(&store, "kept", 300_000).await;
    put(&store, "removed", 20_000);
    put(&store, "purged", 20_000);
    store.close().await;
    let mut places = std::collections::BTreeMap::<&str, u32>::new();
    for steps in 0.. {
        let dir = directory();
        copy_tree(base.path(), dir.path());
        let store = DiskStore::open(dir.path(), TIGHT);
        store.settled().await;
        store.shared().death.after(steps);
        live(&store).await;
        store.close().await;
        let shared = Arc::clone(store.shared());
        drop(store);
        if !shared.death.is_dead() {
            assert_agree(dir.path());
            assert!(steps > 30, "only {steps} steps");
            break;
        }
        *places.entry(shared.death.at()).or_default() += 1;
        assert_survived(dir.path()).await;
    }
    let all = [
        "body written",
        "evicted from the index",
        "file begun",
        "file placed",
        "file removed",
        "file whole",
        "purged from the index",
        "rows written",
    ];
    assert_eq!(places.keys().copied().collect::<Vec<_>>(), all, "{places:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_taken_at_any_instant_opens_with_what_is_right_or_a_miss() {
    let dir = directory();
    let store = DiskStore::open(dir.path(), TIGHT);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let living = tokio::spawn(async move {
        while !*stopped.borrow() {
            put(&store, "inline", 1_000);
            put(&store, "file", 100_000);
            put(&store, "removed", 20_000);
            put(&store, "purged", 20_000);
            keep(&store, "kept", 300_000).await;
            live(&store).await;
            tokio::task::yield_now().await;
        }
        store.close().await;
    });
    for _ in 0..40 {
        let copy = directory();
        let (from, to) = (dir.path().to_owned(), copy.path().to_owned());
        tokio::task::spawn_blocking(move || copy_tree(&from, &to)).await.unwrap();
        assert_survived(copy.path()).await;
    }
    stop.send(true).unwrap();
    living.await.unwrap();
    assert_survived(dir.path()).await;
}
