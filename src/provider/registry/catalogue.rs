//! The events of all providers.

use super::{MOST_EXTENDED, Registry, Source, texts};

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
        found
            .into_iter()
            .find(|matches| !matches.is_empty())
            .unwrap_or_default()
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
