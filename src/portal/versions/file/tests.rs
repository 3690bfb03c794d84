use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;

use super::format::{from_bytes, to_bytes};
use super::*;
use crate::clock::{Clock, Moment};
use crate::portal::versions::table::{Dataset, Dates, Suspicion};
use crate::portal::versions::version::Version;

const ORIGIN: &str = "https://data.example/";

fn now() -> Reading {
    Clock::manual("2026-03-01T12:00:00Z".parse::<Timestamp>().unwrap()).read()
}

fn moment(seconds_ago: i64) -> Moment {
    Moment::recalled(now().now - jiff::SignedDuration::from_secs(seconds_ago), now())
}

fn dataset(data: Version) -> Dataset {
    let dates = |in_force| Dates { in_force, since: moment(60), moved: false, suspect: None };
    let metadata = dates(Version::stated(Some("2026-02-01T00:00:00+00:00")));
    Dataset { data: dates(data), metadata, missing: None, withdrawn: None, unreliable: false }
}

fn table() -> Table {
    let suspicion = Suspicion { looks: 2, since: moment(400) };
    let mut strange = dataset(Version::Null);
    strange.data.suspect = Some((Version::Ambiguous("a|b".into()), suspicion));
    strange.data.moved = true;
    strange.missing = Some(suspicion);
    strange.withdrawn = Some(moment(7));
    strange.unreliable = true;
    let plain = dataset(Version::stated(Some("2026-03-01T10:00:00.505000+00:00")));
    Table::recalled([("a".into(), plain), ("é\"\\".into(), strange), ("z".into(), dataset(Version::Absent))])
}

fn datasets(table: &Table) -> Vec<(String, Dataset)> {
    let mut all: Vec<_> = table.datasets().map(|(id, dataset)| (id.to_owned(), dataset.clone())).collect();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

fn open(dir: &Path) -> (TableFile, Table) {
    TableFile::open(dir, "education", ORIGIN, now())
}

async fn kept(file: &TableFile, tables: impl IntoIterator<Item = Table>) {
    let tasks = TaskTracker::new();
    for table in tables {
        file.keep(Arc::new(table), &tasks);
    }
    tasks.close();
    tasks.wait().await;
}

#[test]
fn a_table_comes_back_as_it_was() {
    let bytes = to_bytes(&table(), "education", ORIGIN);
    let back = from_bytes(&bytes, "education", ORIGIN, now()).unwrap();
    assert_eq!(datasets(&back), datasets(&table()));
    assert_eq!(back.stamp(Some("a")), table().stamp(Some("a")), "what was stamped by the process before is compared with it");
    assert_eq!(back.looked(), None, "a look is due");
}

#[test]
fn ages_go_on_while_no_process_runs() {
    let bytes = to_bytes(&table(), "education", ORIGIN);
    let clock = Clock::manual("2026-03-01T13:00:00Z".parse().unwrap());
    let back = from_bytes(&bytes, "education", ORIGIN, clock.read()).unwrap();
    assert_eq!(back.dataset("a").unwrap().data.since.age(clock.read().elapsed), Duration::from_secs(3660));
}

#[test]
fn what_is_cut_or_changed_anywhere_is_not_read() {
    let bytes = to_bytes(&table(), "education", ORIGIN);
    for len in 0..bytes.len() {
        assert!(from_bytes(&bytes[..len], "education", ORIGIN, now()).is_err(), "{len}");
    }
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        if let Ok(read) = from_bytes(&changed, "education", ORIGIN, now()) {
            assert_eq!(datasets(&read), datasets(&table()), "{at}: {}", String::from_utf8_lossy(&changed));
        }
    }
}

#[test]
fn another_format_is_named_as_such_whatever_it_holds() {
    let read = from_bytes(br#"{"format":2,"everything":"else"}"#, "education", ORIGIN, now());
    assert!(matches!(read, Err(Unreadable::Format(2))), "{read:?}");
}

#[test]
fn the_versions_of_another_portal_are_not_taken_for_this_ones() {
    let bytes = to_bytes(&table(), "education", ORIGIN);
    for (portal, origin) in [("sports", ORIGIN), ("education", "https://other.example/")] {
        assert!(matches!(from_bytes(&bytes, portal, origin, now()), Err(Unreadable::Foreign { .. })));
    }
}

#[tokio::test]
async fn what_is_kept_is_there_the_next_time_and_the_last_one_wins() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("versions");
    let (file, before) = open(&place);
    assert_eq!(datasets(&before), []);
    let last = Table::recalled([("last".into(), dataset(Version::Null))]);
    kept(&file, [table(), Table::recalled([("between".into(), dataset(Version::Null))]), last.clone()]).await;
    assert_eq!(datasets(&open(&place).1), datasets(&last));
    kept(&file, [table()]).await;
    assert_eq!(datasets(&open(&place).1), datasets(&table()), "it writes again after it had nothing to write");
    let names: Vec<_> = fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["education.json"], "nothing is left beside it");
}

#[test]
fn a_file_that_cannot_be_read_is_set_aside_and_the_table_begins_empty() {
    let future = br#"{"format":99}"#.to_vec();
    let foreign = to_bytes(&table(), "education", "https://other.example/");
    for content in [Vec::new(), b"\0\0\0".to_vec(), b"{}".to_vec(), future, foreign] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("education.json");
        fs::write(&path, &content).unwrap();
        assert_eq!(datasets(&open(dir.path()).1), []);
        assert!(!path.exists());
        assert_eq!(fs::read(dir.path().join("education.json.bad")).unwrap(), content);
    }
}

#[tokio::test]
async fn what_cannot_be_written_stops_nothing_and_is_written_later() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("versions");
    fs::write(&place, "a file where the directory should be").unwrap();
    let (file, before) = open(&place);
    assert_eq!(datasets(&before), []);
    kept(&file, [table()]).await;
    fs::remove_file(&place).unwrap();
    kept(&file, [table()]).await;
    assert_eq!(datasets(&open(&place).1), datasets(&table()));
}

#[test]
fn a_write_that_was_killed_leaves_the_table_before_it() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("education.json"), to_bytes(&table(), "education", ORIGIN)).unwrap();
    fs::write(dir.path().join("education.json.new"), "{\"format\":1,").unwrap();
    assert_eq!(datasets(&open(dir.path()).1), datasets(&table()));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        prop_assert!(from_bytes(&bytes, "education", ORIGIN, now()).is_err());
    }
}
