//! Rows in CSV: the names in the first line, and how many rows follow.

use super::Rows;

/// A table with a line of names; none if there is not even that.
pub(super) fn table(body: &[u8], delimiter: u8) -> Option<Rows> {
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    let mut lines = Lines(body);
    let names: Vec<String> = cells(lines.next()?, delimiter);
    if names.iter().all(String::is_empty) {
        return None;
    }
    let rows = lines.filter(|line| !line.is_empty()).count();
    // Every row has every field: an empty one is a cell all the same.
    let fields = names.into_iter().map(|name| (name, rows)).collect();
    Some(Rows { rows, fields })
}

/// The lines of a table; a line end inside quotes is none.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let mut quoted = false;
        let end = self.0.iter().position(|byte| {
            // A doubled quote inside quotes opens them again at once.
            quoted ^= *byte == b'"';
            *byte == b'\n' && !quoted
        });
        let (line, rest) = match end {
            Some(end) => (&self.0[..end], &self.0[end + 1..]),
            None => (self.0, &[][..]),
        };
        self.0 = rest;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

fn cells(line: &[u8], delimiter: u8) -> Vec<String> {
    let mut quoted = false;
    let cells = line.split(|byte| {
        quoted ^= *byte == b'"';
        *byte == delimiter && !quoted
    });
    cells.map(|cell| String::from_utf8_lossy(cell).trim_matches('"').replace("\"\"", "\"")).collect()
}
