//! The page in a real Chromium. Its driver is where `.ci/run` put it; without it these tests print that they skip.

use std::path::Path;
use std::process::Command;

use crate::support::{ROOT, Sandbox};

/// The programs under which Chromium is known.
const BROWSERS: [&str; 2] = ["/usr/bin/chromium", "/usr/bin/chromium-browser"];

/// Runs a scenario of `page.mjs`.
#[expect(clippy::print_stderr, reason = "a test that does nothing on this machine says so")]
fn scenario(name: &str) {
    let Some(driver) = std::env::var_os("HOOK_TEST_BROWSER") else {
        eprintln!("skipped: `HOOK_TEST_BROWSER` names no folder with the driver");
        return;
    };
    let browser = BROWSERS.iter().find(|path| Path::new(path).exists());
    let browser = browser.expect("Chromium, where its driver is");
    let sandbox = Sandbox::new();
    let output = Command::new("node")
        .arg(Path::new(ROOT).join("tests/inspector/page.mjs"))
        .arg(name)
        .env("HOOK_TEST_BROWSER", driver)
        .env("HOOK_TEST_CHROMIUM", browser)
        .env("HOOK_TEST_BINARY", env!("CARGO_BIN_EXE_hook"))
        .env("HOOK_TEST_ROOT", sandbox.path(""))
        .env("HOOK_TEST_CASES", Path::new(ROOT).join("tests/diagnosis/cases.json"))
        .output()
        .expect("node runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}:\n{said}");
}

#[test]
fn the_page_fills_live_is_filtered_and_accessible_and_runs_nothing_of_a_payload() {
    scenario("live");
}

#[test]
fn an_edited_replay_arrives_signed_afresh_and_records_are_compared_copied_and_deleted() {
    scenario("actions");
}

#[test]
fn the_page_is_used_without_a_mouse() {
    scenario("keyboard");
}

#[test]
fn the_page_goes_on_after_a_restart_and_tabs_share_one_stream() {
    scenario("restart");
}

#[test]
fn another_local_server_cannot_use_the_cookie() {
    scenario("foreign");
}

#[test]
fn a_large_ledger_scrolls_with_few_rows_in_the_document() {
    scenario("large");
}

#[test]
fn planted_mistakes_are_found_with_two_keys() {
    scenario("diagnosis");
}
