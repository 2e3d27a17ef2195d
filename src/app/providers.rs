//! The catalogue: a sample of an event, a body beside it, a provider file of the user's.

use std::path::Path;

use serde_json::Value;

use super::context::Context;
use crate::error::{Error, Result};
use crate::headers::Headers;
use crate::id::{Id, IdKind};
use crate::json::{document, document_of_any};
use crate::message::Message;
use crate::provider::compose::{ComposeError, ComposeOptions, Composer};
use crate::provider::drift::{Difference, Measure};
use crate::provider::{Profile, near_names, or_near};
use crate::text::printable;

/// Composes a sample of an event.
pub fn sample(
    context: &Context,
    profile: &Profile,
    options: ComposeOptions,
) -> std::result::Result<Message, ComposeError> {
    let named = options.event.clone();
    let composer = Composer::new(profile, options)?;
    let event = composer.event();
    if event != named {
        context.notices.note(format!("`{named}` is another name of `{event}`"));
    }
    let id = Id::new(IdKind::Message, context.now(), &context.random);
    composer.compose(id, context.now(), &context.random)
}

/// A body beside the catalogue.
pub struct Comparison {
    /// `NAME` or `NAME@VARIANT`.
    pub provider: String,
    /// The catalogue's name.
    pub event: String,
    /// Every difference.
    pub differences: Vec<Difference>,
}

/// Compares a body with what the catalogue says of its event; `None` when no catalogue has it. `file` is what the body is
/// called in an error.
pub fn compare(
    context: &Context,
    provider: Option<&str>,
    event: &str,
    file: &str,
    bytes: &[u8],
) -> Result<Option<Comparison>> {
    let named = provider.is_some() || context.settings.provider.is_some();
    if !named && context.registry.find_event(event, None).is_empty() {
        let all = context.registry.all_events();
        let near = near_names(event, all.iter().map(|(name, _)| name.as_str()));
        context
            .notices
            .warn(format!("no provider has an event `{event}`{}", or_near(&near)));
        return Ok(None);
    }
    let profile = context.provider_for(provider, Some(event))?;
    // A file has no content type: what is no JSON is a form where the provider's bodies are forms.
    let body = document_of_any(bytes).or_else(|_| document(&profile.delivery.content_type, bytes));
    let body: Value = body.map_err(|error| Error::usage(format!("`{file}` is not JSON")).cause(error))?;
    let Some(measure) = measure(context, &profile, event)? else {
        context.notices.findings(&profile.check_custom_event(event));
        return Ok(None);
    };
    let known = profile.canonical_event(event).unwrap_or(event);
    if known != event {
        context.notices.note(format!("`{event}` is an alias of `{known}`"));
    }
    if profile.events.get(known).is_some_and(|entry| entry.assumed) {
        let what = format!("the data of `{known}` is assumed: no source states its shape");
        context.notices.note(what);
    }
    let differences = of_another_event(&profile, known, bytes)
        .into_iter()
        .chain(measure.compare(&body));
    Ok(Some(Comparison {
        provider: profile.label(),
        event: known.to_owned(),
        differences: differences.collect(),
    }))
}

/// What bodies of an event are compared with; `None`, and a warning, where the provider has no such event.
pub(super) fn measure(context: &Context, profile: &Profile, event: &str) -> Result<Option<Measure>> {
    match Measure::new(profile, event) {
        Err(ComposeError::UnknownEvent { near, .. }) => {
            let (provider, event) = (profile.label(), printable(event, 200));
            let warning = format!("`{provider}` has no event `{event}`{}", or_near(&near));
            context.notices.warn(warning);
            Ok(None)
        }
        measure => Ok(Some(measure?)),
    }
}

/// The difference of a body that names another event.
fn of_another_event(profile: &Profile, event: &str, body: &[u8]) -> Option<Difference> {
    let said = profile.facts(&Headers::default(), body).event?;
    let is_other = profile.canonical_event(&said) != Some(event);
    let path = profile.read.event.iter().find_map(|place| place.body_path());
    is_other.then(|| Difference::of_another_event(path.unwrap_or_default(), &printable(&said, 200)))
}

/// What is doubtful about a provider file that is good.
pub fn lint_file(context: &Context, file: &Path, profile: &Profile) {
    for event in profile.events.keys() {
        context.notices.findings(&profile.naming.check(&profile.label(), event));
    }
    if profile.read.event.is_empty() && !profile.events.is_empty() {
        let what = "without `event` in `[read]` an incoming request has no event, and no route for one fires";
        context.notices.warn(what);
    }
    let freshness = profile.scheme.freshness();
    if profile.scheme.signs_body() && freshness.tolerance.or(freshness.advised).is_none() {
        let what = "nothing limits the age of a request: without `tolerance` an old one is as good as a new one";
        context.notices.note(what);
    }
    if file.file_stem().is_none_or(|stem| stem != profile.name.as_str()) {
        context.notices.warn(format!(
            "a provider is found by its file's name: this one must be called `{}.toml`",
            profile.name
        ));
    }
}
