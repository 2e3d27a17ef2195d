//! `hook serve --check`: whether a start would succeed. Nothing is written, and no port is taken.

use std::path::Path;

use super::ServeOptions;
use super::keys::ServeKeys;
use super::notices::Notifier;
use crate::app::context::{Context, Purpose};
use crate::app::endpoints::rekey::check_storage;
use crate::app::resolve::ACCOUNT_OFF;
use crate::app::service_keys;
use crate::endpoints::Endpoint;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::finding::{Finding, Level};
use crate::fs::can_write;
use crate::store::queue::SERVICE;
use crate::store::{StoreError, check_log, check_rights, ledger_format};
use crate::target::parse_url;
use crate::text::{count, printable};

/// Looks at everything that a start needs. Returns what was found, and the exit code of the first problem.
pub fn check(context: &Context, options: &ServeOptions) -> (Vec<Finding>, Exit) {
    let mut check = Check {
        context,
        findings: Vec::new(),
        exit: Exit::Ok,
    };
    check.settings();
    check.keys(options);
    check.certificate(options);
    check.notify(options);
    // Before the key itself: secrets that cannot be decrypted end a start with 7, whatever is wrong with the key.
    check.endpoints();
    check.storage();
    check.ledger();
    (check.findings, check.exit)
}

struct Check<'a> {
    context: &'a Context,
    findings: Vec<Finding>,
    exit: Exit,
}

