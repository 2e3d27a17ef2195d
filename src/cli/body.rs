//! What goes into a message: flags of `send`, and the message that they make.

use clap::Args;
use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::input;
use crate::app::workflow;
use crate::cli::session::Session;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::message::{Message, Mode};
use crate::provider::Profile;
use crate::provider::compose::{ComposeOptions, Composer, Edit, Reading};
use crate::provider::workflow::Merge;
use crate::random::Random;
use crate::template::text_of;

#[derive(Debug, Clone, Default, Args)]
pub(super) struct BodyArgs {
    /// The event's data instead of the sample: JSON, `@FILE` or `-`
    #[arg(short, long, value_name = "JSON", add = super::complete::at_file(), help_heading = "Body")]
    data: Option<String>,
    /// The whole body, bytes as they are, no envelope: `@FILE`, `-` or text
    #[arg(long, value_name = "BYTES", add = super::complete::at_file(), conflicts_with_all = ["data", "fields", "group", "metadata", "params"], help_heading = "Body")]
    body: Option<String>,
    #[command(flatten)]
    pub(super) edits: EditArgs,
    /// Metadata of the event: `KEY=VALUE` (can be repeated)
    #[arg(long, value_name = "PAIR", help_heading = "Body")]
    metadata: Vec<String>,
    /// Parameter of the provider's envelope: `NAME=VALUE` (can be repeated)
    #[arg(long = "param", value_name = "PAIR", help_heading = "Body")]
    params: Vec<String>,
    /// Many events in one message, where the event supports it
    #[arg(long, value_name = "N", help_heading = "Body")]
    group: Option<usize>,
    /// The message's id instead of a fresh one
    #[arg(long, value_name = "ID", help_heading = "Body")]
    id: Option<String>,
    /// When the event happened: Unix seconds or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = super::timestamp, help_heading = "Body")]
    time: Option<Timestamp>,
    /// A rehearsal or the real thing
    #[arg(long, value_name = "MODE", default_value = "test", help_heading = "Body")]
    mode: ModeArg,
    /// Send the fields as a form instead of JSON
    #[arg(long, help_heading = "Body")]
    pub(super) form: bool,
    /// Record that merge tags are filled from: a JSON file
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "Workflow")]
    context: Option<String>,
    /// Field of a workflow's body: `NAME=TEXT with {{tags}}` (can be repeated)
    #[arg(
        long = "field",
        value_name = "PAIR",
        conflicts_with = "data",
        help_heading = "Workflow"
    )]
    pub(super) fields: Vec<String>,
    /// A workflow's body, its tags filled in.
    #[arg(skip)]
    pub(super) document: Option<Value>,
    /// Refuse merge tags that are empty, or that lack their namespace
    #[arg(long, help_heading = "Workflow")]
    pub(super) strict: bool,
}

/// Changes of single values, shared with `replay`.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct EditArgs {
    /// Change a value, `PATH=VALUE`; keeps the type of what it replaces when it can (can be repeated)
    #[arg(long, value_name = "PAIR", help_heading = "Body")]
    set: Vec<String>,
    /// Change a value to this JSON (can be repeated)
    #[arg(long, value_name = "PAIR", help_heading = "Body")]
    set_json: Vec<String>,
    /// Change a value to this text (can be repeated)
    #[arg(long, value_name = "PAIR", help_heading = "Body")]
    set_string: Vec<String>,
    /// Let `--set` and its kin create paths that do not exist
    #[arg(long, help_heading = "Body")]
    set_new: bool,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum ModeArg {
    #[default]
    Test,
    Live,
}

impl EditArgs {
    pub(super) fn edits(&self) -> Result<Vec<Edit>> {
        let kinds = [
            (&self.set, "--set", Reading::Fitting),
            (&self.set_json, "--set-json", Reading::Json),
            (&self.set_string, "--set-string", Reading::Text),
        ];
        let mut edits = Vec::new();
        for (list, flag, reading) in kinds {
            for pair in list {
                let (path, text) = split_pair(pair, flag)?;
                edits.push(Edit {
                    path,
                    text,
                    reading,
                    create: self.set_new,
                });
            }
        }
        Ok(edits)
    }
}

