//! The provider whose management API is played.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::ServeOptions;
use crate::api::server::{ApiAccess, ApiEvent, MockApi, MockApiOptions};
use crate::app::context::Context;
use crate::endpoints::rules::RuleOptions;
use crate::error::{Error, Result};
use crate::provider::Profile;
use crate::provider::api::Api;
use crate::text::quoted;

/// The provider whose API is played.
pub(super) struct Mock {
    pub(super) profile: Arc<Profile>,
    pub(super) api: Api,
    pub(super) plan: Option<String>,
}

impl Mock {
    pub(super) fn new(context: &Context, options: &ServeOptions, name: &str) -> Result<Self> {
        let profile = context.registry.get(name)?;
        let Some(api) = profile.api.clone() else {
            let what = format!("`{}` has no management API that is known", profile.label());
            return Err(Error::usage(what).hint(format!("these have one: {}", with_api(context))));
        };
        check_scopes(&options.scopes, &profile, &api)?;
        let plan = plan(context, options.plan.as_ref(), &profile)?;
        Ok(Self { profile, api, plan })
    }

    /// The handler of its calls.
    pub(super) fn handler(
        &self,
        context: &Context,
        asked: &ServeOptions,
        access: ApiAccess,
        events: mpsc::Sender<ApiEvent>,
    ) -> MockApi {
        let options = MockApiOptions {
            profile: Arc::clone(&self.profile),
            book: context.book(),
            access,
            scopes: Some(asked.scopes.clone()).filter(|scopes| !scopes.is_empty()),
            rules: RuleOptions {
                plan: self.plan.clone(),
                ..asked.rules()
            },
            params: context.account_params(&self.profile),
            clock: Arc::clone(&context.clock),
            random: Arc::clone(&context.random),
            events,
        };
        MockApi::new(self.api.clone(), options)
    }
}

/// The providers that can be served.
fn with_api(context: &Context) -> String {
    let has = |name: &&String| context.registry.get(name).is_ok_and(|profile| profile.api.is_some());
    quoted(context.registry.names().iter().filter(has))
}

/// The plan that limits endpoints: a new account is on the first one.
fn plan(context: &Context, asked: Option<&String>, profile: &Profile) -> Result<Option<String>> {
    let (plans, label) = (&profile.endpoint.plans, profile.label());
    if plans.is_empty() {
        return asked.map_or(Ok(None), |plan| {
            let what = format!("`{label}` has no plans: `{plan}` limits nothing");
            Err(Error::usage(what).hint("leave out `--plan`"))
        });
    }
    match asked.or(context.settings.account_plan.as_ref()).or(plans.keys().next()) {
        Some(plan) if !plans.contains_key(plan) => {
            let what = format!("`{label}` has no plan `{plan}`");
            Err(Error::usage(what).hint(format!("its plans: {}", quoted(plans.keys()))))
        }
        plan => Ok(plan.cloned()),
    }
}

fn check_scopes(asked: &[String], profile: &Profile, api: &Api) -> Result<()> {
    let is_unknown = |scope: &&String| !api.scopes.iter().any(|(name, _)| name == *scope);
    let Some(scope) = asked.iter().find(is_unknown) else {
        return Ok(());
    };
    let error = Error::usage(format!("`{}` has no scope `{scope}`", profile.label()));
    Err(if api.scopes.is_empty() {
        error.hint("leave out `--scope`")
    } else {
        let scopes = quoted(api.scopes.iter().map(|(name, _)| name));
        error.hint(format!("its scopes: {scopes}"))
    })
}
