//! The image's command line, run as the image would run it.

use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::dockerfile::{Stage, exec_form};
use super::{DATA, final_stage, user_of};

/// How long it may take to serve, or to end. Another process is waited for, so this is real time; long enough for a machine that builds something else at the same time.
const PATIENCE: Duration = Duration::from_secs(60);

/// A directory in the place of the image's root: the binary where the image has it, nothing writable but the data directory.
struct Tree {
    root: tempfile::TempDir,
    image: Stage,
    admin: u16,
}

impl Tree {
    fn new() -> Self {
        let tree = Self { root: tempfile::tempdir().expect("a directory"), image: final_stage(), admin: free_port() };
        let binary = tree.path(&tree.image.command_line()[0]);
        let data = tree.path(DATA);
        fs::create_dir_all(binary.parent().expect("the binary is in a directory")).expect("a directory");
        fs::create_dir_all(&data).expect("a directory");
        fs::copy(env!("CARGO_BIN_EXE_preau"), &binary).expect("the binary can be copied");
        let (user, group) = user_of(&tree.image);
        chown(&data, Some(user), Some(group)).expect("root may give a directory away");
        for path in tree.entries() {
            let mode = if path == data { 0o700 } else { 0o555 };
            fs::set_permissions(&path, Permissions::from_mode(mode)).expect("root may set permissions");
        }
        tree
    }

    /// The place in the tree of an absolute path of the image.
    fn path(&self, absolute: &str) -> PathBuf {
        self.root.path().join(absolute.trim_start_matches('/'))
    }

    /// The root and everything below it.
    fn entries(&self) -> Vec<PathBuf> {
        let mut entries = vec![self.root.path().to_owned()];
        let mut next = 0;
        while let Some(path) = entries.get(next).cloned() {
            if path.is_dir() {
                entries.extend(fs::read_dir(path).expect("it can be read").map(|entry| entry.expect("an entry").path()));
            }
            next += 1;
        }
        entries.sort();
        entries
    }

    /// `words` of the image, as its user, with its environment and what must differ from it: where the tree is, and ports nobody else has.
    fn command(&self, words: &[String]) -> Command {
        let (user, group) = user_of(&self.image);
        let mut command = Command::new(self.path(&words[0]));
        command.args(&words[1..]).uid(user).gid(group).current_dir(self.root.path()).env_clear();
        for (name, value) in self.image.environment() {
            let value = if value == DATA { self.path(DATA).display().to_string() } else { value };
            command.env(name, value);
        }
        command.env("TMPDIR", self.root.path()).env("PREAU_LISTEN", "127.0.0.1:0").env("PREAU_ADMIN", format!("127.0.0.1:{}", self.admin));
        command.stdin(Stdio::null());
        command
    }

    fn is_healthy(&self) -> bool {
        let (_, check) = self.image.last("HEALTHCHECK").split_once("CMD ").expect("HEALTHCHECK has a command");
        let mut command = self.command(&exec_form(check));
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("the health check runs").success()
    }
}

/// A port of the loopback that nobody has at this moment. `preau health` must know the admin port beforehand, so it cannot be 0.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener.local_addr().expect("it has an address").port()
}

/// A process that ends with the test, and what it wrote.
struct Served {
    child: Child,
    output: tempfile::NamedTempFile,
}

impl Served {
    fn start(mut command: Command) -> Self {
        let output = tempfile::NamedTempFile::new().expect("a file");
        let stream = || Stdio::from(output.reopen().expect("it can be opened again"));
        let child = command.stdout(stream()).stderr(stream()).spawn().expect("the command line runs");
        Self { child, output }
    }

    /// Its exit status and what it wrote, once it has ended.
    fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().expect("it is our child")?;
        let output = fs::read(self.output.path()).expect("it can be read");
        Some(format!("{status}\n{}", String::from_utf8_lossy(&output)))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn serves() {
    let tree = Tree::new();
    let before = outside_data(&tree);
    assert!(!tree.is_healthy(), "the health check is content although nothing serves yet");

    let mut served = Served::start(tree.command(&tree.image.command_line()));
    let start = Instant::now();
    while !tree.is_healthy() {
        if let Some(end) = served.ended() {
            panic!("it ended instead of serving: {end}");
        }
        assert!(start.elapsed() < PATIENCE, "it is not ready after {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(50));
    }

    assert_ne!(fs::read_dir(tree.path(DATA)).expect("it can be read").count(), 0, "the count is kept in the data directory");
    stop(&mut served, start);
    assert_eq!(outside_data(&tree), before, "nothing is written outside the data directory");
}

/// Everything in the tree but what is in the data directory.
fn outside_data(tree: &Tree) -> Vec<PathBuf> {
    let data = tree.path(DATA);
    let inside = |path: &Path| path != data && path.starts_with(&data);
    tree.entries().into_iter().filter(|path| !inside(path)).collect()
}

/// Asks the process to end, as a container engine does, and sees that it does so by itself and without a fault.
fn stop(served: &mut Served, start: Instant) {
    // The shell's own `kill`: not every machine has the program.
    let kill = format!("kill -TERM {}", served.child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell runs").success());
    let end = loop {
        if let Some(end) = served.ended() {
            break end;
        }
        assert!(start.elapsed() < 2 * PATIENCE, "it does not end after SIGTERM");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(end.starts_with("exit status: 0"), "{end}");
}
