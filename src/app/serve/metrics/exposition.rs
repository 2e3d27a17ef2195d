//! The text format of Prometheus, version 0.0.4.

use std::fmt::{Display, Write as _};

/// The type of a family.
#[derive(Debug, Clone, Copy)]
pub(in crate::app::serve) enum Kind {
    /// Grows until the process ends.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size.
    Histogram,
}

/// A page of metrics.
#[derive(Debug, Default)]
pub(in crate::app::serve) struct Exposition(String);

impl Exposition {
    /// The value of `Content-Type`.
    pub(in crate::app::serve) const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";

    /// Begins a family: its samples follow.
    pub(in crate::app::serve) fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        // Writing to a string does not fail.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    /// Adds a sample.
    pub(in crate::app::serve) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: &impl Display) {
        self.0.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let before = if index == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{before}{label}=\"{text}\"");
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{end} {value}");
    }

    /// A family of one sample without labels.
    pub(in crate::app::serve) fn single(&mut self, name: &str, kind: Kind, help: &str, value: &impl Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    /// A family with one label.
    pub(in crate::app::serve) fn labelled<V: Display>(
        &mut self,
        (name, kind, help): (&str, Kind, &str),
        label: &str,
        values: impl IntoIterator<Item = (&'static str, V)>,
    ) {
        self.family(name, kind, help);
        for (text, value) in values {
            self.sample(name, &[(label, text)], &value);
        }
    }

    /// The whole page.
    pub(in crate::app::serve) fn text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_as_the_format_says() {
        let mut page = Exposition::default();
        page.family("a", Kind::Gauge, "b\\c\nd");
        page.sample("a", &[("x", "\"\\\n"), ("y", "é")], &0.5);
        page.single("n", Kind::Counter, "of all", &3);
        let lines = [
            "# HELP a b\\\\c\\nd",
            "# TYPE a gauge",
            "a{x=\"\\\"\\\\\\n\",y=\"é\"} 0.5",
            "# HELP n of all",
            "# TYPE n counter",
            "n 3",
        ];
        assert_eq!(page.text().lines().collect::<Vec<_>>(), lines);
    }
}
