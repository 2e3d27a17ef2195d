//! An inbound trigger: its URL and its sample, which outlast the listener, and reports of requests to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::options::{ListenOptions, TriggerOptions};
use crate::app::context::Context;
use crate::app::notice::Notices;
use crate::app::workflow::{check_name, check_trust};
use crate::config::workflow::WorkflowFile;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::fs::{create_once, private_file};
use crate::json::leaf_paths;
use crate::known;
use crate::listener::{Inbound, TriggerReading};
use crate::mask;
use crate::provider::Profile;
use crate::provider::drift::{Difference, Measure};
use crate::random::Random;
use crate::secret::Secret;

/// The trigger when no workflow is named.
const DEFAULT: &str = "default";

/// Hex digits of a path: more than anybody can guess.
const PATH_DIGITS: usize = 48;

/// A request with more fields is not compared, since that would keep the listener busy.
const FIELDS_COMPARED: usize = 1000;

/// Differences that are reported for one request.
const DIFFERENCES: usize = 50;

/// The state file of a trigger.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct StoredTrigger {
    path: String,
    /// The fields of the first request.
    sample: Option<Value>,
}

/// A trigger while it listens.
pub(super) struct Trigger {
    pub(super) inbound: Inbound,
    notices: Notices,
    /// The provider of the trigger.
    pub(super) provider: String,
    file: PathBuf,
    measure: Option<Measure>,
    /// The sample is being written.
    keeping: Option<tokio::task::JoinHandle<()>>,
}

/// How a request compares with the sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SampleFit {
    /// It is the sample from now on.
    Kept,
    /// It has the sample's fields.
    Fits,
    /// It has others.
    Differs,
    /// It has too many fields.
    NotCompared,
}

/// A request to a trigger: `hook.inbound/1`.
#[derive(Debug, Serialize)]
pub struct TriggerReport<'a> {
    /// The capture's number.
    pub number: u64,
    /// Whose trigger it is.
    pub workflow: &'a str,
    /// Whether the workflow takes it.
    pub enrolled: bool,
    /// Why not, as a clause.
    pub reason: Option<&'a str>,
    /// What the workflow gets, with credentials masked.
    pub record: Option<Value>,
    /// Places of the map at which there was nothing.
    pub unmapped: &'a [String],
    /// How it compares with the sample.
    pub sample: Option<SampleFit>,
    /// How it differs from the sample.
    pub differences: Vec<Difference>,
    /// What may help against being left out.
    #[serde(skip)]
    pub hint: Option<&'a str>,
}

impl Trigger {
    /// Opens the trigger; makes its path at first use.
    pub(super) fn open(context: &Context, options: &ListenOptions) -> Result<Option<Self>> {
        let Some(wanted) = &options.inbound else {
            return Ok(None);
        };
        let name = wanted.workflow.as_deref().unwrap_or(DEFAULT);
        check_name(name)?;
        check_trust(context, name)?;
        let table = context.settings.workflows.get(name);
        let profile = provider(context, &options.providers, table)?;
        let rules = profile.inbound.clone().unwrap_or_default();
        // A field of the options replaces that of the table.
        let table_map = table.into_iter().flat_map(|table| table.map.clone());
        let map: indexmap::IndexMap<_, _> = table_map.chain(wanted.map.iter().cloned()).collect();
        let file = context.paths.state.join("inbound").join(format!("{name}.json"));
        let stored = stored(&file, wanted)?;
        // The path gives access to the trigger: it is masked like any other secret.
        let secret = stored.path.rsplit('/').next().unwrap_or_default();
        known::remember(&Secret::new(secret), None);
        Ok(Some(Self {
            inbound: Inbound {
                workflow: name.to_owned(),
                path: stored.path,
                methods: rules.methods,
                identity: rules.identity,
                map: map.into_iter().collect(),
            },
            notices: context.notices.clone(),
            provider: profile.label(),
            file,
            measure: stored.sample.map(Measure::of_sample),
            keeping: None,
        }))
    }

    /// ``the trigger of workflow `welcome`: POST or GET, unsigned``
    pub(super) fn takes(&self) -> String {
        let methods = self.inbound.methods.join(" or ");
        format!(
            "the trigger of workflow `{}`: {methods}, unsigned",
            self.inbound.workflow
        )
    }

    /// Waits until the sample is kept.
    pub(super) async fn finish(self) {
        if let Some(keeping) = self.keeping {
            let _ = keeping.await;
        }
    }

