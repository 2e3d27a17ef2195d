//! The naming convention of a provider for custom events. It is a rule of thumb for a warning: no name is refused for it.

use serde::{Deserialize, Serialize};

use crate::finding::Finding;
use crate::text::printable;
use crate::words::words;

/// `[naming]`: the convention; what is absent is as the user likes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Naming {
    /// The separator of the words, of which there must be at least two: `.`.
    pub separator: Option<String>,
    /// Which letters.
    pub case: LetterCase,
    /// What the last word is.
    pub tense: Tense,
}

words! {
    /// Which letters a name is made of.
    #[derive(Default)]
    pub enum LetterCase {
        /// Anything.
        #[default]
        Any = "any",
        /// No capital letters.
        Lower = "lower",
    }
}

words! {
    /// What the last word of a name is.
    #[derive(Default)]
    pub enum Tense {
        /// Anything.
        #[default]
        Any = "any",
        /// A verb in the past tense.
        Past = "past",
    }
}

/// Past tenses that do not end in `ed`, and those in `eed`, where most words are none: need, feed, succeed.
const IRREGULAR: &str = "\
    agreed become begun bought bound broken brought built cast caught chosen cut dealt disagreed done drawn \
    driven fallen felt forgotten found freed frozen given gone got grown guaranteed held hidden hit kept known \
    learnt left lent lost made met overdrawn overridden paid put quit read rebuilt refereed repaid resent reset \
    run said seen sent set shown shut sold spent split spoken spun stolen stood stuck sunk swept taken thrown \
    told torn undone unpaid unsent upset won withdrawn withheld woken written";

impl Naming {
    /// Whether there is a convention at all.
    pub fn is_any(&self) -> bool {
        *self == Self::default()
    }

    /// What is wrong with the name of an event of that provider.
    pub fn check(&self, provider: &str, event: &str) -> Option<Finding> {
        let faults = self.faults(event).join("; ");
        let event = printable(event, 200);
        let fact = format!("`{event}` does not follow the naming convention of `{provider}`: {faults}");
        (!faults.is_empty()).then(|| Finding::caution("event-name", fact))
    }

    /// What is wrong with a name, a clause each; nothing when it fits.
    fn faults(&self, name: &str) -> Vec<String> {
        let words: Vec<&str> = match &self.separator {
            Some(separator) => name.split(separator.as_str()).collect(),
            None => vec![name],
        };
        let mut faults = Vec::new();
        if let Some(separator) = &self.separator
            && (words.len() < 2 || words.iter().any(|word| !is_word(word)))
        {
            faults.push(format!("it is not two or more words separated by `{separator}`"));
        }
        if self.case == LetterCase::Lower
            && let Some(word) = words.iter().find(|word| word.chars().any(char::is_uppercase))
        {
            faults.push(format!("`{word}` is not lower case"));
        }
        let last = words.last().copied().unwrap_or_default();
        if self.tense == Tense::Past && !last.is_empty() && !is_past(last) {
            faults.push(format!("`{last}` at its end is not a verb in the past tense"));
        }
        faults
    }

    /// For people: `words separated by `.`, lower case, a past-tense verb at the end`.
    pub fn describe(&self) -> String {
        let mut said = Vec::new();
        if let Some(separator) = &self.separator {
            said.push(format!("words separated by `{separator}`"));
        }
        if self.case == LetterCase::Lower {
            said.push("lower case".to_owned());
        }
        if self.tense == Tense::Past {
            said.push("a past-tense verb at the end".to_owned());
        }
        said.join(", ")
    }
}

fn is_word(word: &str) -> bool {
    !word.is_empty() && !word.contains(char::is_whitespace)
}

/// Whether a word looks like a verb in the past tense. Of `not_paid` the last part counts. No grammar: `ed` at the end
/// or one of a list, so that some nouns pass and some rare verbs do not.
fn is_past(word: &str) -> bool {
    let word = word.to_lowercase();
    let last = word.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or(&word);
    let regular = last.len() > 3 && last.ends_with("ed") && !last.ends_with("eed");
    regular || IRREGULAR.split_whitespace().any(|word| word == last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_judged_by_each_part_of_the_convention() {
        let naming = Naming {
            separator: Some(".".into()),
            case: LetterCase::Lower,
            tense: Tense::Past,
        };
        for good in [
            "job.paid",
            "pump.filter.cleaned",
            "job.one_time.created",
            "invoice.not_paid",
            "deal.won",
        ] {
            assert_eq!(naming.faults(good), Vec::<String>::new(), "{good}");
        }
        for (bad, parts) in [
            ("paid", vec!["two or more words separated by `.`"]),
            ("job..paid", vec!["two or more words"]),
            ("job.Paid", vec!["`Paid` is not lower case"]),
            ("job.was paid", vec!["two or more words"]),
            ("job.pay", vec!["`pay` at its end is not a verb in the past tense"]),
            ("pump.speed", vec!["`speed` at its end"]),
            ("pump.bed", vec!["`bed` at its end"]),
            ("Payment Sent", vec!["separated by `.`", "lower case"]),
        ] {
            let faults = naming.faults(bad);
            assert_eq!(faults.len(), parts.len(), "{bad}: {faults:?}");
            for (fault, part) in faults.iter().zip(parts) {
                assert!(fault.contains(part), "{bad}: {fault}");
            }
        }
    }

    #[test]
    fn without_a_convention_every_name_is_good() {
        assert!(Naming::default().is_any());
        assert_eq!(Naming::default().faults("What Ever"), Vec::<String>::new());
    }
}
