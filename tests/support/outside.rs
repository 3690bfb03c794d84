//! Tests that need something from outside this repository: another program, or rights that not everybody has.
//!
//! Where it is absent, the test is reported as ignored with the reason. `PREAU_REQUIRE`, a list with commas, names what must be there:
//! the absence of any of these is a failure instead. Nothing is ever installed from here; `.ci/run` does that.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use libtest_mimic::{Arguments, Completion, Failed, Trial};

/// Something from outside, and how to see whether it is there.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    /// Its name in `PREAU_REQUIRE`.
    pub name: &'static str,
    /// Says why it is absent.
    look: fn() -> Result<(), String>,
}

/// The right to run a process as another user.
#[allow(dead_code, reason = "each test binary uses its part")]
pub const ROOT: Need = Need { name: "root", look: look_for_root };

/// The right to mount a file system.
#[cfg(target_os = "linux")]
#[allow(dead_code, reason = "each test binary uses its part")]
pub const MOUNTS: Need = Need { name: "mounts", look: look_for_mounts };

/// Node, with its own `fetch`.
#[allow(dead_code, reason = "each test binary uses its part")]
pub const NODE: Need = Need { name: "node", look: || runs("node", &["--eval", "process.exit(typeof fetch === 'function' ? 0 : 1)"]) };

/// The packages of `tests/clients/package-lock.json`, installed to the end.
#[allow(dead_code, reason = "each test binary uses its part")]
pub const NODE_PACKAGES: Need = Need { name: "node-packages", look: || there(&installed().join("node-packages")) };

/// A Python with the packages of `tests/clients/requirements.txt`, installed to the end.
#[allow(dead_code, reason = "each test binary uses its part")]
pub const PYTHON_PACKAGES: Need = Need { name: "python-packages", look: || there(&installed().join("python-packages")) };

/// A browser.
#[allow(dead_code, reason = "each test binary uses its part")]
pub const CHROMIUM: Need = Need { name: "chromium", look: || runs("chromium", &["--version"]) };

/// curl.
#[allow(dead_code, reason = "each test binary uses its part")]
pub const CURL: Need = Need { name: "curl", look: || runs("curl", &["--version"]) };

/// Where `.ci/run` installs packages of other languages: beside what cargo builds, never among the sources.
#[allow(dead_code, reason = "each test binary uses its part")]
pub fn installed() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("cargo's directory for tests is in its target directory").join("clients")
}

/// The Python that has the packages.
#[allow(dead_code, reason = "each test binary uses its part")]
pub fn python() -> PathBuf {
    installed().join("venv/bin/python")
}

/// Whether a program runs at all.
fn runs(program: &str, arguments: &[&str]) -> Result<(), String> {
    let status = Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let status = status.map_err(|error| format!("{program} does not run: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{program} {}` fails: {status}", arguments.join(" "))) }
}

fn there(path: &Path) -> Result<(), String> {
    if path.exists() { Ok(()) } else { Err(format!("{} is absent; .ci/run installs it", path.display())) }
}

fn look_for_root() -> Result<(), String> {
    let output = Command::new("id").arg("-u").stderr(Stdio::null()).output().map_err(|error| format!("`id -u` does not run: {error}"))?;
    let id = String::from_utf8_lossy(&output.stdout);
    if id.trim() == "0" { Ok(()) } else { Err(format!("only root may run a process as another user; this is user {}", id.trim())) }
}

/// In a namespace of its own, so that nothing is left of it.
#[cfg(target_os = "linux")]
fn look_for_mounts() -> Result<(), String> {
    runs("unshare", &["--mount", "mount", "-t", "tmpfs", "none", env!("CARGO_TARGET_TMPDIR")])
}

/// A test that runs where all `needs` are met.
pub fn trial(name: &str, needs: &'static [Need], test: impl FnOnce() + Send + 'static) -> Trial {
    let required = std::env::var("PREAU_REQUIRE").unwrap_or_default();
    Trial::ignorable_test(name, move || {
        if let Some((need, reason)) = needs.iter().find_map(|need| Some((need, (need.look)().err()?))) {
            return absent(need.name, &reason, &required);
        }
        test();
        Ok(Completion::Completed)
    })
}

/// What becomes of a test whose need `name` is not met.
fn absent(name: &str, reason: &str, required: &str) -> Result<Completion, Failed> {
    if required.split(',').any(|required| required.trim() == name) {
        return Err(Failed::from(format!("PREAU_REQUIRE names {name}, and it is absent: {reason}")));
    }
    Ok(Completion::ignored_with(reason))
}

/// Runs `trials` and those that check this module itself.
pub fn run(mut trials: Vec<Trial>) -> ExitCode {
    trials.push(trial("an_absence_is_ignored_with_its_reason_unless_it_is_required", &[], || {
        for required in ["", "node"] {
            let ignored = absent("root", "this is user 7", required);
            assert!(matches!(ignored, Ok(Completion::Ignored { reason: Some(reason) }) if reason == "this is user 7"));
        }
        let failed = absent("root", "this is user 7", "node, root").err().expect("root is required");
        assert!(failed.message().is_some_and(|message| message.contains("this is user 7")));
    }));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