/// Makes the messages of one run.
pub(super) enum MessageSource<'a> {
    /// An event in its envelope.
    Composed(Box<Composer<'a>>),
    /// Bytes or a workflow's fields: fixed but for the ids.
    Fixed {
        profile: &'a Profile,
        event: String,
        wire_id: Option<String>,
        time: Option<Timestamp>,
        mode: Mode,
        content_type: String,
        body: Vec<u8>,
    },
}

impl MessageSource<'_> {
    /// One message, with identities of its own.
    pub(super) fn make(&self, id: Id, now: Timestamp, random: &Random) -> Result<Message> {
        match self {
            Self::Composed(composer) => Ok(composer.compose(id, now, random)?),
            Self::Fixed {
                profile,
                event,
                wire_id,
                time,
                mode,
                content_type,
                body,
            } => Ok(Message {
                id,
                wire_id: wire_id.clone().unwrap_or_else(|| profile.fresh_id(now, random)),
                event: event.clone(),
                time: time.unwrap_or(now),
                mode: *mode,
                content_type: content_type.clone(),
                body: body.clone().into(),
            }),
        }
    }
}

impl BodyArgs {
    /// Whether the body names the event itself, so that none must be given.
    pub(super) fn is_whole(&self) -> bool {
        self.body.is_some() || !self.fields.is_empty() || self.document.is_some()
    }

    /// The parameters of the envelope that the flags give. Of one name the last one counts.
    pub(super) fn params(&self) -> Result<Vec<(String, String)>> {
        let last: IndexMap<String, String> = pairs(&self.params, "--param")?.into_iter().collect();
        Ok(last.into_iter().collect())
    }

    /// The same flags, with parameters that hold where the flags say nothing.
    pub(super) fn with_params(&self, defaults: &[(String, String)]) -> Self {
        let mut body = self.clone();
        let defaults = defaults.iter().map(|(name, value)| format!("{name}={value}"));
        body.params.splice(0..0, defaults);
        body
    }

    /// Where the data or the body come from, as typed.
    pub(super) fn source(&self) -> Option<&str> {
        self.data.as_deref().or(self.body.as_deref())
    }

