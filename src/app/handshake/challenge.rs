//! `send --handshake`: sends a provider's challenges to a receiver, and checks the answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use url::Url;

use super::{HandshakeResult, message};
use crate::app::context::{Context, Purpose};
use crate::app::outgoing::TargetChoice;
use crate::clock::human_duration;
use crate::error::{Error, Result};
use crate::exchange::{ErrorKind, Outcome, Request};
use crate::exit::Exit;
use crate::headers::Headers;
use crate::mask;
use crate::provider::handshake::{ChallengeRequest, Handshake};
use crate::provider::{Profile, RequestTarget};
use crate::secret::Secret;
use crate::signature::{Scheme, Signer};
use crate::target::parse_url;
use crate::transport::Transport;

/// How long an answer may take where the provider does not say.
const LIMIT: Duration = Duration::from_secs(10);

/// The expected answer to a wrong signature.
const UNAUTHORISED: u16 = 401;

/// Options of the challenges.
#[derive(Debug, Clone)]
pub struct HandshakeOptions {
    /// The provider; that of the endpoint or the settings when absent.
    pub provider: Option<String>,
    /// The receiver: a URL or one endpoint.
    pub target: TargetChoice,
    /// References of the secrets to sign with.
    pub secrets: Vec<String>,
    /// Reference of the verify token that the receiver expects.
    pub verify_token: Option<String>,
    /// Headers besides the provider's.
    pub headers: Headers,
    /// Time limit of an answer, instead of the provider's.
    pub timeout: Option<Duration>,
}

/// What the challenges of one run have in common.
pub struct HandshakeRun<'a> {
    context: &'a Context,
    profile: Arc<Profile>,
    endpoint: Option<String>,
    url: Url,
    secret: Option<Secret>,
    signer: Option<Signer>,
    verify: String,
    headers: Headers,
    timeout: Option<Duration>,
}

impl<'a> HandshakeRun<'a> {
    /// Resolves the provider, the secrets and the verify token.
    pub fn new(context: &'a Context, options: HandshakeOptions) -> Result<Self> {
        let (url, endpoint) = match options.target {
            TargetChoice::Url(url) => (url, None),
            TargetChoice::Endpoint(endpoint) => (parse_url(&endpoint.url)?, Some(endpoint)),
            TargetChoice::Subscribed { .. } => return Err(Error::usage("--handshake takes a single target")),
        };
        let label = options
            .provider
            .or_else(|| endpoint.as_ref().map(|endpoint| endpoint.provider.clone()))
            .or_else(|| context.settings.provider.clone())
            .ok_or_else(|| Error::usage("no provider is given").hint("add `--provider NAME`"))?;
        let profile = context.registry.get(&label)?;
        if profile.handshakes.is_empty() {
            let what = format!("`{}` has no handshake in its provider file", profile.label());
            return Err(Error::usage(what).hint("`hook providers show NAME` describes a provider's handshakes"));
        }
        let signs = profile.handshakes.iter().any(|handshake| handshake.signed);
        let keys = if signs || profile.handshakes.iter().any(Handshake::needs_secret) {
            let own = match &endpoint {
                Some(endpoint) => context.endpoint_secrets(endpoint, &profile, Purpose::Sign)?,
                None => Vec::new(),
            };
            let secrets = context.secrets_for(&options.secrets, own, Purpose::Sign)?;
            secrets.for_profile(&profile, Purpose::Sign)?
        } else {
            Vec::new()
        };
        let signer = match &profile.scheme {
            Scheme::Unsigned => None,
            scheme if signs => Some(scheme.signer(&keys)?),
            _ => None,
        };
        let verify = match &options.verify_token {
            Some(reference) => String::from_utf8_lossy(context.secret(reference)?.expose()).into_owned(),
            None => context.random.text(b"0123456789abcdef", 16),
        };
        Ok(Self {
            secret: keys.into_iter().next(),
            signer,
            verify,
            headers: options.headers,
            timeout: options.timeout,
            endpoint: endpoint.map(|endpoint| endpoint.name),
            context,
            profile,
            url,
        })
    }

