//! What happens to what was heard: the screen, the app that is asked for an answer, the explanation of a refusal.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::args::ListenArgs;
use super::inbound::Trigger;
use super::show::Screen;
use super::subscription_confirm::SubscriptionConfirmer;
use crate::app::receive::diagnosis::{Explained, Refused};
use crate::app::receive::{Ask, WorkSummary, Workers};
use crate::cli::session::Session;
use crate::cli::ui::Ui;
use crate::error::Result;
use crate::listener::{AskApp, ListenerEvent, Request, Router, Withheld};

/// Passes on what was heard.
pub(super) struct Dispatcher {
    screen: Screen,
    router: Arc<Router>,
    /// Absent: nothing is passed on.
    workers: Option<Workers>,
    /// Where refused requests are explained.
    refused: mpsc::Sender<Refused>,
    count: Option<u64>,
    ends: DispatchEnds,
    trigger: Option<Trigger>,
    greeter: SubscriptionConfirmer,
}

/// How a listener ends.
#[derive(Clone)]
pub(super) struct DispatchEnds {
    /// No more requests are taken.
    pub(super) stop: CancellationToken,
    /// Forwards and commands have had their time.
    pub(super) late: CancellationToken,
}

/// What a listener's run came to.
pub(super) struct DispatchSummary {
    /// Whether as many requests came as were to come.
    pub(super) met: bool,
    /// Forwards and commands that are left to do.
    pub(super) interrupted: u64,
}

impl Dispatcher {
    pub(super) fn new(
        session: &Session,
        args: &ListenArgs,
        ends: DispatchEnds,
        router: Arc<Router>,
        workers: Option<Workers>,
        refused: mpsc::Sender<Refused>,
    ) -> Result<Self> {
        Ok(Self {
            screen: Screen::new(Arc::clone(&session.ui), args.reveal),
            router,
            workers,
            refused,
            count: args.count,
            ends,
            trigger: None,
            greeter: SubscriptionConfirmer::new(session, args.confirm_sns)?,
        })
    }

    /// With the inbound trigger that it works for.
    pub(super) fn with(self, trigger: Option<Trigger>) -> Self {
        Self { trigger, ..self }
    }

    /// One thing that was heard.
    pub(super) fn take(&mut self, ui: &Ui, heard: ListenerEvent) -> Result<()> {
        let ListenerEvent::Request(mut request) = heard else {
            self.screen.trouble(&heard);
            return Ok(());
        };
        let hidden = request.handshake.is_none() && self.router.hides(&request.judged);
        self.screen.request(&request, hidden)?;
        if let (Some(trigger), Some(received)) = (&mut self.trigger, &request.received) {
            trigger.take(request.number, received, hidden)?;
        }
        if let Some(shaken) = &request.handshake {
            self.greeter.take(request.number, shaken);
            return Ok(());
        }
        let number = request.number;
        match request.withheld {
            Some(Withheld::WebPage) => ui.warn(&format!(
                "#{number} came from a web page and is not verified: not passed on"
            )),
            Some(Withheld::Commands) => ui.warn(&format!(
                "#{number} has neither a signature nor a token: no command is run; `--unverified` runs them for anybody"
            )),
            None => {}
        }
        if let Some(ask) = request.ask.take() {
            self.ask(request.number, ask);
        }
        if !hidden {
            self.explain(*request);
        }
        if self.count.is_some_and(|count| self.screen.received >= count) {
            self.ends.stop.cancel();
        }
        Ok(())
    }

    /// Asks the app for the answer. Whoever waits for an app that takes no more waits beside this.
    fn ask(&self, capture: u64, ask: AskApp) {
        let Some(app) = self.workers.as_ref().and_then(|workers| workers.app(ask.lane.id)) else {
            return;
        };
        let ask = Ask {
            capture,
            reply: ask.reply,
        };
        if let Err(mpsc::error::TrySendError::Full(ask)) = app.try_send(ask) {
            tokio::spawn(async move {
                let _ = app.send(ask).await;
            });
        }
    }

    fn explain(&self, request: Request) {
        if let Some(whole) = request.whole.filter(|_| request.judged.verdict.is_refused()) {
            // When too many wait, this one goes without.
            let _ = self.refused.try_send(Refused {
                number: request.number,
                judged: request.judged,
                whole,
            });
        }
    }

    /// Lets forwards and commands end, and says what there was.
    pub(super) async fn finish(mut self, session: &Session) -> Result<DispatchSummary> {
        let (work, ended) = match self.workers {
            Some(workers) => workers.finish().await,
            None => (WorkSummary::default(), Ok(())),
        };
        self.greeter.finish(&self.ends.late).await;
        if let Some(trigger) = self.trigger {
            trigger.finish().await;
        }
        self.screen.summary(&work);
        let ui = &session.ui;
        if work.commands_failed > 0 {
            ui.warn(&format!(
                "{} failed",
                crate::view::count(work.commands_failed, "command")
            ));
            ui.hint("`hook log --failed-processing` lists them, `hook replay --failed --exec CMD` runs one again");
        }
        let met = self.count.is_none_or(|count| self.screen.received >= count);
        if !met {
            ui.warn(&format!(
                "{} of {} requests came",
                self.screen.received,
                self.count.unwrap_or_default()
            ));
        }
        if work.interrupted > 0 {
            ui.hint("`hook replay --resume` takes up what was interrupted");
        }
        ended.map(|()| DispatchSummary {
            met,
            interrupted: work.interrupted,
        })
    }
}

/// Says why requests were refused.
pub(super) fn say(ui: &Ui, explained: Explained) {
    match explained {
        Explained::Found { text, hint } => {
            if let Some(text) = text {
                ui.note(&format!("      {text}"));
            }
            if let Some(hint) = hint {
                ui.hint(&hint);
            }
        }
        Explained::NotKept(error) => ui.warn(&format!("why requests are refused is not recorded: {error}")),
        Explained::KeptAgain => ui.note("why requests are refused is recorded again"),
    }
}
