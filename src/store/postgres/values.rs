//! The conversion of values to and from PostgreSQL, and rows that are written many at once.

use std::borrow::Cow;
use std::error::Error as StdError;

use bytes::{BufMut as _, Bytes, BytesMut};
use serde::de::DeserializeOwned;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};

use super::fault::Fault;
use crate::clock::Timestamp;
use crate::headers::Headers;
use crate::id::{Id, IdKind};
use crate::store::encoding::unsigned;
use crate::text::printable;

/// What a statement takes.
pub(super) type Param<'p> = &'p (dyn ToSql + Sync);

type BoxedError = Box<dyn StdError + Sync + Send>;

/// PostgreSQL's texts have no NUL. It is written as this character, which no text should have, and `0`; the character itself
/// as that and `1`.
const ESCAPE: char = '\u{ffff}';

/// A text from outside, which may have NUL in it.
#[derive(Debug, Clone, Default)]
pub(super) struct Text<'t>(Cow<'t, str>);

impl<'t> From<&'t str> for Text<'t> {
    fn from(text: &'t str) -> Self {
        Self(escaped(text))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        match escaped(&text) {
            Cow::Owned(escaped) => Self(Cow::Owned(escaped)),
            Cow::Borrowed(_) => Self(Cow::Owned(text)),
        }
    }
}

impl Text<'_> {
    /// The text as it is kept.
    pub(super) fn kept(&self) -> &str {
        &self.0
    }
}

/// A text that may be absent.
pub(super) fn optional(text: Option<&str>) -> Option<Text<'_>> {
    text.map(Text::from)
}

/// The text as it is kept.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    if text.contains(['\0', ESCAPE]) {
        let text = text.replace(ESCAPE, "\u{ffff}1").replace('\0', "\u{ffff}0");
        Cow::Owned(text)
    } else {
        Cow::Borrowed(text)
    }
}

fn unescaped(text: String) -> String {
    if text.contains(ESCAPE) {
        text.replace("\u{ffff}0", "\0").replace("\u{ffff}1", "\u{ffff}")
    } else {
        text
    }
}

impl ToSql for Text<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, BoxedError> {
        out.put_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    accepts!(TEXT, VARCHAR);
    to_sql_checked!();
}

/// A day in UTC, counted from 1970-01-01: the partition of a record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Day(pub(super) i32);

/// Days from 1970-01-01 to 2000-01-01, from which PostgreSQL counts.
const EPOCH_DAYS: i32 = 10_957;

const SECONDS_OF_DAY: i64 = 24 * 60 * 60;

impl Day {
    /// The day of a moment. Moments far away, of clocks that are wrong, share the first and the last day that there is.
    pub(super) fn of(at: Timestamp) -> Self {
        let day = at.unix().div_euclid(SECONDS_OF_DAY).clamp(-700_000, 2_900_000);
        Self(i32::try_from(day).unwrap_or_default())
    }

    pub(super) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl ToSql for Day {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, BoxedError> {
        out.put_i32(self.0 - EPOCH_DAYS);
        Ok(IsNull::No)
    }

    accepts!(DATE);
    to_sql_checked!();
}

impl<'a> FromSql<'a> for Day {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, BoxedError> {
        let days = <[u8; 4]>::try_from(raw).map(i32::from_be_bytes)?;
        Ok(Self(days.saturating_add(EPOCH_DAYS)))
    }

    accepts!(DATE);
}

/// Reads a column.
pub(super) fn get<'r, T: FromSql<'r>>(row: &'r Row, column: usize) -> Result<T, Fault> {
    row.try_get(column).map_err(Fault::Sql)
}

/// Reads a text.
pub(super) fn text(row: &Row, column: usize) -> Result<String, Fault> {
    get(row, column).map(unescaped)
}

/// Reads a text that may be absent.
pub(super) fn optional_text(row: &Row, column: usize) -> Result<Option<String>, Fault> {
    Ok(get::<Option<String>>(row, column)?.map(unescaped))
}

/// Reads a number that is never negative.
pub(super) fn number(row: &Row, column: usize) -> Result<u64, Fault> {
    get(row, column).map(unsigned)
}

/// Reads a number that may be absent.
pub(super) fn optional_number(row: &Row, column: usize) -> Result<Option<u64>, Fault> {
    Ok(get::<Option<i64>>(row, column)?.map(unsigned))
}

/// Reads a number of up to 32 bits, which is never negative.
pub(super) fn small(row: &Row, column: usize) -> Result<u32, Fault> {
    Ok(u32::try_from(get::<i32>(row, column)?).unwrap_or_default())
}

/// Reads an id of that kind.
pub(super) fn id(row: &Row, column: usize, kind: IdKind) -> Result<Id, Fault> {
    Ok(Id {
        kind,
        uuid: get(row, column)?,
    })
}

/// Reads a moment.
pub(super) fn moment(row: &Row, column: usize) -> Result<Timestamp, Fault> {
    get(row, column).map(Timestamp::from_unix_us)
}

/// Reads a moment that may be absent.
pub(super) fn optional_moment(row: &Row, column: usize) -> Result<Option<Timestamp>, Fault> {
    Ok(get::<Option<i64>>(row, column)?.map(Timestamp::from_unix_us))
}

/// Reads a status code that may be absent.
pub(super) fn optional_status(row: &Row, column: usize) -> Result<Option<u16>, Fault> {
    Ok(get::<Option<i32>>(row, column)?.and_then(|status| u16::try_from(status).ok()))
}

/// Reads the lines of headers.
pub(super) fn headers(row: &Row, column: usize) -> Result<Headers, Fault> {
    Ok(Headers::from_block(get(row, column)?))
}

/// Reads bytes.
pub(super) fn bytes(row: &Row, column: usize) -> Result<Bytes, Fault> {
    Ok(Bytes::copy_from_slice(get(row, column)?))
}

/// Reads what is kept as JSON. What a newer version wrote in a way that this one does not know counts as absent.
pub(super) fn optional_json<T: DeserializeOwned>(row: &Row, column: usize) -> Result<Option<T>, Fault> {
    let text: Option<&str> = get(row, column)?;
    Ok(text.and_then(|text| serde_json::from_str(text).ok()))
}

/// Reads a value that is kept as a text.
pub(super) fn named<T>(row: &Row, column: usize, read: fn(&str) -> Option<T>) -> Result<T, Fault> {
    let text: &str = get(row, column)?;
    read(text).ok_or_else(|| Fault::Damaged(format!("`{}` is not known", printable(text, 80))))
}

/// Declares a row that is written, and the columns of many of them, which one statement takes as arrays.
macro_rules! batch_rows {
    ($(#[$doc:meta])* $row:ident in $rows:ident { $($field:ident: $type:ty as $sql:literal),* $(,)? }) => {
        $(#[$doc])*
        pub(super) struct $row<'o> {
            $(pub(super) $field: $type,)*
        }

        /// The columns of many rows.
        #[derive(Default)]
        pub(super) struct $rows<'o> {
            $(pub(super) $field: Vec<$type>,)*
        }

        impl<'o> $rows<'o> {
            pub(super) fn push(&mut self, row: $row<'o>) {
                $(self.$field.push(row.$field);)*
            }

            pub(super) fn params(&self) -> Vec<$crate::store::postgres::values::Param<'_>> {
                vec![$(&self.$field),*]
            }

            /// The columns, in order.
            pub(super) const COLUMNS: &'static [(&'static str, &'static str)] = &[$((stringify!($field), $sql)),*];

            /// The rows as a table `u`, for the placeholders of a statement from `first` on.
            pub(super) fn table(first: usize) -> String {
                $crate::store::postgres::values::table(Self::COLUMNS, first)
            }
        }
    };
}

