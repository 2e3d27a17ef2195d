//! Diagnoses a workflow of the settings. Nothing is sent, and no host name is looked up.

use serde_json::Value;

use super::{no_provider, of_url, or_ok};
use crate::app::context::Context;
use crate::app::workflow::{find, sample_record};
use crate::condition::Condition;
use crate::config::workflow::{WorkflowFile, WorkflowState};
use crate::endpoints::rules::{self, RuleOptions};
use crate::error::Result;
use crate::event_filter::EventFilter;
use crate::finding::Finding;
use crate::json::{get, leaf_paths};
use crate::provider::workflow::{Merge, TagFault};
use crate::provider::{Profile, Registry, near_names};
use crate::secret::SecretRef;
use crate::text::printable;

/// Those that are named; all of them when nothing is.
pub(super) fn chosen<'a>(
    context: &'a Context,
    names: &'a [String],
    nothing_else: bool,
) -> Result<Vec<(&'a str, &'a WorkflowFile)>> {
    if names.is_empty() && nothing_else {
        let all = context.settings.workflows.iter();
        return Ok(all.map(|(name, file)| (name.as_str(), file)).collect());
    }
    names
        .iter()
        .map(|name| Ok((name.as_str(), find(context, name)?)))
        .collect()
}

/// Every finding is about not being received.
pub(super) fn examine(context: &Context, name: &str, file: &WorkflowFile) -> Vec<Finding> {
    let mut checks = vec![state(name, file)];
    let label = file.provider.as_ref().or(context.settings.provider.as_ref());
    let profile = match context.registry.get(label.map_or(Registry::GENERIC, |label| label)) {
        Ok(profile) => profile,
        Err(error) => {
            checks.push(no_provider(&error));
            return checks;
        }
    };
    let sample = sample_record(&profile);
    let record = sample.as_ref().map_or_else(|| "{}".to_owned(), Value::to_string);
    let mut merge = Merge::new(&record);
    checks.extend(url(&profile, file, &mut merge));
    checks.extend(conditions(file, sample.as_ref()));
    // Only the faults that it comes upon are wanted.
    drop(merge.document(&Value::Object(file.fields.clone().into_iter().collect()).to_string()));
    for text in file.headers.values() {
        merge.text(text);
    }
    if sample.is_some() {
        checks.extend(tags(&merge.faults, &profile));
    }
    checks.extend(auth(file));
    checks
}

fn state(name: &str, file: &WorkflowFile) -> Finding {
    let finding = match file.state {
        WorkflowState::Draft => Finding::problem("state", "it is a draft: it does not run"),
        WorkflowState::Test => Finding::caution("state", "it is in test: its request is made, and not sent"),
        WorkflowState::Published => return Finding::ok("state", "it is published"),
    };
    finding.hint(format!(
        "`state = \"published\"` in `[workflow.{}]`",
        printable(name, 80)
    ))
}

/// The provider's rules about the URL.
fn url(profile: &Profile, file: &WorkflowFile, merge: &mut Merge<'_>) -> Vec<Finding> {
    let Some(text) = &file.url else {
        let check = Finding::caution("url", "it has no `url`");
        return vec![check.hint("add one, or name it with `--to URL` each time")];
    };
    let url = merge.url(text);
    let findings = rules::judge_url(profile, &url, &RuleOptions::for_url(&url));
    of_url(profile, findings.iter())
}

/// Conditions that no record of the provider's form can meet.
fn conditions(file: &WorkflowFile, sample: Option<&Value>) -> Vec<Finding> {
    let judge = |(path, wanted): (&String, &Value)| -> Option<Finding> {
        if let Err(what) = Condition::new(path, wanted) {
            return Some(Finding::problem("when", format!("`when` {}", printable(&what, 200))));
        }
        let sample = sample?;
        let shown = printable(path, 100);
        let Some(found) = get(sample, path) else {
            let paths = leaf_paths(sample);
            let near = near_names(path, paths.iter().map(String::as_str));
            let what = format!("the provider's record has no `{shown}`: the condition may never be met");
            return Some(Finding {
                hint: near.first().map(|near| format!("did you mean `{near}`?")),
                ..Finding::caution("when", what)
            });
        };
        let alike = found.is_null() || std::mem::discriminant(found) == std::mem::discriminant(wanted);
        (!alike).then(|| {
            let what = format!("`{shown}` is `{found}` in the provider's record, which `{wanted}` can never be");
            Finding::caution("when", printable(&what, 300)).hint("in quotes it is a text, without them a number")
        })
    };
    if let Some(source) = file.when.expression() {
        return match EventFilter::expression(source) {
            Ok(_) => vec![Finding::ok("when", "its expression can be evaluated")],
            Err(error) => vec![Finding::problem(
                "when",
                format!("`when`: {}", printable(&error.to_string(), 300)),
            )],
        };
    }
    if file.when.is_empty() {
        return Vec::new();
    }
    or_ok(file.when.values().filter_map(judge).collect(), "when", || {
        "its conditions can be met".to_owned()
    })
}

fn tags(faults: &[TagFault], profile: &Profile) -> Vec<Finding> {
    let unknown = |fault: &TagFault| match fault {
        TagFault::Unknown { tag, near } => {
            let tag = printable(tag, 100);
            let what = format!("{}'s record has no `{{{{{tag}}}}}`", profile.title);
            Some(Finding {
                hint: near.first().map(|near| format!("did you mean `{{{{{near}}}}}`?")),
                ..Finding::caution("tags", what)
            })
        }
        TagFault::Unclosed { text } => {
            let what = format!("`{}` is not closed", printable(text, 100));
            Some(Finding::problem("tags", what).hint("close the merge tag with `}}`"))
        }
        TagFault::Unopened { text } => {
            let what = format!("`{}` is not opened", printable(text, 100));
            Some(Finding::problem("tags", what).hint("open the merge tag with `{{`"))
        }
        TagFault::Empty { .. } | TagFault::Bare { .. } => None,
    };
    or_ok(faults.iter().filter_map(unknown).collect(), "tags", || {
        format!("its merge tags are in {}'s record", profile.title)
    })
}

/// Whether its secret can be had.
fn auth(file: &WorkflowFile) -> Option<Finding> {
    if let Err(what) = file.auth.read() {
        return Some(Finding::problem("auth", format!("`auth`: {what}")));
    }
    let reference = SecretRef::parse(file.auth.secrets().next()?);
    Some(match reference.resolve() {
        Ok(_) => Finding::ok("auth", format!("`{reference}` is there")),
        Err(error) => Finding::problem("auth", printable(&error.to_string(), 400)),
    })
}
