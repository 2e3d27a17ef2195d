//! Bodies and headers that are made to be looked at for long.

use std::time::{Duration, Instant};

use crate::support::Sandbox;

/// The hash of nothing that anybody signs.
const LINE: &str = "X-Signature-256: sha256=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// The body of a gzip file of that many zeros, stored in blocks that refer back to themselves.
fn trap(zeros: usize) -> Vec<u8> {
    let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    file.extend(miniz_oxide::deflate::compress_to_vec(&vec![0; zeros], 9));
    file.extend([0; 8]);
    file
}

#[test]
fn bodies_that_are_made_to_take_long_are_given_up_in_time() {
    let deep = |text: &str, count: usize| [&"[".repeat(count), text, &"]".repeat(count)].concat();
    let objects = format!("{}{}{}", r#"{"a":"#.repeat(100), "0", "}".repeat(100));
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        ("nested without end", vec![b'['; 300_000]),
        (
            "nested, and long if indented",
            deep(&"0,".repeat(150_000), 100).replace(",]", "]").into(),
        ),
        (
            "nested objects",
            format!("[{}]", vec![objects.as_str(); 1000].join(",")).into(),
        ),
        (
            "a gigantic number",
            [b"[", vec![b'9'; 300_000].as_slice(), b"e999999999999]"].concat(),
        ),
        (
            "one string of escapes",
            format!("[\"{}\"]", "\\ud800\\u0000".repeat(20_000)).into(),
        ),
        ("no text", vec![0xff; 300_000]),
        ("a form of many fields", "a=%00&".repeat(50_000).into()),
        ("a form of small fields", "a&".repeat(8_000).into()),
        ("a trap of gzip", trap(20_000_000)),
        ("a small trap of gzip", trap(2_000_000)),
        ("half a trap of gzip", trap(20_000_000)[..5000].to_vec()),
        ("line ends", b"\r\n".repeat(100_000)),
    ];
    let sandbox = Sandbox::new();
    for (name, body) in bodies {
        sandbox.write("body", body);
        let args = [
            "verify",
            "-p",
            "generic",
            "-s",
            "literal:x",
            "--body",
            "@body",
            "-H",
            LINE,
        ];
        let begun = Instant::now();
        let outcome = sandbox.hook(args).run().exits(5);
        // Without optimisation and beside other tests: the bound itself is tested where the time is kept.
        assert!(begun.elapsed() < Duration::from_secs(20), "{name}");
        outcome.never(["panicked"]);
    }
}

#[test]
fn headers_that_are_made_to_take_long_are_given_up_in_time() {
    let sandbox = Sandbox::new();
    let many = format!(
        "webhook-signature: {}",
        vec!["v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="; 2000].join(" ")
    );
    let mut args = [
        "verify",
        "-p",
        "standard-webhooks",
        "-s",
        "literal:whsec_AAAA",
        "--body",
        "{}",
        "--at",
        "1893553445",
    ]
    .to_vec();
    args.extend([
        "-H",
        "webhook-id: m",
        "-H",
        "webhook-timestamp: 1893553445",
        "-H",
        &many,
    ]);
    let other: Vec<String> = (0..500).map(|n| format!("X-Sign-{n}: {}", "0a".repeat(32))).collect();
    args.extend(other.iter().flat_map(|line| ["-H", line]));
    sandbox.hook(args).run().exits(5).prints(["does not match"]);
    let unsigned = ["verify", "-p", "generic", "-s", "literal:x", "--body", "{}"];
    let lines = other.iter().flat_map(|line| ["-H", line]);
    sandbox
        .hook(unsigned.into_iter().chain(lines))
        .run()
        .exits(5)
        .prints(["is missing"]);
}
