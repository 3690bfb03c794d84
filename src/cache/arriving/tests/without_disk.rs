//! No disk, or one that fills up on the way: the pace of the slowest, in bounded memory.

use tokio::time::{Duration, Instant, timeout};

use super::*;

/// Pushes until it would have to wait.
async fn fill_up(receiver: &mut Receiver) {
    loop {
        let chunk = content(received(receiver), CHUNK);
        match receiver.push(chunk).now_or_never() {
            Some(pushed) => assert_eq!(pushed, Pushed::Continue),
            None => break,
        }
        assert!(received(receiver) < 64 * MIB, "it never waits");
    }
    assert!(in_memory(receiver) > MIB && in_memory(receiver) <= MIB + CHUNK, "{}", in_memory(receiver));
}

/// Waits for room without pushing anything.
async fn room(receiver: &mut Receiver) -> Pushed {
    receiver.push(Bytes::new()).await
}

#[tokio::test]
async fn without_a_file_the_slowest_reader_sets_the_pace() {
    let (mut receiver, arriving) = receive(None, None, 0);
    let (mut slow, mut fast) = (arriving.reader().unwrap(), arriving.reader().unwrap());
    drop(arriving);
    let fast = tokio::spawn(async move { read(&mut fast).await });
    fill_up(&mut receiver).await;
    for _ in 0..9 {
        assert!(room(&mut receiver).now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    let mut got = Vec::new();
    while got.len() < 3 * MIB {
        got.extend_from_slice(&next(&mut slow).await.unwrap().unwrap());
        // For the fast one to catch up.
        tokio::task::yield_now().await;
        if room(&mut receiver).now_or_never().is_some() {
            fill_up(&mut receiver).await;
        }
    }
    let slow = tokio::spawn(async move {
        let (rest, end) = read(&mut slow).await;
        got.extend_from_slice(&rest);
        (got, end)
    });
    push(&mut receiver, MIB).await;
    let len = received(&receiver);
    assert!(receiver.finish().await.is_none());
    for reader in [slow, fast] {
        let (read, end) = reader.await.unwrap();
        assert!(read == content(0, len) && end.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_joins_once_the_beginning_is_gone() {
    let (mut receiver, arriving) = receive(None, None, 0);
    let mut first = arriving.reader().unwrap();
    push(&mut receiver, MIB - CHUNK).await;
    let mut second = arriving.reader().expect("all of it is still here");
    tokio::spawn(async move { read(&mut first).await });
    tokio::spawn(async move { read(&mut second).await });
    push(&mut receiver, MIB).await;
    assert!(arriving.reader().is_none() && arriving.listed().join().is_none());
    let late = arriving.clone();
    let began = Instant::now();
    push(&mut receiver, 2 * MIB).await;
    assert!(late.reader().is_none() && began.elapsed().is_zero(), "nor does the handle of a latecomer hold up anything");
}

#[tokio::test]
async fn the_beginning_is_kept_for_one_who_has_been_told_and_not_had_its_turn() {
    let (mut receiver, arriving) = receive(None, None, 0);
    let late = arriving.clone();
    let mut fast = arriving.reader().unwrap();
    let fast = tokio::spawn(async move { read(&mut fast).await });
    fill_up(&mut receiver).await;
    tokio::task::yield_now().await;
    assert!(room(&mut receiver).now_or_never().is_none());
    let mut late = late.reader().expect("it was told at the beginning");
    let late = tokio::spawn(async move { read(&mut late).await });
    push(&mut receiver, MIB).await;
    let len = received(&receiver);
    receiver.finish().await;
    for reader in [fast, late] {
        assert!(reader.await.unwrap().0 == content(0, len));
    }
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_handle_holds_up_the_others_for_a_while_only() {
    let (mut receiver, forgotten) = receive(None, None, 0);
    let mut reader = forgotten.clone().reader().unwrap();
    let reading = tokio::spawn(async move { read(&mut reader).await });
    let began = Instant::now();
    timeout(Duration::from_secs(60), push(&mut receiver, 4 * MIB)).await.expect("it ends");
    assert_eq!(began.elapsed(), Duration::from_secs(10));
    assert!(forgotten.reader().is_none());
    receiver.finish().await;
    assert!(reading.await.unwrap().0 == content(0, 4 * MIB));
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_handle_alone_ends_the_fill_when_the_window_is_full() {
    let (mut receiver, _forgotten) = receive(None, None, 0);
    fill_up(&mut receiver).await;
    assert_eq!(timeout(Duration::from_secs(60), room(&mut receiver)).await, Ok(Pushed::Unwanted));
}

#[tokio::test]
async fn a_push_that_waits_for_the_last_reader_hears_that_it_left() {
    let (mut receiver, arriving) = receive(None, None, 0);
    let reader = arriving.reader().unwrap();
    drop(arriving);
    fill_up(&mut receiver).await;
    let waiting = tokio::spawn(async move { room(&mut receiver).await });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    drop(reader);
    assert_eq!(waiting.await.unwrap(), Pushed::Unwanted);
}

#[tokio::test(start_paused = true)]
async fn the_last_chunk_does_not_wait_for_the_byte_that_is_kept_back() {
    let (mut receiver, arriving) = receive(None, Some(2 * MIB as u64), 0);
    let mut reader = arriving.reader().unwrap();
    let reading = tokio::spawn(async move { read(&mut reader).await });
    // One piece, larger than the window, and its reader takes all but its last byte.
    let pushed = timeout(Duration::from_secs(60), receiver.push(content(0, 2 * MIB))).await;
    assert_eq!(pushed, Ok(Pushed::Continue));
    receiver.finish().await;
    assert!(matches!(reading.await.unwrap(), (read, Ok(())) if read == content(0, 2 * MIB)));
}

#[tokio::test]
async fn one_who_can_use_only_the_whole_gets_it_if_it_fits_into_the_window() {
    for (len, fits) in [(MIB, true), (MIB + 1, false)] {
        let (mut receiver, arriving) = receive(None, None, 0);
        let whole = tokio::spawn(async move {
            arriving.ended().await?;
            Ok(read(&mut arriving.reader().unwrap()).await.0)
        });
        tokio::task::yield_now().await;
        push(&mut receiver, MIB).await;
        assert_eq!(receiver.push(content(MIB, len - MIB)).await == Pushed::Continue, fits);
        receiver.finish().await;
        match whole.await.unwrap() {
            Ok(read) => assert!(fits && read == content(0, len)),
            Err(error) => assert!(!fits && matches!(error, Broken::Unwanted)),
        }
    }
}

#[tokio::test]
async fn a_disk_that_fills_up_midway_still_serves_those_who_are_behind() {
    let disk = Disk::of(3 * MIB);
    let (mut receiver, arriving) = receive(disk.incoming().await, None, u64::MAX);
    let (mut slow, mut fast) = (arriving.reader().unwrap(), arriving.reader().unwrap());
    let fast = tokio::spawn(async move { read(&mut fast).await });
    push(&mut receiver, 3 * MIB).await;
    // What is left of the disk is less than what the window holds back.
    let more = tokio::spawn(async move {
        push(&mut receiver, 3 * MIB).await;
        receiver
    });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!more.is_finished(), "it waits for the slow one");
    let mut late = arriving.reader().expect("the beginning is on the disk");
    drop(arriving);
    let late = tokio::spawn(async move { read(&mut late).await });
    let slow = tokio::spawn(async move { read(&mut slow).await });
    let mut receiver = more.await.unwrap();
    push(&mut receiver, 3 * MIB).await;
    assert!(receiver.state().file().is_none(), "everybody is past it, so the file is given back");
    assert!(receiver.finish().await.is_none());
    for reader in [slow, fast, late] {
        let (read, end) = reader.await.unwrap();
        assert!(read == content(0, 9 * MIB) && end.is_ok());
    }
}

#[tokio::test]
async fn a_disk_that_fills_up_under_a_fill_that_nobody_reads_ends_it() {
    let disk = Disk::of(2 * MIB);
    let (mut receiver, arriving) = receive(disk.incoming().await, None, u64::MAX);
    drop(arriving);
    push(&mut receiver, MIB).await;
    while receiver.push(content(received(&receiver), CHUNK)).await == Pushed::Continue {
        assert!(received(&receiver) <= 4 * MIB);
    }
}

#[tokio::test]
async fn a_disk_that_fills_up_at_the_very_end_costs_the_file_and_no_answer() {
    let disk = Disk::of(2 * MIB);
    let (mut receiver, arriving) = receive(disk.incoming().await, None, u64::MAX);
    let mut slow = arriving.reader().unwrap();
    push(&mut receiver, 2 * MIB + 1).await;
    assert!(receiver.finish().await.is_none());
    let (read, end) = read(&mut slow).await;
    assert!(read == content(0, 2 * MIB + 1) && end.is_ok());
}
