//! The request beside its body, and its dry run.

use std::sync::Arc;
use std::time::Duration;

use crate::app::context::Context;
use crate::app::sign::unsignable;
use crate::engine::Delivery;
use crate::error::{Error, Result};
use crate::exchange::Request;
use crate::headers::Headers;
use crate::provider::Profile;
use crate::secret::SecretRef;
use crate::transport::{HttpOptions, HttpTransport};

/// The request beside its body.
#[derive(Clone, Default)]
pub struct RequestOptions {
    /// The method instead of the provider's.
    pub method: Option<String>,
    /// Headers to add or to replace.
    pub headers: Headers,
    /// Reference of a bearer token.
    pub bearer: Option<String>,
    /// The time limit of an attempt instead of the provider's.
    pub timeout: Option<Duration>,
    /// How the target is reached.
    pub transport: HttpOptions,
}

/// A request that is shown instead of being sent.
#[derive(Debug)]
pub struct Rehearsal {
    /// As it would go out.
    pub request: Request,
    /// Names of headers whose value is the secret itself.
    pub secret_headers: Vec<String>,
}

impl RequestOptions {
    /// The caller's headers, with the bearer token.
    pub fn headers(&self, context: &Context) -> Result<Headers> {
        let mut headers = self.headers.clone();
        if let Some(reference) = &self.bearer {
            let token = context.secret(reference)?;
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
    pub fn method(&self, profile: &Profile) -> String {
        self.method.as_ref().unwrap_or(&profile.delivery.method).clone()
    }

    /// The transport.
    pub fn transport(&self) -> Result<Arc<HttpTransport>> {
        Ok(Arc::new(HttpTransport::new(self.transport.clone())?))
    }

    /// The request of an attempt that begins now as it would go over the wire, with what the transport adds.
    pub fn rehearse(&self, context: &Context, delivery: &Delivery) -> Result<Rehearsal> {
        let mut rehearsal = Rehearsal::new(context, delivery)?;
        let request = &mut rehearsal.request;
        request.headers = self.transport()?.wire_headers(request).map_err(Error::usage)?;
        Ok(rehearsal)
    }
}

impl Rehearsal {
    /// The request of an attempt that begins now, without what a transport adds.
    pub fn new(context: &Context, delivery: &Delivery) -> Result<Self> {
        let label = &delivery.label;
        let provider = label.provider.as_deref();
        let profile = provider.and_then(|label| context.registry.get(label).ok());
        let request = delivery.request(context.now(), delivery.progress);
        let request = request.map_err(|error| match &profile {
            Some(profile) => unsignable(context, profile, error),
            None => error.into(),
        })?;
        let token = profile.and_then(|profile| profile.scheme.token_header().map(str::to_owned));
        let own = label.execution.as_ref().and_then(|of| of.secret_header.clone());
        Ok(Self {
            request,
            secret_headers: token.into_iter().chain(own).collect(),
        })
    }
}
