//! Endpoints that a provider keeps. What the provider has no place for (names, labels, and the secret that it shows once) is
//! noted on this machine.

use serde_json::Value;

use super::{Client, MOST_LISTED, MOST_PAGES, answer};
use crate::api::object::{Subscription, write};
use crate::clock::Timestamp;
use crate::endpoints::{
    AddedEndpoint, Book, Change, Endpoint, EndpointError, RemotePlace, check_name, name_for, select,
};
use crate::error::Error;
use crate::json::{get, insert};
use crate::provider::api::{Call, Extra, Field, Paging, Verb};
use crate::random::Random;
use crate::secret::Secret;
use crate::transport::{Transport, address_policy};

/// A provider's endpoints.
pub struct Remote<T> {
    /// Calls the API.
    pub client: Client<T>,
    /// What this machine keeps about the endpoints, by the provider's ids.
    pub notes: Book,
    /// The source of names of stored secrets.
    pub random: Random,
    /// The account's plan.
    pub plan: Option<String>,
}

impl<T: Transport> Remote<T> {
    /// All subscriptions, page by page.
    async fn subscriptions(&self) -> Result<Vec<Subscription>, EndpointError> {
        let call = self.client.verb(Verb::List)?;
        let mut found = Vec::new();
        let mut cursor = String::new();
        for number in 1..=MOST_PAGES {
            let answer = self.page(number, &cursor).await?;
            let items = self.items(call, &answer)?;
            let paging = self.client.api.paging.as_ref();
            let next = paging.and_then(|paging| next_page(paging, &answer, number, items.len()));
            found.extend(items);
            if found.len() > MOST_LISTED {
                return Err(self.garbled(format!("the list has more than {MOST_LISTED} subscriptions")));
            }
            // A page that names itself as the next one is the last.
            match next.filter(|next| *next != cursor) {
                Some(next) => cursor = next,
                None => return Ok(found),
            }
        }
        Err(self.garbled(format!("the list does not end after {MOST_PAGES} pages")))
    }

    async fn page(&self, number: u32, cursor: &str) -> Result<Value, EndpointError> {
        let Some(paging) = &self.client.api.paging else {
            return self.client.call(Verb::List, None, &[], None).await;
        };
        let size = paging.size.to_string();
        let mut query = vec![(paging.size_param.as_str(), size.as_str())];
        if number > 1 {
            query.push((paging.param.as_str(), cursor));
        }
        self.client.call(Verb::List, None, &query, None).await
    }

    fn items(&self, call: &Call, answer: &Value) -> Result<Vec<Subscription>, EndpointError> {
        let (list, place) = match &call.items {
            None => (Some(answer), "the answer".to_owned()),
            Some(path) => (get(answer, path), format!("`{path}` of the answer")),
        };
        let Some(Value::Array(items)) = list else {
            return Err(self.garbled(format!("{place} is not a list of subscriptions")));
        };
        let read = (1..).zip(items).map(|(number, item)| {
            let read = Subscription::read(&self.client.profile, &self.client.api, item);
            read.map_err(|what| self.garbled(format!("cannot read subscription {number} of the list: {what}")))
        });
        read.collect()
    }

    fn garbled(&self, what: String) -> EndpointError {
        answer::of_call(answer::garbled(Verb::List, what), "GET", &self.client.base)
    }

    /// The subscriptions as endpoints, with their notes.
    fn endpoints(&self, subscriptions: &[Subscription]) -> Result<Vec<Endpoint>, EndpointError> {
        let notes = self.notes.read()?;
        // Noted names first, so that a generated name never takes one of them.
        let mut known = notes.clone();
        for subscription in subscriptions {
            let note = notes.iter().find(|note| note.id == subscription.endpoint.id);
            known.push(self.endpoint(subscription, note, &known));
        }
        Ok(known.split_off(notes.len()))
    }

    fn endpoint(&self, subscription: &Subscription, note: Option<&Endpoint>, taken: &[Endpoint]) -> Endpoint {
        let mut endpoint = subscription.endpoint.clone();
        endpoint.plan.clone_from(&self.plan);
        if let Some(note) = note {
            endpoint.name.clone_from(&note.name);
            endpoint.labels.clone_from(&note.labels);
            endpoint.params.clone_from(&note.params);
            endpoint.secrets.clone_from(&note.secrets);
            endpoint.updated = note.updated;
            if !subscription.is_dated {
                endpoint.created = note.created;
                if let Some(disabled) = &mut endpoint.disabled {
                    disabled.since = note.created;
                }
            }
        }
        if check_name(&endpoint.name).is_err() {
            endpoint.name = name_for(&endpoint.url, taken);
        }
        endpoint
    }

