//! Keys and commands.

use super::{CopyKind, Effect, ListRequest, Model, Overlay, PAGE_ROWS};
use crate::app::actions::{ReplayMode, SampleAction};
use crate::inspector::body::BodyForm;
use crate::inspector::tables::{self, Command, TABS, Tab};

/// How far from the end of the loaded rows the next page is asked for.
const AHEAD: usize = 50;

impl Model {
    pub(super) fn key(&mut self, key: &str) -> Vec<Effect> {
        if let Some(text) = self.typing.take() {
            return self.type_filter(text, key);
        }
        if matches!(self.overlay, Overlay::Samples { .. }) {
            return self.type_sample(key);
        }
        if let Overlay::Confirm { delete } = self.overlay {
            self.overlay = Overlay::None;
            return match key {
                "y" | "Y" | "Enter" => self.delete(delete),
                _ => Vec::new(),
            };
        }
        self.pending_keys.push(key.to_owned());
        let typed: Vec<&str> = self.pending_keys.iter().map(String::as_str).collect();
        match tables::command(&typed) {
            Err(tables::Incomplete) => Vec::new(),
            Ok(command) => {
                self.pending_keys.clear();
                command.map_or_else(Vec::new, |command| self.command(command))
            }
        }
    }

    pub(super) fn command(&mut self, command: Command) -> Vec<Effect> {
        match command {
            Command::Down => self.go(1),
            Command::Up => self.go(-1),
            Command::PageDown => self.go(self.page()),
            Command::PageUp => self.go(-self.page()),
            Command::First => self.go(isize::MIN),
            Command::Last => self.go(isize::MAX),
            Command::Open => {
                (self.is_open, self.following) = (true, false);
                self.select_again(true)
            }
            Command::Close => self.close(),
            Command::NextTab => self.turn(1),
            Command::PreviousTab => self.turn(TABS.len() - 1),
            Command::Tab1 => self.show(Tab::Summary),
            Command::Tab2 => self.show(Tab::Headers),
            Command::Tab3 => self.show(Tab::Body),
            Command::Tab4 => self.show(Tab::Why),
            Command::Tab5 => self.show(Tab::Attempts),
            Command::Tab6 => self.show(Tab::Answer),
            Command::NextMatch => self.like(true),
            Command::PreviousMatch => self.like(false),
            Command::BodyForm => self.next_form(),
            Command::Follow => {
                self.following = !self.following;
                if self.following {
                    self.go(isize::MIN)
                } else {
                    Vec::new()
                }
            }
            Command::Filter => {
                self.typing = Some(self.filter.clone());
                Vec::new()
            }
            Command::Help => {
                self.overlay = match self.overlay {
                    Overlay::Help => Overlay::None,
                    _ => Overlay::Help,
                };
                Vec::new()
            }
            action => self.action(action),
        }
    }

    /// What is done to a record, to deliveries, or by the skin.
    fn action(&mut self, command: Command) -> Vec<Effect> {
        let selected = self.selected;
        let on_selected = |effect: fn(u64) -> Effect| selected.map(effect).into_iter().collect();
        match command {
            Command::Replay => self.replay(ReplayMode::Fresh),
            Command::ReplayCaptured => self.replay(ReplayMode::AsCaptured),
            Command::Tamper => self.replay(ReplayMode::Tampered),
            Command::Edit => on_selected(Effect::Edit),
            Command::Mark => self.mark(),
            Command::Diff => self.diff(),
            Command::Curl => on_selected(|number| Effect::Copy(number, CopyKind::Curl)),
            Command::CopyBody => on_selected(|number| Effect::Copy(number, CopyKind::Body)),
            Command::CopyId => on_selected(|number| Effect::Copy(number, CopyKind::Id)),
            Command::Delete => {
                if let Some(delete) = selected {
                    self.overlay = Overlay::Confirm { delete };
                }
                Vec::new()
            }
            Command::Sample => {
                self.overlay = Overlay::Samples {
                    query: String::new(),
                    found: Vec::new(),
                    selected: 0,
                };
                vec![Effect::Samples(String::new())]
            }
            Command::Pause => vec![Effect::Pause(!self.counters.paused)],
            Command::Resume => vec![Effect::Resume],
            Command::Endpoints => vec![Effect::Endpoints],
            Command::Charts => vec![Effect::Charts],
            Command::Page => vec![Effect::OpenPage],
            Command::Quit => vec![Effect::Quit],
            _ => Vec::new(),
        }
    }

    /// Deletes a record; its neighbour is selected.
    fn delete(&mut self, number: u64) -> Vec<Effect> {
        let mut effects = vec![Effect::Delete(number)];
        self.marks.retain(|marked| *marked != number);
        if let Some(at) = self.position().filter(|at| self.rows[*at].number == number) {
            self.rows.remove(at);
            let next = self.rows.get(at).or_else(|| self.rows.last());
            (self.selected, self.following) = (next.map(|row| row.number), false);
            effects.extend(self.select_again(false));
        }
        effects
    }

    fn page(&self) -> isize {
        isize::try_from(self.page_lines.max(2) - 1).unwrap_or(isize::MAX)
    }

