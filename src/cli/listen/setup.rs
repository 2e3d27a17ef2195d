//! What `listen` is made of before the first request.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::args::{Answer, ListenArgs};
use super::inbound::Trigger;
use crate::app::context::{DEV_SECRET, Purpose, Secrets};
use crate::cli::session::Session;
use crate::cli::ui::Output;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::listener::naming::{self, Nameless};
use crate::listener::route::Route;
use crate::listener::{Challenges, Listener, ListenerEvent, Router, Rules};
use crate::secret::{Secret, SecretRef, SecretSource, endpoint_of};
use crate::server::tls::{Tls as Certificate, TlsError};
use crate::signature::{Scheme, is_public_key};
use crate::store::{Lease, Ledger};
use crate::verification::Verification;
use crate::view::count;

/// What speaks against starting at all.
pub(super) fn check(session: &Session, args: &ListenArgs) -> Result<()> {
    super::super::socket::check(args.bind, args.expose)?;
    if args.expose && args.inbound {
        session.ui.warn(
            "whoever learns the path can use the trigger from other machines, and over http it can be read on the way",
        );
    } else if args.expose && args.secrets.is_empty() {
        session
            .ui
            .warn("nothing is verified on an address that other machines can reach; add `--secret`");
    }
    let routes: Vec<Route> = super::work::routes(session, args)?
        .into_iter()
        .map(|named| named.route)
        .collect();
    if let Some(status) = args.status.filter(|status| !(200..300).contains(status))
        && !routes.is_empty()
    {
        session
            .ui
            .warn(&format!("requests are answered {status}, so they are not passed on"));
    }
    let runs = routes.iter().any(|route| route.to.runs());
    if runs && args.secrets.is_empty() && args.require_bearer.is_none() && !args.unverified {
        let hint = if args.inbound {
            "add `--unverified` if whoever has the URL may run them"
        } else {
            "add `--secret`, or `--unverified` if anybody may run them"
        };
        return Err(Error::usage("commands would run for requests that nobody verified").hint(hint));
    }
    if args.answer == Answer::App && routes.iter().all(|route| route.to.runs()) {
        return Err(Error::usage("`--answer app` needs an app").hint("add `--forward-to URL`"));
    }
    Ok(())
}

/// The providers that are expected, and the secrets to verify with; none: nothing is verified.
pub(super) fn keys(session: &Session, args: &ListenArgs) -> Result<(Vec<String>, Option<Secrets>)> {
    let (given, secrets) = match secrets(session, args)? {
        Some((given, Secrets::Given(secrets))) => (given, secrets),
        dev_or_none => {
            check_signed(session, args, &args.providers)?;
            return Ok((args.providers.clone(), dev_or_none.map(|(_, secrets)| secrets)));
        }
    };
    // Without a reference of its own it is that of the settings.
    let settings = session.settings.secret.iter().filter(|_| given.is_empty());
    let given: Vec<String> = given.iter().chain(settings).cloned().collect();
    let owners = owners(session, &given)?;
    let owned: Vec<(String, String)> = owners.iter().flatten().cloned().collect();
    let labels = if args.providers.is_empty() && owners.iter().all(Option::is_some) && !owners.is_empty() {
        let mut labels: Vec<String> = Vec::new();
        for (_, provider) in &owned {
            if !labels.contains(provider) {
                labels.push(provider.clone());
            }
        }
        labels
    } else if args.providers.is_empty() {
        session.settings.named_provider.iter().cloned().collect()
    } else {
        args.providers.clone()
    };
    let secrets = naming::bind_owned(naming::bind(secrets, &labels), &owned, &labels);
    if super::work::routes(session, args)?
        .iter()
        .any(|named| named.route.to.runs())
    {
        check_named(&given, &secrets, &labels)?;
    }
    check_signed(session, args, &labels)?;
    Ok((labels, Some(Secrets::Given(secrets))))
}

