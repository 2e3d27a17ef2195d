//! How a profile asks an endpoint whether it is wanted, for people.

use super::sheet::Sheet;
use crate::clock::human_duration;
use crate::provider::Profile;
use crate::provider::handshake::Handshake;

/// The section of the sheet; nothing where nothing is asked.
pub(super) fn section(sheet: &mut Sheet<'_>, profile: &Profile) {
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
        sheet.row(name, &told(handshake), &[&key]);
    }
}

fn told(handshake: &Handshake) -> String {
    let mut told = vec![
        handshake
            .summary
            .clone()
            .unwrap_or_else(|| "before the first event".to_owned()),
    ];
    if handshake.signed {
        told.push("signed".to_owned());
    }
    if handshake.probes_signature {
        told.push("also with a wrong signature".to_owned());
    }
    if let Some(within) = handshake.within {
        told.push(format!("answered within {}", human_duration(within)));
    }
    told.join("; ")
}
