//! What is learnt of a body while it is received, whatever its size: whether it is what its coding says, how long it is without the coding,
//! its digest, its two ends, and how many links to the portal it carries.
//!
//! Everything that an answer from store will need of the bytes is found out here, once.

use crate::cache::storable::Ends;
use crate::cache::validation::{Digest, Digesting};
use crate::origin::{Coding, CodingFault, Gunzip, Limits};
use crate::portal::links::{Counter, Replaced};

/// An inspection under way.
#[derive(Debug)]
pub struct Inspection {
    gunzip: Option<Gunzip>,
    received: u64,
    links: Option<Counter>,
    digesting: Digesting,
    identity_len: u64,
    start: Vec<u8>,
    end: Vec<u8>,
}

/// What was learnt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// Length of the identity form.
    pub identity_len: u64,
    /// Of the identity form.
    pub digest: Digest,
    /// Links to the portal at their positions, if there are any.
    pub links: Option<Replaced>,
    start: Vec<u8>,
    end: Vec<u8>,
}

/// Decoded bytes up to which the ratio to the received ones does not matter: a dense start proves nothing yet.
const DENSE_START: u64 = 64 << 20;

impl Inspection {
    /// Of a body that is received in `coding`. `links` counts them, where the endpoint's answers have any.
    ///
    /// # Errors
    ///
    /// [`CodingFault::Unknown`]: nothing can be said of such a body.
    pub fn new(coding: &Coding, links: Option<Counter>) -> Result<Self, CodingFault> {
        let gunzip = match coding {
            Coding::Identity => None,
            Coding::Gzip => Some(Gunzip::default()),
            Coding::Unknown(_) => return Err(CodingFault::Unknown),
        };
        let digesting = Digesting::default();
        Ok(Self { gunzip, received: 0, links, digesting, identity_len: 0, start: Vec::new(), end: Vec::new() })
    }

    /// Of an identity body that is here.
    pub fn of(identity: &[u8], links: Option<Counter>) -> Inspected {
        let mut inspection = Self::new(&Coding::Identity, links).expect("identity is known");
        inspection.look(identity);
        inspection.found()
    }

    /// Looks at more of what is received.
    ///
    /// # Errors
    ///
    /// If it contradicts its coding, or grows as only a bomb does.
    pub fn push(&mut self, received: &[u8]) -> Result<(), CodingFault> {
        self.received += received.len() as u64;
        if self.gunzip.is_none() {
            self.look(received);
            return Ok(());
        }
        for slice in received.chunks(Gunzip::SLICE) {
            let Some(gunzip) = &mut self.gunzip else { break };
            let decoded = gunzip.write(slice)?;
            self.look(&decoded);
        }
        let ratio = Limits::default().ratio;
        if self.identity_len > DENSE_START && self.identity_len / ratio as u64 > self.received {
            return Err(CodingFault::RatioTooHigh { ratio });
        }
        Ok(())
    }

    /// The body is over.
    ///
    /// # Errors
    ///
    /// If its coding says otherwise.
    pub fn finish(mut self) -> Result<Inspected, CodingFault> {
        if let Some(gunzip) = self.gunzip.take() {
            let rest = gunzip.finish()?;
            self.look(&rest);
        }
        Ok(self.found())
    }

    fn look(&mut self, identity: &[u8]) {
        self.digesting.update(identity);
        self.identity_len += identity.len() as u64;
        if let Some(links) = &mut self.links {
            links.push(identity);
        }
        let missing = Ends::ENOUGH.saturating_sub(self.start.len()).min(identity.len());
        self.start.extend_from_slice(&identity[..missing]);
        let newest = &identity[identity.len().saturating_sub(Ends::ENOUGH)..];
        self.end.drain(..(self.end.len() + newest.len()).saturating_sub(Ends::ENOUGH));
        self.end.extend_from_slice(newest);
    }

    fn found(self) -> Inspected {
        let links = self.links.map(Counter::finish).filter(|replaced| replaced.count > 0);
        Inspected { identity_len: self.identity_len, digest: self.digesting.finish(), links, start: self.start, end: self.end }
    }
}

impl Inspected {
    /// The two ends, for whoever judges the body.
    pub fn ends(&self) -> Ends<'_> {
        Ends { start: &self.start, end: &self.end }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    proptest! {
        #[test]
        fn what_is_learnt_does_not_depend_on_how_the_body_was_cut(
            body in proptest::collection::vec(any::<u8>(), 0..3000),
            size in 1_usize..400,
            gzipped: bool,
        ) {
            let (received, coding) = if gzipped { (gzip(&body), Coding::Gzip) } else { (body.clone(), Coding::Identity) };
            let mut inspection = Inspection::new(&coding, None).unwrap();
            for chunk in received.chunks(size) {
                inspection.push(chunk).unwrap();
            }
            let found = inspection.finish().unwrap();
            prop_assert_eq!(&found, &Inspection::of(&body, None));
            prop_assert_eq!((found.identity_len, found.digest), (body.len() as u64, Digest::of(&body)));
            prop_assert_eq!(found.ends().start, &body[..body.len().min(Ends::ENOUGH)]);
            prop_assert_eq!(found.ends().end, &body[body.len().saturating_sub(Ends::ENOUGH)..]);
        }
    }

    #[test]
    fn a_cut_gzip_is_not_whole_and_a_bomb_is_none() {
        let whole = gzip(&b"abc".repeat(10_000));
        let mut inspection = Inspection::new(&Coding::Gzip, None).unwrap();
        inspection.push(&whole[..whole.len() - 1]).unwrap();
        assert_eq!(inspection.finish().unwrap_err(), CodingFault::BadGzip);
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&vec![0; 70 << 20]).unwrap();
        let bomb = encoder.finish().unwrap();
        let mut inspection = Inspection::new(&Coding::Gzip, None).unwrap();
        assert!(matches!(inspection.push(&bomb), Err(CodingFault::RatioTooHigh { .. })));
    }
}