/// Refuses to run commands for requests that no provider signs.
fn check_signed(session: &Session, args: &ListenArgs, labels: &[String]) -> Result<()> {
    if args.unverified || args.inbound || args.require_bearer.is_some() || labels.is_empty() {
        return Ok(());
    }
    for label in labels {
        if !matches!(session.registry.get(label)?.scheme, Scheme::Unsigned) {
            return Ok(());
        }
    }
    if super::work::routes(session, args)?
        .iter()
        .any(|named| named.route.to.runs())
    {
        return Err(Error::usage(format!(
            "commands would run for requests that nobody verified: `{}` signs nothing",
            labels.join("`, `")
        ))
        .hint("add `--unverified` if anybody may run them"));
    }
    Ok(())
}

/// The name and the provider of the secrets of each reference that is `endpoint:NAME`.
fn owners(session: &Session, given: &[String]) -> Result<Vec<Option<(String, String)>>> {
    let owner = |text: &String| match endpoint_of(text) {
        Some((name, selector)) => session.endpoint(selector).map(|endpoint| {
            let name = name.map_or_else(|| format!("endpoint:{}", endpoint.name), str::to_owned);
            Some((name, endpoint.provider))
        }),
        None => Ok(None),
    };
    given.iter().map(owner).collect()
}

/// Refuses to run commands for whichever provider a request says that it is from.
fn check_named(given: &[String], secrets: &[Secret], labels: &[String]) -> Result<()> {
    match naming::nameless(secrets, labels) {
        None => Ok(()),
        Some(Nameless::Provider) => Err(Error::usage(
            "commands would run for requests of any provider that a sender chooses to imitate",
        )
        .hint("name the provider whose secret it is: `--provider NAME`; `hook providers list` shows all")),
        Some(Nameless::Secrets(open)) => {
            let error = Error::usage(format!(
                "commands would run for several providers, and {} which of them signs with it",
                match open.len() {
                    1 => "a secret does not say".to_owned(),
                    n => format!("{n} secrets do not say"),
                }
            ));
            let flags = flags_for(given, labels);
            Err(error.hint(format!("say whose secret each is: `{}`", flags.join(" "))))
        }
    }
}

/// The flags that say whose secret each is. A reference that says it stays; the others are given out in their order.
fn flags_for(given: &[String], labels: &[String]) -> Vec<String> {
    let named = |text: &String| match endpoint_of(text) {
        Some((name, _)) => name.map(str::to_owned),
        None => SecretRef::parse(text).name,
    };
    let is_of = |text: &String, label: &String| {
        named(text).is_some_and(|name| name == *label || name == naming::provider_of(label))
    };
    let is_open = |text: &&String| labels.iter().all(|label| !is_of(text, label));
    let shown = given.iter().filter(is_open).filter_map(|text| shown_reference(text));
    let mut open = shown.clone();
    let flag = |label: &String| {
        let own = given.iter().find(|text| is_of(text, label));
        let reference = match own {
            Some(text) => shown_reference(text),
            None => open.next().or_else(|| shown.clone().next_back()),
        };
        let reference = reference.unwrap_or_else(|| "REF".to_owned());
        format!("--secret {}={reference}", naming::provider_of(label))
    };
    labels.iter().map(flag).collect()
}

/// A reference as it may be shown: without its name, and never the text of a secret.
fn shown_reference(text: &str) -> Option<String> {
    if let Some((_, endpoint)) = endpoint_of(text) {
        return Some(crate::shell::quote(&format!("endpoint:{endpoint}")));
    }
    match SecretRef::parse(text).source {
        SecretSource::Env(name) => Some(format!("env:{name}")),
        SecretSource::File(path) => Some(crate::shell::quote(&format!("file:{}", path.display()))),
        SecretSource::Stdin | SecretSource::Literal(_) => None,
    }
}

/// The references and their secrets.
fn secrets(session: &Session, args: &ListenArgs) -> Result<Option<(Vec<String>, Secrets)>> {
    if args.secrets.is_empty() {
        return Ok(None);
    }
    let given: Vec<String> = args.secrets.iter().filter(|text| !text.is_empty()).cloned().collect();
    let dev = given.len() < args.secrets.len();
    if dev && !given.is_empty() {
        return Err(Error::usage(
            "`--secret` alone is the dev secret, and does not go with given ones",
        ));
    }
    let secrets = session.secrets_for(&given, Vec::new(), Purpose::Verify)?;
    Ok(Some((given, secrets)))
}

