//! `hook listen`: receive, verify, explain, record, answer, forward, run a command.

mod args;
mod child;
mod dispatch;
mod inbound;
pub(super) mod observer;
mod setup;
mod show;
mod subscription_confirm;
pub(super) mod work;

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::socket::{self, ReadyLine};
pub(super) use args::ListenArgs;
use dispatch::{DispatchEnds, DispatchSummary, Dispatcher};
use inbound::Trigger;
use setup::Ready;

use crate::app::receive::Ends as WorkEnds;
use crate::app::receive::diagnosis::{self, Diagnoser, Refused};
use crate::cli::session::Session;
use crate::error::Result;
use crate::exit::Exit;
use crate::listener::{Listener, ListenerEvent};
use crate::server;
use crate::shutdown::{DRAIN, Shutdown};
use crate::store::Ledger;

/// How long the second Ctrl-C leaves for records of what it stopped.
const LAST_WORDS: Duration = Duration::from_secs(1);

pub(super) fn run(session: &Session, args: &ListenArgs) -> Result<Exit> {
    setup::check(session, args)?;
    super::runtime()?.block_on(listen(session, args))
}

async fn listen(session: &Session, args: &ListenArgs) -> Result<Exit> {
    let shutdown = Shutdown::install()?;
    let port = args.port.unwrap_or(session.settings.port);
    let (socket, address) = socket::bind(args.bind, port).await?;
    let tls = setup::tls(session, args)?;
    let kept = session.kept_ledger(args.dedupe_window);
    let ledger = kept.ledger.clone();
    let (outlet, heard) = mpsc::channel(1024);
    let (providers, secrets) = setup::keys(session, args)?;
    let trigger = Trigger::new(session, args)?;
    let owner = setup::owner(session, args)?;
    let inbound = trigger.as_ref().map(|trigger| &trigger.inbound);
    let router = Arc::new(work::router(session, args, inbound, owner.as_ref())?);
    let listener = setup::listener(
        session,
        args,
        (providers, secrets.clone()),
        trigger.as_ref(),
        &router,
        ledger.clone(),
        outlet,
    )?;
    let listener = listener.ended_by(shutdown.soft.clone());
    let listener = Arc::new(listener);
    // The end comes with a signal, with the end of the time, of the command or of the count. After a signal or the time
    // what is under way has a while left; otherwise it is waited for.
    let ends = DispatchEnds {
        stop: shutdown.soft.child_token(),
        late: shutdown.late(),
    };
    let verification = Arc::clone(&listener.verification);
    // A ledger that cannot be opened is no ground to answer anything.
    ledger.ready().await?;
    let work_ends = WorkEnds {
        no_more: CancellationToken::new(),
        late: ends.late.clone(),
        kill: shutdown.hard.clone(),
    };
    let workers = work::start(session, args, &ledger, &router, owner, work_ends).await?;
    let (refused, to_explain) = mpsc::channel(diagnosis::WAITING);
    let dispatcher = Dispatcher::new(session, args, ends.clone(), router, workers, refused)?;
    let diagnosis = Diagnoser {
        verification,
        ledger: ledger.clone(),
        known_secrets: {
            let session = session.clone();
            Arc::new(move |profile| session.known_secrets(profile))
        },
    };
    session.keep(&kept);
    drop(kept);
    let (url, public) = urls(args, address, trigger.as_ref());
    let takes = match &trigger {
        Some(trigger) => trigger.says(),
        None => setup::says_verification(secrets.as_ref()),
    };
    let ready = Ready {
        url: &url,
        public_url: public.as_deref(),
        takes,
        secrets: secrets.as_ref(),
        ca_file: tls.as_ref().and_then(|tls| tls.ca_file.as_deref()),
    };
    announce(session, args, &ready)?;
    let dispatcher = dispatcher.with(trigger);
    let child = child::start(session, args, &ready, &shutdown, ends.stop.clone())?;
    let open = Open {
        socket,
        acceptor: tls.map(|tls| tls.acceptor),
        listener,
        heard,
        dispatcher,
        diagnosis,
        to_explain,
        ledger,
    };
    attend(session, args, open, &shutdown, &ends, child).await
}

/// A listener that is ready.
struct Open {
    socket: TcpListener,
    acceptor: Option<server::tls::Tls>,
    listener: Arc<Listener>,
    heard: mpsc::Receiver<ListenerEvent>,
    dispatcher: Dispatcher,
    diagnosis: Diagnoser,
    to_explain: mpsc::Receiver<Refused>,
    ledger: Ledger,
}

