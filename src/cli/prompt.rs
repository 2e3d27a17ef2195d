//! Questions to a person: the only user of `dialoguer`. Every prompt has a flag that answers it, so that a script needs
//! none.

use dialoguer::theme::ColorfulTheme;
use dialoguer::{Confirm, FuzzySelect, Input, MultiSelect};

use crate::cli::ui::Ui;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::text::printable;

/// The answer to a question; Ctrl-C and Escape end the command without a message.
fn answer<T>(given: dialoguer::Result<Option<T>>) -> Result<T> {
    match given {
        Ok(given) => given.ok_or_else(|| Error::silent(Exit::Interrupted)),
        Err(dialoguer::Error::IO(error)) if error.kind() == std::io::ErrorKind::Interrupted => {
            Err(Error::silent(Exit::Interrupted))
        }
        Err(error) => Err(Error::internal("cannot prompt").cause(error)),
    }
}

/// The question as it may be shown; an error with the flag that answers it where stdin or stderr is not a terminal.
fn prepare(ui: &Ui, question: &str, flag: &str) -> Result<String> {
    if !ui.can_ask() {
        return Err(Error::usage(format!("not a terminal; cannot prompt: {question}")).hint(flag));
    }
    Ok(harmless(question))
}

/// A question may quote a file or a record that another person wrote.
fn harmless(text: &str) -> String {
    printable(text, usize::MAX)
}

/// One of several lines; its index.
pub fn choose(ui: &Ui, question: &str, items: &[String], flag: &str) -> Result<usize> {
    let (question, theme) = (prepare(ui, question, flag)?, ColorfulTheme::default());
    let select = FuzzySelect::with_theme(&theme).with_prompt(question);
    answer(
        select
            .items(items.iter().map(|item| harmless(item)))
            .default(0)
            .interact_opt(),
    )
}

/// Any of several lines; their indices.
pub fn choose_many(ui: &Ui, question: &str, items: &[String], flag: &str) -> Result<Vec<usize>> {
    let (question, theme) = (prepare(ui, question, flag)?, ColorfulTheme::default());
    let select = MultiSelect::with_theme(&theme).with_prompt(question);
    answer(select.items(items.iter().map(|item| harmless(item))).interact_opt())
}

/// Yes or no; no by default.
pub fn confirm(ui: &Ui, question: &str, flag: &str) -> Result<bool> {
    let (question, theme) = (prepare(ui, question, flag)?, ColorfulTheme::default());
    let confirm = Confirm::with_theme(&theme).with_prompt(question);
    answer(confirm.default(false).interact().map(Some))
}

/// Like [`confirm`], but a no ends the command.
pub fn insist(ui: &Ui, question: &str, flag: &str) -> Result<()> {
    let agreed = confirm(ui, question, flag)?.then_some(());
    agreed.ok_or_else(|| Error::silent(Exit::Interrupted))
}

/// A line of text.
pub fn text(ui: &Ui, question: &str, flag: &str) -> Result<String> {
    let (question, theme) = (prepare(ui, question, flag)?, ColorfulTheme::default());
    let input = Input::with_theme(&theme).with_prompt(question);
    answer(input.interact_text().map(Some))
}
