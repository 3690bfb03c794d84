//! Writing a batch: the bodies' files first, then the rows.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{INLINE, PAGE, Writer};
use crate::cache::disk::body_file::{Checksums, trailer, trailer_len};
use crate::cache::disk::incoming::LooseFile;
use crate::cache::disk::index::{Failure, Row, Write};
use crate::cache::disk::queue::{Change, Content, Queued, Storing};
use crate::cache::disk::record;
use crate::cache::key::CacheKey;

impl Writer {
    /// Writes a batch, or as much of its beginning as fits together.
    pub(super) fn write(&mut self, batch: &[Queued], roomy: bool) -> Result<(), Failure> {
        let heads = self.prepare(batch, roomy)?;
        let batch = &batch[..heads.len()];
        let writes = batch.iter().zip(&heads).filter_map(|(queued, head)| match (&queued.change, head) {
            (Change::Store(storing), Some(head)) => Some(Write::Put(row(&queued.key, storing, head, self.shared.next_serial()))),
            (Change::Store(_), None) => None,
            (Change::Remove, _) => Some(Write::Remove(&queued.key)),
            (Change::Discard(serial), _) => Some(Write::Discard(&queued.key, *serial)),
        });
        let index = self.index.as_mut().expect("the writer works only while the index is open");
        let written = index.write(writes)?;
        self.shared.step("rows written");
        let mut files = 0;
        for (queued, _) in batch.iter().zip(&heads).filter(|(_, head)| head.is_some()) {
            let Change::Store(storing) = &queued.change else { continue };
            files += file_bytes(storing);
            let file = storing.file.lock().ok().and_then(|mut file| file.take());
            if let Some(file) = file {
                file.give_away();
            }
        }
        self.shared.room.change(|account| {
            account.entries += written.entries_added;
            account.files += files;
        });
        self.shared.queue.done(batch);
        self.bury(&written.gone)
    }

    /// Makes room for the entries of a batch and gives their bodies files. What is to be written of each change: the head of an entry, or
    /// nothing of one that is given up. Ends where the entries before leave no room for the next one.
    fn prepare(&mut self, batch: &[Queued], roomy: bool) -> Result<Vec<Option<Vec<u8>>>, Failure> {
        let mut heads = Vec::with_capacity(batch.len());
        let (mut added, mut inline) = (0, 0);
        for queued in batch {
            let Change::Store(storing) = &queued.change else {
                heads.push(None);
                continue;
            };
            let new = u64::from(self.index().is_free(&queued.key)?);
            let room = roomy && self.make_room(inline + needed(storing), added + new)?;
            if !room && added + inline > 0 {
                break;
            }
            let placed = room.then(|| self.place(&queued.key, storing));
            if let Some(Ok(())) = placed {
                added += new;
                inline += if file_bytes(storing) == 0 { needed(storing) } else { 0 };
                heads.push(Some(storing.head.to_bytes()));
                continue;
            }
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            self.shared.queue.give_up(queued);
            heads.push(None);
            if let Some(Err(error)) = placed {
                self.shared.suspect();
                return Err(error.into());
            }
        }
        Ok(heads)
    }

    /// Gives a body its file among the others, unless it goes into the index or has one.
    fn place(&self, key: &CacheKey, storing: &Storing) -> std::io::Result<()> {
        let mut slot = storing.file.lock().expect("only the writer takes this lock, and a writer that panicked is gone");
        if slot.as_ref().is_some_and(LooseFile::is_placed) || file_bytes(storing) == 0 {
            return Ok(());
        }
        let (serial, len) = (storing.serial, body_len(storing));
        match &storing.body {
            Content::Memory(body) => {
                let (file, path) = self.shared.layout.create_incoming(serial)?;
                self.shared.room.change(|account| account.loose += file_bytes(storing));
                *slot = Some(LooseFile::new(path, file_bytes(storing), Arc::clone(&self.shared)));
                self.shared.step("file begun");
                let mut checksums = Checksums::default();
                checksums.update(body);
                file.write_all_at(body, 0)?;
                self.shared.step("body written");
                seal_file(&file, &trailer(key, serial, len, &checksums.finish()), len)?;
            }
            Content::File(body) => {
                self.shared.room.change(|account| account.loose += trailer_len(len));
                if let Some(loose) = slot.as_mut() {
                    loose.grow(trailer_len(len));
                }
                seal_file(body.file(), &trailer(key, serial, len, body.checksums()), len)?;
            }
        }
        self.shared.step("file whole");
        let loose = slot.as_mut().expect("a body in a file has come with it, and one in memory has just got it");
        let placed = self.shared.layout.place(loose.path(), serial)?;
        loose.set_placed(placed);
        self.shared.step("file placed");
        Ok(())
    }
}

fn seal_file(file: &File, trailer: &[u8], len: u64) -> std::io::Result<()> {
    file.write_all_at(trailer, len)?;
    // Without it a power cut could leave a row whose body is not there: found when it is read, which for a large body is in the midst of an answer.
    file.sync_data()
}

fn row<'a>(key: &'a CacheKey, storing: &'a Storing, head: &'a [u8], used: u64) -> Row<'a> {
    let (about, body_len, file_bytes) = (storing.about.as_ref(), body_len(storing), file_bytes(storing));
    let body = match &storing.body {
        Content::Memory(body) if file_bytes == 0 => Some(&body[..]),
        _ => None,
    };
    let seal = record::seal(key, storing.serial, about, head, body_len, body);
    let purged = storing.purged.load(Ordering::Acquire);
    Row { key, serial: storing.serial, used, file_bytes, purged, about, body_len, seal, head, body }
}

fn body_len(storing: &Storing) -> u64 {
    match &storing.body {
        Content::Memory(body) => body.len() as u64,
        Content::File(file) => file.len(),
    }
}

/// Bytes of the body's file; 0 if it is in the index.
fn file_bytes(storing: &Storing) -> u64 {
    match &storing.body {
        Content::Memory(body) if body.len() <= INLINE => 0,
        _ => body_len(storing) + trailer_len(body_len(storing)),
    }
}

/// Room that writing the entry takes at most, beyond what counts already: for the row one page and what its body fills.
fn needed(storing: &Storing) -> u64 {
    let beside_row = match &storing.body {
        Content::File(file) => trailer_len(file.len()),
        Content::Memory(body) if body.len() <= INLINE => (body.len() as u64).next_multiple_of(PAGE) + PAGE,
        Content::Memory(_) => file_bytes(storing),
    };
    beside_row + PAGE
}
