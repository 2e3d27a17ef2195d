//! `send --workflow`: a request that the user shaped in the settings, as an automation of a provider sends it.

mod history;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::app::context::Context;
use crate::app::trust;
use crate::condition::Condition;
use crate::config::workflow::{Auth, NAME, WorkflowBody, WorkflowFile, WorkflowMethod, WorkflowState, is_name};
use crate::endpoints::rules::{self, RuleOptions};
use crate::error::{Error, Result};
use crate::event_filter::EventFilter;
use crate::exchange::Execution;
use crate::exit::Exit;
use crate::headers::{Headers, check_line};
use crate::json_text;
use crate::provider::workflow::{Merge, TagFault};
use crate::provider::{Profile, Registry, near_names};
use crate::text::{printable, quoted};
pub use history::{record_failed, record_rehearsed, record_skipped};

/// A workflow, and how it is run.
#[derive(Debug, Clone)]
pub struct WorkflowOptions<'a> {
    /// Its name in the settings.
    pub name: &'a str,
    /// State instead of its own.
    pub state: Option<WorkflowState>,
    /// The provider to play instead of its own.
    pub provider: Option<String>,
    /// The record, a JSON document; the provider's sample when absent.
    pub record: Option<&'a [u8]>,
    /// Fields of the body besides its own.
    pub fields: Vec<(String, String)>,
    /// Whether tags that are empty, or that lack their namespace, are refused.
    pub strict: bool,
    /// Whether the caller gives a target.
    pub has_target: bool,
    /// Whether the request is shown and not sent, whatever the state.
    pub rehearsal: bool,
}

/// A workflow with a record filled in.
#[derive(Debug, Clone)]
pub struct WorkflowRequest {
    /// The provider to play, where the caller or the workflow names one.
    pub provider: Option<String>,
    /// The body's fields, as JSON text.
    pub document: String,
    /// Whether the body is a form.
    pub form: bool,
    /// The workflow's method.
    pub method: Option<WorkflowMethod>,
    /// The workflow's headers, with its credentials.
    pub headers: Headers,
    /// The target, where the workflow has one.
    pub url: Option<String>,
    /// What the ledger keeps of it.
    pub execution: Execution,
    /// Whether it is sent.
    pub state: WorkflowState,
    /// Why the record is skipped.
    pub unmet: Option<String>,
}

/// An execution that was recorded and not sent.
#[derive(Debug, Clone, Serialize)]
pub struct UnsentExecution {
    /// The workflow's name.
    pub workflow: String,
    /// Its state in the ledger.
    pub state: &'static str,
    /// The record's number.
    pub number: u64,
    /// Why nothing was sent.
    pub reason: String,
}

/// Validates the name of a workflow.
pub fn check_name(name: &str) -> Result<()> {
    if is_name(name) {
        return Ok(());
    }
    let what = format!("`{}` cannot be the name of a workflow", printable(name, 80));
    Err(Error::usage(what).hint(NAME))
}

/// Refuses a workflow of a project that is not trusted.
pub fn check_trust(context: &Context, name: &str) -> Result<()> {
    let settings = &context.settings;
    if !settings.workflows.contains_key(name) && settings.ignores(&format!("workflow.{name}")) {
        let what = format!("workflow `{name}` is the project's, and the project is not trusted");
        return Err(Error::new(Exit::Refused, what).hint(trust::HINT));
    }
    Ok(())
}

/// The workflow of that name.
pub fn find<'a>(context: &'a Context, name: &str) -> Result<&'a WorkflowFile> {
    check_name(name)?;
    check_trust(context, name)?;
    let all = &context.settings.workflows;
    let Some(file) = all.get(name) else {
        let error = Error::nothing(format!("workflow `{name}` not found"));
        let known = || all.keys().map(String::as_str).filter(|name| is_name(name));
        let near = near_names(name, known());
        if all.is_empty() {
            return Err(error.hint("a table `[workflow.NAME]` in `hook.toml` makes one"));
        }
        if !near.is_empty() {
            return Err(error.near(&near, |name| format!("--workflow {name}")));
        }
        return Err(error.hint(format!("there are: {}", quoted(known()))));
    };
    Ok(file)
}