    /// Reads the flags into a maker of messages.
    pub(super) fn maker<'a>(
        &self,
        session: &Session,
        profile: &'a Profile,
        event: Option<&str>,
    ) -> Result<MessageSource<'a>> {
        let mode = if matches!(self.mode, ModeArg::Live) {
            Mode::Live
        } else {
            Mode::Test
        };
        let fixed = |body: Vec<u8>| MessageSource::Fixed {
            profile,
            event: event.unwrap_or_default().to_owned(),
            wire_id: self.id.clone(),
            time: self.time,
            mode,
            content_type: profile.type_of(&body).to_owned(),
            body,
        };
        if let Some(source) = &self.body {
            if !self.edits.edits()?.is_empty() {
                return Err(Error::usage(
                    "`--set` does not change a `--body`: its bytes are sent as they are",
                ));
            }
            return Ok(fixed(input::source(source, "--body")?));
        }
        if let Some(mut document) = self.document(session, profile)? {
            self.edits
                .edits()?
                .iter()
                .try_for_each(|edit| edit.apply(&mut document))?;
            return Ok(fixed(document.to_string().into_bytes()));
        }
        let Some(event) = event else {
            return Err(no_event(profile));
        };
        let data = self
            .data
            .as_ref()
            .map(|source| self.data(session, profile, source))
            .transpose()?;
        let wishes = ComposeOptions {
            event: event.to_owned(),
            data,
            as_it_is: false,
            edits: self.edits.edits()?,
            metadata: pairs(&self.metadata, "--metadata")?,
            params: self.params()?,
            group: self.group,
            id: self.id.clone(),
            time: self.time,
            mode,
        };
        if self.id.is_some() && !carries_id(profile) {
            session.ui.warn(&format!(
                "messages of `{}` carry no id: `--id` shows in the ledger only",
                profile.label()
            ));
        }
        let composer = Composer::new(profile, wishes)?;
        if composer.event() != event {
            session
                .ui
                .note(&format!("`{event}` is an alias of `{}`", composer.event()));
        }
        Ok(MessageSource::Composed(Box::new(composer)))
    }

    /// The body of a workflow.
    fn document(&self, session: &Session, profile: &Profile) -> Result<Option<Value>> {
        if self.document.is_some() || self.fields.is_empty() {
            return Ok(self.document.clone());
        }
        let sample = workflow::sample_record(profile);
        let context = workflow::record(profile, self.context()?.as_deref())?;
        let mut merge = Merge::new(&context).within(sample.as_ref());
        let document = merge.fields(&self.own_fields()?);
        workflow::judge_tags(session, profile, &merge.faults, self.strict)?;
        Ok(Some(document))
    }

    /// What the flags say about a workflow's body.
    pub(super) fn own_fields(&self) -> Result<Vec<(String, String)>> {
        pairs(&self.fields, "--field")
    }

    fn data(&self, session: &Session, profile: &Profile, source: &str) -> Result<Value> {
        let bytes = match source.strip_prefix('@') {
            None if source != "-" => source.as_bytes().to_vec(),
            _ => input::source(source, "--data")?,
        };
        let data: Value = serde_json::from_slice(&bytes).map_err(|error| {
            Error::usage("`--data` is not JSON")
                .cause(error)
                .hint("quote it for the shell, or use `--data @FILE`")
        })?;
        if self.context.is_none() {
            return Ok(data);
        }
        let context = workflow::record(profile, self.context()?.as_deref())?;
        let sample = workflow::sample_record(profile);
        let mut merge = Merge::new(&context).within(sample.as_ref());
        let filled = merge.document(&data);
        workflow::judge_tags(session, profile, &merge.faults, self.strict)?;
        Ok(filled)
    }

    /// The record that the user gave for merge tags.
    pub(super) fn context(&self) -> Result<Option<Vec<u8>>> {
        let path = self.context.as_ref();
        path.map(|path| input::file(path, "--context")).transpose()
    }
}

/// Whether a message's id goes over the wire.
fn carries_id(profile: &Profile) -> bool {
    use crate::template::{Placeholder, Template};
    let carries = |template: &Template| template.placeholders().any(|p| *p == Placeholder::Id);
    profile.envelope.iter().any(|(_, t)| carries(t)) || profile.headers.iter().any(|(_, t)| carries(t))
}

/// The body as form or query fields: top-level values as text, nested ones as JSON.
pub(super) fn form_fields(body: &[u8]) -> Result<Vec<(String, String)>> {
    let fields: Map<String, Value> = serde_json::from_slice(body)
        .map_err(|error| Error::usage("only a JSON object can be sent as fields").cause(error))?;
    Ok(fields
        .iter()
        .map(|(name, value)| (name.clone(), text_of(value)))
        .collect())
}

/// What is missing where a sample of `profile` is to be made.
pub(super) fn no_event(profile: &Profile) -> Error {
    let label = profile.label();
    let some: Vec<String> = profile
        .events
        .keys()
        .take(3)
        .map(|event| format!("`{event}`"))
        .collect();
    Error::usage("no event is given").hint(format!(
        "{} has {}; `hook providers events {label}` shows its whole catalogue",
        profile.title,
        some.join(", ")
    ))
}

/// Splits `KEY=VALUE`.
pub(super) fn split_pair(pair: &str, flag: &str) -> Result<(String, String)> {
    input::pair(pair).map_err(|_| Error::usage(format!("`{flag} {pair}` is not `KEY=VALUE`")))
}

fn pairs(list: &[String], flag: &str) -> Result<Vec<(String, String)>> {
    list.iter().map(|pair| split_pair(pair, flag)).collect()
}
