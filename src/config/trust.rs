//! What the files of a project need trust for: the one place that decides it. A cloned repository is hostile input, so its
//! settings are an allow-list: what is harmless is used, and everything else only when the user has allowed that entry.

use std::path::Path;

use indexmap::IndexMap;

use super::file::{AccountFile, ConfigFile, LedgerFile, ListenFile, RouteFile};
use super::notify::NotifyFile;
use super::remote::Remotes;
use super::serve::ServeFile;
use super::workflow::WorkflowFile;
use crate::endpoints::EndpointEntry;
use crate::fs::{folder_of, is_outside, leads_elsewhere};
use crate::secret::{SecretRef, SecretSource};
use crate::target::TargetSpec;
use crate::trust::{Grant, TrustList};

/// The settings of a project after they were judged.
#[derive(Debug)]
pub struct Review {
    /// What is used of them.
    pub file: ConfigFile,
    /// Everything that needs to be allowed.
    pub grants: Vec<Grant>,
    /// What of it is not, so that it is ignored.
    pub ignored: Vec<Grant>,
    /// Whether the provider was allowed to decide about commands; it is used for everything else in any case.
    pub provider_allowed: bool,
}

/// Judges the settings in the file at `path`.
pub fn review(mut file: ConfigFile, path: &Path, list: &TrustList) -> Review {
    // Every key is named, so that a new one has to be decided. What is named with `_` is harmless.
    let ConfigFile {
        provider,
        secret,
        output: _,
        listen:
            ListenFile {
                port: _,
                forward_to,
                on,
                dedupe_window,
            },
        serve:
            ServeFile {
                port: _,
                bind,
                expose,
                key,
                test_key,
                cert,
                cert_key,
                production,
                allow_private,
            },
        ledger: LedgerFile { retention, max_size },
        notify,
        account: AccountFile {
            enabled,
            plan: _,
            params: _,
        },
        route,
        remote,
        endpoint,
        workflow,
    } = &mut file;
    let mut judge = Judge::new(path, list);
    let provider_allowed = provider.as_ref().is_none_or(|name| judge.provider(name));
    judge.endpoints(endpoint.as_deref().unwrap_or_default(), provider.as_deref());
    *secret = secret.take().and_then(|text| judge.secret(&text, provider.as_deref()));
    judge.keep(forward_to, "listen.forward-to", |url| {
        format!("sends every request that comes on to `{url}`")
    });
    judge.on(on);
    judge.keep(dedupe_window, "listen.dedupe-window", |window| {
        format!("takes repeats within `{window}` for duplicates")
    });
    judge.keep(bind, "serve.bind", |address| format!("takes calls at `{address}`"));
    judge.keep(expose, "serve.expose", |on| {
        format!("is {on}: whether other machines may call")
    });
    judge.api_keys(key, "serve.key");
    judge.api_keys(test_key, "serve.test-key");
    judge.file(cert, "serve.cert");
    judge.file(cert_key, "serve.cert-key");
    judge.keep(production, "serve.production", |on| {
        format!("is {on}: whether targets on this machine are out of reach")
    });
    judge.keep(allow_private, "serve.allow-private", |on| {
        format!("is {on}: whether deliveries reach private networks")
    });
    judge.keep(retention, "ledger.retention", |age| {
        format!("deletes records of your ledger older than `{age}`")
    });
    judge.keep(max_size, "ledger.max-size", |size| {
        format!("deletes records of your ledger beyond {size} MiB")
    });
    judge.keep(enabled, "account.enabled", |on| {
        format!("is {on}: whether endpoints get anything")
    });
    judge.notify(notify);
    judge.routes(route);
    judge.remotes(remote);
    judge.workflows(workflow);
    Review {
        file,
        grants: judge.grants,
        ignored: judge.ignored,
        provider_allowed,
    }
}

/// That `hook endpoints apply` gives an endpoint of the file at `path` this secret. `provider` is that of the file, for an
/// entry without one.
pub fn entry_secret(path: &Path, entry: &EndpointEntry, provider: Option<&str>) -> Option<Grant> {
    let secret = entry.secret.as_deref()?;
    let location = Location::of(path, secret);
    let name = entry.name.as_deref().unwrap_or(&entry.url);
    let provider = entry.provider.as_deref().or(provider).unwrap_or_default();
    let of = match provider {
        "" => "the provider of your settings".to_owned(),
        provider => format!("`{provider}`"),
    };
    let text = format!(
        "`endpoint` `{name}`: its secret is {}, for {of} at `{}`",
        location.shown, entry.url
    );
    let parts = ["endpoint", name, provider, &entry.url, secret, &location.elsewhere];
    Some(Grant::new(path, "endpoint.secret", text, &parts))
}

/// The reference of a project's secret, with a relative path counted from the project's folder.
pub fn project_secret(path: &Path, text: &str) -> String {
    Location::of(path, text).reference
}

/// A secret's reference in a project's file.
struct Location {
    /// With relative paths counted from the project's folder.
    reference: String,
    /// For people; a secret's own text is masked.
    shown: String,
    /// Where a link leads.
    elsewhere: String,
}

