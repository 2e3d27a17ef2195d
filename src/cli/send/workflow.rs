//! `hook send --workflow NAME`: a request that is defined in the settings, as a provider's automation sends it.

use clap::Args;

use super::SendArgs;
use crate::app::outgoing::{BodyOptions, SendPlan, TargetChoice, WholeBody};
use crate::app::workflow::{self, WorkflowOptions};
use crate::cli::input::words;
use crate::cli::runtime;
use crate::cli::session::Session;
use crate::config::workflow::WorkflowState;
use crate::error::Result;
use crate::exit::Exit;
use crate::target::parse_url;

const STATES: [(&str, WorkflowState, &str); 3] = [
    ("draft", WorkflowState::Draft, "Does not run"),
    (
        "test",
        WorkflowState::Test,
        "Builds and shows its request without sending it",
    ),
    ("published", WorkflowState::Published, "Sends its request"),
];

#[derive(Debug, Clone, Default, Args)]
pub(super) struct WorkflowArgs {
    /// Run this workflow of the settings: its method, URL, headers, fields and conditions
    #[arg(long, value_name = "NAME", add = crate::cli::complete::workflows(), conflicts_with_all = ["event", "endpoint", "subscribed", "data", "body", "group", "metadata", "params"], help_heading = "Workflow")]
    pub(super) workflow: Option<String>,
    /// Override the state of the workflow
    #[arg(long, value_name = "STATE", requires = "workflow", value_parser = words(&STATES), help_heading = "Workflow")]
    state: Option<WorkflowState>,
}

pub(super) fn run(session: &Session, args: &SendArgs, name: &str, mut body: BodyOptions) -> Result<Exit> {
    let rehearsal = args.is_rehearsal();
    let shaped = workflow::shape(
        &session.context,
        &WorkflowOptions {
            name,
            state: args.workflow.state,
            provider: args.provider.clone(),
            record: body.record.as_deref(),
            fields: match body.whole.take() {
                Some(WholeBody::Fields(fields)) => fields,
                _ => Vec::new(),
            },
            strict: body.strict,
            has_target: args.targets.to.is_some(),
            rehearsal,
        },
    );
    let request = match shaped {
        Err(error) if !rehearsal => {
            runtime()?.block_on(workflow::record_failed(&session.context, name, &error))?;
            return Err(error);
        }
        shaped => shaped?,
    };
    let url = args.targets.to.clone().or(request.url).unwrap_or_default();
    body.whole = Some(WholeBody::Document(request.document));
    body.form |= request.form;
    let mut options = args.options(TargetChoice::Url(parse_url(&url)?), body)?;
    options.provider = request.provider;
    options.execution = Some(request.execution);
    let http = &mut options.request;
    let own = std::mem::replace(&mut http.headers, request.headers);
    http.headers.replace_with(own.iter());
    let method = request.method.map(|method| method.name().to_owned());
    http.method = http.method.take().or(method);
    let context = &session.context;
    match (request.unmet, request.state) {
        (_, _) if rehearsal => super::start(session, args, &options),
        (None, WorkflowState::Published) => super::start(session, args, &options),
        (Some(why), _) => {
            let deliveries = SendPlan::new(context, &options)?.first_deliveries(context, args.bulk.random_seed)?;
            let skipped = runtime()?.block_on(workflow::record_skipped(context, name, &deliveries, &why))?;
            session.ui.show(&skipped)?;
            Ok(Exit::Unmet)
        }
        (None, WorkflowState::Test | WorkflowState::Draft) => {
            let deliveries = super::rehearse(session, args, &options)?;
            runtime()?.block_on(workflow::record_rehearsed(context, name, &deliveries))?;
            Ok(Exit::Ok)
        }
    }
}
