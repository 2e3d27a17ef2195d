//! Endpoints of a reviewed file, and the steps that make a store match it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::endpoint::{Change, Endpoint, Events};
use super::limits::EndpointLimits;
use crate::target::normalised;

/// `[[endpoint]]`: one endpoint of a reviewed file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EndpointEntry {
    /// What people call it; made from the URL when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where deliveries go.
    pub url: String,
    /// `NAME` or `NAME@VARIANT`; that of the settings, or of the remote, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// `"all"`, or names of the catalogue.
    pub events: Events,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether it gets deliveries. Absent: that is left as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// The environment that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    /// The account's plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Parameters of the provider's envelope.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
    /// The tenant whose events it gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// What the body of an event must say, by dotted paths.
    #[serde(rename = "where", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub conditions: BTreeMap<String, Value>,
    /// Headers beside the provider's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// How fast it gets deliveries.
    #[serde(default, skip_serializing_if = "EndpointLimits::is_default")]
    pub limits: EndpointLimits,
    /// Reference of the secret of a new endpoint; generated when absent. One that is there keeps its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// A planned endpoint: its provider is known, and its events have the catalogue's names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedEndpoint {
    /// As it is to be; without a name where the file gives none.
    pub endpoint: Endpoint,
    /// Whether it is to be active; `None`: as it is.
    pub active: Option<bool>,
    /// Reference of the secret of a new one.
    pub secret: Option<String>,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It is not in the file.
    Remove(Endpoint),
    /// It differs.
    Change {
        /// As it is.
        before: Box<Endpoint>,
        /// As it is to be.
        after: Box<Endpoint>,
        /// What makes the one the other.
        change: Box<Change>,
    },
    /// It is missing.
    Add(PlannedEndpoint),
}

impl EndpointEntry {
    /// The first event that it names, which may tell the provider.
    pub fn first_event(&self) -> Option<&str> {
        match &self.events {
            Events::Only(names) => names.first().map(String::as_str),
            Events::All => None,
        }
    }
}

impl Step {
    /// A change of an endpoint.
    pub fn change(before: &Endpoint, change: Change) -> Self {
        let mut after = before.clone();
        after.apply(change.clone(), before.updated);
        Self::Change {
            before: Box::new(before.clone()),
            after: Box::new(after),
            change: Box::new(change),
        }
    }

    /// The endpoint as it is to be; one that is removed, as it is.
    pub fn after(&self) -> &Endpoint {
        match self {
            Self::Remove(endpoint) => endpoint,
            Self::Change { after, .. } => after,
            Self::Add(planned) => &planned.endpoint,
        }
    }

    /// The name of the endpoint; empty for a new one that will get its name later.
    pub fn name(&self) -> &str {
        match self {
            Self::Remove(endpoint) => &endpoint.name,
            Self::Change { before, .. } => &before.name,
            Self::Add(target) => &target.endpoint.name,
        }
    }
}

/// The steps from `current` to `targets`. A target is one of `current` by its name, else by URL and provider.
pub fn steps(targets: &[PlannedEndpoint], current: &[Endpoint]) -> Vec<Step> {
    let mut partners: Vec<Option<&Endpoint>> = vec![None; targets.len()];
    let is_free = |partners: &[Option<&Endpoint>], endpoint: &Endpoint| {
        !partners.iter().flatten().any(|taken| taken.id == endpoint.id)
    };
    for fits in [same_name as fn(&PlannedEndpoint, &Endpoint) -> bool, same_url] {
        for index in 0..targets.len() {
            if partners[index].is_none() {
                let mut free = current.iter().filter(|endpoint| is_free(&partners, endpoint));
                partners[index] = free.find(|endpoint| fits(&targets[index], endpoint));
            }
        }
    }
    // Removals first: a limit of the plan then leaves room for the additions.
    let gone = current.iter().filter(|endpoint| is_free(&partners, endpoint));
    let mut steps: Vec<Step> = gone.cloned().map(Step::Remove).collect();
    let pairs = || targets.iter().zip(&partners);
    steps.extend(pairs().filter_map(|(target, partner)| changed(target, (*partner)?)));
    let new = pairs().filter(|(_, partner)| partner.is_none());
    steps.extend(new.map(|(target, _)| Step::Add(target.clone())));
    steps
}

fn same_name(target: &PlannedEndpoint, endpoint: &Endpoint) -> bool {
    target.endpoint.name == endpoint.name && target.endpoint.provider_name() == endpoint.provider_name()
}

fn same_url(target: &PlannedEndpoint, endpoint: &Endpoint) -> bool {
    let (wanted, have) = (normalised(&target.endpoint.url), normalised(&endpoint.url));
    wanted.is_some() && wanted == have && target.endpoint.provider_name() == endpoint.provider_name()
}

