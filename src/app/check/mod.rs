//! Audits a receiver: plays its provider, sends what must be accepted and what must be refused, and judges the answers.
//! `case.rs` has the cases as data, `plan.rs` what is sent in each, `judge.rs` how it is judged, and `rules.rs` which likely cause
//! a set of failures has.

mod bodies;
mod case;
mod cause;
mod counting;
mod diagnose;
mod duplicates;
mod effects;
mod evidence;
pub mod forge;
mod judge;
mod keys;
mod launch;
mod leaks;
mod plan;
mod planner;
pub mod player;
mod report;
mod rules;
mod run;
mod signatures;
mod variants;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::{Host, Url};

use crate::app::context::Context;
use crate::app::outgoing::RequestOptions;
use crate::case_report::CaseOutcome;
use crate::engine::{Label, Signing};
use crate::error::{Error, Result};
use crate::exchange::{ErrorKind, Outcome, Source};
use crate::exit::Exit;
use crate::glob::Glob;
use crate::provider::policy::{Policy, Schedule};
use crate::provider::{Profile, near_names};
use crate::text::printable;
use crate::transport::AddressPolicy;
use crate::transport::address_policy::is_loopback;
pub use case::{CASES, CaseCode, CaseInfo, Requirement};
pub use cause::Cause;
use counting::Counting;
pub use diagnose::reason;
use effects::EffectCounter;
use keys::AuditKeys;
use planner::Planner;
use player::Player;
pub use report::{AuditCase, AuditReport, Incomplete, Score};
pub use rules::FoundCause;
use run::{Audit, Run, symptoms};

/// How long the cases of an audit of this machine may take, and those of another one.
const LIMITS: [Duration; 2] = [Duration::from_secs(30), Duration::from_secs(600)];

/// Secrets of an audit.
const MOST_SECRETS: usize = 2;

/// How much later requests that are under way are given up.
const GIVE_UP: Duration = Duration::from_secs(12);

/// What is audited, and how.
#[derive(Clone)]
pub struct CheckOptions {
    /// The receiver.
    pub url: Url,
    /// The provider to play, with its variant.
    pub provider: Option<String>,
    /// References of secrets; the second one is the next of a rotation.
    pub secrets: Vec<String>,
    /// Starts the receiver.
    pub app: Option<String>,
    /// A command or a URL that gives the number of effects so far.
    pub effects: Option<String>,
    /// Globs of events; none: all of the catalogue.
    pub events: Vec<String>,
    /// Globs of cases and groups that are run; none: all.
    pub only: Vec<String>,
    /// Globs of cases and groups that are not run.
    pub skip: Vec<String>,
    /// Parameters of the envelope.
    pub params: Vec<(String, String)>,
    /// What the request looks like beside the body.
    pub request: RequestOptions,
    /// Stops the audit.
    pub cancel: CancellationToken,
}

/// Whether the receiver is on this machine. Any other one must be meant: an audit sends hundreds of requests.
pub fn is_local(url: &Url) -> bool {
    let is_unspecified = match url.host() {
        Some(Host::Ipv4(address)) => address.is_unspecified(),
        Some(Host::Ipv6(address)) => address.is_unspecified(),
        _ => false,
    };
    is_unspecified || is_loopback(url)
}

/// Audits a receiver.
pub async fn check(context: &Context, options: &CheckOptions) -> Result<AuditReport> {
    check_globs(&options.only, &options.skip)?;
    let profile = context.provider_for(options.provider.as_deref(), None)?;
    let events = chosen_events(&profile, &options.events)?;
    if options.secrets.len() > MOST_SECRETS {
        let what = format!(
            "{} secrets are given: an audit has today's, and the next one of a rotation",
            options.secrets.len()
        );
        return Err(Error::usage(what).hint("give `--secret` once or twice"));
    }
    let keys = AuditKeys::new(context, &profile, (&options.secrets, options.app.is_some()))?;
    let mut player = player(context, &profile, options, &events, keys.signing(&profile, 0)?)?;
    let effects = options.effects.as_deref();
    let effects = effects
        .map(|text| EffectCounter::parse(text, Arc::clone(&player.transport), options.cancel.clone()))
        .transpose()?;
    player.ledger.ready().await?;
    let app = match &options.app {
        Some(command) => {
            let output = &context.command_output;
            Some(launch::launch(command, &options.url, &keys.verifying, output, &options.cancel).await?)
        }
        None => None,
    };
    let second = (keys.signing.len() > 1)
        .then(|| keys.signing(&profile, 1))
        .transpose()?;
    let limit = LIMITS[usize::from(!is_local(&options.url))];
    let secrets = keys.signing.iter().map(|secret| secret.expose().to_vec()).collect();
    let deadline = Instant::now() + limit;
    player.until = Some(deadline + GIVE_UP);
    let planner = Planner::new(&player, second, &events)?;
    let audit = Audit::new(planner, effects.map(Counting::new), secrets, deadline);
    let report = Box::pin(judged(audit, &player, options, &events, &keys)).await;
    if let Some(mut app) = app {
        // Its end is no part of the audit.
        let _ = app.stop(&options.cancel).await;
    }
    player.ledger.clone().close();
    report
}

