//! Where events go after they were recorded: to URLs and to commands.

use serde_json::Value;
use url::Url;

use super::{Condition, Pattern};
use crate::config::file::RouteFile;
use crate::target::TargetSpec;
use crate::transport::guard::{self, TargetError};

/// Where an event goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Sent on.
    Forward(Url),
    /// A shell command: body on stdin, facts in the environment.
    Run(String),
}

/// Which events go where.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Of the event's type.
    pub event: Pattern,
    /// What the body must say, all of it.
    pub conditions: Vec<Condition>,
    /// Where to.
    pub to: Destination,
}

impl Destination {
    /// Reads a URL or a command.
    pub fn parse(text: &str) -> Result<Self, String> {
        match TargetSpec::parse(text) {
            Ok(TargetSpec::Url(url)) => Ok(Self::Forward(url)),
            Ok(TargetSpec::Command(command)) => Ok(Self::Run(command)),
            Err(TargetError::Empty) => Err("neither a URL nor a command is given".into()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Whether it runs a command.
    pub fn runs(&self) -> bool {
        matches!(self, Self::Run(_))
    }
}

impl Route {
    /// Every event.
    pub fn everything(to: Destination) -> Self {
        Self {
            event: Pattern::new("*"),
            conditions: Vec::new(),
            to,
        }
    }

    /// Whether an event of that type goes there; `body` is asked for only where the route has conditions, and a body that
    /// is no JSON fulfils none.
    pub fn takes<'b>(&self, event: &str, body: impl FnOnce() -> Option<&'b Value>) -> bool {
        self.event.fits(event)
            && (self.conditions.is_empty() || body().is_some_and(|body| self.conditions.iter().all(|c| c.holds(body))))
    }

    /// Reads a `[[route]]`. The error says what is wrong with it.
    pub fn from_file(file: &RouteFile) -> Result<Self, String> {
        let to = match (&file.forward, &file.run) {
            (Some(url), None) => guard::target(url)
                .map(Destination::Forward)
                .map_err(|error| error.to_string())?,
            (None, Some(command)) if !command.trim().is_empty() => Destination::Run(command.clone()),
            (Some(_), Some(_)) => return Err("it has both `forward` and `run`: make two of it".into()),
            _ => return Err("it has neither `forward` nor `run`".into()),
        };
        let conditions = file
            .conditions
            .iter()
            .map(|(path, wanted)| Condition::new(path, wanted).map_err(|what| format!("`where` {what}")));
        Ok(Self {
            event: Pattern::new(file.event.as_deref().unwrap_or("*")),
            conditions: conditions.collect::<Result<_, _>>()?,
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
            event: Pattern::new(event.trim()),
            conditions: Vec::new(),
            to: Destination::parse(to)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::condition::ConditionValue;
    use super::*;

    #[test]
    fn a_route_takes_what_its_conditions_say() {
        let body = serde_json::json!({"data": {"source": "demo", "count": 2, "live": true, "items": [{"id": "a"}]}});
        let takes = |path: &str, wanted: ConditionValue| {
            let mut route = Route::parse("job.*=:1").unwrap();
            route.conditions.push(Condition {
                path: path.into(),
                wanted,
            });
            assert!(!route.takes("order.paid", || Some(&body)) && !route.takes("job.paid", || None));
            route.takes("job.paid", || Some(&body))
        };
        let text = |text: &str| ConditionValue::Text(Pattern::new(text));
        assert!(takes("data.source", text("demo")) && takes("data.source", text("de*")));
        assert!(takes("data.items.0.id", text("a")));
        assert!(
            takes("data.count", ConditionValue::Value(2.into()))
                && takes("data.live", ConditionValue::Value(true.into()))
        );
        assert!(!takes("data.source", text("prod")) && !takes("data.other", text("demo")));
        assert!(!takes("data.count", text("2")) && !takes("data.live", ConditionValue::Value(false.into())));
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
            assert!(!Destination::parse(url).unwrap().runs(), "{url}");
        }
        for command in ["./run.sh", "jq .", "cat > out", "notify"] {
            assert!(Destination::parse(command).unwrap().runs(), "{command}");
        }
        assert!(Destination::parse(" ").is_err());
        let route = Route::parse("job.*=./run.sh a=b").unwrap();
        assert!(route.event.fits("job.paid"));
        assert_eq!(route.to, Destination::Run("./run.sh a=b".into()));
        assert!(Route::parse("=x").is_err() && Route::parse("x").is_err());
    }
}
