//! Calls about subscriptions, answered from the book. The book waits for its lock, so every use of it has a thread.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::page::EndpointPage;
use super::response::{ApiRejection, ApiReply, ApiResult};
use super::subscription_request::{self, SubscriptionRequest};
use super::{ApiEvent, ConfirmationRequest, MockApi, ids};
use crate::endpoints::{
    Book, Change, Confirmed, DisabledBy, Endpoint, EndpointError, EndpointSecret, Events, Reference, generate,
    name_for, validate, validate_change,
};
use crate::id::{Id, IdKind};
use crate::json::{get, insert};
use crate::mask;
use crate::provider::Profile;
use crate::provider::api::{Call, Extra, FaultKind, Field, Verb};
use crate::secret::Secret;
use crate::server::Incoming;
use crate::template::text_of;

impl MockApi {
    pub(super) async fn subscription(&self, verb: Verb, id: &str, incoming: &Incoming) -> ApiResult {
        let Some(call) = self.api.call(verb) else {
            return Err(ApiRejection::unknown("call"));
        };
        match verb {
            Verb::Create => self.create(call, incoming).await,
            Verb::List => self.list(call, incoming).await,
            Verb::Get => {
                let endpoint = self.one(id).await?;
                Ok(self.done(call, &endpoint, String::new()))
            }
            Verb::Update => self.update(call, id, incoming).await,
            Verb::Delete => self.delete(call, id).await,
            Verb::Confirm => self.confirm(call, id, incoming).await,
        }
    }

    async fn create(&self, call: &Call, incoming: &Incoming) -> ApiResult {
        let options = &self.options;
        let body = subscription_request::object(incoming)?;
        let wanted = SubscriptionRequest::read(&options.profile, &self.api, call, &body)?;
        let url = subscription_request::needed(&self.api, Field::Url, wanted.url)?;
        let events = subscription_request::needed(&self.api, Field::Events, wanted.events)?;
        self.in_scope(&events)?;
        let now = options.clock.now();
        let id = Id::new(IdKind::Endpoint, now, &options.random);
        let mut draft = Endpoint::new(id, "", &url, &options.profile.label(), events, now);
        draft.params = extras(&options.profile, call, &body)?;
        draft.description = wanted.description.filter(|text| !text.is_empty());
        if wanted.active == Some(false) {
            draft.disable(DisabledBy::Hand, None, now);
        }
        let token = options
            .profile
            .handshakes
            .first()
            .map(|shake| shake.token.fresh(&options.random));
        if let Some(token) = &token {
            draft.await_confirmation(token, now);
        }
        let endpoint = self.keep(draft, wanted.name).await?;
        self.ask(&endpoint, token).await;
        let summary = format!("added {} for {}", endpoint.name, mask::url(&endpoint.url));
        Ok(self.done(call, &endpoint, summary))
    }

    /// Judges a new endpoint, makes its secret, and brings both into the book.
    async fn keep(&self, draft: Endpoint, name: Option<String>) -> ApiResult<Endpoint> {
        let (profile, rules) = (self.options.profile.clone(), self.options.rules.clone());
        let random = self.options.random.clone();
        self.in_book(move |book| {
            let named = |endpoints: &[Endpoint]| Endpoint {
                name: name.clone().unwrap_or_else(|| name_for(&draft.url, endpoints)),
                ..draft.clone()
            };
            // Judged before a secret is made, and again while nobody else can change the book.
            let existing = book.read()?;
            let mut candidate = named(&existing);
            validate(&profile, &mut candidate, &existing, &rules)?;
            let secret = match generate(&profile, &random)? {
                Some(fresh) => Some(book.vault().store(&candidate.name, &fresh, &random)?),
                None => None,
            };
            let added = book.edit(|endpoints| {
                let mut endpoint = named(endpoints);
                endpoint.secrets = secret.iter().cloned().map(stored).collect();
                validate(&profile, &mut endpoint, endpoints, &rules)?;
                endpoints.push(endpoint.clone());
                Ok(endpoint)
            });
            if let (Err(_), Some(secret)) = (&added, &secret) {
                // The endpoint did not come into the book: its secret is nobody's.
                book.vault().discard(secret)?;
            }
            added
        })
        .await
    }