    /// Notes an endpoint and its secret.
    fn note(&self, endpoint: &mut Endpoint, secret: Option<&Secret>) -> Result<(), EndpointError> {
        if let Some(secret) = secret {
            let vault = self.notes.vault();
            let reference = vault.store(&endpoint.name, &secret.clone().into(), &self.random)?;
            endpoint.secrets = vec![reference.into()];
        }
        self.notes.edit(|notes| {
            // The name may be left over from an endpoint that was removed elsewhere.
            notes.retain(|note| note.id != endpoint.id && note.name != endpoint.name);
            notes.push(endpoint.clone());
            Ok(())
        })
    }

    /// Removes the note about an endpoint, and its stored secret.
    fn forget(&self, id: &str) -> Result<(), EndpointError> {
        if !self.notes.read()?.iter().any(|note| note.id == id) {
            return Ok(());
        }
        self.notes.edit(|notes| {
            notes.retain(|note| note.id != id);
            Ok(())
        })
    }

    /// The body of a request: the given fields, and what else the call requires.
    fn body(&self, call: &Call, endpoint: &Endpoint, fields: &[Field]) -> Result<Value, EndpointError> {
        let has = |field| fields.contains(&field) && (field != Field::Description || endpoint.description.is_some());
        let mut body = write(&self.client.profile, &self.client.api, (endpoint, None), has);
        for (name, extra) in &call.with {
            let text = match extra {
                Extra::Text(text) => text.clone(),
                Extra::Param(param) => self.param(endpoint, param)?,
            };
            insert(&mut body, name, Value::from(text));
        }
        Ok(body)
    }

    /// A parameter: the endpoint's own, or the account's. The profile's default is only for samples and identifies no account.
    fn param(&self, endpoint: &Endpoint, name: &str) -> Result<String, EndpointError> {
        let client = &self.client;
        let own = endpoint.params.get(name);
        let account = || {
            client
                .params
                .iter()
                .find(|(have, _)| have == name)
                .map(|(_, value)| value)
        };
        let given = own.or_else(account).filter(|value| !value.trim().is_empty());
        given.cloned().ok_or_else(|| {
            let what = format!(
                "the API of `{}` needs `{name}`, and none is given",
                client.profile.label()
            );
            let settings = format!("or set `params` of `[remote.{}]` in `hook.toml`", client.name);
            Error::usage(what)
                .hint(format!("add `--param {name}=VALUE`, {settings}"))
                .into()
        })
    }

    /// Whether a call that adds the endpoint can be made.
    pub(super) fn check_new(&self, endpoint: &Endpoint) -> Result<(), EndpointError> {
        let call = self.client.verb(Verb::Create)?;
        self.body(call, endpoint, &call.takes).map(drop)
    }

    /// The provider that keeps the endpoints.
    pub fn place(&self) -> RemotePlace<'_> {
        RemotePlace {
            name: &self.client.name,
            profile: &self.client.profile,
            api: &self.client.api,
            plan: self.plan.as_deref(),
            is_loopback: address_policy::is_loopback(&self.client.base),
        }
    }

    /// The fields that a change sets; an error for one that the provider cannot change.
    fn changed(&self, change: &Change) -> Result<Vec<Field>, EndpointError> {
        if let Some(what) = self.place().unchangeable(change) {
            return Err(EndpointError::unsupported(what));
        }
        // A name is kept on this machine where the provider has none.
        let takes_name = self.client.api.takes(Verb::Update, Field::Name);
        let fields = [
            (change.url.is_some(), Field::Url),
            (change.events.is_some(), Field::Events),
            (change.description.is_some(), Field::Description),
            (change.active.is_some(), Field::Active),
            (change.name.is_some() && takes_name, Field::Name),
        ];
        let changed = fields.into_iter().filter(|(is_changed, _)| *is_changed);
        Ok(changed.map(|(_, field)| field).collect())
    }

    /// Finds an endpoint.
    pub async fn get(&self, selector: &str) -> Result<Endpoint, EndpointError> {
        Ok(select(&self.list().await?, selector)?.clone())
    }

    /// Confirms a subscription by the token that its endpoint received.
    pub async fn confirm(&self, selector: &str, token: &str) -> Result<Endpoint, EndpointError> {
        let endpoint = self.get(selector).await?;
        let call = self.client.verb(Verb::Confirm)?;
        let fill = |hole: &str| Some(Value::from(if hole == "token" { token } else { endpoint.id.as_str() }));
        let body = call.body.as_ref().map(|body| body.fill(fill));
        self.client
            .call(Verb::Confirm, Some(&endpoint.id), &[], body.as_ref())
            .await?;
        self.get(&endpoint.id).await
    }

    /// Finds an endpoint, and notes the secret that the provider's list shows, so that it signs and verifies here.
    pub async fn learn(&self, selector: &str) -> Result<Endpoint, EndpointError> {
        let subscriptions = self.subscriptions().await?;
        let mut endpoint = select(&self.endpoints(&subscriptions)?, selector)?.clone();
        let listed = subscriptions.iter().find(|one| one.endpoint.id == endpoint.id);
        let shown = listed.and_then(|one| one.secret.as_ref());
        if endpoint.secrets.is_empty() && shown.is_some() {
            self.note(&mut endpoint, shown)?;
        }
        Ok(endpoint)
    }
}

