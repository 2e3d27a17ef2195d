//! Looks at a ledger before it is opened. Nothing is changed.

#[cfg(feature = "postgres")]
use super::postgres;
use super::{StoreError, StorePlace, sqlite};

/// The format of the ledger at that place, and the newest that this program knows; one of a newer program is an error.
pub fn ledger_format(place: &StorePlace) -> Result<(i64, i64), StoreError> {
    match place {
        StorePlace::File(path) => sqlite::ledger_format(path),
        #[cfg(feature = "postgres")]
        StorePlace::Postgres(url) => postgres::ledger_format(&place.resolved(url)?),
        #[cfg(not(feature = "postgres"))]
        StorePlace::Postgres(_) => Err(StoreError::NoPostgres(place.to_string())),
    }
}

/// Whether this program may write the ledger at that place, as far as a database says so without being changed: an error is what a
/// start would end with, a text what would fail later. For a file the system is asked when it is opened.
pub fn check_rights(place: &StorePlace) -> Result<Option<&'static str>, StoreError> {
    match place {
        StorePlace::File(_) => Ok(None),
        #[cfg(feature = "postgres")]
        StorePlace::Postgres(url) => postgres::check_rights(&place.resolved(url)?),
        #[cfg(not(feature = "postgres"))]
        StorePlace::Postgres(_) => Err(StoreError::NoPostgres(place.to_string())),
    }
}

/// Looks for damage in the log of the ledger at that place that would lose what was acknowledged. Reads the whole log of a
/// file; a database server looks after its own.
pub fn check_log(place: &StorePlace) -> Result<(), StoreError> {
    match place {
        StorePlace::File(path) => sqlite::check_log(path),
        StorePlace::Postgres(_) => Ok(()),
    }
}