/// The claim on the work that requests cause; none: they cause nothing.
pub(super) fn owner(session: &Session, args: &ListenArgs) -> Result<Option<Lease>> {
    let passes_on = !super::work::routes(session, args)?.is_empty();
    passes_on.then(|| session.lease()).transpose()
}

/// The handler of requests.
pub(super) fn listener(
    session: &Session,
    args: &ListenArgs,
    (providers, secrets): (Vec<String>, Option<Secrets>),
    trigger: Option<&Trigger>,
    router: &Arc<Router>,
    ledger: Ledger,
    outlet: mpsc::Sender<ListenerEvent>,
) -> Result<Listener> {
    let providers = trigger.map_or(providers, Trigger::providers);
    let bearer = args
        .require_bearer
        .as_ref()
        .map(|reference| session.secret(reference))
        .transpose()?;
    if bearer.as_ref().is_some_and(|token| is_public_key(token.expose())) {
        return Err(Error::usage("the bearer token is a key of a pair, which is no secret"));
    }
    let verify = args.handshake_token.as_ref();
    let verify = verify.map(|reference| session.secret(reference)).transpose()?;
    Ok(Listener {
        clock: Arc::clone(&session.clock),
        random: Arc::clone(&session.random),
        verification: Arc::new(
            Verification::new(&session.registry, &providers, secrets)?.reachable_as(args.public_url.clone(), args.tls),
        ),
        ledger,
        outlet,
        shakes: Challenges::new(&session.registry, &providers, args.answer == Answer::First, verify)?,
        inbound: trigger.map(|trigger| trigger.inbound.clone()),
        rules: Rules {
            reject_status: args.reject_status,
            status: args.status,
            delay: args.delay,
            hurry: CancellationToken::new(),
            fail_first: AtomicU64::new(args.fail_first),
            allow: args.allow_ip.clone(),
            bearer,
            whole: session.ui.verbose > 0,
            tells_unsigned: session.ui.verbose > 0 || session.ui.output == Output::Json,
        },
        router: Arc::clone(router),
        room: Listener::room(),
    })
}

/// How verification is said in the first line.
pub(super) fn says_verification(secrets: Option<&Secrets>) -> String {
    match secrets {
        None => "verifying nothing (add `--secret`)".to_owned(),
        Some(Secrets::Dev(_)) => format!("verifying with the {DEV_SECRET}"),
        Some(Secrets::Given(given)) => format!("verifying with {}", count(given.len() as u64, "secret")),
    }
}

/// TLS, and the certificate that callers must trust when it was made on the spot.
pub(super) struct Tls {
    pub(super) acceptor: Certificate,
    pub(super) ca_file: Option<String>,
}

/// Reads the certificate, or makes one.
pub(super) fn tls(session: &Session, args: &ListenArgs) -> Result<Option<Tls>> {
    if !args.tls {
        return Ok(None);
    }
    let failed = |error: TlsError| Error::usage(error.to_string()).because_of(&error);
    if let (Some(cert), Some(key)) = (&args.cert, &args.key) {
        return Ok(Some(Tls {
            acceptor: Certificate::from_files(cert, key).map_err(failed)?,
            ca_file: None,
        }));
    }
    let made = Certificate::self_signed(&[]).map_err(failed)?;
    let path = session.paths.state.join("listen-cert.pem");
    crate::fs::private_file(&path, made.certificate_pem().as_bytes()).map_err(|error| {
        Error::new(
            Exit::Store,
            format!("certificate `{}` cannot be written", path.display()),
        )
        .cause(error)
    })?;
    Ok(Some(Tls {
        acceptor: made,
        ca_file: Some(path.display().to_string()),
    }))
}

/// What is known once the listener takes requests.
pub(super) struct Ready<'a> {
    pub(super) url: &'a str,
    pub(super) public_url: Option<&'a str>,
    /// What it takes, as a clause.
    pub(super) takes: String,
    pub(super) secrets: Option<&'a Secrets>,
    /// The certificate that callers must trust.
    pub(super) ca_file: Option<&'a str>,
}
