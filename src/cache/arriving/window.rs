//! The newest part of a body, in memory, shared by all who read it.

use std::collections::VecDeque;

use bytes::Bytes;

/// A run of bytes that ends where the body ends so far. Positions count from the body's beginning.
#[derive(Debug)]
pub(super) struct Window {
    pieces: VecDeque<Piece>,
    end: u64,
    /// Pieces smaller than this are joined with their neighbours, so that a portal that sends byte by byte costs its bytes and not a piece's
    /// book-keeping, or a receive buffer, for each.
    small: usize,
}

#[derive(Debug)]
struct Piece {
    start: u64,
    data: Bytes,
}

impl Piece {
    fn end(&self) -> u64 {
        self.start + self.data.len() as u64
    }
}

impl Window {
    /// An empty one, that joins pieces smaller than `small`.
    pub(super) fn new(small: usize) -> Self {
        Self { pieces: VecDeque::new(), end: 0, small }
    }

    /// The position of the oldest byte that is here, or of the next one to come.
    pub(super) fn start(&self) -> u64 {
        self.pieces.front().map_or(self.end, |piece| piece.start)
    }

    /// The position of the next byte to come.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Bytes that are here.
    pub(super) fn len(&self) -> u64 {
        self.end - self.start()
    }

    /// Adds what comes next.
    pub(super) fn push(&mut self, data: Bytes) {
        if data.is_empty() {
            return;
        }
        self.end += data.len() as u64;
        let mut piece = Piece { start: self.end - data.len() as u64, data };
        // Only with neighbours that are not much longer, as a binary counter carries: each byte is copied a few times at most.
        while let Some(last) = self.pieces.pop_back_if(|last| joins(last, &piece, self.small)) {
            piece = Piece { start: last.start, data: [last.data, piece.data].concat().into() };
        }
        self.pieces.push_back(piece);
    }

    /// What follows `position`, as far as it is in one piece. Nothing if `position` is not in the window.
    pub(super) fn at(&self, position: u64) -> Option<Bytes> {
        let after = self.pieces.partition_point(|piece| piece.start <= position);
        let piece = self.pieces.get(after.checked_sub(1)?)?;
        (position < piece.end()).then(|| piece.data.slice(offset(piece, position)..))
    }

    /// All that follows `position`, or the window's start if that is later.
    pub(super) fn since(&self, position: u64) -> Vec<Bytes> {
        let first = self.pieces.partition_point(|piece| piece.end() <= position);
        self.pieces.range(first..).map(|piece| piece.data.slice(offset(piece, position.max(piece.start))..)).collect()
    }

    /// Drops the oldest pieces until no more than `keep` bytes are left, but nothing that ends behind `floor`.
    pub(super) fn trim(&mut self, keep: u64, floor: u64) {
        while self.len() > keep && self.pieces.pop_front_if(|piece| piece.end() <= floor).is_some() {}
    }

    #[cfg(test)]
    pub(super) fn pieces(&self) -> usize {
        self.pieces.len()
    }
}

fn joins(last: &Piece, next: &Piece, small: usize) -> bool {
    last.data.len() < small && next.data.len() < small && last.data.len() <= 2 * next.data.len()
}

fn offset(piece: &Piece, position: u64) -> usize {
    usize::try_from(position - piece.start).expect("a position inside a piece is within its length")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: usize = 16 * 1024;

    fn of(pieces: &[&'static [u8]]) -> Window {
        let mut window = Window::new(SMALL);
        pieces.iter().for_each(|piece| window.push(Bytes::from_static(piece)));
        window
    }

    #[test]
    fn every_position_in_the_window_leads_to_its_bytes() {
        let mut window = of(&[b"abcdefgh", b"", b"ij", b"k"]);
        assert_eq!(window.pieces(), 2, "an empty piece is none, and small ones are joined unless the first is much longer");
        let read = |window: &Window, mut position: u64| {
            let mut read = Vec::new();
            while let Some(data) = window.at(position) {
                position += data.len() as u64;
                read.extend_from_slice(&data);
            }
            read
        };
        for position in 0..=11 {
            let rest = &b"abcdefghijk"[position..];
            assert_eq!(read(&window, position as u64), rest);
            assert_eq!(window.since(position as u64).concat(), rest);
        }
        window.trim(4, 11);
        assert_eq!((window.start(), window.end(), window.len()), (8, 11, 3));
        assert_eq!(window.at(7), None);
        assert_eq!(window.since(0).concat(), b"ijk");
    }

    #[test]
    fn nothing_behind_the_floor_is_dropped_and_nothing_that_fits() {
        let mut window = of(&[b"abcdefgh", b"ij", b"k"]);
        window.trim(0, 9);
        assert_eq!(window.start(), 8);
        window.trim(3, 11);
        assert_eq!(window.start(), 8);
        window.trim(0, 11);
        assert_eq!((window.start(), window.len()), (11, 0));
        window.push(Bytes::from_static(b"l"));
        assert_eq!(window.at(11).as_deref(), Some(&b"l"[..]));
    }

    #[test]
    fn a_portal_that_sends_byte_by_byte_makes_few_pieces() {
        let mut window = Window::new(SMALL);
        let mut most = 0;
        for n in 0..200_000_u32 {
            // From a buffer of its own each, as it would come from the network.
            window.push(vec![n as u8].into());
            most = most.max(window.pieces());
        }
        assert!(most <= 200_000 / SMALL + 17, "{most}");
        assert!(window.since(0).concat().iter().enumerate().all(|(n, byte)| *byte == n as u8));
    }
}