    /// Sends each challenge of the provider, and shows each result. The exit code says whether all of them passed.
    pub async fn ask_all(
        &self,
        transport: &impl Transport,
        mut show: impl FnMut(&HandshakeResult) -> Result<()>,
    ) -> Result<Exit> {
        let (mut exit, mut first) = (Exit::Ok, true);
        for handshake in &self.profile.handshakes {
            for wrongly_signed in [false, true] {
                if wrongly_signed && !handshake.probes_signature {
                    continue;
                }
                let (result, unreachable) = self.ask(transport, handshake, wrongly_signed).await?;
                show(&result)?;
                // Without a receiver, every other challenge would wait for its time limit.
                if unreachable && first {
                    return Ok(Exit::Unreachable);
                }
                first = false;
                if !result.confirmed {
                    // The others are still sent: one report shows everything that is to be fixed.
                    exit = Exit::Unmet;
                }
            }
        }
        Ok(exit)
    }

    fn request(&self, handshake: &Handshake, token: &str, wrongly_signed: bool) -> Result<Request> {
        let written = handshake.request.written(token, &self.verify);
        let body = written.body.as_ref();
        let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
        let mut url = self.url.clone();
        if !written.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&written.query);
        }
        let headers = self.request_headers(handshake, &written, &url, &body, wrongly_signed)?;
        Ok(Request {
            method: written.method,
            url,
            headers,
            body,
            timeout: self.timeout.or(handshake.within.map(|text| text.0)).unwrap_or(LIMIT),
        })
    }

    /// Signed like an event where the provider signs its challenge.
    fn request_headers(
        &self,
        handshake: &Handshake,
        written: &ChallengeRequest,
        url: &Url,
        body: &Bytes,
        wrongly_signed: bool,
    ) -> Result<Headers> {
        let now = self.context.now();
        let mut message = message(self.context, &self.profile, body.clone(), now);
        if wrongly_signed {
            // The signature of another body is well formed, so that only a receiver that checks it refuses it.
            message.body = [body.as_ref(), b" "].concat().into();
        }
        let mut headers = Headers::new();
        if handshake.signed {
            let target = RequestTarget {
                method: &written.method,
                url: url.as_str(),
                retries: 0,
                retry_reason: None,
            };
            headers = self.profile.request(&message, self.signer.as_ref(), now, target)?.0;
        } else if !body.is_empty() {
            headers.append("content-type", "application/json");
        }
        for (name, value) in &written.headers {
            headers.set(name, value.as_bytes());
        }
        for (name, value) in self.headers.iter() {
            headers.set(name, value);
        }
        Ok(headers)
    }

    /// The result, and whether the receiver could not be reached.
    async fn ask(
        &self,
        transport: &impl Transport,
        handshake: &Handshake,
        wrongly_signed: bool,
    ) -> Result<(HandshakeResult, bool)> {
        let token = handshake.token.fresh(&self.context.random);
        let request = self.request(handshake, &token, wrongly_signed)?;
        let begun = Instant::now();
        let outcome = transport.send(&request).await;
        let took = begun.elapsed();
        let status = outcome.status();
        let (why, unreachable) = match outcome {
            Outcome::Answer(answer) if wrongly_signed => {
                let status = answer.status;
                let what = format!("a wrong signature must be refused with {UNAUTHORISED}, it answered {status}");
                ((status != UNAUTHORISED).then_some(what), false)
            }
            Outcome::Answer(answer) => {
                let misses = handshake.misses(&answer, &token, &request.headers, self.secret.as_ref());
                (misses.unwrap_or_else(|why| Some(why.to_string())), false)
            }
            Outcome::Error {
                kind: ErrorKind::Timeout,
                ..
            } => {
                let limit = human_duration(request.timeout);
                (Some(format!("no answer came within {limit}")), false)
            }
            Outcome::Error { text, .. } => (Some(text), true),
        };
        let result = HandshakeResult {
            endpoint: self.endpoint.clone(),
            url: mask::url(self.url.as_str()),
            confirmed: why.is_none(),
            why,
            provider: self.profile.name.clone(),
            handshake: handshake.name.clone(),
            wrongly_signed,
            status,
            took: Some(took),
        };
        Ok((result, unreachable))
    }
}
