//! Makes the delivery that repeats a record.

use std::sync::Arc;

use url::Url;

use super::original::{Original, received, request_target};
use super::policy;
use super::secrets::Choice;
use super::{Editor, Prepared, Replay, remarks};
use crate::app::forged::twin;
use crate::app::notice::Notice;
use crate::app::resolve::{account_off, signing_with};
use crate::app::sign::check_signature;
use crate::clock::human_duration;
use crate::engine::{Delivery, Label, Progress, Signing};
use crate::error::{Error, Result};
use crate::exchange::{SecretKind, Source};
use crate::exit::Exit;
use crate::headers::Headers;
use crate::health::HealthTarget;
use crate::id::{Id, IdKind};
use crate::json_text;
use crate::pipeline::progress;
use crate::provider::Profile;
use crate::secret::DEV_SECRET;
use crate::store::{ORPHAN, Record};
use crate::target::parse_url;
use crate::text::halves;
use crate::transport::{AddressPolicy, address_policy, join_url};

impl Replay<'_> {
    /// The delivery that repeats or resumes a record. Without an editor the body stays as it is recorded.
    pub(super) fn prepare(&self, mut record: Record, editor: Option<Editor<'_>>) -> Result<Prepared> {
        self.restore(&mut record)?;
        let resumed = match &record {
            Record::Delivery(found) if self.options.resume => Some(progress(&found.delivery, self.context.now())),
            _ => None,
        };
        let is_again = matches!(&record, Record::Delivery(found) if found.is_again);
        if let Record::Delivery(found) = &record
            && found.is_orphan
        {
            let what = format!("`#{0}` cannot be sent: {ORPHAN}", found.number);
            let hint = format!("`hook log show {}` shows what is left of it", found.number);
            return Ok(Prepared::Skipped(Error::nothing(what).hint(hint)));
        }
        let mut source = Original::of(record, self.options.as_captured);
        let number = source.number;
        let recorded = resumed.is_some().then(|| source.delivery.headers.clone());
        if let Some(why) = self.withheld(&mut source)? {
            return Ok(Prepared::Skipped(why));
        }
        if let Some(why) = source.without_request() {
            return Ok(Prepared::Skipped(why));
        }
        if let Some(headers) = &self.options.own_headers {
            source.delivery.headers = headers.clone();
        }
        let url = self.target(&source)?;
        // A replay is not a delivery of the provider: only what is resumed counts.
        let is_counted = resumed.is_some() && source.delivery.source != Source::Test;
        let endpoint = source.delivery.endpoint.as_deref().filter(|_| is_counted);
        let health = match endpoint {
            Some(name) => self.endpoint(name)?.map(|endpoint| HealthTarget {
                id: endpoint.id,
                counts_failure: !is_again,
            }),
            None => None,
        };
        let profile = self.profile(&source)?;
        let remarked = self.change(&mut source, profile.as_deref(), editor)?;
        let choice = match &profile {
            Some(profile) => self.choose(&source, profile)?,
            None => Choice::AsCaptured,
        };
        if let Choice::Missing(why) = choice {
            return Ok(Prepared::Skipped(why));
        }
        let (signing, headers, mut notices) = self.signing(&source, profile.as_ref(), choice, &url)?;
        notices.extend(remarked);
        if let Some(why) = self.incomplete(&source, profile.as_deref(), &headers) {
            if !self.options.rehearsal {
                return Ok(Prepared::Skipped(why));
            }
            notices.extend(remarks(why));
        }
        let is_changed = self.options.method.is_some() || recorded.is_some_and(|recorded| recorded != headers);
        let mut delivery = self.delivery(source, resumed, profile.as_deref(), (url, headers, signing));
        delivery.is_changed = is_changed;
        Arc::make_mut(&mut delivery.label).health = health;
        if let Some(profile) = profile.as_deref().filter(|_| self.options.tamper) {
            let twin = twin(delivery, profile)?;
            let what = || {
                Error::usage(format!(
                    "nothing in `#{number}` is signed, so it cannot be tampered with"
                ))
            };
            delivery = twin.ok_or_else(what)?;
        }
        if !self.options.rehearsal
            && let Err(why) = check_signature(self.context, &delivery)
        {
            return Ok(Prepared::Skipped(why));
        }
        Ok(Prepared::Ready(Box::new(delivery), notices))
    }

    fn delivery(
        &self,
        source: Original,
        resumed: Option<Progress>,
        profile: Option<&Profile>,
        (url, headers, signing): (Url, Headers, Signing),
    ) -> Delivery {
        let policy = policy::policy(self.options, &source, resumed.is_some(), profile);
        let (addresses, number) = (self.addresses(&source), source.number);
        let original = source.delivery;
        let label = Label {
            source: Source::Replay,
            provider: original.provider,
            endpoint: original.endpoint,
            tenant: original.tenant,
            origin: Some(number),
            execution: original.execution,
            ..Label::default()
        };
        let (random, now) = (&self.context.random, self.context.now());
        let mut delivery = Delivery {
            method: self.options.method.clone().unwrap_or(original.method),
            headers,
            addresses,
            ..Delivery::new(random, now, original.message, url, signing, policy, label)
        };
        if let Some(progress) = resumed {
            (delivery.id, delivery.at, delivery.progress) = (original.id, original.at, progress);
        }
        delivery
    }

    /// The allowed addresses: any for a target of the options, else those of the record, whose target may come from others.
    fn addresses(&self, source: &Original) -> AddressPolicy {
        if self.options.to.is_some() {
            return AddressPolicy::Any;
        }
        match (&source.delivery.addresses, source.delivery.source) {
            // An unknown text is a newer version's: only what is always safe is allowed.
            (Some(text), _) => AddressPolicy::from_name(text).unwrap_or(AddressPolicy::Public),
            // An older record has no policy; the targets of `serve` come from callers of its API.
            (None, Source::Serve) => AddressPolicy::PublicAndLoopback,
            (None, _) => AddressPolicy::Any,
        }
    }

    /// The error when the endpoint gets nothing. A target of the options is not the endpoint.
    fn withheld(&self, source: &mut Original) -> Result<Option<Error>> {
        if self.options.to.is_some() {
            source.delivery.endpoint = None;
        }
        let Some(name) = &source.delivery.endpoint else {
            return Ok(None);
        };
        let number = source.number;
        let why = if self.context.settings.account_off {
            account_off()
        } else {
            match self.endpoint(name)? {
                Some(endpoint) => {
                    let Some(disabled) = &endpoint.disabled else {
                        return Ok(None);
                    };
                    let what = format!("endpoint `{name}` of `#{number}` is disabled: {disabled}");
                    Error::new(Exit::Refused, what).hint(endpoint.activation_hint())
                }
                // The test of an endpoint behind a provider's API, which is not in the local file.
                None if source.delivery.source == Source::Test => {
                    source.delivery.endpoint = None;
                    return Ok(None);
                }
                None => Error::new(Exit::Refused, format!("endpoint `{name}` of `#{number}` was removed")),
            }
        };
        Ok(Some(if self.options.resume {
            why
        } else {
            why.hint(format!("`hook replay {number} --to URL` sends it to a URL anyway"))
        }))
    }

    /// Path and query of the captured request that the record comes from.
    fn request_target(&self, source: &Original) -> Result<Option<String>> {
        // The URL of a forward will not do: it also has the query of its target.
        let received = received(self.store, source.delivery.origin)?;
        let target = received.map(|capture| request_target(&capture.request));
        Ok(target.or_else(|| source.request_target.clone()))
    }

    fn target(&self, source: &Original) -> Result<Url> {
        let mut url = self.recorded_target(source)?;
        if let Some(path) = &self.options.path {
            let (path, query) = halves(path, '?');
            url.set_path(path);
            url.set_query(query);
        }
        Ok(url)
    }

    fn recorded_target(&self, source: &Original) -> Result<Url> {
        if let Some(to) = &self.options.to {
            let request = self.request_target(source)?;
            return Ok(request.map_or_else(|| to.clone(), |request| join_url(to, &request)));
        }
        let url = &source.delivery.url;
        if url.is_empty() {
            return Err(Error::usage(format!(
                "`#{}` was received and never forwarded, so it has no target",
                source.number
            ))
            .hint(format!("`hook replay {} --to URL`", source.number)));
        }
        parse_url(url).map_err(|error| Error::usage(error.to_string()))
    }

    fn profile(&self, source: &Original) -> Result<Option<Arc<Profile>>> {
        match self.options.provider.as_ref().or(source.delivery.provider.as_ref()) {
            Some(label) => Ok(Some(self.context.registry.get(label)?)),
            None => Ok(None),
        }
    }

    /// Changes body and id as the options say.
    fn change(
        &self,
        source: &mut Original,
        profile: Option<&Profile>,
        editor: Option<Editor<'_>>,
    ) -> Result<Vec<Notice>> {
        let notices = if !self.options.edits.is_empty() || self.options.new_id {
            self.rewrite(source, profile)?
        } else {
            Vec::new()
        };
        if let Some(edit) = editor {
            source.delivery.message.body = edit(&source.delivery.message.body)?;
        }
        Ok(notices)
    }

    fn rewrite(&self, source: &mut Original, profile: Option<&Profile>) -> Result<Vec<Notice>> {
        let mut notices = Vec::new();
        if !self.options.edits.is_empty() {
            let body = source.delivery.message.body.clone();
            let Some((mark, json)) = json_text::split_mark(&body) else {
                return Err(Error::usage(format!("the body of `#{}` is not JSON", source.number))
                    .hint("change it in an editor: `--edit`"));
            };
            let mut edits = self.options.edits.iter();
            let text = edits.try_fold(json.to_owned(), |text, edit| edit.apply(&text))?;
            source.delivery.message.body = [mark, &text].concat().into();
        }
        if self.options.new_id {
            let now = self.context.now();
            let id = profile.map_or_else(
                || Id::new(IdKind::Message, now, &self.context.random).to_string(),
                |profile| profile.another_id(&source.delivery.message.event, now, &self.context.random),
            );
            let body = profile.and_then(|profile| profile.with_id(&source.delivery.message.body, &id));
            match body {
                Some(body) => source.delivery.message.body = body.into(),
                None if profile.is_some_and(|profile| profile.carries_id(&source.delivery.message.event)) => {}
                None => {
                    let number = source.number;
                    let what = format!("the message of #{number} carries no id: `--new-id` changes nothing in it");
                    notices.push(Notice::Warning(what));
                }
            }
            let message = &mut source.delivery.message;
            message.wire_id = match profile {
                Some(profile) => profile.wire_id(id, &message.content_type, &message.body),
                None => id,
            };
        }
        source.delivery.message.id = Id::new(IdKind::Message, self.context.now(), &self.context.random);
        Ok(notices)
    }

    /// How the attempts are signed, and with which headers; reports which.
    fn signing(
        &self,
        source: &Original,
        profile: Option<&Arc<Profile>>,
        choice: Choice,
        url: &Url,
    ) -> Result<(Signing, Headers, Vec<Notice>)> {
        let mut headers = self.kept_headers(source, url);
        let number = source.number;
        let (signing, notices) = match (profile, choice) {
            (Some(profile), Choice::Keys(secrets, kind)) => {
                // Headers that each attempt gets from the provider must not be there twice.
                let own = profile.headers.keys().map(String::as_str);
                for name in own.chain(profile.scheme.signature_headers()) {
                    headers.remove(name);
                }
                let with = if kind == SecretKind::Dev {
                    format!(" with the {DEV_SECRET}")
                } else {
                    String::new()
                };
                let note = format!("#{number}: signed afresh as {}{with}", profile.label());
                (signing_with(profile, &secrets, kind)?, vec![Notice::Note(note)])
            }
            (profile, _) => {
                let how = match source.delivery.signing.fault() {
                    Some(fault) => format!("sent {fault}, as in the test"),
                    None => "sent as captured".to_owned(),
                };
                let mut notices = vec![Notice::Note(format!("#{number}: {how}"))];
                notices.extend(self.stale(source, profile.map(Arc::as_ref)).into_iter().flatten());
                (source.signature(), notices)
            }
        };
        for (name, value) in self.options.headers.iter() {
            headers.set(name, value);
        }
        Ok((signing, headers, notices))
    }

    /// The record's headers, without credentials for a target that does not have them.
    fn kept_headers(&self, source: &Original, url: &Url) -> Headers {
        let headers = source.delivery.headers.end_to_end();
        // Headers of a request that came from elsewhere are not the user's for that URL.
        let known_there = !source.captured() && same_origin(&source.delivery.url, url);
        if self.options.send_credentials || known_there || address_policy::is_loopback(url) {
            return headers;
        }
        let mut headers = headers.without_credentials();
        let execution = source.delivery.execution.as_ref();
        if let Some(name) = execution.and_then(|of| of.secret_header.as_deref()) {
            headers.remove(name);
        }
        headers
    }

    /// The warning about a signature that is too old for the receiver.
    fn stale(&self, source: &Original, profile: Option<&Profile>) -> Option<[Notice; 2]> {
        let profile = profile?;
        let tolerance = profile.scheme.freshness().tolerance?;
        let signed_at = profile.scheme.signed_at(&source.delivery.headers)?;
        let age = self.context.now().since(signed_at);
        if age <= tolerance {
            return None;
        }
        let what = format!(
            "#{} was signed {} ago, and {} allows {}: a receiver will refuse it",
            source.number,
            human_duration(age),
            profile.title,
            human_duration(tolerance)
        );
        let hint = "sign it afresh: `--secret REF`".to_owned();
        Some([Notice::Warning(what), Notice::Hint(hint)])
    }
}

fn same_origin(old: &str, new: &Url) -> bool {
    Url::parse(old).is_ok_and(|old| old.origin() == new.origin())
}
