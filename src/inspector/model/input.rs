//! What comes into the model.

use super::ListRequest;
use crate::app::actions::{ActionResult, Sample};
use crate::app::inspect::changes::LedgerChanges;
use crate::app::inspect::counters::Counters;
use crate::app::inspect::difference::RecordDifferences;
use crate::inspector::body::BodyPage;
use crate::inspector::detail::Detail;
use crate::inspector::row::ListRow;
use crate::inspector::why::WhyTab;

/// A key, a result, or a change of the ledger.
#[derive(Debug)]
pub enum Input {
    /// A key, named as in [`crate::inspector::tables::KEYS`]; characters while something is typed.
    Key(String),
    /// A page of the list, for the filter that it was asked with.
    Rows {
        /// The request that it answers.
        of: ListRequest,
        /// The rows, the newest first.
        rows: Vec<ListRow>,
        /// Where the next page begins.
        next: Option<u64>,
        /// Records that the filter hid.
        hidden: u64,
    },
    /// Why a page of the list cannot be had.
    NoRows {
        /// The filter that was asked with.
        filter: String,
        /// The reason.
        text: String,
    },
    /// The record that was asked for.
    Detail(Box<Detail>),
    /// The tab `Why` of a record.
    Why(u64, Box<WhyTab>),
    /// A page of the body of a record.
    Body(u64, BodyPage),
    /// The ledger is another one: nothing that is shown is in it.
    Replaced,
    /// Something in the ledger changed.
    Changed(LedgerChanges),
    /// The counters.
    Counters(Box<Counters>),
    /// What the catalogue has for a query.
    Samples(String, Vec<Sample>),
    /// The comparison that was asked for.
    Differences(Box<RecordDifferences>),
    /// An action is done.
    Done(ActionResult),
    /// Something failed.
    Failed(String),
    /// The skin did something that is worth a line.
    Note(String),
}
