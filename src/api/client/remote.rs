//! Endpoints that a provider keeps, behind the same verbs as the book's. What the provider has no place for, names,
//! labels and the secret that it shows once, is noted on this machine.

use std::collections::HashMap;

use serde_json::Value;

use super::{Client, MOST_LISTED, MOST_PAGES, failure};
use crate::api::object::{Subscription, write_fields};
use crate::clock::Timestamp;
use crate::endpoints::{
    Added, ApiError, Book, Change, Disabled, DisabledBy, Endpoint, EndpointError, EndpointSecret, EndpointStore, Fresh,
    name_for, select,
};
use crate::json::{get, insert};
use crate::provider::api::{Call, Extra, Field, Paging, Verb};
use crate::random::Random;
use crate::secret::Secret;
use crate::transport::Transport;

/// A provider's endpoints.
pub struct Remote<T> {
    /// How it is called.
    pub client: Client<T>,
    /// What this machine knows besides, by the provider's ids.
    pub notes: Book,
    /// For the names of stored secrets.
    pub random: Random,
    /// The account's plan, to be shown.
    pub plan: Option<String>,
}

impl<T: Transport> Remote<T> {
    /// All subscriptions, page by page.
    async fn subscriptions(&self) -> Result<Vec<Subscription>, EndpointError> {
        let call = self.client.verb(Verb::List)?;
        let mut found = Vec::new();
        let mut page = Some(String::new());
        for number in 1..=MOST_PAGES {
            let Some(cursor) = page.take() else { return Ok(found) };
            let answer = self.page(number, &cursor).await?;
            let items = self.items(call, &answer)?;
            page = match &self.client.api.paging {
                None => None,
                Some(paging) => next_page(paging, &answer, number, items.len()).filter(|next| *next != cursor),
            };
            found.extend(items);
            if found.len() > MOST_LISTED {
                return Err(self.garbled(format!("the list has more than {MOST_LISTED} subscriptions")));
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
        let list = match &call.items {
            None => Some(answer),
            Some(path) => get(answer, path),
        };
        let Some(Value::Array(items)) = list else {
            let where_ = call
                .items
                .as_deref()
                .map_or("the answer".to_owned(), |path| format!("`{path}` of the answer"));
            return Err(self.garbled(format!("{where_} is no list of subscriptions")));
        };
        let read = (1..).zip(items).map(|(number, item)| {
            let read = Subscription::read(&self.client.profile, &self.client.api, item);
            read.map_err(|what| self.garbled(format!("subscription {number} of the list cannot be read: {what}")))
        });
        read.collect()
    }

    fn garbled(&self, what: String) -> EndpointError {
        let error: ApiError = failure::garbled(Verb::List, what);
        EndpointError::Api(Box::new(error.of_call("GET", &self.client.base)))
    }

    /// As endpoints, with what is noted about them here.
    fn endpoints(&self, subscriptions: &[Subscription]) -> Result<Vec<Endpoint>, EndpointError> {
        let notes: HashMap<String, Endpoint> = self
            .notes
            .read()?
            .into_iter()
            .map(|note| (note.id.clone(), note))
            .collect();
        let mut endpoints: Vec<Endpoint> = Vec::with_capacity(subscriptions.len());
        // Noted names first, so that a made name never takes one of them.
        let mut taken: Vec<Endpoint> = notes.values().cloned().collect();
        for subscription in subscriptions {
            let endpoint = self.endpoint(subscription, notes.get(&subscription.id), &taken);
            taken.push(endpoint.clone());
            endpoints.push(endpoint);
        }
        Ok(endpoints)
    }

    fn endpoint(&self, subscription: &Subscription, note: Option<&Endpoint>, taken: &[Endpoint]) -> Endpoint {
        let created = subscription
            .created
            .or(note.map(|note| note.created))
            .unwrap_or(Timestamp::from_unix(0));
        let own = subscription
            .name
            .clone()
            .filter(|name| crate::endpoints::check_name(name).is_ok());
        let name = note.map(|note| note.name.clone()).or(own);
        let disabled = |reason| Disabled {
            reason,
            detail: None,
            since: created,
        };
        Endpoint {
            id: subscription.id.clone(),
            name: name.unwrap_or_else(|| name_for(&subscription.url, taken)),
            url: subscription.url.clone(),
            provider: self.client.profile.label(),
            events: subscription.events.clone(),
            description: subscription.description.clone(),
            labels: note.map(|note| note.labels.clone()).unwrap_or_default(),
            plan: self.plan.clone(),
            params: note.map(|note| note.params.clone()).unwrap_or_default(),
            secrets: note.map(|note| note.secrets.clone()).unwrap_or_default(),
            disabled: match (subscription.pending, subscription.active) {
                (true, _) => Some(disabled(DisabledBy::Unconfirmed)),
                (false, false) => Some(disabled(DisabledBy::Hand)),
                (false, true) => None,
            },
            confirmation: None,
            failed_deliveries: 0,
            created,
            updated: note.map_or(created, |note| note.updated),
        }
    }

    /// Notes an endpoint, and the secret that came with it.
    fn note(&self, endpoint: &mut Endpoint, secret: Option<&Secret>) -> Result<(), EndpointError> {
        if let Some(secret) = secret {
            let fresh = Fresh {
                secret: secret.clone(),
                public: None,
            };
            let reference = self.notes.vault().store(&endpoint.name, &fresh, &self.random)?;
            endpoint.secrets = vec![EndpointSecret {
                reference,
                name: None,
                until: None,
            }];
        }
        self.notes.edit(|notes| {
            // A name may be left over from one that was removed elsewhere.
            notes.retain(|note| note.id != endpoint.id && note.name != endpoint.name);
            notes.push(endpoint.clone());
            Ok(())
        })
    }

    /// Forgets what is noted about an endpoint, its stored secret included.
    fn forget(&self, id: &str) -> Result<(), EndpointError> {
        if !self.notes.read()?.iter().any(|note| note.id == id) {
            return Ok(());
        }
        self.notes.edit(|notes| {
            notes.retain(|note| note.id != id);
            Ok(())
        })
    }

    /// What a request carries: the given fields, and what the call needs besides.
    fn body(&self, call: &Call, endpoint: &Endpoint, fields: &[Field]) -> Result<Value, EndpointError> {
        let mut body = write_fields(&self.client.profile, &self.client.api, endpoint, fields);
        for (name, extra) in &call.with {
            let text = match extra {
                Extra::Text(text) => text.clone(),
                Extra::Param(param) => self.param(endpoint, param)?,
            };
            insert(&mut body, name, Value::from(text));
        }
        Ok(body)
    }

    /// The endpoint's own, the account's, the profile's default.
    fn param(&self, endpoint: &Endpoint, name: &str) -> Result<String, EndpointError> {
        let account = || {
            self.client
                .params
                .iter()
                .find(|(have, _)| have == name)
                .map(|(_, value)| value.clone())
        };
        let default = || self.client.profile.params.get(name)?.default.clone();
        let value = endpoint.params.get(name).cloned().or_else(account).or_else(default);
        value.ok_or_else(|| EndpointError::Unsupported(format!("the call needs the parameter `{name}`")))
    }

    /// The fields that a change is about; an error for one that the provider cannot change.
    fn changed(&self, change: &Change) -> Result<Vec<Field>, EndpointError> {
        let fields = [
            (change.url.is_some(), Field::Url, "URL"),
            (change.events.is_some(), Field::Events, "events"),
            (change.description.is_some(), Field::Description, "description"),
            (change.active.is_some(), Field::Active, "being active or not"),
        ];
        let label = self.client.profile.label();
        let mut changed = Vec::new();
        for (_, field, what) in fields.into_iter().filter(|(is, ..)| *is) {
            if !self.client.api.takes(Verb::Update, field) {
                let what = format!("`{label}` cannot change an endpoint's {what}");
                return Err(EndpointError::Unsupported(what));
            }
            changed.push(field);
        }
        // Kept here when the provider has no names.
        if change.name.is_some() && self.client.api.takes(Verb::Update, Field::Name) {
            changed.push(Field::Name);
        }
        Ok(changed)
    }

    /// Confirms a subscription by the token that its endpoint was sent.
    pub async fn confirm(&self, selector: &str, token: &str) -> Result<Endpoint, EndpointError> {
        let endpoint = self.get(selector).await?;
        let call = self.client.verb(Verb::Confirm)?;
        let body = call.body.as_ref().map(|body| {
            body.fill(|hole| match hole {
                "token" => Some(Value::from(token)),
                _ => Some(Value::from(endpoint.id.as_str())),
            })
        });
        self.client
            .call(Verb::Confirm, Some(&endpoint.id), &[], body.as_ref())
            .await?;
        self.get(&endpoint.id).await
    }

    /// The secrets that the provider's own list shows, noted so that they sign and verify here.
    pub async fn learn(&self, selector: &str) -> Result<Endpoint, EndpointError> {
        let subscriptions = self.subscriptions().await?;
        let mut endpoint = select(&self.endpoints(&subscriptions)?, selector)?.clone();
        let shown = subscriptions
            .iter()
            .find(|one| one.id == endpoint.id)
            .and_then(|one| one.secret.as_ref());
        if endpoint.secrets.is_empty() && shown.is_some() {
            self.note(&mut endpoint, shown)?;
        }
        Ok(endpoint)
    }
}

impl<T: Transport> EndpointStore for Remote<T> {
    async fn list(&self) -> Result<Vec<Endpoint>, EndpointError> {
        self.endpoints(&self.subscriptions().await?)
    }

    async fn add(&self, endpoint: Endpoint) -> Result<Added, EndpointError> {
        let call = self.client.verb(Verb::Create)?;
        if endpoint.description.is_some() && !self.client.api.takes(Verb::Create, Field::Description) {
            let what = format!("`{}` has no place for a description", self.client.profile.label());
            return Err(EndpointError::Unsupported(what));
        }
        let body = self.body(call, &endpoint, &call.takes)?;
        let answer = self.client.call(Verb::Create, None, &[], Some(&body)).await?;
        let made = Subscription::read(&self.client.profile, &self.client.api, &answer).map_err(|what| {
            let what = format!("the answer is no subscription: {what}");
            EndpointError::Api(Box::new(failure::garbled(Verb::Create, what)))
        })?;
        let mut added = self.endpoint(&made, Some(&endpoint), &[]);
        let unnoted = self.note(&mut added, made.secret.as_ref()).err();
        Ok(Added {
            endpoint: added,
            secret: made.secret,
            unnoted,
        })
    }

    async fn update(&self, selector: &str, change: Change, now: Timestamp) -> Result<Endpoint, EndpointError> {
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
        // What the provider made of it: a changed URL may have to be confirmed again.
        self.get(&endpoint.id).await
    }

    async fn remove(&self, selector: &str) -> Result<Endpoint, EndpointError> {
        let endpoint = self.get(selector).await?;
        self.client.call(Verb::Delete, Some(&endpoint.id), &[], None).await?;
        self.forget(&endpoint.id)?;
        Ok(endpoint)
    }
}

fn next_page(paging: &Paging, answer: &Value, number: u32, items: usize) -> Option<String> {
    match &paging.next {
        Some(path) => match get(answer, path)? {
            Value::String(next) if !next.is_empty() => Some(next.clone()),
            Value::Number(next) => Some(next.to_string()),
            _ => None,
        },
        None => {
            (items > 0 && items >= usize::try_from(paging.size).unwrap_or(usize::MAX)).then(|| (number + 1).to_string())
        }
    }
}