async fn judged(
    mut audit: Audit<'_>,
    player: &Player<'_>,
    options: &CheckOptions,
    events: &[String],
    keys: &AuditKeys,
) -> Result<AuditReport> {
    let first = audit.first().await?;
    if let Outcome::Error { kind, text } = &first.attempt.outcome
        && !matches!(kind, ErrorKind::Timeout | ErrorKind::Protocol)
    {
        let what = format!("`{}` is not reachable", crate::mask::url(options.url.as_str()));
        return Err(Error::new(Exit::Unreachable, what).cause(printable(text, 400)));
    }
    let success = &player.policy.success;
    let mut report = AuditReport {
        url: crate::mask::url(options.url.as_str()),
        provider: player.profile.label(),
        unjudged: None,
        incomplete: None,
        cases: Vec::new(),
        causes: Vec::new(),
    };
    if !first.status().is_some_and(|status| success.contains(status)) {
        let planner = Planner::new(player, None, events)?;
        let unjudged = diagnose::diagnose(&planner, &first, keys.signing.first()).await?;
        player.mark_tested([first.delivery]).await?;
        report.unjudged = Some(unjudged);
        return Ok(report);
    }
    let is_wanted = |case| is_wanted(case, &options.only, &options.skip);
    report.incomplete = match audit.run(events, is_wanted).await {
        // What was judged until then is shown.
        Err(error) if error.exit == Exit::Interrupted => Some(Incomplete::Interrupted),
        run => run.map(|()| audit.incomplete())?,
    };
    audit.close().await?;
    let runs = audit.finish();
    report.causes = rules::causes(&symptoms(&runs));
    report.cases = runs.into_iter().map(|run| audit_case(run, &report.causes)).collect();
    Ok(report)
}

fn audit_case(run: Run, causes: &[FoundCause]) -> AuditCase {
    let is_wrong = matches!(run.outcome, CaseOutcome::Failed | CaseOutcome::Advice);
    let cause = causes
        .iter()
        .find(|found| is_wrong && found.cases.contains(&run.info.case));
    AuditCase {
        info: run.info,
        event: run.event,
        outcome: run.outcome,
        message: run.message,
        cause: cause.map(|found| found.cause),
        records: run.records,
        duration: run.duration,
    }
}

fn player<'a>(
    context: &'a Context,
    profile: &Arc<Profile>,
    options: &CheckOptions,
    events: &[String],
    signing: Signing,
) -> Result<Player<'a>> {
    let is_chosen = |event: &&String| events.contains(event);
    let event = profile.test_event.as_ref().filter(is_chosen).or(events.first());
    let event = event.cloned().ok_or_else(|| no_events(profile))?;
    let account = context.account_params(profile);
    Ok(Player {
        context,
        event,
        url: options.url.clone(),
        method: options.request.method(profile),
        headers: options.request.headers(context)?,
        addresses: AddressPolicy::Any,
        policy: Arc::new(Policy {
            schedule: Schedule::default(),
            timeout: options.request.timeout.unwrap_or(profile.policy.timeout),
            ..profile.policy.clone()
        }),
        label: Label {
            source: Source::Test,
            provider: Some(profile.label()),
            ..Label::default()
        },
        signing,
        params: account.into_iter().chain(options.params.iter().cloned()).collect(),
        transport: options.request.transport()?,
        cancel: options.cancel.clone(),
        until: None,
        ledger: context.ledger(),
        profile: Arc::clone(profile),
    })
}

fn no_events(profile: &Profile) -> Error {
    let label = profile.label();
    Error::nothing(format!("`{label}` has no event to send"))
        .hint(format!("`hook providers events {label}` shows its catalogue"))
}

/// The events of the catalogue that the globs select.
fn chosen_events(profile: &Profile, globs: &[String]) -> Result<Vec<String>> {
    if globs.is_empty() {
        return Ok(profile.events.keys().cloned().collect());
    }
    for glob in globs {
        if !profile.events.keys().any(|event| Glob::new(glob).fits(event)) {
            let near = near_names(glob, profile.events.keys().map(String::as_str));
            let label = profile.label();
            return Err(
                Error::nothing(format!("`{label}` has no event `{}`", printable(glob, 200)))
                    .near(&near, |event| format!("--events {}", crate::shell::quote(event)))
                    .hint(format!("`hook providers events {label}` shows its catalogue")),
            );
        }
    }
    let is_chosen = |event: &&String| globs.iter().any(|glob| Glob::new(glob).fits(event));
    Ok(profile.events.keys().filter(is_chosen).cloned().collect())
}

fn fits(globs: &[String], info: CaseInfo) -> bool {
    globs
        .iter()
        .map(|glob| Glob::new(glob))
        .any(|glob| glob.fits(info.case.name()) || glob.fits(info.group))
}

/// Refuses globs that select no case, and those that leave none.
pub fn check_globs(only: &[String], skip: &[String]) -> Result<()> {
    let wrong = |what: String| Err(Error::usage(what).hint("`hook check --list` shows them"));
    let selects = |glob: &String| CASES.iter().any(|info| fits(std::slice::from_ref(glob), *info));
    for (flag, globs) in [("--only", only), ("--skip", skip)] {
        if let Some(glob) = globs.iter().find(|glob| !selects(glob)) {
            return wrong(format!("`{flag} {}` selects no case", printable(glob, 200)));
        }
    }
    if CASES.iter().any(|info| is_wanted(info.case, only, skip)) {
        Ok(())
    } else {
        wrong("`--only` and `--skip` leave no case".to_owned())
    }
}

/// Whether a case is run.
pub fn is_wanted(case: CaseCode, only: &[String], skip: &[String]) -> bool {
    let info = case.info();
    (only.is_empty() || fits(only, info)) && !fits(skip, info)
}
