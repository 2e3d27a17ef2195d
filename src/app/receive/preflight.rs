//! What is wrong with the options of a listener, before anything is opened.

use super::keys::sign_nothing;
use super::options::ListenOptions;
use super::routes::{NamedRoute, runs_commands};
use crate::app::context::Context;
use crate::error::{Error, Result};

/// Warns where unverified requests may come from other machines.
pub(super) fn warn_of_exposure(context: &Context, options: &ListenOptions) -> Result<()> {
    let unsigned = options.require_bearer.is_none() && sign_nothing(context, &options.providers)?;
    let (verifies, hint) = if unsigned {
        (false, "; name a provider that signs")
    } else {
        (verifies(options), "; add `--secret`")
    };
    if options.expose && options.inbound.is_some() {
        context.notices.warn(
            "anyone who learns the path can use the trigger from other machines, and over http it can be read in transit",
        );
    } else if options.expose && !verifies {
        let what = "nothing is verified on an address that other machines can reach";
        context.notices.warn(format!("{what}{hint}"));
    }
    if options.public_url.is_some() && options.inbound.is_none() && !verifies {
        let what = "nothing is verified of what comes from the public URL";
        context.notices.warn(format!("{what}{hint}"));
    }
    Ok(())
}

fn verifies(options: &ListenOptions) -> bool {
    options.dev_secret || !options.secrets.is_empty() || options.require_bearer.is_some()
}

/// Refuses combinations of options.
pub(super) fn check(context: &Context, options: &ListenOptions, routes: &[NamedRoute]) -> Result<()> {
    let responses = &options.answers.responses;
    if responses.never_succeed() && !routes.is_empty() {
        let status = responses.only_status();
        let how = status.map_or_else(
            || "never answered with success".to_owned(),
            |status| format!("answered {status}"),
        );
        context
            .notices
            .warn(format!("requests are {how}, so they are not passed on"));
    }
    if runs_commands(routes) && !verifies(options) && !options.unverified {
        let hint = if options.inbound.is_some() {
            "add `--unverified` if anyone with the URL may run them"
        } else {
            "add `--secret`, or `--unverified` if anyone may run them"
        };
        return Err(Error::usage("refusing to run commands for unverified requests").hint(hint));
    }
    if let Some(expectations) = &options.expectations {
        expectations.check()?;
    }
    if options.answer_by_app && routes.iter().all(|named| named.route.to.is_command()) {
        return Err(Error::usage("`--answer app` needs an app").hint("add `--forward-to URL`"));
    }
    Ok(())
}
