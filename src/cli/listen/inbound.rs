//! `hook listen --inbound`: the trigger's URL and its sample, which outlast the listener, and what is shown of records.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::args::ListenArgs;
use crate::app::workflow::{check_name, check_trust};
use crate::cli::session::Session;
use crate::cli::ui::{Output, Ui};
use crate::config::workflow::WorkflowFile;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::fs::{create_once, private_file};
use crate::json::leaf_paths;
use crate::known;
use crate::listener::{Inbound, Received};
use crate::mask;
use crate::provider::Profile;
use crate::provider::drift::{Difference, Measure};
use crate::random::Random;
use crate::secret::Secret;
use crate::text::printable;
use crate::view::{Page, body, drift};

/// The trigger that is meant when no workflow is named.
const DEFAULT: &str = "default";

/// Random bytes of a path, in hex: more than anybody can guess.
const PATH_DIGITS: usize = 48;

/// How much of a record is shown, in characters.
const RECORD_SHOWN: usize = 4096;

/// Fields beyond which structures are not compared: whoever sends them must not keep the listener busy.
const FIELDS_COMPARED: usize = 1000;

/// Differences that are shown for one request.
const DIFFERENCES: usize = 50;

/// What is kept of a trigger.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    path: String,
    /// The fields of the first request.
    sample: Option<Value>,
}

/// A trigger while it listens.
pub(super) struct Trigger {
    pub(super) inbound: Inbound,
    ui: Arc<Ui>,
    provider: String,
    file: PathBuf,
    measure: Option<Measure>,
    /// The sample is being written.
    keeping: Option<tokio::task::JoinHandle<()>>,
}

/// How a request compares with the sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Fit {
    /// It is the sample from now on.
    Kept,
    Fits,
    Differs,
    NotCompared,
}

/// `{"schema":"hook.inbound/1"}`: what came to a trigger.
#[derive(Serialize)]
struct InboundLine<'a> {
    schema: &'static str,
    number: u64,
    workflow: &'a str,
    enrolled: bool,
    reason: Option<&'a str>,
    record: Option<Value>,
    unmapped: &'a [String],
    sample: Option<Fit>,
    differences: &'a [Difference],
}

impl Trigger {
    /// The trigger that the flags ask for; makes its path at first use.
    pub(super) fn new(session: &Session, args: &ListenArgs) -> Result<Option<Self>> {
        if !args.inbound {
            return Ok(None);
        }
        let name = args.workflow.as_deref().unwrap_or(DEFAULT);
        check_name(name)?;
        check_trust(session, name)?;
        let table = session.settings.workflows.get(name);
        let profile = provider(session, args, table)?;
        let rules = profile.inbound.clone().unwrap_or_default();
        let mut map: Vec<(String, String)> =
            table.map_or_else(Vec::new, |table| table.map.clone().into_iter().collect());
        for pair in &args.map {
            let (field, place) = super::super::body::split_pair(pair, "--map")?;
            map.retain(|(known, _)| *known != field);
            map.push((field, place));
        }
        let file = session.paths.state.join("inbound").join(format!("{name}.json"));
        let kept = kept(&file, args)?;
        // Whoever knows the path may use the trigger, so that it is a secret like any other.
        let secret = kept.path.rsplit('/').next().unwrap_or_default();
        known::remember(&Secret::new(secret), None);
        Ok(Some(Self {
            inbound: Inbound {
                workflow: name.to_owned(),
                path: kept.path,
                methods: rules.methods,
                identity: rules.identity,
                map,
            },
            ui: Arc::clone(&session.ui),
            provider: profile.label(),
            file,
            measure: kept.sample.map(Measure::of_sample),
            keeping: None,
        }))
    }

    /// The only provider whose rules hold.
    pub(super) fn providers(&self) -> Vec<String> {
        vec![self.provider.clone()]
    }

