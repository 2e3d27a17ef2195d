//! `hook send --handshake`: plays a provider that asks whether it is wanted, and judges the answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Args;
use url::Url;

use super::handshake::HandshakeLine;
use super::send;
use super::targets::TargetChoice;
use crate::app::context::Purpose;
use crate::cli::session::Session;
use crate::clock::human_duration;
use crate::error::{Error, Result};
use crate::exchange::{ErrorKind, Outcome, Request};
use crate::exit::Exit;
use crate::headers::Headers;
use crate::mask;
use crate::provider::handshake::{Handshake, Written};
use crate::provider::{Profile, Target};
use crate::secret::Secret;
use crate::signature::{Scheme, Signer};
use crate::text::printable;
use crate::transport::{HttpTransport, Transport as _};
use crate::view::{millis, short_time};

/// How long an answer may take where the provider does not say.
const LIMIT: Duration = Duration::from_secs(10);

/// What must be answered to a signature that is wrong.
const UNAUTHORISED: u16 = 401;

/// Flags of `hook send --handshake`.
#[derive(Debug, Clone, Args)]
pub(super) struct ChallengeArgs {
    /// Ask the receiver whether it is wanted there, as the provider does, and judge the answer
    #[arg(long, conflicts_with_all = ["event", "subscribed", "workflow", "count", "dry_run", "curl", "data", "retry"], help_heading = "Handshake")]
    pub(super) handshake: bool,
    /// What the provider was told to say when it asks, by reference: `hub.verify_token`
    #[arg(long, value_name = "REF", add = super::complete::references(), requires = "handshake", help_heading = "Handshake")]
    handshake_token: Option<String>,
}

/// Everything that the questions of one run have in common.
struct Challenger<'a> {
    session: &'a Session,
    profile: Arc<Profile>,
    endpoint: Option<String>,
    url: Url,
    secret: Option<Secret>,
    signer: Option<Signer>,
    verify: String,
    headers: Headers,
    timeout: Option<Duration>,
    transport: Arc<HttpTransport>,
}

/// One question, and what it is to be answered.
struct Question<'a> {
    handshake: &'a Handshake,
    wrongly_signed: bool,
    token: String,
    request: Request,
}

/// What came of it.
struct ChallengeResult {
    status: Option<u16>,
    took: Duration,
    /// Absent: the answer is as it must be.
    why: Option<String>,
    unreachable: bool,
}

pub(super) fn run(session: &Session, args: &send::SendArgs) -> Result<Exit> {
    let aim = args.targets.aim(session)?;
    let label = match &args.provider {
        Some(name) => Some(name.clone()),
        None => aim
            .provider(session, None)?
            .or_else(|| session.settings.provider.clone()),
    };
    let Some(label) = label else {
        return Err(Error::usage("no provider is given").hint("name who asks: `--provider NAME`"));
    };
    let profile = session.registry.get(&label)?;
    if profile.handshakes.is_empty() {
        let what = format!(
            "how `{}` asks a receiver is not known, or it asks nothing",
            profile.label()
        );
        return Err(Error::usage(what).hint("`hook providers show NAME` says what a provider asks"));
    }
    let asker = Challenger::new(session, args, profile, aim)?;
    super::runtime()?.block_on(asker.ask_all())
}

impl<'a> Challenger<'a> {
    fn new(session: &'a Session, args: &send::SendArgs, profile: Arc<Profile>, aim: TargetChoice) -> Result<Self> {
        let (url, endpoint) = match aim {
            TargetChoice::Url(url) => (url, None),
            TargetChoice::Endpoint(endpoint) => (super::targets::parse_url(&endpoint.url)?, Some(*endpoint)),
            TargetChoice::Subscribed(_) => return Err(Error::usage("a handshake is with one receiver")),
        };
        let signs = profile.handshakes.iter().any(|shake| shake.signed);
        let keys = if signs || profile.handshakes.iter().any(Handshake::needs_secret) {
            let own = match &endpoint {
                Some(endpoint) => session.endpoint_secrets(endpoint, &profile, Purpose::Sign)?,
                None => Vec::new(),
            };
            let secrets = session.secrets_for(&args.secrets, own, Purpose::Sign)?;
            secrets.for_profile(&profile, Purpose::Sign)?
        } else {
            Vec::new()
        };
        let signer = match &profile.scheme {
            Scheme::Unsigned => None,
            scheme if signs => Some(scheme.signer(&keys)?),
            _ => None,
        };
        let verify = args.asking.handshake_token.as_ref();
        let verify = verify.map(|reference| session.secret(reference)).transpose()?;
        Ok(Self {
            secret: keys.into_iter().next(),
            signer,
            verify: verify.map_or_else(
                || session.random.text(b"0123456789abcdef", 16),
                |secret| String::from_utf8_lossy(secret.expose()).into_owned(),
            ),
            headers: args.http.header_lines(session)?,
            timeout: args.http.timeout(),
            transport: args.http.transport()?,
            endpoint: endpoint.map(|endpoint| endpoint.name),
            session,
            profile,
            url,
        })
    }

