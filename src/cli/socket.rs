//! The socket of `listen` and `serve`: which address, and how it is written.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use serde::Serialize;
use tokio::net::TcpListener;

use crate::error::{Error, Result};

/// `{"schema":"hook.ready/1"}`: the first line of JSON.
#[derive(Serialize)]
pub(super) struct ReadyLine<'a> {
    pub(super) schema: &'static str,
    pub(super) url: &'a str,
    pub(super) public_url: Option<&'a str>,
    pub(super) ca_file: Option<&'a str>,
}

impl<'a> ReadyLine<'a> {
    /// With the URL alone.
    pub(super) fn at(url: &'a str) -> Self {
        Self {
            schema: "hook.ready/1",
            url,
            public_url: None,
            ca_file: None,
        }
    }
}

/// Refuses an address that other machines can reach, unless that is wanted.
pub(super) fn check(bind: IpAddr, expose: bool) -> Result<()> {
    if bind.is_loopback() || expose {
        return Ok(());
    }
    Err(Error::usage(format!("`{bind}` can be reached by other machines")).hint("add `--expose` if that is wanted"))
}

/// Takes the port.
pub(super) async fn bind(bind: IpAddr, port: u16) -> Result<(TcpListener, SocketAddr)> {
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

/// Writes the URL to the file of `--ready-file`, when there is one.
pub(super) fn tell_file(file: Option<&Path>, url: &str) -> Result<()> {
    let Some(file) = file else { return Ok(()) };
    crate::fs::whole_file(file, format!("{url}\n").as_bytes()).map_err(|error| {
        Error::usage(format!("`--ready-file {}` cannot be written", file.display()))
            .cause(error)
            .hint("name a file in a folder that is there")
    })
}

/// The address as part of a URL.
pub(super) fn shown(address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        let host = if address.is_ipv4() { "127.0.0.1" } else { "[::1]" };
        return format!("{host}:{}", address.port());
    }
    address.to_string()
}
