//! Names in a query: those that nothing has are refused, so that an empty list is not taken for an answer.

use crate::app::context::Context;
use crate::app::workflow;
use crate::endpoints::select;
use crate::error::Result;
use crate::glob::Glob;
use crate::provider::{RegistryError, or_near};
use crate::store::{self, Query, QueryPage};
use crate::text::printable;

/// Refuses providers, endpoints and workflows that neither exist nor are on record, and warns of a pattern that no event of
/// a catalogue or of a record matches.
pub fn check(context: &Context, query: &Query) -> Result<()> {
    let store = store::open_read_only(&context.store_place).ok();
    let is_recorded = |query: Query| {
        let found = store.as_ref().map(|store| store.list(&query));
        found.is_some_and(|found| found.is_ok_and(|found| !found.is_empty()))
    };
    let one = || Query {
        page: QueryPage::newest(1),
        // The names of another tenant are not disclosed.
        tenant: query.tenant.clone(),
        ..Query::default()
    };
    if let Some(name) = &query.provider
        && let Err(error @ (RegistryError::Unknown { .. } | RegistryError::UnknownVariant { .. })) =
            context.registry.get(name)
        && !is_recorded(Query {
            provider: query.provider.clone(),
            ..one()
        })
    {
        return Err(error.into());
    }
    if let Some(name) = &query.endpoint {
        let mut endpoints = context.book().written()?;
        endpoints.retain(|endpoint| query.tenant.is_none() || endpoint.tenant == query.tenant);
        let is_known = endpoints.iter().any(|endpoint| endpoint.name == *name);
        let recorded = Query {
            endpoint: query.endpoint.clone(),
            ..one()
        };
        if !is_known && !is_recorded(recorded) {
            select(&endpoints, name)?;
        }
    }
    if let Some(name) = &query.workflow
        && !context.settings.workflows.contains_key(name)
        && !is_recorded(Query {
            workflow: query.workflow.clone(),
            ..one()
        })
    {
        workflow::find(context, name)?;
    }
    if let Some(pattern) = &query.event
        && let Some(near) = context.registry.unmatched(&Glob::new(pattern), &[])
        && !is_recorded(Query {
            event: query.event.clone(),
            ..one()
        })
    {
        let what = format!("no event of a catalogue matches `{}`", printable(pattern, 100));
        context.notices.warn(what + &or_near(&near));
    }
    Ok(())
}
