//! Which parts of a body a request asks for (RFC 9110 section 14), and the body cut to one of them.

use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::RANGE;
use http::{HeaderMap, Method};
use http_body::{Body, Frame, SizeHint};

/// The request's `Range`, before anything is known of the body.
#[derive(Clone, Copy, Debug)]
pub struct Ranges<'a>(&'a str);

/// What a request asks for of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// All of it: the range is malformed, or there are so many that a server may ignore them (section 14.2).
    Whole,
    /// These bytes; not empty and within the body.
    Part(Range<u64>),
    /// Several such parts in the order in which they are asked for. They neither overlap nor touch.
    Parts(Vec<Range<u64>>),
    /// Bytes that the body does not have.
    Unsatisfiable,
}

/// Parts of one answer. Who asks for more is after something else than the bytes (section 17.15).
const MOST_PARTS: usize = 16;

impl<'a> Ranges<'a> {
    /// The ranges that a request asks for, if it does. Of GET alone: nothing else has ranges.
    pub fn of(method: &Method, fields: &'a HeaderMap) -> Option<Self> {
        let mut lines = fields.get_all(RANGE).iter();
        match (lines.next(), lines.next()) {
            (Some(line), None) if method == Method::GET => {
                let (unit, set) = line.to_str().ok()?.split_once('=')?;
                unit.trim().eq_ignore_ascii_case("bytes").then_some(Self(set))
            }
            _ => None,
        }
    }

    /// Whether there is more than one.
    pub fn are_several(&self) -> bool {
        self.0.contains(',')
    }

    /// What they mean for a body of `length` bytes. One member that is malformed spoils all; those that the body does not reach are left out.
    pub fn within(&self, length: u64) -> Asked {
        let mut satisfiable = Vec::new();
        let mut any = false;
        for (place, member) in self.0.split(',').map(str::trim).filter(|member| !member.is_empty()).enumerate() {
            any = true;
            match range(member, length) {
                None => return Asked::Whole,
                Some(range) if range.is_empty() => {}
                Some(range) => satisfiable.push((range, place)),
            }
        }
        let mut parts = coalesced(satisfiable);
        match parts.len() {
            0 if any => Asked::Unsatisfiable,
            1 => Asked::Part(parts.remove(0)),
            2..=MOST_PARTS => Asked::Parts(parts),
            _ => Asked::Whole,
        }
    }
}

/// The bytes that one member of the set means; none of them if the body does not have them; nothing if it is malformed.
fn range(member: &str, length: u64) -> Option<Range<u64>> {
    let (first, last) = member.split_once('-')?;
    let (first, last) = (first.trim(), last.trim());
    if ![first, last].iter().all(|text| text.bytes().all(|byte| byte.is_ascii_digit())) {
        return None;
    }
    // More digits than fit mean a position behind every body.
    let position = |text: &str| text.parse::<u64>().unwrap_or(u64::MAX);
    match (first, last) {
        ("", "") => None,
        ("", suffix) => Some(length - position(suffix).min(length)..length),
        (first, "") => Some(position(first).min(length)..length),
        (first, last) => {
            let (first, last) = (position(first), position(last));
            (first <= last).then(|| first.min(length)..last.saturating_add(1).min(length))
        }
    }
}

/// Ranges that overlap or touch made one, each in the place of the first of those it is made of (section 15.3.7.2).
fn coalesced(mut ranges: Vec<(Range<u64>, usize)>) -> Vec<Range<u64>> {
    ranges.sort_by_key(|(range, _)| range.start);
    let mut merged: Vec<(Range<u64>, usize)> = Vec::with_capacity(ranges.len().min(MOST_PARTS));
    for (range, place) in ranges {
        match merged.last_mut() {
            Some((last, first_place)) if range.start <= last.end => {
                last.end = last.end.max(range.end);
                *first_place = place.min(*first_place);
            }
            _ => merged.push((range, place)),
        }
    }
    merged.sort_by_key(|(_, place)| *place);
    merged.into_iter().map(|(range, _)| range).collect()
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
        let fields = HeaderMap::from_iter([(RANGE, HeaderValue::from_str(text).unwrap())]);
        Ranges::of(&Method::GET, &fields).map_or(Asked::Whole, |ranges| ranges.within(length))
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
            ("bytes=", 10, Asked::Whole),
            ("bytes=,", 10, Asked::Whole),
            ("bytes=+1-2", 10, Asked::Whole),
            ("bytes=cow", 10, Asked::Whole),
            ("rows=0-1", 10, Asked::Whole),
            // Several.
            ("bytes=0-1,3-4", 10, Asked::Parts(vec![0..2, 3..5])),
            ("bytes= -2 ,, 0-0, ", 10, Asked::Parts(vec![8..10, 0..1])),
            ("bytes=0-1,2-4", 10, Asked::Part(0..5)),
            ("bytes=5-9,7-,0-5", 10, Asked::Part(0..10)),
            ("bytes=8-8,0-1,4-4,1-2", 10, Asked::Parts(vec![8..9, 0..3, 4..5])),
            ("bytes=0-0,10-", 10, Asked::Part(0..1)),
            ("bytes=10-,-0", 10, Asked::Unsatisfiable),
            ("bytes=0-0,5-3", 10, Asked::Whole),
            ("bytes=0-0,cow", 10, Asked::Whole),
        ] {
            assert_eq!(asked(text, length), expected, "{text} of {length}");
        }
        let fields = HeaderMap::from_iter([(RANGE, HeaderValue::from_static("bytes=0-0"))]);
        assert!(Ranges::of(&Method::HEAD, &fields).is_none());
        let twice = [(RANGE, HeaderValue::from_static("bytes=0-0")), (RANGE, HeaderValue::from_static("bytes=2-2"))];
        assert!(Ranges::of(&Method::GET, &twice.into_iter().collect()).is_none());
    }

    #[test]
    fn more_parts_than_anybody_needs_are_none() {
        let every_other = |count: u64| (0..count).map(|at| format!("{0}-{0}", at * 2)).collect::<Vec<_>>().join(",");
        assert!(matches!(asked(&format!("bytes={}", every_other(16)), 10_000), Asked::Parts(parts) if parts.len() == 16));
        assert_eq!(asked(&format!("bytes={}", every_other(17)), 10_000), Asked::Whole);
        let overlapping = (0..1000).map(|at| format!("{at}-")).collect::<Vec<_>>().join(",");
        assert_eq!(asked(&format!("bytes={overlapping}"), 10_000), Asked::Part(0..10_000));
    }

    proptest! {
        #[test]
        fn parts_are_the_bytes_asked_for_each_once_and_within_the_body(
            asked_for in proptest::collection::vec((0_u64..40, 0_u64..40), 1..12),
            length in 0_u64..30,
        ) {
            let text = asked_for.iter().map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))).collect::<Vec<_>>().join(",");
            let wanted: Vec<u64> = (0..length).filter(|at| asked_for.iter().any(|(a, b)| (a.min(b)..=a.max(b)).contains(&at))).collect();
            let parts = match asked(&format!("bytes={text}"), length) {
                Asked::Part(part) => vec![part],
                Asked::Parts(parts) => parts,
                Asked::Unsatisfiable => Vec::new(),
                Asked::Whole => return Err(TestCaseError::fail("it is not malformed, and no more than 12")),
            };
            let mut got: Vec<u64> = parts.into_iter().flatten().collect();
            got.sort();
            prop_assert_eq!(got, wanted);
        }

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