impl Location {
    fn of(project: &Path, text: &str) -> Self {
        let parsed = SecretRef::parse(text);
        let folder = folder_of(project);
        let mut shown = match text.strip_prefix("endpoint:") {
            Some(name) => format!("`endpoint:{name}`"),
            None => format!("`{parsed}`"),
        };
        let (mut reference, mut elsewhere) = (text.to_owned(), String::new());
        if let SecretSource::File(file) = &parsed.source {
            if is_outside(folder, file) {
                shown.push_str(" (a file outside of the project)");
            }
            if let Some(real) = leads_elsewhere(folder, file) {
                elsewhere = real.display().to_string();
                shown = format!("{shown} (a link to `{elsewhere}`)");
            }
            let name = parsed.name.map_or_else(String::new, |name| format!("{name}="));
            reference = format!("{name}file:{}", folder.join(file).display());
        }
        Self {
            reference,
            shown,
            elsewhere,
        }
    }

    /// Whether it is a pipe or a device, which a project must not have read.
    fn is_special(&self) -> bool {
        let SecretSource::File(file) = SecretRef::parse(&self.reference).source else {
            return false;
        };
        std::fs::metadata(file).is_ok_and(|found| !found.is_file())
    }
}

/// What has been judged so far.
struct Judge<'a> {
    path: &'a Path,
    list: &'a TrustList,
    grants: Vec<Grant>,
    ignored: Vec<Grant>,
}

impl<'a> Judge<'a> {
    fn new(path: &'a Path, list: &'a TrustList) -> Self {
        Self {
            path,
            list,
            grants: Vec::new(),
            ignored: Vec::new(),
        }
    }

    /// Notes what an entry requires, and returns whether it is allowed. `value` is the entry to the byte.
    fn allows(&mut self, key: &str, what: &str, value: &[&str]) -> bool {
        let text = format!("`{key}` {what}");
        let parts: Vec<&str> = std::iter::once(key).chain(value.iter().copied()).collect();
        self.judge(Grant::new(self.path, key, text, &parts))
    }

    fn judge(&mut self, grant: Grant) -> bool {
        let allowed = self.list.allows(&grant);
        self.grants.push(grant.clone());
        self.ignored.extend((!allowed).then_some(grant));
        allowed
    }

    fn keep<T: ToString>(&mut self, value: &mut Option<T>, key: &str, what: impl FnOnce(&T) -> String) {
        value.take_if(|value| !self.allows(key, &what(value), &[&value.to_string()]));
    }

    /// A provider is harmless by itself. That its verdicts let commands run is another matter.
    fn provider(&mut self, name: &str) -> bool {
        let what = format!("says that requests which verify as `{name}` may run your commands");
        let allowed = self.allows("provider", &what, &[name]);
        // It is used, not ignored.
        self.ignored.retain(|grant| grant.key != "provider");
        allowed
    }

    fn secret(&mut self, text: &str, provider: Option<&str>) -> Option<String> {
        let location = Location::of(self.path, text);
        let mut what = format!("is {}", location.shown);
        if let Some(provider) = provider {
            what = format!("{what}, for `{provider}`");
        }
        let value = [text, &location.elsewhere, provider.unwrap_or_default()];
        let allowed = self.allows("secret", &what, &value);
        // Reading a pipe or a device blocks, or has effects of its own, so that no grant is enough.
        if allowed && location.is_special() {
            self.ignored.extend(self.grants.last().cloned());
            return None;
        }
        allowed.then_some(location.reference)
    }

    /// A list whose entries are judged one by one; `what` also gives the entry to the byte. An empty list takes the user's
    /// away, which is judged too.
    fn each<T>(&mut self, list: &mut Option<Vec<T>>, key: &str, empty: &str, what: impl Fn(&T) -> (String, String)) {
        list.take_if(|entries| {
            if entries.is_empty() {
                return !self.allows(key, empty, &[]);
            }
            entries.retain(|entry| {
                let (what, value) = what(entry);
                self.allows(key, &what, &[&value])
            });
            entries.is_empty()
        });
    }

    /// References of API keys: who knows one of them may call.
    fn api_keys(&mut self, keys: &mut Option<Vec<String>>, name: &str) {
        let path = self.path;
        keys.take_if(|references| {
            if references.is_empty() {
                return !self.allows(name, "has no keys: yours do not count", &[]);
            }
            references.retain_mut(|reference| {
                let location = Location::of(path, reference);
                let what = format!("lets everybody call who knows {}", location.shown);
                let allowed = self.allows(name, &what, &[reference, &location.elsewhere]) && !location.is_special();
                *reference = location.reference;
                allowed
            });
            references.is_empty()
        });
    }

    /// A file to serve with; a relative path is counted from the project's folder.
    fn file(&mut self, file: &mut Option<String>, key: &str) {
        let path = self.path;
        file.take_if(|text| {
            let location = Location::of(path, &format!("file:{text}"));
            let allowed = self.allows(key, &format!("is {}", location.shown), &[text, &location.elsewhere]);
            if let (Some(whole), false) = (location.reference.strip_prefix("file:"), text.is_empty()) {
                whole.clone_into(text);
            }
            !allowed || location.is_special()
        });
    }

