//! Questions to a person: the only user of `dialoguer`. Every prompt has a flag that answers it, so that none is needed
//! where nobody sits at a terminal.

use dialoguer::theme::ColorfulTheme;
use dialoguer::{Confirm, FuzzySelect, Input, MultiSelect};

use crate::cli::ui::Ui;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::text::printable;

fn stopped(error: dialoguer::Error) -> Error {
    let dialoguer::Error::IO(error) = error;
    if error.kind() == std::io::ErrorKind::Interrupted {
        return Error::silent(Exit::Interrupted);
    }
    Error::internal("the question cannot be asked").cause(error)
}

/// Refuses where nobody can answer, and says which flag answers.
fn must_ask(ui: &Ui, what: &str, flag: &str) -> Result<()> {
    if ui.can_ask() {
        Ok(())
    } else {
        Err(Error::usage(format!("{what}, and this is no terminal to ask at")).hint(flag))
    }
}

/// A question may quote a file or a record that somebody else wrote.
fn harmless(text: &str) -> String {
    printable(text, usize::MAX)
}

fn harmless_items(items: &[String]) -> Vec<String> {
    items.iter().map(|item| harmless(item)).collect()
}

/// One of several lines; its index.
pub fn choose(ui: &Ui, question: &str, items: &[String], flag: &str) -> Result<usize> {
    must_ask(ui, &format!("{question}: nothing was chosen"), flag)?;
    FuzzySelect::with_theme(&ColorfulTheme::default())
        .with_prompt(harmless(question))
        .items(harmless_items(items))
        .default(0)
        .interact_opt()
        .map_err(stopped)?
        .ok_or_else(|| Error::silent(Exit::Interrupted))
}

/// Any of several lines; their indices.
pub fn choose_many(ui: &Ui, question: &str, items: &[String], flag: &str) -> Result<Vec<usize>> {
    must_ask(ui, &format!("{question}: nothing was chosen"), flag)?;
    MultiSelect::with_theme(&ColorfulTheme::default())
        .with_prompt(harmless(question))
        .items(harmless_items(items))
        .interact_opt()
        .map_err(stopped)?
        .ok_or_else(|| Error::silent(Exit::Interrupted))
}

/// Yes or no; no by default.
pub fn confirm(ui: &Ui, question: &str, flag: &str) -> Result<bool> {
    if !ui.can_ask() {
        return Err(Error::usage(format!("this is no terminal to ask at: {question}")).hint(flag));
    }
    Confirm::with_theme(&ColorfulTheme::default())
        .with_prompt(harmless(question))
        .default(false)
        .interact()
        .map_err(stopped)
}

/// A line of text.
pub fn text(ui: &Ui, question: &str, flag: &str) -> Result<String> {
    must_ask(ui, &format!("{question}: nothing was given"), flag)?;
    Input::<String>::with_theme(&ColorfulTheme::default())
        .with_prompt(harmless(question))
        .interact_text()
        .map_err(stopped)
}