impl Check<'_> {
    fn ok(&mut self, code: &'static str, fact: impl Into<String>) {
        self.findings.push(Finding::ok(code, fact));
    }

    fn caution(&mut self, code: &'static str, fact: impl Into<String>) {
        self.findings.push(Finding::caution(code, fact));
    }

    fn problem(&mut self, code: &'static str, error: &Error) {
        let causes = error.causes.iter().map(String::as_str);
        let parts: Vec<&str> = std::iter::once(error.message.as_str()).chain(causes).collect();
        let fact = printable(&parts.join(": "), 1000);
        // Keys and endpoints are in the ledger too: one that cannot be read is reported once, as the ledger's problem.
        self.findings.retain(|known| known.fact != fact);
        self.findings.push(Finding {
            hint: error.hints.first().cloned(),
            ..Finding::problem(code, fact)
        });
        if self.exit == Exit::Ok {
            self.exit = error.exit;
        }
    }

    /// They were read before this command began, or it would not have.
    fn settings(&mut self) {
        let settings = &self.context.settings;
        let ignored = settings.ignored.len();
        match &settings.project {
            Some(project) => self.ok("settings", format!("`{}`", project.display())),
            None if settings.user_file.exists() => self.ok("settings", format!("`{}`", settings.user_file.display())),
            None => self.ok(
                "settings",
                format!("the defaults: there is no `{}`", settings.user_file.display()),
            ),
        }
        if ignored > 0 {
            let what = format!(
                "{} ignored, since the project is not trusted",
                count(ignored as u64, "entry")
            );
            self.findings
                .push(Finding::caution("settings", what).hint("`hook config trust` shows them"));
        }
        if settings.account_off {
            self.caution("settings", ACCOUNT_OFF);
        }
    }

    fn keys(&mut self, options: &ServeOptions) {
        let access = &options.access;
        match ServeKeys::of_service(self.context, access) {
            Err(error) => self.problem("key", &error),
            Ok(_) if access.open => self.caution("key", "every program on this machine can call the API"),
            Ok(keys) if !keys.generated.is_empty() => {
                let what = "no key is given or stored: one is generated at each start, and shown";
                let hint = "`hook serve keys add NAME` stores one";
                self.findings.push(Finding::caution("key", what).hint(hint));
            }
            Ok(_) => {
                let (live, test) = (access.keys.len(), access.test_keys.len());
                let stored = service_keys::stored(self.context).map_or(0, |keys| keys.len());
                let what = format!("{live} given, {test} for test events alone, {stored} stored");
                self.ok("key", what);
            }
        }
    }

    /// How secrets are stored.
    fn storage(&mut self) {
        match check_storage(self.context) {
            Err(error) => self.problem("encryption", &error),
            Ok(Some((what, hint))) => self
                .findings
                .push(Finding::new(Level::Note, "encryption", what).hint(hint)),
            Ok(None) => {}
        }
    }

    fn certificate(&mut self, options: &ServeOptions) {
        let Some(files) = &options.certificate else {
            if options.exposed {
                let what = "calls and keys come over http, which others can read";
                let hint = "put TLS in front, or add `--cert FILE --cert-key FILE`";
                self.findings.push(Finding::caution("certificate", what).hint(hint));
            }
            return;
        };
        match files.load() {
            Ok(_) => self.ok("certificate", format!("`{}` fits its key", files.certificate.display())),
            Err(error) => self.problem("certificate", &error),
        }
    }

    fn notify(&mut self, options: &ServeOptions) {
        match Notifier::new(self.context, options.notify_exec.as_ref()) {
            Err(error) => self.problem("notify", &error),
            Ok(notifier) if notifier.channels().is_empty() => {}
            Ok(notifier) => {
                let channels: Vec<_> = notifier.channels().iter().map(|channel| channel.name()).collect();
                self.ok("notify", format!("notices by {}", channels.join(", ")));
            }
        }
    }

    fn endpoints(&mut self) {
        let book = self.context.book();
        let endpoints = match book.read() {
            Ok(endpoints) => endpoints,
            Err(error) => return self.problem("endpoints", &error.into()),
        };
        let (all, active) = (endpoints.len(), endpoints.iter().filter(|of| of.is_active()).count());
        let what = format!(
            "{} in `{}`, {active} active",
            count(all as u64, "endpoint"),
            book.path().display()
        );
        if active > 0 {
            self.ok("endpoints", what);
        } else {
            let hint = "events are recorded and not delivered: `hook endpoints add` makes an endpoint";
            self.findings.push(Finding::caution("endpoints", what).hint(hint));
        }
        for endpoint in &endpoints {
            if let Err(error) = self.endpoint(endpoint) {
                self.problem("endpoint", &error);
            }
        }
    }

    fn endpoint(&self, endpoint: &Endpoint) -> Result<()> {
        let named = |error: Error| Error {
            message: format!("endpoint `{}` gets nothing: {}", endpoint.name, error.message),
            ..error
        };
        let profile = self
            .context
            .registry
            .get(&endpoint.provider)
            .map_err(|error| named(error.into()))?;
        parse_url(&endpoint.url).map_err(|error| named(error.into()))?;
        // One without a secret signs with the dev secret, which is made when it is needed.
        let secrets = self.context.endpoint_secrets(endpoint, &profile, Purpose::Sign)?;
        profile.scheme.signer(&secrets).map_err(|error| named(error.into()))?;
        Ok(())
    }

    fn ledger(&mut self) {
        let shown = &self.context.store_place;
        let rights = check_rights(shown);
        let can_be_used = rights.is_ok();
        match ledger_format(shown) {
            // Its error says what the start would end with.
            Err(StoreError::Missing(_)) if rights.is_err() => {}
            Err(StoreError::Missing(_)) if shown.file().is_none_or(can_make) => {
                self.ok("ledger", format!("`{shown}` is made at the start"));
            }
            Err(StoreError::Missing(_)) => {
                let what = format!("ledger `{shown}` cannot be made: its folder cannot be written");
                let error =
                    Error::new(Exit::Store, what).hint("use a file in a folder that can be written: `--store FILE`");
                self.problem("ledger", &error);
            }
            Err(error) => self.problem("ledger", &error.into()),
            Ok(_) if shown.file().is_some_and(|path| !can_write(path)) => {
                let error = Error::new(Exit::Store, format!("ledger `{shown}` cannot be written"));
                self.problem("ledger", &error.hint("use a file that can be written: `--store FILE`"));
            }
            Ok((found, known)) if found < known => {
                let what = format!(
                    "`{shown}` has format {found}: the start changes it to {known}, which older versions cannot use"
                );
                let hint = "make a backup first: `hook log backup FILE`";
                self.findings.push(Finding::new(Level::Note, "ledger", what).hint(hint));
            }
            Ok((found, _)) => self.ok("ledger", format!("`{shown}` has format {found}")),
        }
        match rights {
            Err(error) => self.problem("ledger", &error.into()),
            Ok(Some(later)) => {
                let hint = "let the services connect as the role that made the tables, or as a member of it";
                self.findings.push(Finding::caution("ledger", later).hint(hint));
            }
            Ok(None) => {}
        }
        if let Err(error) = check_log(shown) {
            self.problem("ledger", &error.into());
        }
        self.queue();
        // Of a database that cannot be read it is not known.
        if can_be_used && self.context.owners().is_alive(SERVICE) {
            if shown.file().is_some() {
                let what = "another `hook serve` works on this ledger: a second one does not start";
                self.caution("ledger", what);
            } else {
                let what = "another `hook serve` works on this database: both share the endpoints";
                self.findings.push(Finding::new(Level::Note, "ledger", what));
            }
        }
    }

    /// What a start goes on with.
    fn queue(&mut self) {
        let counts = self.context.reader().and_then(|store| Ok(store.queue_counts(SERVICE)?));
        if let Ok(counts) = counts {
            let what = format!(
                "{} waiting, {} parked",
                count(counts.waiting, "delivery"),
                counts.parked
            );
            self.findings.push(Finding::new(Level::Note, "queue", what));
        }
    }
}

/// Whether the ledger could be created: in its folder, or in the nearest one above that is there.
fn can_make(path: &Path) -> bool {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let above = absolute.ancestors().skip(1).find(|folder| folder.exists());
    above.is_some_and(|folder| folder.is_dir() && can_write(folder))
}
