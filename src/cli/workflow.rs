//! `hook send --workflow NAME`: a request that the user shaped in the settings, as an automation of a provider sends it.

mod unsent;

use std::sync::Arc;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value};
use url::Url;

use super::body::sample_record;
use super::http::Method;
use super::send;
use super::targets::Target;
use crate::app::trust;
use crate::cli::session::Session;
use crate::config::workflow::{Auth, Form, NAME, State, Verb, WorkflowFile, is_name};
use crate::endpoints::rules::{self, RuleOptions};
use crate::engine::{Label, Promise};
use crate::error::{Error, Result};
use crate::exchange::Execution;
use crate::exit::Exit;
use crate::headers::{Headers, check_line};
use crate::listener::Condition;
use crate::provider::workflow::Merge;
use crate::provider::{Profile, Registry, near_names};
use crate::template::text_of;
use crate::text::printable;
use crate::transport::address_policy;
use unsent::{rehearse, skip};

#[derive(Debug, Clone, Default, Args)]
pub(super) struct WorkflowArgs {
    /// Execute this workflow of the settings: its method, URL, headers, fields and conditions
    #[arg(long, value_name = "NAME", add = super::complete::workflows(), conflicts_with_all = ["event", "endpoint", "subscribed", "data", "body", "group", "metadata", "params"], help_heading = "Workflow")]
    pub(super) workflow: Option<String>,
    /// State instead of the workflow's own
    #[arg(long, value_name = "STATE", requires = "workflow", help_heading = "Workflow")]
    state: Option<StateArg>,
    /// What the ledger keeps of it.
    #[arg(skip)]
    execution: Option<Execution>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StateArg {
    /// It does not run
    Draft,
    /// Its request is made and shown, and not sent
    Test,
    /// It sends
    Published,
}

impl From<StateArg> for State {
    fn from(arg: StateArg) -> Self {
        match arg {
            StateArg::Draft => Self::Draft,
            StateArg::Test => Self::Test,
            StateArg::Published => Self::Published,
        }
    }
}

impl From<Verb> for Method {
    fn from(verb: Verb) -> Self {
        match verb {
            Verb::Post => Self::Post,
            Verb::Get => Self::Get,
            Verb::Put => Self::Put,
            Verb::Delete => Self::Delete,
        }
    }
}

impl WorkflowArgs {
    /// Targets whose deliveries are known as executions.
    pub(super) fn mark(&self, mut targets: Vec<Target>) -> Vec<Target> {
        if self.execution.is_some() {
            for target in &mut targets {
                target.label = Arc::new(Label {
                    execution: self.execution.clone(),
                    promise: Promise::Nothing,
                    ..(*target.label).clone()
                });
            }
        }
        targets
    }
}

/// A workflow with a record filled in.
struct Shaped {
    /// What `send` makes of it.
    args: send::SendArgs,
    /// Why the record is skipped.
    unmet: Option<String>,
}

pub(super) fn run(session: &Session, args: &send::SendArgs, name: &str) -> Result<Exit> {
    let file = find(session, name)?;
    let state = args.workflow.state.map_or(file.state, State::from);
    let shows = args.dry_run || args.curl;
    if state == State::Draft && !shows {
        return Err(
            Error::new(Exit::Refused, format!("workflow `{name}` is a draft: it does not run"))
                .hint("`--state test` shows its request; `state = \"published\"` in its table lets it send"),
        );
    }
    let shaped = Shaped::new(session, args, name, file)?;
    match (shaped.unmet, state) {
        (unmet, _) if shows => {
            if let Some(why) = unmet {
                session.ui.warn(&format!("the record would be skipped: {why}"));
            }
            send::start(session, &shaped.args)
        }
        (Some(why), _) => skip(session, &shaped.args, name, &why),
        (None, State::Published) => send::start(session, &shaped.args),
        (None, State::Test | State::Draft) => rehearse(session, &shaped.args, name),
    }
}

/// Refuses what cannot be a workflow's name.
pub(super) fn check_name(name: &str) -> Result<()> {
    if is_name(name) {
        return Ok(());
    }
    let what = format!("`{}` cannot be the name of a workflow", printable(name, 80));
    Err(Error::usage(what).hint(NAME))
}

/// Refuses a workflow of a project that is not trusted.
pub(super) fn check_trust(session: &Session, name: &str) -> Result<()> {
    let settings = &session.settings;
    if !settings.workflows.contains_key(name) && settings.ignores(&format!("workflow.{name}")) {
        let what = format!("workflow `{name}` is the project's, and the project is not trusted");
        return Err(Error::new(Exit::Refused, what).hint(trust::HINT));
    }
    Ok(())
}

/// The workflow of that name.
pub(super) fn find<'a>(session: &'a Session, name: &str) -> Result<&'a WorkflowFile> {
    check_name(name)?;
    check_trust(session, name)?;
    let all = &session.settings.workflows;
    let Some(file) = all.get(name) else {
        let error = Error::nothing(format!("there is no workflow `{name}`"));
        let known = || all.keys().map(String::as_str).filter(|name| is_name(name));
        let near = near_names(name, known());
        return Err(if all.is_empty() {
            error.hint("a table `[workflow.NAME]` in `hook.toml` makes one")
        } else if near.is_empty() {
            let names: Vec<String> = known().map(|name| format!("`{name}`")).collect();
            error.hint(format!("there are: {}", names.join(", ")))
        } else {
            error.near(&near, |name| format!("--workflow {name}"))
        });
    };
    Ok(file)
}

