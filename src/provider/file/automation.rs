//! What users of the provider shape themselves: requests that it makes, and triggers that it has.

use serde::Deserialize;

/// `[workflow]`: requests that a user of the provider shapes with merge tags.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct WorkflowFile {
    /// A sample record as JSON text: the tags are the paths into it, `{{contact.email}}`.
    pub context: String,
}

/// `[inbound]`: triggers of the provider, which the user's own systems call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct InboundFile {
    /// Methods that a trigger takes.
    pub methods: Vec<String>,
    /// Fields of the record of which one must be there.
    pub identity: Vec<String>,
}
