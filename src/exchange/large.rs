//! A fill whose body is larger than is buffered: to disk and to all who wait, while it arrives. What a key unlocked goes to no disk.

use std::sync::{Arc, OnceLock};

use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;

use super::Mirror;
use super::apart;
use super::failures::Failed;
use super::fetch::{Outcome, about, failed, is_withdrawal, note_withdrawal, varies};
use crate::cache::arriving::{self, Arriving, Listed, Pushed, Receiver};
use crate::cache::disk::{Head, Incoming};
use crate::cache::fill::Lead;
use crate::cache::inspection::{Inspected, Inspection};
use crate::cache::key::CacheKey;
use crate::cache::representation;
use crate::cache::storable::{NotStored, right_kind, storable};
use crate::cache::stored_response::Asked;
use crate::origin::{self, Answer, Coding};
use crate::portal::Portal;
use crate::request::question::Question;
use crate::response::fields;
use crate::team::TeamId;

/// A large answer under way.
#[derive(Debug)]
pub struct Large {
    /// The portal's status.
    pub status: StatusCode,
    /// The head as clients get it.
    pub headers: HeaderMap,
    /// The coding that it is received in.
    pub coding: Coding,
    /// What was known when its call left.
    pub asked: Asked,
    /// Whether it can be what was asked for, by its head.
    pub right: bool,
    /// The body, for whoever joins.
    pub body: Listed,
    broken: Arc<OnceLock<Dropped>>,
}

impl Large {
    /// What the call that brings it failed with, if it did. Set before anybody can find the body broken.
    pub(super) fn failure(&self) -> Option<Arc<origin::Error>> {
        match self.broken.get()? {
            Dropped::Broken(error) => Some(Arc::clone(error)),
            Dropped::Unwanted => None,
        }
    }
}

/// Why a large body that was under way is not kept.
#[derive(Debug, thiserror::Error)]
enum Dropped {
    #[error(transparent)]
    Broken(Arc<origin::Error>),
    #[error("nobody reads it any more, and it is too long to be finished for its own sake")]
    Unwanted,
}

impl<E: Into<origin::Error>> From<E> for Dropped {
    fn from(error: E) -> Self {
        Self::Broken(Arc::new(error.into()))
    }
}

