//! The endpoints of the book, changed by the use cases of `hook endpoints`: there is no other check of them here.

use std::cell::RefCell;
use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::endpoint_answer::{EndpointAnswer, TestAnswer};
use super::endpoint_input::{Enabling, EndpointChange, NewEndpoint, Rotation, TestRequest};
use super::input::{Fields, body};
use super::problem::Problem;
use super::reads::ItemPage;
use super::{Caller, RouteState, Summary, document};
use crate::app::context::{Context, aside};
use crate::app::endpoints::probe::{ProbeOptions, probe};
use crate::app::endpoints::{AddOptions, EndpointDetails, EndpointEvent, Endpoints, SecretOptions, UpdateOptions};
use crate::app::notice::Notices;
use crate::endpoints::{Endpoint, select};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::headers::Headers;
use crate::store::QueryPage;

/// The result of a change, and the events that it emitted.
type Done = (Result<()>, Vec<EndpointEvent>);

/// Endpoints in the order of the book.
#[utoipa::path(
    get,
    path = "/endpoints",
    operation_id = "listEndpoints",
    params(("cursor" = Option<String>, Query, pattern = "^[0-9]{1,18}$", description = "`next` of the page before"), ("limit" = Option<u8>, Query, minimum = 1, maximum = 200, description = "Items of a page; 50 unless given"), ("tenant" = Option<String>, Query, pattern = "^[A-Za-z0-9._:-]{1,100}$", description = "Of this tenant only")),
    responses((status = 200, description = "A page, in the order of the endpoint file", body = ItemPage<EndpointAnswer>))
)]
pub(super) async fn list(
    State(state): State<Arc<RouteState>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> std::result::Result<Response, Problem> {
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
    params(("endpoint" = String, Path, description = "Name, id, or the beginning of an id")),
    responses((status = 200, description = "The endpoint", body = EndpointAnswer))
)]
pub(super) async fn read(
    State(state): State<Arc<RouteState>>,
    Extension(caller): Extension<Caller>,
    Path(endpoint): Path<String>,
) -> std::result::Result<Response, Problem> {
    let found = state.look(move |endpoints| {
        let id = own(endpoints, &caller, &endpoint)?.id;
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
pub(super) async fn add(
    State(state): State<Arc<RouteState>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    bytes: Bytes,
) -> std::result::Result<Response, Problem> {
    let mut new: NewEndpoint = body(&headers, &bytes)?;
    new.tenant = caller.tenant(new.tenant.as_deref())?;
    let (entry, rules) = (new.entry()?, state.rules.clone());
    let made = state.change(move |endpoints| {
        let event = entry.first_event().map(str::to_owned);
        let profile = endpoints
            .context
            .provider_for(entry.provider.as_deref(), event.as_deref());
        let profile = profile.map_err(|error| Error::usage(error.message))?;
        let (confirm, secret) = (false, SecretOptions::default());
        let options = AddOptions {
            profile,
            entry,
            confirm,
            secret,
            rules,
        };
        endpoints.add(options).map(drop)
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
    params(("endpoint" = String, Path, description = "Name, id, or the beginning of an id")),
    request_body = EndpointChange,
    responses((status = 200, description = "Changed", body = EndpointAnswer), (status = 409, description = "It contradicts an earlier call, or the state of things"))
)]
pub(super) async fn change(
    State(state): State<Arc<RouteState>>,
    Extension(caller): Extension<Caller>,
    Path(endpoint): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> std::result::Result<Response, Problem> {
    let change: EndpointChange = body(&headers, &bytes)?;
    if let Some(tenant) = &change.tenant {
        // Without a tenant it would be out of the key's reach.
        caller.tenant(Some(tenant.as_deref().unwrap_or_default()))?;
    }
    let ((change, limits), rules) = (change.parts()?, state.rules.clone());
    let options = UpdateOptions {
        change,
        limits,
        rules,
        ..UpdateOptions::default()
    };
    let update = move |endpoints: &Endpoints<'_>, id: String| endpoints.update(&id, options);
    state.change_own((caller, endpoint), "changed", update).await
}

/// Removes one: what waits for it is cancelled.
#[utoipa::path(
    delete,
    path = "/endpoints/{endpoint}",
    operation_id = "removeEndpoint",
    params(("endpoint" = String, Path, description = "Name, id, or the beginning of an id")),
    responses((status = 204, description = "Removed; what waited for it is cancelled"))
)]
pub(super) async fn remove(
    State(state): State<Arc<RouteState>>,
    Extension(caller): Extension<Caller>,
    Path(endpoint): Path<String>,
) -> std::result::Result<Response, Problem> {
    let gone = state.change(move |endpoints| {
        let found = own(endpoints, &caller, &endpoint)?;
        endpoints.remove(vec![found])
    });
    let mut response = StatusCode::NO_CONTENT.into_response();
    let summary = format!("removed {}", gone.await?.name);
    response.extensions_mut().insert(Summary(summary));
    Ok(response)
}

/// Gives one a new secret, which the answer has.
#[utoipa::path(
    post,
    path = "/endpoints/{endpoint}/rotate",
    operation_id = "rotateSecret",
    params(("endpoint" = String, Path, description = "Name, id, or the beginning of an id")),
    request_body = Option<Rotation>,
    responses((status = 200, description = "`secret` is there this once", body = EndpointAnswer))
)]
pub(super) async fn rotate(
    State(state): State<Arc<RouteState>>,
    Extension(caller): Extension<Caller>,
    Path(endpoint): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> std::result::Result<Response, Problem> {
    let rotation: Rotation = body(&headers, &bytes)?;
    let rotate = move |endpoints: &Endpoints<'_>, id: String| {
        endpoints.rotate(&id, rotation.overlap(), SecretOptions::default())
    };
    state.change_own((caller, endpoint), "a new secret for", rotate).await
}

/// Switches one on.
#[utoipa::path(
    post,
    path = "/endpoints/{endpoint}/enable",
    operation_id = "enableEndpoint",
    params(("endpoint" = String, Path, description = "Name, id, or the beginning of an id")),
    request_body = Option<Enabling>,
    responses((status = 200, description = "It gets deliveries", body = EndpointAnswer))
)]
pub(super) async fn enable(
    State(state): State<Arc<RouteState>>,
    Extension(caller): Extension<Caller>,
    Path(endpoint): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> std::result::Result<Response, Problem> {
    let enabling: Enabling = body(&headers, &bytes)?;
    let enable = move |endpoints: &Endpoints<'_>, id| endpoints.enable(&[id], enabling.replay_parked);
    state.change_own((caller, endpoint), "enabled", enable).await
}

/// Switches one off.
#[utoipa::path(
    post,
    path = "/endpoints/{endpoint}/disable",
    operation_id = "disableEndpoint",
    params(("endpoint" = String, Path, description = "Name, id, or the beginning of an id")),
    responses((status = 200, description = "It gets none", body = EndpointAnswer))
)]
pub(super) async fn disable(
    State(state): State<Arc<RouteState>>,
    Extension(caller): Extension<Caller>,
    Path(endpoint): Path<String>,
) -> std::result::Result<Response, Problem> {
    let disable = |endpoints: &Endpoints<'_>, id| endpoints.disable(&[id]);
    state.change_own((caller, endpoint), "disabled", disable).await
}

