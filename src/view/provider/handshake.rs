//! The handshakes of a profile, for people and for scripts.

use serde_json::{Value, json};

use super::sheet::ProfileSheet;
use crate::clock::human_duration;
use crate::provider::Profile;
use crate::provider::handshake::Handshake;

/// The section of the sheet; nothing without handshakes.
pub(super) fn section(sheet: &mut ProfileSheet<'_>, profile: &Profile) {
    if profile.handshakes.is_empty() {
        return;
    }
    sheet.heading("Handshake");
    for handshake in &profile.handshakes {
        let key = match &handshake.name {
            Some(name) => format!("handshakes.{name}"),
            None => "handshake".to_owned(),
        };
        let name = handshake.name.as_deref().unwrap_or("asks");
        sheet.row(name, told(handshake), &[&key]);
    }
}

fn told(handshake: &Handshake) -> String {
    let summary = handshake.summary.as_deref();
    let mut told = vec![summary.unwrap_or("before the first event").to_owned()];
    told.extend(handshake.signed.then(|| "signed".to_owned()));
    told.extend(
        handshake
            .probes_signature
            .then(|| "also with a wrong signature".to_owned()),
    );
    let within = handshake.within;
    told.extend(within.map(|within| format!("answered within {}", human_duration(within.0))));
    told.join("; ")
}

/// The requests and their expected responses, with placeholders as in a provider file.
pub(super) fn json(profile: &Profile) -> Value {
    profile.handshakes.iter().map(one).collect()
}

fn one(handshake: &Handshake) -> Value {
    let question = handshake.request.unfilled();
    let mut answers = handshake.unfilled_answers();
    json!({
        "name": handshake.name,
        "summary": handshake.summary,
        "signed": handshake.signed,
        "probes_signature": handshake.probes_signature,
        "token": handshake.token,
        "secret": handshake.secret,
        "tell": handshake.tell,
        "confirm_host": handshake.confirm_host,
        "within_ms": handshake.within.map(|text| super::whole_millis(text.0)),
        "request": {
            "method": question.method,
            "query": question.query,
            "headers": question.headers,
            "body": question.body,
            "without": handshake.request.without,
        },
        "answer": answers.next(),
        "also_accept": answers.collect::<Vec<_>>(),
        "success": handshake.success().to_string(),
    })
}
