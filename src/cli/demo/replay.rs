//! Asks the demonstration's questions as a few clients do, each on a connection of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, HOST};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use tokio::task::JoinSet;

use super::tally::{Answer, Tally};
use crate::cli::connection;

/// Clients at once: enough that questions meet on their way and share a call.
const CLIENTS: usize = 16;

/// Asks all `questions`, in order, whoever is free taking the next.
///
/// # Errors
///
/// A connection that broke: over the loopback that is a fault.
pub async fn replay(mirror: SocketAddr, questions: Arc<[&'static str]>) -> anyhow::Result<Tally> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(client(mirror, Arc::clone(&questions), Arc::clone(&next), number % 2 == 0));
    }
    let mut tally = Tally::default();
    while let Some(answers) = clients.join_next().await {
        answers??.into_iter().for_each(|answer| tally.add(answer));
    }
    Ok(tally)
}

async fn client(mirror: SocketAddr, questions: Arc<[&'static str]>, next: Arc<AtomicUsize>, gzip: bool) -> anyhow::Result<Vec<Answer>> {
    let mut sender = connection::to(mirror).await?;
    let mut answers = Vec::new();
    while let Some(&target) = questions.get(next.fetch_add(1, Ordering::Relaxed)) {
        if sender.ready().await.is_err() {
            sender = connection::to(mirror).await?;
        }
        let mut request = Request::get(target).header(HOST, mirror.to_string());
        if gzip {
            request = request.header(ACCEPT_ENCODING, "gzip");
        }
        let began = Instant::now();
        let response: Response<Incoming> = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
        let (head, body) = response.into_parts();
        let bytes = body.collect().await?.to_bytes().len();
        answers.push(Answer::of(target, &head, bytes, began.elapsed()));
    }
    Ok(answers)
}
