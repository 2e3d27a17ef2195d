//! The endpoints of the book as the service needs them: with their profiles, keys and policies, read again when the book has
//! changed, so that no event waits for a file.

mod watch;

use std::collections::HashMap;
use std::sync::Arc;

use url::Url;

use super::lane::{CONCURRENCY, LaneLimits};
use super::lanes::{LaneName, URL_LANE};
use super::signing::{Unsignable, lacks_signature, signing, unsigned};
use crate::app::context::Context;
use crate::app::sign::check_signature;
use crate::clock::Timestamp;
use crate::condition::Condition;
use crate::endpoints::{AttemptTimeout, BookWatch, Endpoint, EndpointLimits, Rate, SkipReason, WantedEvent, select};
use crate::engine::{Delivery, Label, Promise, Signing};
use crate::error::{Error, Result};
use crate::exchange::Source;
use crate::headers::Headers;
use crate::health::HealthTarget;
use crate::message::{Message, Mode};
use crate::provider::Profile;
use crate::provider::policy::Policy;
use crate::target::parse_url;
use crate::transport::AddressPolicy;
pub(super) use watch::SubscriberWatch;

/// An endpoint, ready for deliveries.
pub(super) struct Subscriber {
    pub(super) endpoint: Endpoint,
    pub(super) profile: Arc<Profile>,
    /// Name and variant of the provider.
    pub(super) label: String,
    pub(super) lane: LaneName,
    pub(super) limits: LaneLimits,
    url: Url,
    signing: std::result::Result<Signing, Unsignable>,
    live: Arc<Policy>,
    test: Arc<Policy>,
    /// Beside the provider's.
    headers: Headers,
    /// What a body must say.
    pub(super) conditions: Vec<Condition>,
    /// Whether the settings name it for notices.
    gets_notices: bool,
}

/// All endpoints of the book at one moment.
#[derive(Default)]
pub(super) struct Subscribers {
    all: Vec<Arc<Subscriber>>,
    by_lane: HashMap<LaneName, Arc<Subscriber>>,
    /// Whether the settings switch all webhooks of the account off.
    pub(super) account_off: bool,
    /// What they were made from.
    endpoints: Option<Arc<[Endpoint]>>,
    /// The generation of the store's documents that they were made from; absent for a book in a file, and for one that cannot be used
    /// now.
    pub(super) generation: Option<u64>,
}

impl Subscribers {
    fn read(context: &Context, book: &BookWatch) -> Result<Self> {
        let book = book.read()?;
        let mut read = Self {
            account_off: context.settings.account_off,
            endpoints: Some(Arc::clone(&book.endpoints)),
            generation: book.generation,
            ..Self::default()
        };
        for endpoint in book.endpoints.iter() {
            match Subscriber::new(context, endpoint) {
                Ok(subscriber) => {
                    let subscriber = Arc::new(subscriber);
                    read.by_lane
                        .insert(Arc::clone(&subscriber.lane), Arc::clone(&subscriber));
                    read.all.push(subscriber);
                }
                // One endpoint that cannot be used must not stop the others.
                Err(error) => context
                    .notices
                    .warn(format!("endpoint `{}` gets nothing: {error}", endpoint.name)),
            }
        }
        Ok(read)
    }

    /// All of them.
    pub(super) fn all(&self) -> &[Arc<Subscriber>] {
        &self.all
    }

    /// Those whose secrets cannot be decrypted.
    pub(super) fn locked(&self) -> impl Iterator<Item = &Arc<Subscriber>> {
        self.all.iter().filter(|subscriber| subscriber.is_locked())
    }

    /// The endpoint of that lane.
    pub(super) fn of_lane(&self, lane: &str) -> Option<&Arc<Subscriber>> {
        self.by_lane.get(lane)
    }

    /// Whether a lane is that of an endpoint that the book does not have.
    pub(super) fn is_removed(&self, lane: &str) -> bool {
        let mut endpoints = self.endpoints.iter().flat_map(|endpoints| endpoints.iter());
        !lane.starts_with(URL_LANE) && endpoints.all(|endpoint| endpoint.id != lane)
    }

