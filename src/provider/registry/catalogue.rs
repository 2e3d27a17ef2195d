//! What is known of all providers: detection, labels, events.

use super::{MOST_EXTENDED, ProviderListing, Registry, Source, keys, name_of, near_names, texts};
use crate::glob::Glob;
use crate::provider::detect::{DetectMarks, Detector};

/// A provider that knows an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventMatch {
    /// The provider.
    pub provider: String,
    /// The catalogue's name.
    pub event: String,
    /// Whether the name typed is an alias.
    pub alias: bool,
}

impl Registry {
    /// The detector over every provider.
    pub fn detector(&self) -> Detector {
        let mut marks = Vec::new();
        for source in self.sources() {
            match source {
                Source::Builtin(builtin) => {
                    for (variant, any, all) in builtin.detect {
                        let label =
                            variant.map_or_else(|| builtin.name.to_owned(), |v| format!("{}@{v}", builtin.name));
                        marks.push(DetectMarks::new(label, builtin.signs, any, all));
                    }
                }
                Source::File(name, _) => {
                    let Ok((file, _)) = self.source(&name, MOST_EXTENDED) else {
                        continue;
                    };
                    let (any, all) = (texts(&file["detect"]["any-of"]), texts(&file["detect"]["all-of"]));
                    let signs = file["signature"]["unsigned"].is_null();
                    marks.push(DetectMarks::new(name, signs, &any, &all));
                }
            }
        }
        Detector::new(marks)
    }

    /// Every `NAME` and `NAME@VARIANT` with the title of the provider, in the order of [`Registry::list`]: completions.
    pub fn labels(&self) -> Vec<(String, String)> {
        let mut labels = Vec::new();
        for source in self.sources() {
            // A file that cannot be used has no variants.
            let variants = match &source {
                Source::Builtin(builtin) => builtin.variants.iter().map(ToString::to_string).collect(),
                Source::File(name, _) => {
                    let file = self.source(name, MOST_EXTENDED);
                    file.map_or_else(|_| Vec::new(), |(file, _)| keys(&file["variants"]))
                }
            };
            let ProviderListing { name, title, .. } = source.listing();
            labels.push((name.clone(), title.clone()));
            let variants = variants
                .iter()
                .map(|variant| (format!("{name}@{variant}"), title.clone()));
            labels.extend(variants);
        }
        labels
    }

    /// Who knows that event: exact names of the first group, else of the others, else aliases in the same order.
    pub fn find_event(&self, event: &str, search: Option<&[String]>) -> Vec<EventMatch> {
        let mut found: [Vec<EventMatch>; 4] = Default::default();
        self.visit_events(|first, provider, name, aliases| {
            let alias = name != event;
            let wanted = search.is_none_or(|list| list.iter().any(|name| name == provider));
            if wanted && (!alias || aliases.contains(&event)) {
                found[usize::from(alias) * 2 + usize::from(!first)].push(EventMatch {
                    provider: provider.to_owned(),
                    event: name.to_owned(),
                    alias,
                });
            }
        });
        found.into_iter().find(|list| !list.is_empty()).unwrap_or_default()
    }

    /// Every event name of every catalogue with its provider: completions and near names.
    pub fn all_events(&self) -> Vec<(String, String)> {
        let (mut events, mut others) = (Vec::new(), Vec::new());
        self.visit_events(|first, provider, event, _| {
            let list = if first { &mut events } else { &mut others };
            list.push((event.to_owned(), provider.to_owned()));
        });
        events.append(&mut others);
        events
    }

    /// Near names when no event of these providers matches a pattern, under its name or an alias; `None` when one does.
    /// Without providers all are searched.
    pub fn unmatched(&self, pattern: &Glob, providers: &[String]) -> Option<Vec<String>> {
        let mut names = Vec::new();
        let mut is_matched = false;
        self.visit_events(|_, provider, name, aliases| {
            if providers.is_empty() || providers.iter().any(|label| name_of(label) == provider) {
                let mut known = std::iter::once(&name).chain(aliases);
                is_matched |= known.any(|name| pattern.fits(name));
                names.push(name.to_owned());
            }
        });
        (!is_matched).then(|| near_names(&pattern.to_string(), names.iter().map(String::as_str)))
    }

    /// Calls `visit` with each event: whether its provider is searched first, the provider, the name and the aliases. A file
    /// that cannot be used has no events.
    fn visit_events(&self, mut visit: impl FnMut(bool, &str, &str, &[&str])) {
        let searched_first = Self::first();
        for source in self.sources() {
            let name = source.name();
            let first = searched_first.iter().any(|one| one == name);
            if let Source::Builtin(builtin) = source {
                for (event, aliases) in builtin.events {
                    visit(first, name, event, aliases);
                }
            } else if let Ok((file, _)) = self.source(name, MOST_EXTENDED) {
                for (event, table) in file["events"].as_object().into_iter().flatten() {
                    visit(first, name, event, &texts(&table["aliases"]));
                }
            }
        }
    }
}
