//! Colours by meaning: the only user of `colored`. The decision is made for each stream, so `colored` itself is always
//! on.

use colored::Colorize as _;

/// Colours of one stream.
#[derive(Debug, Clone, Copy, Default)]
pub struct Style {
    on: bool,
}

/// When colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColorChoice {
    /// On terminals, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

impl Style {
    /// Decides for one stream.
    pub fn new(choice: ColorChoice, terminal: bool) -> Self {
        colored::control::set_override(true);
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        let on = match choice {
            ColorChoice::Auto => terminal && !plain && !dumb,
            ColorChoice::Always => true,
            ColorChoice::Never => false,
        };
        Self { on }
    }

    /// Whether there are colours at all.
    pub fn is_on(self) -> bool {
        self.on
    }

    fn paint(self, text: &str, paint: impl Fn(&str) -> colored::ColoredString) -> String {
        if self.on {
            paint(text).to_string()
        } else {
            text.to_owned()
        }
    }

    /// Success.
    pub fn good(self, text: &str) -> String {
        self.paint(text, |t| t.green())
    }

    /// Failure.
    pub fn bad(self, text: &str) -> String {
        self.paint(text, |t| t.red())
    }

    /// Neither.
    pub fn caution(self, text: &str) -> String {
        self.paint(text, |t| t.yellow())
    }

    /// Beside the point.
    pub fn dim(self, text: &str) -> String {
        self.paint(text, |t| t.dimmed())
    }

    /// The point.
    pub fn strong(self, text: &str) -> String {
        self.paint(text, |t| t.bold())
    }

    /// A name that can be typed: an event, an id, a command.
    pub fn name(self, text: &str) -> String {
        self.paint(text, |t| t.cyan())
    }
}