    /// The lane of a delivery to an endpoint, or to a URL that is none's.
    pub(super) fn lane(&self, endpoint: Option<&str>, url: &str) -> String {
        match endpoint {
            None => url_lane(url),
            Some(name) => match self.named(name) {
                Some(subscriber) => subscriber.lane.to_string(),
                None => removed_lane(name),
            },
        }
    }

    /// The endpoint of that name, id, or unique beginning of an id; of that tenant, where one is given.
    pub(super) fn find(&self, selector: &str, tenant: Option<&str>) -> Result<Arc<Subscriber>> {
        let all = self.all.iter().map(|subscriber| &subscriber.endpoint);
        let all = all.filter(|endpoint| tenant.is_none() || endpoint.tenant.as_deref() == tenant);
        let all: Vec<Endpoint> = all.cloned().collect();
        let found = select(&all, selector)?;
        let found = self.all.iter().find(|subscriber| subscriber.endpoint.id == found.id);
        found
            .map(Arc::clone)
            .ok_or_else(|| Error::nothing("endpoint not found"))
    }

    /// The endpoint of that name.
    pub(super) fn named(&self, name: &str) -> Option<&Arc<Subscriber>> {
        self.all.iter().find(|subscriber| subscriber.endpoint.name == name)
    }
}

/// The lane of deliveries that go to no endpoint of the book.
fn url_lane(url: &str) -> String {
    let origin = Url::parse(url).map(|url| url.origin().ascii_serialization());
    format!("{URL_LANE}{}", origin.as_deref().unwrap_or("unknown"))
}

/// How the lanes of endpoints begin that are not in the book.
pub(super) const REMOVED_LANE: &str = "removed:";

/// The lane of an endpoint that is not in the book any more.
fn removed_lane(name: &str) -> String {
    format!("{REMOVED_LANE}{name}")
}

impl Subscriber {
    fn new(context: &Context, endpoint: &Endpoint) -> Result<Self> {
        let profile = context.registry.get(&endpoint.provider)?;
        Ok(Self {
            signing: signing(context, endpoint, &profile).map_err(Unsignable::from),
            url: parse_url(&endpoint.url)?,
            label: profile.label(),
            lane: endpoint.id.as_str().into(),
            limits: limits(endpoint.limits),
            live: Arc::new(policy(endpoint, &profile, Mode::Live)),
            test: Arc::new(policy(endpoint, &profile, Mode::Test)),
            headers: (endpoint.headers.iter())
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect(),
            conditions: (endpoint.conditions.iter())
                .map(|(path, wanted)| Condition::new(path, wanted).map_err(Error::usage))
                .collect::<Result<_>>()?,
            gets_notices: context.settings.notify.webhook.as_ref() == Some(&endpoint.name),
            endpoint: endpoint.clone(),
            profile,
        })
    }

    /// Whether its secret cannot be decrypted.
    pub(super) fn is_locked(&self) -> bool {
        matches!(&self.signing, Err(Unsignable { is_locked: true, .. }))
    }

    /// Whether its lane is open.
    pub(super) fn takes_deliveries(&self) -> bool {
        self.endpoint.is_active() && !self.is_locked()
    }

    /// Reports that it is locked, or no more, when that has changed.
    fn report_lock(&self, context: &Context, before: Option<&Arc<Self>>) {
        let name = &self.endpoint.name;
        let was_locked = before.is_some_and(|before| before.is_locked() && before.endpoint.is_active());
        match &self.signing {
            Err(why) if why.is_locked && !was_locked && self.endpoint.is_active() => {
                let what = format!("deliveries to `{name}` are parked: {}", why.reason);
                context.notices.warn(what);
            }
            Ok(_) if was_locked => {
                let what = format!("the secret of `{name}` can be decrypted again: its deliveries go on");
                context.notices.note(what);
            }
            _ => {}
        }
    }

