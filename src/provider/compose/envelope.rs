//! The envelope around the data of an event.

use indexmap::IndexMap;
use serde_json::Value;

use crate::json_text;
use crate::provider::file::EnvelopeField;
use crate::provider::profile::Profile;
use crate::template::Placeholder;

/// Puts data, a JSON text, into the envelope.
pub(super) fn envelope(profile: &Profile, data: String, mut value: impl FnMut(&Placeholder) -> Value) -> String {
    let mut fields = IndexMap::new();
    let mut data = Some(data);
    for (name, EnvelopeField(field)) in &profile.envelope.json {
        if name != "..." {
            let field = field.json(&mut |placeholder| match placeholder {
                Placeholder::Data => data.take().unwrap_or_else(|| "null".to_owned()),
                other => value(other).to_string(),
            });
            fields.insert(name.clone(), field);
            continue;
        }
        let Some(data) = data.take() else { continue };
        // Only an object can be spread: an envelope of nothing but the data is that data.
        if profile.envelope.json.len() == 1 {
            return data;
        }
        match json_text::members(&data) {
            Some(spread) => fields.extend(spread.into_iter().map(|(name, value)| (name, value.to_owned()))),
            None => {
                fields.insert("data".to_owned(), data);
            }
        }
    }
    json_text::object(&fields)
}
