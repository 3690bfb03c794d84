//! Deterministic chance: every invented value of the portal comes from here.
//!
//! A generator of our own (SplitMix64) instead of a library's, because the same seed must give the same portal in every release.

/// A stream of numbers that depends on nothing but what it was seeded with.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// A stream for `purpose` (a dataset's id, say) under the portal's seed.
    pub fn new(seed: u64, purpose: &str) -> Self {
        Self(mix(seed ^ hash(purpose)))
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// A number in `0..bound`.
    ///
    /// # Panics
    ///
    /// If `bound` is zero.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// A number in `low..=high`.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + (self.next() % (high - low + 1) as u64) as i64
    }

    /// True in `percent` of a hundred throws.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }

    /// A number in `0.0..1.0`.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// One of `items`, all equally likely.
    ///
    /// # Panics
    ///
    /// If there are none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// The finaliser of SplitMix64: a bijection of the 64-bit numbers that leaves no pattern. [`unmix`] is its inverse.
pub fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The number that [`mix`] made `z` of.
pub fn unmix(mut z: u64) -> u64 {
    z = (z ^ (z >> 31) ^ (z >> 62)).wrapping_mul(0x3196_42B2_D24D_8EC3);
    z = (z ^ (z >> 27) ^ (z >> 54)).wrapping_mul(0x96DE_1B17_3F11_9089);
    z ^ (z >> 30) ^ (z >> 60)
}

/// FNV-1a: a hash that stays the same from release to release, which the standard library does not promise of its own.
pub fn hash(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unmix_undoes_mix() {
        for n in [0, 1, 2, 59_999, u64::MAX, 0xDEAD_BEEF_0BAD_F00D] {
            assert_eq!(unmix(mix(n)), n);
        }
    }

    #[test]
    fn equal_seeds_give_equal_streams_and_others_do_not() {
        let numbers = |seed, purpose| {
            let mut dice = Dice::new(seed, purpose);
            [dice.next(), dice.next(), dice.next()]
        };
        assert_eq!(numbers(1, "a"), numbers(1, "a"));
        assert_ne!(numbers(1, "a"), numbers(2, "a"));
        assert_ne!(numbers(1, "a"), numbers(1, "b"));
    }
}
