//! Where each event is in its script.

use std::sync::{Mutex, PoisonError};

use super::{Responses, ScriptedResponse, WalkScope};
use crate::digest::sha256;
use crate::recent::RecentMap;

/// Event ids whose place is kept; the one that came least recently is forgotten first, and starts again.
pub const EVENTS_REMEMBERED: usize = 65_536;

/// The places of all events, each under a hash of script and id.
#[derive(Debug)]
pub struct ScriptWalk {
    responses: Responses,
    places: Mutex<RecentMap<[u8; 32], u64>>,
}

impl ScriptWalk {
    /// Every event at the start.
    pub fn new(responses: Responses) -> Self {
        Self {
            responses,
            places: Mutex::new(RecentMap::new(EVENTS_REMEMBERED)),
        }
    }

    /// The next response of an event: its name, its other names, and what identifies it.
    pub fn next(&self, event: &str, also: &[String], id: impl FnOnce() -> String) -> ScriptedResponse {
        let (number, script) = self.responses.script(event, also);
        if script.is_constant() {
            return script.response(0);
        }
        let id = match script.scope {
            WalkScope::EventId => id(),
            WalkScope::Everything => String::new(),
        };
        let key = sha256(&[&number.to_le_bytes(), id.as_bytes()]);
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let place = places.entry(key, || 0);
        let response = script.response(*place);
        *place = place.saturating_add(1);
        response
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::ResponseRule;
    use super::*;

    #[test]
    fn each_event_id_walks_from_the_start_and_short_forms_count_all_requests() {
        let rules = ["500,200", "job.*=503,201"].map(|text| ResponseRule::parse(text).unwrap());
        let walk = ScriptWalk::new(Responses::from_rules(rules.to_vec()).unwrap());
        let answered = |walk: &ScriptWalk, event: &str, id: &str| {
            let response = walk.next(event, &[], || id.to_owned());
            response.answered(None).word()
        };
        for (event, id, word) in [
            ("order", "1", "500"),
            ("order", "2", "500"),
            ("order", "1", "200"),
            ("job.paid", "1", "503"),
            ("order", "1", "200"),
            ("order", "2", "200"),
            ("job.paid", "1", "201"),
        ] {
            assert_eq!(answered(&walk, event, id), word, "{event} {id}");
        }
        let short = ScriptWalk::new(Responses::failing_first(2, None, Duration::ZERO));
        let walked: Vec<_> = ["a", "b", "c"].map(|id| answered(&short, "e", id)).into();
        assert_eq!(walked, ["500", "500", "200"]);
    }
}
