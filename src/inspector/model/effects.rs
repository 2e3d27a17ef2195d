//! What a skin has to do for the model.

use crate::app::actions::{ReplayMode, SampleAction};
use crate::inspector::body::BodyForm;

/// A page of the list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListRequest {
    /// Words and text.
    pub filter: String,
    /// Only numbers before this one.
    pub before: Option<u64>,
    /// Only numbers after this one.
    pub after: Option<u64>,
    /// At most this many.
    pub limit: usize,
}

/// What goes into the clipboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyKind {
    /// The request as a curl command.
    Curl,
    /// The body.
    Body,
    /// The id.
    Id,
}

/// Something to do. Its result comes back as an [`super::Input`].
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// List records: [`super::Input::Rows`].
    List(ListRequest),
    /// Read a record: [`super::Input::Detail`].
    Detail(u64),
    /// Check a record again: [`super::Input::Why`].
    Why(u64),
    /// Read a page of a body: [`super::Input::Body`].
    Body {
        /// The record.
        number: u64,
        /// How it is shown.
        form: BodyForm,
        /// Where the page begins.
        offset: usize,
    },
    /// Count: [`super::Input::Counters`].
    Count,
    /// Deliver again: [`super::Input::Done`].
    Replay {
        /// The record.
        number: u64,
        /// How it is signed.
        mode: ReplayMode,
        /// Where to, for a record that was never forwarded.
        to: Option<String>,
    },
    /// Let the user edit the request, then deliver it signed afresh.
    Edit(u64),
    /// Delete the record: [`super::Input::Done`].
    Delete(u64),
    /// Compare two records: [`super::Input::Differences`].
    Diff(u64, u64),
    /// Put something into the clipboard: [`super::Input::Note`].
    Copy(u64, CopyKind),
    /// Pause or resume deliveries to endpoints: [`super::Input::Done`].
    Pause(bool),
    /// Resume interrupted deliveries: [`super::Input::Done`].
    Resume,
    /// Look into the catalogue: [`super::Input::Samples`].
    Samples(String),
    /// Send an event: [`super::Input::Done`].
    Send(SampleAction),
    /// Show the endpoints.
    Endpoints,
    /// Show the charts.
    Charts,
    /// Open the page in a browser.
    OpenPage,
    /// End.
    Quit,
}
