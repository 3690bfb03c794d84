//! An end that reads.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::task::{JoinHandle, spawn_blocking};

use super::state::Next;
use super::{Broken, Shared};

/// The body, from its beginning, at its reader's own speed. Dropped, it is a reader less.
///
/// It ends cleanly only if the whole has been given out and the fill said that it was the whole. A broken one gives what is there, and then
/// its error, however often it is asked.
#[derive(Debug)]
pub struct Reader {
    shared: Arc<Shared>,
    seat: u64,
    position: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
    unreadable: Option<Broken>,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>, seat: u64) -> Self {
        Self { shared, seat, position: 0, reading: None, unreadable: None }
    }
}

impl Body for Reader {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        loop {
            if let Some(error) = &self.unreadable {
                return Poll::Ready(Some(Err(error.clone())));
            }
            if let Some(reading) = &mut self.reading {
                let read = ready!(Pin::new(reading).poll(cx)).unwrap_or_else(|error| Err(io::Error::other(error)));
                self.reading = None;
                match read {
                    Ok(data) => return Poll::Ready(Some(Ok(self.advance(data)))),
                    Err(error) => {
                        tracing::warn!(%error, "what was stored of a large answer cannot be read back");
                        self.unreadable = Some(Broken::Unreadable(Arc::new(error)));
                        continue;
                    }
                }
            }
            match self.shared.next(self.seat, self.position, cx.waker()) {
                Next::Data(data) => return Poll::Ready(Some(Ok(self.advance(data)))),
                Next::OnFile(file, len) => {
                    let position = self.position;
                    self.reading = Some(spawn_blocking(move || read(&file, position, len)));
                }
                Next::Wait => return Poll::Pending,
                Next::End(Ok(())) => return Poll::Ready(None),
                Next::End(Err(broken)) => return Poll::Ready(Some(Err(broken))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        let state = self.shared.lock();
        self.unreadable.is_none() && matches!(state.end(), Some(Ok(()))) && self.position == state.received()
    }

    fn size_hint(&self) -> SizeHint {
        if self.unreadable.is_some() {
            return SizeHint::default();
        }
        match self.shared.lock().length() {
            Some(length) => SizeHint::with_exact(length - self.position),
            None => SizeHint::default(),
        }
    }
}

impl Reader {
    fn advance(&mut self, data: Bytes) -> Frame<Bytes> {
        self.position += data.len() as u64;
        Frame::data(data)
    }
}

fn read(file: &File, position: u64, len: usize) -> io::Result<Bytes> {
    let mut data = vec![0; len];
    file.read_exact_at(&mut data, position)?;
    Ok(data.into())
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shared.leave(self.seat);
    }
}
