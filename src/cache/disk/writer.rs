//! The one thread that changes what is on disk.
//!
//! It takes the queue's changes in batches: first the bodies' files (temporary name, trailer, to the disk, rename), then one transaction
//! with the rows, then the files that no row names any more. So after a kill at any instant an entry is the old one, the new one, or
//! missing a file and thus a miss; what is left over is a file without a row, which [`reconcile`](super::reconcile) removes.
//!
//! What fails here is said in the store's [state](State), waits in the queue, and is tried again. Nobody else waits for it, save those who
//! ask for room.

use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::State;
use super::incoming::LooseFile;
use super::index::{Failure, Gone, Index};
use super::reconcile::Reconcile;
use super::shared::Shared;

mod batch;
mod room;

/// Bodies up to this many bytes are in the index: a file of its own would take a block and an inode, and opening it more than reading it.
pub(super) const INLINE: usize = 16 * 1024;
/// A page of the index.
const PAGE: u64 = 4096;
/// Changes written in one transaction.
const BATCH: usize = 64;
const BATCH_BYTES: u64 = 4 * 1024 * 1024;
/// How soon after a failure it is tried again.
const RETRY: Duration = Duration::from_secs(10);
/// How long the last uses of entries wait to be written down.
const USES: Duration = Duration::from_secs(30);
/// Entries purged in one transaction.
const PURGE: u32 = 256;

pub(super) struct Writer {
    shared: Arc<Shared>,
    index: Option<Index>,
    reconcile: Reconcile,
    retry_at: Option<Instant>,
    /// When a damaged index was last given up.
    anew_at: Option<Instant>,
    uses_at: Instant,
}

/// Brings the directory into order and opens the index; an index that cannot be read is given up.
pub(super) fn open_index(shared: &Arc<Shared>) -> Result<Index, Failure> {
    let layout = &shared.layout;
    layout.create()?;
    if !shared.is_numbered() {
        // Nobody receives anything before the first opening.
        layout.remove_incoming()?;
    }
    if shared.queue.has_forgotten() {
        layout.discard()?;
        shared.queue.set_forgotten(false);
    }
    let opened = match Index::open(&layout.index(), shared.session()) {
        Err(Failure::Damaged(why)) => {
            tracing::warn!(why, "the index of the disk store cannot be read: it is begun anew");
            layout.discard()?;
            Index::open(&layout.index(), shared.session())
        }
        other => other,
    }?;
    if opened.is_new {
        layout.set_bodies_aside()?;
    }
    shared.begin_session(opened.session);
    shared.readers.open();
    Ok(opened.index)
}

/// Starts the writer, with the index if it could be opened.
pub(super) fn start(shared: Arc<Shared>, opened: Result<Index, Failure>) -> std::io::Result<()> {
    let mut writer = Writer {
        shared: Arc::clone(&shared),
        index: None,
        reconcile: Reconcile::new(),
        retry_at: None,
        anew_at: None,
        uses_at: Instant::now(),
    };
    match opened {
        Ok(index) => writer.index = Some(index),
        Err(failure) => {
            writer.fail(&failure);
        }
    }
    let thread = thread::Builder::new().name("disk-store".to_owned()).spawn(move || writer.run())?;
    shared.set_writer(thread.thread().clone());
    // It may have parked before it could be rung.
    shared.ring();
    Ok(())
}

impl Writer {
    fn run(mut self) {
        if self.index.is_some() {
            self.begin();
        }
        loop {
            // Read first: what is queued before the closing is still written.
            let closing = self.shared.queue.is_closing();
            let more = self.step(closing);
            if more {
                continue;
            }
            if closing {
                return;
            }
            if !self.shared.has_news() {
                self.shared.queue.tell_idle(self.retry_at.is_some());
            }
            thread::park_timeout(self.retry_at.map_or(USES, |at| at.saturating_duration_since(Instant::now())));
        }
    }

    /// Does a part of what there is to do. False if there is nothing left that can be done now.
    fn step(&mut self, closing: bool) -> bool {
        self.shared.empty_trash();
        let suspect = self.shared.take_suspicion();
        if self.retry_at.is_some_and(|at| Instant::now() < at) && !suspect && !closing {
            self.shared.room.end_round(false);
            self.report_purges();
            return false;
        }
        match self.work(suspect || self.retry_at.is_some(), closing) {
            Ok(more) => more,
            Err(failure) => {
                let again = self.fail(&failure);
                self.shared.room.end_round(false);
                if !again {
                    self.report_purges();
                }
                again && !closing
            }
        }
    }

