//! Calls about subscriptions, answered from the book. The book waits for its lock, so every use of it has a thread.

use serde_json::{Value, json};

use super::ask::{self, Wanted};
use super::outcome::{Done, Outcome, Refusal};
use super::{Face, ids};
use crate::api::object::Subscription;
use crate::endpoints::{
    Book, Change, DisabledBy, Endpoint, EndpointError, EndpointSecret, Events, Reference, admit, admit_change,
    generate, name_for, shown,
};
use crate::id::{Id, IdKind};
use crate::json::{get, insert};
use crate::provider::api::{Answer, Call, Extra, FaultKind, Field, Verb};
use crate::secret::Secret;
use crate::server::Incoming;

impl Face {
    pub(super) async fn subscription(&self, verb: Verb, id: &str, incoming: &Incoming) -> Outcome {
        let Some(call) = self.api.call(verb) else {
            return Err(Refusal::unknown("call"));
        };
        match verb {
            Verb::Create => self.create(call, incoming).await,
            Verb::List => self.list(call).await,
            Verb::Get => {
                let endpoint = self.one(id).await?;
                Ok(self.done(call, &endpoint, String::new()))
            }
            Verb::Update => self.update(call, id, incoming).await,
            Verb::Delete => self.delete(call, id).await,
            Verb::Confirm => Err(Refusal::unknown("call")),
        }
    }

    async fn create(&self, call: &Call, incoming: &Incoming) -> Outcome {
        let setup = &self.setup;
        let body = ask::object(incoming)?;
        let wanted = Wanted::read(&setup.profile, &self.api, call, &body)?;
        let url = ask::needed(&self.api, Field::Url, wanted.url)?;
        let events = ask::needed(&self.api, Field::Events, wanted.events)?;
        self.in_scope(&events)?;
        let now = setup.clock.now();
        let id = Id::new(IdKind::Endpoint, now, &setup.random);
        let mut draft = Endpoint::new(id, "", &url, &setup.profile.label(), events, now);
        draft.params = extras(call, &body)?;
        draft.description = wanted.description.filter(|text| !text.is_empty());
        if wanted.active == Some(false) {
            draft.disable(DisabledBy::Hand, None, now);
        }
        let endpoint = self.keep(draft, wanted.name).await?;
        let said = format!("added {} for {}", endpoint.name, shown(&endpoint.url));
        Ok(self.done(call, &endpoint, said))
    }