    async fn ask_all(&self) -> Result<Exit> {
        let (mut exit, mut first) = (Exit::Ok, true);
        for handshake in &self.profile.handshakes {
            for wrongly_signed in [false, true] {
                if wrongly_signed && !handshake.probes_signature {
                    continue;
                }
                let question = self.question(handshake, wrongly_signed)?;
                let judged = self.ask(&question).await;
                self.show(&question, &judged)?;
                if judged.unreachable && first {
                    return Ok(Exit::Unreachable);
                }
                first = false;
                if judged.why.is_some() {
                    exit = Exit::Unmet;
                }
            }
        }
        Ok(exit)
    }

    fn question<'h>(&self, handshake: &'h Handshake, wrongly_signed: bool) -> Result<Question<'h>> {
        let token = handshake.fresh_token(&self.session.random);
        let written = handshake.written(&token, &self.verify);
        let body = written
            .body
            .as_ref()
            .map_or_else(Bytes::new, |body| body.to_string().into());
        let mut url = self.url.clone();
        if !written.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&written.query);
        }
        let headers = self.request_headers(handshake, &written, &url, &body, wrongly_signed)?;
        Ok(Question {
            handshake,
            wrongly_signed,
            token,
            request: Request {
                method: written.method,
                url,
                headers,
                body,
                timeout: self.timeout.or(handshake.within).unwrap_or(LIMIT),
            },
        })
    }

    /// Signed like an event where the provider signs its question.
    fn request_headers(
        &self,
        handshake: &Handshake,
        written: &Written,
        url: &Url,
        body: &Bytes,
        wrongly_signed: bool,
    ) -> Result<Headers> {
        let now = self.session.now();
        let mut message = super::handshake::message(self.session, &self.profile, body.clone(), now);
        if wrongly_signed {
            // The signature of another body is well formed, so that only a receiver that checks it refuses it.
            message.body = [body.as_ref(), b" "].concat().into();
        }
        let mut headers = if handshake.signed {
            let target = Target {
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

    async fn ask(&self, question: &Question<'_>) -> ChallengeResult {
        let begun = Instant::now();
        let outcome = self.transport.send(&question.request).await;
        let took = begun.elapsed();
        let status = outcome.status();
        let (why, unreachable) = match outcome {
            Outcome::Answer(answer) if question.wrongly_signed => {
                let what = format!(
                    "a wrong signature must be refused with {UNAUTHORISED}, it answered {}",
                    answer.status
                );
                ((answer.status != UNAUTHORISED).then_some(what), false)
            }
            Outcome::Answer(answer) => {
                let headers = &question.request.headers;
                let misses = question
                    .handshake
                    .misses(&answer, &question.token, headers, self.secret.as_ref());
                (misses.unwrap_or_else(|why| Some(why.to_string())), false)
            }
            Outcome::Error {
                kind: ErrorKind::Timeout,
                ..
            } => {
                let limit = human_duration(question.request.timeout);
                (Some(format!("no answer came within {limit}")), false)
            }
            Outcome::Error { text, .. } => (Some(text), true),
        };
        ChallengeResult {
            status,
            took,
            why,
            unreachable,
        }
    }

    fn show(&self, question: &Question<'_>, judged: &ChallengeResult) -> Result<()> {
        let ui = &self.session.ui;
        let name = question.handshake.name.as_deref();
        ui.json(&HandshakeLine {
            endpoint: self.endpoint.as_deref(),
            confirmed: judged.why.is_none(),
            why: judged.why.as_deref(),
            provider: &self.profile.name,
            handshake: name,
            wrongly_signed: question.wrongly_signed,
            status: judged.status,
            took_ms: Some(millis(judged.took)),
            ..HandshakeLine::to(mask::url(self.url.as_str()))
        })?;
        let style = ui.out;
        let name = name.map_or_else(String::new, |name| format!(" {name}"));
        let wrong = if question.wrongly_signed {
            ", wrongly signed"
        } else {
            ""
        };
        let status = judged.status.map_or_else(String::new, |status| format!("  {status}"));
        let took = style.dim(&short_time(judged.took));
        let came = match &judged.why {
            None => format!("{}{status}  {took}", style.good("passed")),
            Some(why) => format!("{}{status}  {took}  {}", style.bad("failed"), printable(why, 600)),
        };
        ui.line(&format!("{}{name}{wrong}  {came}", style.name(&self.profile.name)))?;
        ui.flush()
    }
}
