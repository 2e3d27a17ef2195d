//! `send --handshake`: plays a provider that asks a receiver whether it is wanted there, and judges the answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use url::Url;

use super::{HandshakeResult, message};
use crate::app::context::{Context, Purpose};
use crate::clock::human_duration;
use crate::endpoints::Endpoint;
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

/// What must be answered to a signature that is wrong.
const UNAUTHORISED: u16 = 401;

/// Who is asked.
#[derive(Debug, Clone)]
pub enum HandshakeTarget {
    /// Whoever is there.
    Url(Url),
    /// An endpoint, with its provider and its secrets.
    Endpoint(Box<Endpoint>),
}

/// What the caller wants of the questions.
#[derive(Debug, Clone)]
pub struct HandshakeOptions {
    /// The provider that asks; that of the endpoint or the settings when absent.
    pub provider: Option<String>,
    /// Who is asked.
    pub target: HandshakeTarget,
    /// References of the secrets to sign with.
    pub secrets: Vec<String>,
    /// Reference of the token that the receiver expects the provider to say.
    pub verify_token: Option<String>,
    /// Headers besides the provider's.
    pub headers: Headers,
    /// How long an answer may take, instead of the provider's limit.
    pub timeout: Option<Duration>,
}

/// Everything that the questions of one run have in common.
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

/// One question, and what it is to be answered.
struct HandshakeRequest<'a> {
    handshake: &'a Handshake,
    wrongly_signed: bool,
    token: String,
    request: Request,
}

impl<'a> HandshakeRun<'a> {
    /// Finds out who asks, with which secret.
    pub fn new(context: &'a Context, options: HandshakeOptions) -> Result<Self> {
        let (url, endpoint) = match options.target {
            HandshakeTarget::Url(url) => (url, None),
            HandshakeTarget::Endpoint(endpoint) => (parse_url(&endpoint.url)?, Some(endpoint)),
        };
        let label = options
            .provider
            .or_else(|| endpoint.as_ref().map(|endpoint| endpoint.provider.clone()))
            .or_else(|| context.settings.provider.clone())
            .ok_or_else(|| Error::usage("no provider is given").hint("name who asks: `--provider NAME`"))?;
        let profile = context.registry.get(&label)?;
        if profile.handshakes.is_empty() {
            let label = profile.label();
            let what = format!("how `{label}` asks a receiver is not known, or it asks nothing");
            return Err(Error::usage(what).hint("`hook providers show NAME` says what a provider asks"));
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

    /// Asks in every way that the provider does, and shows each result. The code says whether all of them are as they must be.
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
                let (result, unreachable) = self.ask(transport, &self.challenge(handshake, wrongly_signed)?).await;
                show(&result)?;
                if unreachable && first {
                    return Ok(Exit::Unreachable);
                }
                first = false;
                if !result.confirmed {
                    exit = Exit::Unmet;
                }
            }
        }
        Ok(exit)
    }

    fn challenge<'h>(&self, handshake: &'h Handshake, wrongly_signed: bool) -> Result<HandshakeRequest<'h>> {
        let token = handshake.token.fresh(&self.context.random);
        let written = handshake.request.written(&token, &self.verify);
        let body = written
            .body
            .as_ref()
            .map_or_else(Bytes::new, |body| body.to_string().into());
        let mut url = self.url.clone();
        if !written.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&written.query);
        }
        let headers = self.request_headers(handshake, &written, &url, &body, wrongly_signed)?;
        Ok(HandshakeRequest {
            handshake,
            wrongly_signed,
            token,
            request: Request {
                method: written.method,
                url,
                headers,
                body,
                timeout: self.timeout.or(handshake.within.map(|text| text.0)).unwrap_or(LIMIT),
            },
        })
    }

    /// Signed like an event where the provider signs its question.
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
        let mut headers = if handshake.signed {
            let target = RequestTarget {
                method: &written.method,
                url: url.as_str(),
                retries: 0,
            };
            self.profile.request(&message, self.signer.as_ref(), now, target)?.0
        } else {
            let mut headers = Headers::new();
            if !body.is_empty() {
                headers.append("content-type", "application/json");
            }
            headers
        };
        let own = written
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()));
        for (name, value) in own.chain(self.headers.iter()) {
            headers.set(name, value);
        }
        Ok(headers)
    }

    /// What came of it, and whether nobody was there.
    async fn ask(&self, transport: &impl Transport, challenge: &HandshakeRequest<'_>) -> (HandshakeResult, bool) {
        let begun = Instant::now();
        let outcome = transport.send(&challenge.request).await;
        let took = begun.elapsed();
        let status = outcome.status();
        let (why, unreachable) = match outcome {
            Outcome::Answer(answer) if challenge.wrongly_signed => {
                let status = answer.status;
                let what = format!("a wrong signature must be refused with {UNAUTHORISED}, it answered {status}");
                ((status != UNAUTHORISED).then_some(what), false)
            }
            Outcome::Answer(answer) => {
                let headers = &challenge.request.headers;
                let misses = challenge
                    .handshake
                    .misses(&answer, &challenge.token, headers, self.secret.as_ref());
                (misses.unwrap_or_else(|why| Some(why.to_string())), false)
            }
            Outcome::Error {
                kind: ErrorKind::Timeout,
                ..
            } => {
                let limit = human_duration(challenge.request.timeout);
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
            handshake: challenge.handshake.name.clone(),
            wrongly_signed: challenge.wrongly_signed,
            status,
            took: Some(took),
        };
        (result, unreachable)
    }
}
