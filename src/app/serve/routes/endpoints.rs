//! The endpoints of the book, changed by the use cases of `hook endpoints`: there is no other check of them here.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse;

use super::endpoint_answer::{EndpointAnswer, TestAnswer};
use super::endpoint_input::{Enabling, EndpointChange, NewEndpoint, Rotation, TestRequest};
use super::extract::{EndpointPath, Input, Named, PageQuery, TenantQuery};
use super::input::Fields;
use super::problem::{FieldFindings, Problem};
use super::reads::ItemPage;
use super::{Answer, Caller, RouteState, Shared, Summary, answered, document};
use crate::app::context::{Context, aside};
use crate::app::endpoints::probe::{ProbeOptions, probe};
use crate::app::endpoints::{
    AddOptions, EndpointDetails, EndpointEvent, Endpoints, SecretOptions, UpdateOptions, whole_url,
};
use crate::app::notice::Notices;
use crate::endpoints::rules::RuleOptions;
use crate::endpoints::{Endpoint, select};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::headers::Headers;
use crate::provider::Profile;
use crate::store::QueryPage;

/// The result of a change.
type Changed = std::result::Result<(), Problem>;

/// Endpoints in the order of the book.
#[utoipa::path(
    get,
    path = "/endpoints",
    operation_id = "listEndpoints",
    params(PageQuery, TenantQuery),
    responses((status = 200, description = "A page, in the order of the endpoint file", body = ItemPage<EndpointAnswer>))
)]
pub(super) async fn list(State(state): Shared, caller: Caller, uri: Uri) -> Answer {
    let fields = Fields::of_query(&uri, &["cursor", "limit", "tenant"])?;
    let (page, tenant) = (fields.page()?, fields.tenant(&caller)?);
    let found = state.look(move |endpoints| page_of(endpoints, tenant.as_deref(), page));
    Ok(document(&found.await?))
}

/// A page: `before` of the page is the place in the list from which it goes on.
fn page_of(endpoints: &Endpoints<'_>, tenant: Option<&str>, page: QueryPage) -> Result<ItemPage<EndpointAnswer>> {
    let all = endpoints.store.list()?;
    let from = page
        .before
        .and_then(|from| usize::try_from(from).ok())
        .unwrap_or_default();
    let wanted = all
        .iter()
        .filter(|endpoint| tenant.is_none() || endpoint.tenant.as_deref() == tenant);
    let ids: Vec<String> = wanted.map(|endpoint| endpoint.id.clone()).collect();
    let end = from.saturating_add(page.limit).min(ids.len());
    let items = endpoints.show(ids.get(from..end).unwrap_or_default())?;
    Ok(ItemPage {
        items: items.into_iter().map(EndpointAnswer::from).collect(),
        next: (end < ids.len()).then(|| end.to_string()),
    })
}

/// One endpoint.
#[utoipa::path(
    get,
    path = "/endpoints/{endpoint}",
    operation_id = "readEndpoint",
    params(EndpointPath),
    responses((status = 200, description = "The endpoint", body = EndpointAnswer))
)]
pub(super) async fn read(State(state): Shared, endpoint: Named) -> Answer {
    let found = state.look(move |endpoints| {
        let id = own(endpoints, &endpoint)?.id;
        endpoints.show(&[id])
    });
    let found = found.await?.pop().ok_or_else(Problem::broken)?;
    Ok(document(&EndpointAnswer::from(found)))
}

/// Adds one. The answer has its secret.
#[utoipa::path(
    post,
    path = "/endpoints",
    operation_id = "addEndpoint",
    request_body = NewEndpoint,
    responses((status = 201, description = "Added; `secret` is there this once", body = EndpointAnswer), (status = 409, description = "It contradicts an earlier call, or the state of things"))
)]
pub(super) async fn add(State(state): Shared, caller: Caller, Input(mut new): Input<NewEndpoint>) -> Answer {
    new.tenant = caller.tenant(new.tenant.as_deref())?;
    let rules = state.rules_with(new.new_events);
    let mut fields = FieldFindings::default();
    let entry = new.entry(&mut fields);
    let made = state.change(move |endpoints| {
        let event = entry.first_event().map(str::to_owned);
        let named_by = if entry.provider.is_some() { "provider" } else { "events" };
        let profile = endpoints
            .context
            .provider_for(entry.provider.as_deref(), event.as_deref());
        let profile = fields.take("unknown-provider", &[named_by], profile);
        check_fields(&mut fields, profile.as_deref(), Some(&entry.url), &entry.params);
        fields.check()?;
        let profile = profile.ok_or_else(Problem::broken)?;
        let (confirm, secret) = (false, SecretOptions::default());
        let options = AddOptions {
            profile,
            entry,
            confirm,
            secret,
            rules,
        };
        endpoints.add(options).map(drop).map_err(refused)
    });
    let made = made.await?;
    let summary = format!("added {}", made.name);
    Ok(answered(StatusCode::CREATED, &EndpointAnswer::from(made), summary))
}