    /// Moves the selection by so many rows; in an open tab that is no list, the text.
    fn go(&mut self, by: isize) -> Vec<Effect> {
        if self.rows.is_empty() {
            return Vec::new();
        }
        let last = self.rows.len() - 1;
        let at = self.position().unwrap_or(0);
        let to = match by {
            isize::MIN => 0,
            isize::MAX => last,
            by => at.saturating_add_signed(by).min(last),
        };
        // Moving away ends the following; going to the newest record begins it again.
        self.following = to == 0 && (self.following || by == isize::MIN);
        let mut effects = Vec::new();
        if to != at || self.selected.is_none() {
            self.selected = Some(self.rows[to].number);
            effects = self.select_again(false);
        }
        if let Some(next) = self.next.filter(|_| to + AHEAD > last) {
            effects.push(Effect::List(ListRequest {
                filter: self.filter.clone(),
                before: Some(next),
                after: None,
                limit: PAGE_ROWS,
            }));
            // Asked for once: the answer sets it again.
            self.next = None;
        }
        effects
    }

    /// The next or the previous row with the verdict of the selected one.
    fn like(&mut self, is_next: bool) -> Vec<Effect> {
        let Some((at, verdict)) = self.position().map(|at| (at, self.rows[at].verdict)) else {
            return Vec::new();
        };
        let is_like = |index: &usize| self.rows[*index].verdict == verdict;
        let found = if is_next {
            (at + 1..self.rows.len()).find(is_like)
        } else {
            (0..at).rev().find(is_like)
        };
        let by = found.map(|found| found.cast_signed() - at.cast_signed());
        by.map_or_else(Vec::new, |by| self.go(by))
    }

    fn close(&mut self) -> Vec<Effect> {
        if self.overlay != Overlay::None {
            self.overlay = Overlay::None;
        } else if self.is_open {
            self.is_open = false;
        } else if !self.filter.is_empty() {
            return self.set_filter(String::new());
        }
        Vec::new()
    }

    fn show(&mut self, tab: Tab) -> Vec<Effect> {
        let was_open = std::mem::replace(&mut self.is_open, true);
        (self.tab, self.scroll, self.following) = (tab, 0, false);
        if was_open && self.detail.is_some() {
            return self.tab_effects();
        }
        self.select_again(true)
    }

    fn turn(&mut self, by: usize) -> Vec<Effect> {
        let at = TABS.iter().position(|(tab, _)| *tab == self.tab).unwrap_or(0);
        self.show(TABS[(at + by) % TABS.len()].0)
    }

    fn next_form(&mut self) -> Vec<Effect> {
        self.form = match self.form {
            BodyForm::Pretty => BodyForm::Raw,
            BodyForm::Raw => BodyForm::Hex,
            BodyForm::Hex => BodyForm::Pretty,
        };
        self.body = None;
        self.show(Tab::Body)
    }

    fn mark(&mut self) -> Vec<Effect> {
        let Some(number) = self.selected else { return Vec::new() };
        match self.marks.iter().position(|marked| *marked == number) {
            Some(at) => drop(self.marks.remove(at)),
            None => self.marks.push(number),
        }
        if self.marks.len() > 2 {
            self.marks.remove(0);
        }
        Vec::new()
    }

    fn diff(&mut self) -> Vec<Effect> {
        match (self.marks.as_slice(), self.selected) {
            ([first, second], _) => vec![Effect::Diff(*first, *second)],
            ([first], Some(second)) if *first != second => vec![Effect::Diff(*first, second)],
            _ => {
                self.say("mark a record with `m` first".to_owned(), false);
                Vec::new()
            }
        }
    }

    fn set_filter(&mut self, filter: String) -> Vec<Effect> {
        self.filter = filter;
        (self.rows, self.next, self.hidden) = (Vec::new(), None, 0);
        (self.selected, self.following) = (None, true);
        vec![self.reload()]
    }

    /// A key while the filter is typed: `Enter` applies it, `Escape` leaves it as it was.
    fn type_filter(&mut self, mut text: String, key: &str) -> Vec<Effect> {
        match key {
            "Escape" => return Vec::new(),
            "Enter" => return self.set_filter(text.trim().to_owned()),
            "Backspace" => drop(text.pop()),
            key if key.chars().count() == 1 => text.push_str(key),
            _ => {}
        }
        self.typing = Some(text);
        Vec::new()
    }

    /// A key in the list of samples.
    fn type_sample(&mut self, key: &str) -> Vec<Effect> {
        let Overlay::Samples { query, found, selected } = &mut self.overlay else {
            return Vec::new();
        };
        match key {
            "Escape" => self.overlay = Overlay::None,
            "ArrowDown" => *selected = (*selected + 1).min(found.len().saturating_sub(1)),
            "ArrowUp" => *selected = selected.saturating_sub(1),
            "Enter" => {
                let sample = found.get(*selected).cloned();
                self.overlay = Overlay::None;
                let send = sample.map(|sample| {
                    Effect::Send(SampleAction {
                        event: sample.event,
                        provider: sample.provider,
                        to: self.target.clone(),
                        endpoint: None,
                    })
                });
                return send.into_iter().collect();
            }
            key => {
                if key == "Backspace" {
                    query.pop();
                } else if key.chars().count() == 1 {
                    query.push_str(key);
                } else {
                    return Vec::new();
                }
                return vec![Effect::Samples(query.clone())];
            }
        }
        Vec::new()
    }
}
