use std::future::poll_fn;
use std::pin::Pin;

use futures_util::{FutureExt as _, poll};
use http_body::Body as _;
use tempfile::TempDir;

use super::*;
use crate::cache::disk::{DiskStore, Limits};

mod any_order;
mod wanted;
mod without_disk;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// A chunk as the network might give it.
const CHUNK: usize = 50_000;

/// Room for a body in a store of `bytes`.
struct Disk {
    store: DiskStore,
    _dir: TempDir,
}

impl Disk {
    fn of(bytes: usize) -> Self {
        let dir = TempDir::new().unwrap();
        let store = DiskStore::open(dir.path(), Limits { bytes: bytes as u64, entries: 100, free_bytes: 0 });
        Self { store, _dir: dir }
    }

    async fn incoming(&self) -> Option<Incoming> {
        Some(self.store.incoming().await.expect("the disk has room"))
    }
}

/// The bytes of a body from `start` on: no two blocks or pieces of it are alike.
fn content(start: usize, len: usize) -> Bytes {
    (start..start + len).map(|n| (n ^ (n >> 8) ^ (n >> 16)) as u8).collect()
}

async fn next(reader: &mut Reader) -> Option<Result<Bytes, Broken>> {
    poll_fn(|cx| Pin::new(&mut *reader).poll_frame(cx)).await.map(|frame| frame.map(|frame| frame.into_data().unwrap()))
}

/// What a reader gets without waiting for the fill. Of what is on the file, nothing.
fn next_now(reader: &mut Reader) -> Option<Option<Result<Bytes, Broken>>> {
    next(reader).now_or_never()
}

/// Reads to the end, whatever it is.
async fn read(reader: &mut Reader) -> (Vec<u8>, Result<(), Broken>) {
    let mut read = Vec::new();
    loop {
        match next(reader).await {
            Some(Ok(data)) => read.extend_from_slice(&data),
            Some(Err(error)) => return (read, Err(error)),
            None => return (read, Ok(())),
        }
    }
}

/// Pushes `len` bytes from where the body is, all of them wanted.
async fn push(receiver: &mut Receiver, len: usize) {
    let start = received(receiver);
    for at in (start..start + len).step_by(CHUNK) {
        let chunk = content(at, CHUNK.min(start + len - at));
        assert_eq!(receiver.push(chunk).await, Pushed::Continue);
        // The readers' turn, where there is one thread.
        tokio::task::yield_now().await;
    }
}

fn received(receiver: &Receiver) -> usize {
    receiver.state().received() as usize
}

fn in_memory(receiver: &Receiver) -> usize {
    receiver.state().window().len() as usize
}

