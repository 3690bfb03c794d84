//! The one thread that writes and reads the history's file: every minute, when asked, and at the end.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::counts::Hour;
use super::file::{Damage, Store};
use super::memory::Memory;
use super::report::{Query, Report};
use super::{FILE, Unavailable};
use crate::budget::set_aside;

/// How long what happened may be in memory alone.
const MINUTE: Duration = Duration::from_secs(60);

/// What the writer is asked to do at once.
pub(super) enum Job {
    /// Write what is not written yet.
    Write,
    /// The same, and then tell a day.
    Report(Query, oneshot::Sender<Result<Report, Unavailable>>),
}

/// The writer, before and while it runs.
pub(super) struct Writer {
    path: PathBuf,
    /// `None` while the system does not let us open it.
    store: Option<Store>,
    memory: Arc<Memory>,
    days: u32,
    /// The hour in which old rows were last dropped.
    pruned: Option<Hour>,
    /// Whether it was said that nothing can be written.
    said: bool,
    /// Whether something was met in it that cannot be read.
    damaged: bool,
    /// Whether what it says of today was taken over: once, or it would count twice.
    recalled: bool,
}

impl Writer {
    /// Opens the file in `dir`, and takes over what it says of today. One that is damaged is set aside and begun anew; one that cannot be opened is
    /// tried again every minute, and meanwhile memory counts.
    pub fn open(dir: &std::path::Path, memory: Arc<Memory>, days: u32) -> Self {
        let mut writer =
            Self { path: dir.join(FILE), store: None, memory, days, pruned: None, said: false, damaged: false, recalled: false };
        writer.reopen();
        writer
    }

    /// Works until nobody can ask it any more, and writes once more then.
    pub fn run(mut self, inbox: &Receiver<Job>) {
        loop {
            match inbox.recv_timeout(MINUTE) {
                Ok(Job::Write) | Err(RecvTimeoutError::Timeout) => {
                    self.write();
                }
                Ok(Job::Report(query, reply)) => {
                    self.write();
                    // Who asked may have left.
                    let _ = reply.send(self.report(&query));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    self.write();
                    return;
                }
            }
        }
    }

    fn reopen(&mut self) {
        match self.opened() {
            Ok(store) => {
                self.store = Some(store);
                self.well();
            }
            Err(error) => self.say(&error),
        }
    }

    fn opened(&mut self) -> Result<Store, Damage> {
        let now = self.memory.clock.now();
        let met = std::mem::take(&mut self.damaged).then(|| "damage was met in it".to_owned());
        let mut opened = if met.is_some() { None } else { Some(Store::open(&self.path)) };
        let why = met.or_else(|| match &opened {
            Some(Err(Damage::Unreadable(why))) => Some(why.clone()),
            _ => None,
        });
        if let Some(why) = why {
            match set_aside(&self.path, now) {
                Ok(aside) => tracing::warn!(why, aside, "the history cannot be read and was set aside"),
                Err(error) => tracing::warn!(why, %error, "the history cannot be read, and not be set aside"),
            }
            opened = None;
        }
        let store = opened.unwrap_or_else(|| Store::open(&self.path))?;
        if !self.recalled {
            self.memory.recall(&store.recall(now)?, now);
            self.recalled = true;
        }
        Ok(store)
    }

    fn well(&mut self) {
        if std::mem::take(&mut self.said) {
            tracing::info!("the history can be written again");
        }
    }

    fn say(&mut self, error: &Damage) {
        if !std::mem::replace(&mut self.said, true) {
            tracing::warn!(%error, "the history cannot be written; what happens is counted in memory meanwhile");
        }
    }

    /// What went wrong with an open file. It is opened anew next time.
    fn failed(&mut self, error: &Damage) {
        self.say(error);
        self.damaged |= matches!(error, Damage::Unreadable(_));
        self.store = None;
    }

