//! What the view shows beside the model: its own sheets, scrolling, and how long notices stay.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::theme::Theme;
use super::worker::{Job, Message};
use crate::app::actions::EndpointAction;
use crate::app::endpoints::EndpointDetails;
use crate::app::inspect::charts::Minute;
use crate::clock::Timestamp;
use crate::inspector::model::{Effect, Input, Model, Notice, Overlay};
use crate::inspector::tables::Tab;
use crate::web::LiveListener;

/// How long a notice is shown.
const NOTICE_SHOWN: Duration = Duration::from_secs(20);

/// For how long a key leaves a notice where it is: it may have come while the key was pressed.
const NOTICE_LEFT: Duration = Duration::from_millis(700);

/// Notices that are kept.
const MOST_NOTICES: usize = 5;

/// What the model does not know of, in front of list and record.
#[derive(Debug, Default)]
pub enum Sheet {
    /// Nothing.
    #[default]
    None,
    /// The endpoints.
    Endpoints {
        /// The local book.
        found: Vec<EndpointDetails>,
        /// Which one is selected.
        selected: usize,
        /// A change that waits for `y`.
        asked: Option<EndpointAction>,
    },
    /// Requests and deliveries by the minute.
    Charts(Vec<Minute>),
}

/// Everything that is drawn.
pub struct ViewState {
    /// The shared part.
    pub model: Model,
    /// What is in front of it.
    pub sheet: Sheet,
    /// The first line of what is in front.
    pub sheet_scroll: usize,
    /// The last first line that makes sense, as it was drawn last.
    pub last_scroll: usize,
    /// Lines of the record, as it was drawn last.
    pub record_lines: usize,
    /// The listener of this process.
    pub live: Option<Arc<LiveListener>>,
    /// The ledger's file.
    pub ledger: String,
    /// Why the ledger cannot be read.
    pub problem: Option<String>,
    /// Styles.
    pub theme: Theme,
    /// Now.
    pub now: Timestamp,
    /// What happened, the latest last.
    notices: VecDeque<(Instant, Notice)>,
}

/// What a key leads to beside jobs.
#[derive(Debug)]
pub enum Step {
    /// For a worker.
    Job(Job),
    /// Open the page.
    OpenPage,
    /// End.
    Quit,
}

impl ViewState {
    /// An empty view, and what it needs.
    pub fn new(filter: &str, ledger: String, theme: Theme, now: Timestamp) -> (Self, Vec<Step>) {
        let (model, effects) = Model::new(filter, 10);
        let state = Self {
            model,
            sheet: Sheet::None,
            sheet_scroll: 0,
            last_scroll: 0,
            record_lines: 10,
            live: None,
            ledger,
            problem: None,
            theme,
            now,
            notices: VecDeque::new(),
        };
        (state, steps(effects))
    }

    /// For the model.
    pub fn input(&mut self, input: Input) -> Vec<Step> {
        let effects = self.model.apply(input);
        let now = Instant::now();
        self.notices
            .extend(self.model.notices.drain(..).map(|notice| (now, notice)));
        let excess = self.notices.len().saturating_sub(MOST_NOTICES);
        self.notices.drain(..excess);
        steps(effects)
    }

    /// What happened a moment ago, the latest last.
    pub fn notices(&self) -> impl DoubleEndedIterator<Item = &Notice> {
        let recent = self.notices.iter().filter(|(at, _)| at.elapsed() < NOTICE_SHOWN);
        recent.map(|(_, notice)| notice)
    }

    /// A result.
    pub fn take(&mut self, message: Message) -> Vec<Step> {
        match message {
            Message::Input(input) => return self.input(input),
            Message::Endpoints { found, opens } => {
                if !opens && !matches!(self.sheet, Sheet::Endpoints { .. }) {
                    return Vec::new();
                }
                let selected = match &self.sheet {
                    Sheet::Endpoints { selected, .. } => (*selected).min(found.len().saturating_sub(1)),
                    _ => 0,
                };
                self.show(Sheet::Endpoints {
                    found,
                    selected,
                    asked: None,
                });
            }
            Message::Charts(minutes) => self.show(Sheet::Charts(minutes)),
            Message::Ledger(problem) => {
                let is_back = self.problem.is_some() && problem.is_none();
                self.problem.clone_from(&problem);
                if let Some(text) = problem.filter(|_| !self.model.rows.is_empty()) {
                    return self.input(Input::Failed(format!("ledger: {text}")));
                }
                if is_back && !self.model.rows.is_empty() {
                    return self.input(Input::Note("the ledger can be read again".to_owned()));
                }
            }
            Message::Copy(..) | Message::Form(..) => {}
        }
        Vec::new()
    }

    fn show(&mut self, sheet: Sheet) {
        self.sheet = sheet;
        self.sheet_scroll = 0;
    }

