//! A store on a file system of its own that fills up, or cannot be written: what is there still serves, what is new is in memory alone, no
//! answer fails, and the disk is used again as soon as it can be.

#[path = "hostile/behind.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod behind;
#[path = "store/far_end.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod far_end;
#[path = "support/http.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod http;
#[path = "support/outside.rs"]
mod outside;
mod raw_portal;
#[path = "support/roof.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod roof;
#[path = "support/served.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod served;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    use outside::{MOUNTS, trial};
    outside::run(vec![
        trial("a_full_disk_fails_no_answer_and_is_used_again_when_there_is_room", &[MOUNTS], || mounted::run(mounted::full())),
        trial(
            "a_read_only_disk_fails_no_answer_and_is_used_again_when_it_can_be_written",
            &[MOUNTS],
            || mounted::run(mounted::read_only()),
        ),
    ])
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    outside::run(Vec::new())
}

#[cfg(target_os = "linux")]
mod mounted {
    use std::path::{Path, PathBuf};
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::far_end::{Digesting, MadeUp, any_length, target};
    use super::http;
    use super::raw_portal::RawPortal;
    use super::served::Served;

    const MIB: u64 = 1 << 20;
    /// Of the file system.
    const SIZE: u64 = 32 * MIB;
    /// The store tries again every ten seconds.
    const PATIENCE: Duration = Duration::from_secs(40);

    pub fn run(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime").block_on(test);
    }

    /// A mounted file system, unmounted with the test.
    struct Mount(PathBuf);

    impl Mount {
        fn new(at: PathBuf) -> Self {
            std::fs::create_dir_all(&at).expect("it is ours");
            mount(&["-t", "tmpfs", "-o", &format!("size={SIZE}"), "none"], &at);
            Self(at)
        }

        fn remount(&self, how: &str) {
            mount(&["-o", &format!("remount,{how}")], &self.0);
        }
    }

    impl Drop for Mount {
        fn drop(&mut self) {
            let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
        }
    }

    fn mount(arguments: &[&str], at: &Path) {
        assert!(Command::new("mount").args(arguments).arg(at).status().expect("mount runs").success(), "{arguments:?}");
    }

    const CONFIG: &str = "preau.toml";

    fn serve(data: &Path) -> Served {
        let path = |path: &Path| path.to_str().expect("UTF-8").to_owned();
        Served::start(&["--config", &path(&data.join(CONFIG)), "--data", &path(data)])
    }

    /// A server whose store is on a small file system, in front of a portal of any lengths. The ledger is elsewhere.
    struct Small {
        // In the order in which they must go.
        server: Served,
        mount: Mount,
        _portal: RawPortal,
        data: tempfile::TempDir,
    }

    impl Small {
        async fn start() -> Self {
            let portal = any_length().await;
            let data = tempfile::tempdir().expect("a directory");
            let mount = Mount::new(data.path().join("store"));
            let portals = format!("[[portal]]\nname = \"box\"\nurl = \"http://127.0.0.1:{}\"\n", portal.port);
            std::fs::write(data.path().join(CONFIG), format!("[cache]\ndisk_free_bytes = 0\n{portals}")).expect("it is ours");
            Self { server: serve(data.path()), mount, _portal: portal, data }
        }

        /// Ends the server, does something to its disk, and starts it again.
        fn restart(mut self, between: impl FnOnce(&Mount)) -> Self {
            self.server.terminate();
            between(&self.mount);
            self.server = serve(self.data.path());
            self
        }

        /// Asks for a body, checks every byte, and says what it cost.
        async fn ask(&self, body: MadeUp) -> String {
            let reading = Digesting::ask(self.server.mirror, &target(&body), &[]).await;
            assert_eq!(reading.status, 200, "{body:?}");
            let cost = reading.field("x-preau-cost").to_owned();
            assert_eq!(reading.end().await, Ok(body.digest()), "{body:?}");
            cost
        }

        /// Waits until the server says so of its disk, which never makes it any less ready. Says why, if it is memory only.
        async fn until(&self, works: bool) -> String {
            let began = Instant::now();
            loop {
                let ready = http::get(self.server.admin, "/readyz").await;
                let said = ready.json();
                assert_eq!((ready.status.as_u16(), said["ready"].as_bool()), (200, Some(true)), "{said}");
                if (said["disk"] == "working") == works {
                    return said["disk"]["memory_only"]["why"].as_str().unwrap_or_default().to_owned();
                }
                assert!(began.elapsed() < PATIENCE, "{said}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }

        /// Waits until everything is written.
        async fn written(&self) {
            let began = Instant::now();
            loop {
                let usage = http::get(self.server.admin, "/api/v1/store").await.json()["usage"].clone();
                if usage["queued_bytes"] == 0 && usage["incoming_bytes"] == 0 {
                    return;
                }
                assert!(began.elapsed() < PATIENCE, "{usage}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// In the index, in a file, and larger than is buffered.
    const LENGTHS: [u64; 3] = [3000, 100_000, 2_000_000];

    fn bodies(first: u64, count: u64) -> impl Iterator<Item = MadeUp> {
        (first..first + count).flat_map(|number| LENGTHS.map(|length| MadeUp::new(number, length)))
    }

    pub async fn full() {
        let small = Small::start().await;
        for body in bodies(0, 2) {
            assert_eq!(small.ask(body).await, "1");
        }
        small.written().await;
        small.until(true).await;
        let ballast = small.mount.0.join("ballast");
        fill(&ballast);
        for body in bodies(100, 6) {
            assert_eq!(small.ask(body).await, "1");
            // Beyond what memory takes it may cost another call; it is served all the same.
            if body.len < 200_000 {
                assert_eq!(small.ask(body).await, "0", "it is in memory: {body:?}");
            } else {
                small.ask(body).await;
            }
        }
        // Nothing can make room for this.
        assert_eq!(small.ask(MadeUp::new(200, 2 * SIZE)).await, "1");
        println!("full: {}", small.until(false).await);
        for body in bodies(300, 2) {
            assert_eq!(small.ask(body).await, "1");
        }
        std::fs::remove_file(&ballast).expect("it is ours");
        small.until(true).await;
        for body in bodies(400, 2) {
            assert_eq!((small.ask(body).await, small.ask(body).await), ("1".into(), "0".into()), "{body:?}");
        }
        small.written().await;
        small.until(true).await;
    }

    /// Writes until there is no room for another page.
    fn fill(path: &Path) {
        use std::io::Write;
        let mut file = std::fs::File::create(path).expect("it is ours");
        while file.write_all(&[0; 4096]).is_ok() {}
    }

    pub async fn read_only() {
        let small = Small::start().await;
        for body in bodies(0, 2) {
            assert_eq!(small.ask(body).await, "1");
        }
        small.written().await;
        // Nothing can be mounted read-only under a process that has a file open to write.
        let small = small.restart(|mount| mount.remount("ro"));
        println!("read-only: {}", small.until(false).await);
        for body in bodies(100, 3) {
            assert_eq!(small.ask(body).await, "1");
            if body.len < 200_000 {
                assert_eq!(small.ask(body).await, "0", "it is in memory: {body:?}");
            }
        }
        small.until(false).await;
        small.mount.remount("rw");
        small.until(true).await;
        for body in bodies(0, 2) {
            assert_eq!(small.ask(body).await, "0", "it was there all the time: {body:?}");
        }
        for body in bodies(300, 2) {
            assert_eq!((small.ask(body).await, small.ask(body).await), ("1".into(), "0".into()), "{body:?}");
        }
        small.written().await;
        small.until(true).await;
    }
}