    async fn list(&self, call: &Call, incoming: &Incoming) -> ApiResult {
        let mut all = self.in_book(Book::read).await?;
        all.retain(|endpoint| self.is_own(endpoint));
        let total = all.len();
        let page = match &self.api.paging {
            Some(paging) => EndpointPage::of(paging, &incoming.target, self.api.id, all)?,
            None => EndpointPage { items: all, next: None },
        };
        let items = page.items.iter().map(|endpoint| self.object(call, endpoint)).collect();
        let mut body = json!({});
        match &call.items {
            None => body = Value::Array(items),
            Some(place) => drop(insert(&mut body, place, Value::Array(items))),
        }
        if let Some(place) = &call.total {
            insert(&mut body, place, Value::from(total));
        }
        if let Some(place) = self.api.paging.as_ref().and_then(|paging| paging.next.as_ref()) {
            insert(&mut body, place, page.next.map_or(Value::Null, Value::from));
        }
        Ok(ApiReply {
            status: call.status,
            body: Some(body),
            summary: format!("{total} in all"),
        })
    }

    async fn update(&self, call: &Call, id: &str, incoming: &Incoming) -> ApiResult {
        let options = &self.options;
        let body = subscription_request::object(incoming)?;
        let wanted = SubscriptionRequest::read(&options.profile, &self.api, call, &body)?;
        if let Some(events) = &wanted.events {
            self.in_scope(events)?;
        }
        let change = Change {
            name: wanted.name,
            url: wanted.url,
            events: wanted.events,
            active: wanted.active,
            description: wanted.description,
            ..Change::default()
        };
        let (profile, rules, now) = (options.profile.clone(), options.rules.clone(), options.clock.now());
        let handshake = profile.handshakes.first();
        let token = handshake.map(|handshake| handshake.token.fresh(&options.random));
        let changed = self.edit(id, move |endpoints, index| {
            let existing = endpoints.clone();
            let endpoint = &mut endpoints[index];
            let before = endpoint.url.clone();
            validate_change(&profile, endpoint, change, &existing, (&rules, now))?;
            // Another place has not said that it is wanted there.
            let token = token.filter(|_| endpoint.url != before);
            if let Some(token) = &token {
                endpoint.await_confirmation(token, now);
            }
            Ok((endpoint.clone(), token))
        });
        let (endpoint, token) = changed.await?;
        self.ask(&endpoint, token).await;
        let summary = format!("updated {}", endpoint.name);
        Ok(self.done(call, &endpoint, summary))
    }

    async fn delete(&self, call: &Call, id: &str) -> ApiResult {
        let endpoint = self.edit(id, |endpoints, index| Ok(endpoints.remove(index))).await?;
        let summary = format!("removed {}", endpoint.name);
        Ok(self.done(call, &endpoint, summary))
    }

    async fn confirm(&self, call: &Call, id: &str, incoming: &Incoming) -> ApiResult {
        let body = subscription_request::object(incoming)?;
        let place = call.body.as_ref().and_then(|body| body.place_of("token"));
        let place = place.unwrap_or_else(|| "token".to_owned());
        let token = get(&body, &place).and_then(Value::as_str).map(str::to_owned);
        let token = token.ok_or_else(|| ApiRejection::invalid(format!("`{place}` is missing")))?;
        let now = self.options.clock.now();
        let changed = self.edit(id, move |endpoints, index| {
            let confirmed = endpoints[index].confirm(&token, now);
            Ok((endpoints[index].clone(), confirmed))
        });
        let (endpoint, confirmed) = changed.await?;
        let summary = match confirmed {
            Confirmed::Now => format!("confirmed {}", endpoint.name),
            Confirmed::Before => format!("{} waited for no confirmation", endpoint.name),
            Confirmed::WrongToken => return Err(ApiRejection::invalid("the token is not the one that was sent")),
        };
        Ok(self.done(call, &endpoint, summary))
    }

    /// Has the endpoint asked, where its provider does.
    async fn ask(&self, endpoint: &Endpoint, token: Option<String>) {
        if let Some(token) = token {
            let (endpoint, token) = (endpoint.clone(), Secret::new(token));
            self.emit(ApiEvent::Confirmation(Box::new(ConfirmationRequest {
                endpoint,
                token,
            })))
            .await;
        }
    }

