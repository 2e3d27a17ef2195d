//! The provider's API that a name stands for, ready to be called.

use std::sync::Arc;

use url::Url;

use super::Context;
use crate::api::client::{Client, MOST_READ, Remote};
use crate::app::trust;
use crate::config::remote::RemoteFile;
use crate::config::{Paths, Settings};
use crate::endpoints::{Book, Vault};
use crate::error::{Error, Result};
use crate::known;
use crate::mask;
use crate::provider::{Registry, RegistryError, near_names};
use crate::random::Random;
use crate::secret::Secret;
use crate::target::parse_url;
use crate::transport::{HttpOptions, HttpTransport, address_policy};

impl Context {
    /// The remote of that name: one of the settings, else the provider's own. What is given wins over the settings.
    pub fn remote(&self, name: &str, api_url: Option<&str>, token: Option<&str>) -> Result<Remote<HttpTransport>> {
        let configured = self.settings.remotes.get(name);
        let settings = configured.cloned().unwrap_or_default();
        let label = settings.provider.as_deref().unwrap_or(name);
        let profile = match self.registry.get(label) {
            Err(RegistryError::Unknown { .. }) if configured.is_none() => return Err(self.no_remote(name)),
            found => found?,
        };
        let Some(api) = profile.api.clone() else {
            return Err(
                Error::usage(format!("`{label}` has no API for endpoints that hook knows of")).hint(
                    "endpoints of it are kept here: leave out `--remote`; `[api]` in a provider file of your own describes one",
                ),
            );
        };
        let token = match token {
            Some(given) => Some(self.secret(given)?),
            None => self.settings_token(name, &settings)?,
        };
        let base = base(api_url.or(settings.api_url.as_deref()), api.base.as_ref(), name)?;
        if token.is_some() && base.scheme() == "http" && !address_policy::is_loopback(&base) {
            let place = mask::url(base.as_str());
            self.notices.warn(format!(
                "the token goes to `{place}` over http, where it can be read on the way"
            ));
        }
        let own = settings.params.clone().into_iter();
        let params = own.chain(self.account_params(&profile)).collect();
        Ok(Remote {
            notes: notes_of(&self.paths, name, &base),
            plan: settings.plan.clone().or_else(|| self.settings.account_plan.clone()),
            random: Random::os(),
            client: Client {
                name: name.to_owned(),
                profile,
                api: Arc::new(api),
                base,
                token,
                params,
                transport: Arc::new(http_transport(Some(MOST_READ))?),
                clock: Arc::clone(&self.clock),
            },
        })
    }

    /// The token of the settings, which may be encrypted there.
    fn settings_token(&self, name: &str, settings: &RemoteFile) -> Result<Option<Secret>> {
        let Some(token) = settings.encrypted_token(name)? else {
            return settings.token.as_deref().map(|text| self.secret(text)).transpose();
        };
        known::remember(&token, None);
        Ok(Some(token))
    }

    fn no_remote(&self, name: &str) -> Error {
        if self.settings.ignores(&format!("remote.{name}")) {
            let what = format!("remote `{name}` is the project's, and the project is not trusted");
            return Error::usage(what).hint(trust::HINT);
        }
        let providers = self.registry.names();
        let names = self.settings.remotes.keys().chain(&providers).map(String::as_str);
        let near = near_names(name, names);
        Error::nothing(format!(
            "`{name}` is neither a provider nor a `[remote]` of the settings"
        ))
        .near(&near, |name| format!("--remote {name}"))
    }
}

/// HTTP for calls of hook's own, through the proxy that the environment names. `answer_kept` is in bytes.
pub fn http_transport(answer_kept: Option<usize>) -> Result<HttpTransport> {
    Ok(HttpTransport::new(HttpOptions {
        proxy_from_env: true,
        answer_kept,
        ..HttpOptions::default()
    })?)
}

/// What this machine noted about the remote of that name; its API is not called. `None` for an unknown name.
pub fn notes(paths: &Paths, settings: &Settings, name: &str, api_url: Option<&str>) -> Option<Book> {
    let remote = settings.remotes.get(name).cloned().unwrap_or_default();
    let label = remote.provider.as_deref().unwrap_or(name);
    let profile = Registry::new(Some(paths.providers())).get(label).ok()?;
    let base = base(
        api_url.or(remote.api_url.as_deref()),
        profile.api.as_ref()?.base.as_ref(),
        name,
    )
    .ok()?;
    Some(notes_of(paths, name, &base))
}

/// What this machine knows about the endpoints of one place: ids of another must not be taken for its.
fn notes_of(paths: &Paths, name: &str, base: &Url) -> Book {
    let place = base.as_str().split("://").nth(1).unwrap_or_default();
    let plain: String = format!("{name} {place}")
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join("-");
    let file = paths.remotes().join(format!("{plain}.json"));
    // Secret files are noted by absolute path, so that they are found from any project.
    Book::notes(file, Vault::new(paths.secrets(), paths.remotes()))
}

/// A given URL without a path gets the usual one.
fn base(given: Option<&str>, usual: Option<&Url>, name: &str) -> Result<Url> {
    let Some(text) = given else {
        return usual.cloned().ok_or_else(|| {
            Error::usage(format!("the URL of the API of `{name}` is not known")).hint("add `--api-url URL`")
        });
    };
    let mut url = parse_url(text).map_err(|error| {
        Error::usage(error.to_string()).hint("`--api-url https://HOST/PATH` sets the URL of the API")
    })?;
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err(Error::usage("the URL of an API has neither a query nor a user in it")
            .hint("`--token REF` gives the token"));
    }
    if let Some(usual) = usual.filter(|_| url.path() == "/") {
        url.set_path(usual.path());
    }
    Ok(url)
}
