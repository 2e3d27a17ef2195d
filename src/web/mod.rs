//! The browser page of the inspector: an HTTP server on loopback, its API and its embedded files.

mod api;
mod assets;
mod hub;
mod live;
mod reply;
mod session;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::app::context::Context;
use crate::app::socket;
use crate::error::Result;
use crate::exit::Exit;
use crate::server::{self, Handler, Incoming, Reply, ServerLimits};
use crate::shutdown::Shutdown;
use api::Api;
pub use live::{LiveListener, LiveObserver};
use session::Session;

/// The port, unless another one is given.
pub const PORT: u16 = 4402;

/// Ports that are tried one after the other when one is taken.
const PORTS: u16 = 50;

/// Bytes of a request's body: an edited request.
const LARGEST_REQUEST: usize = 4 * 1024 * 1024;

/// Connections at the same time: a browser makes at most six to one host.
const CONNECTIONS: usize = 64;

/// How long a request in progress may take after the first signal.
const DRAIN: Duration = Duration::from_millis(500);

/// What the page shows and may do.
#[derive(Debug, Clone, Default)]
pub struct WebOptions {
    /// The port; the next free one is taken when it is in use, and any for 0. Absent: [`PORT`].
    pub port: Option<u16>,
    /// References of secrets for records that were signed with a secret of a command line.
    pub secrets: Vec<String>,
    /// The listener of this process.
    pub live: Option<Arc<LiveListener>>,
}

/// A page that is served.
#[derive(Debug)]
pub struct WebPage {
    /// With the token that lets a browser in.
    pub url: String,
    serving: JoinHandle<usize>,
}

impl WebPage {
    /// Waits until it has ended.
    pub async fn ended(self) {
        // A panic of the server ends the page and nothing else.
        let _ = self.serving.await;
    }
}

/// Serves the page until the shutdown.
pub async fn serve(context: &Context, options: WebOptions, shutdown: &Shutdown) -> Result<WebPage> {
    let (listener, address) = bind(options.port.unwrap_or(PORT)).await?;
    let session = Session::open(&context.paths, address)?;
    let url = session.url();
    let handler = Arc::new(WebHandler {
        api: Api::new(context, options, session, shutdown.clone()),
    });
    let limits = ServerLimits {
        body: LARGEST_REQUEST,
        memory: 16 * 1024 * 1024,
        connections: CONNECTIONS,
        drain: DRAIN,
        ..ServerLimits::default()
    };
    let (stop, cut) = (shutdown.soft.clone(), shutdown.within(DRAIN));
    let serving = tokio::spawn(async move { server::serve(listener, None, limits, handler, stop, cut).await });
    Ok(WebPage { url, serving })
}

/// Binds the port on loopback, or the next one that is free.
async fn bind(port: u16) -> Result<(TcpListener, SocketAddr)> {
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let mut tried = port;
    loop {
        match socket::bind(loopback, tried).await {
            Err(error) if port != 0 && error.exit == Exit::Usage && tried < port.saturating_add(PORTS) => {
                tried = tried.saturating_add(1);
            }
            bound => return bound,
        }
    }
}

struct WebHandler {
    api: Api,
}

impl Handler for WebHandler {
    async fn handle(&self, incoming: Incoming) -> Reply {
        reply::secured(self.api.handle(incoming).await)
    }

    fn stream(&self, reply: &Reply) -> Option<mpsc::Receiver<Bytes>> {
        self.api.stream(reply)
    }
}
