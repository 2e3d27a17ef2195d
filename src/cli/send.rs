//! `hook send`: build an event, sign it, deliver it, retry on the provider's schedule.

mod advice;

use std::sync::Arc;

use tokio::sync::mpsc;

use super::body::{BodyArgs, MessageSource, form_fields, no_event};
use super::http::HttpArgs;
use super::origin::MessageFactory;
use super::retry::RetryArgs;
use super::targets::{Target, TargetArgs, TargetContext};
use super::workflow::WorkflowArgs;
use crate::app::endpoint_health;
use crate::cli::session::Session;
use crate::engine::{self, Delivery, Label, Limits, Progress, Promise, Signing};
use crate::error::{Error, Result};
use crate::exchange::Source;
use crate::exit::Exit;
use crate::id::{Id, IdKind};
use crate::message::Message;
use crate::pipeline::{Known, Tally, View, record};
use crate::provider::policy::Policy;
use crate::provider::{Profile, Registry};
use crate::shutdown::Shutdown;
use crate::store::Op;
use crate::transport::{AddressPolicy, HttpTransport};
use crate::view::delivery::Attempts;

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
    pub(super) body: BodyArgs,
    #[command(flatten)]
    pub(super) workflow: WorkflowArgs,
    #[command(flatten)]
    pub(super) http: HttpArgs,
    #[command(flatten)]
    retry: RetryArgs,
    #[command(flatten)]
    bulk: super::bulk::BulkArgs,
    #[command(flatten)]
    pub(super) asking: super::challenge::ChallengeArgs,
    /// Print the exact request instead of sending it
    #[arg(short = 'n', long, help_heading = "Rehearsal")]
    pub(super) dry_run: bool,
    /// Print a curl command instead of sending the request
    #[arg(long, conflicts_with = "dry_run", help_heading = "Rehearsal")]
    pub(super) curl: bool,
    /// Show credentials in what is printed
    #[arg(long, help_heading = "Rehearsal")]
    reveal: bool,
}

/// Everything that the deliveries of one run have in common.
pub(super) struct Plan {
    profile: Arc<Profile>,
    /// The schedule as the user wants it.
    policy: Arc<Policy>,
    targets: Vec<Target>,
    signings: Vec<Signing>,
    http: HttpArgs,
    /// Whether the secrets are those of the command line, which the ledger does not keep.
    own_secrets: bool,
    form: bool,
    /// Values of the envelope's parameters that the endpoint says.
    params: Vec<(String, String)>,
    headers: crate::headers::Headers,
}

pub(super) fn run(session: &Session, args: &SendArgs) -> Result<Exit> {
    match &args.workflow.workflow {
        _ if args.asking.handshake => super::challenge::run(session, args),
        Some(name) => super::workflow::run(session, args, name),
        None => start(session, args),
    }
}

/// As the flags say, the workflow's among them.
pub(super) fn start(session: &Session, args: &SendArgs) -> Result<Exit> {
    if args.dry_run || args.curl {
        return rehearse(session, args).map(|_| Exit::Ok);
    }
    let plan = plan(session, args)?;
    let body = args.body.with_params(&plan.params);
    let maker = body.maker(session, &plan.profile, args.event.as_deref())?;
    let retry = args.retry.plan()?;
    retry.announce(
        &session.notices,
        &plan.profile.title,
        &plan.policy,
        args.retry.time_scale,
    );
    let runtime = super::runtime()?;
    if args.bulk.count > 1 {
        return runtime.block_on(super::bulk::run(session, &args.bulk, &args.retry, &plan, &maker));
    }
    runtime.block_on(deliver(session, args, &plan, &maker))
}