    /// Writes what is not written yet. What cannot be written is written next time: counts are added to those of the file in one transaction, so they
    /// are in it once or not at all.
    fn write(&mut self) {
        if self.store.is_none() {
            self.reopen();
        }
        let now = self.memory.clock.now();
        let Some(store) = &mut self.store else { return };
        let unwritten = self.memory.take(now);
        if let Err(error) = store.write(&self.memory.batch(&unwritten)) {
            self.memory.put_back(unwritten);
            return self.failed(&error);
        }
        let hour = Hour::of(now);
        if self.pruned != Some(hour) {
            if let Err(error) = store.prune(self.days, now) {
                return self.failed(&error);
            }
            self.pruned = Some(hour);
        }
        self.well();
    }

    fn report(&mut self, query: &Query) -> Result<Report, Unavailable> {
        let store = self.store.as_ref().ok_or(Unavailable)?;
        store.report(query, self.days, self.memory.clock.now()).map_err(|error| {
            self.failed(&error);
            Unavailable
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::history::counts::Subject;
    use crate::history::memory::LOOKS;

    fn memory(teams: &[&str], clock: &Clock) -> Arc<Memory> {
        Arc::new(Memory::new(vec!["box".into()], teams.iter().map(|team| (*team).to_owned()).collect(), true, clock.clone()))
    }

    fn clock() -> Clock {
        Clock::manual("2026-03-02T10:30:00Z".parse().unwrap())
    }

    fn call(memory: &Memory, payer: usize) {
        memory.called(memory.clock.now(), Subject { portal: 0, payer, family: None, dataset: Some("d") });
    }

    fn query() -> Query {
        Query { day: "2026-03-02".parse().unwrap(), portal: None, team: None }
    }

    fn total(writer: &mut Writer) -> u64 {
        writer.report(&query()).unwrap().total.calls
    }

    #[test]
    fn what_cannot_be_written_is_counted_in_memory_and_written_once_it_can() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("later");
        let memory = memory(&["default"], &clock());
        let mut writer = Writer::open(&place, Arc::clone(&memory), 30);
        for _ in 0..3 {
            call(&memory, 0);
            writer.write();
        }
        assert_eq!(writer.report(&query()).unwrap_err(), Unavailable);
        std::fs::create_dir(&place).unwrap();
        writer.write();
        assert_eq!(total(&mut writer), 3);
        writer.write();
        assert_eq!(total(&mut writer), 3, "nothing is written twice");
    }

    #[test]
    fn damage_that_is_met_while_it_runs_is_set_aside_and_counting_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let memory = memory(&["default"], &clock());
        let mut writer = Writer::open(dir.path(), Arc::clone(&memory), 30);
        call(&memory, 0);
        writer.write();
        // Somebody writes a table that is not ours.
        let other = rusqlite::Connection::open(dir.path().join(FILE)).unwrap();
        other.execute_batch("DROP TABLE tally; CREATE TABLE tally (x)").unwrap();
        drop(other);
        call(&memory, 0);
        writer.write();
        assert!(writer.store.is_none());
        writer.write();
        assert_eq!(total(&mut writer), 1, "what was in it is aside");
        let names = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        assert!(names.into_iter().any(|name| name.starts_with("history.sqlite.bad-")));
    }

    #[test]
    fn teams_are_known_by_name_when_the_list_has_changed() {
        let dir = tempfile::tempdir().unwrap();
        let before = memory(&["default", "browser", "lyon", "paris"], &clock());
        let mut writer = Writer::open(dir.path(), Arc::clone(&before), 30);
        for payer in [2, 2, 3, 4] {
            call(&before, payer);
        }
        assert_eq!(before.team(4), LOOKS);
        writer.write();
        drop(writer);
        let after = memory(&["default", "browser", "paris", "nantes", "lyon"], &clock());
        let mut writer = Writer::open(dir.path(), Arc::clone(&after), 30);
        call(&after, 4);
        writer.write();
        let report = writer.report(&query()).unwrap();
        let told: Vec<(&str, u64)> = report.rows.iter().map(|row| (row.team.as_str(), row.counts.calls)).collect();
        assert_eq!(told, [(LOOKS, 1), ("lyon", 3), ("paris", 1)]);
    }
}
