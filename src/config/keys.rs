//! Keys of ours, by which clients say whose they are: only their hashes are written down.
//!
//! A key is `preau_` and 256 random bits in hexadecimal. What cannot be guessed needs no slow hash and no salt: `sha256sum` is enough to
//! check one by hand.

use std::fmt;

use sha2::{Digest, Sha256};

use super::faults::Mistake;
use super::values::{Value, expected_text};

/// How a key of ours begins, so that people and scanners of repositories know one when they see it.
pub const PREFIX: &str = "preau_";

/// How a hash begins: the name of the function.
const FUNCTION: &str = "sha256:";

/// The hash of a team's key: SHA-256, written `sha256:` and 64 hexadecimal digits. Keys are 256 random bits, so nothing slower is needed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyHash(pub [u8; 32]);

impl KeyHash {
    /// The hash of a key, given as its clients carry it.
    pub fn of(key: &[u8]) -> Self {
        Self(Sha256::digest(key).into())
    }

    fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(FUNCTION).filter(|digits| digits.len() == 64 && digits.is_ascii())?;
        let mut hash = [0; 32];
        for (byte, at) in hash.iter_mut().zip((0..64).step_by(2)) {
            // `from_str_radix` takes a sign.
            let pair = &digits[at..at + 2];
            *byte = u8::from_str_radix(pair, 16).ok().filter(|_| !pair.starts_with('+'))?;
        }
        Some(Self(hash))
    }
}

impl fmt::Display for KeyHash {
    /// As it is written in the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(FUNCTION)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyHash {
    /// Enough of it to tell the keys of a file apart.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{FUNCTION}{:02x}{:02x}{:02x}{:02x}…", self.0[0], self.0[1], self.0[2], self.0[3])
    }
}

/// What is said of a value that should be a hash.
const RIGHT: &str = "write what `preau key new` prints: \"sha256:\" and 64 hexadecimal digits";

/// The hash of a key. A key itself, written where its hash belongs, is not repeated in the fault.
pub(super) fn hash(value: &Value) -> Result<KeyHash, Mistake> {
    let text = expected_text(value).map_err(|mistake| Mistake { right: RIGHT.to_owned(), ..mistake })?;
    let wrong = if text.starts_with(PREFIX) { "this is a key, and the file holds only hashes" } else { "this is not the hash of a key" };
    KeyHash::parse(text).ok_or_else(|| Mistake::new(wrong, RIGHT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_what_sha256sum_says_and_is_read_as_it_is_written() {
        let hash = KeyHash::of(b"abc");
        assert_eq!(hash.to_string(), "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(KeyHash::parse(&hash.to_string()), Some(hash));
        assert_eq!(KeyHash::parse(&hash.to_string().to_uppercase().replace("SHA", "sha")), Some(hash));
        assert_eq!(format!("{hash:?}"), "sha256:ba7816bf…");
    }

    #[test]
    fn what_is_no_hash_is_not_repeated() {
        let hex = "ab".repeat(32);
        for text in ["", "sha256:", &hex, &format!("sha256:{hex}0"), &format!("sha256:+{}", &hex[1..]), &format!("sha256:é{}", &hex[2..])]
        {
            assert!(hash_of(text).is_err(), "{text}");
        }
        let key = format!("{PREFIX}{hex}");
        let mistake = hash_of(&key).unwrap_err();
        assert!(mistake.wrong.contains("this is a key") && !mistake.wrong.contains(&hex), "{mistake:?}");
    }

    fn hash_of(text: &str) -> Result<KeyHash, Mistake> {
        hash(&Value::Text(text.to_owned()))
    }
}
