//! Sends an event of the catalogue.

use serde::{Deserialize, Serialize};

use super::{ActionResult, CollectedNotices, SeenDeliveries};
use crate::app::context::Context;
use crate::app::outgoing::{
    self, BodyOptions, FaultOptions, RequestOptions, RunOptions, SendOptions, SendPlan, TargetChoice,
};
use crate::app::retry::RetryPlan;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::shutdown::Shutdown;
use crate::target::parse_url;
use crate::transport::HttpOptions;

/// An event of a provider's catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// The event's type.
    pub event: String,
    /// The provider's name.
    pub provider: String,
}

/// An event to send.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SampleAction {
    /// The event's type.
    pub event: String,
    /// The provider.
    pub provider: String,
    /// The target: a URL, `localhost:3000`, or a port.
    pub to: Option<String>,
    /// The endpoint to send to, instead.
    pub endpoint: Option<String>,
}

/// Events whose names or providers have the letters of `query` in that order, the best first, at most `most`.
pub fn samples(context: &Context, query: &str, most: usize) -> Vec<Sample> {
    let letters: Vec<char> = query.to_lowercase().chars().filter(|c| !c.is_whitespace()).collect();
    let all = context.registry.all_events().into_iter();
    let ranked = all.filter_map(|(event, provider)| {
        let rank = rank(&format!("{provider} {event}"), &letters)?;
        Some((rank, Sample { event, provider }))
    });
    let mut ranked: Vec<(usize, Sample)> = ranked.collect();
    // Stable: the order of the catalogue decides between equals.
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().take(most).map(|(_, sample)| sample).collect()
}

/// How far the letters stand apart in the text; `None` where they are not there in that order.
fn rank(text: &str, letters: &[char]) -> Option<usize> {
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let (mut at, mut gaps) = (0, 0);
    for (index, letter) in letters.iter().enumerate() {
        let found = text.get(at..)?.iter().position(|c| c == letter)?;
        gaps += if index == 0 { 0 } else { found };
        at += found + 1;
    }
    Some(gaps)
}

/// Sends an event, once. `secrets` are references to sign with instead of the dev secret or the endpoint's own.
pub async fn send(
    context: &Context,
    action: &SampleAction,
    secrets: &[String],
    shutdown: &Shutdown,
) -> Result<ActionResult> {
    let (context, notices) = CollectedNotices::of(context);
    let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let target = match (given(&action.endpoint), given(&action.to)) {
        (Some(name), _) => TargetChoice::Endpoint(Box::new(context.endpoint(&name)?)),
        (None, Some(to)) => TargetChoice::Url(parse_url(&to)?),
        (None, None) => return Err(Error::usage("no target is given").hint("write a URL, a port, or pick an endpoint")),
    };
    let options = SendOptions {
        event: Some(action.event.clone()),
        provider: Some(action.provider.clone()).filter(|name| !name.is_empty()),
        secrets: match &target {
            TargetChoice::Endpoint(_) => Vec::new(),
            _ => secrets.to_vec(),
        },
        target,
        body: BodyOptions::default(),
        request: RequestOptions {
            transport: HttpOptions {
                proxy_from_env: true,
                ..HttpOptions::default()
            },
            ..RequestOptions::default()
        },
        retry: RetryPlan::default(),
        execution: None,
    };
    let plan = SendPlan::new(&context, &options)?;
    let messages = plan.messages(&context, None)?;
    let run = RunOptions {
        faults: FaultOptions::default(),
        count: 1,
        concurrency: 1,
        rate: None,
        time_scale: 1.0,
    };
    let mut seen = SeenDeliveries::default();
    let sent = outgoing::deliver(&context, &plan, &messages, run, &shutdown.child(), &mut seen).await?;
    let (records, outcome) = seen.take();
    let outcome = outcome.unwrap_or_else(|| "nothing was sent".to_owned());
    let made = records
        .first()
        .map_or_else(String::new, |number| format!(" as #{number}"));
    Ok(ActionResult {
        text: format!("`{}` was sent{made}: {outcome}", action.event),
        ok: sent.exit == Exit::Ok,
        records,
        notices: notices.take(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::inspect::tests::context;

    #[test]
    fn events_are_found_by_some_of_their_letters() {
        let (context, _folder) = context();
        let first = |query: &str| samples(&context, query, 3).into_iter().next();
        assert_eq!(first("jobpaid").map(|found| found.event).as_deref(), Some("job.paid"));
        assert!(first("zzzzqqq").is_none());
        assert_eq!(samples(&context, "", 7).len(), 7);
    }
}
