//! Where things lie in the store's directory, and how it is brought into order before the index is opened.
//!
//! ```text
//! index.sqlite, -wal, -shm   what there is, and small bodies
//! bodies/xx/N                one body: N is the serial of its entry in hexadecimal, xx its last byte
//! incoming/N                 bodies that are being received or written; of no use after a restart
//! discarded-N/               bodies of an index that was given up, on their way out
//! ```

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

const BODIES: &str = "bodies";
const INCOMING: &str = "incoming";
const DISCARDED: &str = "discarded-";

/// How many directories the bodies are spread over, by the last byte of the serial.
pub(super) const SHARDS: u16 = 256;

/// The store's directory.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    dir: PathBuf,
}

impl Layout {
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    pub fn index(&self) -> PathBuf {
        self.dir.join("index.sqlite")
    }

    pub fn bodies(&self) -> PathBuf {
        self.dir.join(BODIES)
    }

    pub fn shard(&self, shard: u16) -> PathBuf {
        self.bodies().join(format!("{shard:02x}"))
    }

    pub fn body(&self, serial: u64) -> PathBuf {
        self.shard((serial % u64::from(SHARDS)) as u16).join(format!("{serial:016x}"))
    }

    /// The serial that a file in the shard is named by, if it is one of ours.
    pub fn serial_of(shard: u16, name: &OsStr) -> Option<u64> {
        let name = name.to_str()?;
        let serial = u64::from_str_radix(name, 16).ok()?;
        (name == format!("{serial:016x}") && serial % u64::from(SHARDS) == u64::from(shard)).then_some(serial)
    }

    pub fn incoming(&self, serial: u64) -> PathBuf {
        self.dir.join(INCOMING).join(format!("{serial:016x}"))
    }

    /// Makes the directories.
    pub fn create(&self) -> io::Result<()> {
        fs::create_dir_all(self.bodies())?;
        fs::create_dir_all(self.dir.join(INCOMING))
    }

    /// Removes what a killed process was receiving: few files, however large the store is.
    pub fn remove_incoming(&self) -> io::Result<()> {
        for file in fs::read_dir(self.dir.join(INCOMING))? {
            let file = file?;
            if !file.file_type()?.is_dir() {
                fs::remove_file(file.path())?;
            }
        }
        Ok(())
    }

    /// A new file for a body that is being received or written.
    pub fn create_incoming(&self, serial: u64) -> io::Result<(File, PathBuf)> {
        let path = self.incoming(serial);
        Ok((File::options().read(true).write(true).create_new(true).open(&path)?, path))
    }

    /// Gives a whole body its place.
    pub fn place(&self, from: &Path, serial: u64) -> io::Result<PathBuf> {
        let to = self.body(serial);
        match fs::rename(from, &to) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::create_dir_all(self.shard((serial % u64::from(SHARDS)) as u16))?;
                fs::rename(from, &to)?;
            }
            other => other?,
        }
        Ok(to)
    }

    /// Gives up the index and all bodies. The bodies are only set aside: removing many of them takes time.
    pub fn discard(&self) -> io::Result<()> {
        self.set_bodies_aside()?;
        // The main file first: without it SQLite deletes a log that was left over, but a log is read into whatever file it finds.
        for suffix in ["", "-wal", "-shm"] {
            absent_is_fine(fs::remove_file(self.dir.join(format!("index.sqlite{suffix}"))))?;
        }
        Ok(())
    }

    /// Begins an empty directory of bodies. Bodies without an index are of no use, and their names would be given again.
    pub fn set_bodies_aside(&self) -> io::Result<()> {
        if fs::read_dir(self.bodies())?.next().is_some() {
            let free = (0_u32..).map(|n| self.dir.join(format!("{DISCARDED}{n}"))).find(|aside| !aside.exists());
            fs::rename(self.bodies(), free.expect("there are fewer discarded directories than numbers"))?;
            fs::create_dir_all(self.bodies())?;
        }
        Ok(())
    }

    /// Removes what was set aside, now or by an earlier process.
    pub fn remove_discarded(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(|name| name.starts_with(DISCARDED)) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }

    /// Bytes of the file system that are free for this process; unknown if the system does not say.
    pub fn free(&self) -> Option<u64> {
        let system = rustix::fs::statvfs(&self.dir).ok()?;
        Some(system.f_bavail.saturating_mul(system.f_frsize))
    }
}

/// Removes a file; one that is not there is removed already.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    absent_is_fine(fs::remove_file(path))
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_is_read_back_from_its_own_name_and_from_no_other() {
        let layout = Layout::new(Path::new("/store"));
        for serial in [0, 255, 256, u64::MAX] {
            let path = layout.body(serial);
            let shard = u16::from_str_radix(path.parent().unwrap().file_name().unwrap().to_str().unwrap(), 16).unwrap();
            assert_eq!(Layout::serial_of(shard, path.file_name().unwrap()), Some(serial));
            assert_eq!(Layout::serial_of(shard ^ 1, path.file_name().unwrap()), None);
        }
        for foreign in ["", "1", "README", "00000000000000FF", "+0000000000000ff", "00000000000000ff.tmp"] {
            assert_eq!(Layout::serial_of(255, OsStr::new(foreign)), None, "{foreign}");
        }
    }

    #[test]
    fn bodies_are_set_aside_as_often_as_needed_and_go_in_one_sweep() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        layout.create().unwrap();
        for _ in 0..3 {
            let (_, path) = layout.create_incoming(7).unwrap();
            layout.place(&path, 7).unwrap();
            layout.discard().unwrap();
            assert!(!layout.body(7).exists());
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 5);
        layout.remove_discarded().unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
