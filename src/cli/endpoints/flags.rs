//! Flags of several subcommands, about rules and about secrets.

use std::path::PathBuf;

use clap::Args;

use crate::app::endpoints::SecretOptions;
use crate::cli::input;
use crate::cli::session::Session;
use crate::cli::ui::Output;
use crate::endpoints::rules::RuleOptions;
use crate::endpoints::{Events, LimitsChange, Rate, RateChange};

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
    rate: Option<RateChange>,
    /// Each delivery waits until the one before has ended, with its retries: one attempt at once
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = "Limits of `hook serve`")]
    ordered: Option<bool>,
}

fn rate_change(text: &str) -> Result<RateChange, String> {
    if text == "0" {
        return Ok(RateChange::Remove);
    }
    let rate = input::rate(text)?;
    Ok(RateChange::To(Rate::try_from(rate)?))
}

impl LimitArgs {
    pub(super) fn change(&self) -> LimitsChange {
        LimitsChange {
            concurrency: self.concurrency,
            rate: self.rate,
            ordered: self.ordered,
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
