//! Resumes the work that earlier runs of `listen` left: forwards and commands, each with its recorded target, folder and
//! policy.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::app::context::Context;
use crate::app::receive::routes::settings_routes;
use crate::app::receive::takeover::{abandoned, amount, claim, described};
use crate::app::receive::{Observer, WorkContext, WorkEnds, WorkPolicy, WorkSummary, WorkTarget, Workers};
use crate::config::Settings;
use crate::error::Result;
use crate::exit::Exit;
use crate::shell::quote;
use crate::shutdown::Shutdown;
use crate::store::{Lane, LaneSummary, Store, WorkKind};
use crate::text::{count, printable};
use crate::transport::{HttpOptions, HttpTransport};

/// Work to resume.
#[derive(Debug, Default)]
pub struct Resumable {
    /// Lanes with items that were not begun.
    pub lanes: Vec<LaneSummary>,
    /// Lanes from a project's file that no longer names the target, or is no longer trusted.
    pub untrusted: Vec<LaneSummary>,
}

/// Finds what no living process works on; `None` when that is nothing. Forwards whose first attempt is on record are
/// deliveries and not listed here.
pub(super) fn find(context: &Context, store: &dyn Store) -> Result<Option<Resumable>> {
    let mut waiting = abandoned(store, &*context.owners())?;
    waiting.retain(|summary| summary.waiting > 0);
    if waiting.is_empty() {
        return Ok(None);
    }
    let trusted = |summary: &LaneSummary| summary.lane.trust.is_none() || is_trusted(context, &summary.lane);
    let (lanes, untrusted) = waiting.into_iter().partition(trusted);
    Ok(Some(Resumable { lanes, untrusted }))
}

/// Whether the project's file still names the target, and is trusted.
fn is_trusted(context: &Context, lane: &Lane) -> bool {
    let user = Some(context.settings.user_file.as_path()).filter(|file| file.exists());
    // The settings leave out what an untrusted file says.
    let Ok(settings) = Settings::load(&context.paths, user, Path::new(&lane.folder)) else {
        return false;
    };
    let work = (lane.kind, lane.target.as_str());
    let mut routes = settings_routes(&settings).filter_map(Result::ok);
    routes.any(|named| named.work() == work)
}

/// Works until the queue is empty: targets in parallel, the items of each in order.
pub(super) async fn run(
    context: &Context,
    found: Resumable,
    time_scale: f64,
    observer: Arc<dyn Observer>,
    shutdown: &Shutdown,
) -> Result<Exit> {
    warn_untrusted(context, &found.untrusted);
    let untrusted = if found.untrusted.is_empty() {
        Exit::Ok
    } else {
        Exit::Unmet
    };
    if found.lanes.is_empty() {
        return Ok(untrusted);
    }
    let lanes: Vec<&LaneSummary> = found.lanes.iter().collect();
    context.notices.note(format!("resuming {}", amount(&lanes)));
    let transports = LaneTransports::new(&found.lanes)?;
    let ledger = context.ledger();
    ledger.ready().await?;
    let reader = context.background_reader();
    context.restore_work(&reader).await?;
    let no_more = CancellationToken::new();
    // No item is added meanwhile, so the workers end with the queue.
    no_more.cancel();
    let ends = WorkEnds {
        no_more,
        late: shutdown.soft.clone(),
        kill: shutdown.hard.clone(),
    };
    let mut work = WorkContext::new(context, (ledger.clone(), reader), context.lease()?, observer, ends);
    (work.time_scale, work.retrying) = (time_scale, false);
    let done = work_off(work, &transports, found.lanes).await;
    ledger.close();
    Ok(report(context, &done?, shutdown.soft.is_cancelled()).worse(untrusted))
}

/// How a target is reached: without a check of its certificate, and with the certificates of a file.
type Reach = (bool, Option<PathBuf>);

/// The transports that lanes need.
struct LaneTransports {
    plain: Arc<HttpTransport>,
    others: HashMap<Reach, Arc<HttpTransport>>,
}

impl LaneTransports {
    fn new(lanes: &[LaneSummary]) -> Result<Self> {
        let transport = |(insecure, ca_file): Reach| {
            let made = HttpTransport::new(HttpOptions {
                insecure,
                ca_file,
                ..HttpOptions::default()
            });
            made.map(Arc::new)
        };
        let mut others = HashMap::new();
        for summary in lanes {
            let reach = reach(&WorkPolicy::from_text(&summary.lane.policy));
            if reach != Reach::default() && !others.contains_key(&reach) {
                others.insert(reach.clone(), transport(reach)?);
            }
        }
        let plain = transport(Reach::default())?;
        Ok(Self { plain, others })
    }

    fn of(&self, policy: &WorkPolicy) -> Arc<HttpTransport> {
        Arc::clone(self.others.get(&reach(policy)).unwrap_or(&self.plain))
    }
}

fn reach(policy: &WorkPolicy) -> Reach {
    (policy.insecure, policy.ca_file.clone())
}

async fn work_off(work: WorkContext, transports: &LaneTransports, lanes: Vec<LaneSummary>) -> Result<WorkSummary> {
    let mut targets: BTreeMap<(WorkKind, String, String), WorkTarget> = BTreeMap::new();
    for summary in lanes {
        if !claim(&work.ledger, &summary.lane, &work.owner, work.clock.now()).await? {
            continue;
        }
        let lane = &summary.lane;
        let target = (lane.kind, lane.target.clone(), lane.folder.clone());
        targets.entry(target).or_default().left.push(summary);
    }
    let workers = Workers::start(work, &|policy| transports.of(policy), targets.into_values().collect());
    let (summary, ended) = workers.finish().await;
    ended.map(|()| summary)
}

fn warn_untrusted(context: &Context, untrusted: &[LaneSummary]) {
    for summary in untrusted {
        let (what, events) = (described(&summary.lane), count(summary.waiting, "event"));
        let file = summary.lane.trust.as_deref().unwrap_or("hook.toml");
        context.notices.warn(format!(
            "left: {what} for {events}, since `{}` is not trusted or no longer names it",
            printable(file, 1000)
        ));
        context.notices.hint(format!(
            "restore the entry in the file if it was removed; then `hook config trust {} && hook replay --resume`",
            quote(file)
        ));
    }
}

/// Reports `3 forwarded, 2 commands succeeded, 1 failed`, and returns the exit code.
fn report(context: &Context, done: &WorkSummary, stopped: bool) -> Exit {
    let forwards = done.delivered + done.failed;
    let commands = done.commands_succeeded + done.commands_failed;
    let mut parts = Vec::new();
    if forwards > 0 {
        parts.push(format!("{} forwarded, {} not forwarded", done.delivered, done.failed));
    }
    if commands > 0 {
        let succeeded = count(done.commands_succeeded, "command");
        parts.push(format!("{succeeded} succeeded, {} failed", done.commands_failed));
    }
    if done.interrupted > 0 {
        let why = if stopped { "interrupted" } else { "left" };
        parts.push(format!("{} {why}", done.interrupted));
    }
    if parts.is_empty() {
        parts.push("another process has already resumed it".to_owned());
    }
    context.notices.note(parts.join(", "));
    let commands = if done.commands_failed > 0 {
        Exit::Unmet
    } else {
        Exit::Ok
    };
    let left = match done.interrupted {
        0 => Exit::Ok,
        _ if stopped => Exit::Interrupted,
        _ => Exit::Unmet,
    };
    done.exit.unwrap_or(Exit::Ok).worse(commands).worse(left)
}