/// Sends one a signed event and some with faulty signatures, and returns what it answered.
#[utoipa::path(
    post,
    path = "/endpoints/{endpoint}/test",
    operation_id = "testEndpoint",
    params(("endpoint" = String, Path, description = "Name, id, or the beginning of an id")),
    request_body = Option<TestRequest>,
    responses((status = 200, description = "What it answered", body = TestAnswer))
)]
pub(super) async fn test(
    State(state): State<Arc<RouteState>>,
    Extension(caller): Extension<Caller>,
    Path(endpoint): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> std::result::Result<Response, Problem> {
    let request: TestRequest = body(&headers, &bytes)?;
    let found = state.look(move |endpoints| own(endpoints, &caller, &endpoint)).await?;
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
        // It has no such event.
        Exit::Nothing => Problem::unusable(error.message),
        Exit::Interrupted => Problem::unavailable("the service is stopping"),
        _ => refused(error),
    })?;
    let summary = format!("tested {}", report.endpoint.name);
    Ok(answered(StatusCode::OK, &TestAnswer::from(&report), summary))
}

fn answered(status: StatusCode, body: &impl Serialize, summary: String) -> Response {
    let mut response = (status, document(body)).into_response();
    response.extensions_mut().insert(Summary(summary));
    response
}

/// The endpoint of that name or id, as far as the caller may know it.
fn own(endpoints: &Endpoints<'_>, caller: &Caller, selector: &str) -> Result<Endpoint> {
    let mut all = endpoints.store.list()?;
    all.retain(|endpoint| caller.tenant.is_none() || endpoint.tenant == caller.tenant);
    Ok(select(&all, selector)?.clone())
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
    match error.exit {
        Exit::Usage => Problem::unusable(error.message),
        Exit::Refused => Problem::conflict(error.message),
        _ => error.into(),
    }
}

impl RouteState {
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
        (caller, selector): (Caller, String),
        done: &str,
        work: impl FnOnce(&Endpoints<'_>, String) -> Result<()> + Send + 'static,
    ) -> std::result::Result<Response, Problem> {
        let change = self.change(move |endpoints| {
            let id = own(endpoints, &caller, &selector)?.id;
            work(endpoints, id)
        });
        let changed = change.await?;
        let summary = format!("{done} {}", changed.name);
        Ok(answered(StatusCode::OK, &EndpointAnswer::from(changed), summary))
    }

    /// Changes an endpoint. What is returned is as it is then; the next event counts with it.
    async fn change(
        &self,
        work: impl FnOnce(&Endpoints<'_>) -> Result<()> + Send + 'static,
    ) -> std::result::Result<EndpointDetails, Problem> {
        let done: Done = self.with_endpoints(work).await?;
        // Even where it was not made to the end.
        self.subscribers().await?;
        self.queue.wake.notify_one();
        let (result, events) = done;
        let mut changed = None;
        for event in events {
            match event {
                EndpointEvent::Refused(refusal) => return Err(Problem::refused(&refusal)),
                event => changed = event.endpoint().cloned().or(changed),
            }
        }
        result.map_err(refused)?;
        changed.ok_or_else(Problem::broken)
    }
}
