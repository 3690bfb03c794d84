use std::io;

use futures_util::{Stream, StreamExt, stream};
use http_body_util::BodyExt;
use tokio::time::{advance, sleep};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn body(source: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Body {
    let patience = Patience { idle: 5 * SECOND, whole: 60 * SECOND, began: Instant::now() };
    Body::arriving(reqwest::Body::wrap_stream(source), patience)
}

/// A piece after each of these pauses, and then nothing, for ever.
fn drip(pauses: impl IntoIterator<Item = Duration, IntoIter: Send + 'static>) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let pieces = stream::iter(pauses).then(|pause| async move {
        sleep(pause).await;
        Ok(Bytes::from_static(b"x"))
    });
    pieces.chain(stream::pending())
}

async fn pieces_until_error(mut body: Body) -> (usize, Error) {
    let mut pieces = 0;
    loop {
        match body.frame().await.expect("it never ends") {
            Ok(_) => pieces += 1,
            Err(error) => {
                assert!(body.frame().await.is_none() && body.is_end_stream());
                return (pieces, error);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_measured_from_the_last_piece() {
    let start = Instant::now();
    let (pieces, error) = pieces_until_error(body(drip([4 * SECOND; 3]))).await;
    assert!(matches!(error, Error::TimedOut { phase: Phase::Idle, .. }), "{error:?}");
    assert_eq!((pieces, start.elapsed().as_secs()), (3, 3 * 4 + 5));
}

#[tokio::test(start_paused = true)]
async fn a_drip_without_pauses_ends_with_the_whole_time() {
    let start = Instant::now();
    let (pieces, error) = pieces_until_error(body(drip(std::iter::repeat(4 * SECOND)))).await;
    assert!(matches!(error, Error::TimedOut { phase: Phase::Whole, .. }), "{error:?}");
    assert_eq!((pieces, start.elapsed().as_secs()), (14, 60));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_slow_to_read_is_not_the_portals_pause() {
    let mut body = body(drip([SECOND; 3]));
    for _ in 0..3 {
        assert!(body.frame().await.unwrap().is_ok());
        advance(10 * SECOND).await;
    }
    let (pieces, error) = pieces_until_error(body).await;
    assert!(matches!((pieces, &error), (0, Error::TimedOut { phase: Phase::Idle, .. })), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn reading_up_to_a_limit_takes_no_longer_than_the_body_may() {
    let start = Instant::now();
    let error = body(drip([SECOND])).complete(10).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { phase: Phase::Idle, .. }), "{error:?}");
    assert_eq!(start.elapsed().as_secs(), 1 + 5);
}

#[tokio::test]
async fn a_failure_met_while_reading_ahead_comes_after_what_was_read() {
    let pieces = [Ok(Bytes::from_static(b"a")), Ok(Bytes::from_static(b"b")), Err(io::Error::other("cut"))];
    let mut body = body(stream::iter(pieces));
    body.read_ahead(100).await;
    assert_eq!((body.peek(), body.is_here()), (Bytes::from_static(b"ab"), false));
    assert!(matches!(pieces_until_error(body).await, (2, Error::Truncated { received: 2, .. })));
}

#[tokio::test]
async fn the_length_of_what_is_here_already_is_known() {
    let body = Body::from(Bytes::from_static(b"hello"));
    assert_eq!(body.size_hint().exact(), Some(5));
    assert!(matches!(body.complete(5).await, Ok(Completed::Whole(bytes)) if bytes == "hello"));
    assert!(matches!(Body::from(Bytes::from_static(b"hello")).complete(4).await, Ok(Completed::Larger(_))));
}
