//! Making room: eviction of what was not used for longest, and purges.

use std::sync::atomic::Ordering;

use super::{PURGE, Writer};
use crate::cache::disk::index::Failure;
use crate::cache::disk::{Mode, Purged};

/// Entries looked at for one round of eviction.
const ROUND: u32 = 256;
/// Beyond what is needed, this part of the limit is freed, so that not every entry has to make room for itself.
const SLACK_PART: u64 = 64;
const SLACK: u64 = 16 * 1024 * 1024;

impl Writer {
    /// Evicts until so much more fits. False if it cannot be made to.
    pub(super) fn make_room(&mut self, bytes: u64, entries: u64) -> Result<bool, Failure> {
        if self.shared.room.shortage(&self.shared.layout, bytes, entries).is_none() {
            return Ok(true);
        }
        // The order must be the present one before it decides.
        self.write_uses()?;
        let limit = self.shared.room.limits().bytes;
        // More than there can ever be is not worth a single entry.
        if bytes > limit || self.shared.room.limits().entries == 0 {
            return Ok(false);
        }
        loop {
            let shortage = self.shared.room.shortage(&self.shared.layout, bytes, entries);
            if shortage.is_none() {
                // What is free must be free for others too, before it is filled by files.
                while self.index().shrink()? {}
                return Ok(true);
            }
            let slack = if shortage.bytes > 0 { (limit / SLACK_PART).min(SLACK) } else { 0 };
            let oldest = self.index().least_recently_used(ROUND)?;
            let (mut freed, mut number) = (0, 0);
            let enough = |freed: u64, number: u64| freed >= shortage.bytes.saturating_add(slack) && number >= shortage.entries;
            let victims: Vec<_> = oldest
                .into_iter()
                .take_while(|entry| {
                    let wanted = !enough(freed, number);
                    freed += entry.file_bytes + entry.row_bytes;
                    number += 1;
                    wanted
                })
                .collect();
            if victims.is_empty() {
                return Ok(false);
            }
            tracing::debug!(entries = victims.len(), bytes = freed, "entries of the disk store make room");
            self.index().delete(&victims)?;
            self.shared.step("evicted from the index");
            self.shared.evicted.fetch_add(victims.len() as u64, Ordering::Relaxed);
            self.bury(&victims)?;
        }
    }

    /// Makes the room that is asked for, and tells those who asked.
    pub(super) fn serve_room(&mut self) -> Result<(), Failure> {
        let wanted = self.shared.room.take_wanted();
        if wanted > 0 {
            let enough = self.make_room(wanted, 0)?;
            self.shared.room.end_round(enough);
        }
        Ok(())
    }

    /// Carries out the purges that were ordered. Those that fail stay ordered, and until they are done nothing is read.
    pub(super) fn purge(&mut self) -> Result<(), Failure> {
        let mut orders = self.shared.queue.take_purges();
        while let Some(mut order) = orders.pop_front() {
            // What was queued before is in the index first, so that it is counted there.
            let done = self.drain().and_then(|()| self.purge_index(&order.which, order.mode, order.before));
            match done {
                Ok(mut purged) => {
                    purged.entries += order.done.entries;
                    purged.bytes += order.done.bytes;
                    if let Some(reply) = order.reply.take() {
                        // Whoever stopped waiting need not know.
                        let _ = reply.send(purged);
                    }
                }
                Err(failure) => {
                    orders.push_front(order);
                    self.shared.queue.return_purges(orders);
                    return Err(failure);
                }
            }
        }
        self.shared.set_purge_waits(false);
        Ok(())
    }

    fn drain(&mut self) -> Result<(), Failure> {
        loop {
            let batch = self.shared.queue.batch(super::BATCH, super::BATCH_BYTES);
            if batch.is_empty() {
                return Ok(());
            }
            let roomy = self.make_room(0, 0)?;
            self.write(&batch, roomy)?;
        }
    }

    fn purge_index(&mut self, which: &crate::cache::disk::Which, mode: Mode, before: u64) -> Result<Purged, Failure> {
        match mode {
            Mode::Count => self.index().count(which, before),
            Mode::Soft => {
                let purged = self.index().count(which, before)?;
                self.index().mark(which, before)?;
                Ok(purged)
            }
            Mode::Hard => {
                let mut purged = Purged { complete: true, ..Purged::default() };
                loop {
                    let some = self.index().some(which, before, PURGE)?;
                    if some.is_empty() {
                        return Ok(purged);
                    }
                    self.index().delete(&some)?;
                    self.shared.step("purged from the index");
                    purged.entries += some.len() as u64;
                    purged.bytes += some.iter().map(|entry| entry.file_bytes + entry.row_bytes).sum::<u64>();
                    self.bury(&some)?;
                }
            }
        }
    }

    /// Tells those who wait for purges that the index cannot be written now. Counting is forgotten; the others will be done.
    pub(super) fn report_purges(&mut self) {
        let mut orders = self.shared.queue.take_purges();
        for order in &mut orders {
            if let Some(reply) = order.reply.take() {
                // Whoever stopped waiting need not know.
                let _ = reply.send(order.done);
            }
        }
        orders.retain(|order| order.mode != Mode::Count);
        if !orders.is_empty() {
            self.shared.set_purge_waits(true);
            self.shared.queue.return_purges(orders);
        }
    }
}
