//! When a fill goes on, and when nobody wants it any more.

use super::*;

const LIMIT: u64 = 1000;

async fn gives_up(receiver: &mut Receiver, len: usize) {
    assert_eq!(receiver.push(content(received(receiver), len)).await, Pushed::Unwanted);
}

#[tokio::test]
async fn between_the_announcement_and_the_first_reader_it_is_wanted_however_long_that_takes() {
    let disk = Disk::of(64 * MIB);
    let (mut receiver, arriving) = receive(disk.incoming().await, None, 0);
    // As a fill announces it, to one who has its turn late.
    let (announced, mut waiter) = tokio::sync::watch::channel(None);
    announced.send_replace(Some(arriving));
    drop(announced);
    push(&mut receiver, 4 * MIB).await;
    let arriving = waiter.wait_for(Option::is_some).await.unwrap().clone().unwrap();
    drop(waiter);
    push(&mut receiver, CHUNK).await;
    let reader = arriving.reader().unwrap();
    drop(arriving);
    push(&mut receiver, CHUNK).await;
    drop(reader);
    gives_up(&mut receiver, 1).await;
}

#[tokio::test]
async fn it_is_unwanted_when_all_leave_before_they_read() {
    let disk = Disk::of(64 * MIB);
    for incoming in [disk.incoming().await, None] {
        let (mut receiver, arriving) = receive(incoming, None, 0);
        let other = arriving.clone();
        drop(arriving);
        push(&mut receiver, 10).await;
        drop(other);
        gives_up(&mut receiver, 10).await;
    }
}

#[tokio::test]
async fn what_was_given_up_stays_so_and_nobody_joins_it() {
    let disk = Disk::of(64 * MIB);
    let (mut receiver, arriving) = receive(disk.incoming().await, None, 0);
    let listed = arriving.listed();
    assert!(listed.join().is_some());
    drop(arriving);
    let joined = listed.join().expect("nobody has asked yet whether it is wanted");
    push(&mut receiver, 10).await;
    drop(joined);
    gives_up(&mut receiver, 10).await;
    assert!(listed.join().is_none());
    gives_up(&mut receiver, 10).await;
    assert!(receiver.finish().await.is_none());
}

#[tokio::test]
async fn one_that_is_on_a_list_is_not_wanted_for_that() {
    let (mut receiver, arriving) = receive(None, None, 0);
    let (listed, other) = (arriving.listed(), arriving.clone().listed());
    assert!(listed == other && listed != receive(None, None, 0).1.listed());
    drop(arriving);
    gives_up(&mut receiver, 1).await;
    drop(receiver);
    assert!(listed.join().is_none());
}

#[tokio::test]
async fn what_is_worth_finishing_is_finished_without_readers() {
    // Stated length, what comes in two pushes, and whether it goes on after the second.
    let rows = [
        (None, [900, 100], true),
        (None, [900, 101], false),
        (Some(1000), [1, 1], true),
        (Some(1001), [1, 1], false),
        (Some(10_000), [8000, 999], false),
        (Some(10_000), [8000, 1000], true),
        (Some(u64::MAX), [1, 1], false),
    ];
    let disk = Disk::of(MIB);
    for (stated, [first, second], goes_on) in rows {
        let (mut receiver, arriving) = receive(disk.incoming().await, stated, LIMIT);
        let reader = arriving.reader().unwrap();
        drop(arriving);
        push(&mut receiver, first).await;
        drop(reader);
        let pushed = receiver.push(content(first, second)).await;
        assert_eq!(pushed == Pushed::Continue, goes_on, "{stated:?} {first} {second}");
    }
}

#[tokio::test]
async fn a_finished_fill_that_nobody_reads_gives_its_file() {
    let disk = Disk::of(MIB);
    let (mut receiver, arriving) = receive(disk.incoming().await, None, LIMIT);
    drop(arriving);
    push(&mut receiver, 1000).await;
    assert_eq!(receiver.finish().await.expect("worth finishing").len(), 1000);
}

#[tokio::test]
async fn without_a_file_nothing_is_worth_finishing() {
    let (mut receiver, arriving) = receive(None, Some(10), LIMIT);
    push(&mut receiver, 9).await;
    drop(arriving);
    gives_up(&mut receiver, 1).await;
}

#[tokio::test]
async fn a_fill_that_waits_for_its_portal_hears_that_the_last_reader_left() {
    let disk = Disk::of(MIB);
    for incoming in [disk.incoming().await, None] {
        let (mut receiver, arriving) = receive(incoming, None, 0);
        let (one, other) = (arriving.reader().unwrap(), arriving.reader().unwrap());
        push(&mut receiver, 10).await;
        let unwanted = tokio::spawn(async move {
            receiver.unwanted().await;
            receiver
        });
        for leaves in [Box::new(one) as Box<dyn std::any::Any>, Box::new(other), Box::new(arriving)] {
            tokio::task::yield_now().await;
            assert!(!unwanted.is_finished());
            drop(leaves);
        }
        gives_up(&mut unwanted.await.unwrap(), 1).await;
    }
}

#[tokio::test]
async fn one_who_can_use_only_the_whole_keeps_it_wanted_while_it_waits() {
    let disk = Disk::of(4 * MIB);
    let (mut receiver, arriving) = receive(disk.incoming().await, None, 0);
    let whole = tokio::spawn(async move {
        arriving.ended().await.unwrap();
        read(&mut arriving.reader().unwrap()).await.0
    });
    push(&mut receiver, 2 * MIB).await;
    receiver.finish().await;
    assert!(whole.await.unwrap() == content(0, 2 * MIB));
}