impl<T: Transport> Remote<T> {
    /// All endpoints.
    pub async fn list(&self) -> Result<Vec<Endpoint>, EndpointError> {
        self.endpoints(&self.subscriptions().await?)
    }

    /// Adds an endpoint.
    pub async fn add(&self, endpoint: Endpoint) -> Result<AddedEndpoint, EndpointError> {
        let call = self.client.verb(Verb::Create)?;
        let body = self.body(call, &endpoint, &call.takes)?;
        let answer = self.client.call(Verb::Create, None, &[], Some(&body)).await?;
        let made = Subscription::read(&self.client.profile, &self.client.api, &answer).map_err(|what| {
            let what = format!("the answer is not a subscription: {what}");
            EndpointError::from(answer::garbled(Verb::Create, what))
        })?;
        // The endpoint exists now: if it cannot be noted, the caller still needs its secret.
        let mut added = self.endpoint(&made, Some(&endpoint), &[]);
        let unnoted = self.note(&mut added, made.secret.as_ref()).err();
        Ok(AddedEndpoint {
            endpoint: added,
            findings: Vec::new(),
            secret: made.secret,
            unnoted,
        })
    }

    /// Changes an endpoint. Returns it as it is now.
    pub async fn update(&self, selector: &str, change: Change, now: Timestamp) -> Result<Endpoint, EndpointError> {
        let mut endpoint = self.get(selector).await?;
        let changed = self.changed(&change)?;
        let is_noted = change.name.is_some() || change.labels.is_some() || change.params.is_some();
        endpoint.apply(change, now);
        if !changed.is_empty() {
            let call = self.client.verb(Verb::Update)?;
            // PUT replaces the whole, PATCH what it names.
            let fields = if call.method == "PUT" { &call.takes } else { &changed };
            let body = self.body(call, &endpoint, fields)?;
            self.client
                .call(Verb::Update, Some(&endpoint.id), &[], Some(&body))
                .await?;
        }
        if is_noted || !endpoint.secrets.is_empty() {
            self.note(&mut endpoint, None)?;
        }
        // Read again: the provider may require a changed URL to be confirmed.
        self.get(&endpoint.id).await
    }

    /// Removes an endpoint and its note. Returns it as it was.
    pub async fn remove(&self, selector: &str) -> Result<Endpoint, EndpointError> {
        let endpoint = self.get(selector).await?;
        self.client.call(Verb::Delete, Some(&endpoint.id), &[], None).await?;
        self.forget(&endpoint.id)?;
        Ok(endpoint)
    }
}

/// The cursor or number of the next page; `None` after the last one.
fn next_page(paging: &Paging, answer: &Value, number: u32, items: usize) -> Option<String> {
    let Some(path) = &paging.next else {
        // A page that is not full is the last one.
        return (items >= usize::try_from(paging.size).unwrap_or(usize::MAX)).then(|| (number + 1).to_string());
    };
    match get(answer, path)? {
        Value::String(next) if !next.is_empty() => Some(next.clone()),
        Value::Number(next) => Some(next.to_string()),
        _ => None,
    }
}
