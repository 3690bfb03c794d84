//! A picture in PNG: a slope between two shades.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;

/// A picture of this size; `chance` chooses the shades.
pub fn picture(width: u32, height: u32, chance: u64) -> Vec<u8> {
    let shade = |at: u32| ((chance >> at) & 255) as u32;
    let between = |from: u32, to: u32, at: u32, of: u32| ((from * (of - at) + to * at) / of) as u8;
    let mut rows = Vec::with_capacity((height * (1 + 3 * width)) as usize);
    for y in 0..height {
        // The row's filter: none.
        rows.push(0);
        for x in 0..width {
            rows.extend([
                between(shade(0), shade(8), x, width),
                between(shade(16), shade(24), y, height),
                between(shade(32), shade(40), x + y, width + height),
            ]);
        }
    }
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&rows).expect("writing to memory succeeds");
    let packed = encoder.finish().expect("writing to memory succeeds");

    // Eight bits a channel, red, green and blue, and the only methods that there are.
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, data) in [(b"IHDR", &header), (b"IDAT", &packed), (b"IEND", &Vec::new())] {
        chunk(&mut out, name, data);
    }
    out
}

fn chunk(out: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) {
    let checked = [name, data].concat();
    out.extend((data.len() as u32).to_be_bytes());
    out.extend_from_slice(&checked);
    out.extend(crc32fast::hash(&checked).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn chunks_are_checked_and_hold_every_row() {
        let picture = picture(7, 5, 0x1234_5678_9ABC_DEF0);
        let mut rest = &picture[8..];
        let mut names = Vec::new();
        while !rest.is_empty() {
            let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
            let checked = &rest[4..8 + length];
            assert_eq!(crc32fast::hash(checked).to_be_bytes(), rest[8 + length..12 + length]);
            if checked.starts_with(b"IDAT") {
                let mut rows = Vec::new();
                flate2::read::ZlibDecoder::new(&checked[4..]).read_to_end(&mut rows).unwrap();
                assert_eq!(rows.len(), 5 * (1 + 3 * 7));
            }
            names.push(checked[..4].to_vec());
            rest = &rest[12 + length..];
        }
        assert_eq!(names, [b"IHDR", b"IDAT", b"IEND"]);
    }
}
