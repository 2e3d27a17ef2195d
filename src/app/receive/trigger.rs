//! An inbound trigger: its URL and its sample, which outlast the listener, and what came to it.

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

/// The trigger that is meant when no workflow is named.
const DEFAULT: &str = "default";

/// Random bytes of a path, in hex: more than anybody can guess.
const PATH_DIGITS: usize = 48;

/// Fields beyond which structures are not compared: whoever sends them must not keep the listener busy.
const FIELDS_COMPARED: usize = 1000;

/// Differences that are reported for one request.
const DIFFERENCES: usize = 50;

/// What is kept of a trigger.
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
    /// The only provider whose rules hold.
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

/// What came to a trigger: `hook.inbound/1`.
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
    /// The trigger that is wanted; makes its path at first use.
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
        let mut map: Vec<(String, String)> =
            table.map_or_else(Vec::new, |table| table.map.clone().into_iter().collect());
        for (field, place) in &wanted.map {
            map.retain(|(known, _)| known != field);
            map.push((field.clone(), place.clone()));
        }
        let file = context.paths.state.join("inbound").join(format!("{name}.json"));
        let stored = stored(&file, wanted)?;
        // Whoever knows the path may use the trigger, so that it is a secret like any other.
        let secret = stored.path.rsplit('/').next().unwrap_or_default();
        known::remember(&Secret::new(secret), None);
        Ok(Some(Self {
            inbound: Inbound {
                workflow: name.to_owned(),
                path: stored.path,
                methods: rules.methods,
                identity: rules.identity,
                map,
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

    /// What became of a request. The first one is kept as the sample.
    pub(super) fn take<'a>(&'a mut self, number: u64, reading: &'a TriggerReading) -> TriggerReport<'a> {
        let compared = reading.fields.as_ref().map(|fields| self.compare(fields));
        let (sample, mut differences) = compared.map_or((None, Vec::new()), |(fit, found)| (Some(fit), found));
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
            if let Err(error) = keep(&file, &stored) {
                notices.warn(format!("the sample holds for this run only: {error}"));
            }
        }));
        self.measure = Some(Measure::of_sample(fields.clone()));
        (SampleFit::Kept, Vec::new())
    }
}

/// Whose rules hold: the flag's, the workflow's, the settings', or the only one that has triggers at all.
fn provider(context: &Context, named: &[String], table: Option<&WorkflowFile>) -> Result<Arc<Profile>> {
    if named.len() > 1 {
        return Err(Error::usage("a trigger is of one provider"));
    }
    let having = || -> Vec<String> {
        let names = context.registry.names().into_iter();
        let has = |name: &String| {
            let profile = context.registry.get(name);
            profile.is_ok_and(|profile| profile.inbound.is_some())
        };
        names.filter(has).collect()
    };
    let named = named
        .first()
        .or_else(|| table?.provider.as_ref())
        .or(context.settings.provider.as_ref());
    let hint = |error: Error, having: &[String]| match having.first() {
        Some(first) => error.hint(format!("`--provider {first}` has them")),
        None => error.hint("a provider file says so with `[inbound]`"),
    };
    match named {
        Some(label) => {
            let profile = context.registry.get(label)?;
            if profile.inbound.is_none() {
                return Err(hint(
                    Error::usage(format!("`{}` has no inbound triggers", profile.label())),
                    &having(),
                ));
            }
            Ok(profile)
        }
        None => match having().as_slice() {
            [one] => {
                context.notices.note(format!("provider: {one}"));
                Ok(context.registry.get(one)?)
            }
            having => Err(hint(Error::usage("no provider is given"), having)),
        },
    }
}

/// What is known of the trigger, as the flags want it. Of several listeners that start at once for the first time, one
/// makes the path, and all of them use it.
fn stored(file: &Path, options: &TriggerOptions) -> Result<StoredTrigger> {
    let failed = |what: &str| Error::new(Exit::Store, format!("trigger `{}` cannot be {what}", file.display()));
    let fresh = || {
        let digits = Random::os().text(b"0123456789abcdef", PATH_DIGITS);
        format!("/inbound/{digits}")
    };
    let first = StoredTrigger {
        path: fresh(),
        sample: None,
    };
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let text = serde_json::to_vec(&first).map_err(|error| failed("kept").cause(error))?;
            create_once(file, &text).map_err(|error| failed("kept").cause(error))?
        }
        Err(error) => return Err(failed("read").cause(error)),
    };
    let known = serde_json::from_slice::<StoredTrigger>(&bytes).map_err(|error| {
        failed("read")
            .cause(error)
            .hint("remove the file: a new path is made then")
    })?;
    if !options.new_path && !options.new_sample {
        return Ok(known);
    }
    let kept = StoredTrigger {
        path: if options.new_path { first.path } else { known.path },
        sample: known.sample.filter(|_| !options.new_sample),
    };
    keep(file, &kept)?;
    Ok(kept)
}

fn keep(file: &Path, kept: &StoredTrigger) -> Result<()> {
    let failed = |error: &dyn std::fmt::Display| {
        Error::new(Exit::Store, format!("trigger `{}` cannot be kept", file.display())).cause(error)
    };
    let text = serde_json::to_vec(kept).map_err(|error| failed(&error))?;
    private_file(file, &text).map_err(|error| failed(&error))
}
