//! The disk store over real directories.

use std::path::Path;
use std::sync::Mutex;

use http::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_TYPE};
use http_body_util::BodyExt;

use super::*;
use crate::cache::key::Partition;
use crate::cache::representation::Coding;
use crate::cache::validation::Digest;
use crate::portal::links::Replaced;
use crate::request::credential::Credential;
use crate::request::endpoint::classify;
use crate::request::query::{RawQuery, RuleSwitches, canonicalise};

mod damage;
mod keeping;
mod kill;
mod limits;
mod purge;
mod trouble;

const PORTAL: &str = "education";

/// Ends the writer as a kill would, after so many steps.
#[derive(Debug, Default)]
pub(super) struct Death(Mutex<Dying>);

#[derive(Debug, Default)]
struct Dying {
    /// Steps left; `None`: it lives.
    left: Option<usize>,
    dead: bool,
    at: &'static str,
}

impl Death {
    pub fn step(&self, at: &'static str) {
        let mut dying = self.0.lock().unwrap();
        match dying.left {
            None => return,
            Some(0) => {
                dying.dead = true;
                dying.at = at;
            }
            Some(left) => {
                dying.left = Some(left - 1);
                return;
            }
        }
        drop(dying);
        // Without the panic's message.
        std::panic::resume_unwind(Box::new("killed"));
    }

    pub fn is_dead(&self) -> bool {
        self.0.lock().unwrap().dead
    }

    pub fn after(&self, steps: usize) {
        self.0.lock().unwrap().left = Some(steps);
    }

    pub fn at(&self) -> &'static str {
        self.0.lock().unwrap().at
    }
}

/// A key of its own for each name.
pub(super) fn key_of(name: &str) -> CacheKey {
    let endpoint = classify("/api/wfs").unwrap();
    let query = canonicalise(&endpoint, RawQuery::parse(&format!("name={name}")).unwrap(), &RuleSwitches::default()).unwrap();
    CacheKey::new(PORTAL, "https://portal.example", &Partition::of(&Credential::Anonymous).unwrap(), &endpoint, &query.query, None, &[])
}

/// A head that says which entry and how long it is.
fn head_of(name: &str, len: usize) -> Head {
    Head {
        status: StatusCode::OK,
        fields: HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_str(name).unwrap())]),
        coding: Coding::Identity,
        identity_len: len as u64,
        digest: Digest([7; 16]),
        links: Some(Replaced { count: 1, bytes: 2, escaped: 0 }),
        asked_at: "2026-03-01T09:59:59Z".parse().unwrap(),
        stored_at: "2026-03-01T10:00:00Z".parse().unwrap(),
        stamp: None,
        same_bytes: false,
        max_age: None,
    }
}

fn about(name: &str) -> About {
    About { portal: PORTAL.to_owned(), dataset: Some(format!("d-{name}")), family: "records", target: format!("/api/{name}") }
}

/// Bytes that differ from one name to the next and from one block to the next.
fn body_of(name: &str, len: usize) -> Bytes {
    let mut state = crc32fast::hash(name.as_bytes()) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).flatten().take(len).collect::<Vec<u8>>().into()
}

fn entry(name: &str, len: usize) -> Entry {
    Entry { head: head_of(name, len), about: about(name), body: body_of(name, len) }
}

const LIMITS: Limits = Limits { bytes: 64 * 1024 * 1024, entries: 10_000, free_bytes: 0 };

/// A directory in memory where there is one: what is tested is the order in which things are written, and not the disk.
fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn open(dir: &Path) -> DiskStore {
    DiskStore::open(dir, LIMITS)
}

fn put(store: &DiskStore, name: &str, len: usize) {
    store.put(key_of(name), entry(name, len));
}

/// Receives a body in pieces and keeps it.
async fn keep(store: &DiskStore, name: &str, len: usize) -> Arc<BodyFile> {
    let mut incoming = store.incoming().await.unwrap();
    let body = body_of(name, len);
    let incoming = tokio::task::spawn_blocking(move || {
        for piece in body.chunks(50_000) {
            incoming.append(piece).unwrap();
        }
        incoming
    });
    store.keep(key_of(name), head_of(name, len), about(name), incoming.await.unwrap())
}

/// The whole body of what was found, if it can be read.
async fn whole(body: &Body) -> std::io::Result<Bytes> {
    match body {
        Body::Bytes(bytes) => Ok(bytes.clone()),
        Body::File(file) => Ok(file.read(0..u64::MAX).collect().await?.to_bytes()),
    }
}

/// Asserts that the entry is there and right.
async fn assert_has(store: &DiskStore, name: &str, len: usize) {
    let found = store.get(&key_of(name)).await.unwrap_or_else(|| panic!("{name} is not found"));
    assert_eq!(found.head, head_of(name, len), "{name}");
    assert!(whole(&found.body).await.unwrap() == body_of(name, len), "{name}");
}

/// Names of all files below a directory of the store.
fn files(dir: &Path, below: &str) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![dir.join(below)];
    while let Some(dir) = left.pop() {
        for entry in std::fs::read_dir(dir).into_iter().flatten() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() { left.push(entry.path()) } else { found.push(entry.path()) }
        }
    }
    found.sort();
    found
}

/// The one file of a body that there is.
fn only_body(dir: &Path) -> std::path::PathBuf {
    let files = files(dir, "bodies");
    assert_eq!(files.len(), 1, "{files:?}");
    files.into_iter().next().unwrap()
}

/// The index, for looking at and tampering with while the store is closed.
fn index(dir: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(dir.join("index.sqlite")).unwrap()
}

/// What each entry in the index names as its file must be there, and nothing else.
fn assert_agree(dir: &Path) {
    let index = index(dir);
    let mut statement = index.prepare("SELECT serial, file_bytes FROM entry WHERE file_bytes > 0").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))).unwrap();
    let mut named: Vec<_> = rows
        .map(|row| {
            let (serial, bytes) = row.unwrap();
            let path = Layout::new(dir).body(u64::try_from(serial).unwrap());
            assert_eq!(std::fs::metadata(&path).unwrap().len(), u64::try_from(bytes).unwrap());
            path
        })
        .collect();
    named.sort();
    assert_eq!(named, files(dir, "bodies"));
    assert_eq!(files(dir, "incoming"), Vec::<std::path::PathBuf>::new());
}

/// Asserts that the entry has one of the lengths it was stored with and is right to the byte, or is not found, or that its body ends with an
/// error.
async fn assert_right_or_missing(store: &DiskStore, name: &str, lens: &[usize]) {
    let Some(found) = store.get(&key_of(name)).await else { return };
    let len = found.head.identity_len as usize;
    assert!(lens.contains(&len), "{name}: {len}");
    assert_eq!(found.head, head_of(name, len), "{name}");
    if let Ok(body) = whole(&found.body).await {
        assert!(body == body_of(name, len), "{name}");
    }
}

/// Copies a directory file by file, as it is at that instant or while it changes.
fn copy_tree(from: &Path, to: &Path) {
    for file in files(from, "") {
        let copy = to.join(file.strip_prefix(from).unwrap());
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        // It may be gone by now.
        let _ = std::fs::copy(&file, &copy);
    }
}
