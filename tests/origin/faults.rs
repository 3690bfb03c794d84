//! What a portal that misbehaves leads to: an error of its own, charged, and never a body that looks whole.

use bytes::Bytes;
use http_body_util::BodyExt;
use preau::origin::{Call, CodingFault, Completed, Decoded, Error, Limits, Phase, checked};

use super::raw_portal::{Caller, HELLO, RawPortal, origin, whole};
use super::{SHORT, gzip, text};

#[tokio::test]
async fn a_portal_that_is_silent_is_left_after_the_first_byte_timeout() {
    let portal = RawPortal::start(|mut connection| async move {
        connection.head().await;
        connection.wait_for_close().await;
    })
    .await;
    let caller = Caller::of(&portal, &preau::config::Origin { first_byte_timeout: SHORT, ..origin() });
    let error = caller.fetch(Call::get("/")).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { phase: Phase::FirstByte, after: SHORT }) && error.is_charged(), "{error:?}");
    assert_eq!((caller.used(), portal.received()), (1, 1));
    let caller = Caller::of(&portal, &preau::config::Origin { whole_timeout: SHORT, ..origin() });
    let error = caller.fetch(Call::get("/")).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { phase: Phase::Whole, .. }), "{error:?}");
}

#[tokio::test]
async fn a_body_that_pauses_too_long_is_an_error() {
    for said in ["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"]
    {
        let portal = RawPortal::start(move |mut connection| async move {
            connection.head().await;
            connection.say(said).await;
            connection.wait_for_close().await;
        })
        .await;
        let caller = Caller::of(&portal, &preau::config::Origin { idle_timeout: SHORT, ..origin() });
        let error = caller.body(Call::get("/")).await.unwrap_err();
        assert!(matches!(error, Error::TimedOut { phase: Phase::Idle, after: SHORT }), "{error:?}");
        assert_eq!(caller.used(), 1);
    }
}

#[tokio::test]
async fn a_body_that_never_ends_is_left_after_the_whole_timeout() {
    let portal = RawPortal::start(|mut connection| async move {
        connection.head().await;
        connection.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        while connection.say("1\r\nx\r\n").await {}
    })
    .await;
    let caller = Caller::of(&portal, &preau::config::Origin { whole_timeout: SHORT, ..origin() });
    let mut body = caller.fetch(Call::get("/")).await.unwrap().body;
    let error = loop {
        match body.frame().await.unwrap() {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::TimedOut { phase: Phase::Whole, after: SHORT }), "{error:?}");
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn what_is_cut_or_framed_wrongly_is_never_whole() {
    for said in [
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloworld\r\n0\r\n\r\n",
    ] {
        let portal = RawPortal::answering_once(said).await;
        let caller = Caller::of(&portal, &origin());
        let answer = caller.fetch(Call::get("/")).await.unwrap();
        let error = whole(answer.body).await.unwrap_err();
        assert!(matches!(error, Error::Truncated { .. }) && error.is_charged(), "{said:?}: {error:?}");
        // Nor when it is passed on.
        let answer = caller.fetch(Call::get("/")).await.unwrap();
        match answer.body.complete(2).await {
            Ok(Completed::Larger(body)) => assert!(body.collect().await.is_err(), "{said:?}"),
            Ok(Completed::Whole(_)) => panic!("{said:?}"),
            Err(_) => {}
        }
        assert_eq!(caller.used(), 2);
    }
}

#[tokio::test]
async fn a_length_that_is_too_short_is_caught_by_the_gzip() {
    let body = gzip(&text(1000));
    let said =
        [format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", body.len() - 9).as_bytes(), &body].concat();
    let portal = RawPortal::answering_once(said).await;
    let caller = Caller::of(&portal, &origin());
    let answer = caller.fetch(Call::get("/")).await.unwrap();
    let received = Bytes::from(whole(answer.body).await.unwrap());
    assert_eq!(checked(&received, &answer.coding, Limits::default()), Err(CodingFault::BadGzip));
    let answer = caller.fetch(Call::get("/")).await.unwrap();
    assert!(matches!(Decoded::new(answer.body).collect().await, Err(Error::Coding(CodingFault::BadGzip))));
}

#[tokio::test]
async fn what_stands_behind_an_answer_is_never_taken_for_the_next_one() {
    let portal = RawPortal::answering(format!("{HELLO}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")).await;
    let caller = Caller::of(&portal, &origin());
    for _ in 0..50 {
        if let Ok(body) = caller.body(Call::get("/")).await {
            assert_eq!(body, b"hello");
        }
    }
    assert_eq!(caller.used(), 50);
}

#[tokio::test]
async fn a_head_that_is_not_http_is_malformed() {
    for said in [
        "\r\n\r\n\r\nwhat?\r\n\r\n",
        "<html>\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nNo colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-Nul: a\0b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-Cr: a\rb\r\n\r\n",
        "HTTP/1.1 200 OK\r\nSpace : a\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
    ] {
        let portal = RawPortal::answering_once(said).await;
        let caller = Caller::of(&portal, &origin());
        let error = caller.fetch(Call::get("/")).await.unwrap_err();
        assert!(matches!(error, Error::Malformed(_)) && error.is_charged(), "{said:?}: {error:?}");
        assert_eq!(caller.used(), 1);
    }
}

#[tokio::test]
async fn a_head_without_bounds_is_refused() {
    let many: String = (0..200).map(|number| format!("X-{number}: 1\r\n")).collect();
    let large = format!("X-Large: {}\r\n", "x".repeat(1 << 20));
    for fields in [many, large] {
        let portal = RawPortal::answering_once(format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{fields}\r\n")).await;
        let caller = Caller::of(&portal, &origin());
        let error = caller.fetch(Call::get("/")).await.unwrap_err();
        assert!(matches!(error, Error::HeadTooLarge(_)) && error.is_charged(), "{error:?}");
    }
}

#[tokio::test]
async fn interim_answers_are_skipped_and_a_flood_of_them_is_left() {
    let portal =
        RawPortal::answering_once(format!("HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n{HELLO}")).await;
    let caller = Caller::of(&portal, &origin());
    assert_eq!(caller.body(Call::get("/")).await.unwrap(), b"hello");

    let (left, seen) = tokio::sync::mpsc::unbounded_channel();
    let portal = RawPortal::start(move |mut connection| {
        let left = left.clone();
        async move {
            connection.head().await;
            while connection.say("HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n").await {}
            let _ = left.send(());
        }
    })
    .await;
    let mut seen = seen;
    let caller = Caller::of(&portal, &preau::config::Origin { first_byte_timeout: SHORT, ..origin() });
    let error = caller.fetch(Call::get("/")).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { phase: Phase::FirstByte, .. }), "{error:?}");
    // The connection is closed too.
    assert_eq!(seen.recv().await, Some(()));
}

#[tokio::test]
async fn an_answer_that_switches_protocols_is_not_one() {
    let portal = RawPortal::answering_once("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nbytes").await;
    let caller = Caller::of(&portal, &origin());
    let error = caller.fetch(Call::get("/")).await.unwrap_err();
    assert!(matches!(error, Error::SwitchedProtocols) && error.is_charged(), "{error:?}");
    assert_eq!(caller.used(), 1);
}
