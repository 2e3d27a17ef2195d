//! The envelope around the data of an event.

use indexmap::IndexMap;
use serde_json::Value;

use crate::json_text;
use crate::provider::profile::Profile;
use crate::template::{Placeholder, Template};

/// Puts data, a JSON text, into the envelope.
pub(super) fn envelope(profile: &Profile, data: String, mut value: impl FnMut(&Template) -> Value) -> String {
    let mut fields = IndexMap::new();
    let mut data = Some(data);
    for (name, template) in &profile.envelope.json {
        let is_data = template.single() == Some(&Placeholder::Data);
        match (name.as_str(), is_data) {
            ("...", _) => {
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
            (_, true) => {
                fields.insert(name.clone(), data.take().unwrap_or_else(|| "null".to_owned()));
            }
            (_, false) => {
                fields.insert(name.clone(), value(template).to_string());
            }
        }
    }
    json_text::object(&fields)
}