    /// Reports a request. The first one becomes the sample.
    pub(super) fn take<'a>(&'a mut self, number: u64, reading: &'a TriggerReading) -> TriggerReport<'a> {
        let compared = reading.fields.as_ref().map(|fields| self.compare(fields));
        let (sample, differences) = compared.unzip();
        let mut differences = differences.unwrap_or_default();
        differences.truncate(DIFFERENCES);
        TriggerReport {
            number,
            workflow: &self.inbound.workflow,
            enrolled: reading.left_out.is_none(),
            reason: reading.left_out.as_deref(),
            record: reading.record.as_ref().map(mask::value),
            unmapped: &reading.unmapped,
            sample,
            differences,
            hint: reading.hint.as_deref(),
        }
    }

    fn compare(&mut self, fields: &Value) -> (SampleFit, Vec<Difference>) {
        if leaf_paths(fields).len() > FIELDS_COMPARED {
            return (SampleFit::NotCompared, Vec::new());
        }
        if let Some(measure) = &self.measure {
            let differences = measure.compare(fields);
            let fit = if differences.is_empty() {
                SampleFit::Fits
            } else {
                SampleFit::Differs
            };
            return (fit, differences);
        }
        let stored = StoredTrigger {
            path: self.inbound.path.clone(),
            sample: Some(fields.clone()),
        };
        let (file, notices) = (self.file.clone(), self.notices.clone());
        self.keeping = Some(tokio::task::spawn_blocking(move || {
            // The sample holds for this run: a full disk must not end the listener.
            if let Err(error) = write(&file, &stored) {
                notices.warn(format!("the sample holds for this run only: {error}"));
            }
        }));
        self.measure = Some(Measure::of_sample(fields.clone()));
        (SampleFit::Kept, Vec::new())
    }
}

/// The provider of the trigger: the option's, the workflow's, the settings', or the only one that has triggers.
fn provider(context: &Context, named: &[String], table: Option<&WorkflowFile>) -> Result<Arc<Profile>> {
    if named.len() > 1 {
        return Err(Error::usage("a trigger has one provider"));
    }
    let named = named
        .first()
        .or_else(|| table?.provider.as_ref())
        .or(context.settings.provider.as_ref());
    let error = match named {
        Some(label) => {
            let profile = context.registry.get(label)?;
            if profile.inbound.is_some() {
                return Ok(profile);
            }
            Error::usage(format!("`{}` has no inbound triggers", profile.label()))
        }
        None => Error::usage("no provider is given"),
    };
    let all = context.registry.names().into_iter();
    let all = all.filter_map(|name| context.registry.get(&name).ok());
    let having: Vec<Arc<Profile>> = all.filter(|profile| profile.inbound.is_some()).collect();
    match (named, having.as_slice()) {
        (None, [one]) => {
            context.notices.note(format!("provider: {}", one.label()));
            Ok(Arc::clone(one))
        }
        (_, [first, ..]) => Err(error.hint(format!("`--provider {}` has them", first.label()))),
        (_, []) => Err(error.hint("a provider file says so with `[inbound]`")),
    }
}

/// The stored trigger, changed as the options say.
fn stored(file: &Path, options: &TriggerOptions) -> Result<StoredTrigger> {
    let digits = Random::os().text(b"0123456789abcdef", PATH_DIGITS);
    let first = StoredTrigger {
        path: format!("/inbound/{digits}"),
        sample: None,
    };
    let bytes = match std::fs::read(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            // Of several listeners that start at once for the first time, one makes the path, and all of them use it.
            let text = serde_json::to_vec(&first).map_err(|error| failed(file, "written", error))?;
            create_once(file, &text).map_err(|error| failed(file, "written", error))?
        }
        read => read.map_err(|error| failed(file, "read", error))?,
    };
    let mut kept: StoredTrigger = serde_json::from_slice(&bytes)
        .map_err(|error| failed(file, "read", error).hint("remove the file: a new path is made then"))?;
    if options.new_path {
        kept.path = first.path;
    }
    if options.new_sample {
        kept.sample = None;
    }
    if options.new_path || options.new_sample {
        write(file, &kept)?;
    }
    Ok(kept)
}

fn write(file: &Path, kept: &StoredTrigger) -> Result<()> {
    let text = serde_json::to_vec(kept).map_err(|error| failed(file, "written", error))?;
    private_file(file, &text).map_err(|error| failed(file, "written", error))
}

fn failed(file: &Path, what: &str, cause: impl std::fmt::Display) -> Error {
    Error::new(Exit::Store, format!("trigger `{}` cannot be {what}", file.display())).cause(cause)
}
