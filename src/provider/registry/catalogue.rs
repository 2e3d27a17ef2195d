//! The events of all providers. Looking for one copies nothing and reads no further than to the group that has it: most
//! commands do it once, and their whole work takes a few milliseconds.

use serde_json::{Map, Value};

use super::{BUILTIN, Registry};

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

/// An event of a catalogue.
struct CatalogueEntry<'a> {
    provider: &'a str,
    event: &'a str,
    aliases: Vec<&'a str>,
}

/// The events of a file of the user's, when it can be read, and whether it is looked at among the first.
struct UserFile {
    name: String,
    first: bool,
    events: Map<String, Value>,
}

impl Registry {
    /// Who knows that event: exact names of the first group, else of the others, else aliases in the same order.
    pub fn find_event(&self, event: &str, search: Option<&[String]>) -> Vec<EventMatch> {
        let files = self.files();
        for alias in [false, true] {
            for first in [true, false] {
                let matches: Vec<EventMatch> = entries(&files, first)
                    .filter(|entry| search.is_none_or(|list| list.iter().any(|name| name == entry.provider)))
                    .filter(|entry| {
                        if alias {
                            entry.aliases.contains(&event)
                        } else {
                            entry.event == event
                        }
                    })
                    .map(|entry| EventMatch {
                        provider: entry.provider.to_owned(),
                        event: entry.event.to_owned(),
                        alias,
                    })
                    .collect();
                if !matches.is_empty() {
                    return matches;
                }
            }
        }
        Vec::new()
    }

    /// Every event name of every catalogue with its provider: completions and near names.
    pub fn all_events(&self) -> Vec<(String, String)> {
        let files = self.files();
        let both = [true, false].into_iter().flat_map(|first| entries(&files, first));
        both.map(|entry| (entry.event.to_owned(), entry.provider.to_owned()))
            .collect()
    }

    fn files(&self) -> Vec<UserFile> {
        let files = self.user_files().into_iter();
        let read = |(name, _): (String, _)| UserFile {
            first: BUILTIN.iter().any(|builtin| builtin.first && builtin.name == name),
            events: match self.source(&name, 8) {
                Ok((mut file, _)) => match file["events"].take() {
                    Value::Object(events) => events,
                    _ => Map::new(),
                },
                Err(_) => Map::new(),
            },
            name,
        };
        files.map(read).collect()
    }
}

/// The events of those providers that are looked at among the first, or of all others. A user's file stands in the place
/// of the built-in provider with its name, even when it cannot be read.
fn entries(files: &[UserFile], first: bool) -> impl Iterator<Item = CatalogueEntry<'_>> {
    let builtin = BUILTIN
        .iter()
        .filter(move |builtin| builtin.first == first && !files.iter().any(|own| own.name == builtin.name))
        .flat_map(|builtin| {
            builtin.events.iter().map(|(event, aliases)| CatalogueEntry {
                provider: builtin.name,
                event,
                aliases: aliases.to_vec(),
            })
        });
    let own = files.iter().filter(move |own| own.first == first).flat_map(|own| {
        own.events.iter().map(|(event, table)| CatalogueEntry {
            provider: &own.name,
            event,
            aliases: table["aliases"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect(),
        })
    });
    builtin.chain(own)
}
