//! `hook send`: build an event, sign it, deliver it, retry on the provider's schedule.

mod challenge;
mod workflow;

use super::attempts::Attempts;
use super::body::BodyArgs;
use super::bulk::{BulkArgs, BulkBar};
use super::faults::FaultArgs;
use super::http::{HttpArgs, show_rehearsal};
use super::retry::RetryArgs;
use super::targets::TargetArgs;
use crate::app::outgoing::{
    self, BodyOptions, MessageFactory, Rehearsal, SendOptions, SendPlan, TargetChoice, check_event,
};
use crate::app::retry::{Delays, RetryPlan};
use crate::cli::session::Session;
use crate::engine::Delivery;
use crate::error::Result;
use crate::exit::Exit;
use crate::pipeline::DeliveryObserver;
use crate::shutdown::Shutdown;

/// Build an event, sign it like the provider and deliver it
#[derive(Debug, Clone, clap::Args)]
pub(super) struct SendArgs {
    /// The event's type, as in the provider's catalogue
    #[arg(add = super::complete::events())]
    pub(super) event: Option<String>,
    #[command(flatten)]
    pub(super) targets: TargetArgs,
    /// The provider to play: `NAME` or `NAME@VARIANT`
    #[arg(short, long, value_name = "NAME", add = super::complete::providers(), help_heading = "Signature")]
    pub(super) provider: Option<String>,
    /// The secret, by reference: `env:VAR`, `file:PATH`, `endpoint:NAME`, `-`, `literal:TEXT` (can be repeated)
    #[arg(short, long = "secret", value_name = "[NAME=]REF", add = super::complete::secrets(), help_heading = "Signature")]
    pub(super) secrets: Vec<String>,
    #[command(flatten)]
    body: BodyArgs,
    #[command(flatten)]
    workflow: workflow::WorkflowArgs,
    #[command(flatten)]
    pub(super) http: HttpArgs,
    #[command(flatten)]
    retry: RetryArgs,
    #[command(flatten)]
    pub(super) bulk: BulkArgs,
    #[command(flatten)]
    faults: FaultArgs,
    #[command(flatten)]
    asking: challenge::ChallengeArgs,
    /// Print the exact request instead of sending it
    #[arg(short = 'n', long, help_heading = "Dry run")]
    pub(super) dry_run: bool,
    /// Print a curl command instead of sending the request
    #[arg(long, conflicts_with = "dry_run", help_heading = "Dry run")]
    pub(super) curl: bool,
    /// Show credentials in the output
    #[arg(long, help_heading = "Dry run")]
    reveal: bool,
}

pub(super) fn run(session: &Session, args: &SendArgs) -> Result<Exit> {
    if args.asking.handshake {
        return challenge::run(session, args);
    }
    let body = args.body()?;
    if let Some(name) = &args.workflow.workflow {
        return workflow::run(session, args, name, body);
    }
    check_event(&session.context, args.event.as_deref(), args.provider.as_deref(), &body)?;
    let target = args.targets.choose(session)?;
    start(session, args, &args.options(target, body)?)
}

impl SendArgs {
    fn body(&self) -> Result<BodyOptions> {
        let references: Vec<_> = self.secrets.iter().chain(&self.http.bearer).cloned().collect();
        super::input::one_stdin(self.body.source().unwrap_or_default(), &references)?;
        self.body.options()
    }

    /// What the flags say, to that target.
    pub(super) fn options(&self, target: TargetChoice, body: BodyOptions) -> Result<SendOptions> {
        Ok(SendOptions {
            event: self.event.clone(),
            provider: self.provider.clone(),
            secrets: self.secrets.clone(),
            target,
            body,
            request: self.http.options()?,
            retry: self.retry_plan()?,
            execution: None,
        })
    }

    /// A late success is followed by a retry, also where none was asked for.
    fn retry_plan(&self) -> Result<RetryPlan> {
        let mut plan = self.retry.plan()?;
        if self.faults.late_success && plan.delays == Delays::None {
            plan.delays = Delays::Policy;
        }
        Ok(plan)
    }

    /// Whether nothing is sent in the end.
    pub(super) fn is_rehearsal(&self) -> bool {
        self.dry_run || self.curl
    }
}

/// Sends, or shows what would be sent.
pub(super) fn start(session: &Session, args: &SendArgs, options: &SendOptions) -> Result<Exit> {
    if args.is_rehearsal() {
        return rehearse(session, args, options).map(|_| Exit::Ok);
    }
    let plan = SendPlan::new(&session.context, options)?;
    args.targets
        .confirm(session, plan.event.as_deref().unwrap_or_default(), &plan.targets)?;
    let messages = plan.messages(&session.context, args.bulk.random_seed)?;
    let retry = &options.retry;
    retry.announce(
        &session.context.notices,
        &plan.profile.title,
        &plan.policy,
        args.retry.time_scale,
    );
    super::runtime()?.block_on(deliver(session, args, &plan, &messages))
}

/// Prints what would be sent.
pub(super) fn rehearse(session: &Session, args: &SendArgs, options: &SendOptions) -> Result<Vec<Delivery>> {
    let plan = SendPlan::new(&session.context, options)?;
    let deliveries = plan.first_deliveries(&session.context, args.bulk.random_seed)?;
    let deliveries = match args.faults.tamper {
        Some(tamper) => {
            let forged = deliveries
                .into_iter()
                .map(|delivery| tamper.apply(delivery, &plan.profile));
            forged.collect::<Result<_>>()?
        }
        None => deliveries,
    };
    for delivery in &deliveries {
        if args.curl {
            let shown = Rehearsal::new(&session.context, delivery)?;
            let command = crate::view::curl::command(&shown.request, args.reveal, &shown.secret_headers);
            session.ui.raw(format!("{command}\n").as_bytes())?;
        } else {
            let rehearsal = options.request.rehearse(&session.context, delivery)?;
            show_rehearsal(session, &rehearsal, args.reveal)?;
        }
    }
    Ok(deliveries)
}

async fn deliver(
    session: &Session,
    args: &SendArgs,
    plan: &SendPlan<'_>,
    messages: &MessageFactory<'_>,
) -> Result<Exit> {
    let (ui, shutdown) = (&session.ui, Shutdown::install()?);
    let is_bulk = args.bulk.count > 1;
    let mut observer: Box<dyn DeliveryObserver + Send> = if is_bulk {
        Box::new(BulkBar::new(ui, args.bulk.count * u64::from(args.faults.duplicate)))
    } else {
        Box::new(Attempts::new(ui, plan.targets.len() == 1 && args.faults.duplicate == 1))
    };
    let faults = args.faults.options(args.bulk.random_seed);
    let run = args.bulk.options(&args.retry, faults);
    let result = outgoing::deliver(&session.context, plan, messages, run, &shutdown, &mut *observer).await?;
    // The bar is gone from the screen before the result is there.
    drop(observer);
    if is_bulk {
        ui.show(&result)?;
    }
    if let Some(report) = &result.faults {
        ui.show(report)?;
    }
    let retry = args.retry_plan()?;
    // Interrupted deliveries are resumed, not sent again: that hint comes first.
    if result.tally.interrupted > 0 {
        ui.hint(plan.resumption());
    } else if result.tally.failed > 0
        && !is_bulk
        && args.faults.tamper.is_none()
        && let Some(next) = retry.what_would_follow(&plan.profile.title, &plan.profile.policy)
    {
        ui.aside(&next);
    }
    Ok(result.exit)
}
