//! API keys: by reference, or generated for this run in the provider's form.

use super::access::ServiceAccess;
use crate::api::server::{ApiAccess, ApiKey};
use crate::app::context::Context;
use crate::app::service_keys;
use crate::error::{Error, Result};
use crate::message::Mode;
use crate::provider::Profile;
use crate::provider::api::Api;
use crate::secret::Secret;
use crate::template::Template;

/// Access to the API.
#[derive(Debug, Clone, Default)]
pub struct AccessOptions {
    /// Any program on this machine may call, without a key.
    pub open: bool,
    /// References of keys; without any, and without one in the ledger, keys are generated.
    pub keys: Vec<String>,
    /// References of keys whose calls create test events only.
    pub test_keys: Vec<String>,
    /// Calls of one key in a second, at most; absent: no limit.
    pub rate: Option<f64>,
}

/// The keys of a run.
pub(super) struct ServeKeys {
    all: Vec<ApiKey>,
    /// Whether the keys of the ledger count too.
    uses_stored: bool,
    rate: Option<f64>,
    /// The generated ones, which are shown: they are valid for this run only.
    pub(super) generated: Vec<(Mode, String)>,
}

impl ServeKeys {
    /// Keys of the durable service.
    pub(super) fn of_service(context: &Context, options: &AccessOptions) -> Result<Self> {
        let mut keys = Self {
            all: Vec::new(),
            uses_stored: !options.open,
            rate: options.rate,
            generated: Vec::new(),
        };
        if options.open {
            return Ok(keys);
        }
        for (references, mode) in [(&options.keys, Mode::Live), (&options.test_keys, Mode::Test)] {
            for reference in references {
                let secret = context.secret(reference)?;
                if secret.is_empty() {
                    return Err(Error::usage("a key is empty"));
                }
                keys.all.push(ApiKey { secret, mode });
            }
        }
        if keys.all.is_empty() && service_keys::stored(context)?.is_empty() {
            let text = service_keys::fresh();
            keys.all.push(ApiKey {
                secret: Secret::new(text.as_str()),
                mode: Mode::Live,
            });
            keys.generated.push((Mode::Live, text));
        }
        Ok(keys)
    }

    /// Keys of the API of a provider, in its form.
    pub(super) fn of_provider(
        context: &Context,
        options: &AccessOptions,
        profile: &Profile,
        api: &Api,
    ) -> Result<Self> {
        let mut keys = Self {
            all: Vec::new(),
            uses_stored: false,
            rate: None,
            generated: Vec::new(),
        };
        if options.open {
            return Ok(keys);
        }
        if api.test_key.is_none() && !options.test_keys.is_empty() {
            let what = format!("`{}` has no test keys", profile.label());
            return Err(Error::usage(what).hint("leave out `--test-key`; `mode` of a test event says what it is"));
        }
        let test_form = api.test_key.as_ref().unwrap_or(&api.key);
        keys.add(context, &options.keys, Mode::Live, (&api.key, test_form))?;
        keys.add(context, &options.test_keys, Mode::Test, (test_form, &api.key))?;
        if keys.all.is_empty() {
            keys.generate(context, Mode::Live, &api.key);
            if let Some(form) = &api.test_key {
                keys.generate(context, Mode::Test, form);
            }
        }
        Ok(keys)
    }

    /// Adds keys of a mode, which have the first form. One that has the other mode's form would make events of the wrong mode.
    fn add(
        &mut self,
        context: &Context,
        references: &[String],
        mode: Mode,
        (form, other): (&Template, &Template),
    ) -> Result<()> {
        let (start, other) = (form.fixed_start(), other.fixed_start());
        for reference in references {
            let secret = context.secret(reference)?;
            if secret.is_empty() {
                return Err(Error::usage("a key is empty"));
            }
            let begins = |start: &str| secret.expose().starts_with(start.as_bytes());
            // One form may begin like the other: the longer one tells.
            if !other.is_empty() && begins(other) && !(begins(start) && start.len() >= other.len()) {
                let (flag, right) = match mode {
                    Mode::Live => ("--key", "--test-key"),
                    Mode::Test => ("--test-key", "--key"),
                };
                let what = format!("the key of `{flag}` begins with `{other}`, as those for `{right}` do");
                return Err(Error::usage(what).hint(format!("give it with `{right}`")));
            }
            if !begins(start) {
                context.notices.warn(format!(
                    "a key does not begin with `{start}`, as those of the provider do"
                ));
            }
            self.all.push(ApiKey { secret, mode });
        }
        Ok(())
    }

    fn generate(&mut self, context: &Context, mode: Mode, form: &Template) {
        let text = form.fresh(&context.random);
        let secret = Secret::new(text.as_str());
        self.all.push(ApiKey { secret, mode });
        self.generated.push((mode, text));
    }

    /// The access control of the service's own calls.
    pub(super) fn service_access(&self, port: u16) -> ServiceAccess {
        ServiceAccess::new(&self.all, port, self.uses_stored, self.rate)
    }

    /// The access control of a provider's API; without keys it is open at that port.
    pub(super) fn access(&self, port: u16) -> ApiAccess {
        if self.all.is_empty() {
            ApiAccess::Open { port }
        } else {
            ApiAccess::Keys(self.all.clone())
        }
    }
}
