//! Which part of a body a request asks for (RFC 9110 section 14), and the body cut to it.

use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::RANGE;
use http::{HeaderMap, Method};
use http_body::{Body, Frame, SizeHint};

/// What a request asks for of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// All of it: no range, one that is malformed, or several, which a server may ignore (section 14.2).
    Whole,
    /// These bytes; not empty and within the body.
    Part(Range<u64>),
    /// Bytes that the body does not have.
    Unsatisfiable,
}

impl Asked {
    /// Reads the request's `Range` for a body of `length` bytes. Of GET alone: nothing else has ranges.
    pub fn of(method: &Method, fields: &HeaderMap, length: u64) -> Self {
        let mut lines = fields.get_all(RANGE).iter();
        match (lines.next(), lines.next()) {
            (Some(line), None) if method == Method::GET => line.to_str().ok().map_or(Self::Whole, |line| Self::parse(line, length)),
            _ => Self::Whole,
        }
    }

    fn parse(line: &str, length: u64) -> Self {
        let spec = line.split_once('=').filter(|(unit, _)| unit.trim().eq_ignore_ascii_case("bytes")).map(|(_, spec)| spec.trim());
        let Some((first, last)) = spec.and_then(|spec| spec.split_once('-')) else { return Self::Whole };
        let (first, last) = (first.trim(), last.trim());
        if ![first, last].iter().all(|text| text.bytes().all(|byte| byte.is_ascii_digit())) {
            return Self::Whole;
        }
        // More digits than fit mean a position behind every body.
        let position = |text: &str| text.parse::<u64>().unwrap_or(u64::MAX);
        match (first, last) {
            ("", "") => Self::Whole,
            ("", suffix) => match position(suffix).min(length) {
                0 => Self::Unsatisfiable,
                suffix => Self::Part(length - suffix..length),
            },
            (first, last) => {
                let first = position(first);
                let end = if last.is_empty() { length } else { position(last).saturating_add(1).min(length) };
                if !last.is_empty() && position(last) < first {
                    Self::Whole
                } else if first >= length {
                    Self::Unsatisfiable
                } else {
                    Self::Part(first..end)
                }
            }
        }
    }
}

/// A part of a body that can only be read from its beginning.
#[derive(Debug)]
pub struct Part<B> {
    body: B,
    skip: u64,
    left: u64,
}

impl<B> Part<B> {
    /// `range` of `body`.
    pub fn new(body: B, range: &Range<u64>) -> Self {
        Self { body, skip: range.start, left: range.end - range.start }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Part<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        while self.left > 0 {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                // A body that ends too early is shorter than the head said: the connection notices.
                end => return Poll::Ready(end),
            };
            let Ok(mut data) = frame.into_data() else { continue };
            let skipped = self.skip.min(data.len() as u64);
            self.skip -= skipped;
            // Both are at most the length of a piece in memory.
            data = data.slice(skipped as usize..);
            data.truncate(self.left.min(data.len() as u64) as usize);
            if !data.is_empty() {
                self.left -= data.len() as u64;
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http::HeaderValue;
    use http_body_util::{BodyExt, StreamBody};
    use proptest::prelude::*;

    use super::*;

    fn asked(text: &str, length: u64) -> Asked {
        Asked::of(&Method::GET, &HeaderMap::from_iter([(RANGE, HeaderValue::from_str(text).unwrap())]), length)
    }

    #[test]
    fn ranges_are_read_as_section_14_says() {
        for (text, length, expected) in [
            ("bytes=0-0", 10, Asked::Part(0..1)),
            ("bytes=0-", 10, Asked::Part(0..10)),
            ("BYTES = 3-99", 10, Asked::Part(3..10)),
            ("bytes=-3", 10, Asked::Part(7..10)),
            ("bytes=-99", 10, Asked::Part(0..10)),
            ("bytes=9-18446744073709551615", 10, Asked::Part(9..10)),
            ("bytes=9-99999999999999999999", 10, Asked::Part(9..10)),
            ("bytes=-99999999999999999999", 10, Asked::Part(0..10)),
            ("bytes=10-", 10, Asked::Unsatisfiable),
            ("bytes=99999999999999999999-", 10, Asked::Unsatisfiable),
            ("bytes=-0", 10, Asked::Unsatisfiable),
            ("bytes=0-", 0, Asked::Unsatisfiable),
            ("bytes=5-3", 10, Asked::Whole),
            ("bytes=-", 10, Asked::Whole),
            ("bytes=+1-2", 10, Asked::Whole),
            ("bytes=0-1,3-4", 10, Asked::Whole),
            ("bytes=cow", 10, Asked::Whole),
            ("rows=0-1", 10, Asked::Whole),
        ] {
            assert_eq!(asked(text, length), expected, "{text} of {length}");
        }
        let fields = HeaderMap::from_iter([(RANGE, HeaderValue::from_static("bytes=0-0"))]);
        assert_eq!(Asked::of(&Method::HEAD, &fields, 10), Asked::Whole);
    }

    proptest! {
        #[test]
        fn a_part_is_the_slice_however_the_body_is_cut(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 0..20),
            cut in any::<(proptest::sample::Index, proptest::sample::Index)>(),
        ) {
            let whole = chunks.concat();
            prop_assume!(!whole.is_empty());
            let (a, b) = (cut.0.index(whole.len()), cut.1.index(whole.len()));
            let range = a.min(b) as u64..a.max(b) as u64 + 1;
            let stream = futures_util::stream::iter(chunks.into_iter().map(|chunk| Ok::<_, Infallible>(Frame::data(Bytes::from(chunk)))));
            let part = Part::new(StreamBody::new(stream), &range);
            let got = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(part.collect()).unwrap().to_bytes();
            prop_assert_eq!(&got[..], &whole[range.start as usize..range.end as usize]);
        }
    }
}
