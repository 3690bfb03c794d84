//! Programs beside this one: where they are installed, and how the script of a client is run.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::calls::Call;
use crate::outcome::Outcome;

/// How long a client may take over all its calls. Another process is waited for, so this is real time.
const PATIENCE: Duration = Duration::from_secs(180);

/// The directory of the scripts.
pub fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// A program that starts from a clean slate: no proxy, no configuration of this user.
pub fn command(program: impl AsRef<std::ffi::OsStr>, home: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", home).env("LANG", "C.UTF-8");
    // Nothing is ever written into the source tree.
    command.env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::null());
    command
}

/// Runs a script of ours with the origin, a file with the calls, and what else it wants, and reads an outcome a line.
pub fn run(program: &Path, script: &str, more: &[&Path], base: &str, calls: &[Call]) -> Vec<Outcome> {
    let home = tempfile::tempdir().expect("a directory");
    let (asked, told, complaints) = (home.path().join("calls.json"), home.path().join("outcomes"), home.path().join("complaints"));
    std::fs::write(&asked, serde_json::to_vec(calls).expect("calls are JSON")).expect("the file is ours");
    let mut command = command(program, home.path());
    command.arg(scripts().join(script)).arg(base).arg(&asked).args(more);
    command.stdout(std::fs::File::create(&told).expect("the file is ours"));
    command.stderr(std::fs::File::create(&complaints).expect("the file is ours"));
    let mut running = Running(command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.display())));
    let success = running.wait(PATIENCE);
    let read = |path: &Path| std::fs::read_to_string(path).expect("the program writes text");
    assert!(success, "{script} failed: {}{}", read(&told), read(&complaints));
    read(&told).lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{script}: {error}: {line}"))).collect()
}

/// A process that ends with this value.
pub struct Running(pub Child);

impl Running {
    /// Waits for its end; whether that was a good one. It is ended if it takes too long.
    pub fn wait(&mut self, patience: Duration) -> bool {
        let began = Instant::now();
        while began.elapsed() < patience {
            if let Some(status) = self.0.try_wait().expect("it is ours") {
                return status.success();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