fn changed(target: &PlannedEndpoint, before: &Endpoint) -> Option<Step> {
    let wanted = &target.endpoint;
    let differs = |is: bool| is.then_some(());
    let text = |wanted: &Option<String>, have: &Option<String>| {
        differs(wanted != have).map(|()| wanted.clone().unwrap_or_default())
    };
    let change = Change {
        name: differs(!wanted.name.is_empty() && wanted.name != before.name).map(|()| wanted.name.clone()),
        url: differs(normalised(&wanted.url) != normalised(&before.url)).map(|()| wanted.url.clone()),
        events: differs(!wanted.events.same(&before.events)).map(|()| wanted.events.clone()),
        active: target.active.filter(|active| *active != before.is_active()),
        description: text(&wanted.description, &before.description),
        labels: differs(wanted.labels != before.labels).map(|()| wanted.labels.clone()),
        plan: text(&wanted.plan, &before.plan),
        params: differs(wanted.params != before.params).map(|()| wanted.params.clone()),
        tenant: text(&wanted.tenant, &before.tenant),
        conditions: differs(wanted.conditions != before.conditions).map(|()| wanted.conditions.clone()),
        headers: differs(wanted.headers != before.headers).map(|()| wanted.headers.clone()),
        limits: differs(wanted.limits != before.limits).map(|()| wanted.limits),
        secret: None,
    };
    (change != Change::default()).then(|| Step::change(before, change))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoints::testing::endpoint;

    fn target(name: &str, url: &str) -> PlannedEndpoint {
        PlannedEndpoint {
            endpoint: Endpoint {
                name: name.into(),
                url: url.into(),
                ..endpoint("any")
            },
            active: None,
            secret: None,
        }
    }

    fn told(steps: &[Step]) -> Vec<String> {
        let word = |step: &Step| match step {
            Step::Remove(_) => "-",
            Step::Change { .. } => "~",
            Step::Add(_) => "+",
        };
        steps
            .iter()
            .map(|step| format!("{}{}", word(step), step.name()))
            .collect()
    }

    #[test]
    fn what_goes_comes_first_then_what_changes_then_what_is_new() {
        let current = ["a", "b", "c"].map(|name| Endpoint {
            url: format!("https://{name}.example.com/"),
            ..endpoint(name)
        });
        let targets = [
            target("new", "https://new.example.com/"),
            target("b", "https://b.example.com/other"),
            target("c", "https://c.example.com/"),
        ];
        assert_eq!(told(&steps(&targets, &current)), ["-a", "~b", "+new"]);
        let same = ["a", "b", "c"].map(|name| target(name, &format!("https://{name}.example.com")));
        assert_eq!(steps(&same, &current), []);
        assert_eq!(told(&steps(&[], &current)), ["-a", "-b", "-c"]);
    }

    #[test]
    fn an_endpoint_is_the_same_by_its_name_else_by_its_url_and_a_name_wins() {
        let current = ["a", "b"].map(|name| Endpoint {
            url: format!("https://{name}.example.com/"),
            ..endpoint(name)
        });
        // Without a name the URL tells, and the name that it has stays.
        assert_eq!(
            steps(
                &[
                    target("", "https://a.example.com/"),
                    target("", "https://b.example.com")
                ],
                &current
            ),
            []
        );
        // Another name for the same URL is a new name.
        let [Step::Remove(gone), Step::Change { change, .. }] =
            &steps(&[target("z", "https://a.example.com/")], &current)[..]
        else {
            panic!("one goes, one is renamed");
        };
        assert_eq!((gone.name.as_str(), change.name.as_deref()), ("b", Some("z")));
        // `b` by name takes b, although its new URL is a's.
        let found = steps(&[target("b", "https://a.example.com/")], &current);
        assert_eq!(told(&found), ["-a", "~b"]);
        // Another provider's endpoint is another endpoint.
        let mut other = target("a", "https://a.example.com/");
        other.endpoint.provider = "other".into();
        assert_eq!(told(&steps(&[other], &current)), ["-a", "-b", "+a"]);
    }

    #[test]
    fn only_what_differs_is_changed_and_activity_only_when_it_is_said() {
        let mut off = endpoint("a");
        off.disable(crate::endpoints::DisabledBy::FailedDeliveries, None, off.created);
        off.events = Events::Only(vec!["x".into(), "y".into()]);
        let mut wanted = target("a", &off.url.clone());
        wanted.endpoint.events = Events::Only(vec!["y".into(), "x".into()]);
        assert_eq!(steps(std::slice::from_ref(&wanted), std::slice::from_ref(&off)), []);
        wanted.active = Some(true);
        wanted.endpoint.description = Some("new".into());
        let [Step::Change { change, after, .. }] = &steps(&[wanted], &[off])[..] else {
            panic!("one change")
        };
        let expected = Change {
            active: Some(true),
            description: Some("new".into()),
            ..Change::default()
        };
        assert_eq!(**change, expected);
        assert!(after.is_active());
    }
}