    /// ``the trigger of workflow `welcome`: POST or GET, unsigned``
    pub(super) fn says(&self) -> String {
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

    /// Shows what became of a request, and keeps the first one as the sample.
    pub(super) fn take(&mut self, number: u64, received: &Received, hidden: bool) -> Result<()> {
        let (fit, differences) = match &received.fields {
            Some(fields) => {
                let (fit, differences) = self.compare(fields);
                (Some(fit), differences)
            }
            None => (None, Vec::new()),
        };
        if hidden {
            return Ok(());
        }
        match self.ui.output {
            Output::Quiet => Ok(()),
            Output::Json => self.json(number, received, fit, &differences),
            Output::Human => self.human(received, fit, &differences),
        }
    }

    fn compare(&mut self, fields: &Value) -> (Fit, Vec<Difference>) {
        if leaf_paths(fields).len() > FIELDS_COMPARED {
            return (Fit::NotCompared, Vec::new());
        }
        if let Some(measure) = &self.measure {
            let differences = measure.compare(fields);
            let fit = if differences.is_empty() {
                Fit::Fits
            } else {
                Fit::Differs
            };
            return (fit, differences);
        }
        let kept = Kept {
            path: self.inbound.path.clone(),
            sample: Some(fields.clone()),
        };
        let (file, ui) = (self.file.clone(), Arc::clone(&self.ui));
        self.keeping = Some(tokio::task::spawn_blocking(move || {
            // The sample holds for this run: a full disk must not end the listener.
            if let Err(error) = keep(&file, &kept) {
                ui.warn(&format!("the sample holds for this run only: {error}"));
            }
        }));
        self.measure = Some(Measure::of_sample(fields.clone()));
        (Fit::Kept, Vec::new())
    }

    fn json(&self, number: u64, received: &Received, fit: Option<Fit>, differences: &[Difference]) -> Result<()> {
        self.ui.json(&InboundLine {
            schema: "hook.inbound/1",
            number,
            workflow: &self.inbound.workflow,
            enrolled: received.left_out.is_none(),
            reason: received.left_out.as_deref(),
            record: received.record.as_ref().map(mask::value),
            unmapped: &received.unmapped,
            sample: fit,
            differences: &differences[..differences.len().min(DIFFERENCES)],
        })
    }

    fn human(&self, received: &Received, fit: Option<Fit>, differences: &[Difference]) -> Result<()> {
        let (ui, style) = (&self.ui, self.ui.out);
        match &received.left_out {
            None => ui.line(&format!("      {}", style.good("enrolled")))?,
            Some(why) => ui.line(&format!(
                "      {}: {}",
                style.caution("not enrolled"),
                printable(why, 300)
            ))?,
        }
        if let Some(record) = &received.record {
            let shown = body::pretty(mask::value(record).to_string().as_bytes(), RECORD_SHOWN);
            for line in shown.text.lines() {
                ui.line(&format!("      {line}"))?;
            }
        }
        for place in &received.unmapped {
            let said = format!("nothing at `{}`, where the map looks", printable(place, 200));
            ui.line(&format!("      {}", style.caution(&said)))?;
        }
        if let Some(hint) = &received.hint {
            ui.hint(&printable(hint, 300));
        }
        match fit {
            Some(Fit::Kept) => ui.line(&style.dim("      kept as the sample: later requests are to have these fields")),
            Some(Fit::NotCompared) => ui.line(&style.dim("      too many fields to compare with a sample")),
            Some(Fit::Differs) => {
                ui.line(&format!("      {}", style.caution("differs from the sample:")))?;
                let shown: Vec<_> = differences.iter().take(DIFFERENCES).map(|one| (one, None)).collect();
                let mut page = Page::new(style, None);
                drift::rows(&shown, &mut page);
                page.lines.iter().try_for_each(|line| ui.line(&format!("      {line}")))
            }
            Some(Fit::Fits) | None => Ok(()),
        }
    }
}

/// Whose rules hold: the flag's, the workflow's, the settings', or the only one that has triggers at all.
fn provider(session: &Session, args: &ListenArgs, table: Option<&WorkflowFile>) -> Result<Arc<Profile>> {
    if args.providers.len() > 1 {
        return Err(Error::usage("a trigger is of one provider"));
    }
    let having = || -> Vec<String> {
        let names = session.registry.names().into_iter();
        let has = |name: &String| {
            let profile = session.registry.get(name);
            profile.is_ok_and(|profile| profile.inbound.is_some())
        };
        names.filter(has).collect()
    };
    let named = args
        .providers
        .first()
        .or_else(|| table?.provider.as_ref())
        .or(session.settings.provider.as_ref());
    let hint = |error: Error, having: &[String]| match having.first() {
        Some(first) => error.hint(format!("`--provider {first}` has them")),
        None => error.hint("a provider file says so with `[inbound]`"),
    };
    match named {
        Some(label) => {
            let profile = session.registry.get(label)?;
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
                session.ui.note(&format!("provider: {}", session.ui.err.name(one)));
                Ok(session.registry.get(one)?)
            }
            having => Err(hint(Error::usage("no provider is given"), having)),
        },
    }
}

/// What is known of the trigger, as the flags want it. Of several listeners that start at once for the first time, one
/// makes the path, and all of them use it.
fn kept(file: &std::path::Path, args: &ListenArgs) -> Result<Kept> {
    let failed = |what: &str| Error::new(Exit::Store, format!("trigger `{}` cannot be {what}", file.display()));
    let fresh = || {
        let digits = Random::os().text(b"0123456789abcdef", PATH_DIGITS);
        format!("/inbound/{digits}")
    };
    let first = Kept {
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
    let known = serde_json::from_slice::<Kept>(&bytes).map_err(|error| {
        failed("read")
            .cause(error)
            .hint("remove the file: a new path is made then")
    })?;
    if !args.new_path && !args.new_sample {
        return Ok(known);
    }
    let kept = Kept {
        path: if args.new_path { first.path } else { known.path },
        sample: known.sample.filter(|_| !args.new_sample),
    };
    keep(file, &kept)?;
    Ok(kept)
}

fn keep(file: &std::path::Path, kept: &Kept) -> Result<()> {
    let failed = |error: &dyn std::fmt::Display| {
        Error::new(Exit::Store, format!("trigger `{}` cannot be kept", file.display())).cause(error)
    };
    let text = serde_json::to_vec(kept).map_err(|error| failed(&error))?;
    private_file(file, &text).map_err(|error| failed(&error))
}