    fn on(&mut self, rules: &mut Option<Vec<String>>) {
        self.each(rules, "listen.on", "has no rules: yours do not count", |rule| {
            let target = rule.split_once('=').map_or("", |(_, target)| target);
            let does = match TargetSpec::parse(target) {
                Ok(TargetSpec::Url(_)) => "sends requests on",
                Ok(TargetSpec::Command(_)) => "runs a command",
                Err(_) => "is not valid",
            };
            (format!("{does}: `{rule}`"), rule.clone())
        });
    }

    fn routes(&mut self, routes: &mut Option<Vec<RouteFile>>) {
        self.each(routes, "route", "has no routes: yours do not count", |route| {
            let entry = route.entry().map_or_else(String::new, |entry| entry.to_string());
            let does = match (&route.run, &route.forward) {
                (Some(_), _) => "runs a command",
                (None, Some(_)) => "sends requests on",
                (None, None) => "is not valid",
            };
            (format!("{does}: {entry}"), entry)
        });
    }

    fn remotes(&mut self, remotes: &mut Option<Remotes>) {
        let path = self.path;
        let Some(all) = remotes else { return };
        all.retain(|name, remote| {
            let token = remote.token.as_deref().map(|token| Location::of(path, token));
            let shown =
                toml::Value::try_from(remote.masked()).map_or_else(|_| String::new(), |entry| entry.to_string());
            let what = match &token {
                Some(token) => format!("sends the token {}: {shown}", token.shown),
                None => format!("sends your tokens: {shown}"),
            };
            let value = serde_json::to_string(remote).unwrap_or_default();
            let elsewhere = token.as_ref().map_or("", |token| &token.elsewhere);
            let allowed = self.allows(&format!("remote.{name}"), &what, &[&value, elsewhere]);
            let special = token.as_ref().is_some_and(Location::is_special);
            remote.token = token.map(|token| token.reference);
            allowed && !special
        });
        remotes.take_if(|kept| kept.is_empty());
    }

    /// One entry: who gets what, and with which password, belongs together.
    fn notify(&mut self, notify: &mut NotifyFile) {
        if *notify == NotifyFile::default() {
            return;
        }
        let shown = toml::Value::try_from(notify.masked()).map_or_else(|_| String::new(), |entry| entry.to_string());
        let value = serde_json::to_string(notify).unwrap_or_default();
        let smtp = notify.smtp.as_mut();
        let password = smtp.and_then(|smtp| smtp.password.as_mut());
        let password = password.map(|password| {
            let location = Location::of(self.path, password);
            password.clone_from(&location.reference);
            location
        });
        let sends = password.as_ref().map_or_else(String::new, |password| {
            format!(", sends the password {}", password.shown)
        });
        let what = format!("runs a command, or sends mails and events, when deliveries fail{sends}: {shown}");
        let elsewhere = password.as_ref().map_or("", |password| &password.elsewhere);
        let allowed = self.allows("notify", &what, &[&value, elsewhere]);
        if !allowed || password.as_ref().is_some_and(Location::is_special) {
            *notify = NotifyFile::default();
            return;
        }
        if let Some(cacert) = notify.smtp.as_mut().and_then(|smtp| smtp.cacert.as_mut()) {
            *cacert = folder_of(self.path).join(&*cacert).display().to_string();
        }
    }

    fn workflows(&mut self, workflows: &mut IndexMap<String, WorkflowFile>) {
        let path = self.path;
        workflows.retain(|name, workflow| {
            let secrets: Vec<Location> = (workflow.auth.secrets())
                .map(|secret| Location::of(path, secret))
                .collect();
            let mut sent: Vec<&str> = secrets.iter().map(|secret| secret.shown.as_str()).collect();
            if sent.is_empty() {
                sent.push("requests");
            }
            let sent = sent.join(" and ");
            let to = workflow.url.as_deref().unwrap_or("wherever `--to` says");
            let shown = workflow.entry().map(|entry| entry.to_string()).unwrap_or_default();
            let what = format!("sends {sent} to `{to}`: {shown}");
            let value = serde_json::to_string(workflow).unwrap_or_default();
            let elsewhere: Vec<&str> = secrets.iter().map(|secret| secret.elsewhere.as_str()).collect();
            let allowed = self.allows(&format!("workflow.{name}"), &what, &[&value, &elsewhere.join("\n")]);
            workflow.auth.map_secrets(|secret| Location::of(path, secret).reference);
            allowed && !secrets.iter().any(Location::is_special)
        });
    }

    /// The endpoints themselves are harmless; `hook endpoints apply` asks for their secrets.
    fn endpoints(&mut self, entries: &[EndpointEntry], provider: Option<&str>) {
        for entry in entries {
            if let Some(grant) = entry_secret(self.path, entry, provider) {
                self.judge(grant);
            }
        }
    }
}

#[cfg(test)]
mod tests;
