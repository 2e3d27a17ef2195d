//! From an event to deliveries: one for each subscribed endpoint, in the envelope of its provider.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::lanes::LaneName;
use super::subscribers::{Subscriber, Subscribers};
use super::trace::TraceContext;
use crate::app::context::Context;
use crate::app::resolve::ACCOUNT_OFF;
use crate::condition::all_hold;
use crate::endpoints::SkipReason;
use crate::engine::Delivery;
use crate::id::Id;
use crate::message::{Message, Mode};
use crate::provider::Profile;
use crate::provider::compose::{ComposeOptions, Composer};
use crate::text::printable;
use crate::transport::AddressPolicy;

/// An event to be fanned out.
#[derive(Debug, Clone, Default)]
pub(super) struct NamedEvent {
    /// Its name.
    pub(super) name: String,
    /// Its data, JSON text; absent: the provider's sample.
    pub(super) data: Option<String>,
    /// The id on the wire, where the sender chose one.
    pub(super) id: Option<String>,
    /// Test or live.
    pub(super) mode: Mode,
    /// Whose it is.
    pub(super) tenant: Option<String>,
    /// Parameters of envelopes.
    pub(super) params: Vec<(String, String)>,
    /// The trace of the call that handed it over.
    pub(super) trace: Option<TraceContext>,
}

/// Why an event cannot be delivered to a subscribed endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Undeliverable {
    /// The endpoint's name; absent: no endpoint could get it.
    pub(super) endpoint: Option<String>,
    /// Why.
    pub(super) reason: String,
}

impl fmt::Display for Undeliverable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.endpoint {
            Some(endpoint) => write!(f, "endpoint `{endpoint}` cannot get it: {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

/// Makes deliveries.
#[derive(Clone)]
pub(super) struct FanOut {
    /// The provider that is played; absent: each endpoint's own.
    pub(super) played: Option<Arc<Profile>>,
    /// Which addresses deliveries may reach.
    pub(super) addresses: AddressPolicy,
}

impl FanOut {
    /// The deliveries of an event. An endpoint that cannot get it is an error.
    pub(super) fn event(
        &self,
        context: &Context,
        subscribers: &Subscribers,
        event: &NamedEvent,
        id: Id,
    ) -> Result<Vec<(LaneName, Delivery)>, Undeliverable> {
        let now = context.now();
        let mut messages: HashMap<String, Arc<Message>> = HashMap::new();
        let mut bodies = ParsedBodies::default();
        let (mut deliveries, mut skipped) = (Vec::new(), Vec::new());
        if let Some(profile) = &self.played {
            // It refuses what it does not know, whichever endpoint subscribed.
            let made = compose(context, profile, event, event.params.clone(), id)
                .map_err(|reason| Undeliverable { endpoint: None, reason })?;
            messages.insert(profile.label(), made);
        }
        for subscriber in Self::of_account(context, subscribers) {
            let profile = self.profile(subscriber);
            let refused = |reason: String| Undeliverable {
                endpoint: Some(subscriber.endpoint.name.clone()),
                reason,
            };
            let params = params(context, profile, &event.params);
            let name = profile.canonical_event(&event.name).unwrap_or(&event.name);
            match subscriber.wants(profile, name, event.tenant.as_deref(), &params) {
                Ok(()) => {}
                // Parked until it is enabled, but for a provider that is played: that one forgets the event.
                Err(SkipReason::Inactive(_)) if self.played.is_none() && !subscriber.endpoint.is_pending() => {}
                Err(skip) => {
                    skipped.push((&subscriber.endpoint.name, skip));
                    continue;
                }
            }
            let label = profile.label();
            let message = match messages.get(&label) {
                Some(message) => profile.for_another_delivery(message, now, &context.random),
                None => {
                    let made = compose(context, profile, event, params, id).map_err(&refused)?;
                    messages.insert(label.clone(), Arc::clone(&made));
                    made
                }
            };
            if !bodies.hold(subscriber, &label, &message) {
                continue;
            }
            let delivery = subscriber.delivery(context, profile, message, (self.addresses, now));
            let mut delivery = delivery.map_err(refused)?;
            if let Some(trace) = &event.trace {
                trace.pass_on(&mut delivery);
            }
            deliveries.push((Arc::clone(&subscriber.lane), delivery));
        }
        // A service has many endpoints, of which few get an event.
        if self.played.is_some() {
            tell_skipped(context, skipped, deliveries.is_empty());
        }
        Ok(deliveries)
    }

    /// The delivery of an event to one endpoint, whatever that subscribes to.
    pub(super) fn for_one(
        &self,
        context: &Context,
        subscriber: &Subscriber,
        event: &NamedEvent,
        id: Id,
    ) -> Result<(LaneName, Delivery), String> {
        let profile = self.profile(subscriber);
        let message = compose(context, profile, event, params(context, profile, &event.params), id)?;
        let delivery = subscriber.delivery(context, profile, message, (self.addresses, context.now()))?;
        Ok((Arc::clone(&subscriber.lane), delivery))
    }

    /// The deliveries of a message of the provider that is played. An endpoint that cannot get it is reported, and left out.
    pub(super) fn message(
        &self,
        context: &Context,
        subscribers: &Subscribers,
        message: &Arc<Message>,
        params: &[(String, String)],
    ) -> Vec<(LaneName, Delivery)> {
        let (notices, now) = (&context.notices, context.now());
        let (mut deliveries, mut skipped) = (Vec::new(), Vec::new());
        let mut bodies = ParsedBodies::default();
        for subscriber in Self::of_account(context, subscribers) {
            let (name, profile) = (&subscriber.endpoint.name, self.profile(subscriber));
            if let Err(skip) = subscriber.wants(profile, &message.event, None, params) {
                skipped.push((name, skip));
                continue;
            }
            let message = match deliveries.len() {
                0 => Arc::clone(message),
                _ => profile.for_another_delivery(message, now, &context.random),
            };
            if !bodies.hold(subscriber, &subscriber.label, &message) {
                continue;
            }
            match subscriber.delivery(context, profile, message, (self.addresses, now)) {
                Ok(delivery) => deliveries.push((Arc::clone(&subscriber.lane), delivery)),
                Err(error) => notices.warn(format!("nothing goes to `{name}`: {error}")),
            }
        }
        tell_skipped(context, skipped, deliveries.is_empty());
        deliveries
    }

    /// All endpoints, or none where the account's webhooks are switched off.
    fn of_account<'s>(context: &Context, subscribers: &'s Subscribers) -> &'s [Arc<Subscriber>] {
        if subscribers.account_off {
            context.notices.warn(ACCOUNT_OFF);
            return &[];
        }
        subscribers.all()
    }

