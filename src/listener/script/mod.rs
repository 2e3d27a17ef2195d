//! Responses on purpose: failures, slow answers and broken connections, in a script that each event walks from its start.

mod parse;
mod walk;

use std::time::Duration;

pub use walk::ScriptWalk;

use crate::answered::Answered;
use crate::glob::Glob;
use crate::headers::Headers;
use crate::provider::Profile;

/// The status of success unless there is a reason for another one.
const USUAL: u16 = 200;

/// How one request is answered.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScriptedResponse {
    /// Wait before the response, or before the connection ends.
    pub delay: Duration,
    /// What follows.
    pub action: ResponseAction,
}

/// What a sender gets.
#[derive(Debug, Clone, PartialEq)]
pub enum ResponseAction {
    /// A response.
    Respond {
        /// Its status; absent: what the provider takes for success.
        status: Option<u16>,
        /// Its headers.
        headers: Headers,
        /// Bytes of its body that are sent in a second; absent: all at once.
        rate: Option<u64>,
    },
    /// The connection is closed without a response.
    Drop,
    /// The connection is reset without a response.
    Reset,
}

impl Default for ResponseAction {
    fn default() -> Self {
        Self::Respond {
            status: None,
            headers: Headers::new(),
            rate: None,
        }
    }
}

impl ScriptedResponse {
    /// A response with that status, or with what the provider takes for success.
    pub fn status(status: Option<u16>, delay: Duration) -> Self {
        let headers = Headers::new();
        let action = ResponseAction::Respond {
            status,
            headers,
            rate: None,
        };
        Self { delay, action }
    }

    /// What a sender is answered, for a request of that provider.
    pub fn answered(&self, profile: Option<&Profile>) -> Answered {
        match &self.action {
            ResponseAction::Drop => Answered::Dropped,
            ResponseAction::Reset => Answered::Reset,
            ResponseAction::Respond { status, .. } => {
                // Some providers take but one code for success, and it need not be the usual one.
                let own = || Some(profile?.policy.success.success_like(USUAL));
                Answered::Status(status.or_else(own).unwrap_or(USUAL))
            }
        }
    }
}

/// Which requests walk a script together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WalkScope {
    /// Those of one event id.
    EventId,
    /// All of them.
    Everything,
}

/// Responses one after the other; the last one repeats.
#[derive(Debug, Clone, PartialEq)]
pub struct ResponseScript {
    /// The responses, each with how often it is given. Never empty.
    steps: Vec<(ScriptedResponse, u64)>,
    scope: WalkScope,
}

impl ResponseScript {
    /// `fail_first` times 500, then that status; each after the delay. All requests walk it together.
    fn failing_first(fail_first: u64, status: Option<u16>, delay: Duration) -> Self {
        let failure = (fail_first > 0).then(|| (ScriptedResponse::status(Some(500), delay), fail_first));
        let last = (ScriptedResponse::status(status, delay), 1);
        Self {
            steps: failure.into_iter().chain([last]).collect(),
            scope: WalkScope::Everything,
        }
    }

    /// The response of that place, counted from 0.
    pub fn response(&self, mut place: u64) -> ScriptedResponse {
        let last = self.steps.last();
        let step = self.steps.iter().find(|(_, times)| match place.checked_sub(*times) {
            Some(left) => {
                place = left;
                false
            }
            None => true,
        });
        step.or(last).map(|(response, _)| response.clone()).unwrap_or_default()
    }

    /// Whether every request gets the same response.
    fn is_constant(&self) -> bool {
        self.steps.len() == 1
    }

    /// Whether no response of it is a success, as far as that can be known without a provider.
    fn never_succeeds(&self) -> bool {
        self.steps
            .iter()
            .all(|(response, _)| !response.answered(None).is_success())
    }
}

/// A script, and the events that it is for.
#[derive(Debug, Clone, PartialEq)]
pub struct ResponseRule {
    /// The events; absent: those that no other rule is for.
    pub event: Option<Glob>,
    /// Their script.
    pub script: ResponseScript,
}

