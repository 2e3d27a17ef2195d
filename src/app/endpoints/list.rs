//! Endpoints as a store has them.

use super::{EndpointDetails, Endpoints};
use crate::app::resolve::ACCOUNT_OFF;
use crate::endpoints::{Endpoint, EndpointStore, RemotePlace, select};
use crate::error::{Error, Result};
use crate::mask;
use crate::shell;
use crate::signature::Scheme;

/// Notices to the owner of an endpoint that are shown.
const NOTICES: usize = 10;

/// Filters of a list.
#[derive(Debug, Default)]
pub struct EndpointFilter {
    /// Of this provider, with or without its variant.
    pub provider: Option<String>,
    /// Of this environment.
    pub env: Option<String>,
}

impl EndpointFilter {
    fn fits(&self, endpoint: &Endpoint) -> bool {
        let provider = |wanted: &String| endpoint.provider == *wanted || endpoint.provider_name() == wanted;
        let env = |wanted: &String| endpoint.labels.get("env") == Some(wanted);
        self.provider.as_ref().is_none_or(provider) && self.env.as_ref().is_none_or(env)
    }
}

impl Endpoints<'_> {
    /// Those that match the filter.
    pub fn list(&self, filter: &EndpointFilter) -> Result<Vec<EndpointDetails>> {
        let all = self.store.list()?;
        if let Some(name) = &filter.provider
            && !all.iter().any(|endpoint| filter.fits(endpoint))
        {
            self.context.registry.get(name)?;
        }
        if all.is_empty() {
            self.context.notices.note(match self.store.remote() {
                Some(place) => format!("no endpoints at `{}`", place.name),
                None => format!("no endpoints yet in `{}`", self.store.book().path().display()),
            });
            self.context.notices.hint("`hook endpoints add` makes one");
            return Ok(Vec::new());
        }
        let (fitting, paused) = (all.iter().filter(|endpoint| filter.fits(endpoint)), self.paused());
        let found: Vec<_> = fitting.map(|endpoint| self.details_beside(endpoint, &paused)).collect();
        if found.is_empty() {
            return Err(Error::nothing("no endpoint matches").hint("`hook endpoints list` shows all of them"));
        }
        if paused.is_all() {
            self.context.notices.note("everything is paused");
            self.context.notices.hint("`hook endpoints resume --all` ends that");
        }
        self.warn_of_account();
        Ok(found)
    }

    /// The state of an endpoint does not say that no endpoint gets anything.
    fn warn_of_account(&self) {
        if self.context.settings.account_off && self.store.remote().is_none() {
            self.context.notices.warn(ACCOUNT_OFF);
        }
    }

    /// Those of the names.
    pub fn show(&self, names: &[String]) -> Result<Vec<EndpointDetails>> {
        let all = self.store.list()?;
        let is_local = self.store.remote().is_none();
        // Without a ledger no notice was sent.
        let ledger = is_local.then(|| self.context.reader().ok()).flatten();
        let details = |name: &String| -> Result<EndpointDetails> {
            let mut details = *self.details(select(&all, name)?);
            if let Some(ledger) = &ledger {
                details.notices = ledger.owner_notices(&details.id, NOTICES)?;
            }
            Ok(details)
        };
        let found = names.iter().map(details).collect::<Result<Vec<_>>>()?;
        self.warn_of_account();
        Ok(found)
    }

    /// Those of the names, each once.
    pub fn pick(&self, names: &[String]) -> Result<Vec<Endpoint>> {
        let all = self.store.list()?;
        let mut found: Vec<Endpoint> = Vec::new();
        for name in names {
            let endpoint = select(&all, name)?;
            if !found.iter().any(|known| known.id == endpoint.id) {
                found.push(endpoint.clone());
            }
        }
        Ok(found)
    }
}

/// The endpoint of that name with its secret, which a provider's list may show.
pub fn with_secret(store: &dyn EndpointStore, selector: &str) -> Result<Endpoint> {
    let endpoint = store.get_with_secret(selector)?;
    let signs = |place: RemotePlace<'_>| !matches!(place.profile.scheme, Scheme::Unsigned);
    if store.remote().is_some_and(signs) && endpoint.secrets.is_empty() {
        let what = format!("the secret of `{}` is not known on this machine", endpoint.name);
        let to = shell::quote(&mask::url(&endpoint.url));
        return Err(Error::usage(what).hint(format!(
            "`hook send EVENT --to {to} --secret env:VAR` signs with the one that you have"
        )));
    }
    Ok(endpoint)
}
