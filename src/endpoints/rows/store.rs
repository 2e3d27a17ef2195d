//! Endpoints in rows of a store: each as its JSON, with a version.

use std::any::Any;
use std::fmt::{self, Debug, Display};
use std::sync::Arc;

use super::{BookEdit, BookRows, Mark};
use crate::endpoints::endpoint::Endpoint;
use crate::endpoints::error::EndpointError;
use crate::error::Error;
use crate::exit::Exit;
use crate::store::kept::{KeptKind, KeptRow, KeptRows, RowChange};

/// Rows of a store, an endpoint each.
pub(in crate::endpoints) struct StoreRows {
    rows: Arc<dyn KeptRows>,
    /// Where they are, for people.
    place: String,
}

impl StoreRows {
    /// Those of the store at that place.
    pub(in crate::endpoints) fn new(rows: Arc<dyn KeptRows>, place: impl Display) -> Self {
        let place = place.to_string();
        Self { rows, place }
    }

    fn load(&self) -> Result<Vec<(KeptRow, Endpoint)>, EndpointError> {
        let rows = self.rows.rows(KeptKind::Endpoint).map_err(Error::from)?;
        let read = |row: KeptRow| {
            let endpoint: Endpoint = serde_json::from_str(&row.text)
                .map_err(|error| self.invalid(&format_args!("row `{}`: {error}", row.key)))?;
            if endpoint.id != row.key {
                return Err(self.invalid(&format_args!("row `{}` has another id", row.key)));
            }
            Ok((row, endpoint))
        };
        rows.into_iter().map(read).collect()
    }
}

impl BookRows for StoreRows {
    fn is_missing(&self) -> bool {
        false
    }

    fn read(&self) -> Result<Vec<Endpoint>, EndpointError> {
        Ok(self.load()?.into_iter().map(|(_, endpoint)| endpoint).collect())
    }

    fn begin(&self) -> Result<Box<dyn BookEdit + '_>, EndpointError> {
        let lock = self.rows.lock("book").map_err(Error::from)?;
        Ok(Box::new(StoreEdit {
            rows: self,
            read: Vec::new(),
            _lock: lock,
        }))
    }

    fn hold(&self) -> Result<Box<dyn Any + Send>, EndpointError> {
        Ok(self.rows.lock("book work").map_err(Error::from)?)
    }

    fn mark(&self) -> Mark {
        self.rows.generation().map_or(Mark::Absent, Mark::Generation)
    }

    fn mark_now(&self) -> Mark {
        self.rows.generation_now().map_or(Mark::Absent, Mark::Generation)
    }

    fn invalid(&self, what: &dyn Display) -> EndpointError {
        let what = format!("the endpoints in `{}` are not valid: {what}", self.place);
        Error::new(Exit::Store, what)
            .hint("`hook endpoints import --book FILE --replace` restores them")
            .into()
    }
}

impl Debug for StoreRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreRows")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

struct StoreEdit<'a> {
    rows: &'a StoreRows,
    read: Vec<(KeptRow, Endpoint)>,
    _lock: Box<dyn Any + Send>,
}

impl BookEdit for StoreEdit<'_> {
    fn read(&mut self) -> Result<Vec<Endpoint>, EndpointError> {
        self.read = self.rows.load()?;
        Ok(self.read.iter().map(|(_, endpoint)| endpoint.clone()).collect())
    }

    fn write(&mut self, endpoints: &[Endpoint]) -> Result<(), EndpointError> {
        let changes = self.changes(endpoints)?;
        let changed = self
            .rows
            .rows
            .change(KeptKind::Endpoint, &changes)
            .map_err(Error::from)?;
        // The lock keeps others out; one that was lost with its connection does not.
        changed.then_some(()).ok_or(EndpointError::Outdated)
    }
}

impl StoreEdit<'_> {
    /// What differs from the rows as they were read.
    fn changes(&self, endpoints: &[Endpoint]) -> Result<Vec<RowChange>, EndpointError> {
        let mut changes = Vec::new();
        for (row, known) in &self.read {
            if !endpoints.iter().any(|endpoint| endpoint.id == known.id) {
                let (key, version) = (row.key.clone(), row.version);
                changes.push(RowChange::Remove { key, version });
            }
        }
        for endpoint in endpoints {
            let known = self.read.iter().find(|(row, _)| row.key == endpoint.id);
            if known.is_some_and(|(_, known)| known == endpoint) {
                continue;
            }
            let (key, text) = (endpoint.id.clone(), written(endpoint)?);
            changes.push(match known {
                Some((row, _)) => RowChange::Replace {
                    key,
                    text,
                    version: row.version,
                },
                None => RowChange::Add { key, text },
            });
        }
        Ok(changes)
    }
}

/// The JSON of an endpoint, which reads back the same.
fn written(endpoint: &Endpoint) -> Result<String, EndpointError> {
    let text = serde_json::to_string(endpoint);
    let text = text.map_err(|error| Error::internal("an endpoint cannot be written as JSON").cause(error))?;
    // A row that cannot be read again would lock the user out of every endpoint.
    if serde_json::from_str::<Endpoint>(&text).ok().as_ref() != Some(endpoint) {
        return Err(Error::internal(format!("endpoint `{}` would not read back the same", endpoint.name)).into());
    }
    Ok(text)
}
