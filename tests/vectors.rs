//! Every known request through `hook verify`, and every canonical one through `hook sign`.

use hook::internals::app::context::Secrets;
use hook::internals::clock::Timestamp;
use hook::internals::headers::Headers;
use hook::internals::provider::Registry;
use hook::internals::secret::Secret;
use hook::internals::signature::Received;
use hook::internals::verification::Verification;

use crate::support::{Sandbox, Vector};

#[test]
fn every_known_request_gets_the_verdict_that_its_source_gives() {
    let sandbox = Sandbox::new();
    let body = sandbox.path("body");
    let mut wrong = Vec::new();
    for (provider, vector) in Vector::all() {
        sandbox.write(&body, vector.body());
        let mut args = vec![
            "verify".into(),
            "--provider".into(),
            vector.label(&provider),
            "--body".into(),
            "@body".into(),
        ];
        for secret in vector.secrets() {
            args.extend(["--secret".into(), format!("literal:{secret}")]);
        }
        for (name, value) in &vector.headers {
            args.extend(["--header".into(), format!("{name}: {value}")]);
        }
        if let Some(at) = vector.timestamp_unix {
            args.extend(["--at".into(), at.to_string()]);
        }
        for (flag, value) in [("--method", &vector.method), ("--url", &vector.url)] {
            args.extend(value.iter().flat_map(|value| [flag.to_owned(), value.clone()]));
        }
        let outcome = sandbox.hook(&args).run();
        let code = if vector.expect == "valid" { 0 } else { 5 };
        if outcome.code != code {
            wrong.push(format!(
                "{} ({}): {} is expected\n{outcome}",
                vector.id, vector.why, vector.expect
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_library_says_the_same_of_every_known_request() {
    let registry = Registry::default();
    let mut wrong = Vec::new();
    for (provider, vector) in Vector::all() {
        let secrets = vector.secrets().into_iter().map(Secret::new).collect();
        let check = |label: String, secrets: Vec<Secret>| {
            let verification = Verification::new(&registry, &[label], Some(Secrets::Given(secrets)));
            let headers: Headers = vector.headers.iter().collect();
            verification.expect("a provider").check(&Received {
                method: vector.method.as_deref().unwrap_or("POST"),
                url: vector.url.as_deref(),
                headers: &headers,
                body: &vector.body(),
                now: Timestamp::from_unix(vector.timestamp_unix.unwrap_or(1_893_553_445)),
            })
        };
        let secrets: Vec<Secret> = secrets;
        let label = vector.label(&provider);
        let judged = check(label.clone(), secrets.clone());
        if judged.verdict.is_accepted() != (vector.expect == "valid") {
            wrong.push(format!("{} ({}): {:?}", vector.id, vector.why, judged.verdict));
        }
        if label != provider && check(provider, secrets).verdict.is_accepted() {
            wrong.push(format!("{}: it proves less, and was not named", vector.id));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn signing_gives_the_very_headers_of_every_canonical_request() {
    let sandbox = Sandbox::new();
    let body = sandbox.path("body");
    let mut count = 0;
    for (provider, vector) in Vector::all().into_iter().filter(|(_, vector)| vector.canonical) {
        sandbox.write(&body, vector.body());
        let label = match &vector.variant {
            Some(variant) => format!("{provider}@{variant}"),
            None => provider,
        };
        let secret = vector.signing_key.clone().unwrap_or_else(|| vector.secrets()[0].into());
        let mut args = vec![
            "sign".into(),
            "--provider".into(),
            label,
            "--body".into(),
            "@body".into(),
        ];
        args.extend(["--secret".into(), format!("literal:{secret}")]);
        if let Some(at) = vector.timestamp_unix {
            args.extend(["--at".into(), at.to_string()]);
        }
        for (flag, value) in [("--method", &vector.method), ("--url", &vector.url)] {
            args.extend(value.iter().flat_map(|value| [flag.to_owned(), value.clone()]));
        }
        if let Some(id) = vector.headers.get("webhook-id") {
            args.extend(["--id".into(), id.clone()]);
        }
        let outcome = sandbox.hook(&args).run().ok();
        let lines = outcome.stdout();
        for (name, value) in &vector.headers {
            let line = format!("{}: {value}", name.to_lowercase());
            assert!(
                lines.lines().any(|have| have == line),
                "{}: {line}\n{outcome}",
                vector.id
            );
        }
        count += 1;
    }
    assert!(count >= 30, "only {count}");
}