    fn profile<'s>(&'s self, subscriber: &'s Subscriber) -> &'s Arc<Profile> {
        self.played.as_ref().unwrap_or(&subscriber.profile)
    }
}

/// The bodies of an event, by the provider whose envelope they are: each is parsed once, when the first condition needs it.
#[derive(Default)]
struct ParsedBodies(HashMap<String, Option<Value>>);

impl ParsedBodies {
    /// Whether the body says what the endpoint wants.
    fn hold(&mut self, subscriber: &Subscriber, label: &str, message: &Message) -> bool {
        let conditions = &subscriber.conditions;
        if conditions.is_empty() {
            return true;
        }
        let parsed = self.0.entry(label.to_owned());
        let parsed = parsed.or_insert_with(|| serde_json::from_slice(&message.body).ok());
        parsed.as_ref().is_some_and(|body| all_hold(conditions, body))
    }
}

/// Reports which endpoints do not get an event. The reason matters most when none gets it.
fn tell_skipped(context: &Context, skipped: Vec<(&String, SkipReason)>, is_nobodys: bool) {
    for (name, skip) in skipped {
        let line = format!("  {name}  skipped: {}", printable(&skip.to_string(), 200));
        if is_nobodys {
            context.notices.note(line);
        } else {
            context.notices.detail(line);
        }
    }
}

fn compose(
    context: &Context,
    profile: &Profile,
    event: &NamedEvent,
    params: Vec<(String, String)>,
    id: Id,
) -> Result<Arc<Message>, String> {
    let options = ComposeOptions {
        event: event.name.clone(),
        data: event.data.clone(),
        // The data comes from a client, which must not read anything by a placeholder.
        as_it_is: true,
        params,
        id: event.id.clone(),
        mode: event.mode,
        ..ComposeOptions::default()
    };
    let composer = Composer::new(profile, options).map_err(|error| error.to_string())?;
    let made = composer.compose(id, context.now(), &context.random);
    made.map(Arc::new).map_err(|error| error.to_string())
}

/// The parameters of a provider's envelope: those of the event, else those of the account.
fn params(context: &Context, profile: &Profile, given: &[(String, String)]) -> Vec<(String, String)> {
    let account = context.account_params(profile).into_iter();
    let account = account.filter(|(name, _)| !given.iter().any(|(own, _)| own == name));
    let own = given.iter().filter(|(name, _)| profile.params.contains_key(name));
    account.chain(own.cloned()).collect()
}