    async fn one(&self, id: &str) -> ApiResult<Endpoint> {
        let (id, provider) = (self.book_id(id)?, self.provider());
        self.in_book(move |book| {
            let mut all = book.read()?;
            let index = position(&all, &provider, &id)?;
            Ok(all.swap_remove(index))
        })
        .await
    }

    /// Changes the endpoint of that id, which has that index, while nobody else can change the book.
    async fn edit<T: Send + 'static>(
        &self,
        id: &str,
        change: impl FnOnce(&mut Vec<Endpoint>, usize) -> Result<T, EndpointError> + Send + 'static,
    ) -> ApiResult<T> {
        let (id, provider) = (self.book_id(id)?, self.provider());
        self.in_book(move |book| {
            book.edit(|endpoints| {
                let index = position(endpoints, &provider, &id)?;
                change(endpoints, index)
            })
        })
        .await
    }

    fn book_id(&self, id: &str) -> ApiResult<String> {
        ids::read(self.api.id, id).ok_or_else(|| ApiRejection::unknown("webhook"))
    }

    fn is_own(&self, endpoint: &Endpoint) -> bool {
        endpoint.provider_name() == self.options.profile.name
    }

    fn provider(&self) -> String {
        self.options.profile.name.clone()
    }

    /// Uses the book on a thread that may wait.
    async fn in_book<T: Send + 'static>(
        &self,
        action: impl FnOnce(&Book) -> Result<T, EndpointError> + Send + 'static,
    ) -> ApiResult<T> {
        let book = self.options.book.clone();
        let done = tokio::task::spawn_blocking(move || action(&book)).await;
        Ok(done.map_err(|error| ApiRejection::broken(error.to_string()))??)
    }

    /// Whether the keys may subscribe to that.
    fn in_scope(&self, events: &Events) -> ApiResult<()> {
        let Some(granted) = &self.options.scopes else {
            return Ok(());
        };
        let lacks = |event: &str| {
            let scopes = self.api.scopes.iter();
            let fitting = scopes.filter(|(_, patterns)| patterns.iter().any(|pattern| pattern.fits(event)));
            let needed: Vec<&String> = fitting.map(|(scope, _)| scope).collect();
            let missing = needed.iter().all(|scope| !granted.contains(scope));
            needed.first().filter(|_| missing).map(|scope| (*scope).clone())
        };
        let wanted: Vec<&str> = match events {
            Events::All => self.options.profile.events.keys().map(String::as_str).collect(),
            Events::Only(names) => names.iter().map(String::as_str).collect(),
        };
        match wanted.into_iter().find_map(|event| Some((event, lacks(event)?))) {
            Some((event, scope)) => {
                let what = format!("`{event}` needs the scope `{scope}`, which the key does not have");
                Err(ApiRejection::fault(FaultKind::Forbidden, what))
            }
            None => Ok(()),
        }
    }
}

fn stored(reference: Reference) -> EndpointSecret {
    EndpointSecret {
        reference,
        name: None,
        until: None,
    }
}

/// Where the provider's endpoint of that id is; those of others are none of its business.
fn position(endpoints: &[Endpoint], provider: &str, id: &str) -> Result<usize, EndpointError> {
    let found = endpoints
        .iter()
        .position(|endpoint| endpoint.id == id && endpoint.provider_name() == provider);
    found.ok_or_else(|| EndpointError::Unknown {
        selector: id.to_owned(),
        near: Vec::new(),
    })
}

/// What a request must carry beside the subscription; parameters among it are the endpoint's.
fn extras(profile: &Profile, call: &Call, body: &Value) -> ApiResult<BTreeMap<String, String>> {
    let mut params = BTreeMap::new();
    for (name, extra) in &call.with {
        let given = match get(body, name) {
            Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => String::new(),
            Some(scalar) => text_of(scalar),
        };
        if given.is_empty() {
            return Err(ApiRejection::invalid(format!("`{name}` is missing")));
        }
        match extra {
            Extra::Param(param) => {
                let known = profile.params.get(param).map(|param| param.value(&given)).transpose();
                known.map_err(|what| ApiRejection::invalid(format!("`{name}`: {what}")))?;
                params.insert(param.clone(), given);
            }
            Extra::Text(wanted) if *wanted == given => {}
            Extra::Text(wanted) => return Err(ApiRejection::invalid(format!("`{name}` must be `{wanted}`"))),
        }
    }
    Ok(params)
}