/// All scripts of a listener.
#[derive(Debug, Clone, PartialEq)]
pub struct Responses {
    /// In order: the first one that is for an event counts.
    rules: Vec<ResponseRule>,
    /// For all other events.
    other: ResponseScript,
}

impl Default for Responses {
    fn default() -> Self {
        Self::failing_first(0, None, Duration::ZERO)
    }
}

impl Responses {
    /// One script for all events: so many failures first, then a status; each after a delay.
    pub fn failing_first(fail_first: u64, status: Option<u16>, delay: Duration) -> Self {
        Self {
            rules: Vec::new(),
            other: ResponseScript::failing_first(fail_first, status, delay),
        }
    }

    /// The scripts of these rules. Events without one are answered with success. The error: two rules are for all events.
    pub fn from_rules(rules: Vec<ResponseRule>) -> Result<Self, String> {
        let (rules, mut general): (Vec<_>, Vec<_>) = rules.into_iter().partition(|rule| rule.event.is_some());
        let other = general.pop();
        if !general.is_empty() {
            return Err("two scripts are for all events: write the others as `EVENT=SCRIPT`".to_owned());
        }
        let other = other.map_or_else(|| Self::default().other, |rule| rule.script);
        Ok(Self { rules, other })
    }

    /// The script of an event, which has other names `also`, with its number.
    fn script(&self, event: &str, also: &[String]) -> (u32, &ResponseScript) {
        let is_for = |rule: &&ResponseRule| rule.event.as_ref().is_some_and(|glob| glob.fits_event(event, also));
        let mut numbered = (1..).zip(&self.rules);
        let found = numbered.find(|(_, rule)| is_for(rule));
        found.map_or((0, &self.other), |(number, rule)| (number, &rule.script))
    }

    /// Whether no request is ever answered with success.
    pub fn never_succeed(&self) -> bool {
        self.other.never_succeeds() && self.rules.iter().all(|rule| rule.script.never_succeeds())
    }

    /// The status of every response, where there is but one.
    pub fn only_status(&self) -> Option<u16> {
        let response = self.other.response(0);
        let is_only = self.rules.is_empty() && self.other.is_constant();
        response.answered(None).status().filter(|_| is_only)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_walked_in_order_and_its_last_item_repeats() {
        let rule = ResponseRule::parse("500*2,drop,204").unwrap();
        let answered = |place| rule.script.response(place).answered(None).word();
        let walked: Vec<_> = (0..6).map(answered).collect();
        assert_eq!(walked, ["500", "500", "dropped", "204", "204", "204"]);
        assert_eq!(answered(u64::MAX), "204");
    }

    #[test]
    fn the_short_forms_are_scripts() {
        let second = Duration::from_secs(1);
        let responses = Responses::failing_first(2, Some(202), second);
        let (_, script) = responses.script("any", &[]);
        let walked: Vec<_> = (0..4).map(|place| script.response(place)).collect();
        let response = |status| ScriptedResponse::status(Some(status), second);
        assert_eq!(walked, [500, 500, 202, 202].map(response));
        assert_eq!(script.scope, WalkScope::Everything);
        assert_eq!(Responses::failing_first(0, Some(503), second).only_status(), Some(503));
        assert!(Responses::failing_first(0, Some(503), second).never_succeed() && !responses.never_succeed());
    }

    #[test]
    fn the_first_rule_for_an_event_counts_and_the_general_one_is_for_the_rest() {
        let rules = ["500", "job.paid=503", "job.*=204"].map(|text| ResponseRule::parse(text).unwrap());
        let responses = Responses::from_rules(rules.to_vec()).unwrap();
        for (event, word) in [
            ("job.paid", "503"),
            ("job.made", "204"),
            ("order.paid", "500"),
            ("", "500"),
        ] {
            let (_, script) = responses.script(event, &[]);
            assert_eq!(script.response(0).answered(None).word(), word, "{event}");
        }
        let (_, script) = responses.script("paid", &["job.paid".to_owned()]);
        assert_eq!(script.response(0).answered(None).word(), "503", "under another name");
        let twice = ["500", "200"].map(|text| ResponseRule::parse(text).unwrap());
        assert!(Responses::from_rules(twice.to_vec()).is_err());
    }
}
