//! A ZIP archive of one file, stored as it is.

/// The archive.
pub fn archive(name: &str, data: &[u8]) -> Vec<u8> {
    // Version 2.0, names in UTF-8, stored, at midnight of the first day that the format knows.
    let mut common = Vec::new();
    for word in [20_u16, 0x0800, 0, 0, 0x0021] {
        common.extend(word.to_le_bytes());
    }
    common.extend(crc32fast::hash(data).to_le_bytes());
    for length in [data.len(), data.len()] {
        common.extend((length as u32).to_le_bytes());
    }
    for length in [name.len() as u16, 0] {
        common.extend(length.to_le_bytes());
    }
    let mut out = [b"PK\x03\x04", &common[..], name.as_bytes(), data].concat();
    let directory = out.len() as u32;
    out.extend(b"PK\x01\x02");
    out.extend(20_u16.to_le_bytes());
    out.extend(&common);
    // No comment, the first disk, no attributes, and the file at the start.
    out.extend([0; 14]);
    out.extend(name.as_bytes());
    let length = out.len() as u32 - directory;
    out.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    out.extend(length.to_le_bytes());
    out.extend(directory.to_le_bytes());
    out.extend([0, 0]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_stands_where_its_end_says() {
        let archive = archive("a.txt", b"un deux");
        let end = archive.len() - 22;
        assert!(archive[end..].starts_with(b"PK\x05\x06"));
        let number = |at: usize| u32::from_le_bytes(archive[at..at + 4].try_into().unwrap()) as usize;
        let (length, directory) = (number(end + 12), number(end + 16));
        assert!(archive[directory..].starts_with(b"PK\x01\x02") && directory + length == end);
        assert_eq!(number(directory + 42), 0);
        assert_eq!(&archive[30..42], b"a.txtun deux");
        assert_eq!(number(14) as u32, crc32fast::hash(b"un deux"));
    }
}
