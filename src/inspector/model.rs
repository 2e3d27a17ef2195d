//! What a key does, without a screen: list, filter, selection, tabs, marks and notices. A skin feeds [`Input`]s in, carries
//! the [`Effect`]s out, and draws the [`Model`].

mod effects;
mod input;
mod keys;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

pub use effects::{CopyKind, Effect, ListRequest};
pub use input::Input;

use super::body::{BodyForm, BodyPage};
use super::detail::Detail;
use super::row::ListRow;
use super::tables::Tab;
use super::why::WhyTab;
use crate::app::actions::{ActionResult, ReplayMode, Sample};
use crate::app::inspect::changes::LedgerChanges;
use crate::app::inspect::counters::Counters;
use crate::app::inspect::difference::RecordDifferences;

/// Rows that are kept, at most: the ones farthest from the selection go first.
pub const MOST_ROWS: usize = 2000;

/// Rows that are asked for at once.
pub const PAGE_ROWS: usize = 200;

/// Notices that are kept.
const MOST_NOTICES: usize = 20;

/// What is in front.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Overlay {
    /// Nothing: list and record.
    #[default]
    None,
    /// The keys.
    Help,
    /// A question before something that cannot be undone.
    Confirm {
        /// The record to delete.
        delete: u64,
    },
    /// The catalogue, filtered by what was typed.
    Samples {
        /// What was typed.
        query: String,
        /// What fits, the best first.
        found: Vec<Sample>,
        /// Which one is selected.
        selected: usize,
    },
    /// Two records beside each other.
    Diff(Box<DiffTable>),
}

/// Two compared records as a skin shows them: place, left and right.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DiffTable {
    /// The numbers.
    pub numbers: (u64, u64),
    /// A row for each difference.
    pub rows: Vec<(String, String, String)>,
    /// Whether there are more.
    pub more: bool,
}

/// A line for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What happened.
    pub text: String,
    /// Whether something failed.
    pub is_bad: bool,
}

/// What a skin shows.
#[derive(Debug, Default)]
pub struct Model {
    /// The filter that the list has.
    pub filter: String,
    /// The filter while it is typed.
    pub typing: Option<String>,
    /// The rows that are loaded, the newest first.
    pub rows: Vec<ListRow>,
    /// Before which number the next page begins; absent at the end of the list.
    pub next: Option<u64>,
    /// Records that the filter hides, of those that were looked at.
    pub hidden: u64,
    /// The number of the selected record.
    pub selected: Option<u64>,
    /// Whether the selection stays on the newest record.
    pub following: bool,
    /// Whether the record is open beside the list.
    pub is_open: bool,
    /// Which tab.
    pub tab: Tab,
    /// The open record.
    pub detail: Option<Detail>,
    /// Its tab `Why`, once it was asked for.
    pub why: Option<WhyTab>,
    /// A page of its body.
    pub body: Option<BodyPage>,
    /// How the body is shown.
    pub form: BodyForm,
    /// The first line of the tab that is shown.
    pub scroll: usize,
    /// Marked records, at most two.
    pub marks: Vec<u64>,
    /// The counters above the list.
    pub counters: Counters,
    /// Where replays and samples go, when a record does not say it.
    pub target: Option<String>,
    /// What happened, the latest last.
    pub notices: VecDeque<Notice>,
    /// Why there are no rows.
    pub problem: Option<String>,
    /// What is in front.
    pub overlay: Overlay,
    /// Lines of a screen, for `PageUp` and `PageDown`.
    pub page_lines: usize,
    /// Keys of a sequence that is not complete.
    pub(super) pending_keys: Vec<String>,
}

impl Model {
    /// An empty view that follows the newest record.
    pub fn new(filter: &str, page_lines: usize) -> (Self, Vec<Effect>) {
        let model = Self {
            filter: filter.to_owned(),
            following: true,
            page_lines,
            ..Self::default()
        };
        let effects = vec![model.reload(), Effect::Count];
        (model, effects)
    }

    /// Takes an input in. The effects are to be carried out in order.
    pub fn apply(&mut self, input: Input) -> Vec<Effect> {
        match input {
            Input::Key(key) => self.key(&key),
            Input::Rows { of, rows, next, hidden } => self.loaded(&of, rows, next, hidden),
            Input::NoRows { filter, text } => {
                if filter == self.filter {
                    (self.rows, self.next, self.hidden) = (Vec::new(), None, 0);
                    self.problem = Some(text);
                }
                Vec::new()
            }
            Input::Detail(detail) => self.opened(*detail),
            Input::Why(number, why) => {
                if self.selected == Some(number) {
                    self.why = Some(*why);
                }
                Vec::new()
            }
            Input::Body(number, page) => {
                if self.selected == Some(number) {
                    self.body = Some(page);
                }
                Vec::new()
            }
            Input::Replaced => self.replaced(),
            Input::Changed(changes) => self.changed(&changes),
            Input::Counters(counters) => {
                self.counters = *counters;
                Vec::new()
            }
            Input::Samples(query, found) => {
                if let Overlay::Samples {
                    query: typed,
                    found: shown,
                    selected,
                } = &mut self.overlay
                    && *typed == query
                {
                    (*shown, *selected) = (found, 0);
                }
                Vec::new()
            }
            Input::Differences(found) => {
                self.overlay = Overlay::Diff(Box::new(DiffTable::of(&found)));
                Vec::new()
            }
            Input::Done(done) => self.done(&done),
            Input::Failed(text) => {
                self.say(text, true);
                Vec::new()
            }
            Input::Note(text) => {
                self.say(text, false);
                Vec::new()
            }
        }
    }

