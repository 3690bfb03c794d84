//! The real binary, serving on free ports.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};

/// A running `preau serve`, killed with the test if it is still there.
pub struct Served {
    pub mirror: SocketAddr,
    pub admin: SocketAddr,
    child: Child,
    _stdout: BufReader<ChildStdout>,
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_preau"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]).args(arguments);
    // All clients of a test have one address.
    command.env_clear().env("PREAU_TELEMETRY_LOG_FILTER", "warn").env("PREAU_BUDGET_MISSES_PER_SECOND", "0").stdin(Stdio::null());
    command
}

impl Served {
    /// Starts the binary and waits until it says where it serves.
    pub fn start(arguments: &[&str]) -> Self {
        Self::spawn(command(arguments))
    }

    /// The same, with a log of its own at some level.
    #[allow(dead_code, reason = "each test binary uses its part")]
    pub fn start_logging(filter: &str, log: &std::path::Path, arguments: &[&str]) -> Self {
        let mut command = command(arguments);
        command.env("PREAU_TELEMETRY_LOG_FILTER", filter).stderr(std::fs::File::create(log).expect("the log is ours"));
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the binary runs");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut address = |name: &str| {
            let mut line = String::new();
            stdout.read_line(&mut line).expect("it writes text");
            let address = line.trim().strip_prefix(name).map(str::trim).and_then(|url| url.strip_prefix("http://")?.parse().ok());
            address.unwrap_or_else(|| panic!("expected the address of the {name}: {line}"))
        };
        let (mirror, admin) = (address("mirror"), address("admin"));
        Self { mirror, admin, child, _stdout: stdout }
    }

    /// What the binary writes when it refuses to start.
    pub fn refused(arguments: &[&str]) -> String {
        let mut child = command(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary runs");
        assert!(!child.wait().expect("it ends").success());
        let mut text = String::new();
        child.stderr.take().expect("it is piped").read_to_string(&mut text).expect("it writes text");
        text
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Bytes of memory that the process has.
    #[cfg(target_os = "linux")]
    #[allow(dead_code, reason = "each test binary uses its part")]
    pub fn resident(&self) -> usize {
        self.memory("VmRSS:")
    }

    /// The most that it has had.
    #[cfg(target_os = "linux")]
    #[allow(dead_code, reason = "each test binary uses its part")]
    pub fn peak_resident(&self) -> usize {
        self.memory("VmHWM:")
    }

    #[cfg(target_os = "linux")]
    fn memory(&self, which: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(which)).expect("the kernel says it");
        line.trim().trim_end_matches("kB").trim().parse::<usize>().expect("a number") << 10
    }

    /// `kill`, and does not wait.
    #[allow(dead_code, reason = "each test binary uses its part")]
    pub fn signal(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill runs").success());
    }

    /// `kill`, and waits for its end.
    pub fn terminate(mut self) {
        self.signal();
        assert!(self.child.wait().expect("it ends").success(), "it ends without a fault");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
