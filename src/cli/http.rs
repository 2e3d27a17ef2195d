//! Flags about the request itself, shared by `send` and `replay`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use crate::cli::session::Session;
use crate::cli::ui::Output;
use crate::engine::Delivery;
use crate::error::{Error, Result};
use crate::headers::{Headers, check_line};
use crate::mask::MASK;
use crate::provider::Profile;
use crate::provider::policy::Policy;
use crate::secret::SecretRef;
use crate::transport::{HttpOptions, HttpTransport};
use crate::view::request::{RequestLine, wire};

#[derive(Debug, Clone, Args)]
pub(super) struct HttpArgs {
    /// Request method instead of the provider's
    #[arg(long, value_name = "METHOD", ignore_case = true, help_heading = "Request")]
    pub(super) method: Option<Method>,
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
    /// Trust this certificate too (PEM)
    #[arg(long, value_name = "FILE", help_heading = "Request")]
    cacert: Option<PathBuf>,
    /// Proxy for this request; the environment's is used for targets that are not loopback
    #[arg(long, value_name = "URL", help_heading = "Request")]
    proxy: Option<String>,
    /// Headers of a workflow, which those of the flags replace.
    #[arg(skip)]
    pub(super) base: Headers,
}

/// Headers whose value is the secret itself.
pub(super) fn token_headers(session: &Session, delivery: &Delivery) -> Vec<String> {
    let label = delivery.label.provider.as_deref();
    let profile = label.and_then(|label| session.registry.get(label).ok());
    let header = profile.and_then(|profile| profile.scheme.token_header().map(str::to_owned));
    let own = delivery.label.execution.as_ref();
    header
        .into_iter()
        .chain(own.and_then(|of| of.secret_header.clone()))
        .collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub(super) enum Method {
    Post,
    Get,
    Put,
    Delete,
}

impl Method {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Get => "GET",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// A header that lacks its colon, without what may be a credential.
fn no_header(line: &str) -> Error {
    let shown = match line.split_once(char::is_whitespace) {
        Some((name, _)) if Headers::is_credential(name) => format!("{name} {MASK}"),
        _ => line.to_owned(),
    };
    Error::usage(format!("`{shown}` is not a header")).hint("write `-H 'Name: value'`")
}

impl HttpArgs {
    /// The user's headers.
    pub(super) fn header_lines(&self, session: &Session) -> Result<Headers> {
        let mut headers = self.base.clone();
        let mut own = Headers::new();
        for line in &self.headers {
            let (name, value) = line.split_once(':').ok_or_else(|| no_header(line))?;
            let value = value.trim();
            check_line(name, value).map_err(Error::usage)?;
            own.append(name, value);
        }
        own.iter().for_each(|(name, _)| headers.remove(name));
        own.iter().for_each(|(name, value)| headers.append(name, value));
        if let Some(reference) = &self.bearer {
            let token = session.secret(reference)?;
            let value = [b"Bearer ".as_slice(), token.expose()].concat();
            if value.iter().any(|byte| *byte < 0x20 || *byte == 0x7f) {
                return Err(Error::usage(format!(
                    "the bearer token from `{}` holds a control character",
                    SecretRef::parse(reference)
                )));
            }
            headers.set("authorization", value);
        }
        Ok(headers)
    }

    /// The method to use.
    pub(super) fn method(&self, profile: Option<&Profile>) -> String {
        match self.method {
            Some(method) => method.name().to_owned(),
            None => profile.map_or_else(|| "POST".to_owned(), |profile| profile.method.clone()),
        }
    }

    /// The user's time limit.
    pub(super) fn timeout(&self) -> Option<std::time::Duration> {
        self.timeout
    }

    /// The policy with the user's time limit.
    pub(super) fn limit(&self, mut policy: Policy) -> Policy {
        if let Some(timeout) = self.timeout {
            policy.timeout = timeout;
        }
        policy
    }

    /// Prints the request of an attempt that begins now as it would go over the wire, with what the transport adds.
    pub(super) fn rehearse(&self, session: &Session, delivery: &Delivery, reveal: bool) -> Result<()> {
        let masked = &token_headers(session, delivery);
        let mut request = delivery.request(session.now(), delivery.progress.attempts)?;
        request.headers = self.transport()?.wire_headers(&request).map_err(Error::usage)?;
        if session.ui.output == Output::Json {
            return session.ui.json(&RequestLine::new(&request, reveal, masked));
        }
        session.ui.raw(&wire(&request, reveal, masked))
    }

    /// The transport.
    pub(super) fn transport(&self) -> Result<Arc<HttpTransport>> {
        HttpTransport::new(self.options())
            .map(Arc::new)
            .map_err(|error| Error::usage(error.to_string()).because_of(&error))
    }

    fn options(&self) -> HttpOptions {
        HttpOptions {
            insecure: self.insecure,
            ca_file: self.cacert.clone(),
            proxy: self.proxy.clone(),
            proxy_from_env: true,
            ..HttpOptions::default()
        }
    }
}