/// Changes one.
#[utoipa::path(
    patch,
    path = "/endpoints/{endpoint}",
    operation_id = "changeEndpoint",
    params(EndpointPath),
    request_body = EndpointChange,
    responses((status = 200, description = "Changed", body = EndpointAnswer), (status = 409, description = "It contradicts an earlier call, or the state of things"))
)]
pub(super) async fn change(State(state): Shared, endpoint: Named, Input(change): Input<EndpointChange>) -> Answer {
    if let Some(tenant) = &change.tenant {
        // Without a tenant it would be out of the key's reach.
        endpoint.caller.tenant(Some(tenant.as_deref().unwrap_or_default()))?;
    }
    let rules = state.rules_with(change.new_events);
    let mut fields = FieldFindings::default();
    let (change, limits) = change.parts(&mut fields);
    let update = move |endpoints: &Endpoints<'_>, found: Endpoint| {
        let profile = endpoints.context.registry.get(&found.provider).map_err(Error::from)?;
        let params = change.params.clone().unwrap_or_default();
        check_fields(&mut fields, Some(&profile), change.url.as_deref(), &params);
        fields.check()?;
        let options = UpdateOptions {
            change,
            limits,
            rules,
            ..UpdateOptions::default()
        };
        endpoints.update(&found.id, options).map_err(refused)
    };
    state.change_own(endpoint, "changed", update).await
}

/// Removes one: what waits for it is cancelled.
#[utoipa::path(
    delete,
    path = "/endpoints/{endpoint}",
    operation_id = "removeEndpoint",
    params(EndpointPath),
    responses((status = 204, description = "Removed; what waited for it is cancelled"))
)]
pub(super) async fn remove(State(state): Shared, endpoint: Named) -> Answer {
    let gone = state.change(move |endpoints| {
        let found = own(endpoints, &endpoint)?;
        endpoints.remove(vec![found]).map_err(refused)
    });
    let summary = Summary(format!("removed {}", gone.await?.name));
    Ok((StatusCode::NO_CONTENT, Extension(summary)).into_response())
}

/// Gives one a new secret, which the answer has.
#[utoipa::path(
    post,
    path = "/endpoints/{endpoint}/rotate",
    operation_id = "rotateSecret",
    params(EndpointPath),
    request_body = Option<Rotation>,
    responses((status = 200, description = "`secret` is there this once", body = EndpointAnswer))
)]
pub(super) async fn rotate(State(state): Shared, endpoint: Named, Input(rotation): Input<Rotation>) -> Answer {
    let rotate = move |endpoints: &Endpoints<'_>, found: Endpoint| {
        let rotated = endpoints.rotate(&found.id, rotation.overlap(), SecretOptions::default());
        rotated.map_err(refused)
    };
    state.change_own(endpoint, "a new secret for", rotate).await
}

/// Switches one on.
#[utoipa::path(
    post,
    path = "/endpoints/{endpoint}/enable",
    operation_id = "enableEndpoint",
    params(EndpointPath),
    request_body = Option<Enabling>,
    responses((status = 200, description = "It gets deliveries", body = EndpointAnswer))
)]
pub(super) async fn enable(State(state): Shared, endpoint: Named, Input(enabling): Input<Enabling>) -> Answer {
    let enable = move |endpoints: &Endpoints<'_>, found: Endpoint| {
        endpoints.enable(&[found.id], enabling.replay_parked).map_err(refused)
    };
    state.change_own(endpoint, "enabled", enable).await
}

/// Switches one off.
#[utoipa::path(
    post,
    path = "/endpoints/{endpoint}/disable",
    operation_id = "disableEndpoint",
    params(EndpointPath),
    responses((status = 200, description = "It gets none", body = EndpointAnswer))
)]
pub(super) async fn disable(State(state): Shared, endpoint: Named) -> Answer {
    let disable = |endpoints: &Endpoints<'_>, found: Endpoint| endpoints.disable(&[found.id]).map_err(refused);
    state.change_own(endpoint, "disabled", disable).await
}