/// An error of one table of a workflow.
fn wrong(name: &str, what: impl std::fmt::Display) -> Error {
    Error::usage(format!("workflow `{name}`: {what}"))
}

/// A workflow with a record filled in, or why that record is skipped.
pub fn shape(context: &Context, options: &WorkflowOptions<'_>) -> Result<WorkflowRequest> {
    let name = options.name;
    let file = find(context, name)?;
    let state = options.state.unwrap_or(file.state);
    if state == WorkflowState::Draft && !options.rehearsal {
        return Err(
            Error::new(Exit::Refused, format!("workflow `{name}` is a draft: it does not run"))
                .hint("`--state test` shows its request; `state = \"published\"` in its table lets it send"),
        );
    }
    let provider = options.provider.clone().or_else(|| file.provider.clone());
    let label = provider.as_deref().or(context.settings.provider.as_deref());
    let profile = context.registry.get(label.unwrap_or(Registry::GENERIC))?;
    let sample = sample_record(&profile);
    let record = read_record(context, &profile, options.record, sample.as_ref())?;
    let unmet = unmet(name, file, &record)?;
    let mut merge = Merge::new(&record).within(sample.as_ref());
    let mut fields: Map<String, Value> = file.fields.clone().into_iter().collect();
    let own = options.fields.iter();
    fields.extend(own.map(|(name, text)| (name.clone(), Value::from(text.as_str()))));
    let document = merge.document(&Value::Object(fields).to_string());
    let document = document.map_err(|error| wrong(name, error))?;
    let mut headers = header_lines(name, file, &mut merge)?;
    let url = file.url.as_ref().map(|url| merge.url(url));
    // The conditions of a workflow may be there to skip incomplete records.
    if unmet.is_none() {
        check_tags(context, &profile, &merge.faults, options.strict)?;
    }
    if !options.has_target {
        let Some(url) = &url else {
            return Err(wrong(name, "it has no `url`").hint("add one to its table, or `--to URL`"));
        };
        check_url(context, &profile, name, url)?;
    }
    let secret_header = authorize(context, name, file, &mut headers)?;
    if let (Some(why), true) = (&unmet, options.rehearsal) {
        context.notices.warn(format!("the record would be skipped: {why}"));
    }
    Ok(WorkflowRequest {
        provider,
        document,
        form: file.body == WorkflowBody::Form,
        method: file.method,
        headers,
        url,
        execution: Execution {
            workflow: name.to_owned(),
            secret_header,
            ..Execution::default()
        },
        state,
        unmet,
    })
}

/// The given record, else the provider's sample, which is reported, else an empty one.
fn read_record(context: &Context, profile: &Profile, given: Option<&[u8]>, sample: Option<&Value>) -> Result<String> {
    match (given, sample) {
        (Some(_), _) => record(profile, given),
        (None, None) => Ok("{}".to_owned()),
        (None, Some(sample)) => {
            context.notices.note(format!(
                "the record is {}'s sample: `--context FILE` gives another",
                profile.title
            ));
            Ok(sample.to_string())
        }
    }
}

/// The first condition that does not hold, as a clause.
fn unmet(name: &str, file: &WorkflowFile, record: &str) -> Result<Option<String>> {
    let record = serde_json::from_str(record).map_err(|error| wrong(name, error))?;
    if let Some(source) = file.when.expression() {
        let filter = EventFilter::parse("when", source).map_err(|mut error| {
            error.message = format!("workflow `{name}`: {}", error.message);
            error
        })?;
        return Ok(filter.unmet_by_record(&record));
    }
    for (path, wanted) in file.when.values() {
        let condition = Condition::new(path, wanted).map_err(|what| wrong(name, format!("`when` {what}")))?;
        if let Some(why) = condition.unmet(&record) {
            return Ok(Some(why));
        }
    }
    Ok(None)
}

/// The headers of the table, filled in.
fn header_lines(name: &str, file: &WorkflowFile, merge: &mut Merge<'_>) -> Result<Headers> {
    let mut headers = Headers::new();
    for (header, text) in &file.headers {
        let value = match merge.text(text).as_str() {
            "null" => String::new(),
            value => json_text::bare(value),
        };
        check_line(header, &value).map_err(|what| wrong(name, format!("`headers`: {what}")))?;
        headers.append(header, value);
    }
    Ok(headers)
}

