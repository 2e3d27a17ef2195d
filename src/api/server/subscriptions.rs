//! Calls about subscriptions, answered from the endpoint file. Waiting for its lock blocks, so each use has a thread.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::object::json_object;
use super::page::EndpointPage;
use super::response::{ApiRejection, ApiReply, ApiResult};
use super::{ApiEvent, ConfirmationRequest, MockApi, ids};
use crate::endpoints::{
    Book, Confirmed, DisabledBy, Endpoint, EndpointError, Events, generate, name_for, validate, validate_change,
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
            return Err(ApiRejection::unknown("path"));
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
        let body = json_object(incoming)?;
        let change = self.requested_change(call, &body)?;
        let missing =
            |field| ApiRejection::invalid(format!("`{}` is missing", self.api.field(field).unwrap_or_default()));
        let url = change.url.ok_or_else(|| missing(Field::Url))?;
        let events = change.events.ok_or_else(|| missing(Field::Events))?;
        self.check_scopes(&events)?;
        let now = options.clock.now();
        let id = Id::new(IdKind::Endpoint, now, &options.random);
        let mut draft = Endpoint::new(id.to_string(), "", &url, &options.profile.label(), events, now);
        draft.params = extras(&options.profile, call, &body)?;
        draft.description = change.description.filter(|text| !text.is_empty());
        if change.active == Some(false) {
            draft.disable(DisabledBy::Hand, None, now);
        }
        let token = self.confirmation_token();
        if let Some(token) = &token {
            draft.await_confirmation(token, now);
        }
        let endpoint = self.add(draft, change.name).await?;
        self.request_confirmation(&endpoint, token).await;
        let summary = format!("added {} for {}", endpoint.name, mask::url(&endpoint.url));
        let hidden = call.answer.is_some() || !self.shows_secret(call);
        let secret = self.secret(&endpoint).filter(|_| hidden);
        Ok(ApiReply {
            secret: secret.map(|secret| String::from_utf8_lossy(secret.expose()).into_owned()),
            ..self.done(call, &endpoint, summary)
        })
    }

    /// Validates a new endpoint, generates its secret, and adds both to the endpoint file.
    async fn add(&self, mut endpoint: Endpoint, name: Option<String>) -> ApiResult<Endpoint> {
        let (profile, rules) = (self.options.profile.clone(), self.options.rules.clone());
        let random = self.options.random.clone();
        self.in_book(move |book| {
            let mut stored = None;
            let added = book.edit(|endpoints| {
                endpoint.name = name.unwrap_or_else(|| name_for(&endpoint.url, endpoints));
                // Before the secret is made, which a rejected endpoint must not leave behind.
                validate(&profile, &mut endpoint, endpoints, &rules, &[])?;
                if let Some(secret) = generate(&profile, &random)? {
                    let reference = book.vault().store(&endpoint.name, &secret, &random)?;
                    stored = Some(reference.clone());
                    endpoint.secrets = vec![reference.into()];
                }
                endpoints.push(endpoint.clone());
                Ok(endpoint)
            });
            if let (Err(_), Some(reference)) = (&added, &stored) {
                // The endpoint file could not be written: nothing refers to the secret.
                book.vault().discard(reference)?;
            }
            added
        })
        .await
    }

    /// A new token, where the provider asks endpoints to confirm their subscription.
    fn confirmation_token(&self) -> Option<String> {
        let handshake = self.options.profile.handshakes.first();
        handshake.map(|handshake| handshake.token.fresh(&self.options.random))
    }

    async fn list(&self, call: &Call, incoming: &Incoming) -> ApiResult {
        let all = self.all().await?;
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
            secret: None,
        })
    }

    async fn update(&self, call: &Call, id: &str, incoming: &Incoming) -> ApiResult {
        let options = &self.options;
        let change = self.requested_change(call, &json_object(incoming)?)?;
        if let Some(events) = &change.events {
            self.check_scopes(events)?;
        }
        let (profile, rules, now) = (options.profile.clone(), options.rules.clone(), options.clock.now());
        let token = self.confirmation_token();
        let changed = self.edit(id, move |endpoints, index| {
            let existing = endpoints.clone();
            let endpoint = &mut endpoints[index];
            let before = endpoint.url.clone();
            validate_change(&profile, endpoint, change, &existing, (&rules, now))?;
            // The receiver at the new URL has not confirmed the subscription.
            let token = token.filter(|_| endpoint.url != before);
            if let Some(token) = &token {
                endpoint.await_confirmation(token, now);
            }
            Ok((endpoint.clone(), token))
        });
        let (endpoint, token) = changed.await?;
        self.request_confirmation(&endpoint, token).await;
        let summary = format!("updated {}", endpoint.name);
        Ok(self.done(call, &endpoint, summary))
    }

    async fn delete(&self, call: &Call, id: &str) -> ApiResult {
        let endpoint = self.edit(id, |endpoints, index| Ok(endpoints.remove(index))).await?;
        let summary = format!("removed {}", endpoint.name);
        Ok(self.done(call, &endpoint, summary))
    }

    async fn confirm(&self, call: &Call, id: &str, incoming: &Incoming) -> ApiResult {
        let body = json_object(incoming)?;
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
            Confirmed::Before => format!("{} was confirmed already", endpoint.name),
            Confirmed::WrongToken => return Err(ApiRejection::invalid("wrong confirmation token")),
        };
        Ok(self.done(call, &endpoint, summary))
    }

    /// Emits the confirmation request that the endpoint must answer with the token.
    async fn request_confirmation(&self, endpoint: &Endpoint, token: Option<String>) {
        if let Some(token) = token {
            let request = ConfirmationRequest {
                endpoint: endpoint.clone(),
                token: Secret::new(token),
            };
            self.emit(ApiEvent::Confirmation(Box::new(request))).await;
        }
    }

    /// The provider's endpoints in the file.
    async fn all(&self) -> ApiResult<Vec<Endpoint>> {
        let mut all = self.in_book(Book::read).await?;
        all.retain(|endpoint| endpoint.provider_name() == self.options.profile.name);
        Ok(all)
    }

    async fn one(&self, id: &str) -> ApiResult<Endpoint> {
        let id = self.book_id(id)?;
        let found = self.all().await?.into_iter().find(|endpoint| endpoint.id == id);
        found.ok_or_else(|| ApiRejection::unknown("webhook"))
    }

    /// Changes the endpoint with that id under the lock of the endpoint file. `change` gets its index.
    async fn edit<T: Send + 'static>(
        &self,
        id: &str,
        change: impl FnOnce(&mut Vec<Endpoint>, usize) -> Result<T, EndpointError> + Send + 'static,
    ) -> ApiResult<T> {
        let (id, provider) = (self.book_id(id)?, self.options.profile.name.clone());
        self.in_book(move |book| {
            book.edit(|endpoints| {
                let is_it = |endpoint: &Endpoint| endpoint.id == id && endpoint.provider_name() == provider;
                match endpoints.iter().position(is_it) {
                    Some(index) => change(endpoints, index),
                    None => Err(EndpointError::Unknown {
                        selector: id,
                        near: Vec::new(),
                    }),
                }
            })
        })
        .await
    }

    fn book_id(&self, id: &str) -> ApiResult<String> {
        ids::read(self.api.id, id).ok_or_else(|| ApiRejection::unknown("webhook"))
    }

    /// Uses the endpoint file on a thread that may block.
    async fn in_book<T: Send + 'static>(
        &self,
        action: impl FnOnce(&Book) -> Result<T, EndpointError> + Send + 'static,
    ) -> ApiResult<T> {
        let book = self.options.book.clone();
        let done = tokio::task::spawn_blocking(move || action(&book)).await;
        Ok(done.map_err(|error| ApiRejection::broken(error.to_string()))??)
    }

    /// Rejects events that need a scope which the keys do not have. One of several scopes is enough.
    fn check_scopes(&self, events: &Events) -> ApiResult<()> {
        let Some(granted) = &self.options.scopes else {
            return Ok(());
        };
        let events: Vec<&String> = match events {
            Events::All => self.options.profile.events.keys().collect(),
            Events::Only(names) => names.iter().collect(),
        };
        for event in events {
            let scopes = self.api.scopes.iter();
            let mut needed = scopes.filter(|(_, patterns)| patterns.iter().any(|pattern| pattern.fits(event)));
            if let Some((first, _)) = needed.next()
                && !granted.contains(first)
                && !needed.any(|(scope, _)| granted.contains(scope))
            {
                let what = format!("`{event}` needs the scope `{first}`, which the key does not have");
                return Err(ApiRejection::fault(FaultKind::Forbidden, what));
            }
        }
        Ok(())
    }
}

/// Checks what a request must contain besides the subscription. Returns the parameters among it.
fn extras(profile: &Profile, call: &Call, body: &Value) -> ApiResult<BTreeMap<String, String>> {
    let mut params = BTreeMap::new();
    for (name, extra) in &call.with {
        let given = match get(body, name) {
            Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => String::new(),
            Some(scalar) => text_of(scalar),
        };
        let problem = match extra {
            _ if given.is_empty() => Some(format!("`{name}` is missing")),
            Extra::Text(wanted) => (*wanted != given).then(|| format!("`{name}` must be `{wanted}`")),
            Extra::Param(param) => {
                let checked = profile.params.get(param).map(|param| param.value(&given)).transpose();
                params.insert(param.clone(), given);
                checked.err().map(|what| format!("`{name}`: {what}"))
            }
        };
        if let Some(problem) = problem {
            return Err(ApiRejection::invalid(problem));
        }
    }
    Ok(params)
}