/// Receives the rest of `answer`: announces it to all who wait for `lead`, passes it on, and keeps it if it proves whole and right.
///
/// The end is told to readers only after everything that can be proven of the body is; a body that breaks off before, or turns out not to be
/// what its coding says, breaks off for all of them.
pub(super) async fn receive(
    mirror: &Mirror,
    portal: &Portal,
    question: &Question,
    lead: Lead<CacheKey, Outcome, TeamId>,
    asked: Asked,
    answer: Answer,
) {
    let Answer { status, mut headers, content_length, coding, delimited, body } = answer;
    let stored_in = match coding {
        Coding::Gzip => Some(representation::Coding::Gzip),
        Coding::Identity => Some(representation::Coding::Identity),
        // Nothing of it can be checked.
        Coding::Unknown(_) => None,
    };
    let right = status == StatusCode::OK && right_kind(&question.endpoint, &headers);
    if is_withdrawal(status) {
        mirror.store.remove(lead.key());
    }
    note_withdrawal(mirror, portal, question, status, &headers);
    let links = portal.links_in(question, status, &headers);
    let inspection = Inspection::new(&coding, links).ok();
    let from_portal = headers.clone();
    fields::for_clients(&mut headers, varies(question), apart::audience(question));

    let incoming = mirror.store.incoming(lead.key(), content_length).await;
    let (receiver, first) = arriving::receive(incoming, content_length, mirror.cache.finish_limit);
    let listed = first.listed();
    let broken = Arc::new(OnceLock::new());
    let large =
        Large { status, headers: headers.clone(), coding, asked: asked.clone(), right, body: listed.clone(), broken: Arc::clone(&broken) };
    let failed = failed(status, right);
    if failed.is_some() {
        // Before anybody hears of it: whoever has the whole answer finds the question left alone.
        mirror.failures.note(lead.key(), failed.clone(), mirror.clock.read().elapsed);
    }
    lead.announce(Outcome::Arriving(Arc::new(large)));

    let mut pump = std::pin::pin!(pump(body, receiver, inspection, listed, &broken));
    let received = tokio::select! {
        received = &mut pump => received,
        // Until then the first handle stands for all who waited, so that nobody finds the body given up before they had their turn.
        () = lead.heard() => {
            // Where a stale answer was given on the strength of this one, it is wanted to its end: else that answer is never replaced, and every
            // asker of it pays for a call that is dropped.
            let wanted = Some(first).filter(|_| right && lead.is_promised());
            let received = pump.await;
            drop(wanted);
            received
        }
    };
    let Received { inspected, incoming, joinable } = match received {
        Ok(received) => received,
        Err(Gone) => {
            let family = question.endpoint.family().name();
            tracing::warn!(
                portal = portal.name,
                family,
                reason = broken.get().map(tracing::field::display),
                "a large answer was not received to its end"
            );
            if let Some(Dropped::Broken(error)) = broken.get() {
                mirror.failures.note(lead.key(), Some(Failed::Call(Arc::clone(error))), mirror.clock.read().elapsed);
            }
            return;
        }
    };
    if let (Some(inspected), Some(incoming), Some(coding)) = (inspected, incoming, stored_in) {
        let judged = if delimited || coding == representation::Coding::Gzip {
            storable(&question.endpoint, status, &from_portal, inspected.ends(), &mirror.cache)
        } else {
            Err(NotStored::Undelimited)
        };
        match judged {
            Ok((_, max_age)) => {
                let Inspected { identity_len, digest, links, .. } = inspected;
                let now = mirror.clock.read();
                let before = mirror.stored(portal, question, lead.key(), now.elapsed).await;
                let same_bytes = before.is_some_and(|before| before.has_bytes_of(asked.stamp.as_ref(), digest));
                let (asked_at, stored_at, stamp) = (asked.at.wall(), now.now, asked.stamp);
                let head =
                    Head { status, fields: headers, coding, identity_len, digest, links, asked_at, stored_at, stamp, same_bytes, max_age };
                mirror.store.keep(lead.key().clone(), head, about(portal, question), incoming);
            }
            Err(why) => tracing::info!(portal = portal.name, reason = why.token(), "a large answer is not stored"),
        }
    }
    if failed.is_none() {
        mirror.failures.note(lead.key(), None, mirror.clock.read().elapsed);
    }
    // Whoever comes from here on finds it in the store; whoever joined before, and has not had its turn yet, finds it here.
    lead.end().heard().await;
    drop(joinable);
}

/// A body that was received whole.
struct Received {
    inspected: Option<Inspected>,
    /// Its file, if the disk took it all.
    incoming: Option<Incoming>,
    /// Lets those who still find the fill on the list join it.
    joinable: Option<Arriving>,
}

/// A body that was not received whole; why is in [`Large::broken`].
struct Gone;

/// Passes a body on to its end, looking at every byte. Says why it does not come to that before the readers hear that it is broken.
async fn pump(
    body: origin::Body,
    mut receiver: Receiver,
    mut inspection: Option<Inspection>,
    listed: Listed,
    broken: &OnceLock<Dropped>,
) -> Result<Received, Gone> {
    let passed = pass_on(body, &mut receiver, &mut inspection).await;
    let inspected = passed.and_then(|()| Ok(inspection.map(Inspection::finish).transpose()?));
    match inspected {
        Ok(inspected) => {
            let joinable = listed.join();
            Ok(Received { inspected, incoming: receiver.finish().await, joinable })
        }
        Err(dropped) => {
            broken.get_or_init(|| dropped);
            Err(Gone)
        }
    }
}

async fn pass_on(mut body: origin::Body, receiver: &mut Receiver, inspection: &mut Option<Inspection>) -> Result<(), Dropped> {
    loop {
        let frame = tokio::select! {
            frame = body.frame() => frame,
            () = receiver.unwanted() => return Err(Dropped::Unwanted),
        };
        let Some(frame) = frame else { return Ok(()) };
        let Ok(data) = frame?.into_data() else { continue };
        if let Some(inspection) = inspection {
            inspection.push(&data)?;
        }
        if receiver.push(data).await == Pushed::Unwanted {
            return Err(Dropped::Unwanted);
        }
    }
}
