//! The handshakes of a profile, for people and for scripts.

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