fn plan(session: &Session, args: &SendArgs) -> Result<Plan> {
    let references: Vec<_> = args.secrets.iter().chain(&args.http.bearer).cloned().collect();
    super::input::one_stdin(args.body.source().unwrap_or_default(), &references)?;
    if args.event.is_none() && !args.body.is_whole() {
        return Err(match &args.provider {
            Some(name) => no_event(&*session.registry.get(name)?),
            None => Error::usage("no event is given")
                .hint("`hook send job.paid --to URL`; `hook providers list` shows whose events there are"),
        });
    }
    let aim = args.targets.aim(session)?;
    let named = match &args.provider {
        Some(name) => Some(name.clone()),
        None => aim.provider(session, args.event.as_deref())?,
    };
    let event = args
        .event
        .as_deref()
        .filter(|_| !args.body.is_whole() || named.is_none());
    let profile = match (&named, event) {
        (None, None) if args.body.is_whole() && session.settings.provider.is_none() => {
            session.registry.get(Registry::GENERIC)?
        }
        _ => session.provider_for(named.as_deref(), event)?,
    };
    if let Some(event) = &args.event {
        super::naming::lint_custom(session, &profile, event);
    }
    let event = args
        .event
        .as_deref()
        .map(|event| profile.canonical_event(event).unwrap_or(event).to_owned());
    let mut defaults = session.account_params(&profile);
    let params = args.body.with_params(&defaults).params()?;
    defaults.extend(aim.params());
    let shot = TargetContext {
        profile: &profile,
        event: event.as_deref(),
        params: &params,
        other_secrets: !args.secrets.is_empty(),
        rehearsal: args.dry_run || args.curl,
    };
    let targets = args.workflow.mark(args.targets.targets(session, &aim, &shot)?);
    let signings = targets
        .iter()
        .map(|target| {
            let own = (target.label.endpoint.as_deref(), target.secrets.clone());
            session.signing(&profile, &args.secrets, own)
        })
        .collect::<Result<_>>()?;
    let policy = args.http.limit(args.retry.policy(&profile.policy)?);
    Ok(Plan {
        policy: Arc::new(policy),
        headers: args.http.header_lines(session)?,
        http: args.http.clone(),
        own_secrets: !args.secrets.is_empty(),
        form: args.body.form,
        params: defaults,
        profile,
        targets,
        signings,
    })
}

impl Plan {
    /// The deliveries of one message, one a target.
    pub(super) fn deliveries(&self, session: &Session, message: &Arc<Message>) -> Result<Vec<Delivery>> {
        let now = session.now();
        self.targets
            .iter()
            .zip(&self.signings)
            .map(|(target, signing)| {
                let mut delivery = Delivery {
                    id: Id::new(IdKind::Delivery, now, &session.random),
                    message: Arc::clone(message),
                    url: target.url.clone(),
                    method: self.http.method(Some(&self.profile)),
                    headers: self.headers.clone(),
                    signing: signing.clone(),
                    policy: Arc::clone(&self.policy),
                    addresses: AddressPolicy::Any,
                    is_changed: false,
                    progress: Progress::default(),
                    at: now,
                    label: Arc::clone(&target.label),
                };
                self.reshape(&mut delivery)?;
                Ok(delivery)
            })
            .collect()
    }

    /// A GET has no body: its fields go to the query. A form has another body and type.
    fn reshape(&self, delivery: &mut Delivery) -> Result<()> {
        let get = delivery.method == "GET";
        if !get && !self.form {
            return Ok(());
        }
        let fields = form_fields(&delivery.message.body)?;
        let mut message = (*delivery.message).clone();
        if get {
            if !fields.is_empty() {
                delivery.url.query_pairs_mut().extend_pairs(&fields);
            }
            message.body = bytes::Bytes::new();
        } else {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            message.body = form.extend_pairs(&fields).finish().into();
            message.content_type = "application/x-www-form-urlencoded".into();
        }
        delivery.message = Arc::new(message);
        Ok(())
    }

    /// What takes up deliveries of this run that are interrupted.
    pub(super) fn resumption(&self) -> &'static str {
        if self.own_secrets {
            "`hook replay --resume` with the same `--secret` takes up what was interrupted"
        } else {
            "`hook replay --resume` takes up what was interrupted"
        }
    }

    /// Whether more than one attempt may be made.
    pub(super) fn retries(&self) -> bool {
        !self.policy.schedule.delays.is_empty()
    }

    /// Whether each delivery is on record before its first attempt: where more than one attempt may be made, and where one
    /// target may be slower than another, so that what waits for it is in the ledger and not in memory.
    pub(super) fn records_first(&self) -> bool {
        self.retries() || self.targets.len() > 1
    }

    /// Whether failed deliveries have had every attempt that the schedule allows.
    pub(super) fn works_off_schedule(&self) -> bool {
        self.retries() || self.profile.policy.schedule.delays.is_empty()
    }

    /// The transport of this run.
    pub(super) fn transport(&self) -> Result<Arc<HttpTransport>> {
        self.http.transport()
    }
}

