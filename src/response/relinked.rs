//! A body whose links are rewritten while it passes.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};

use crate::portal::links::Rewriter;

/// A body with its links rewritten. Its end comes with the end of the body below, an error of that one at once.
#[derive(Debug)]
pub struct Relinked<B> {
    body: B,
    /// None once the body is over.
    rewriter: Option<Rewriter>,
}

impl<B> Relinked<B> {
    /// `body`, an identity body, as `rewriter` writes it.
    pub fn new(body: B, rewriter: Rewriter) -> Self {
        Self { body, rewriter: Some(rewriter) }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Relinked<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        while let Some(mut rewriter) = self.rewriter.take() {
            let mut written = Vec::new();
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Pending => {
                    self.rewriter = Some(rewriter);
                    return Poll::Pending;
                }
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        rewriter.push(&data, &mut written);
                    }
                    self.rewriter = Some(rewriter);
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) => {
                    rewriter.finish(&mut written);
                }
            }
            if !written.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(written.into()))));
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.rewriter.is_none()
    }
}
