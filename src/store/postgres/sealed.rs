//! Which secrets were left out of a record, as JSON beside it.

use serde::{Deserialize, Serialize};
use tokio_postgres::Row;

use super::fault::Fault;
use super::values::get;
use crate::store::{Sealed, SealedForm, SealedPlace};

#[derive(Serialize, Deserialize)]
struct SealedJson {
    place: String,
    part: u32,
    start: usize,
    form: String,
    reference: Option<String>,
    fingerprint: String,
}

/// The text to be kept; absent when nothing was left out.
pub(super) fn to_json<'s>(sealed: impl IntoIterator<Item = &'s Sealed>) -> Option<String> {
    let all: Vec<_> = sealed.into_iter().map(SealedJson::of).collect();
    let text = serde_json::to_string(&all).ok();
    text.filter(|_| !all.is_empty())
}

/// Reads what [`to_json`] wrote. What a newer hook wrote in another way is left out.
pub(super) fn read(row: &Row, column: usize) -> Result<Vec<Sealed>, Fault> {
    let text: Option<&str> = get(row, column)?;
    let all: Vec<SealedJson> = text
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    Ok(all.into_iter().filter_map(SealedJson::into_sealed).collect())
}

impl SealedJson {
    fn of(sealed: &Sealed) -> Self {
        Self {
            place: sealed.place.name().to_owned(),
            part: sealed.part,
            start: sealed.start,
            form: sealed.form.name().to_owned(),
            reference: sealed.reference.clone(),
            fingerprint: sealed.fingerprint.clone(),
        }
    }

    fn into_sealed(self) -> Option<Sealed> {
        Some(Sealed {
            place: SealedPlace::from_name(&self.place)?,
            part: self.part,
            start: self.start,
            form: SealedForm::from_name(&self.form)?,
            reference: self.reference,
            fingerprint: self.fingerprint,
            header: None,
        })
    }
}