/// An error of one table of a workflow.
fn wrong(name: &str, what: impl std::fmt::Display) -> Error {
    Error::usage(format!("workflow `{name}`: {what}"))
}

impl Shaped {
    fn new(session: &Session, args: &send::SendArgs, name: &str, file: &WorkflowFile) -> Result<Self> {
        let mut args = args.clone();
        args.provider = args.provider.or_else(|| file.provider.clone());
        let profile = match args.provider.as_ref().or(session.settings.provider.as_ref()) {
            Some(label) => session.registry.get(label)?,
            None => session.registry.get(Registry::GENERIC)?,
        };
        let sample = sample_record(&profile);
        let record = match (args.body.has_context(), &sample) {
            (false, None) => Value::Object(Map::new()),
            _ => args.body.context(&profile)?,
        };
        if !args.body.has_context() && sample.is_some() {
            let title = &profile.title;
            let said = format!("the record is {title}'s sample: `--context FILE` gives another");
            session.ui.note(&said);
        }
        let unmet = unmet(name, file, &record)?;
        let mut merge = Merge::new(&record).within(sample.as_ref());
        let filled = Filled::new(name, file, &args.body.own_fields()?, &mut merge)?;
        // What is skipped need not be complete: a condition may be there to keep such records away.
        if unmet.is_none() {
            args.body.judge_tags(session, &profile, &merge.faults)?;
        }
        if !args.targets.is_given() {
            let Some(url) = &filled.url else {
                return Err(wrong(name, "it has no `url`").hint("add one to its table, or `--to URL`"));
            };
            judge_url(session, &profile, name, url)?;
        }
        args.targets = args.targets.or_to(filled.url);
        args.body.document = Some(filled.document);
        args.body.form |= file.body == Form::Form;
        args.http.method = args.http.method.or(file.method.map(Method::from));
        args.http.base = filled.headers;
        let secret_header = authorize(session, name, file, &mut args.http.base)?;
        args.workflow.execution = Some(Execution {
            workflow: name.to_owned(),
            note: None,
            secret_header,
        });
        Ok(Self { args, unmet })
    }
}

/// What tags stand in, filled in.
struct Filled {
    document: Value,
    headers: Headers,
    url: Option<String>,
}

impl Filled {
    fn new(name: &str, file: &WorkflowFile, own: &[(String, String)], merge: &mut Merge<'_>) -> Result<Self> {
        let mut fields: Map<String, Value> = file.fields.clone().into_iter().collect();
        fields.extend(
            own.iter()
                .map(|(name, text)| (name.clone(), Value::from(text.as_str()))),
        );
        Ok(Self {
            document: merge.document(&Value::Object(fields)),
            headers: lines(name, file, merge)?,
            url: file.url.as_ref().map(|url| merge.url(url)),
        })
    }
}

/// The first condition that does not hold, as a clause.
fn unmet(name: &str, file: &WorkflowFile, record: &Value) -> Result<Option<String>> {
    for (path, wanted) in &file.when {
        let condition = Condition::new(path, wanted).map_err(|what| wrong(name, format!("`when` {what}")))?;
        if let Some(why) = condition.unmet(record) {
            return Ok(Some(why));
        }
    }
    Ok(None)
}

/// The headers of the table, filled in.
fn lines(name: &str, file: &WorkflowFile, merge: &mut Merge<'_>) -> Result<Headers> {
    let mut headers = Headers::new();
    for (header, text) in &file.headers {
        let value = match merge.text(text) {
            Value::Null => String::new(),
            value => text_of(&value),
        };
        check_line(header, &value).map_err(|what| wrong(name, format!("`headers`: {what}")))?;
        headers.append(header, value);
    }
    Ok(headers)
}

/// Adds what says who sends. Returns the name of a header that is not known as a secret's.
fn authorize(session: &Session, name: &str, file: &WorkflowFile, headers: &mut Headers) -> Result<Option<String>> {
    let auth = file
        .auth
        .read()
        .map_err(|what| wrong(name, format!("`auth`: {what}")))?;
    let (header, value) = match auth {
        Auth::None => return Ok(None),
        Auth::Bearer(token) => {
            let token = session.secret(token)?;
            ("authorization", [b"Bearer ".as_slice(), token.expose()].concat())
        }
        Auth::ApiKey { header, key } => (header, session.secret(key)?.expose().to_vec()),
        Auth::Basic { user, password } => {
            let pair = session.basic(user, password)?;
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

/// What the provider would say about the URL: what cannot be one is refused, its other rules are said.
fn judge_url(session: &Session, profile: &Profile, name: &str, url: &str) -> Result<()> {
    let local = Url::parse(url).is_ok_and(|url| address_policy::is_loopback(&url));
    let options = RuleOptions {
        local,
        ..RuleOptions::default()
    };
    for finding in rules::judge_url(profile, url, &options) {
        if finding.code == "bad-url" {
            let error = wrong(name, finding.fact);
            return Err(finding.hint.into_iter().fold(error, Error::hint));
        }
        if finding.is_problem() {
            session.ui.warn(&finding.fact);
        }
    }
    Ok(())
}
