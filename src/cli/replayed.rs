//! From a record to a delivery that repeats it.

mod original;

use std::sync::Arc;

use url::Url;

use super::http::HttpArgs;
use super::retry::RetryArgs;
use crate::clock::Timestamp;
use crate::engine::{Delivery, Label, Progress, Signing};
use crate::error::{Error, Result};
use crate::exchange::{Attempt, ErrorKind, Outcome, Source};
use crate::headers::Headers;
use crate::id::{Id, IdKind};
use crate::json::get_mut;
use crate::provider::compose::Edit;
use crate::provider::policy::{Codes, Policy, Schedule};
use crate::provider::{Place, Profile};
use crate::session::{DEV_SECRET, Purpose, Secrets, Session};
use crate::signature::Scheme;
use crate::store::{self, Record};
use crate::transport::{address_policy, join_url};
use original::Original;

/// What the user wants of every repetition.
pub(super) struct Wanted {
    pub(super) to: Option<Url>,
    pub(super) provider: Option<String>,
    pub(super) secrets: Vec<String>,
    pub(super) as_captured: bool,
    pub(super) new_id: bool,
    pub(super) edit: bool,
    pub(super) edits: Vec<Edit>,
    pub(super) send_credentials: bool,
    pub(super) resume: bool,
    pub(super) headers: Headers,
    pub(super) http: HttpArgs,
    pub(super) retry: RetryArgs,
}

/// Makes deliveries of records.
pub(super) struct Again<'a> {
    session: &'a Session,
    wanted: Wanted,
}

/// Which attempts are made.
struct Plan {
    id: Id,
    at: Timestamp,
    policy: Policy,
    progress: Progress,
}

impl<'a> Again<'a> {
    pub(super) fn new(session: &'a Session, wanted: Wanted) -> Self {
        Self { session, wanted }
    }

    /// The delivery that repeats a record, or goes on with it.
    pub(super) fn delivery(&mut self, record: Record) -> Result<Delivery> {
        let taken_up = match &record {
            Record::Delivery(delivery) if self.wanted.resume => Some(delivery.clone()),
            _ => None,
        };
        let mut source = Original::of(record, self.wanted.as_captured);
        let number = source.number;
        let url = self.target(&source)?;
        let profile = self.profile(&source)?;
        self.change(&mut source, profile.as_deref())?;
        let (signing, headers) = self.signing(&source, profile.as_ref(), &url)?;
        let plan = self.plan(taken_up.as_deref(), profile.as_deref())?;
        Ok(Delivery {
            id: plan.id,
            message: Arc::new(source.message),
            url,
            method: self
                .wanted
                .http
                .method
                .map_or(source.method, |method| method.name().to_owned()),
            headers,
            signing,
            policy: Arc::new(self.wanted.http.limit(plan.policy)),
            progress: plan.progress,
            at: plan.at,
            label: Arc::new(Label {
                source: Source::Replay,
                provider: source.provider,
                endpoint: source.endpoint,
                origin: Some(number),
                execution: source.execution,
            }),
        })
    }

    /// The attempts of a new delivery, or those that are left of one that is taken up.
    fn plan(&self, taken_up: Option<&store::Delivery>, profile: Option<&Profile>) -> Result<Plan> {
        let base = base_policy(profile);
        let Some(rest) = taken_up.map(|record| &record.delivery) else {
            let now = self.session.now();
            return Ok(Plan {
                id: Id::new(IdKind::Delivery, now, &self.session.random),
                at: now,
                policy: self.wanted.retry.policy(&base)?,
                progress: Progress::default(),
            });
        };
        let schedule = Schedule {
            delays: rest.delays.clone(),
            ..Schedule::default()
        };
        // What was stopped in the middle does not count: it is made once more, under the same number.
        let made = rest.attempts.iter().filter(|attempt| !was_stopped(attempt)).count();
        Ok(Plan {
            id: rest.id,
            at: rest.at,
            policy: Policy { schedule, ..base },
            progress: Progress {
                attempts: u32::try_from(made).unwrap_or(u32::MAX),
                first_at: rest.attempts.first().map(|attempt| attempt.at),
                next_due: rest.next_due,
            },
        })
    }

    fn target(&self, source: &Original) -> Result<Url> {
        if let Some(to) = &self.wanted.to {
            let request = source.request_target.as_deref();
            return Ok(request.map_or_else(|| to.clone(), |request| join_url(to, request)));
        }
        let Some(url) = &source.url else {
            return Err(Error::usage(format!(
                "`#{}` was received and never forwarded, so it has no target",
                source.number
            ))
            .hint(format!("`hook replay {} --to URL`", source.number)));
        };
        super::targets::parse_url(url)
    }

    fn profile(&self, source: &Original) -> Result<Option<Arc<Profile>>> {
        match self.wanted.provider.as_ref().or(source.provider.as_ref()) {
            Some(label) => Ok(Some(self.session.registry.get(label)?)),
            None => Ok(None),
        }
    }

    /// The body and the id as the user wants them.
    fn change(&self, source: &mut Original, profile: Option<&Profile>) -> Result<()> {
        if !self.wanted.edits.is_empty() || self.wanted.new_id {
            self.rewrite(source, profile)?;
        }
        if self.wanted.edit {
            source.message.body = super::editor::edit(&source.message.body)?.into();
        }
        Ok(())
    }

