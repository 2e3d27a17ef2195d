//! Patterns with `*`: [`Glob`] for names and values, in which it matches any characters, and [`HostPattern`] for host
//! names, in which it matches one label. Nothing else is special in either. hook has no third kind.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A pattern for names, with `*` for any characters.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Glob(String);

impl Glob {
    /// Every text is a valid pattern.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Whether the whole name fits.
    pub fn fits(&self, name: &str) -> bool {
        let mut pieces = self.0.split('*');
        let Some(mut rest) = pieces.next().and_then(|first| name.strip_prefix(first)) else {
            return false;
        };
        let mut pieces: Vec<&str> = pieces.collect();
        let Some(last) = pieces.pop() else {
            return rest.is_empty();
        };
        for piece in pieces {
            match rest.find(piece) {
                Some(at) => rest = &rest[at + piece.len()..],
                None => return false,
            }
        }
        rest.ends_with(last)
    }

    /// Whether it fits an event under its name, or is another name of the same event.
    pub fn fits_event(&self, event: &str, also: &[String]) -> bool {
        self.fits(event) || also.contains(&self.0)
    }

    /// The same glob for SQLite, where `?` and `[` mean something too.
    pub fn for_sqlite(&self) -> String {
        self.0.replace('[', "[[]").replace('?', "[?]")
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A pattern for host names. A label that is `*` fits exactly one label: as a [`Glob`], `sns.*.amazonaws.com` would also fit
/// `sns.a.b.amazonaws.com`, a host that the provider does not use.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct HostPattern(String);

impl HostPattern {
    /// Whether a host name has as many labels as the pattern, and each fits.
    pub fn fits(&self, host: &str) -> bool {
        let (labels, wanted) = (host.split('.'), self.0.split('.'));
        let fits = |(label, wanted): (&str, &str)| match wanted {
            "*" => !label.is_empty(),
            wanted => label.eq_ignore_ascii_case(wanted),
        };
        labels.clone().count() == wanted.clone().count() && labels.zip(wanted).all(fits)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stars_stand_for_any_run_of_characters() {
        let fits = |pattern: &str, name: &str| Glob::new(pattern).fits(name);
        assert!(fits("job.*", "job.paid") && fits("*", "") && fits("a*b*c", "a1b2c") && fits("job.paid", "job.paid"));
        assert!(
            !fits("job.*", "order.paid") && !fits("job", "job.paid") && !fits("a*b*c", "acb") && !fits("ab*ba", "aba")
        );
    }

    #[test]
    fn only_the_star_is_special_for_sqlite_too() {
        assert_eq!(Glob::new("job.*").for_sqlite(), "job.*");
        assert_eq!(Glob::new("a?b[c]*").for_sqlite(), "a[?]b[[]c]*");
    }

    #[test]
    fn in_a_host_a_star_stands_for_one_label() {
        let fits = |host: &str| HostPattern("SNS.*.amazonaws.com".to_owned()).fits(host);
        assert!(fits("sns.eu-west-1.amazonaws.com") && fits("SNS.x.AmazonAWS.com"));
        for other in [
            "sns.amazonaws.com",
            "sns..amazonaws.com",
            "sns.a.b.amazonaws.com",
            "sns.a.amazonaws.com.evil",
        ] {
            assert!(!fits(other), "{other}");
        }
        assert!(!fits("xsns.a.amazonaws.com") && !fits(""));
    }

    proptest! {
        #[test]
        fn a_star_stands_for_whatever_is_in_its_place(start in "[a-z.?\\[*]{0,6}", end in "[a-z.?\\[*]{0,6}", any in ".{0,8}") {
            let glob = Glob::new(&format!("{start}*{end}"));
            prop_assert!(glob.fits(&format!("{start}{any}{end}")), "{glob}");
        }

        #[test]
        fn without_a_star_a_name_fits_itself_alone(name in "[a-z.?\\[]{0,6}", other in "[a-z.?\\[]{0,6}") {
            prop_assert_eq!(Glob::new(&name).fits(&other), name == other);
        }
    }
}
