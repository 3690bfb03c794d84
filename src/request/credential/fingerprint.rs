//! A name for a key that does not give the key away: for accounts, partitions of the cache, and logs.

use std::fmt;

use sha2::{Digest, Sha256};

/// The beginning of a hash of a key: 16 bytes in hexadecimal. Printed, it shows its first eight digits, enough to tell
/// the keys of a portal apart.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// All 32 digits, for accounts and keys.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// That of a key. Hashed with a word of its own, so that the result equals no other hash of the key that anybody may have published.
    pub fn of(key: &str) -> Self {
        let hash = Sha256::new().chain_update("preau portal key 1\0").chain_update(key).finalize();
        Self(hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", &self.0[..8])
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