    /// Whether it gets an event of that provider.
    pub(super) fn wants(
        &self,
        profile: &Profile,
        event: &str,
        tenant: Option<&str>,
        params: &[(String, String)],
    ) -> std::result::Result<(), SkipReason> {
        let wanted = WantedEvent {
            provider: &profile.name,
            event,
            environment: None,
            tenant,
            params: &profile.effective_params(params),
        };
        self.endpoint.wants(&wanted)
    }

    /// The delivery of a message to it.
    pub(super) fn delivery(
        &self,
        context: &Context,
        profile: &Arc<Profile>,
        message: Arc<Message>,
        (addresses, now): (AddressPolicy, Timestamp),
    ) -> std::result::Result<Delivery, String> {
        let policy = match message.mode {
            _ if !Arc::ptr_eq(profile, &self.profile) => &Arc::new(policy(&self.endpoint, profile, message.mode)),
            Mode::Live => &self.live,
            Mode::Test => &self.test,
        };
        let label = Label {
            source: Source::Serve,
            provider: Some(profile.label()),
            endpoint: Some(self.endpoint.name.clone()),
            tenant: self.endpoint.tenant.clone(),
            promise: Promise::Queued,
            health: self.health(true),
            ..Label::default()
        };
        let signing = match self.signing_as(context, profile) {
            // Recorded only: when it is taken from the queue, it gets the signature that counts then.
            Err(why) if why.is_locked => unsigned(&self.endpoint, profile),
            signing => signing.map_err(|why| why.reason)?,
        };
        let (random, url, policy) = (&context.random, self.url.clone(), Arc::clone(policy));
        let delivery = Delivery {
            method: profile.delivery.method.clone(),
            headers: self.headers.clone(),
            addresses,
            ..Delivery::new(random, now, message, url, signing, policy, label)
        };
        // A signature in a header fits every body; whether the key can sign was found out when the book was read.
        let in_body = profile.scheme.header().is_none() || profile.scheme.looks_into_body();
        if in_body && !lacks_signature(&delivery) {
            check_signature(context, &delivery).map_err(|error| error.to_string())?;
        }
        Ok(delivery)
    }

    /// The headers of its deliveries beside the provider's.
    pub(super) fn headers(&self) -> Headers {
        self.headers.clone()
    }

    /// What its deliveries change: nothing where it gets notices, since a notice that fails must neither disable it nor cause
    /// another.
    pub(super) fn health(&self, counts_failure: bool) -> Option<HealthTarget> {
        (!self.gets_notices).then(|| HealthTarget {
            id: self.endpoint.id.clone(),
            counts_failure,
        })
    }

    fn signing_as(&self, context: &Context, profile: &Arc<Profile>) -> std::result::Result<Signing, Unsignable> {
        if Arc::ptr_eq(profile, &self.profile) || profile.label() == self.label {
            return self.signing.clone();
        }
        signing(context, &self.endpoint, profile).map_err(Unsignable::from)
    }

    /// How a delivery of that provider to it is signed now.
    pub(super) fn signing(&self, context: &Context, label: &str) -> std::result::Result<Signing, Unsignable> {
        // The registry looks for files of the user.
        if label == self.label {
            return self.signing.clone();
        }
        let profile = context.registry.get(label).map_err(Error::from)?;
        self.signing_as(context, &profile)
    }
}

/// The provider's policy with the endpoint's own time limit.
fn policy(endpoint: &Endpoint, profile: &Profile, mode: Mode) -> Policy {
    let policy = profile.policy_in(mode).clone();
    let own = endpoint.limits.timeout.map(AttemptTimeout::duration);
    Policy {
        timeout: own.unwrap_or(policy.timeout),
        ..policy
    }
}

fn limits(limits: EndpointLimits) -> LaneLimits {
    let EndpointLimits {
        concurrency,
        rate,
        ordered,
        timeout: _,
    } = limits;
    LaneLimits {
        concurrency: concurrency.map_or(CONCURRENCY, |most| most.get().into()),
        may_burst: concurrency.is_none(),
        rate: rate.map(Rate::per_second),
        is_ordered: ordered,
    }
}
