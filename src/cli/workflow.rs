//! `hook send --workflow NAME`: a request that the user shaped in the settings, as an automation of a provider sends it.

use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::http::Method;
use super::targets::Target;
use super::{runtime, send};
use crate::app::workflow::{self, WorkflowOptions};
use crate::cli::session::Session;
use crate::config::workflow::{WorkflowMethod, WorkflowState};
use crate::engine::{Label, Promise};
use crate::error::Result;
use crate::exchange::Execution;
use crate::exit::Exit;

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

impl From<StateArg> for WorkflowState {
    fn from(arg: StateArg) -> Self {
        match arg {
            StateArg::Draft => Self::Draft,
            StateArg::Test => Self::Test,
            StateArg::Published => Self::Published,
        }
    }
}

impl From<WorkflowMethod> for Method {
    fn from(method: WorkflowMethod) -> Self {
        match method {
            WorkflowMethod::Post => Self::Post,
            WorkflowMethod::Get => Self::Get,
            WorkflowMethod::Put => Self::Put,
            WorkflowMethod::Delete => Self::Delete,
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

pub(super) fn run(session: &Session, args: &send::SendArgs, name: &str) -> Result<Exit> {
    let rehearsal = args.dry_run || args.curl;
    let record = args.body.context()?;
    let request = workflow::shape(
        session,
        &WorkflowOptions {
            name,
            state: args.workflow.state.map(WorkflowState::from),
            provider: args.provider.clone(),
            record: record.as_deref(),
            fields: args.body.own_fields()?,
            strict: args.body.strict,
            has_target: args.targets.is_given(),
            rehearsal,
        },
    )?;
    let mut args = args.clone();
    args.provider = request.provider;
    args.targets = args.targets.or_to(request.url);
    args.body.document = Some(request.document);
    args.body.form |= request.form;
    args.http.method = args.http.method.or(request.method.map(Method::from));
    args.http.base = request.headers;
    args.workflow.execution = Some(request.execution);
    match (request.unmet, request.state) {
        (_, _) if rehearsal => send::start(session, &args),
        (None, WorkflowState::Published) => send::start(session, &args),
        (Some(why), _) => {
            let deliveries = send::prepare(session, &args)?;
            let skipped = runtime()?.block_on(workflow::record_skipped(session, name, &deliveries, &why))?;
            session.ui.show(&skipped)?;
            Ok(Exit::Unmet)
        }
        (None, WorkflowState::Test | WorkflowState::Draft) => {
            let deliveries = send::rehearse(session, &args)?;
            runtime()?.block_on(workflow::record_rehearsed(session, name, &deliveries))?;
            Ok(Exit::Ok)
        }
    }
}
