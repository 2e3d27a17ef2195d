//! Mistakes that the tools of a shell make: openssl, jq, gzip, sed, curl.

use std::process::{Command, Stdio};

use super::{PYTHON, Row, SECRET, each_is_named};
use crate::support::{App, Reply, Sandbox};

/// What a row's program does with `body`: the shell command's output is what is signed, or what arrives.
fn signs(command: &str) -> String {
    format!(r#"head["X-Signature-256"] = "sha256=" + h(secret, sh({command:?}, body)).hexdigest()"#)
}

fn gets(command: &str) -> String {
    format!(r#"head["X-Signature-256"] = "sha256=" + h(secret, body).hexdigest(); got = sh({command:?}, body)"#)
}

/// The header as a shell command writes it, from the body.
fn writes(command: &str) -> String {
    format!(r#"head["X-Signature-256"] = sh({command:?}, body).decode().strip()"#)
}

fn is_there(tool: &str) -> bool {
    let mut command = Command::new(tool);
    let command = command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok()
}

#[test]
fn mistakes_that_the_tools_of_a_shell_make_are_named() {
    let hmac = |options: &str| format!("openssl dgst {options} -r | cut -d' ' -f1 | sed 's/^/sha256=/'");
    let keyed = |key: &str| {
        hmac(&format!(
            "-sha256 -mac HMAC -macopt hexkey:$({key} | od -An -tx1 -v | tr -d ' \\n')"
        ))
    };
    let base64 = r#"printf 'sha256=%s' "$(openssl dgst -sha256 -hmac "$S" -binary | base64)""#;
    let plain = |text: &str| format!("body = b'{text}'; ");
    let json = r#"{"b":{"\\u00e9":1,"a":[]},"a":"x/y"}"#;
    let mut rows: Vec<(&str, String)> = vec![
        ("wrong-hash", writes(&hmac("-sha1 -hmac \"$S\""))),
        ("wrong-hash", writes(&hmac("-sha512 -hmac \"$S\""))),
        ("secret-whitespace", writes(&keyed("echo \"$S\""))),
        ("secret-quotes", writes(&keyed("printf '\"%s\"' \"$S\""))),
        (
            "secret-encoding",
            writes(&keyed("printf %s \"${S#whsec_}\" | base64 -d")),
        ),
        ("secret-encoding", writes(&keyed("printf %s \"${S#whsec_}\""))),
        ("signature-encoding", writes(base64)),
        (
            "signature-encoding",
            writes(&format!("{base64} | tr '+/' '-_' | tr -d =\n").replacen("sha256=%s", "%s", 1)),
        ),
        (
            "signature-encoding",
            writes(&format!("{} | sed 's/^sha256=/v0=/'", hmac("-sha256 -hmac \"$S\""))),
        ),
        ("plain-hash", writes(&hmac("-sha256"))),
        (
            "plain-hash",
            writes(&format!("(printf %s \"$S\"; cat) | {}", hmac("-sha256"))),
        ),
        ("body-newline-lost", signs("echo \"$(cat)\"")),
        ("body-newline-added", gets("cat; echo")),
        (
            "body-line-ends",
            plain("a\\nb\\n") + "got = body; " + &signs("sed 's/$/\\r/'"),
        ),
        (
            "body-line-ends",
            plain("a\\r\\nb\\r\\n") + "got = body; " + &signs("tr -d '\\r'"),
        ),
        ("body-bom", gets("printf '\\357\\273\\277'; cat")),
        ("body-compressed", gets("gzip -c")),
        (
            "body-truncated",
            "got = body = body * 20; ".to_owned() + &signs("head -c 1024"),
        ),
        ("body-empty", signs("head -c 0")),
    ];
    if is_there("jq") {
        for filter in [
            "jq .",
            "jq -c .",
            "jq -j .",
            "jq -S .",
            "jq -cS .",
            "jq --tab .",
            "jq -ca .",
            "jq --indent 4 .",
        ] {
            rows.push((
                "body-reserialised",
                plain(json) + "body = sh('sed s/:/:\\\\ /', body); got = body; " + &signs(filter),
            ));
        }
    }
    let rows: Vec<Row<'_>> = rows
        .iter()
        .map(|(cause, code)| (*cause, "generic", &[][..], code.as_str()))
        .collect();
    each_is_named("python3", "-c", PYTHON, &rows);
}

/// `curl ARGS` with the header of a body that `hook sign` signed, and what the listener says about what came.
fn curl(args: &[&str], signed: &str, says: &str) {
    if !is_there("curl") {
        return;
    }
    let sandbox = Sandbox::new();
    let secret = format!("literal:{SECRET}");
    sandbox.write("body", signed);
    let sign = ["sign", "-p", "generic", "-s", &secret, "--body", "@body"];
    let header = sandbox.hook(sign).run().ok().stdout().trim().to_owned();
    let mut listener = sandbox.listen(["-p", "generic", "-s", &secret]);
    let target = listener.url.clone();
    let app = App::start(move |_| Reply::Full(301, vec![("location", target.clone().leak())], Vec::new()));
    let first = if args.contains(&"-L") { &app.url } else { &listener.url };
    let always = ["-sS", "-H", "content-type: application/json", "-H", &header, first];
    sandbox.program("curl", always.iter().chain(args)).run().ok();
    listener.says(says);
    listener.stop();
}

#[test]
fn a_newline_that_curl_drops_is_named() {
    curl(&["-d", "@body"], "{\"a\":1}\n", "the body lost the newline at its end");
    curl(
        &["--data-urlencode", "payload@body"],
        "{\"a\": 1}",
        "what is in a field of the form",
    );
}

#[test]
fn a_body_that_curl_drops_at_a_redirect_is_named() {
    curl(
        &["-L", "--data-binary", "@body"],
        "{\"a\":1}",
        "a redirect turns POST into GET",
    );
}
