//! Receivers with nothing of this program in them: Python's own HTTP server and hmac, written as the providers' documents
//! show. They accept what `send` signs and refuse everything else.

use std::process::Command;

use crate::support::{Process, Sandbox};

const SECRET: &str = "whsec_0123456789abcdef0123456789abcdef";

/// A receiver of that provider, ready at its URL.
fn receiver(module: &str) -> (Process, String) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/receivers");
    let mut command = Command::new("python3");
    command
        .args(["-B", "serve.py", module])
        .current_dir(folder)
        .env("WEBHOOK_SECRET", SECRET);
    let mut process = Process::spawn(command);
    let url = process.wait_line(|line| line.starts_with("http://"));
    (process, url)
}

#[test]
fn receivers_written_from_the_documents_accept_what_send_signs_and_nothing_else() {
    let sandbox = Sandbox::new();
    let literal = format!("literal:{SECRET}");
    for (provider, module, event) in [
        ("poolflow", "poolflow", "job.paid"),
        ("pool-brain", "pool_brain", "customer.created"),
        ("pocketsflow", "pocketsflow", "order.completed"),
        ("hoopai", "hoopai", "ContactCreated"),
        ("slotflow", "slotflow", "booking.confirmed"),
    ] {
        let (_running, url) = receiver(module);
        let send = |secret: &str, extra: &[&str]| {
            let args = ["send", event, "--provider", provider, "--to", &url, "--secret", secret];
            sandbox.hook(args.iter().chain(extra)).run()
        };
        send(&literal, &[]).ok().prints(["200 OK", "delivered"]);
        let umlauts = r#"{"name":"Päm \u0000 ☂","spaces": [ 1.50 ] }"#;
        send(&literal, &["--data", umlauts]).ok();
        send("literal:whsec_wrong", &[])
            .exits(3)
            .prints(["401 Unauthorized"])
            .never([SECRET]);
        // Signed with the right secret, changed afterwards.
        sandbox
            .hook(["replay", "last~2", "--as-captured", "--set", "data.id=1", "--set-new"])
            .run()
            .exits(3);
        sandbox.hook(["replay", "last~3", "--as-captured"]).run().ok();
    }
}
