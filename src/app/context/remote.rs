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
use crate::mask;
use crate::provider::{Registry, RegistryError, near_names};
use crate::random::Random;
use crate::target::parse_url;
use crate::transport::{HttpOptions, HttpTransport, address_policy};

impl Context {
    /// The remote of that name: one of the settings, else the provider's own. What is given wins over the settings.
    pub fn remote(&self, name: &str, api_url: Option<&str>, token: Option<&str>) -> Result<Remote<HttpTransport>> {
        let configured = self.settings.remotes.get(name);
        let label = configured.and_then(|remote| remote.provider.as_deref()).unwrap_or(name);
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
        let none = RemoteFile::default();
        let settings = configured.unwrap_or(&none);
        let token = token
            .or(settings.token.as_deref())
            .map(|text| self.secret(text))
            .transpose()?;
        let base = base(api_url.or(settings.api_url.as_deref()), api.base.as_ref(), name)?;
        if token.is_some() && base.scheme() == "http" && !address_policy::is_loopback(&base) {
            let place = mask::url(base.as_str());
            self.notices.warn(format!(
                "the token goes to `{place}` over http, where it can be read on the way"
            ));
        }
        let own = settings
            .params
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()));
        let params = own.chain(self.account_params(&profile)).collect();
        let options = HttpOptions {
            proxy_from_env: true,
            answer_kept: Some(MOST_READ),
            ..HttpOptions::default()
        };
        let transport =
            HttpTransport::new(options).map_err(|error| Error::usage(error.to_string()).because_of(&error))?;
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
                transport: Arc::new(transport),
                clock: Arc::clone(&self.clock),
            },
        })
    }

    fn no_remote(&self, name: &str) -> Error {
        if self.settings.ignores(&format!("remote.{name}")) {
            let what = format!("remote `{name}` is the project's, and the project is not trusted");
            return Error::usage(what).hint(trust::HINT);
        }
        let providers = self.registry.names();
        let names = self.settings.remotes.keys().chain(&providers).map(String::as_str);
        let near = near_names(name, names);
        Error::usage(format!(
            "`{name}` is neither a provider nor a `[remote]` of the settings"
        ))
        .near(&near, |name| format!("--remote {name}"))
    }
}

/// What is noted here of the remote of that name, which is not asked. `None` where nothing has that name.
pub fn notes(paths: &Paths, settings: &Settings, name: &str, api_url: Option<&str>) -> Option<Book> {
    let configured = settings.remotes.get(name);
    let label = configured.and_then(|remote| remote.provider.as_deref()).unwrap_or(name);
    let profile = Registry::new(Some(paths.providers())).get(label).ok()?;
    let given = api_url.or(configured.and_then(|remote| remote.api_url.as_deref()));
    let base = base(given, profile.api.as_ref()?.base.as_ref(), name).ok()?;
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
    // Files of secrets are noted by their whole path: whoever has them in a project reads them from elsewhere too.
    Book::notes(file, Vault::new(paths.secrets(), paths.remotes()))
}

/// What is given may leave out the path, which is the usual one then.
fn base(given: Option<&str>, usual: Option<&Url>, name: &str) -> Result<Url> {
    let Some(text) = given else {
        return usual.cloned().ok_or_else(|| {
            Error::usage(format!("where the API of `{name}` is must be said")).hint("add `--api-url URL`")
        });
    };
    let mut url = parse_url(text)
        .map_err(|error| Error::usage(error.to_string()).hint("`--api-url https://HOST/PATH` says where the API is"))?;
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err(Error::usage("the URL of an API has neither a query nor a user in it")
            .hint("`--token REF` gives the token"));
    }
    if let Some(usual) = usual.filter(|_| url.path() == "/") {
        url.set_path(usual.path());
    }
    Ok(url)
}