    /// Judges a new endpoint, makes its secret, and brings both into the book.
    async fn keep(&self, draft: Endpoint, name: Option<String>) -> Outcome<Endpoint> {
        let (profile, rules) = (self.setup.profile.clone(), self.setup.rules.clone());
        let random = self.setup.random.clone();
        self.in_book(move |book| {
            let named = |endpoints: &[Endpoint]| Endpoint {
                name: name.clone().unwrap_or_else(|| name_for(&draft.url, endpoints)),
                ..draft.clone()
            };
            // Judged before a secret is made, and again while nobody else can change the book.
            let existing = book.read()?;
            let mut candidate = named(&existing);
            admit(&profile, &mut candidate, &existing, &rules)?;
            let secret = match generate(&profile, &random)? {
                Some(fresh) => Some(book.vault().store(&candidate.name, &fresh, &random)?),
                None => None,
            };
            let added = book.edit(|endpoints| {
                let mut endpoint = named(endpoints);
                endpoint.secrets = secret.iter().cloned().map(stored).collect();
                admit(&profile, &mut endpoint, endpoints, &rules)?;
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

    async fn list(&self, call: &Call) -> Outcome {
        let all = self.in_book(|book| book.read()).await?;
        let own: Vec<Value> = all
            .iter()
            .filter(|endpoint| self.is_own(endpoint))
            .map(|endpoint| self.object(call, endpoint))
            .collect();
        let total = own.len();
        let body = match &call.items {
            None => Value::Array(own),
            Some(items) => {
                let mut body = json!({});
                insert(&mut body, items, Value::Array(own));
                if let Some(place) = &call.total {
                    insert(&mut body, place, Value::from(total));
                }
                body
            }
        };
        Ok(Done {
            status: call.status,
            body: Some(body),
            said: format!("{total} in all"),
        })
    }

    async fn update(&self, call: &Call, id: &str, incoming: &Incoming) -> Outcome {
        let setup = &self.setup;
        let body = ask::object(incoming)?;
        let wanted = Wanted::read(&setup.profile, &self.api, call, &body)?;
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
        let id = self.book_id(id)?;
        let (profile, rules, now) = (setup.profile.clone(), setup.rules.clone(), setup.clock.now());
        let own = self.owner();
        let endpoint = self
            .in_book(move |book| {
                book.edit(|endpoints| {
                    let existing = endpoints.clone();
                    let endpoint = endpoints.iter_mut().find(|endpoint| own(endpoint) && endpoint.id == id);
                    let endpoint = endpoint.ok_or_else(|| unknown(&id))?;
                    admit_change(&profile, endpoint, change, &existing, (&rules, now))?;
                    Ok(endpoint.clone())
                })
            })
            .await?;
        let said = format!("updated {}", endpoint.name);
        Ok(self.done(call, &endpoint, said))
    }

    async fn delete(&self, call: &Call, id: &str) -> Outcome {
        let (id, own) = (self.book_id(id)?, self.owner());
        let endpoint = self
            .in_book(move |book| {
                book.edit(|endpoints| {
                    let found = endpoints.iter().position(|endpoint| own(endpoint) && endpoint.id == id);
                    Ok(endpoints.remove(found.ok_or_else(|| unknown(&id))?))
                })
            })
            .await?;
        let said = format!("removed {}", endpoint.name);
        Ok(self.done(call, &endpoint, said))
    }

    async fn one(&self, id: &str) -> Outcome<Endpoint> {
        let id = self.book_id(id)?;
        let all = self.in_book(|book| book.read()).await?;
        let found = all
            .into_iter()
            .find(|endpoint| self.is_own(endpoint) && endpoint.id == id);
        found.ok_or_else(|| Refusal::unknown("webhook"))
    }

    fn book_id(&self, id: &str) -> Outcome<String> {
        ids::read(self.api.id, id).ok_or_else(|| Refusal::unknown("webhook"))
    }

    fn is_own(&self, endpoint: &Endpoint) -> bool {
        endpoint.provider_name() == self.setup.profile.name
    }

    fn owner(&self) -> impl Fn(&Endpoint) -> bool + Send + 'static {
        let name = self.setup.profile.name.clone();
        move |endpoint| endpoint.provider_name() == name
    }

    /// Uses the book on a thread that may wait.
    async fn in_book<T: Send + 'static>(
        &self,
        action: impl FnOnce(&Book) -> Result<T, EndpointError> + Send + 'static,
    ) -> Outcome<T> {
        let book = self.setup.book.clone();
        let done = tokio::task::spawn_blocking(move || action(&book)).await;
        Ok(done.map_err(|error| Refusal::broken(error.to_string()))??)
    }

    /// Whether the keys may subscribe to that.
    fn in_scope(&self, events: &Events) -> Outcome<()> {
        let Some(granted) = &self.setup.scopes else {
            return Ok(());
        };
        let fits = |pattern: &String, event: &str| match pattern.strip_suffix('*') {
            Some(start) => event.starts_with(start),
            None => pattern == event,
        };
        let lacks = |event: &str| {
            let needed = self.api.scopes.iter();
            let mut needed = needed.filter(|(_, patterns)| patterns.iter().any(|pattern| fits(pattern, event)));
            let needed: Vec<&String> = needed.by_ref().map(|(scope, _)| scope).collect();
            let missing = needed.iter().all(|scope| !granted.contains(scope));
            needed.first().filter(|_| missing).map(|scope| (*scope).clone())
        };
        let wanted: Vec<&str> = match events {
            Events::All => self.setup.profile.events.keys().map(String::as_str).collect(),
            Events::Only(names) => names.iter().map(String::as_str).collect(),
        };
        match wanted.into_iter().find_map(|event| Some((event, lacks(event)?))) {
            Some((event, scope)) => {
                let what = format!("`{event}` needs the scope `{scope}`, which the key does not have");
                Err(Refusal::fault(FaultKind::Forbidden, what))
            }
            None => Ok(()),
        }
    }

    /// The answer of a call about one endpoint.
    fn done(&self, call: &Call, endpoint: &Endpoint, said: String) -> Done {
        let body = match &call.answer {
            Answer::Object => Some(self.object(call, endpoint)),
            Answer::Nothing => None,
            Answer::Pattern(pattern) => Some(pattern.fill(|hole| match hole {
                "id" => Some(Value::from(ids::shown(self.api.id, &endpoint.id))),
                _ => None,
            })),
        };
        Done {
            status: call.status,
            body,
            said,
        }
    }

    fn object(&self, call: &Call, endpoint: &Endpoint) -> Value {
        let shows_secret = !call.hides.contains(&Field::Secret) && self.api.field(Field::Secret).is_some();
        let subscription = Subscription {
            id: ids::shown(self.api.id, &endpoint.id),
            url: endpoint.url.clone(),
            events: endpoint.events.clone(),
            name: Some(endpoint.name.clone()),
            description: endpoint.description.clone(),
            active: endpoint.is_active(),
            pending: matches!(&endpoint.disabled, Some(disabled) if disabled.reason == DisabledBy::Unconfirmed),
            secret: if shows_secret { self.secret(endpoint) } else { None },
            created: Some(endpoint.created),
        };
        let mut object = subscription.write(&self.setup.profile, &self.api, &call.hides);
        let with = self.api.call(Verb::Create).map(|create| create.with.as_slice());
        for (name, extra) in with.unwrap_or_default() {
            let value = match extra {
                Extra::Text(text) => Some(text),
                Extra::Param(param) => endpoint.params.get(param),
            };
            insert(
                &mut object,
                name,
                value.map_or(Value::Null, |text| Value::from(text.as_str())),
            );
        }
        object
    }

    /// What the receiver verifies with. A reference that leads somewhere else than into hook's own store was written by
    /// hand, and what it leads to is not handed out.
    fn secret(&self, endpoint: &Endpoint) -> Option<Secret> {
        let current = endpoint.active_secrets(self.setup.clock.now()).into_iter().next()?;
        let stored = matches!(current.reference, Reference::Stored(_));
        stored
            .then(|| self.setup.book.vault().verifying(current).ok())
            .flatten()
    }
}

fn stored(reference: Reference) -> EndpointSecret {
    EndpointSecret {
        reference,
        name: None,
        until: None,
    }
}

fn unknown(id: &str) -> EndpointError {
    EndpointError::Unknown {
        selector: id.to_owned(),
        near: Vec::new(),
    }
}

/// What a request must carry beside the subscription; parameters among it are the endpoint's.
fn extras(call: &Call, body: &Value) -> Outcome<std::collections::BTreeMap<String, String>> {
    let mut params = std::collections::BTreeMap::new();
    for (name, extra) in &call.with {
        let given = get(body, name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let given = given.ok_or_else(|| Refusal::invalid(format!("`{name}` is missing")))?;
        match extra {
            Extra::Param(param) => drop(params.insert(param.clone(), given.to_owned())),
            Extra::Text(wanted) if wanted == given => {}
            Extra::Text(wanted) => return Err(Refusal::invalid(format!("`{name}` must be `{wanted}`"))),
        }
    }
    Ok(params)
}
