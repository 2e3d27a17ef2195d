//! Which call a request is: method and path of the profile, below the path of its base URL.

use super::response::{ApiRejection, ApiResult};
use crate::provider::api::{Api, FaultKind, Verb};

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Creates, reads or changes subscriptions.
    Subscription(Verb),
    /// Creates a resource of the kind with that index.
    Create(usize),
    /// Deletes one.
    Delete(usize),
}

#[derive(Debug)]
struct ApiRoute {
    method: String,
    /// `{id}` stands for one segment.
    path: String,
    action: Action,
}

/// The calls of the API.
#[derive(Debug)]
pub(super) struct ApiRouter(Vec<ApiRoute>);

/// The path before every path of the API, without a `/` at the end.
pub fn base_path(api: &Api) -> &str {
    api.base.as_ref().map_or("", |base| base.path().trim_end_matches('/'))
}

impl ApiRouter {
    pub(super) fn new(api: &Api) -> Self {
        let base = base_path(api);
        let route = |method: &str, base: &str, path: &str, action| ApiRoute {
            method: method.to_owned(),
            path: format!("{base}{path}"),
            action,
        };
        let calls = api.calls();
        let subscriptions = calls.map(|(verb, call)| route(&call.method, base, &call.path, Action::Subscription(verb)));
        let mut routes: Vec<ApiRoute> = subscriptions.collect();
        for (index, cause) in api.causes.values().enumerate() {
            let delete = cause.delete.iter().map(|call| (call, Action::Delete(index)));
            let calls = std::iter::once((&cause.create, Action::Create(index))).chain(delete);
            routes.extend(calls.map(|(call, action)| route(&call.method, base, &call.path, action)));
        }
        Self(routes)
    }

    /// The call, and the id in its path, empty where it has none. A `/` at the end of the path and the query are ignored.
    pub(super) fn find<'a>(&self, method: &str, target: &'a str) -> ApiResult<(Action, &'a str)> {
        let path = target.split(['?', '#']).next().unwrap_or_default();
        let path = path.strip_suffix('/').unwrap_or(path);
        let fitting = self.0.iter().filter_map(|route| Some((route, route.id(path)?)));
        let fitting: Vec<(&ApiRoute, &str)> = fitting.collect();
        if let Some((route, id)) = fitting.iter().find(|(route, _)| route.method == method) {
            return Ok((route.action, id));
        }
        if fitting.is_empty() {
            return Err(ApiRejection::fault(FaultKind::Unknown, "path not found"));
        }
        let methods: Vec<&str> = fitting.iter().map(|(route, _)| route.method.as_str()).collect();
        let allowed = methods.join(", ");
        let what = format!("method `{method}` is not allowed here, only {allowed}");
        Err(ApiRejection::fault(FaultKind::Method, what).header("allow", allowed))
    }
}

impl ApiRoute {
    /// The id in a path of this route, empty where the route has none; `None` for another path.
    fn id<'a>(&self, path: &'a str) -> Option<&'a str> {
        let Some((before, after)) = self.path.split_once("{id}") else {
            return (path == self.path).then_some("");
        };
        let id = path.strip_prefix(before)?.strip_suffix(after)?;
        (!id.is_empty() && !id.contains('/')).then_some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Registry;

    fn router(provider: &str) -> ApiRouter {
        let profile = Registry::default().get(provider).unwrap();
        ApiRouter::new(profile.api.as_ref().unwrap())
    }

    #[test]
    fn calls_are_found_by_method_and_path_below_the_base() {
        let router = router("slotflow");
        let call = |verb, id| Ok((Action::Subscription(verb), id));
        for (method, target, found) in [
            ("POST", "/v1/webhooks", call(Verb::Create, "")),
            ("POST", "/v1/webhooks/", call(Verb::Create, "")),
            ("GET", "/v1/webhooks?page=2", call(Verb::List, "")),
            ("DELETE", "/v1/webhooks/abc", call(Verb::Delete, "abc")),
            ("GET", "/v1/webhooks/abc", Err("DELETE")),
            ("PUT", "/v1/webhooks", Err("POST, GET")),
            ("DELETE", "/v1/webhooks//", Err("")),
            ("POST", "/webhooks", Err("")),
            ("POST", "/v1", Err("")),
            ("POST", "*", Err("")),
        ] {
            let rejected = router.find(method, target).map_err(|rejection| {
                let allow = rejection.headers.into_iter().next();
                allow.map(|(_, methods)| methods).unwrap_or_default()
            });
            assert_eq!(rejected, found.map_err(str::to_owned), "{method} {target}");
        }
    }

    #[test]
    fn an_api_without_a_base_begins_at_the_root() {
        let found = router("generic");
        let get = (Action::Subscription(Verb::Get), "ep_1");
        assert_eq!(found.find("GET", "/endpoints/ep_1").unwrap(), get);
    }
}