    /// A text that was pasted: into the filter or the query of the samples, and nowhere else, as it is no series of commands.
    pub fn pasted(&mut self, text: &str) -> Vec<Step> {
        let types = self.model.typing.is_some() || matches!(self.model.overlay, Overlay::Samples { .. });
        if !types || !matches!(self.sheet, Sheet::None) {
            return Vec::new();
        }
        let chars = text.chars().filter(|c| !c.is_control()).take(1000);
        let mut all = Vec::new();
        for c in chars {
            all.extend(self.input(Input::Key(c.to_string())));
        }
        // Only the last query of a pasted text is of interest.
        all.pop().into_iter().collect()
    }

    /// A key.
    pub fn key(&mut self, key: &str) -> Vec<Step> {
        self.notices.retain(|(at, _)| at.elapsed() < NOTICE_LEFT);
        if !matches!(self.sheet, Sheet::None) {
            return self.sheet_key(key);
        }
        if self.model.typing.is_none() {
            if matches!(self.model.overlay, Overlay::Help | Overlay::Diff(_)) && self.scroll_sheet(key) {
                return Vec::new();
            }
            if self.model.is_open && self.model.overlay == Overlay::None && matches!(key, "PageDown" | "PageUp") {
                return self.scroll_record(key == "PageDown");
            }
        }
        let before = std::mem::discriminant(&self.model.overlay);
        let steps = self.input(Input::Key(key.to_owned()));
        if before != std::mem::discriminant(&self.model.overlay) {
            self.sheet_scroll = 0;
        }
        steps
    }

    /// Whether the key moved what is in front.
    fn scroll_sheet(&mut self, key: &str) -> bool {
        let page = self.record_lines.max(2) - 1;
        let at = self.sheet_scroll;
        self.sheet_scroll = match key {
            "ArrowDown" | "j" => at + 1,
            "ArrowUp" | "k" => at.saturating_sub(1),
            "PageDown" => at + page,
            "PageUp" => at.saturating_sub(page),
            _ => return false,
        }
        .min(self.last_scroll);
        true
    }

    /// A screen of the record down or up; beyond the end of a part of a large body, its next part.
    fn scroll_record(&mut self, down: bool) -> Vec<Step> {
        let page = self.record_lines.max(2) - 1;
        let at = self.model.scroll.min(self.last_scroll);
        let to = if down {
            (at + page).min(self.last_scroll)
        } else {
            at.saturating_sub(page)
        };
        self.model.scroll = to;
        if to != at || self.model.tab != Tab::Body {
            return Vec::new();
        }
        let (Some(number), Some(body)) = (self.model.selected, &self.model.body) else {
            return Vec::new();
        };
        let before = (body.offset > 0).then(|| body.offset.saturating_sub(part(body.form)));
        let Some(offset) = (if down { body.next } else { before }) else {
            return Vec::new();
        };
        let form = self.model.form;
        self.model.scroll = 0;
        steps(vec![Effect::Body { number, form, offset }])
    }

    fn sheet_key(&mut self, key: &str) -> Vec<Step> {
        if key == "q" {
            return vec![Step::Quit];
        }
        let Sheet::Endpoints { found, selected, asked } = &mut self.sheet else {
            if !self.scroll_sheet(key) {
                self.sheet = Sheet::None;
            }
            return Vec::new();
        };
        if let Some(action) = asked.take() {
            let endpoint = found.get(*selected).filter(|_| key == "y");
            return endpoint.map(|endpoint| change(endpoint, action)).into_iter().collect();
        }
        let endpoint = found.get(*selected);
        let act = |action| endpoint.map(|endpoint| change(endpoint, action)).into_iter().collect();
        match key {
            "ArrowDown" | "j" => *selected = (*selected + 1).min(found.len().saturating_sub(1)),
            "ArrowUp" | "k" => *selected = selected.saturating_sub(1),
            "Escape" => self.sheet = Sheet::None,
            "t" => return act(EndpointAction::Test),
            "R" => *asked = endpoint.map(|_| EndpointAction::Rotate),
            "e" => {
                let is_active = endpoint.is_some_and(|endpoint| endpoint.active);
                return act(if is_active {
                    EndpointAction::Disable
                } else {
                    EndpointAction::Enable
                });
            }
            "p" => {
                let is_paused = endpoint.is_some_and(|endpoint| endpoint.paused);
                return act(if is_paused {
                    EndpointAction::Resume
                } else {
                    EndpointAction::Pause
                });
            }
            _ => {}
        }
        Vec::new()
    }
}

/// How far the parts of a body in that form are apart.
fn part(form: crate::inspector::body::BodyForm) -> usize {
    use crate::inspector::body::{BodyForm, PAGE};
    match form {
        BodyForm::Hex => PAGE / 4,
        BodyForm::Pretty | BodyForm::Raw => PAGE,
    }
}

fn change(endpoint: &EndpointDetails, action: EndpointAction) -> Step {
    Step::Job(Job::Endpoint(endpoint.name.clone(), action))
}

fn steps(effects: Vec<Effect>) -> Vec<Step> {
    let step = |effect| match effect {
        Effect::Quit => Step::Quit,
        Effect::OpenPage => Step::OpenPage,
        effect => Step::Job(Job::Effect(effect)),
    };
    effects.into_iter().map(step).collect()
}
