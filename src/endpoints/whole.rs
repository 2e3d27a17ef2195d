//! A whole book in one file, to move it to another machine or store: endpoints with their ids, their health, and their stored
//! secrets, encrypted.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::book::Book;
use super::endpoint::Endpoint;
use super::error::EndpointError;
use super::joined::{misplaced, without_health};
use super::reference::Reference;
use super::rows::FORMAT;
use super::secrets::PortableSecret;
use crate::error::Error;
use crate::exit::Exit;
use crate::fs::read_bounded;
use crate::health::{Health, HealthChange};
use crate::random::Random;

/// Bytes of such a file, at most.
const MOST: u64 = 64 * 1024 * 1024;

/// A whole book. An endpoint file is one too, without health and secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WholeBook {
    format: u64,
    /// In the order of the book, without their health.
    pub endpoints: Vec<Endpoint>,
    /// What deliveries tell about them, by their ids.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub health: BTreeMap<String, Health>,
    /// Stored secrets by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, PortableSecret>,
}

/// A stored secret of an endpoint that is not in the file, or not on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbsentSecret {
    /// The endpoint's name.
    pub endpoint: String,
    /// The secret's name.
    pub secret: String,
}

/// What an import did.
#[derive(Debug, Default)]
pub struct Imported {
    /// The new endpoints.
    pub added: Vec<Endpoint>,
    /// The endpoints that were replaced by others, as they were and as they are. Health stays, and is in neither.
    pub replaced: Vec<(Endpoint, Endpoint)>,
    /// The endpoints that were in the book like that already.
    pub unchanged: Vec<Endpoint>,
    /// Secrets that are not on this machine.
    pub absent: Vec<AbsentSecret>,
}

impl WholeBook {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, EndpointError> {
        let bytes = read_bounded(path, MOST).map_err(|error| EndpointError::io(path, "read")(error.into()))?;
        let found: Self = serde_json::from_slice(&bytes).map_err(|error| EndpointError::invalid(path, error))?;
        if found.format != FORMAT {
            let what = format!(
                "book `{}` has format {}, this hook knows {FORMAT}",
                path.display(),
                found.format
            );
            return Err(Error::new(Exit::Store, what).hint("update hook").into());
        }
        Ok(found)
    }

    /// As the text of a file.
    pub fn to_text(&self) -> Result<String, EndpointError> {
        let text = serde_json::to_string_pretty(self);
        let text = text.map_err(|error| Error::internal("the book cannot be written as JSON").cause(error))?;
        Ok(text + "\n")
    }
}

impl Book {
    /// The whole book. Without a key, stored secrets are left out; what is left out is returned beside it.
    pub fn whole(&self) -> Result<(WholeBook, Vec<AbsentSecret>), EndpointError> {
        let key = self.vault().key()?;
        let (mut endpoints, mut health) = (self.written()?, self.health()?);
        // What an earlier hook wrote into the file.
        for change in misplaced(&endpoints) {
            if let HealthChange::Kept { id, health: found } = change {
                health.entry(id).or_insert(*found);
            }
        }
        without_health(&mut endpoints);
        let (mut secrets, mut absent) = (BTreeMap::new(), Vec::new());
        for (endpoint, name) in stored_names(&endpoints) {
            match &key {
                Some(key) if self.vault().has(name) => {
                    secrets.insert(name.to_owned(), self.vault().take_out(name, key)?);
                }
                _ => absent.push(AbsentSecret {
                    endpoint: endpoint.name.clone(),
                    secret: name.to_owned(),
                }),
            }
        }
        let of_endpoint = |id: &String| endpoints.iter().any(|endpoint| endpoint.id == *id);
        let health = health.into_iter();
        let health = health.filter(|(id, health)| of_endpoint(id) && *health != Health::default());
        let health = health.collect();
        let whole = WholeBook {
            format: FORMAT,
            endpoints,
            health,
            secrets,
        };
        Ok((whole, absent))
    }

