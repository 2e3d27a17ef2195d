//! What a handler gets of its call: who makes it, what the path names, and the body.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::Caller;
use super::input::body;
use super::problem::Problem;

/// What the path of a call names, as its caller wrote it.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) caller: Caller,
    pub(super) name: String,
}

/// A body of that form; no body is an empty object.
#[derive(Debug)]
pub(super) struct Input<T>(pub(super) T);

/// The path of a call about an endpoint.
#[expect(dead_code, reason = "describes what `Named` reads")]
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct EndpointPath {
    /// Name, id, or the beginning of an id
    endpoint: String,
}

/// The path of a call about a delivery.
#[expect(dead_code, reason = "describes what `Named` reads")]
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct DeliveryPath {
    /// A number, an id, or the beginning of one
    id: String,
}

/// Which page of a list.
#[expect(dead_code, reason = "describes a query that is read by hand")]
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// `next` of the page before
    #[param(pattern = "^[0-9]{1,18}$")]
    cursor: Option<String>,
    /// Items of a page; 50 unless given
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u8>,
}

/// Whose items.
#[expect(dead_code, reason = "describes a query that is read by hand")]
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TenantQuery {
    /// Of this tenant only
    #[param(pattern = "^[A-Za-z0-9._:-]{1,100}$")]
    tenant: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::broken)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, state).await?;
        let path = Path::from_request_parts(parts, state).await;
        let Path(name) = path.map_err(|_| Problem::invalid("the path is not valid"))?;
        Ok(Self { caller, name })
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Input<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let headers = request.headers().clone();
        let bytes = Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|_| Problem::invalid("the body cannot be read"))?;
        body(&headers, &bytes).map(Self)
    }
}
