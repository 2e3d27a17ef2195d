//! Which call a request is: method and path as the profile has them, below the path of its base.

use crate::provider::api::{Api, Verb};

/// What a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Subscriptions.
    Subscription(Verb),
    /// Creates a resource of the kind with that number.
    Create(usize),
    /// Deletes one.
    Delete(usize),
    /// hook's own way to emit any event.
    EmitEvent,
}

/// One call that is answered.
#[derive(Debug)]
struct ApiRoute {
    method: String,
    /// `None` stands for an id.
    path: Vec<Option<String>>,
    action: Action,
}

/// All calls that are answered.
#[derive(Debug)]
pub(super) struct ApiRouter(Vec<ApiRoute>);

/// What a method and a path lead to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RouteMatch<'a> {
    /// A call, and the id in its path.
    Call(Action, Option<&'a str>),
    /// The path is known with these methods only.
    OtherMethods(String),
    /// Nothing.
    Nothing,
}

/// The path that emits any event. It is outside every provider's base path, so it cannot conflict with one.
pub(super) const EMIT_EVENT: &str = "/_hook/events";

/// The path that stands before every path of the API, without a `/` at the end.
pub fn base_path(api: &Api) -> &str {
    api.base.as_ref().map_or("", |base| base.path().trim_end_matches('/'))
}

impl ApiRouter {
    pub(super) fn new(api: &Api) -> Self {
        let base = base_path(api);
        let subscriptions = api.calls().map(|(verb, call)| ApiRoute {
            method: call.method.clone(),
            path: segments(&format!("{base}{}", call.path)),
            action: Action::Subscription(verb),
        });
        let causes = api.causes.values().enumerate().flat_map(|(index, cause)| {
            let make = Some((&cause.create, Action::Create(index)));
            let end = cause.delete.as_ref().map(|call| (call, Action::Delete(index)));
            [make, end].into_iter().flatten()
        });
        let causes = causes.map(|(call, action)| ApiRoute {
            method: call.method.clone(),
            path: segments(&format!("{base}{}", call.path)),
            action,
        });
        let emit = ApiRoute {
            method: "POST".to_owned(),
            path: segments(EMIT_EVENT),
            action: Action::EmitEvent,
        };
        Self(subscriptions.chain(causes).chain([emit]).collect())
    }

    /// Finds the call; a `/` at the end of the path and the query make no difference.
    pub(super) fn find<'a>(&self, method: &str, target: &'a str) -> RouteMatch<'a> {
        let path = target.split(['?', '#']).next().unwrap_or_default();
        let path = path.strip_suffix('/').unwrap_or(path);
        let given: Vec<&str> = path.split('/').skip(1).collect();
        let fits = |route: &&ApiRoute| {
            let same = |(wanted, given): (&Option<String>, &&str)| match wanted {
                Some(wanted) => wanted == given,
                None => !given.is_empty(),
            };
            route.path.len() == given.len() && route.path.iter().zip(&given).all(same)
        };
        let routes: Vec<&ApiRoute> = self.0.iter().filter(fits).collect();
        if let Some(route) = routes.iter().find(|route| route.method == method) {
            let id = route.path.iter().position(Option::is_none);
            return RouteMatch::Call(route.action, id.map(|index| given[index]));
        }
        match routes.as_slice() {
            [] => RouteMatch::Nothing,
            known => {
                let methods: Vec<&str> = known.iter().map(|route| route.method.as_str()).collect();
                RouteMatch::OtherMethods(methods.join(", "))
            }
        }
    }
}

fn segments(path: &str) -> Vec<Option<String>> {
    let all = path.split('/').skip(1);
    all.map(|segment| (segment != "{id}").then(|| segment.to_owned()))
        .collect()
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
        let call = |verb, id| RouteMatch::Call(Action::Subscription(verb), id);
        for (method, target, found) in [
            ("POST", "/v1/webhooks", call(Verb::Create, None)),
            ("POST", "/v1/webhooks/", call(Verb::Create, None)),
            ("GET", "/v1/webhooks?page=2", call(Verb::List, None)),
            ("DELETE", "/v1/webhooks/abc", call(Verb::Delete, Some("abc"))),
            ("GET", "/v1/webhooks/abc", RouteMatch::OtherMethods("DELETE".into())),
            ("PUT", "/v1/webhooks", RouteMatch::OtherMethods("POST, GET".into())),
            ("DELETE", "/v1/webhooks//", RouteMatch::Nothing),
            ("POST", "/webhooks", RouteMatch::Nothing),
            ("POST", "/v1", RouteMatch::Nothing),
            ("POST", "*", RouteMatch::Nothing),
            ("POST", "/_hook/events", RouteMatch::Call(Action::EmitEvent, None)),
        ] {
            assert_eq!(router.find(method, target), found, "{method} {target}");
        }
    }

    #[test]
    fn an_api_without_a_base_begins_at_the_root() {
        let found = router("generic");
        let get = RouteMatch::Call(Action::Subscription(Verb::Get), Some("ep_1"));
        assert_eq!(found.find("GET", "/endpoints/ep_1"), get);
    }
}
