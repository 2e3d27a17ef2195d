//! Where events go after they were recorded: to URLs and to commands.

use url::Url;

use super::Pattern;
use crate::transport::guard;

/// Where an event goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Sent on.
    Forward(Url),
    /// A shell command: body on stdin, facts in the environment.
    Run(String),
}

/// Which events go where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Of the event's type.
    pub event: Pattern,
    /// Where to.
    pub to: Destination,
}

impl Destination {
    /// A URL when it looks like one (`http://...`, `localhost...`, an address, `:PORT`, `PORT`), else a command.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("neither a URL nor a command is given".into());
        }
        let looks_like_url = text.starts_with("http://")
            || text.starts_with("https://")
            || text.starts_with("localhost")
            || text.starts_with("127.")
            || text.starts_with("[::1]")
            || text.starts_with(':')
            || text.bytes().all(|b| b.is_ascii_digit());
        if looks_like_url {
            guard::target(text)
                .map(Self::Forward)
                .map_err(|error| error.to_string())
        } else {
            Ok(Self::Run(text.to_owned()))
        }
    }

    /// Whether it runs a command.
    pub fn runs(&self) -> bool {
        matches!(self, Self::Run(_))
    }
}

impl Route {
    /// Reads `EVENT=URL or CMD`; EVENT may hold `*`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (event, to) = text
            .split_once('=')
            .filter(|(event, _)| !event.trim().is_empty())
            .ok_or_else(|| format!("`{text}` is not `EVENT=URL or CMD`"))?;
        Ok(Self {
            event: Pattern::new(event.trim()),
            to: Destination::parse(to)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
