//! Which endpoints get an event.

use std::fmt;

use super::endpoint::{Endpoint, Events};
use crate::health::Disabled;
use crate::provider::name_of;

/// The label for the environment of an endpoint.
const ENVIRONMENT: &str = "env";

/// An event that is to be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WantedEvent<'a> {
    /// The provider that delivers, with or without its variant.
    pub provider: &'a str,
    /// The event's name in the catalogue.
    pub event: &'a str,
    /// Only endpoints whose label `env` is this; absent: all.
    pub environment: Option<&'a str>,
    /// Whose it is: only endpoints of the same tenant get it, and without one those without a tenant.
    pub tenant: Option<&'a str>,
    /// Values of the envelope's parameters in this event.
    pub params: &'a [(String, String)],
}

/// Why an endpoint does not get an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SkipReason {
    /// Another provider delivers to it.
    OtherProvider(String),
    /// It belongs to another environment, or to none.
    OtherEnvironment(Option<String>),
    /// It belongs to another tenant, or to none.
    OtherTenant(Option<String>),
    /// It wants events with another value of this parameter.
    OtherParam {
        /// The parameter.
        name: String,
        /// The value that it wants.
        has: String,
    },
    /// It did not subscribe to the event, but to these.
    NotSubscribed(Events),
    /// It is disabled.
    Inactive(Disabled),
}

