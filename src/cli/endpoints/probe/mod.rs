//! `hook endpoints test`: a signed event, a tampered twin of it, and what the receiver makes of both.

mod report;
mod tampered;
mod verdict;

use std::sync::Arc;

use tokio::sync::mpsc;

use super::super::http::HttpArgs;
use super::super::{body, runtime, targets};
use crate::app::context::{DEV_SECRET, Purpose};
use crate::app::resolve::account_off;
use crate::cli::session::Session;
use crate::endpoints::{Endpoint, EndpointStore, Events};
use crate::engine::{Delivery, Event, Label, Limits, Progress, Promise, Signing};
use crate::error::{Error, Result};
use crate::exchange::{Attempt, SecretKind, Source};
use crate::exit::Exit;
use crate::id::{Id, IdKind};
use crate::message::{Message, Mode};
use crate::pipeline::View;
use crate::provider::Profile;
use crate::provider::compose::{ComposeOptions, Composer};
use crate::provider::policy::{Policy, Schedule};
use crate::shutdown::Shutdown;
use crate::signature::Scheme;
use crate::store::{DeliveryState, Op};
use crate::transport::{AddressPolicy, HttpTransport};
use verdict::Verdicts;

/// Send a signed test event and a tampered twin of it, and judge the receiver
#[derive(Debug, clap::Args)]
pub(super) struct EndpointProbeArgs {
    /// Name, id, or the beginning of an id
    #[arg(value_name = "NAME", add = crate::cli::complete::endpoints())]
    endpoint: String,
    /// The event to send instead of the provider's test event
    #[arg(long, value_name = "EVENT", add = crate::cli::complete::events())]
    event: Option<String>,
    /// How many genuine events to send; the slowest answer counts
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    count: u32,
    /// Parameter of the provider's envelope: `NAME=VALUE` (can be repeated)
    #[arg(long = "param", value_name = "PAIR")]
    params: Vec<String>,
    #[command(flatten)]
    http: HttpArgs,
}

/// One request and what came of it.
struct Exchange {
    number: u64,
    genuine: bool,
    attempt: Attempt,
}

/// A test of one endpoint.
struct Trial<'a> {
    session: &'a Session,
    endpoint: &'a Endpoint,
    profile: Arc<Profile>,
    event: String,
    signing: Signing,
    policy: Arc<Policy>,
    transport: Arc<HttpTransport>,
    /// The flags that lead to the remote that keeps the endpoint; absent: the local book.
    remote: Option<&'a str>,
}

impl EndpointProbeArgs {
    /// What names the endpoint.
    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

/// Tests an endpoint of the book, or of that place.
pub(super) fn run(
    session: &Session,
    args: &EndpointProbeArgs,
    endpoint: &Endpoint,
    remote: Option<(&dyn EndpointStore, &str)>,
) -> Result<Exit> {
    if session.settings.account_off && remote.is_none() {
        return Err(account_off());
    }
    let profile = session.registry.get(&endpoint.provider)?;
    let event = event(&profile, endpoint, args.event.as_deref())?;
    let trial = Trial {
        session,
        endpoint,
        signing: signing(session, endpoint, &profile, remote)?,
        policy: Arc::new(args.http.limit(Policy {
            schedule: Schedule::default(),
            ..profile.policy.clone()
        })),
        transport: args.http.transport()?,
        event,
        profile,
        remote: remote.map(|(_, flags)| flags),
    };
    let ui = &session.ui;
    if let Some(disabled) = &endpoint.disabled {
        let why = crate::text::printable(&disabled.to_string(), 200);
        ui.note(&format!("`{}` is disabled ({why}): tested all the same", endpoint.name));
    }
    ui.note(&format!(
        "testing {} with `{}` of {}",
        ui.err.name(&endpoint.name),
        trial.event,
        endpoint.provider
    ));
    let exchanges = runtime()?.block_on(trial.exchanges(args))?;
    let verdicts = Verdicts::of(&trial, &exchanges);
    report::print(&trial, &exchanges, &verdicts)?;
    Ok(if verdicts.passed() { Exit::Ok } else { Exit::Unmet })
}

/// The event that is asked for, else the provider's test event when it is subscribed, else the first that is.
fn event(profile: &Profile, endpoint: &Endpoint, asked: Option<&str>) -> Result<String> {
    if let Some(asked) = asked {
        return Ok(profile.canonical_event(asked).unwrap_or(asked).to_owned());
    }
    let wanted = |name: &&String| endpoint.events.contains(name) && profile.events.contains_key(*name);
    let subscribed = match &endpoint.events {
        Events::Only(names) => names.iter().find(|name| profile.events.contains_key(*name)),
        Events::All => None,
    };
    profile
        .test_event
        .as_ref()
        .filter(wanted)
        .or(subscribed)
        .or(profile.test_event.as_ref())
        .or(profile.events.keys().next())
        .cloned()
        .ok_or_else(|| {
            Error::usage(format!("`{}` has no events to test with", profile.label())).hint("name one: `--event NAME`")
        })
}

fn signing(
    session: &Session,
    endpoint: &Endpoint,
    profile: &Arc<Profile>,
    remote: Option<(&dyn EndpointStore, &str)>,
) -> Result<Signing> {
    let unsigned = matches!(profile.scheme, Scheme::Unsigned);
    let own = match remote {
        _ if unsigned => Vec::new(),
        // What is noted of a provider's endpoints is the user's own: a project has no part in it.
        Some((store, _)) => endpoint
            .signing_secrets(session.now(), profile.scheme.carries_several())
            .into_iter()
            .map(|secret| store.book().vault().signing(secret))
            .collect::<std::result::Result<_, _>>()?,
        None => session.endpoint_secrets(endpoint, profile, Purpose::Sign)?,
    };
    // A secret that is noted for a remote place cannot be found by the endpoint's name alone.
    let name = remote.is_none().then_some(endpoint.name.as_str());
    let signing = session.signing(profile, &[], (name, own))?;
    if let Signing::Fresh { secret, .. } = &signing
        && **secret == SecretKind::Dev
    {
        session.ui.note(&format!(
            "`{}` has no secret: signed with the {DEV_SECRET}",
            endpoint.name
        ));
    }
    Ok(signing)
}

impl Trial<'_> {
    /// The genuine events, and then the twin when there was any answer to them.
    async fn exchanges(&self, args: &EndpointProbeArgs) -> Result<Vec<Exchange>> {
        let shutdown = Shutdown::install()?;
        let composer = Composer::new(&self.profile, self.wishes(args)?)?;
        let genuine = (0..args.count)
            .map(|_| {
                let now = self.session.now();
                let id = Id::new(IdKind::Message, now, &self.session.random);
                let message = composer.compose(id, now, &self.session.random)?;
                self.delivery(Arc::new(message), args)
            })
            .collect::<Result<Vec<Delivery>>>()?;
        let pattern = genuine.first().cloned();
        let mut exchanges = self.send(genuine, &shutdown, true).await?;
        let answered = exchanges
            .iter()
            .any(|exchange| exchange.attempt.outcome.status().is_some());
        if let Some(pattern) = pattern.filter(|_| answered)
            && let Some(twin) = tampered::of(self.session, &self.profile, &pattern)
        {
            let id = twin.id;
            exchanges.extend(self.send(vec![twin], &shutdown, false).await?);
            // Nobody is to send it again by `replay --failed`.
            let park = Op::State {
                delivery: id,
                state: DeliveryState::Parked,
                owner: None,
            };
            let ledger = self.session.ledger();
            ledger.write(park).await?;
            ledger.close();
        }
        Ok(exchanges)
    }

