//! The socket of a server: its address, and how that is shown.

use std::net::{IpAddr, SocketAddr};

use serde::Serialize;
use tokio::net::TcpListener;

use crate::error::{Error, Result};

/// Where a server takes requests: `hook.ready/1`.
#[derive(Debug, Default, Serialize)]
pub struct Ready {
    /// The URL on this machine.
    pub url: String,
    /// The URL under which a tunnel makes it reachable.
    pub public_url: Option<String>,
    /// The certificate that callers must trust.
    pub ca_file: Option<String>,
    /// What requests it accepts, as a clause.
    #[serde(skip)]
    pub takes: String,
}

/// Refuses an address that other machines can reach, unless `expose` allows it.
pub fn check(bind: IpAddr, expose: bool) -> Result<()> {
    if bind.is_loopback() || expose {
        return Ok(());
    }
    Err(Error::usage(format!("`{bind}` can be reached by other machines")).hint("add `--expose` if that is wanted"))
}

/// Binds the port.
pub async fn bind(bind: IpAddr, port: u16) -> Result<(TcpListener, SocketAddr)> {
    let socket = TcpListener::bind((bind, port)).await.map_err(|error| {
        let base = Error::usage(format!("cannot listen on `{bind}:{port}`")).cause(&error);
        match error.kind() {
            std::io::ErrorKind::AddrInUse => base.hint("another program uses that port; `--port 0` picks a free one"),
            _ => base,
        }
    })?;
    let address = socket.local_addr();
    let address = address.map_err(|error| Error::internal("the address is unknown").cause(error))?;
    Ok((socket, address))
}

/// The address as part of a URL.
pub fn shown(address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        let host = if address.is_ipv4() { "127.0.0.1" } else { "[::1]" };
        return format!("{host}:{}", address.port());
    }
    address.to_string()
}
