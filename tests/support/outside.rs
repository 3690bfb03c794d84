//! Tests that need something from outside this repository: another program, or rights that not everybody has.
//!
//! Where it is absent, the test is reported as ignored with the reason. `PREAU_REQUIRE`, a list with commas, names what must be there:
//! the absence of any of these is a failure instead. Nothing is ever installed from here; `.ci/run` does that.

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
pub const ROOT: Need = Need { name: "root", look: look_for_root };

fn look_for_root() -> Result<(), String> {
    let output = Command::new("id").arg("-u").stderr(Stdio::null()).output().map_err(|error| format!("`id -u` does not run: {error}"))?;
    let id = String::from_utf8_lossy(&output.stdout);
    if id.trim() == "0" { Ok(()) } else { Err(format!("only root may run a process as another user; this is user {}", id.trim())) }
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
