//! The end that fills.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use super::state::Flow;
use super::{Broken, Shared};
use crate::cache::disk::Incoming;

/// So long a full window waits, without a file, for an asker that has been told of the body and neither reads nor leaves. An asker needs
/// no more than its turn on the processor; this is for one that has forgotten its handle.
const BEGINNERS_WITHIN: Duration = Duration::from_secs(10);

/// The fill's end of a body: takes in what arrives, and says that it is whole.
///
/// Dropped without [`finish`](Self::finish), the body is broken, and no reader ends cleanly.
#[must_use = "dropped, it breaks the body"]
pub struct Receiver {
    shared: Arc<Shared>,
    disk: Disk,
}

/// What a fill is to do after a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Pushed {
    /// Go on.
    Continue,
    /// Stop: nobody reads any more and it is not worth finishing, or more came than was stated. The body is broken; a later asker does not
    /// get it.
    Unwanted,
}

enum Disk {
    /// None, or none any more.
    None,
    Idle(Incoming),
    Writing(JoinHandle<Wrote>),
}

struct Wrote {
    incoming: Incoming,
    bytes: u64,
    result: io::Result<()>,
}

impl Receiver {
    pub(super) fn new(shared: Arc<Shared>, incoming: Option<Incoming>) -> Self {
        Self { shared, disk: incoming.map_or(Disk::None, Disk::Idle) }
    }

    /// Takes in what has arrived, and waits until there is room for more: for the disk if there is one, else for the slowest reader.
    ///
    /// The data is taken before the future is made, and readers have it at once: a future that is dropped loses nothing, it only did not
    /// wait. Whoever drops futures and pushes on without ever waiting has no bound on memory.
    pub fn push(&mut self, data: Bytes) -> impl Future<Output = Pushed> + Send {
        self.shared.take_in(data);
        self.settle()
    }

    /// Resolves once nobody wants the body any more, and breaks it: for a fill that waits for its portal meanwhile. Cancel-safe.
    pub async fn unwanted(&self) {
        while self.shared.flow() != Flow::Ended {
            self.shared.moved.notified().await;
        }
    }

    /// Ends the body as whole: readers that have read all end cleanly now. Then writes the rest to the file, and gives it back with all of
    /// the body, or nothing if the disk would not take it all.
    ///
    /// A body whose length is not the stated one, and one that is unwanted already, is broken and gives nothing. If the future is dropped
    /// before it is polled, the body is broken; if later, it has ended cleanly and its file is lost.
    pub async fn finish(mut self) -> Option<Incoming> {
        if !self.shared.finish() {
            return None;
        }
        loop {
            self.written().await;
            if !self.start_writing(1) {
                break;
            }
        }
        match std::mem::replace(&mut self.disk, Disk::None) {
            Disk::Idle(incoming) => Some(incoming),
            Disk::None | Disk::Writing(_) => None,
        }
    }

    #[cfg(test)]
    pub(super) fn state(&self) -> std::sync::MutexGuard<'_, super::State> {
        self.shared.lock()
    }

    /// Waits for room.
    async fn settle(&mut self) -> Pushed {
        loop {
            if self.has_written() {
                self.written().await;
            }
            self.start_writing(self.shared.sizes.block);
            match self.shared.flow() {
                Flow::Ended => return Pushed::Unwanted,
                Flow::Room => return Pushed::Continue,
                // Less than a block can be in the way too, if it is part of a larger piece.
                Flow::Full if self.is_writing() || self.start_writing(1) => self.written().await,
                Flow::Full => {
                    // A permit is kept for what moved since.
                    if timeout(BEGINNERS_WITHIN, self.shared.moved.notified()).await.is_err() {
                        self.shared.lock().lapse();
                    }
                }
            }
        }
    }

    /// Writes all that is in memory only, if it is as much as `least` and nothing is being written. Returns whether it does.
    fn start_writing(&mut self, least: u64) -> bool {
        let Disk::Idle(_) = self.disk else { return false };
        let Some(data) = self.shared.lock().unwritten(least) else { return false };
        let Disk::Idle(incoming) = std::mem::replace(&mut self.disk, Disk::None) else { return false };
        self.disk = Disk::Writing(spawn_blocking(move || write(incoming, data)));
        true
    }

    fn is_writing(&self) -> bool {
        matches!(self.disk, Disk::Writing(_))
    }

    fn has_written(&self) -> bool {
        matches!(&self.disk, Disk::Writing(writing) if writing.is_finished())
    }

    /// Waits for what is being written, if anything is. Cancel-safe.
    async fn written(&mut self) {
        let Disk::Writing(writing) = &mut self.disk else { return };
        let wrote = writing.await;
        self.disk = Disk::None;
        let (remains, error) = match wrote {
            Ok(Wrote { incoming, bytes, result }) => {
                self.shared.lock().wrote(bytes);
                match result {
                    Ok(()) => {
                        self.disk = Disk::Idle(incoming);
                        return;
                    }
                    Err(error) => (Some(incoming), error),
                }
            }
            Err(error) => (None, io::Error::other(error)),
        };
        tracing::warn!(%error, "a large answer cannot be stored; its readers go on without the disk");
        self.shared.lock().stop_storing(remains);
    }
}

fn write(mut incoming: Incoming, data: Vec<Bytes>) -> Wrote {
    let mut bytes = 0;
    for piece in data {
        if let Err(error) = incoming.append(&piece) {
            return Wrote { incoming, bytes, result: Err(error) };
        }
        bytes += piece.len() as u64;
    }
    Wrote { incoming, bytes, result: Ok(()) }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Disk::Idle(incoming) = std::mem::replace(&mut self.disk, Disk::None) {
            self.shared.lock().stop_storing(Some(incoming));
        }
        self.shared.end_with(Err(Broken::Off));
    }
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receiver").field("shared", &self.shared).finish_non_exhaustive()
    }
}
