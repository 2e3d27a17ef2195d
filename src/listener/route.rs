//! Where events go after they were recorded: to URLs and to commands.

use std::sync::Arc;

use serde_json::Value;

use crate::condition::{Condition, all_hold};
use crate::config::file::RouteFile;
use crate::error::Error;
use crate::event_filter::EventFilter;
use crate::glob::Glob;
use crate::target::{TargetError, TargetSpec, parse_url};

/// Why a `[[route]]` cannot be used.
#[derive(Debug)]
pub enum RouteError {
    /// A clause.
    Clause(String),
    /// Its expression is wrong.
    Expression(Error),
}

impl From<String> for RouteError {
    fn from(clause: String) -> Self {
        Self::Clause(clause)
    }
}

impl From<Error> for RouteError {
    fn from(error: Error) -> Self {
        Self::Expression(error)
    }
}

/// Which events go where.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Of the event's type.
    pub event: Glob,
    /// What the body must say, all of it.
    pub conditions: Vec<Condition>,
    /// Which requests, beside that.
    pub filter: Option<Arc<EventFilter>>,
    /// Where to.
    pub to: TargetSpec,
}

impl Route {
    /// The route of every event.
    pub fn everything(to: TargetSpec) -> Self {
        Self {
            event: Glob::new("*"),
            conditions: Vec::new(),
            filter: None,
            to,
        }
    }

    /// Whether an event of that type, which has other names `also`, goes there. `body` is only parsed for a route with
    /// conditions; a body that is not JSON fulfils none. Of grouped events one that fulfils all conditions is enough.
    pub fn takes<'b>(&self, event: &str, also: &[String], body: impl FnOnce() -> Option<&'b Value>) -> bool {
        if !self.event.fits_event(event, also) {
            return false;
        }
        if self.conditions.is_empty() {
            return true;
        }
        body().is_some_and(|body| all_hold(&self.conditions, body))
    }

    /// Reads a `[[route]]`. The error says what is wrong with it.
    pub fn from_file(file: &RouteFile) -> Result<Self, RouteError> {
        let to = match (&file.forward, &file.run) {
            (Some(url), None) => TargetSpec::Url(parse_url(url).map_err(|error| error.to_string())?),
            (None, Some(command)) if !command.trim().is_empty() => TargetSpec::Command(command.clone()),
            (Some(_), Some(_)) => return Err("it has both `forward` and `run`: make two of it".to_owned().into()),
            _ => return Err("it has neither `forward` nor `run`".to_owned().into()),
        };
        let filter = file.conditions.expression();
        let filter = filter.map(|source| EventFilter::parse_live("where", source));
        let conditions = file
            .conditions
            .values()
            .map(|(path, wanted)| Condition::new(path, wanted).map_err(|what| format!("`where` {what}")));
        Ok(Self {
            event: Glob::new(file.event.as_deref().unwrap_or("*")),
            conditions: conditions.collect::<Result<_, String>>()?,
            filter: filter.transpose()?.map(Arc::new),
            to,
        })
    }

    /// Reads `EVENT=URL or CMD`; EVENT may hold `*`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (event, to) = text
            .split_once('=')
            .filter(|(event, _)| !event.trim().is_empty())
            .ok_or_else(|| format!("`{text}` is not `EVENT=URL or CMD`"))?;
        Ok(Self {
            event: Glob::new(event.trim()),
            conditions: Vec::new(),
            filter: None,
            to: TargetSpec::parse(to).map_err(|error| match error {
                TargetError::Empty => "neither a URL nor a command is given".to_owned(),
                error => error.to_string(),
            })?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_a_port_is_forwarded_to_and_not_run() {
        for (to, url) in [
            ("10.0.0.5:3000/hooks", "https://10.0.0.5:3000/hooks"),
            ("127.0.0.1:3000", "http://127.0.0.1:3000/"),
            ("a.example:8443/x", "https://a.example:8443/x"),
        ] {
            let route = Route::parse(&format!("job.*={to}")).unwrap();
            assert_eq!(route.to, TargetSpec::Url(url.parse().unwrap()), "{to}");
        }
    }

    #[test]
    fn a_route_takes_what_its_conditions_say() {
        let body = serde_json::json!({"data": {"source": "demo", "count": 2, "live": true, "items": [{"id": "a"}]}});
        let takes = |path: &str, wanted: Value| {
            let mut route = Route::parse("job.*=:1").unwrap();
            route.conditions.push(Condition::new(path, &wanted).unwrap());
            assert!(!route.takes("order.paid", &[], || Some(&body)) && !route.takes("job.paid", &[], || None));
            route.takes("job.paid", &[], || Some(&body))
        };
        let text = |text: &str| Value::from(text);
        assert!(takes("data.source", text("demo")) && takes("data.source", text("de*")));
        assert!(takes("data.items.0.id", text("a")));
        assert!(takes("data.count", 2.into()) && takes("data.live", true.into()));
        assert!(!takes("data.source", text("prod")) && !takes("data.other", text("demo")));
        assert!(!takes("data.count", text("2")) && !takes("data.live", false.into()));
    }

    #[test]
    fn one_of_several_events_that_fulfils_all_conditions_is_enough() {
        let body = serde_json::json!({"data": [{"name": "Pat", "n": 1}, {"name": "Kim", "n": 2, "tags": ["x"]}]});
        let takes = |wanted: &[(&str, Value)]| {
            let mut route = Route::parse("*=:1").unwrap();
            let conditions = wanted
                .iter()
                .map(|(path, wanted)| Condition::new(path, wanted).unwrap());
            route.conditions.extend(conditions);
            route.takes("a", &[], || Some(&body))
        };
        assert!(takes(&[("data.name", "K*".into())]) && takes(&[("data.0.name", "Pat".into())]));
        assert!(takes(&[("data.name", "Kim".into()), ("data.n", 2.into())]));
        assert!(
            !takes(&[("data.name", "Pat".into()), ("data.n", 2.into())]),
            "of one event"
        );
        assert!(
            !takes(&[("data.tags", "x".into())]),
            "a list inside an event is no group"
        );
    }

    #[test]
    fn an_alias_is_the_event_itself() {
        let also = ["job.settled".to_owned()];
        let takes = |pattern: &str| Route::parse(pattern).unwrap().takes("job.paid", &also, || None);
        assert!(takes("job.settled=:1") && takes("job.paid=:1") && takes("job.*=:1"));
        assert!(!takes("*.settled=:1") && !takes("job.created=:1"));
    }

    #[test]
    fn urls_are_told_from_commands() {
        for url in [
            "http://a.example/x",
            ":3000/in",
            "3000",
            "localhost:3000",
            "127.0.0.1:1",
        ] {
            assert!(!TargetSpec::parse(url).unwrap().is_command(), "{url}");
        }
        for command in ["./run.sh", "jq .", "cat > out", "notify"] {
            assert!(TargetSpec::parse(command).unwrap().is_command(), "{command}");
        }
        assert!(Route::parse("job.*= ").is_err());
        let route = Route::parse("job.*=./run.sh a=b").unwrap();
        assert!(route.event.fits("job.paid"));
        assert_eq!(route.to, TargetSpec::Command("./run.sh a=b".into()));
        assert!(Route::parse("=x").is_err() && Route::parse("x").is_err());
    }
}
