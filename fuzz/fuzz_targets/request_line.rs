//! Bytes in arbitrary stretches: the server's stream and hyper take them as hyper alone takes their percent-encoded twin.
//!
//! The input: a byte of flags, a byte that says how many lengths of stretches follow, a byte each, and what is sent.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/support/twin.rs"]
mod twin;

use twin::{Manner, compare};

fuzz_target!(|input: &[u8]| {
    let [flags, count, rest @ ..] = input else { return };
    let (lengths, sent) = rest.split_at(usize::from(*count).min(rest.len()).min(48));
    let manner = Manner {
        stretches: lengths.iter().map(|length| usize::from(*length)).collect(),
        reads_bodies: flags & 1 != 0,
        takes_time: flags & 2 != 0,
    };
    compare(sent, &manner);
});