impl Endpoint {
    /// Whether it gets the event. The reason is the first that holds in the order of [`SkipReason`]: an endpoint is
    /// called inactive only where it would have got the event.
    pub fn wants(&self, wanted: &WantedEvent<'_>) -> Result<(), SkipReason> {
        if self.provider_name() != name_of(wanted.provider) {
            return Err(SkipReason::OtherProvider(self.provider.clone()));
        }
        let environment = self.labels.get(ENVIRONMENT);
        if wanted.environment.is_some() && environment.map(String::as_str) != wanted.environment {
            return Err(SkipReason::OtherEnvironment(environment.cloned()));
        }
        if self.tenant.as_deref() != wanted.tenant {
            return Err(SkipReason::OtherTenant(self.tenant.clone()));
        }
        let other =
            |(name, has): &(&String, &String)| wanted.params.iter().any(|(n, value)| n == *name && value != *has);
        if let Some((name, has)) = self.params.iter().find(other) {
            return Err(SkipReason::OtherParam {
                name: name.clone(),
                has: has.clone(),
            });
        }
        if !self.events.contains(wanted.event) {
            return Err(SkipReason::NotSubscribed(self.events.clone()));
        }
        match &self.disabled {
            Some(disabled) => Err(SkipReason::Inactive(disabled.clone())),
            None => Ok(()),
        }
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherProvider(has) => write!(f, "other provider: `{has}`"),
            Self::OtherEnvironment(Some(has)) => write!(f, "other environment: `{has}`"),
            Self::OtherEnvironment(None) => f.write_str("no environment"),
            Self::OtherTenant(Some(has)) => write!(f, "other tenant: `{has}`"),
            Self::OtherTenant(None) => f.write_str("no tenant"),
            Self::OtherParam { name, has } => write!(f, "other {name}: `{has}`"),
            Self::NotSubscribed(Events::Only(names)) if names.is_empty() => f.write_str("subscribed to nothing"),
            Self::NotSubscribed(has) => write!(f, "subscribed to {has}"),
            Self::Inactive(disabled) => write!(f, "inactive: {disabled}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoints::DisabledBy;
    use crate::endpoints::testing::{at, endpoint};

    fn only(names: &[&str]) -> Events {
        Events::Only(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn an_event_goes_to_those_who_want_it_and_each_other_has_its_reason() {
        let wanted = |provider, event, environment| WantedEvent {
            provider,
            event,
            environment,
            tenant: None,
            params: &[],
        };
        let plain = endpoint("plain");
        let mut all = endpoint("all");
        all.events = Events::All;
        all.provider = "acme@old".into();
        let mut staging = endpoint("staging");
        staging.labels.insert("env".into(), "staging".into());
        let mut nothing = endpoint("nothing");
        nothing.events = only(&[]);
        let mut off = endpoint("off");
        off.disable(DisabledBy::Hand, None, at(5));
        for (endpoint, wanted, expected) in [
            (&plain, wanted("acme", "job.paid", None), ""),
            (&plain, wanted("acme@old", "job.paid", None), ""),
            (&plain, wanted("acme", "job.lost", None), "subscribed to job.paid"),
            (&plain, wanted("acme", "job.pai", None), "subscribed to job.paid"),
            (&plain, wanted("other", "job.paid", None), "other provider: `acme`"),
            (&plain, wanted("acme", "job.paid", Some("staging")), "no environment"),
            (&all, wanted("acme", "anything.at.all", None), ""),
            (&all, wanted("other", "job.paid", None), "other provider: `acme@old`"),
            (&staging, wanted("acme", "job.paid", None), ""),
            (&staging, wanted("acme", "job.paid", Some("staging")), ""),
            (
                &staging,
                wanted("acme", "job.paid", Some("live")),
                "other environment: `staging`",
            ),
            (&nothing, wanted("acme", "job.paid", None), "subscribed to nothing"),
            (&off, wanted("acme", "job.paid", None), "inactive: switched off by hand"),
            (&off, wanted("acme", "job.lost", None), "subscribed to job.paid"),
        ] {
            let reason = endpoint
                .wants(&wanted)
                .err()
                .map_or_else(String::new, |reason| reason.to_string());
            assert_eq!(reason, expected, "{} {wanted:?}", endpoint.name);
        }
    }

    #[test]
    fn a_disabled_endpoint_says_since_when() {
        let mut off = endpoint("off");
        off.disable(DisabledBy::Hand, Some("moving house".into()), at(5));
        let wanted = WantedEvent {
            provider: "acme",
            event: "job.paid",
            environment: None,
            tenant: None,
            params: &[],
        };
        let Err(SkipReason::Inactive(disabled)) = off.wants(&wanted) else {
            panic!()
        };
        assert_eq!((disabled.since, disabled.to_string().as_str()), (at(5), "moving house"));
    }
    #[test]
    fn an_endpoint_of_one_company_gets_no_event_of_another() {
        let mut mine = endpoint("mine");
        mine.params.insert("company".into(), "40".into());
        let company = |value: &str| vec![("company".to_owned(), value.to_owned())];
        for (params, expected) in [
            (company("40"), None),
            (company("41"), Some("other company: `40`")),
            (Vec::new(), None),
        ] {
            let wanted = WantedEvent {
                provider: "acme",
                event: "job.paid",
                environment: None,
                tenant: None,
                params: &params,
            };
            let reason = mine.wants(&wanted).err().map(|reason| reason.to_string());
            assert_eq!(reason.as_deref(), expected, "{params:?}");
        }
    }

    #[test]
    fn a_tenant_gets_its_own_events_alone_and_nobody_else_gets_them() {
        let mut of_a = endpoint("of-a");
        of_a.tenant = Some("a".into());
        let plain = endpoint("plain");
        for (endpoint, tenant, expected) in [
            (&of_a, Some("a"), None),
            (&of_a, Some("b"), Some("other tenant: `a`")),
            (&of_a, None, Some("other tenant: `a`")),
            (&plain, Some("a"), Some("no tenant")),
            (&plain, None, None),
        ] {
            let wanted = WantedEvent {
                provider: "acme",
                event: "job.paid",
                environment: None,
                tenant,
                params: &[],
            };
            let reason = endpoint.wants(&wanted).err().map(|reason| reason.to_string());
            assert_eq!(reason.as_deref(), expected, "{} {tenant:?}", endpoint.name);
        }
    }
}