/// Takes requests until the end, and waits for what they caused.
async fn attend(
    session: &Session,
    args: &ListenArgs,
    open: Open,
    shutdown: &Shutdown,
    ends: &DispatchEnds,
    child: Option<JoinHandle<Exit>>,
) -> Result<Exit> {
    let limits = server::Limits {
        body: args.max_body,
        drain: DRAIN,
        ..server::Limits::default()
    };
    let (listener, stop, cut) = (Arc::clone(&open.listener), ends.stop.clone(), shutdown.cut(&ends.late));
    let serving = tokio::spawn(server::serve(open.socket, open.acceptor, limits, listener, stop, cut));
    let clock = timer(args.lasts, shutdown.soft.clone());
    let server = serving.abort_handle();
    let mut draining = pin!(async {
        let mut tell = |explained| dispatch::say(&session.ui, explained);
        let explaining = async {
            tokio::select! {
                () = open.diagnosis.run(open.to_explain, &mut tell) => {}
                () = ends.late.cancelled() => {}
            }
        };
        let drained = drain(session, open.dispatcher, open.heard, serving, open.listener);
        tokio::join!(drained, explaining).0
    });
    let finished = tokio::select! {
        finished = &mut draining => Some(finished),
        () = shutdown.hard.cancelled() => None,
    };
    clock.abort();
    let Some(finished) = finished else {
        // What is not done is in the queue; what is done is to be on record.
        server.abort();
        let _ = tokio::time::timeout(LAST_WORDS, draining).await;
        open.ledger.close();
        return Ok(Exit::Interrupted);
    };
    open.ledger.close();
    let ended = finished?;
    let child = match child {
        Some(child) => child.await.unwrap_or(Exit::Internal),
        None => Exit::Ok,
    };
    Ok(exit(child, &ended))
}

/// How it ends: as the command after `--` did, when that failed.
fn exit(child: Exit, ended: &DispatchSummary) -> Exit {
    match child {
        Exit::Ok if !ended.met => Exit::Unmet,
        Exit::Ok if ended.interrupted > 0 => Exit::Interrupted,
        child => child,
    }
}

/// The URL of the listener, and that of its tunnel; a trigger's with its path.
fn urls(args: &ListenArgs, address: SocketAddr, trigger: Option<&Trigger>) -> (String, Option<String>) {
    let path = trigger.map_or("", |trigger| &trigger.inbound.path);
    let scheme = if args.tls { "https" } else { "http" };
    let public = args.public_url.as_ref();
    let public = public.map(|public| format!("{}{path}", public.trim_end_matches('/')));
    (format!("{scheme}://{}{path}", socket::shown(address)), public)
}

/// Shows and passes on what is heard until the server has ended and everything was told.
async fn drain(
    session: &Session,
    mut dispatcher: Dispatcher,
    mut heard: mpsc::Receiver<ListenerEvent>,
    serving: JoinHandle<server::Drained>,
    listener: Arc<Listener>,
) -> Result<DispatchSummary> {
    // The listener holds the sending half: the channel ends when the server has let go of it.
    drop(listener);
    while let Some(first) = heard.recv().await {
        let mut next = Some(first);
        while let Some(heard_one) = next {
            dispatcher.take(&session.ui, heard_one)?;
            next = heard.try_recv().ok();
        }
        session.ui.flush()?;
    }
    let _ = serving.await;
    dispatcher.finish(session).await
}

fn timer(lasts: Option<Duration>, stop: CancellationToken) -> JoinHandle<()> {
    tokio::spawn(async move {
        match lasts {
            Some(lasts) => {
                tokio::time::sleep(lasts).await;
                stop.cancel();
            }
            None => std::future::pending().await,
        }
    })
}

fn announce(session: &Session, args: &ListenArgs, ready: &Ready<'_>) -> Result<()> {
    let ui = &session.ui;
    let Ready {
        url,
        public_url,
        ca_file,
        ..
    } = *ready;
    ui.json(&ReadyLine {
        public_url,
        ca_file,
        ..ReadyLine::at(url)
    })?;
    ui.flush()?;
    socket::tell_file(args.ready_file.as_deref(), url)?;
    // The path of a trigger is told here, and nowhere else.
    ui.hand_over(&format!("listening on {}, {}", ui.err.strong(url), ready.takes));
    if let Some(public) = public_url {
        ui.hand_over(&format!("reachable as {}", ui.err.strong(public)));
    }
    if let Some(ca_file) = ca_file {
        ui.note(&format!("certificate: {ca_file} (`hook send --cacert {ca_file} ...`)"));
    }
    Ok(())
}