    fn wishes(&self, args: &EndpointProbeArgs) -> Result<ComposeOptions> {
        let own = self.endpoint.params.clone().into_iter();
        let given = args.params.iter().map(|pair| body::split_pair(pair, "--param"));
        Ok(ComposeOptions {
            event: self.event.clone(),
            params: own.map(Ok).chain(given).collect::<Result<_>>()?,
            mode: Mode::Test,
            ..ComposeOptions::default()
        })
    }

    fn delivery(&self, message: Arc<Message>, args: &EndpointProbeArgs) -> Result<Delivery> {
        let now = self.session.now();
        Ok(Delivery {
            id: Id::new(IdKind::Delivery, now, &self.session.random),
            message,
            url: targets::parse_url(&self.endpoint.url)?,
            method: args.http.method(Some(&self.profile)),
            headers: args.http.header_lines(self.session)?,
            signing: self.signing.clone(),
            policy: Arc::clone(&self.policy),
            addresses: AddressPolicy::Any,
            is_changed: false,
            progress: Progress::default(),
            at: now,
            label: Arc::new(Label {
                source: Source::Test,
                provider: Some(self.profile.label()),
                endpoint: Some(self.endpoint.name.clone()),
                origin: None,
                execution: None,
                promise: Promise::Nothing,
            }),
        })
    }

    /// Sends one after the other, through the ledger like everything else.
    async fn send(&self, deliveries: Vec<Delivery>, shutdown: &Shutdown, genuine: bool) -> Result<Vec<Exchange>> {
        let ledger = self.session.ledger();
        let (jobs_in, jobs) = mpsc::channel(deliveries.len().max(1));
        for delivery in deliveries {
            let _ = jobs_in.send(delivery).await;
        }
        drop(jobs_in);
        let (transport, cancel) = (Arc::clone(&self.transport), shutdown.soft.clone());
        let pipeline = self
            .session
            .pipeline(transport, ledger.clone(), Limits::default(), cancel, None);
        let mut collected = Collected(Vec::new());
        let tally = pipeline
            .run(jobs, crate::pipeline::Known::default(), &mut collected)
            .await?;
        ledger.close();
        if tally.interrupted > 0 {
            return Err(Error::silent(Exit::Interrupted));
        }
        let exchange = |(number, attempt)| Exchange {
            number,
            genuine,
            attempt,
        };
        Ok(collected.0.into_iter().map(exchange).collect())
    }
}

/// Keeps what happens for the report.
struct Collected(Vec<(u64, Attempt)>);

impl View for Collected {
    fn event(&mut self, number: u64, event: &Event) -> Result<()> {
        self.0.extend(event.attempt.clone().map(|attempt| (number, attempt)));
        Ok(())
    }
}