#[tokio::test]
async fn a_reader_that_stands_still_slows_nobody_and_costs_no_memory() {
    let disk = Disk::of(64 * MIB);
    let (mut receiver, arriving) = receive(disk.incoming().await, None, 0);
    let (mut still, mut fast) = (arriving.reader().unwrap(), arriving.reader().unwrap());
    drop(arriving);
    let fast = tokio::spawn(async move { read(&mut fast).await });
    for _ in 0..160 {
        push(&mut receiver, CHUNK).await;
        assert!(in_memory(&receiver) <= MIB, "{}", in_memory(&receiver));
    }
    assert!(receiver.state().window().start() > 0, "else nothing is shown");
    let incoming = receiver.finish().await.expect("all is on the file");
    assert_eq!(incoming.len(), 160 * CHUNK as u64);
    let expected = content(0, 160 * CHUNK);
    let (fast, end) = fast.await.unwrap();
    assert!(fast == expected && end.is_ok());
    let first = next(&mut still).await.unwrap().unwrap();
    assert_eq!(first.len(), 128 * KIB, "it reads the file by blocks");
    let (rest, end) = read(&mut still).await;
    assert!([&first[..], &rest].concat() == expected && end.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_readers_on_several_threads_all_get_exactly_the_bytes() {
    let disk = Disk::of(64 * MIB);
    let (mut receiver, arriving) = receive(disk.incoming().await, Some(100 * CHUNK as u64), 0);
    let listed = arriving.listed();
    let mut readers = Vec::new();
    for chunk in 0..100 {
        if chunk % 10 == 0 {
            let mut reader = listed.join().unwrap().reader().unwrap();
            readers.push(tokio::spawn(async move {
                let (mut read, mut frames) = (Vec::new(), 0);
                while let Some(data) = next(&mut reader).await {
                    read.extend_from_slice(&data.unwrap());
                    frames += 1;
                    for _ in 0..(frames * chunk) % 7 {
                        tokio::task::yield_now().await;
                    }
                }
                read
            }));
        }
        push(&mut receiver, CHUNK).await;
    }
    assert!(receiver.finish().await.is_some());
    let expected = content(0, 100 * CHUNK);
    for reader in readers {
        assert!(reader.await.unwrap() == expected);
    }
}

#[tokio::test]
async fn a_reader_has_what_arrives_at_once() {
    let (mut receiver, arriving) = receive(None, None, 0);
    let mut reader = arriving.reader().unwrap();
    let waiting = tokio::spawn(async move { next(&mut reader).await });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    drop(receiver.push(Bytes::from_static(b"a")));
    assert_eq!(waiting.await.unwrap().unwrap().unwrap(), "a");
}

#[tokio::test]
async fn one_who_comes_after_the_end_reads_the_whole_and_ends_cleanly() {
    for (disk, len) in [(Some(Disk::of(4 * MIB)), 3 * MIB), (None, MIB)] {
        let incoming = match &disk {
            Some(disk) => disk.incoming().await,
            None => None,
        };
        let (mut receiver, arriving) = receive(incoming, None, 0);
        push(&mut receiver, len).await;
        assert_eq!(receiver.finish().await.is_some(), disk.is_some());
        arriving.ended().await.unwrap();
        let mut reader = arriving.listed().join().unwrap().reader().unwrap();
        assert_eq!(reader.size_hint().exact(), Some(len as u64), "its length is known by now");
        let (read, end) = read(&mut reader).await;
        assert!(read == content(0, len) && end.is_ok());
        assert!(reader.is_end_stream());
        assert!(next(&mut reader).await.is_none());
    }
}

#[tokio::test]
async fn a_fill_that_breaks_off_breaks_every_reader_after_what_is_there() {
    let disk = Disk::of(64 * MIB);
    let (mut receiver, arriving) = receive(disk.incoming().await, None, 0);
    let (mut early, mut late) = (arriving.reader().unwrap(), arriving.reader().unwrap());
    let mut done = tokio::spawn(async move {
        let read = read(&mut early).await;
        (early, read)
    });
    push(&mut receiver, 3 * MIB).await;
    assert!(poll!(&mut done).is_pending(), "no end without `finish`");
    let ended = tokio::spawn({
        let arriving = arriving.clone();
        async move { arriving.ended().await }
    });
    tokio::task::yield_now().await;
    drop(receiver);
    assert!(matches!(ended.await.unwrap(), Err(Broken::Off)));
    let (mut early, early_read) = done.await.unwrap();
    for (read, end) in [early_read, read(&mut late).await] {
        assert!(read == content(0, 3 * MIB));
        assert!(matches!(end, Err(Broken::Off)));
    }
    for reader in [&mut early, &mut late] {
        assert!(matches!(next(reader).await, Some(Err(Broken::Off))), "no clean end for one who asks again");
        assert!(!reader.is_end_stream() && reader.size_hint().exact().is_none());
    }
    assert!(arriving.reader().is_none() && arriving.listed().join().is_none(), "nobody begins a broken body");
}

#[tokio::test]
async fn a_panic_in_the_fill_breaks_the_body() {
    let (mut receiver, arriving) = receive(None, None, 0);
    let mut reader = arriving.reader().unwrap();
    let fill = tokio::spawn(async move {
        push(&mut receiver, 10).await;
        panic!("as a fill might");
    });
    assert!(matches!(read(&mut reader).await, (read, Err(Broken::Off)) if read == content(0, 10)));
    assert!(fill.await.is_err());
}

#[tokio::test]
async fn the_last_byte_of_a_stated_length_is_kept_until_the_end_is_known_to_be_clean() {
    let whole = content(0, 10);
    for clean in [true, false] {
        let (mut receiver, arriving) = receive(None, Some(10), 0);
        let mut reader = arriving.reader().unwrap();
        assert_eq!(reader.size_hint().exact(), Some(10));
        let pushed = receiver.push(whole.clone()).await;
        assert_eq!(pushed, Pushed::Continue);
        assert_eq!(next(&mut reader).await.unwrap().unwrap(), whole[..9]);
        assert_eq!(reader.size_hint().exact(), Some(1));
        assert!(next_now(&mut reader).is_none());
        if clean {
            receiver.finish().await;
            assert!(matches!(read(&mut reader).await, (read, Ok(())) if read == whole[9..]));
        } else {
            drop(receiver);
            assert!(matches!(read(&mut reader).await, (read, Err(Broken::Off)) if read.is_empty()));
        }
    }
}

#[tokio::test]
async fn a_stated_length_that_is_on_the_file_is_kept_back_as_well() {
    let disk = Disk::of(4 * MIB);
    let sizes = Sizes { window: 10, block: 10, small: 0 };
    let (mut receiver, arriving) = receive_sized(sizes, disk.incoming().await, Some(100), 0);
    let mut reader = arriving.reader().unwrap();
    for at in (0..100).step_by(20) {
        assert_eq!(receiver.push(content(at, 20)).await, Pushed::Continue);
    }
    // A piece larger than the window leaves it once it is written.
    while in_memory(&receiver) > 0 {
        assert_eq!(receiver.push(Bytes::new()).await, Pushed::Continue);
        tokio::task::yield_now().await;
    }
    drop(receiver);
    assert!(matches!(read(&mut reader).await, (read, Err(Broken::Off)) if read == content(0, 99)));
}

#[tokio::test]
async fn a_body_of_another_length_than_stated_is_broken() {
    let disk = Disk::of(4 * MIB);
    let (mut receiver, arriving) = receive(disk.incoming().await, Some(10), 1000);
    let mut reader = arriving.reader().unwrap();
    push(&mut receiver, 9).await;
    assert!(receiver.finish().await.is_none());
    assert!(matches!(read(&mut reader).await.1, Err(Broken::OfOtherLength { stated: 10, received: 9 })));

    let (mut receiver, arriving) = receive(disk.incoming().await, Some(10), 1000);
    let mut reader = arriving.reader().unwrap();
    push(&mut receiver, 9).await;
    assert_eq!(receiver.push(content(9, 2)).await, Pushed::Unwanted);
    assert!(receiver.finish().await.is_none());
    let (read, end) = read(&mut reader).await;
    assert!(read == content(0, 9) && matches!(end, Err(Broken::OfOtherLength { stated: 10, received: 11 })));
}

#[tokio::test]
async fn a_push_that_is_dropped_loses_nothing() {
    let disk = Disk::of(4 * MIB);
    for incoming in [disk.incoming().await, None] {
        let stored = incoming.is_some();
        let (mut receiver, arriving) = receive(incoming, None, 0);
        let mut reader = arriving.reader().unwrap();
        drop(arriving);
        let mut reading = tokio::spawn(async move { read(&mut reader).await });
        // Never polled; polled once, and without a file it waits for room; and at last to the end.
        drop(receiver.push(content(0, MIB)));
        let pushed = receiver.push(content(MIB, MIB)).now_or_never();
        assert!(stored || pushed.is_none());
        push(&mut receiver, CHUNK).await;
        assert!(poll!(&mut reading).is_pending());
        assert_eq!(receiver.finish().await.is_some(), stored);
        let (read, end) = reading.await.unwrap();
        assert!(read == content(0, 2 * MIB + CHUNK) && end.is_ok());
    }
}

#[tokio::test]
async fn a_finish_that_is_dropped_has_ended_the_body_all_the_same() {
    let disk = Disk::of(4 * MIB);
    let (mut receiver, arriving) = receive(disk.incoming().await, None, 0);
    let mut reader = arriving.reader().unwrap();
    push(&mut receiver, 300 * KIB).await;
    // Polled once.
    let _ = receiver.finish().now_or_never();
    let (read, end) = read(&mut reader).await;
    assert!(read == content(0, 300 * KIB) && end.is_ok());
}

#[tokio::test]
async fn a_file_that_cannot_be_read_back_breaks_only_who_needs_it() {
    let disk = Disk::of(4 * MIB);
    let (mut receiver, arriving) = receive(disk.incoming().await, None, 0);
    let (mut fast, mut slow) = (arriving.reader().unwrap(), arriving.reader().unwrap());
    let fast = tokio::spawn(async move { read(&mut fast).await });
    push(&mut receiver, 40 * CHUNK).await;
    let incoming = receiver.finish().await.expect("all is on the file");
    incoming.file().set_len(1000).unwrap();
    assert!(matches!(next(&mut slow).await, Some(Err(Broken::Unreadable(_)))));
    assert!(matches!(next(&mut slow).await, Some(Err(Broken::Unreadable(_)))), "for good");
    let (read, end) = fast.await.unwrap();
    assert!(read == content(0, 40 * CHUNK) && end.is_ok());
}