/// What would be sent, one delivery a target.
pub(super) fn prepare(session: &Session, args: &SendArgs) -> Result<Vec<Delivery>> {
    let plan = plan(session, args)?;
    let body = args.body.with_params(&plan.params);
    let maker = body.maker(session, &plan.profile, args.event.as_deref())?;
    let message = MessageFactory::new(session, args.bulk.random_seed).message(session, &maker, 0)?;
    plan.deliveries(session, &message)
}

/// Prints what would be sent.
pub(super) fn rehearse(session: &Session, args: &SendArgs) -> Result<Vec<Delivery>> {
    let deliveries = prepare(session, args)?;
    for delivery in &deliveries {
        if args.curl {
            let request = delivery.request(session.now(), delivery.progress.attempts)?;
            let masked = super::http::token_headers(session, delivery);
            let command = crate::view::curl::command(&request, args.reveal, &masked);
            session.ui.raw(format!("{command}\n").as_bytes())?;
        } else {
            args.http.rehearse(session, delivery, args.reveal)?;
        }
    }
    Ok(deliveries)
}

async fn deliver(session: &Session, args: &SendArgs, plan: &Plan, maker: &MessageSource<'_>) -> Result<Exit> {
    let shutdown = Shutdown::install()?;
    let message = MessageFactory::new(session, args.bulk.random_seed).message(session, maker, 0)?;
    let deliveries = plan.deliveries(session, &message)?;
    let limits = Limits {
        concurrency: 16,
        total: Some(engine::TOTAL),
        time_scale: args.retry.time_scale,
        rate: None,
    };
    let url = deliveries.first().map(|delivery| delivery.url.clone());
    let attempts = Attempts::new(Arc::clone(&session.ui), deliveries.len() == 1);
    let mut view = endpoint_health::Counting::new(session, attempts, plan.works_off_schedule());
    let tally = run_all(
        session,
        plan.transport()?,
        deliveries,
        limits,
        plan.retries(),
        &shutdown,
        &mut view,
    )
    .await?;
    view.finish()?;
    if tally.interrupted > 0 {
        session.ui.hint(plan.resumption());
    } else if tally.failed > 0 {
        advice::give(session, &plan.profile, &tally, url.as_ref()).await;
        if let Some(next) = args
            .retry
            .plan()?
            .what_would_follow(&plan.profile.title, &plan.profile.policy)
        {
            session.ui.note(&session.ui.err.dim(&next));
        }
    }
    Ok(tally.exit.unwrap_or(Exit::Ok))
}

/// Records deliveries that may take several attempts, and works all of them off.
pub(super) async fn run_all(
    session: &Session,
    transport: Arc<HttpTransport>,
    deliveries: Vec<Delivery>,
    limits: Limits,
    retries: bool,
    shutdown: &Shutdown,
    view: &mut (dyn View + Send),
) -> Result<Tally> {
    let ledger = session.ledger();
    // What cannot be recorded is not sent.
    ledger.ready().await?;
    let owner = if retries {
        Some(Arc::new(session.lease()?))
    } else {
        None
    };
    if let Some(owner) = &owner {
        for delivery in &deliveries {
            let record = record(delivery, Some(owner.name().to_owned()));
            ledger.write(Op::Delivery(Box::new(record))).await?;
        }
    }
    let known = if owner.is_some() { Known::All } else { Known::default() };
    let (jobs_in, jobs) = mpsc::channel(deliveries.len().max(1));
    for delivery in deliveries {
        let _ = jobs_in.send(delivery).await;
    }
    drop(jobs_in);
    let pipeline = session.pipeline(transport, ledger.clone(), limits, shutdown.soft.clone(), owner);
    let tally = pipeline.run(jobs, known, view).await?;
    ledger.close();
    Ok(tally)
}

/// A label for deliveries of `send`.
pub(super) fn label(provider: &str, endpoint: Option<String>) -> Arc<Label> {
    Arc::new(Label {
        source: Source::Send,
        provider: Some(provider.to_owned()),
        endpoint,
        origin: None,
        execution: None,
        promise: Promise::Nothing,
    })
}
