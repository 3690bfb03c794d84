//! The day of `examples/day.toml` is what `examples/day.txt` says it is, and every call of it stands in somebody's row.

use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn the_day_that_is_checked_in_comes_out_as_it_is_checked_in() {
    let played = Command::new(env!("CARGO_BIN_EXE_preau")).args(["simulate-day", "examples/day.toml"]).current_dir(ROOT).output().unwrap();
    let printed = String::from_utf8(played.stdout).unwrap();
    let expected = std::fs::read_to_string(format!("{ROOT}/examples/day.txt")).unwrap();
    assert!(played.status.success(), "{printed}{}", String::from_utf8_lossy(&played.stderr));
    assert_eq!(printed, expected, "if the new day is right: preau simulate-day examples/day.toml > examples/day.txt");
}

#[test]
fn a_script_with_a_fault_names_its_line() {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("day.toml");
    let text = "day = \"2026-03-03\"\n[portal]\ndaily_calls = 100\n[preau.budget]\nlook_reserv = 5\n";
    std::fs::write(&script, format!("{text}[[ask]]\nteam = \"default\"\nat = \"08:00\"\nquestion = \"/a\"\n")).unwrap();
    let played = Command::new(env!("CARGO_BIN_EXE_preau")).arg("simulate-day").arg(&script).output().unwrap();
    let said = String::from_utf8_lossy(&played.stderr).into_owned();
    assert!(!played.status.success() && said.contains("line 5: budget.look_reserv: no such key"), "{said}");
}
