//! What the audit remembers of a portal on disk: what is off, so that a restart does not switch it on, and what was spent of the day.
//!
//! One small JSON file a portal, replaced as a whole. One that cannot be read is set aside and said so: then nothing is off.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::allowance::Spent;
use super::finding::Finding;

/// What is remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// What is off. One finding for each switch.
    pub findings: Vec<Finding>,
    /// What went into audits.
    pub spent: Spent,
}

/// The file of one portal.
#[derive(Clone, Debug)]
pub struct MemoryFile {
    path: PathBuf,
}

/// A file of another layout is not read.
const LAYOUT: u32 = 1;

/// No file of ours is as long.
const LONGEST: u64 = 4 << 20;

#[derive(Serialize)]
struct Written<'a> {
    layout: u32,
    off: &'a [Finding],
    spent: Spent,
}

#[derive(Deserialize)]
struct Read {
    layout: u32,
    off: Vec<serde_json::Value>,
    #[serde(default)]
    spent: Spent,
}

/// Why a file is of no use.
#[derive(Debug, thiserror::Error)]
enum Unread {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it is damaged: {0}")]
    Damaged(#[from] serde_json::Error),
    #[error("it has layout {0}, and this version reads {LAYOUT}")]
    Layout(u32),
    #[error("it is longer than {LONGEST} bytes")]
    TooLong,
}

impl MemoryFile {
    /// The file of the portal called `portal` in the data directory `data`.
    pub fn of(data: &Path, portal: &str) -> Self {
        Self { path: data.join("audit").join(format!("{portal}.json")) }
    }

    /// What was remembered; nothing, if there is no file, or none that can be read.
    pub fn recall(&self, now: Timestamp) -> Memory {
        let path = self.path.display();
        match self.read() {
            Ok(memory) => memory,
            Err(Unread::Io(error)) if error.kind() == io::ErrorKind::NotFound => Memory::default(),
            Err(unread) => {
                let aside = self.path.with_extension(format!("json.bad-{}", now.as_second()));
                match fs::rename(&self.path, &aside) {
                    Ok(()) => tracing::warn!(
                        "what audits have switched off cannot be read from {path}: {unread}; it is set aside as {}, and nothing is off now",
                        aside.display()
                    ),
                    Err(error) => tracing::error!(
                        %error,
                        "what audits have switched off cannot be read from {path}: {unread}; nothing is off now, and it cannot be set aside"
                    ),
                }
                Memory::default()
            }
        }
    }

    fn read(&self) -> Result<Memory, Unread> {
        if fs::metadata(&self.path)?.len() > LONGEST {
            return Err(Unread::TooLong);
        }
        let Read { layout, off, spent } = serde_json::from_slice(&fs::read(&self.path)?)?;
        if layout != LAYOUT {
            return Err(Unread::Layout(layout));
        }
        let findings = off.into_iter().filter_map(|finding| match serde_json::from_value(finding) {
            Ok(finding) => Some(finding),
            Err(error) => {
                // A rule that this version does not have needs no switch.
                tracing::warn!("{} says that something is off which is not known here: {error}", self.path.display());
                None
            }
        });
        Ok(Memory { findings: findings.collect(), spent })
    }

    /// Remembers. Blocks until it is on disk.
    ///
    /// # Errors
    ///
    /// What the system says. What was there stays as it was.
    pub fn remember(&self, memory: &Memory) -> io::Result<()> {
        let document = serde_json::to_vec_pretty(&Written { layout: LAYOUT, off: &memory.findings, spent: memory.spent })?;
        let directory = self.path.parent().expect("it is in a directory of its own");
        fs::create_dir_all(directory)?;
        let new = self.path.with_extension("json.new");
        let mut file = File::create(&new)?;
        file.write_all(&document)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        // So that the name is there after a power cut too.
        File::open(directory)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Switch;
    use super::*;

    fn now() -> Timestamp {
        "2026-03-01T10:00:00Z".parse().unwrap()
    }

    fn memory() -> Memory {
        let finding = |switch: &str| Finding {
            switch: Switch::parse(switch).unwrap(),
            at: now(),
            canonical: "/a".to_owned(),
            other: "/a?offset=0".to_owned(),
            why: "two answers".to_owned(),
        };
        let mut spent = Spent::default();
        spent.begin(now());
        spent.spend(now());
        Memory { findings: vec![finding("drop-defaults:v2.1:records"), finding("versions:x")], spent }
    }

    #[test]
    fn what_is_off_stays_off_across_processes() {
        let data = tempfile::tempdir().unwrap();
        let file = MemoryFile::of(data.path(), "box");
        assert_eq!(file.recall(now()), Memory::default());
        file.remember(&memory()).unwrap();
        assert_eq!(MemoryFile::of(data.path(), "box").recall(now()), memory());
        assert_eq!(MemoryFile::of(data.path(), "other").recall(now()), Memory::default());
    }

    #[test]
    fn a_file_that_cannot_be_read_is_set_aside_and_the_next_one_is_written() {
        for damage in ["", "{", "[]", r#"{"layout": 9, "off": []}"#, "\u{0}\u{0}"] {
            let data = tempfile::tempdir().unwrap();
            let file = MemoryFile::of(data.path(), "box");
            file.remember(&memory()).unwrap();
            fs::write(&file.path, damage).unwrap();
            assert_eq!(file.recall(now()), Memory::default(), "{damage:?}");
            let names: Vec<_> = fs::read_dir(data.path().join("audit")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(names, ["box.json.bad-1772359200"], "{damage:?}");
            file.remember(&memory()).unwrap();
            assert_eq!(file.recall(now()), memory());
        }
    }

    #[test]
    fn a_rule_that_another_version_had_does_not_damage_the_file() {
        let data = tempfile::tempdir().unwrap();
        let file = MemoryFile::of(data.path(), "box");
        file.remember(&memory()).unwrap();
        let text = fs::read_to_string(&file.path).unwrap().replace("drop-defaults:v2.1", "clever:v3");
        fs::write(&file.path, text).unwrap();
        let recalled = file.recall(now());
        assert_eq!(recalled.findings, memory().findings[1..]);
        assert_eq!(recalled.spent, memory().spent);
    }
}
