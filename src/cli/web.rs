//! `hook ui` and `hook listen --ui`: the inspector in a browser.

use std::sync::Arc;

use super::{browser, complete, runtime};
use crate::app::receive::{self, ListenOptions, ListenSummary, Observer};
use crate::app::socket::Ready;
use crate::cli::session::Session;
use crate::cli::ui::Output;
use crate::error::Result;
use crate::exit::Exit;
use crate::shutdown::Shutdown;
use crate::web::{self, LiveListener, LiveObserver, PORT, WebOptions};

/// Open the inspector: a browser page over the ledger, live and offline
///
/// The first line of the output is the URL; the token in it lets a browser in. Only this machine can reach the page.
#[derive(Debug, clap::Args)]
pub(super) struct UiArgs {
    /// Port of the page; when it is taken the next free one, and for 0 any
    #[arg(long, value_name = "PORT", default_value_t = PORT)]
    port: u16,
    /// Open the page in the browser
    #[arg(long)]
    open: bool,
    /// Show the inspector on this terminal instead
    #[arg(long, conflicts_with_all = ["port", "open"])]
    tui: bool,
    /// The secret for records that were signed with a secret of a command line, by reference (can be repeated)
    #[arg(short, long = "secret", value_name = "[NAME=]REF", add = complete::secrets())]
    secrets: Vec<String>,
}

pub(super) fn run(session: &Session, args: &UiArgs) -> Result<Exit> {
    if args.tui {
        return super::tui::run(session, &args.secrets);
    }
    let options = WebOptions {
        port: Some(args.port),
        secrets: args.secrets.clone(),
        live: None,
    };
    serve(session, options, args.open)
}

/// Serves the page until Ctrl-C. Its URL is the first line of stdout.
pub(super) fn serve(session: &Session, options: WebOptions, open: bool) -> Result<Exit> {
    runtime()?.block_on(async {
        let shutdown = Shutdown::install()?;
        session.context.refuse_newer()?;
        let page = web::serve(&session.context, options, &shutdown).await?;
        let ui = &session.ui;
        match ui.output {
            // Masked, the URL would be of no use.
            Output::Human | Output::Quiet => ui.raw(format!("{}\n", page.url).as_bytes())?,
            Output::Json => ui.show_now(&Ready {
                url: page.url.clone(),
                ..Ready::default()
            })?,
        }
        ui.flush()?;
        if let Err(error) = session.context.reader()
            && error.exit == Exit::Store
        {
            ui.warn(&error.to_string());
        }
        ui.aside("Ctrl-C ends it");
        if open {
            open_page(session, &page.url);
        }
        page.ended().await;
        Ok(Exit::Ok)
    })
}

/// Listens, with the page beside it.
pub(super) fn listen(
    session: &Session,
    options: ListenOptions,
    observer: Arc<dyn Observer>,
    port: u16,
) -> Result<ListenSummary> {
    runtime()?.block_on(async {
        let shutdown = Shutdown::install()?;
        let live = LiveListener::of(&options, &session.context.settings);
        let page = WebOptions {
            port: Some(port),
            secrets: options.secrets.clone(),
            live: Some(Arc::clone(&live)),
        };
        // The page ends with the listener, whatever ends that.
        let own = Shutdown {
            soft: shutdown.soft.child_token(),
            hard: shutdown.hard.child_token(),
        };
        let page = web::serve(&session.context, page, &own).await?;
        session.ui.note_unmasked(&format!("inspector: {}", page.url));
        let observer = Arc::new(LiveObserver { live, inner: observer });
        let summary = receive::listen(&session.context, options, observer, shutdown).await;
        own.soft.cancel();
        page.ended().await;
        summary
    })
}

/// Starts the browser. That there is none is no failure: the URL is on the screen.
fn open_page(session: &Session, url: &str) {
    if let Err(text) = browser::start(url) {
        session.ui.note(&text);
    }
}
