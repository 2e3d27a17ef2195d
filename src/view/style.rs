//! Colours by meaning: the only user of `colored`. The decision is made for each stream, so `colored` itself is always
//! on.

use colored::Colorize as _;

/// Colours of one stream.
#[derive(Debug, Clone, Copy, Default)]
pub struct Style {
    on: bool,
}

/// What a text means, and so its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// Nothing special.
    #[default]
    Plain,
    /// Success.
    Good,
    /// Failure.
    Bad,
    /// Neither.
    Caution,
    /// Beside the point.
    Dim,
    /// The point.
    Strong,
    /// A name that can be typed.
    Name,
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
        // `colored` decides once for the process; here each stream has its own decision.
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

    /// The text in the colour of its meaning.
    pub fn paint(self, tone: Tone, text: &str) -> String {
        let painted = match tone {
            Tone::Plain => text.normal(),
            Tone::Good => text.green(),
            Tone::Bad => text.red(),
            Tone::Caution => text.yellow(),
            Tone::Dim => text.dimmed(),
            Tone::Strong => text.bold(),
            Tone::Name => text.cyan(),
        };
        if self.on { painted.to_string() } else { text.to_owned() }
    }

    /// Success.
    pub fn good(self, text: &str) -> String {
        self.paint(Tone::Good, text)
    }

    /// Failure.
    pub fn bad(self, text: &str) -> String {
        self.paint(Tone::Bad, text)
    }

    /// Neither.
    pub fn caution(self, text: &str) -> String {
        self.paint(Tone::Caution, text)
    }

    /// Beside the point.
    pub fn dim(self, text: &str) -> String {
        self.paint(Tone::Dim, text)
    }

    /// The point.
    pub fn strong(self, text: &str) -> String {
        self.paint(Tone::Strong, text)
    }

    /// A name that can be typed: an event, an id, a command.
    pub fn name(self, text: &str) -> String {
        self.paint(Tone::Name, text)
    }
}
