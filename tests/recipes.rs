//! The recipes of `docs/ci-recipes.md` on the application of `examples/sender/`, and the action in `action.yml`.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{ROOT, Sandbox};

/// Whether Node is there. In CI it has to be.
fn has_node() -> bool {
    let ran = Command::new("npm").arg("--version").output();
    let is_there = ran.is_ok_and(|ran| ran.status.success());
    assert!(is_there || std::env::var_os("CI").is_none(), "npm is missing");
    is_there
}

/// The example in the work folder; without its webhook, its own test still passes.
fn application(sandbox: &Sandbox, with_webhook: bool) {
    let from = Path::new(ROOT).join("examples/sender");
    for file in ["package.json", "shop.mjs", "shop.test.mjs"] {
        let text = fs::read_to_string(from.join(file)).expect("a file of the example");
        let call = "    await sendWebhook(this.webhook, \"order.paid\", { order: id, total_cents: order.cents });\n";
        assert!(file != "shop.mjs" || text.contains(call), "the webhook is there");
        sandbox.write(file, if with_webhook { text } else { text.replace(call, "") });
    }
}

/// The first block of shell commands below a title of the recipes.
fn recipe(title: &str) -> String {
    let text = fs::read_to_string(Path::new(ROOT).join("docs/ci-recipes.md")).expect("the recipes");
    let (_, rest) = text.split_once(title).expect("the title is there");
    let (_, block) = rest.split_once("```sh\n").expect("a block");
    block.split_once("```").expect("its end").0.to_owned()
}

/// The search path with the program that is tested before all others.
fn path() -> String {
    let folder = Path::new(env!("CARGO_BIN_EXE_hook")).parent().expect("a folder");
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default())
}

#[test]
fn the_recipe_passes_and_fails_with_8_when_the_webhook_is_removed() {
    if !has_node() {
        return;
    }
    let recipe = recipe("## Expect a webhook from your program\n");
    assert!(
        recipe.contains("hook listen") && recipe.contains("-- npm test"),
        "{recipe}"
    );
    for (with_webhook, code) in [(true, 0), (false, 8)] {
        let sandbox = Sandbox::new();
        application(&sandbox, with_webhook);
        let outcome = sandbox.program("bash", ["-euc", &recipe]).env("PATH", path()).run();
        let outcome = outcome.exits(code).says(["pass 1"]);
        let report = fs::read_to_string(sandbox.path("webhooks.xml")).unwrap();
        assert_eq!(report.contains("failures=\"0\""), with_webhook, "{report}");
        if !with_webhook {
            outcome.prints(["unmet", "event: expected \"order.paid\", came \"order.placed\""]);
        }
    }
}

#[test]
fn the_steps_of_the_action_pass_and_fail_like_the_recipe() {
    if !has_node() {
        return;
    }
    let script = Path::new(ROOT).join("tests/action.sh").display().to_string();
    for (with_webhook, code) in [(true, 0), (false, 8)] {
        let sandbox = Sandbox::new();
        application(&sandbox, with_webhook);
        let expect = "expect=event == \"order.placed\"\n\nevent == \"order.paid\" && data.total_cents == 2500";
        let folder = format!("working-directory={}", sandbox.path("").display());
        let args = [
            script.as_str(),
            env!("CARGO_BIN_EXE_hook"),
            expect,
            "command=npm test",
            "options=--all-verified\n--settle 200ms",
            "junit=junit.xml",
            &folder,
        ];
        sandbox.program("bash", args).env("PATH", path()).run().exits(code);
        assert!(sandbox.path("junit.xml").exists());
    }
    // What an input says is text, not a command.
    let sandbox = Sandbox::new();
    let args = [
        script.as_str(),
        env!("CARGO_BIN_EXE_hook"),
        "expect=$(touch made) == 1",
        "command=true",
    ];
    sandbox.program("bash", args).env("PATH", path()).run().exits(2);
    assert!(!sandbox.path("made").exists());
}
