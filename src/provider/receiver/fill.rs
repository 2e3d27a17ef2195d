//! Filling in a text file: `${slot}` is replaced, `%if FACT|FACT` / `%if !FACT`, `%else`, `%end` choose lines, `%for LIST`
//! repeats the lines up to its `%end` with `${it}`. `%def NAME TEXT` defines an expression of the language.

use std::collections::{BTreeMap, BTreeSet};

use crate::template::{Name as _, Template};

/// What a text file is filled in with.
#[derive(Debug, Default)]
pub(super) struct SlotValues {
    /// Texts of slots.
    pub(super) texts: BTreeMap<&'static str, String>,
    /// What `%for` repeats.
    pub(super) lists: BTreeMap<&'static str, Vec<String>>,
    /// What `%if` asks for.
    pub(super) facts: BTreeSet<String>,
}

impl SlotValues {
    /// Sets a slot.
    pub(super) fn text(&mut self, name: &'static str, text: impl Into<String>) {
        self.texts.insert(name, text.into());
    }

    /// Notes a fact when it is one.
    pub(super) fn fact(&mut self, name: &str, holds: bool) {
        if holds {
            self.facts.insert(name.to_owned());
        }
    }

    fn holds(&self, condition: &str) -> bool {
        match condition.strip_prefix('!') {
            Some(name) => !self.facts.contains(name),
            None => condition.split('|').any(|fact| self.facts.contains(fact)),
        }
    }
}

/// How a language writes an expression.
pub(super) fn definition<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .filter_map(|line| line.strip_prefix("%def ")?.split_once(' '))
        .find_map(|(have, expression)| (have == name).then_some(expression))
}

/// The text with everything filled in.
pub(super) fn fill(text: &str, values: &SlotValues) -> Result<String, String> {
    let mut lines = text.lines();
    let mut shown: Vec<bool> = Vec::new();
    let mut filled = String::with_capacity(text.len());
    while let Some(line) = lines.next() {
        let all_shown = shown.iter().all(|shown| *shown);
        if let Some(condition) = line.strip_prefix("%if ") {
            shown.push(values.holds(condition));
        } else if line == "%else" {
            let last = shown.last_mut().ok_or("`%else` without `%if`")?;
            *last = !*last;
        } else if line == "%end" {
            shown.pop().ok_or("`%end` without `%if`")?;
        } else if let Some(name) = line.strip_prefix("%for ") {
            // The block is consumed even where it is hidden: its `%end` must not close an `%if`.
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "%end").collect();
            let items = values.lists.get(name).filter(|_| all_shown);
            for item in items.into_iter().flatten() {
                for line in &block {
                    push(&mut filled, line, |slot| (slot == "it").then_some(item.as_str()))?;
                }
            }
        } else if all_shown && !line.starts_with("%def ") {
            push(&mut filled, line, |slot| values.texts.get(slot).map(String::as_str))?;
        }
    }
    if shown.is_empty() {
        Ok(filled)
    } else {
        Err("`%if` without `%end`".to_owned())
    }
}

fn push<'a>(filled: &mut String, line: &str, value: impl Fn(&str) -> Option<&'a str>) -> Result<(), String> {
    let line = slots(line, value)?;
    filled.push_str(line.trim_end());
    filled.push('\n');
    Ok(())
}

/// One line with its slots filled in. What is filled in is not looked at again.
pub(super) fn slots<'a>(line: &str, value: impl Fn(&str) -> Option<&'a str>) -> Result<String, String> {
    let template = Template::parse_with(line, String::read).map_err(|_| format!("unclosed slot in `{line}`"))?;
    template.try_render(|name| match value(name) {
        Some(text) => Ok(text.to_owned()),
        None => Err(format!("no value for the slot `{name}`")),
    })
}