/// Adds the header of the table's `auth`. Returns its name when it is not a well-known credential header.
fn authorize(context: &Context, name: &str, file: &WorkflowFile, headers: &mut Headers) -> Result<Option<String>> {
    let unread = |what| wrong(name, format!("`auth`: {what}"));
    let (header, value) = match file.auth.read().map_err(unread)? {
        Auth::None => return Ok(None),
        Auth::Bearer(token) => {
            let token = context.secret(token)?;
            ("authorization", [b"Bearer ".as_slice(), token.expose()].concat())
        }
        Auth::ApiKey { header, key } => (header, context.secret(key)?.expose().to_vec()),
        Auth::Basic { user, password } => {
            let pair = context.basic(user, password)?;
            ("authorization", format!("Basic {pair}").into_bytes())
        }
    };
    check_line(header, "").map_err(|what| wrong(name, format!("`auth`: {what}")))?;
    if value.iter().any(|byte| *byte < 0x20 || *byte == 0x7f) {
        return Err(wrong(name, "`auth`: the secret holds a control character"));
    }
    headers.set(header, value);
    Ok((!Headers::is_credential(header)).then(|| header.to_owned()))
}

/// Checks the URL by the provider's rules: what is not a URL is refused, other findings are warnings.
fn check_url(context: &Context, profile: &Profile, name: &str, url: &str) -> Result<()> {
    for finding in rules::judge_url(profile, url, &RuleOptions::for_url(url)) {
        if finding.code == "bad-url" {
            let error = wrong(name, finding.fact);
            return Err(finding.hint.into_iter().fold(error, Error::hint));
        }
        if finding.is_problem() {
            context.notices.warn(finding.fact);
        }
    }
    Ok(())
}

/// The provider's sample record for merge tags.
pub fn sample_record(profile: &Profile) -> Option<Value> {
    serde_json::from_str(profile.workflow.context.as_deref()?).ok()
}

/// The record that merge tags are filled from, as JSON text: the given one, or the provider's sample.
pub fn record(profile: &Profile, given: Option<&[u8]>) -> Result<String> {
    let text = match (given, &profile.workflow.context) {
        (Some(given), _) => String::from_utf8_lossy(given),
        (None, Some(sample)) => sample.into(),
        (None, None) => {
            let what = format!("`{}` has no sample record for merge tags", profile.label());
            return Err(Error::usage(what).hint("give one with `--context FILE`"));
        }
    };
    json_text::compact(&text).map_err(|error| Error::usage("the record for merge tags is not JSON").cause(error))
}

/// Checks merge tags: unknown ones are refused, with `strict` also empty ones and those without a namespace.
pub fn check_tags(context: &Context, profile: &Profile, faults: &[TagFault], strict: bool) -> Result<()> {
    let did_you_mean = |near: &String| format!("did you mean `{{{{{near}}}}}`?");
    for fault in faults {
        let (refused, what, hint) = match fault {
            TagFault::Bare { tag, near } => {
                let what = format!(
                    "merge tag `{{{{{tag}}}}}` has no namespace, and {} wants one",
                    profile.title
                );
                (strict, what, near.first().map(did_you_mean))
            }
            TagFault::Unknown { tag, near } => {
                let paths = || "tags are paths into the record given with `--context`".to_owned();
                let hint = near.first().map_or_else(paths, did_you_mean);
                (true, format!("unknown merge tag `{{{{{tag}}}}}`"), Some(hint))
            }
            TagFault::Unclosed { text } => {
                let hint = "close it with `}}`".to_owned();
                (true, format!("merge tag `{text}` is not closed"), Some(hint))
            }
            TagFault::Unopened { text } => {
                let hint = "open it with `{{`".to_owned();
                (true, format!("merge tag `{text}` is not opened"), Some(hint))
            }
            TagFault::Empty { tag } => {
                let hint = strict.then(|| "leave out `--strict`".to_owned());
                (strict, format!("merge tag `{{{{{tag}}}}}` is empty"), hint)
            }
        };
        if refused {
            return Err(hint.into_iter().fold(Error::usage(what), Error::hint));
        }
        context.notices.warn(what);
        if let Some(hint) = hint {
            context.notices.hint(hint);
        }
    }
    Ok(())
}
