//! Whatever the disk gives back instead of what was written is a miss, or a body that ends with an error; and it is cleaned up.

use std::fs;

use super::*;

/// A store with three entries, closed.
async fn stored(dir: &Path) {
    let store = open(dir);
    put(&store, "inline", 1_000);
    put(&store, "file", 100_000);
    keep(&store, "large", 500_000).await;
    store.close().await;
}

fn file_of(dir: &Path, name: &str) -> std::path::PathBuf {
    let id = super::index::id_of(key_of(name).as_bytes());
    let serial: i64 = self::index(dir).query_row("SELECT serial FROM entry WHERE id = ?1", [id], |row| row.get(0)).unwrap();
    Layout::new(dir).body(u64::try_from(serial).unwrap())
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

/// The entry is not found, or its body ends with an error; then it is gone, and the others are right.
async fn assert_cleaned_up(dir: &Path, bad: &str, what: &str) {
    let store = open(dir);
    if let Some(found) = store.get(&key_of(bad)).await {
        let error = whole(&found.body).await.expect_err(what);
        assert!(matches!(error.kind(), std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof), "{what}: {error}");
    }
    assert!(store.get(&key_of(bad)).await.is_none(), "{what}");
    store.settled().await;
    assert_eq!(store.usage().entries, 2, "{what}");
    for (name, len) in [("inline", 1_000), ("file", 100_000), ("large", 500_000)] {
        if name != bad {
            assert_has(&store, name, len).await;
        }
    }
    put(&store, bad, 300);
    store.close().await;
    assert_agree(dir);
    let store = open(dir);
    assert_has(&store, bad, 300).await;
}

#[tokio::test]
async fn a_changed_value_in_a_row_is_a_miss_and_the_entry_goes() {
    let tamper = [
        "body = zeroblob(1000)",
        "body = NULL",
        "head = substr(head, 1, 40)",
        "head = zeroblob(60)",
        "head = CAST('text' AS BLOB)",
        "key = zeroblob(40)",
        "target = '/api/other'",
        "dataset = NULL",
        "portal = ''",
        "family = 'facets'",
        "body_len = body_len + 1",
        "seal = seal + 1",
        "seal = -1",
        "serial = serial + 1000",
        "serial = -1",
        "file_bytes = 77",
    ];
    for name in ["inline", "file", "large"] {
        for set in tamper {
            if name != "inline" && matches!(set, "body = NULL" | "file_bytes = 77") || name == "inline" && set == "file_bytes = 77" {
                continue;
            }
            let dir = directory();
            stored(dir.path()).await;
            let id = super::index::id_of(key_of(name).as_bytes());
            let changed = self::index(dir.path()).execute(&format!("UPDATE entry SET {set} WHERE id = ?1"), [id]).unwrap();
            assert_eq!(changed, 1);
            assert_cleaned_up(dir.path(), name, &format!("{name}: {set}")).await;
        }
    }
}

#[tokio::test]
async fn a_bit_that_flips_in_the_pages_of_the_index_never_becomes_an_answer() {
    let dir = directory();
    stored(dir.path()).await;
    let pristine = fs::read(dir.path().join("index.sqlite")).unwrap();
    let mut random = fastrand::Rng::with_seed(3);
    for _ in 0..80 {
        let copy = directory();
        copy_tree(dir.path(), copy.path());
        let mut bytes = pristine.clone();
        let at = random.usize(..bytes.len());
        bytes[at] ^= 1 << random.u8(..8);
        fs::write(copy.path().join("index.sqlite"), bytes).unwrap();
        let store = open(copy.path());
        for (name, len) in [("inline", 1_000), ("file", 100_000), ("large", 500_000)] {
            assert_right_or_missing(&store, name, &[len]).await;
        }
        store.settled().await;
        assert_eq!(store.state(), State::Ready, "byte {at}");
        put(&store, "new", 20_000);
        store.settled().await;
        assert_has(&store, "new", 20_000).await;
        store.close().await;
    }
}

#[tokio::test]
async fn a_bit_that_flips_in_a_file_is_a_miss_or_ends_the_body_and_the_entry_goes() {
    let places =
        [("file", [0, 50_000, 99_999, 100_000, 100_010, 100_030, 100_047].as_slice()), ("large", &[0, 131_072, 499_999, 500_001, 500_059])];
    for (name, places) in places {
        for at in places {
            let dir = directory();
            stored(dir.path()).await;
            flip(&file_of(dir.path(), name), *at);
            assert_cleaned_up(dir.path(), name, &format!("{name} at {at}")).await;
        }
    }
}

#[tokio::test]
async fn blocks_before_a_bad_one_are_given_out_and_nothing_of_it() {
    let dir = directory();
    stored(dir.path()).await;
    flip(&file_of(dir.path(), "large"), 300_000);
    let store = open(dir.path());
    let Some(Found { body: Body::File(file), .. }) = store.get(&key_of("large")).await else { panic!("only its trailer is read") };
    let mut body = file.read(0..u64::MAX);
    let mut read = Vec::new();
    let error = loop {
        match body.frame().await.unwrap() {
            Ok(frame) => read.extend_from_slice(frame.data_ref().unwrap()),
            Err(error) => break error,
        }
    };
    assert_eq!(error.to_string(), "block 2 of its file does not have its checksum");
    assert!(read == body_of("large", 262_144));
    assert!(body.frame().await.is_none(), "an error is the end");
    assert!(store.get(&key_of("large")).await.is_none(), "and the entry is gone at once");
    assert_eq!(store.usage().discarded, 1);
}

#[tokio::test]
async fn a_bad_block_does_not_take_a_newer_entry_of_its_key_with_it() {
    let dir = directory();
    stored(dir.path()).await;
    flip(&file_of(dir.path(), "large"), 0);
    let store = open(dir.path());
    let old = store.get(&key_of("large")).await.unwrap();
    put(&store, "large", 300);
    whole(&old.body).await.unwrap_err();
    assert_has(&store, "large", 300).await;
    store.settled().await;
    whole(&old.body).await.unwrap_err();
    store.settled().await;
    assert_has(&store, "large", 300).await;
}

#[tokio::test]
async fn a_file_that_is_too_short_or_too_long_or_missing_is_a_miss() {
    for name in ["file", "large"] {
        for change in [Some(-1_i64), Some(1), Some(-44), Some(i64::MIN), None] {
            let dir = directory();
            stored(dir.path()).await;
            let path = file_of(dir.path(), name);
            match change {
                None => fs::remove_file(&path).unwrap(),
                Some(by) => {
                    let file = fs::File::options().write(true).open(&path).unwrap();
                    file.set_len(file.metadata().unwrap().len().saturating_add_signed(by)).unwrap();
                }
            }
            assert_cleaned_up(dir.path(), name, &format!("{name} {change:?}")).await;
        }
    }
}

#[tokio::test]
async fn a_whole_file_of_another_entry_is_not_taken_for_this_one() {
    let dir = directory();
    let store = open(dir.path());
    put(&store, "a", 100_000);
    put(&store, "b", 100_000);
    store.close().await;
    fs::copy(file_of(dir.path(), "a"), file_of(dir.path(), "b")).unwrap();
    let store = open(dir.path());
    assert!(store.get(&key_of("b")).await.is_none());
    assert_has(&store, "a", 100_000).await;
}

#[tokio::test]
async fn a_row_that_holds_another_key_is_no_answer() {
    let dir = directory();
    stored(dir.path()).await;
    let [one, other] = ["inline", "other"].map(|name| super::index::id_of(key_of(name).as_bytes()));
    self::index(dir.path()).execute("UPDATE entry SET id = ?2 WHERE id = ?1", [one, other]).unwrap();
    let store = open(dir.path());
    assert!(store.get(&key_of("other")).await.is_none());
    assert!(store.get(&key_of("inline")).await.is_none());
    store.settled().await;
    assert_eq!(store.usage().entries, 2);
}

#[tokio::test]
async fn an_entry_of_another_version_is_a_miss_and_goes() {
    let dir = directory();
    stored(dir.path()).await;
    let (key, about, body) = (key_of("inline"), about("inline"), body_of("inline", 1_000));
    let mut head = head_of("inline", 1_000).to_bytes();
    head[0] += 1;
    let id = super::index::id_of(key.as_bytes());
    let index = self::index(dir.path());
    let serial: i64 = index.query_row("SELECT serial FROM entry WHERE id = ?1", [id], |row| row.get(0)).unwrap();
    let seal = record::seal(&key, serial as u64, about.as_ref(), &head, 1_000, Some(&body));
    index.execute("UPDATE entry SET head = ?2, seal = ?3 WHERE id = ?1", rusqlite::params![id, head, seal]).unwrap();
    drop(index);
    assert_cleaned_up(dir.path(), "inline", "version").await;
}

#[tokio::test]
async fn files_that_no_entry_names_go_and_the_entries_stay() {
    let dir = directory();
    stored(dir.path()).await;
    let bodies = dir.path().join("bodies");
    fs::create_dir_all(bodies.join("00")).unwrap();
    fs::create_dir_all(bodies.join("ff")).unwrap();
    for foreign in ["README", "fe", "00/0000000000000100", "00/0000000000000101", "00/x", "ff/.hidden", "ff/00000000000000ff.tmp"] {
        fs::write(bodies.join(foreign), b"foreign").unwrap();
    }
    std::os::unix::fs::symlink("/etc/hostname", bodies.join("ff/00000000000001ff")).unwrap();
    fs::create_dir(bodies.join("ff/somebody's")).unwrap();
    let store = open(dir.path());
    store.settled().await;
    for (name, len) in [("inline", 1_000), ("file", 100_000), ("large", 500_000)] {
        assert_has(&store, name, len).await;
    }
    store.close().await;
    assert_agree(dir.path());
    assert!(bodies.join("ff/somebody's").exists());
    assert!(Path::new("/etc/hostname").exists());
}

#[tokio::test]
async fn entries_without_their_file_go_although_nobody_asks_for_them() {
    let dir = directory();
    stored(dir.path()).await;
    fs::remove_file(file_of(dir.path(), "file")).unwrap();
    let short = fs::File::options().write(true).open(file_of(dir.path(), "large")).unwrap();
    short.set_len(5).unwrap();
    let store = open(dir.path());
    store.settled().await;
    assert_eq!(store.usage().entries, 1);
    store.close().await;
    assert_agree(dir.path());
}

#[tokio::test]
async fn an_index_that_is_none_is_begun_anew_with_its_bodies() {
    let database = |script: &str| {
        let dir = directory();
        self::index(dir.path()).execute_batch(script).unwrap();
        fs::read(dir.path().join("index.sqlite")).unwrap()
    };
    let sample = directory();
    stored(sample.path()).await;
    let ours = fs::read(sample.path().join("index.sqlite")).unwrap();
    for (what, content) in [
        ("garbage", Some(b"garbage".repeat(1000))),
        ("half", Some(ours[..ours.len() / 2].to_vec())),
        ("head of it", Some(ours[..100].to_vec())),
        ("empty", Some(Vec::new())),
        ("missing", None),
        ("somebody else's", Some(database("CREATE TABLE t (x)"))),
        ("somebody else's, of our version", Some(database("CREATE TABLE t (x); PRAGMA user_version = 1"))),
        (
            "without a column",
            Some(database(
                "CREATE TABLE opening (session); INSERT INTO opening VALUES (3); CREATE TABLE entry (id, serial); PRAGMA user_version = 1",
            )),
        ),
    ] {
        let dir = directory();
        stored(dir.path()).await;
        let path = dir.path().join("index.sqlite");
        match content {
            Some(content) => fs::write(&path, content).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let store = open(dir.path());
        assert_eq!(store.state(), State::Ready, "{what}");
        for (name, len) in [("inline", 1_000), ("file", 100_000), ("large", 500_000)] {
            assert_right_or_missing(&store, name, &[len]).await;
        }
        put(&store, "new", 20_000);
        store.settled().await;
        assert_has(&store, "new", 20_000).await;
        store.close().await;
        assert_agree(dir.path());
    }
}

#[tokio::test]
async fn an_index_of_an_older_or_a_newer_program_is_begun_anew() {
    for version in [index::SCHEMA_VERSION - 1, index::SCHEMA_VERSION + 1] {
        let dir = directory();
        stored(dir.path()).await;
        self::index(dir.path()).pragma_update(None, "user_version", version).unwrap();
        let store = open(dir.path());
        assert_eq!(store.state(), State::Ready);
        assert!(store.get(&key_of("inline")).await.is_none());
        put(&store, "file", 30_000);
        store.settled().await;
        assert_has(&store, "file", 30_000).await;
        store.close().await;
        assert_agree(dir.path());
    }
}

#[tokio::test]
async fn an_index_that_is_damaged_while_it_is_open_is_begun_anew() {
    let dir = directory();
    stored(dir.path()).await;
    let store = open(dir.path());
    store.settled().await;
    let len = fs::metadata(dir.path().join("index.sqlite")).unwrap().len();
    let file = fs::File::options().write(true).open(dir.path().join("index.sqlite")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &vec![0x5a; len as usize], 0).unwrap();
    for round in 0..3 {
        put(&store, "file", 30_000 + round);
        for (name, len) in [("inline", 1_000), ("large", 500_000)] {
            assert_right_or_missing(&store, name, &[len]).await;
        }
        store.settled().await;
    }
    assert_eq!(store.state(), State::Ready);
    assert_has(&store, "file", 30_002).await;
    store.close().await;
    assert_agree(dir.path());
    let store = open(dir.path());
    assert_has(&store, "file", 30_002).await;
}

#[tokio::test]
async fn numbers_do_not_begin_again_with_an_index_that_was_begun_anew() {
    let dir = directory();
    let store = open(dir.path());
    put(&store, "old", 100);
    store.settled().await;
    store.shared().report_damage();
    store.settled().await;
    put(&store, "kept", 20_000);
    store.settled().await;
    store.close().await;
    self::index(dir.path()).execute("UPDATE opening SET session = 0", []).unwrap();
    let store = DiskStore::open(dir.path(), Limits { entries: 2, ..LIMITS });
    put(&store, "one", 20_001);
    put(&store, "other", 20_002);
    store.settled().await;
    assert!(store.get(&key_of("kept")).await.is_none(), "it is older, and went first");
    assert_has(&store, "one", 20_001).await;
    assert_has(&store, "other", 20_002).await;
    let all = Which::All { portal: PORTAL.to_owned() };
    assert_eq!(store.purge(all, Mode::Hard).await.entries, 2, "a purge is newer than what is there");
    store.close().await;
    assert_agree(dir.path());
}

#[tokio::test]
async fn a_body_that_is_being_received_outlives_an_index_that_is_begun_anew() {
    let dir = directory();
    let store = open(dir.path());
    put(&store, "old", 100_000);
    let mut incoming = store.incoming().await.unwrap();
    incoming.append(&body_of("new", 300_000)[..100_000]).unwrap();
    store.settled().await;
    store.shared().report_damage();
    store.settled().await;
    assert!(store.get(&key_of("old")).await.is_none());
    incoming.append(&body_of("new", 300_000)[100_000..]).unwrap();
    store.keep(key_of("new"), head_of("new", 300_000), about("new"), incoming);
    store.settled().await;
    assert_has(&store, "new", 300_000).await;
    store.close().await;
    assert_agree(dir.path());
}
