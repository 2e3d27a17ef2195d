//! What is known of the listener in the same process.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::app::receive::{ListenOptions, Observer, ReceiveEvent};
use crate::config::Settings;
use crate::error::Result;
use crate::mask;
use crate::secret::SecretRef;
use crate::target::parse_url;
use crate::text::printable;

/// The listener of this process, for the header of the page.
#[derive(Debug, Default)]
pub struct LiveListener {
    facts: Mutex<ListenerFacts>,
    /// Where it forwards to, with the credentials of that URL: to be sent to, never to be shown.
    pub forward_to: Option<String>,
}

/// Facts about a listener. No secret: references and names only.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ListenerFacts {
    /// Where it takes requests; absent until it is ready.
    pub url: Option<String>,
    /// The URL of the tunnel to it.
    pub public_url: Option<String>,
    /// What it accepts, as a clause.
    pub takes: String,
    /// The providers that it expects; none: whichever is recognised.
    pub providers: Vec<String>,
    /// The secrets that it verifies with, by name or reference.
    pub secrets: Vec<String>,
    /// Where it forwards to.
    pub target: Option<String>,
    /// The event pattern that it is limited to.
    pub filter: Option<String>,
    /// Why requests are answered 503: the ledger does not take them.
    pub unrecorded: Option<String>,
    /// Why its work does not go on: the ledger fails.
    pub trouble: Option<String>,
}

impl LiveListener {
    /// What the options say, and the settings where the options are silent.
    pub fn of(options: &ListenOptions, settings: &Settings) -> Arc<Self> {
        let dev = options.dev_secret.then(|| "the dev secret".to_owned());
        let given = options.secrets.iter().map(|text| {
            let (name, reference) = match text.split_once('=') {
                Some((name, reference)) if !name.contains(':') => (Some(name), reference),
                _ => (None, text.as_str()),
            };
            name.map_or_else(|| SecretRef::parse(reference).to_string(), str::to_owned)
        });
        let text = |text: String| printable(&text, 200);
        let filters: Vec<String> = options.filters.iter().map(|filter| filter.source()).collect();
        let filter = (!filters.is_empty()).then(|| filters.join(" && "));
        let target = options.forward_to.as_ref().or(settings.forward_to.as_ref());
        // The listener itself refuses what is no URL.
        let target = target.and_then(|target| parse_url(target).ok()).map(String::from);
        let facts = ListenerFacts {
            public_url: options.public_url.as_deref().map(mask::url).map(text),
            providers: options.providers.clone(),
            secrets: dev.into_iter().chain(given).map(text).collect(),
            target: target.as_deref().map(mask::url).map(text),
            filter: filter.map(text),
            ..ListenerFacts::default()
        };
        Arc::new(Self {
            facts: Mutex::new(facts),
            forward_to: target,
        })
    }

    /// Where requests go that have no target of their own: where it forwards to, or to itself.
    pub fn default_target(&self) -> Option<String> {
        self.forward_to.clone().or_else(|| self.facts().url)
    }

    /// As they are now.
    pub fn facts(&self) -> ListenerFacts {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, change: impl FnOnce(&mut ListenerFacts)) {
        change(&mut self.facts.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Notes when the listener is ready, and passes every event on.
pub struct LiveObserver {
    /// What is noted.
    pub live: Arc<LiveListener>,
    /// Gets every event.
    pub inner: Arc<dyn Observer>,
}

impl Observer for LiveObserver {
    fn on(&self, event: ReceiveEvent<'_>) -> Result<()> {
        let text = |error: &str| Some(printable(error, 400));
        self.live.note(|facts| match &event {
            ReceiveEvent::Ready(ready) => {
                facts.url = Some(mask::url(&ready.url));
                facts.takes.clone_from(&ready.takes);
            }
            ReceiveEvent::Request(_) => facts.unrecorded = None,
            ReceiveEvent::NotRecorded { error } => facts.unrecorded = text(error),
            ReceiveEvent::Stalled { error, .. } => facts.trouble = text(error),
            ReceiveEvent::Recovered { .. } => facts.trouble = None,
            _ => {}
        });
        self.inner.on(event)
    }
}
