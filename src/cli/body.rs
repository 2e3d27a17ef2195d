//! Flags about what goes into a message.

use clap::Args;

use super::from::FromArgs;
use super::input;
use crate::app::outgoing::{BodyOptions, WholeBody};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::json_text::{compact, repeated_name};
use crate::message::Mode;
use crate::provider::compose::{ComposeOptions, Edit, EditFormat};
use crate::text::printable;

#[derive(Debug, Clone, Default, Args)]
pub(super) struct BodyArgs {
    /// The event's data instead of the sample: JSON, `@FILE` or `-`
    #[arg(short, long, value_name = "JSON", add = super::complete::at_file(), conflicts_with = "from", help_heading = "Body")]
    data: Option<String>,
    /// The whole body, byte for byte, without an envelope: `@FILE`, `-` or text
    #[arg(long, value_name = "BYTES", add = super::complete::at_file(), conflicts_with_all = ["data", "fields", "group", "metadata", "params"], help_heading = "Body")]
    body: Option<String>,
    #[command(flatten, next_help_heading = "Body")]
    from: FromArgs,
    #[command(flatten)]
    edits: EditArgs,
    /// Metadata of the event: `KEY=VALUE` (can be repeated)
    #[arg(long, value_name = "PAIR", conflicts_with = "from", value_parser = input::pair, help_heading = "Body")]
    metadata: Vec<(String, String)>,
    /// Parameter of the provider's envelope: `NAME=VALUE` (can be repeated)
    #[arg(long = "param", value_name = "PAIR", conflicts_with = "from", value_parser = input::pair, help_heading = "Body")]
    params: Vec<(String, String)>,
    /// Put this many events into one message, where the event supports it
    #[arg(long, value_name = "N", conflicts_with = "from", help_heading = "Body")]
    group: Option<usize>,
    /// Message id instead of a generated one
    #[arg(long, value_name = "ID", help_heading = "Body")]
    id: Option<String>,
    /// When the event happened: Unix seconds or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = super::input::moment, help_heading = "Body")]
    time: Option<Timestamp>,
    /// Mode of the event
    #[arg(long, value_name = "MODE", value_parser = ["test", "live"], default_value = "test", help_heading = "Body")]
    mode: String,
    /// Send the fields as a form instead of JSON
    #[arg(long, help_heading = "Body")]
    form: bool,
    /// JSON file with the record that fills merge tags
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "Workflow")]
    context: Option<String>,
    /// Field of a workflow's body: `NAME=TEXT with {{tags}}` (can be repeated)
    #[arg(long = "field", value_name = "PAIR", value_parser = input::pair, conflicts_with_all = ["data", "from"], help_heading = "Workflow")]
    fields: Vec<(String, String)>,
    /// Reject merge tags that are empty, or that lack their namespace
    #[arg(long, help_heading = "Workflow")]
    strict: bool,
}

/// Changes of single values, shared with `replay`.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct EditArgs {
    /// Change a value, `PATH=VALUE`; keeps the type of what it replaces when it can (can be repeated)
    #[arg(long, value_name = "PAIR", value_parser = input::pair, help_heading = "Body")]
    set: Vec<(String, String)>,
    /// Change a value to this JSON (can be repeated)
    #[arg(long, value_name = "PAIR", value_parser = input::pair, help_heading = "Body")]
    set_json: Vec<(String, String)>,
    /// Change a value to this text (can be repeated)
    #[arg(long, value_name = "PAIR", value_parser = input::pair, help_heading = "Body")]
    set_string: Vec<(String, String)>,
    /// Let `--set`, `--set-json` and `--set-string` create missing paths
    #[arg(long, help_heading = "Body")]
    set_new: bool,
}

impl EditArgs {
    pub(super) fn edits(&self) -> Vec<Edit> {
        let kinds = [
            (&self.set, EditFormat::Fitting),
            (&self.set_json, EditFormat::Json),
            (&self.set_string, EditFormat::Text),
        ];
        let edit = |(path, text): (String, String), reading| Edit {
            path,
            text,
            reading,
            create: self.set_new,
        };
        let edits = kinds.into_iter();
        edits
            .flat_map(|(list, reading)| list.iter().cloned().map(move |pair| edit(pair, reading)))
            .collect()
    }
}

impl BodyArgs {
    /// Where the data or the body come from, as typed.
    pub(super) fn source(&self) -> Option<&str> {
        self.data.as_deref().or(self.body.as_deref()).or(self.from.source())
    }

    /// What they say about the message. Reads the files and the stdin that they name.
    pub(super) fn options(&self) -> Result<BodyOptions> {
        let exported = self.from.read()?;
        let content_type = exported
            .as_ref()
            .and_then(|exported| exported.headers.get_text("content-type"));
        let content_type = content_type.map(str::to_owned);
        let whole = match (&self.body, exported) {
            (Some(source), _) => Some(WholeBody::Bytes(input::source(source, "--body")?)),
            (None, Some(exported)) => Some(WholeBody::Bytes(exported.body)),
            (None, None) if self.fields.is_empty() => None,
            (None, None) => Some(WholeBody::Fields(self.fields.clone())),
        };
        let context = self.context.as_deref();
        Ok(BodyOptions {
            compose: ComposeOptions {
                data: self.data.as_deref().map(data).transpose()?,
                edits: self.edits.edits(),
                metadata: self.metadata.clone(),
                params: self.params.clone(),
                group: self.group,
                id: self.id.clone(),
                time: self.time,
                mode: Mode::from_name(&self.mode).unwrap_or_default(),
                ..ComposeOptions::default()
            },
            whole,
            content_type,
            form: self.form,
            record: context.map(|path| input::file(path, "--context")).transpose()?,
            strict: self.strict,
        })
    }
}

/// The JSON text of `--data`.
fn data(source: &str) -> Result<String> {
    fn invalid(error: impl std::fmt::Display) -> Error {
        Error::usage("`--data` is not JSON")
            .cause(error)
            .hint("quote it for the shell, or use `--data @FILE`")
    }
    let text = String::from_utf8(input::source(source, "--data")?).map_err(invalid)?;
    let data = compact(&text).map_err(invalid)?;
    match repeated_name(&data) {
        Some(name) => Err(Error::usage(format!(
            "`--data` has the name `{}` twice in one object",
            printable(&name, 80)
        ))
        .hint("keep one of them; `--body` sends any bytes as they are")),
        None => Ok(data),
    }
}
