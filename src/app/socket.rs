//! The socket of a server: which address, and how it is written.

use std::net::{IpAddr, SocketAddr};

use serde::Serialize;
use tokio::net::TcpListener;

use crate::error::{Error, Result};

/// Where a server takes requests; what `hook.ready/1` says.
#[derive(Debug, Serialize)]
pub struct Ready {
    /// The URL on this machine.
    pub url: String,
    /// The URL under which a tunnel makes it reachable.
    pub public_url: Option<String>,
    /// The certificate that callers must trust.
    pub ca_file: Option<String>,
    /// What it takes, as a clause.
    #[serde(skip)]
    pub takes: String,
}

impl Ready {
    /// On this machine alone.
    pub fn at(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            public_url: None,
            ca_file: None,
            takes: String::new(),
        }
    }
}

/// Refuses an address that other machines can reach, unless that is wanted.
pub fn check(bind: IpAddr, expose: bool) -> Result<()> {
    if bind.is_loopback() || expose {
        return Ok(());
    }
    Err(Error::usage(format!("`{bind}` can be reached by other machines")).hint("add `--expose` if that is wanted"))
}

/// Takes the port.
pub async fn bind(bind: IpAddr, port: u16) -> Result<(TcpListener, SocketAddr)> {
    let socket = TcpListener::bind((bind, port)).await.map_err(|error| {
        let base = Error::usage(format!("cannot listen on `{bind}:{port}`")).cause(&error);
        match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                base.hint("another program has that port; `--port 0` takes any that is free")
            }
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