pub(super) use batch_rows;

/// The names of columns.
pub(super) fn names(columns: &[(&'static str, &'static str)]) -> Vec<&'static str> {
    columns.iter().map(|(name, _)| *name).collect()
}

/// The arrays of columns as a table `u`: names and types. The first one is the placeholder `first`.
pub(super) fn table(columns: &[(&str, &str)], first: usize) -> String {
    let arrays: Vec<_> = columns
        .iter()
        .zip(first..)
        .map(|((_, kind), at)| format!("${at}::{kind}[]"))
        .collect();
    let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
    format!("unnest({}) AS u ({})", arrays.join(", "), names.join(", "))
}

/// Parts of one statement, each with its values; and the queries of their answers, which give rows of an [`Answer`] and a number.
#[derive(Default)]
pub(super) struct Parts<'p> {
    texts: Vec<String>,
    answers: Vec<String>,
    pub(super) values: Vec<Param<'p>>,
}

/// What a number in the answer to several parts says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// A new delivery that the process did not get, because it does not hold its lane.
    NotTaken,
    /// A delivery whose attempt is finished.
    Finished,
}

impl<'p> Parts<'p> {
    /// Adds a part: its values, and its text, which gets the number of the placeholder of the first one.
    pub(super) fn add(&mut self, values: Vec<Param<'p>>, text: impl FnOnce(usize) -> String) {
        self.texts.push(text(self.values.len() + 1));
        self.values.extend(values);
    }

    /// Adds what is asked of the parts: rows with a column `n`.
    pub(super) fn ask(&mut self, answer: Answer, from: &str) {
        self.answers.push(format!("SELECT {}, n FROM {from}", answer as i32));
    }

    /// The statement of all parts; absent without any.
    pub(super) fn statement(&self) -> Option<String> {
        let query = if self.answers.is_empty() {
            "SELECT 0, 0::int8 WHERE false".to_owned()
        } else {
            self.answers.join(" UNION ALL ")
        };
        (!self.texts.is_empty()).then(|| format!("WITH {} {query}", self.texts.join(", ")))
    }
}

/// The numbers of one kind in the answers of [`Parts`], in order.
pub(super) fn answered(rows: &[Row], answer: Answer) -> Result<Vec<i64>, Fault> {
    let mut numbers = Vec::with_capacity(rows.len());
    for row in rows {
        if get::<i32>(row, 0)? == answer as i32 {
            numbers.push(get(row, 1)?);
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_nul_is_kept_without_it() {
        for text in ["", "a", "\0", "a\u{ffff}0b\0", "\u{ffff}", "\u{ffff}\u{ffff}1\0\0"] {
            let kept = escaped(text).into_owned();
            assert!(!kept.contains('\0'));
            assert_eq!(unescaped(kept), text);
        }
    }

    #[test]
    fn a_day_begins_at_midnight_and_has_every_moment() {
        assert_eq!(Day::of(Timestamp::from_unix_us(-1)), Day(-1));
        assert_eq!(Day::of(Timestamp::from_unix(86_399)), Day(0));
        assert_eq!(Day::of(Timestamp::from_unix(1_728_000_000)), Day(20_000));
        assert_eq!(Day::of(Timestamp::from_unix_us(1_727_999_999_999_999)), Day(19_999));
        assert!(Day::of(Timestamp::from_unix_us(i64::MAX)) > Day::of(Timestamp::from_unix_us(i64::MIN)));
    }
}