    fn rewrite(&self, source: &mut Original, profile: Option<&Profile>) -> Result<()> {
        let mut document: serde_json::Value = match serde_json::from_slice(&source.message.body) {
            Ok(document) => document,
            Err(_) if self.wanted.edits.is_empty() => serde_json::Value::Null,
            Err(error) => {
                return Err(Error::usage(format!("the body of `#{}` is not JSON", source.number))
                    .cause(error)
                    .hint("change it in an editor: `--edit`"));
            }
        };
        let mut changed = !self.wanted.edits.is_empty();
        self.wanted
            .edits
            .iter()
            .try_for_each(|edit| edit.apply(&mut document))?;
        if self.wanted.new_id {
            let now = self.session.now();
            let id = profile.map_or_else(
                || Id::new(IdKind::Message, now, &self.session.random).to_string(),
                |profile| profile.fresh_id(now, &self.session.random),
            );
            let places = profile.map(|profile| profile.read.id.as_slice()).unwrap_or_default();
            for place in places {
                if let Place::Body(path) = place
                    && let Some(value) = get_mut(&mut document, path)
                {
                    *value = serde_json::Value::from(id.as_str());
                    changed = true;
                    break;
                }
            }
            source.message.wire_id = id;
        }
        if changed {
            source.message.body = document.to_string().into();
        }
        source.message.id = Id::new(IdKind::Message, self.session.now(), &self.session.random);
        Ok(())
    }

    /// How the attempts are signed, and with which headers; says which.
    fn signing(&self, source: &Original, profile: Option<&Arc<Profile>>, url: &Url) -> Result<(Signing, Headers)> {
        let mut headers = self.kept_headers(source, url);
        let secrets = if self.wanted.as_captured {
            None
        } else {
            self.secrets(source, profile.map(Arc::as_ref))?
        };
        let (ui, number) = (&self.session.ui, source.number);
        let signing = match (profile, secrets) {
            (Some(profile), Some(secrets)) => {
                let signer = match &profile.scheme {
                    Scheme::Unsigned => None,
                    scheme => Some(Arc::new(scheme.signer(&secrets.for_profile(profile, Purpose::Sign)?)?)),
                };
                // What is made anew must not be there twice.
                let own = profile.headers.iter().map(|(name, _)| name.as_str());
                for name in own.chain(signature_headers(profile)) {
                    headers.remove(name);
                }
                let which = if secrets.is_dev() {
                    format!(" with the {DEV_SECRET}")
                } else {
                    String::new()
                };
                ui.note(&format!("#{number}: signed afresh as {}{which}", profile.label()));
                Signing::Fresh {
                    profile: Arc::clone(profile),
                    signer,
                }
            }
            _ => {
                ui.note(&format!("#{number}: sent as captured"));
                self.warn_stale(source, profile.map(Arc::as_ref));
                Signing::AsCaptured
            }
        };
        for (name, value) in self.wanted.headers.iter() {
            headers.set(name, value);
        }
        Ok((signing, headers))
    }

    /// The record's headers, without credentials where they would go to somebody who does not have them.
    fn kept_headers(&self, source: &Original, url: &Url) -> Headers {
        let headers = source.headers.end_to_end();
        let known_there = source.own_headers && source.url.as_deref().is_some_and(|old| same_origin(old, url));
        if self.wanted.send_credentials || known_there || address_policy::is_loopback(url) {
            return headers;
        }
        let mut headers = headers.without_credentials();
        if let Some(name) = source.execution.as_ref().and_then(|of| of.secret_header.as_deref()) {
            headers.remove(name);
        }
        headers
    }

    /// The secrets to sign with, when the right ones are known.
    fn secrets(&self, source: &Original, profile: Option<&Profile>) -> Result<Option<Secrets>> {
        let endpoint = match profile {
            Some(profile) if self.wanted.secrets.is_empty() => {
                super::targets::endpoint_secrets(self.session, source.endpoint.as_deref(), profile)?
            }
            _ => Vec::new(),
        };
        let secrets = self
            .session
            .secrets_for(&self.wanted.secrets, endpoint, Purpose::Sign)?;
        Ok(if secrets.is_dev() && !source.by_dev_secret {
            None
        } else {
            Some(secrets)
        })
    }

    fn warn_stale(&self, source: &Original, profile: Option<&Profile>) {
        let Some(profile) = profile else { return };
        let (Some(tolerance), Some(signed_at)) = (
            profile.scheme.freshness().tolerance,
            profile.scheme.signed_at(&source.headers),
        ) else {
            return;
        };
        let age = self.session.now().since(signed_at);
        if age > tolerance {
            let (age, tolerance) = (
                crate::clock::human_duration(age),
                crate::clock::human_duration(tolerance),
            );
            self.session.ui.warn(&format!(
                "#{} was signed {age} ago, and {} allows {tolerance}: a receiver will refuse it",
                source.number, profile.title
            ));
            self.session.ui.hint("sign it afresh: `--secret REF`");
        }
    }
}

fn base_policy(profile: Option<&Profile>) -> Policy {
    match profile {
        Some(profile) => profile.policy.clone(),
        None => Policy {
            timeout: std::time::Duration::from_secs(30),
            success: Codes::any_success(),
            schedule: Schedule::default(),
        },
    }
}

fn was_stopped(attempt: &Attempt) -> bool {
    let stopped = ErrorKind::Cancelled;
    matches!(&attempt.outcome, Outcome::Error { kind, .. } if *kind == stopped)
}

fn same_origin(old: &str, new: &Url) -> bool {
    Url::parse(old).is_ok_and(|old| old.origin() == new.origin())
}

/// Every header that may carry a signature.
fn signature_headers(profile: &Profile) -> impl Iterator<Item = &str> {
    let more = profile
        .scheme
        .carrier()
        .into_iter()
        .flat_map(|carrier| carrier.more_headers.iter());
    profile.scheme.header().into_iter().chain(more.map(String::as_str))
}