/// Sends one a signed event and some with faulty signatures, and returns what it answered.
#[utoipa::path(
    post,
    path = "/endpoints/{endpoint}/test",
    operation_id = "testEndpoint",
    params(EndpointPath),
    request_body = Option<TestRequest>,
    responses((status = 200, description = "What it answered", body = TestAnswer))
)]
pub(super) async fn test(State(state): Shared, endpoint: Named, Input(request): Input<TestRequest>) -> Answer {
    let found = state.look(move |endpoints| own(endpoints, &endpoint)).await?;
    let options = ProbeOptions {
        event: request.event,
        count: 1,
        params: Vec::new(),
        method: None,
        headers: Headers::new(),
        addresses: state.fan_out.addresses,
        timeout: None,
        transport: Arc::clone(&state.transport),
        cancel: state.cancel.clone(),
        remote: None,
    };
    let report = probe(&quiet(&state.queue.context), found, &options).await;
    let report = report.map_err(|error| match error.exit {
        Exit::Nothing => {
            let mut fields = FieldFindings::default();
            fields.take("unknown-event", &["event"], Err::<(), _>(error));
            fields.check().err().unwrap_or_else(Problem::broken)
        }
        Exit::Interrupted => Problem::unavailable("the service is stopping"),
        _ => refused(error),
    })?;
    let summary = format!("tested {}", report.endpoint.name);
    Ok(answered(StatusCode::OK, &TestAnswer::from(&report), summary))
}

/// The endpoint of that name or id, as far as the caller may know it.
fn own(endpoints: &Endpoints<'_>, named: &Named) -> Result<Endpoint> {
    let (caller, mut all) = (&named.caller, endpoints.store.list()?);
    all.retain(|endpoint| caller.tenant.is_none() || endpoint.tenant == caller.tenant);
    Ok(select(&all, &named.name)?.clone())
}

/// Finds all fields that the use cases refuse one after the other.
fn check_fields(
    fields: &mut FieldFindings,
    profile: Option<&Profile>,
    url: Option<&str>,
    params: &BTreeMap<String, String>,
) {
    fields.take("bad-url", &["url"], url.map_or(Ok(String::new()), whole_url));
    for (name, value) in profile.iter().flat_map(|_| params) {
        let read = profile.map(|profile| profile.param_value(name, value)).transpose();
        fields.take("bad-param", &["params", name], read);
    }
}

/// The context of a call, without the notices that are for a terminal.
fn quiet(context: &Context) -> Context {
    Context {
        notices: Notices::to(|_| {}),
        ..context.clone()
    }
}

/// A body that was understood, and cannot be done.
fn refused(error: Error) -> Problem {
    if error.exit != Exit::Usage {
        return error.into();
    }
    let mut fields = FieldFindings::default();
    fields.take("refused", &[], Err::<(), _>(error));
    fields.check().err().unwrap_or_else(Problem::broken)
}

impl RouteState {
    /// How strictly an endpoint is checked by a call that lets new events pass, or not.
    fn rules_with(&self, new_events: Option<bool>) -> RuleOptions {
        RuleOptions {
            new_events: new_events.unwrap_or_default(),
            ..self.rules.clone()
        }
    }

    /// Works with the endpoints of the book, which are files.
    async fn with_endpoints<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Endpoints<'_>) -> Result<T> + Send + 'static,
    ) -> Result<(Result<T>, Vec<EndpointEvent>)> {
        aside(&self.queue.context, move |context| {
            let (context, book) = (quiet(context), context.book());
            let events: RefCell<Vec<EndpointEvent>> = RefCell::default();
            let on = |event| {
                events.borrow_mut().push(event);
                Ok(())
            };
            let done = work(&Endpoints {
                context: &context,
                store: &book,
                on: &on,
            });
            Ok((done, events.take()))
        })
        .await
    }

    /// Reads the endpoints.
    async fn look<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Endpoints<'_>) -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, Problem> {
        Ok(self.with_endpoints(work).await?.0?)
    }

    /// Changes the endpoint that the caller names, and answers with it; `done` and its name are the line of the log.
    async fn change_own(
        &self,
        named: Named,
        done: &str,
        work: impl FnOnce(&Endpoints<'_>, Endpoint) -> Changed + Send + 'static,
    ) -> Answer {
        let change = self.change(move |endpoints| work(endpoints, own(endpoints, &named)?));
        let changed = change.await?;
        let summary = format!("{done} {}", changed.name);
        Ok(answered(StatusCode::OK, &EndpointAnswer::from(changed), summary))
    }

    /// Changes an endpoint. What is returned is as it is then; the next event counts with it.
    async fn change(
        &self,
        work: impl FnOnce(&Endpoints<'_>) -> Changed + Send + 'static,
    ) -> std::result::Result<EndpointDetails, Problem> {
        let (result, events) = self.with_endpoints(|endpoints| Ok(work(endpoints))).await?;
        // Even where it was not made to the end.
        self.subscribers().await?;
        self.queue.wake.notify_one();
        let mut changed = None;
        for event in events {
            match event {
                EndpointEvent::Refused(refusal) => return Err(Problem::unusable(refusal.findings())),
                event => changed = event.endpoint().cloned().or(changed),
            }
        }
        result??;
        changed.ok_or_else(Problem::broken)
    }
}