    /// The selected row.
    pub fn row(&self) -> Option<&ListRow> {
        self.rows.iter().find(|row| Some(row.number) == self.selected)
    }

    /// Its place in the list.
    pub fn position(&self) -> Option<usize> {
        self.rows.iter().position(|row| Some(row.number) == self.selected)
    }

    /// Asks for the first page again.
    fn reload(&self) -> Effect {
        Effect::List(ListRequest {
            filter: self.filter.clone(),
            before: None,
            after: None,
            limit: PAGE_ROWS,
        })
    }

    fn loaded(&mut self, of: &ListRequest, rows: Vec<ListRow>, next: Option<u64>, hidden: u64) -> Vec<Effect> {
        if of.filter != self.filter {
            return Vec::new();
        }
        self.problem = None;
        let was_empty = self.rows.is_empty();
        match (of.before, of.after) {
            (None, None) => {
                (self.rows, self.next, self.hidden) = (rows, next, hidden);
            }
            // What came since.
            (None, Some(after)) => {
                self.hidden += hidden;
                self.rows.retain(|row| row.number <= after);
                self.rows.splice(0..0, rows);
                if let (Some(_), Some(last)) = (next, self.rows.last()) {
                    // More came than one page holds: what lies between is loaded by going on from there.
                    let last = last.number;
                    self.rows.retain(|row| row.number > after || row.number == last);
                    return vec![self.reload()];
                }
            }
            _ => {
                self.hidden += hidden;
                self.rows.extend(rows);
                self.next = next;
            }
        }
        self.bound();
        let newest = self.rows.first().map(|row| row.number);
        let is_gone = self.selected.is_some() && self.row().is_none() && self.detail.is_none();
        if (self.following && self.selected != newest) || self.selected.is_none() || is_gone {
            self.selected = newest;
            return self.select_again(was_empty);
        }
        Vec::new()
    }

    /// Drops the rows farthest from the selection.
    fn bound(&mut self) {
        if self.rows.len() <= MOST_ROWS {
            return;
        }
        let at = self.position().unwrap_or(0);
        if at > MOST_ROWS / 2 {
            let excess = self.rows.len() - MOST_ROWS;
            self.rows.drain(..excess.min(at));
            self.following = false;
        }
        if self.rows.len() > MOST_ROWS {
            self.rows.truncate(MOST_ROWS);
            self.next = self.rows.last().map(|row| row.number);
        }
    }

    fn opened(&mut self, detail: Detail) -> Vec<Effect> {
        if self.selected != Some(detail.number) {
            return Vec::new();
        }
        self.detail = Some(detail);
        self.tab_effects()
    }

    fn replaced(&mut self) -> Vec<Effect> {
        self.rows.clear();
        self.marks.clear();
        (self.selected, self.next, self.hidden) = (None, None, 0);
        (self.is_open, self.following) = (false, true);
        let mut effects = self.select_again(false);
        effects.extend([self.reload(), Effect::Count]);
        effects
    }

    fn changed(&mut self, changes: &LedgerChanges) -> Vec<Effect> {
        let mut effects = vec![Effect::Count];
        let newest = self.rows.first().map_or(0, |row| row.number);
        let shows_change = changes
            .changed
            .iter()
            .any(|number| self.rows.iter().any(|row| row.number == *number));
        if shows_change || changes.newest < newest {
            effects.push(self.reload());
        } else if changes.newest > newest {
            effects.push(Effect::List(ListRequest {
                filter: self.filter.clone(),
                before: None,
                after: Some(newest),
                limit: PAGE_ROWS,
            }));
        }
        if let Some(number) = self
            .selected
            .filter(|number| self.is_open && changes.changed.contains(number))
        {
            effects.push(Effect::Detail(number));
        }
        effects
    }

    fn done(&mut self, done: &ActionResult) -> Vec<Effect> {
        self.say(done.text.clone(), !done.ok);
        for notice in &done.notices {
            self.say(
                notice.text.clone(),
                notice.level == crate::app::actions::NoticeLevel::Warning,
            );
        }
        vec![self.reload(), Effect::Count]
    }

    fn say(&mut self, text: String, is_bad: bool) {
        self.notices.push_back(Notice { text, is_bad });
        if self.notices.len() > MOST_NOTICES {
            self.notices.pop_front();
        }
    }

    /// Forgets what is known of the record that was selected before, and asks for the new one where it is shown.
    fn select_again(&mut self, is_first: bool) -> Vec<Effect> {
        (self.detail, self.why, self.body, self.scroll) = (None, None, None, 0);
        match self.selected {
            Some(number) if self.is_open || is_first => vec![Effect::Detail(number)],
            _ => Vec::new(),
        }
    }

    /// What the tab needs and is not there yet.
    fn tab_effects(&self) -> Vec<Effect> {
        let Some(number) = self.selected else { return Vec::new() };
        match self.tab {
            Tab::Body if self.body.is_none() => vec![Effect::Body {
                number,
                form: self.form,
                offset: 0,
            }],
            Tab::Why if self.why.is_none() => vec![Effect::Why(number)],
            _ => Vec::new(),
        }
    }

    fn replay(&self, mode: ReplayMode) -> Vec<Effect> {
        let replay = |number| Effect::Replay {
            number,
            mode,
            to: self.target.clone(),
        };
        self.selected.map(replay).into_iter().collect()
    }
}

impl DiffTable {
    fn of(found: &RecordDifferences) -> Self {
        let side = |text: &Option<String>| text.clone().unwrap_or_default();
        let rows = found
            .values
            .iter()
            .map(|value| (value.place.clone(), side(&value.left), side(&value.right)));
        Self {
            numbers: (found.left, found.right),
            rows: rows.collect(),
            more: found.more,
        }
    }
}
