//! Flags of several subcommands, about rules and about secrets.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use crate::app::endpoints::SecretOptions;
use crate::cli::input;
use crate::cli::session::Session;
use crate::cli::ui::Output;
use crate::clock::parse_duration;
use crate::endpoints::rules::RuleOptions;
use crate::endpoints::{AttemptTimeout, Events, LimitChange, LimitsChange, Rate};

#[derive(Debug, Clone, Args)]
pub(super) struct RuleArgs {
    /// Waive the network rules for a target on this machine
    #[arg(long, help_heading = "Rules")]
    local: bool,
    /// Require what the provider only advises, and a public address
    #[arg(long, help_heading = "Rules")]
    production: bool,
    /// Accept events that are not in the catalogue
    #[arg(long, help_heading = "Rules")]
    new_events: bool,
}

#[derive(Default, Debug, Clone, Args)]
pub(super) struct EndpointSecretArgs {
    /// The secret, by reference, instead of a generated one: `env:VAR`, `file:PATH`, `-`, `literal:TEXT`
    #[arg(short, long, value_name = "[NAME=]REF", add = crate::cli::complete::references(), help_heading = "Secret")]
    secret: Option<String>,
    /// Write the generated secret to this file (0600) instead of showing it
    #[arg(long, value_name = "FILE", conflicts_with = "secret", help_heading = "Secret")]
    secret_file: Option<PathBuf>,
}

/// How fast `hook serve` delivers to an endpoint.
#[derive(Debug, Clone, Args)]
pub(super) struct LimitArgs {
    /// Attempts at once to this endpoint, at most; 0 removes the limit
    #[arg(long, value_name = "N", help_heading = "Limits of `hook serve`")]
    concurrency: Option<u16>,
    /// Attempts begun in a second, at most, such as `10` or `0.5`; 0 removes the limit
    #[arg(long, value_name = "N", value_parser = rate_change, help_heading = "Limits of `hook serve`")]
    rate: Option<LimitChange<Rate>>,
    /// Each delivery waits until the one before has ended, with its retries: one attempt at once
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = "Limits of `hook serve`")]
    ordered: Option<bool>,
    /// Time limit of an attempt instead of the provider's, from 100ms to 5m; 0 removes it
    #[arg(long, value_name = "DURATION", value_parser = timeout_change, help_heading = "Limits of `hook serve`")]
    timeout: Option<LimitChange<AttemptTimeout>>,
}

/// Which events an endpoint gets, and with which headers.
#[derive(Debug, Clone, Args)]
pub(super) struct OwnArgs {
    /// Tenant whose events it gets; without one it gets those without a tenant
    #[arg(long, value_name = "TENANT")]
    pub(super) tenant: Option<String>,
    /// Condition on the body of an event: `PATH=VALUE`, as `where` of a route (can be repeated)
    #[arg(long = "where", value_name = "PAIR", value_parser = input::pair)]
    conditions: Vec<(String, String)>,
    /// Header beside the provider's: `Name: value` (can be repeated)
    #[arg(short = 'H', long = "header", value_name = "LINE", value_parser = input::header)]
    headers: Vec<(String, String)>,
}

impl OwnArgs {
    pub(super) fn conditions(&self) -> BTreeMap<String, Value> {
        let read = |(path, text): &(String, String)| {
            // A number or a boolean, else a text.
            let value = serde_json::from_str(text).ok();
            let value = value.filter(|value: &Value| value.is_number() || value.is_boolean() || value.is_string());
            (path.clone(), value.unwrap_or_else(|| text.as_str().into()))
        };
        self.conditions.iter().map(read).collect()
    }

    pub(super) fn headers(&self) -> BTreeMap<String, String> {
        self.headers.iter().cloned().collect()
    }
}

fn timeout_change(text: &str) -> Result<LimitChange<AttemptTimeout>, String> {
    match parse_duration(text)? {
        Duration::ZERO => Ok(LimitChange::Remove),
        limit => Ok(LimitChange::To(AttemptTimeout::try_from(limit)?)),
    }
}

fn rate_change(text: &str) -> Result<LimitChange<Rate>, String> {
    if text == "0" {
        return Ok(LimitChange::Remove);
    }
    let rate = input::rate(text)?;
    Ok(LimitChange::To(Rate::try_from(rate)?))
}

impl LimitArgs {
    pub(super) fn change(&self) -> LimitsChange {
        LimitsChange {
            concurrency: self.concurrency,
            rate: self.rate,
            ordered: self.ordered,
            timeout: self.timeout,
        }
    }
}

impl RuleArgs {
    pub(super) fn options(&self) -> RuleOptions {
        RuleOptions {
            local: self.local,
            production: self.production,
            new_events: self.new_events,
            ..RuleOptions::default()
        }
    }
}

impl EndpointSecretArgs {
    pub(super) fn options(&self, session: &Session) -> SecretOptions {
        SecretOptions {
            reference: self.secret.clone(),
            file: self.secret_file.clone(),
            is_hidden: session.ui.output == Output::Quiet,
        }
    }
}

/// The names of `--events` without blanks around them and without empty ones.
pub(super) fn events(names: &[String]) -> Events {
    let names = names.iter().map(|name| name.trim().to_owned());
    Events::Only(names.filter(|name| !name.is_empty()).collect())
}
