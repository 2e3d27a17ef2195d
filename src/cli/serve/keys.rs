//! Who may call: keys by reference, or made up for this run in the provider's form.

use super::ServeArgs;
use crate::api::server::{ApiAccess, ApiKey};
use crate::cli::session::Session;
use crate::cli::ui::Output;
use crate::error::{Error, Result};
use crate::message::Mode;
use crate::provider::Profile;
use crate::provider::api::Api;
use crate::secret::Secret;
use crate::template::Template;

/// The keys of a run.
pub(super) struct Keys {
    pub(super) all: Vec<ApiKey>,
    /// Those that were made up, which are shown: they open nothing but this run.
    pub(super) fresh: Vec<(Mode, String)>,
}

impl Keys {
    pub(super) fn new(session: &Session, args: &ServeArgs, profile: &Profile, api: &Api) -> Result<Self> {
        let mut keys = Self {
            all: Vec::new(),
            fresh: Vec::new(),
        };
        if args.no_auth {
            return Ok(keys);
        }
        super::super::input::one_stdin("", &[args.keys.clone(), args.test_keys.clone()].concat())?;
        if api.test_key.is_none() && !args.test_keys.is_empty() {
            let what = format!("`{}` has no test keys", profile.label());
            return Err(Error::usage(what).hint("leave out `--test-key`; `mode` of a test event says what it is"));
        }
        keys.take(session, &args.keys, Mode::Live, &api.key)?;
        keys.take(
            session,
            &args.test_keys,
            Mode::Test,
            api.test_key.as_ref().unwrap_or(&api.key),
        )?;
        if keys.all.is_empty() {
            if session.ui.output == Output::Quiet {
                return Err(
                    Error::usage("`--quiet` would hide the key, which is made up for this run")
                        .hint("give one with `--key env:VAR`"),
                );
            }
            keys.make(session, Mode::Live, &api.key);
            if let Some(form) = &api.test_key {
                keys.make(session, Mode::Test, form);
            }
        }
        Ok(keys)
    }

    fn take(&mut self, session: &Session, references: &[String], mode: Mode, form: &Template) -> Result<()> {
        for reference in references {
            let secret = session.secret(reference)?;
            if secret.is_empty() {
                return Err(Error::usage("a key is empty"));
            }
            if !secret.expose().starts_with(form.fixed_start().as_bytes()) {
                session.ui.warn(&format!(
                    "a key does not begin with `{}`, as those of the provider do",
                    form.fixed_start()
                ));
            }
            self.all.push(ApiKey { secret, mode });
        }
        Ok(())
    }

    fn make(&mut self, session: &Session, mode: Mode, form: &Template) {
        let text = form.fresh(&session.random);
        self.all.push(ApiKey {
            secret: Secret::new(text.as_str()),
            mode,
        });
        self.fresh.push((mode, text));
    }

    /// What the face asks of callers.
    pub(super) fn access(&self, args: &ServeArgs, port: u16) -> ApiAccess {
        if args.no_auth {
            ApiAccess::Open { port }
        } else {
            ApiAccess::Keys(self.all.clone())
        }
    }
}
