//! `hook endpoints add`.

use std::collections::BTreeMap;

use super::ask::{self, EndpointInput};
use super::confirm;
use super::judge::{self, RuleArgs};
use super::new_secret::{self, NewSecret, SecretArgs};
use super::show::{EndpointLine, events_shown};
use crate::cli::session::Session;
use crate::endpoints::{DisabledBy, Endpoint, Events, admit, name_for};
use crate::error::Result;
use crate::exit::Exit;
use crate::finding::Finding;
use crate::id::{Id, IdKind};
use crate::mask;

/// Add an endpoint, judged by its provider's rules; without arguments it asks
#[derive(Debug, clap::Args)]
pub(super) struct EndpointAddArgs {
    /// Where deliveries go: a URL, `localhost:3000/path`, `:3000` or a port
    pub(super) url: Option<String>,
    /// The same as a flag
    #[arg(short, long, value_name = "URL", conflicts_with = "url")]
    pub(super) to: Option<String>,
    /// The provider that delivers: `NAME` or `NAME@VARIANT`
    #[arg(short, long, value_name = "NAME", add = crate::cli::complete::providers())]
    pub(super) provider: Option<String>,
    /// Events of the catalogue, separated by commas, or `all`
    #[arg(long, value_name = "EVENTS", value_delimiter = ',', add = crate::cli::complete::events())]
    pub(super) events: Vec<String>,
    /// What to call it; made from the URL unless given
    #[arg(long, value_name = "NAME")]
    pub(super) name: Option<String>,
    /// For people
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// The environment that it belongs to, such as `staging`
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// The account's plan, where the provider limits endpoints by plan
    #[arg(long, value_name = "PLAN")]
    plan: Option<String>,
    /// Parameter of the provider's envelope for this endpoint: `NAME=VALUE` (can be repeated)
    #[arg(long = "param", value_name = "PAIR")]
    params: Vec<String>,
    /// Ask the endpoint first, as its provider does: it is pending until the token that it is sent comes back
    #[arg(long, conflicts_with = "remote")]
    confirm: bool,
    #[command(flatten)]
    pub(super) secret: SecretArgs,
    #[command(flatten)]
    pub(super) rules: RuleArgs,
}

pub(super) fn run(session: &Session, args: &EndpointAddArgs) -> Result<Exit> {
    let url = args.url.as_deref().or(args.to.as_deref());
    let wish = ask::complete(session, args.provider.as_deref(), url, &args.events)?;
    let profile = &wish.profile;
    args.secret.check(session, profile)?;
    if args.confirm {
        confirm::how(profile)?;
    }
    let options = args.rules.options(session);
    let draft = draft(session, args, &wish)?;
    let named = |endpoints: &[Endpoint]| {
        let made = || name_for(&draft.url, endpoints);
        Endpoint {
            name: args.name.clone().unwrap_or_else(made),
            ..draft.clone()
        }
    };
    // Judged before a secret is made, and again while nobody else can change the book.
    let existing = session.book().read()?;
    let mut candidate = named(&existing);
    admit(profile, &mut candidate, &existing, &options).map_err(|error| judge::refused(session, &candidate, error))?;
    let new = args.secret.make(session, profile, &candidate.name)?;
    let ((endpoint, findings), new) = new_secret::into_book(session, new, |endpoints, secret| {
        let mut endpoint = named(endpoints);
        endpoint.secrets = secret.into_iter().collect();
        let findings = admit(profile, &mut endpoint, endpoints, &options)?;
        endpoints.push(endpoint.clone());
        Ok((endpoint, findings))
    })
    .map_err(|error| judge::refused(session, &candidate, error))?;
    session.notices.findings(&findings);
    let endpoint = if args.confirm {
        confirm::first(session, &endpoint)?
    } else {
        endpoint
    };
    announce(session, &endpoint, &findings, &new)?;
    let ui = &session.ui;
    ui.hint(&format!(
        "`hook endpoints test {0}` tries it out; `hook listen --secret endpoint:{0}` verifies what comes",
        endpoint.name
    ));
    Ok(Exit::Ok)
}

/// Says that it is there, and hands its secret over.
pub(super) fn announce(session: &Session, endpoint: &Endpoint, findings: &[Finding], new: &NewSecret) -> Result<()> {
    let ui = &session.ui;
    ui.json(
        &EndpointLine::new(session, endpoint)
            .findings(findings)
            .handing_over(new.handed.as_ref()),
    )?;
    ui.line(&format!(
        "{} {}: {} delivers {} to {}",
        ui.out.good("added"),
        ui.out.name(&endpoint.name),
        endpoint.provider,
        events_shown(&endpoint.events, 200),
        mask::url(&endpoint.url)
    ))?;
    new.show(session)?;
    ui.flush()
}

/// The endpoint as the user wants it, without name and secret.
pub(super) fn draft(session: &Session, args: &EndpointAddArgs, wish: &EndpointInput) -> Result<Endpoint> {
    let now = session.now();
    let events = wish.events.iter().map(|name| name.trim().to_owned());
    let id = Id::new(IdKind::Endpoint, now, &session.random);
    let events = Events::Only(events.filter(|name| !name.is_empty()).collect());
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let mut endpoint = Endpoint::new(id, "", &wish.url, &wish.profile.label(), events, now);
    endpoint.description = given(&args.description);
    endpoint.plan = given(&args.plan);
    endpoint.params = judge::params(&wish.profile, &args.params)?;
    if args.confirm {
        endpoint.disable(DisabledBy::Unconfirmed, None, now);
    }
    endpoint.labels = given(&args.env).map(env_label).into_iter().collect::<BTreeMap<_, _>>();
    Ok(endpoint)
}

/// The label that says which environment an endpoint belongs to.
pub(super) fn env_label(name: String) -> (String, String) {
    ("env".to_owned(), name)
}
