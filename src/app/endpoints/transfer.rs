//! Endpoints taken from a provider into the book, and written to a file.

use indexmap::IndexMap;

use super::secret::take_back;
use super::{EndpointEvent, Endpoints};
use crate::endpoints::{Book, DisabledBy, Endpoint, EndpointEntry, name_for, normalised};
use crate::error::{Error, Result};
use crate::id::{Id, IdKind};
use crate::mask;
use crate::text::count;

impl Endpoints<'_> {
    /// Takes the endpoints that a provider keeps into the book; those that are there stay as they are.
    pub fn import(&self) -> Result<()> {
        let Some(place) = self.store.remote() else {
            return Err(
                Error::usage("`import` needs the remote to import from").hint("`hook endpoints import --remote NAME`")
            );
        };
        let (notices, all, book) = (&self.context.notices, self.store.list()?, self.context.book());
        let mut known = 0;
        for endpoint in &all {
            let here = |other: &Endpoint| {
                other.provider_name() == endpoint.provider_name() && normalised(&other.url) == normalised(&endpoint.url)
            };
            if book.read()?.iter().any(here) {
                known += 1;
                continue;
            }
            let added = self.take(&book, self.store.get_with_secret(&endpoint.id)?)?;
            if added.secrets.is_empty() {
                notices.note(format!(
                    "the secret of `{}` is not known here: `hook endpoints rotate-secret {0} --secret env:VAR` gives it",
                    added.name
                ));
            }
            let mut details = self.context.endpoint_details(&book, &added);
            details.findings = Some(Vec::new());
            (self.on)(EndpointEvent::Added(Box::new(details)))?;
        }
        if known > 0 || all.is_empty() {
            let (name, all) = (place.name, count(all.len() as u64, "endpoint"));
            notices.note(format!("{known} of {all} at `{name}` in the book already"));
        }
        Ok(())
    }

    /// Takes one into the book under an id of its own, with a copy of the secret when it is known here.
    fn take(&self, book: &Book, mut endpoint: Endpoint) -> Result<Endpoint> {
        let context = self.context;
        for secret in &mut endpoint.secrets {
            let copy = self.store.book().vault().signing(secret)?;
            secret.reference = book.vault().store(&endpoint.name, &copy.into(), &context.random)?;
        }
        let secrets = endpoint.secrets.clone();
        endpoint.id = Id::new(IdKind::Endpoint, context.now(), &context.random).to_string();
        let added = book.edit(|endpoints| {
            // Names are unique per store: the provider's may be taken here.
            if endpoints.iter().any(|other| other.name == endpoint.name) {
                endpoint.name = name_for(&endpoint.url, endpoints);
            }
            endpoints.push(endpoint.clone());
            Ok(endpoint)
        });
        let take_back = |secret| take_back(book, &context.notices, secret);
        Ok(added.inspect_err(|_| secrets.iter().for_each(take_back))?)
    }

    /// The endpoints as `[[endpoint]]` tables of a reviewed file, without any secret, and how many they are.
    pub fn export(&self) -> Result<(String, usize)> {
        let all = self.store.list()?;
        if all.is_empty() {
            return Err(Error::nothing("there are no endpoints to export").hint("`hook endpoints add` makes one"));
        }
        let tables: IndexMap<&str, Vec<EndpointEntry>> = [("endpoint", all.iter().map(entry).collect())].into();
        Ok((crate::config::to_text(&tables)?, all.len()))
    }
}

fn entry(endpoint: &Endpoint) -> EndpointEntry {
    EndpointEntry {
        name: Some(endpoint.name.clone()),
        // The credentials of a URL are kept apart like a secret; `apply` takes those of the endpoint of that name.
        url: mask::url(&endpoint.url),
        provider: Some(endpoint.provider.clone()),
        events: endpoint.events.clone(),
        description: endpoint.description.clone(),
        // Disabled by failures is a state, not a setting: `apply` must not restore it.
        active: (endpoint.disabled.as_ref())
            .filter(|disabled| disabled.reason == DisabledBy::Hand)
            .map(|_| false),
        env: endpoint.labels.get("env").cloned(),
        plan: endpoint.plan.clone(),
        params: endpoint.params.clone(),
        tenant: endpoint.tenant.clone(),
        conditions: endpoint.conditions.clone(),
        // Masked like the URL.
        headers: (endpoint.headers.iter())
            .map(|(name, value)| (name.clone(), mask::header(name, value.as_bytes(), &[])))
            .collect(),
        limits: endpoint.limits,
        secret: None,
    }
}