    /// Takes a whole book into this one: all of it, or nothing. An endpoint whose id is here already is refused, or replaced;
    /// what this ledger knows of its health stays.
    pub fn take_in(&self, whole: &WholeBook, replace: bool, random: &Random) -> Result<Imported, EndpointError> {
        refuse_known(&self.written()?, whole, replace)?;
        // Before anything is stored: a key that does not fit must change nothing.
        let mut opened = BTreeMap::new();
        for (name, portable) in &whole.secrets {
            if let Reference::Stored(name) = Reference::parse(&format!("stored:{name}")).map_err(Error::usage)? {
                let secret = self.vault().open(&name, portable)?;
                opened.insert(name, secret);
            }
        }
        let (mut endpoints, mut stored) = (whole.endpoints.clone(), Vec::new());
        without_health(&mut endpoints);
        let imported = (|| {
            for endpoint in &mut endpoints {
                let owner = endpoint.name.clone();
                for secret in &mut endpoint.secrets {
                    let Reference::Stored(name) = &secret.reference else {
                        continue;
                    };
                    let Some(opened) = opened.get(name) else { continue };
                    let (name, is_new) = self.vault().put_back(name, &owner, opened, random)?;
                    secret.reference = Reference::Stored(name);
                    stored.extend(is_new.then(|| secret.reference.clone()));
                }
            }
            self.edit(|book| insert(book, &endpoints, whole, replace))
        })();
        let mut imported = match imported {
            Ok(imported) => imported,
            Err(error) => {
                for reference in &stored {
                    // The error that is returned is the one that matters.
                    let _ = self.vault().discard(reference);
                }
                return Err(error);
            }
        };
        self.keep_health(whole)?;
        let names = stored_names(&endpoints).into_iter();
        let absent = names.filter(|(_, name)| !self.vault().has(name));
        imported.absent = absent
            .map(|(endpoint, name)| AbsentSecret {
                endpoint: endpoint.name.clone(),
                secret: name.to_owned(),
            })
            .collect();
        Ok(imported)
    }

    fn keep_health(&self, whole: &WholeBook) -> Result<(), EndpointError> {
        let ids = whole.endpoints.iter().map(|endpoint| &endpoint.id);
        let mut kept = misplaced(&whole.endpoints);
        kept.extend(ids.filter_map(|id| {
            Some(HealthChange::Kept {
                id: id.clone(),
                health: Box::new(whole.health.get(id)?.clone()),
            })
        }));
        self.tell_health(&kept)
    }
}

/// Puts endpoints into a book.
fn insert(
    book: &mut Vec<Endpoint>,
    endpoints: &[Endpoint],
    whole: &WholeBook,
    replace: bool,
) -> Result<Imported, EndpointError> {
    refuse_known(book, whole, replace)?;
    let mut imported = Imported::default();
    for endpoint in endpoints {
        match book.iter_mut().find(|known| known.id == endpoint.id) {
            Some(known) => {
                let mut before = std::mem::replace(known, endpoint.clone());
                // What the ledger knows of its health stays: an import changes nothing of it.
                without_health(std::slice::from_mut(&mut before));
                let is_same = Endpoint {
                    enabled_at: endpoint.enabled_at,
                    ..before.clone()
                } == *endpoint;
                if is_same {
                    imported.unchanged.push(before);
                } else {
                    imported.replaced.push((before, endpoint.clone()));
                }
            }
            None => {
                book.push(endpoint.clone());
                imported.added.push(endpoint.clone());
            }
        }
    }
    Ok(imported)
}

fn refuse_known(book: &[Endpoint], whole: &WholeBook, replace: bool) -> Result<(), EndpointError> {
    let known = |new: &&Endpoint| book.iter().any(|endpoint| endpoint.id == new.id);
    let known: Vec<&Endpoint> = whole.endpoints.iter().filter(known).collect();
    match known.first() {
        Some(first) if !replace => {
            let (name, id) = (&first.name, &first.id);
            let more = match known.len() {
                1 => String::new(),
                all => format!(", and {} more", all - 1),
            };
            let what = format!("endpoint `{name}` ({id}) is in the book already{more}: nothing is imported");
            Err(Error::new(Exit::Refused, what)
                .hint("`--replace` replaces the endpoints that have the same id")
                .into())
        }
        _ => Ok(()),
    }
}

/// The stored secrets of endpoints, each with its endpoint.
fn stored_names(endpoints: &[Endpoint]) -> Vec<(&Endpoint, &str)> {
    let all = endpoints.iter();
    let all = all.flat_map(|endpoint| endpoint.secrets.iter().map(move |secret| (endpoint, &secret.reference)));
    let stored = all.filter_map(|(endpoint, reference)| match reference {
        Reference::Stored(name) => Some((endpoint, name.as_str())),
        Reference::Env(_) | Reference::File(_) => None,
    });
    stored.collect()
}

#[cfg(test)]
mod tests;
