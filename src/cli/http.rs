//! Flags about the request itself, shared by `send` and `replay`.

use std::path::PathBuf;

use clap::Args;

use crate::app::outgoing::{Rehearsal, RequestOptions};
use crate::cli::session::Session;
use crate::cli::ui::Output;
use crate::error::{Error, Result};
use crate::headers::{Headers, check_line, parse_line};
use crate::transport::HttpOptions;
use crate::view::request;

#[derive(Debug, Clone, Args)]
pub(super) struct HttpArgs {
    /// Request method instead of the provider's
    #[arg(long, value_name = "METHOD", value_parser = ["POST", "GET", "PUT", "DELETE"], ignore_case = true, help_heading = "Request")]
    method: Option<String>,
    /// Header to add or to replace: `Name: value` (can be repeated)
    #[arg(short = 'H', long = "header", value_name = "LINE", help_heading = "Request")]
    headers: Vec<String>,
    /// Bearer token, by reference: `env:VAR`, `file:PATH`
    #[arg(long, value_name = "REF", add = super::complete::references(), help_heading = "Request")]
    pub(super) bearer: Option<String>,
    /// Time limit of an attempt instead of the provider's
    #[arg(long, value_name = "DURATION", value_parser = crate::clock::parse_duration, help_heading = "Request")]
    timeout: Option<std::time::Duration>,
    /// Do not check the target's certificate
    #[arg(long, help_heading = "Request")]
    insecure: bool,
    /// Also trust this certificate (PEM)
    #[arg(long, value_name = "FILE", help_heading = "Request")]
    cacert: Option<PathBuf>,
    /// Proxy for this request; targets that are not loopback use the environment's by default
    #[arg(long, value_name = "URL", help_heading = "Request")]
    proxy: Option<String>,
}

impl HttpArgs {
    /// What they say about the request.
    pub(super) fn options(&self) -> Result<RequestOptions> {
        let mut headers = Headers::new();
        for line in &self.headers {
            let (name, value) = parse_line(line).map_err(|what| Error::usage(what).hint("write `-H 'Name: value'`"))?;
            check_line(name, value).map_err(Error::usage)?;
            headers.append(name, value);
        }
        Ok(RequestOptions {
            method: self.method.as_ref().map(|method| method.to_ascii_uppercase()),
            headers,
            bearer: self.bearer.clone(),
            timeout: self.timeout,
            transport: HttpOptions {
                insecure: self.insecure,
                ca_file: self.cacert.clone(),
                proxy: self.proxy.clone(),
                proxy_from_env: true,
                ..HttpOptions::default()
            },
        })
    }
}

/// Prints a request that is not sent.
pub(super) fn show_rehearsal(session: &Session, rehearsal: &Rehearsal, reveal: bool) -> Result<()> {
    let (request, masked) = (&rehearsal.request, &rehearsal.secret_headers);
    if session.ui.output == Output::Json {
        return session.ui.json(&request::json(request, reveal, masked));
    }
    session.ui.raw(&request::wire(request, reveal, masked))
}
