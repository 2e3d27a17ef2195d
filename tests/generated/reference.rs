//! `docs/cli.md`: every command and flag, made from the definition of the command line.

use clap::{Arg, Command};

/// A heading and the arguments under it.
type Section<'a> = (&'a str, Vec<&'a Arg>);

/// The whole document.
pub(super) fn markdown() -> String {
    let mut program = hook::internals::cli::definition();
    program.build();
    format!(
        "# Commands and flags\n\nMade by `just generate` from what `hook --help` shows; changes belong into `src/cli/`.\n\n\
         | command | what it does |\n| --- | --- |\n{}\n\
         Every command takes the [global options](#hook) and `--help`.\n{}",
        contents(&program),
        describe(&program, None)
    )
}

fn inner(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|inner| !inner.is_hide_set())
}

fn full_name(command: &Command) -> &str {
    command.get_bin_name().unwrap_or_else(|| command.get_name())
}

/// A row for each command.
fn contents(command: &Command) -> String {
    let row = |command: &Command| {
        let name = full_name(command);
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let (anchor, about) = (name.replace(' ', "-"), about.replace('|', "\\|"));
        format!("| [`{name}`](#{anchor}) | {about} |\n{}", contents(command))
    };
    inner(command).map(row).collect()
}

/// A chapter for the command and for each one in it.
fn describe(command: &Command, parent: Option<&Command>) -> String {
    let mut parts = vec![format!("## {}", full_name(command))];
    let text = |text: Option<&clap::builder::StyledStr>| text.map(ToString::to_string);
    parts.extend(text(command.get_long_about().or(command.get_about())));
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim();
    parts.push(format!("```text\n{usage}\n```"));
    let aliases: Vec<String> = command.get_visible_aliases().map(code).collect();
    if !aliases.is_empty() {
        parts.push(format!("Short form: {}.", aliases.join(", ")));
    }
    for (heading, args) in sections(command, parent) {
        parts.push(format!("**{heading}**"));
        parts.push(args.into_iter().map(item).collect::<Vec<_>>().join("\n"));
    }
    parts.extend(text(command.get_after_long_help().or(command.get_after_help())));
    let own = parts.iter().map(|part| format!("\n{}\n", part.trim_end()));
    own.chain(inner(command).map(|inner| describe(inner, Some(command))))
        .collect()
}

/// The arguments by heading, in the order of the definition, positional ones first. Global options stand with the command
/// that brings them only, `--help` nowhere.
fn sections<'a>(command: &'a Command, parent: Option<&Command>) -> Vec<Section<'a>> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    let is_inherited = |arg: &Arg| {
        let mut above = parent.into_iter().flat_map(Command::get_arguments);
        arg.is_global_set() && above.any(|known| known.get_id() == arg.get_id())
    };
    let shown = |arg: &&Arg| !arg.is_hide_set() && !is_inherited(arg) && arg.get_id() != "help";
    let args = command.get_arguments().filter(shown);
    let (positional, options): (Vec<_>, Vec<_>) = args.partition(|arg| arg.is_positional());
    for arg in positional.into_iter().chain(options) {
        let fallback = if arg.is_positional() { "Arguments" } else { "Options" };
        let heading = arg.get_help_heading().unwrap_or(fallback);
        match sections.iter_mut().find(|(have, _)| *have == heading) {
            Some((_, args)) => args.push(arg),
            None => sections.push((heading, vec![arg])),
        }
    }
    sections
}

fn item(arg: &Arg) -> String {
    let short = arg.get_short().map(|short| format!("-{short}, ")).unwrap_or_default();
    let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string);
    // A further paragraph belongs to the item when it stands under its text.
    let help = help.unwrap_or_default().trim().replace("\n\n", "\n\n  ");
    let end = if help.ends_with(['.', ':']) { "" } else { "." };
    format!("- `{short}{arg}`: {help}{end}{}", facts(arg))
}

/// What can be given, what holds when nothing is given, and which variable stands in for the flag.
fn facts(arg: &Arg) -> String {
    let list = |what: &str, values: Vec<String>| match values.as_slice() {
        [] => String::new(),
        values => format!(" {what}: {}.", values.join(", ")),
    };
    let takes_values = arg.get_action().takes_values();
    let values = arg.get_possible_values().into_iter();
    let values = values
        .filter(|value| takes_values && !value.is_hide_set())
        .map(|value| match value.get_help() {
            Some(help) => format!("{} ({})", code(value.get_name()), lower_first(&help.to_string())),
            None => code(value.get_name()),
        });
    let defaults = arg
        .get_default_values()
        .iter()
        .map(|value| code(&value.to_string_lossy()));
    let defaults = defaults.filter(|_| takes_values && !arg.is_hide_default_value_set());
    let variable = arg.get_env().map(|name| code(&name.to_string_lossy()));
    [
        list("One of", values.collect()),
        list("Default", defaults.collect()),
        list("Variable", variable.into_iter().collect()),
    ]
    .concat()
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

/// Within a sentence; a name such as `PowerShell` stays as it is.
fn lower_first(text: &str) -> String {
    let word = text.split(' ').next().unwrap_or_default();
    let mut chars = text.chars();
    match chars.next() {
        Some(first) if !word.chars().skip(1).any(char::is_uppercase) => first.to_lowercase().chain(chars).collect(),
        _ => text.to_owned(),
    }
}