    fn work(&mut self, doubted: bool, closing: bool) -> Result<bool, Failure> {
        if self.index.is_none() {
            self.index = Some(open_index(&self.shared)?);
            self.begin();
        }
        if self.shared.take_damage() {
            return Err(Failure::Damaged("a reader has found it damaged".to_owned()));
        }
        if self.shared.queue.has_forgotten() {
            return Err(Failure::Damaged("it has entries that should have been removed, and too many of them to know".to_owned()));
        }
        if doubted {
            self.probe()?;
        }
        let roomy = self.make_room(0, 0)?;
        self.purge()?;
        let batch = self.shared.queue.batch(BATCH, BATCH_BYTES);
        if !batch.is_empty() {
            self.write(&batch, roomy)?;
        }
        if closing || self.shared.queue.uses_are_many() || self.uses_at.elapsed() >= USES {
            self.write_uses()?;
        }
        if !roomy {
            return Err(Failure::Unavailable("there is too little free space on its file system, or its limit is too small".to_owned()));
        }
        self.serve_room()?;
        self.retry_at = None;
        self.shared.set_state(State::Ready);
        if !batch.is_empty() {
            return Ok(true);
        }
        if closing {
            return Ok(false);
        }
        // Last, a piece at a time: nobody waits for these.
        let index = self.index.as_mut().expect("it was opened above");
        Ok(index.shrink()? || self.reconcile.step(&self.shared, index)?)
    }

    /// The index has been opened: what it holds counts, and is compared with the files.
    fn begin(&mut self) {
        if let Err(error) = self.shared.layout.remove_discarded() {
            tracing::warn!(%error, "bodies of an index that was given up could not be removed");
        }
        self.reconcile = Reconcile::new();
        if let Some(Err(failure)) = self.index.as_ref().map(|index| self.count(index)) {
            self.fail(&failure);
        }
    }

    fn count(&self, index: &Index) -> Result<(), Failure> {
        let (entries, files) = index.totals()?;
        let bytes = index.bytes()?;
        self.shared.room.change(|account| (account.entries, account.files, account.index) = (entries, files, bytes));
        Ok(())
    }

    /// Says what failed, and gets ready to try again. True if that may be at once.
    fn fail(&mut self, failure: &Failure) -> bool {
        let mut why = failure.to_string();
        if let Failure::Damaged(_) = failure {
            // Not over and over, should the damage not be the file's.
            if self.anew_at.is_some_and(|at| at.elapsed() < RETRY) {
                self.shared.report_damage();
            } else {
                tracing::warn!(why, "the index of the disk store is damaged: it is begun anew");
                self.anew_at = Some(Instant::now());
                match self.begin_anew() {
                    Ok(()) => return true,
                    Err(failure) => why = failure.to_string(),
                }
            }
        }
        self.retry_at = Some(Instant::now() + RETRY);
        self.shared.set_state(State::MemoryOnly { why });
        false
    }

    fn begin_anew(&mut self) -> Result<(), Failure> {
        self.shared.readers.close();
        self.index = None;
        self.shared.layout.discard()?;
        self.shared.queue.set_forgotten(false);
        self.shared.queue.forget_placed();
        // Told of the file that is gone.
        self.shared.take_damage();
        self.index = Some(open_index(&self.shared)?);
        self.begin();
        Ok(())
    }

    /// Whether index and files can be written.
    fn probe(&mut self) -> Result<(), Failure> {
        self.index().probe()?;
        self.shared.layout.create()?;
        let serial = self.shared.next_serial();
        let (file, path) = self.shared.layout.create_incoming(serial)?;
        let loose = LooseFile::new(path, 0, Arc::clone(&self.shared));
        file.write_all_at(&[0; 4096], 0)?;
        drop(loose);
        Ok(())
    }

    fn index(&mut self) -> &mut Index {
        self.index.as_mut().expect("the writer works only while the index is open")
    }

    /// Removes the files of entries whose rows are gone, and counts what is left.
    fn bury(&mut self, gone: &[Gone]) -> Result<(), Failure> {
        for entry in gone.iter().filter(|entry| entry.file_bytes > 0) {
            self.shared.unlink(&self.shared.layout.body(entry.serial));
            self.shared.step("file removed");
        }
        let bytes = self.index().bytes()?;
        let files: u64 = gone.iter().map(|entry| entry.file_bytes).sum();
        self.shared.room.change(|account| {
            account.entries = account.entries.saturating_sub(gone.len() as u64);
            account.files = account.files.saturating_sub(files);
            account.index = bytes;
        });
        Ok(())
    }

    fn write_uses(&mut self) -> Result<(), Failure> {
        self.uses_at = Instant::now();
        let uses = self.shared.queue.take_uses();
        if !uses.is_empty() {
            self.index().note_uses(uses.iter().map(|(key, tick)| (key, *tick)))?;
        }
        Ok(())
    }
}

impl Drop for Writer {
    /// However it ends: nobody waits for it any more, and nothing is left that it should have removed.
    fn drop(&mut self) {
        self.shared.set_closed();
        self.shared.room.close();
        self.shared.readers.close();
        self.shared.queue.clear();
        self.shared.empty_trash();
        // Last, so that whoever waits for the end finds a closed file.
        self.index = None;
        self.shared.queue.tell_ended();
    }
}
