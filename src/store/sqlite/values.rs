//! Statements that are compiled once for each connection, and the conversion of values to and from SQLite.

use bytes::Bytes;
use rusqlite::types::{FromSqlError, Type, ValueRef};
use rusqlite::{Connection, OptionalExtension as _, Params, Row};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::headers::Headers;
use crate::id::{Id, IdKind};
pub(super) use crate::store::encoding::{changed, delays, delays_text, json, nanos, nanoseconds, signed, unsigned};
use crate::text::printable;

/// Runs a change, and returns the number of changed rows.
pub(super) fn change(connection: &Connection, sql: &str, values: impl Params) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute(values)
}

/// The first row of a query.
pub(super) fn row<T>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    connection.prepare_cached(sql)?.query_row(values, read).optional()
}

/// The rows of a query.
pub(super) fn rows<T>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    connection.prepare_cached(sql)?.query_map(values, read)?.collect()
}

/// Reads an id of that kind.
pub(super) fn id(row: &Row<'_>, column: usize, kind: IdKind) -> rusqlite::Result<Id> {
    let uuid = Uuid::from_bytes(row.get(column)?);
    Ok(Id { kind, uuid })
}

/// Reads a moment.
pub(super) fn moment(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp::from_unix_us)
}

/// Reads a moment that may be absent.
pub(super) fn optional_moment(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_unix_us))
}

/// Reads a number that may be absent.
pub(super) fn optional_number(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<u64>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(unsigned))
}

/// A text, lossy where it is not UTF-8; `None` for another type.
pub(super) fn lossy(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Text(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    }
}

/// Reads the lines of headers.
pub(super) fn headers(row: &Row<'_>, column: usize) -> rusqlite::Result<Headers> {
    Ok(Headers::from_block(row.get_ref(column)?.as_blob()?))
}

/// Reads bytes.
pub(super) fn bytes(row: &Row<'_>, column: usize) -> rusqlite::Result<Bytes> {
    Ok(Bytes::copy_from_slice(row.get_ref(column)?.as_blob()?))
}

/// Reads what is kept as JSON. What a newer version wrote in a way that this one does not know counts as absent.
pub(super) fn optional_json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    let text = row.get_ref(column)?.as_str_or_null()?;
    Ok(text.and_then(|text| serde_json::from_str(text).ok()))
}

/// Reads a value that is kept as a text.
pub(super) fn named<T>(row: &Row<'_>, column: usize, read: fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    read(text).ok_or_else(|| {
        let what = format!("`{}` is not known", printable(text, 80)).into();
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, FromSqlError::Other(what).into())
    })
}
