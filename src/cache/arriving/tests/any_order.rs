//! Whatever the chunks, the speeds, the moments of joining and leaving, and the disk: exactly the bytes, or an error.

use proptest::collection::vec;
use proptest::prelude::*;
use tokio::time::Duration;

use super::*;

/// What the lengths below count in: as little as a store can be small.
const UNIT: usize = 1021;

/// So small that most bodies have everything in them that can happen.
const WINDOW: u64 = 64 * UNIT as u64;
const BLOCK: u64 = 16 * UNIT as u64;

/// A store that fills up midway of most bodies.
const SCARCE: usize = 500 * UNIT;

#[derive(Clone, Debug)]
struct Plan {
    chunks: Vec<usize>,
    states_length: bool,
    /// Smaller pieces are joined: none, few, or beyond what is written at a time.
    small: usize,
    storing: Storing,
    readers: Vec<Visit>,
    clean: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Storing {
    Whole,
    Some,
    Nothing,
}

/// One reader: when it comes, after how many bytes it leaves, and how long it dallies after each frame.
#[derive(Clone, Debug)]
struct Visit {
    at_chunk: usize,
    leaves_at: Option<usize>,
    dallies: Vec<u8>,
}

/// What became of it.
#[derive(Debug)]
struct Visited {
    read: Vec<u8>,
    /// Nothing for one who left.
    end: Option<Result<(), Broken>>,
}

fn plans() -> impl Strategy<Value = Plan> {
    let visit = (0..60_usize, proptest::option::of(0..900 * UNIT), vec(0..12_u8, 1..6));
    let visit = visit.prop_map(|(at_chunk, leaves_at, dallies)| Visit { at_chunk, leaves_at, dallies });
    let storing = prop_oneof![Just(Storing::Whole), Just(Storing::Some), Just(Storing::Nothing)];
    let small = prop_oneof![Just(0), Just(8 * UNIT), Just(100 * UNIT)];
    let chunks = vec((1..60_usize).prop_map(|units| units * UNIT), 0..60);
    (chunks, any::<bool>(), small, storing, vec(visit, 0..6), any::<bool>())
        .prop_map(|(chunks, states_length, small, storing, readers, clean)| Plan { chunks, states_length, small, storing, readers, clean })
}

async fn visit(mut reader: Reader, visit: Visit) -> Visited {
    let mut read = Vec::new();
    for dallies in visit.dallies.iter().cycle() {
        if visit.leaves_at.is_some_and(|at| read.len() >= at) {
            return Visited { read, end: None };
        }
        match next(&mut reader).await {
            Some(Ok(data)) => read.extend_from_slice(&data),
            Some(Err(error)) => return Visited { read, end: Some(Err(error)) },
            None => return Visited { read, end: Some(Ok(())) },
        }
        for _ in 0..*dallies {
            tokio::task::yield_now().await;
        }
    }
    unreachable!("a cycle has no end");
}

async fn carry_out(plan: Plan, longest: &Bytes, ample: &Disk, scarce: &Disk) {
    let sizes = Sizes { window: WINDOW, block: BLOCK, small: plan.small };
    let whole = longest.slice(..plan.chunks.iter().sum::<usize>());
    let incoming = match plan.storing {
        Storing::Whole => ample.incoming().await,
        Storing::Some => scarce.incoming().await,
        Storing::Nothing => None,
    };
    let (mut receiver, arriving) = receive_sized(sizes, incoming, plan.states_length.then_some(whole.len() as u64), 0);
    let listed = arriving.listed();
    // One stays from the beginning to the end.
    let steady = Visit { at_chunk: 0, leaves_at: None, dallies: vec![3] };
    let mut visits = vec![tokio::spawn(visit(arriving.reader().unwrap(), steady))];
    drop(arriving);
    let mut at = 0;
    for (n, chunk) in plan.chunks.iter().enumerate() {
        for coming in plan.readers.iter().filter(|coming| coming.at_chunk == n) {
            match listed.join() {
                Some(arriving) => {
                    let reader = arriving.reader().expect("joined, it has the beginning");
                    visits.push(tokio::spawn(visit(reader, coming.clone())));
                }
                None => assert!(plan.storing != Storing::Whole && !receiver.state().has_beginning()),
            }
        }
        assert_eq!(receiver.push(whole.slice(at..at + chunk)).await, Pushed::Continue);
        at += chunk;
        // After the last of a stated length nothing needs room.
        assert!(in_memory(&receiver) as u64 <= WINDOW || (plan.states_length && at == whole.len()));
    }
    let stored = if plan.clean {
        receiver.finish().await
    } else {
        drop(receiver);
        None
    };
    for visited in visits {
        let Visited { read, end } = visited.await.unwrap();
        assert!(whole.starts_with(&read));
        match end {
            None => {}
            Some(Ok(())) => assert!(plan.clean && read == whole),
            Some(Err(error)) => {
                let missing = usize::from(plan.states_length && !whole.is_empty());
                assert!(!plan.clean && matches!(error, Broken::Off) && read.len() == whole.len() - missing, "{error}");
            }
        }
    }
    match plan.storing {
        // The store may need some of it for itself.
        Storing::Some => assert!(stored.is_none() || (plan.clean && whole.len() <= SCARCE)),
        storing => assert_eq!(stored.is_some(), plan.clean && storing == Storing::Whole),
    }
    if let Some(incoming) = stored {
        assert_eq!(incoming.len(), whole.len() as u64);
        let mut file = vec![0; whole.len()];
        std::os::unix::fs::FileExt::read_exact_at(&*incoming.file(), &mut file, 0).unwrap();
        assert!(file == whole);
    }
}

#[test]
fn every_reader_gets_exactly_the_bytes_or_an_error() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let (ample, scarce) = runtime.block_on(async { (Disk::of(64 * MIB), Disk::of(SCARCE)) });
    let longest = content(0, 60 * 60 * UNIT);
    let config = ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(plan in plans())| {
        runtime.block_on(async {
            // Nothing in it takes time.
            let carried_out = tokio::time::timeout(Duration::from_secs(1), carry_out(plan, &longest, &ample, &scarce));
            carried_out.await.expect("nobody waits in vain");
        });
    });
}
