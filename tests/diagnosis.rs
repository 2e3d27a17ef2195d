//! Requests with a known, planted mistake: how many `hook verify` names, and that it never names another one.

use std::path::Path;
use std::process::Command;

/// The cases are run by the program that measures them, so that both say the same.
#[test]
fn planted_mistakes_are_named_and_no_other_ones() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnosis");
    let run = Command::new("python3")
        .arg(folder.join("score.py"))
        .args(["--hook", env!("CARGO_BIN_EXE_hook"), "--cases"])
        .arg(folder.join("cases.json"))
        .args(["--min-right", "95", "--min-pairs", "75", "--min-hints", "95"])
        .output();
    let Ok(output) = run else {
        assert!(
            std::env::var_os("HOOK_TEST_PEERS").is_none(),
            "python3 is not installed, and must be"
        );
        eprintln!("skipped: python3 is not installed");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let missed: Vec<&str> = said
        .lines()
        .filter(|line| !line.starts_with("right") && !line.starts_with("ok"))
        .collect();
    assert!(output.status.success(), "{}", missed.join("\n"));
}
