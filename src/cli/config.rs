//! `hook config`: the settings and where each comes from, the files, and trust in a project.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;

use crate::app::trust::TrustRequest;
use crate::cli::prompt;
use crate::cli::session::Session;
use crate::cli::ui::Output;
use crate::config::{Layer, SettingOrigin};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::mask;

/// Show the settings and where they come from, and trust a project's
#[derive(Debug, clap::Args)]
pub(super) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Show every setting as TOML, with where it comes from
    Show,
    /// Show where hook keeps its files
    Path,
    /// Show what the project's `hook.toml` and endpoints ask for, and allow it
    Trust {
        /// The file or its folder; else that of the nearest parent folder
        file: Option<PathBuf>,
        /// Do not ask; without a terminal nothing is asked
        #[arg(short, long)]
        yes: bool,
    },
}

#[derive(Serialize)]
struct SettingLine<'a> {
    schema: &'static str,
    key: &'a str,
    value: &'a toml::Value,
    origin: &'static str,
    source: Option<String>,
}

#[derive(Serialize)]
struct PathsLine<'a> {
    schema: &'static str,
    config: &'a Path,
    providers: &'a Path,
    endpoints: &'a Path,
    project: Option<&'a Path>,
    state: &'a Path,
    ledger: &'a Path,
    dev_secret: &'a Path,
    secrets: &'a Path,
    trust: &'a Path,
}

#[derive(Serialize)]
struct TrustLine<'a> {
    schema: &'static str,
    file: &'a Path,
    allows: &'a [&'a str],
}

impl ConfigArgs {
    /// Whether what an untrusted project asks for is this command's own business.
    pub(super) fn trusts(&self) -> bool {
        matches!(self.command, ConfigCommand::Trust { .. })
    }
}

pub(super) fn run(session: &Session, args: ConfigArgs) -> Result<Exit> {
    match args.command {
        ConfigCommand::Show => show(session),
        ConfigCommand::Path => paths(session),
        ConfigCommand::Trust { file, yes } => trust_project(session, file, yes),
    }
}

fn show(session: &Session) -> Result<Exit> {
    let layers: Vec<_> = session
        .settings
        .layers
        .iter()
        .map(|layer| (layer, layer.file.entries()))
        .collect();
    let keys = layers.first().map_or(0, |(_, entries)| entries.len());
    let ui = &session.ui;
    let mut table = "";
    for index in 0..keys {
        // The strongest layer that says something; the defaults say everything.
        let said = layers.iter().rev().find_map(|(layer, entries)| {
            let (key, value) = entries.get(index)?;
            Some((*layer, key.as_str(), value.as_ref()?))
        });
        let Some((layer, key, value)) = said else { continue };
        let (origin, source) = origin(layer, key);
        let (head, name) = key.split_once('.').unwrap_or(("", key));
        if head != table {
            ui.line(&format!("\n[{head}]"))?;
            table = head;
        }
        let value = &harmless(value);
        let setting = format!("{name} = {value}");
        let remark = format!("# {}", source.as_deref().unwrap_or(origin));
        ui.line(&format!("{setting:<36} {}", ui.out.dim(&remark)))?;
        ui.json(&SettingLine {
            schema: "hook.setting/1",
            key,
            value,
            origin,
            source,
        })?;
    }
    workflows(session)
}

/// The workflows, one a line: of one name the strongest layer's counts.
fn workflows(session: &Session) -> Result<Exit> {
    let (settings, ui) = (&session.settings, &session.ui);
    if !settings.workflows.is_empty() {
        ui.line("\n[workflow]")?;
    }
    for (name, workflow) in &settings.workflows {
        let layer = settings
            .layers
            .iter()
            .rev()
            .find(|layer| layer.file.workflow.contains_key(name));
        let (Some(value), Some(layer)) = (workflow.entry(), layer) else {
            continue;
        };
        let (key, value) = (format!("workflow.{name}"), harmless(&value));
        let (origin, source) = origin(layer, &key);
        let setting = format!("{} = {value}", toml::Value::from(name.as_str()));
        let remark = format!("# {}", source.as_deref().unwrap_or(origin));
        ui.line(&format!("{setting} {}", ui.out.dim(&remark)))?;
        ui.json(&SettingLine {
            schema: "hook.setting/1",
            key: &key,
            value: &value,
            origin,
            source,
        })?;
    }
    Ok(Exit::Ok)
}

/// A setting without the credentials of the URLs in it.
fn harmless(value: &toml::Value) -> toml::Value {
    use toml::Value;
    match value {
        Value::String(text) => Value::String(mask::text(text).into_owned()),
        Value::Array(items) => Value::Array(items.iter().map(harmless).collect()),
        Value::Table(table) => {
            let entries = table.iter();
            Value::Table(entries.map(|(key, value)| (key.clone(), harmless(value))).collect())
        }
        other => other.clone(),
    }
}

fn origin(layer: &Layer, key: &str) -> (&'static str, Option<String>) {
    match &layer.origin {
        SettingOrigin::Default => ("default", None),
        SettingOrigin::User(path) => ("user", Some(path.display().to_string())),
        SettingOrigin::Project(path) => ("project", Some(path.display().to_string())),
        SettingOrigin::Environment => ("environment", Some(format!("HOOK_{}", key.to_uppercase()))),
    }
}

fn paths(session: &Session) -> Result<Exit> {
    let (paths, settings, ui) = (&session.paths, &session.settings, &session.ui);
    let project = settings.project.as_deref();
    let line = PathsLine {
        schema: "hook.paths/1",
        config: &settings.user_file,
        providers: &paths.providers(),
        endpoints: &paths.endpoints(project),
        project,
        state: &paths.state,
        ledger: &session.ledger_path,
        dev_secret: &paths.dev_secret(),
        secrets: &paths.secrets(),
        trust: &paths.trust(),
    };
    let rows = [
        ("settings", Some(line.config)),
        ("project", line.project),
        ("providers", Some(line.providers)),
        ("endpoints", Some(line.endpoints)),
        ("ledger", Some(line.ledger)),
        ("state", Some(line.state)),
        ("dev secret", Some(line.dev_secret)),
        ("secrets", Some(line.secrets)),
        ("trust", Some(line.trust)),
    ];
    for (name, path) in rows {
        let Some(path) = path else {
            ui.line(&format!("{name:<12} {}", ui.out.dim("no `hook.toml` here or above")))?;
            continue;
        };
        let absent = if path.exists() { "" } else { "  (not there yet)" };
        ui.line(&format!("{name:<12} {}{}", path.display(), ui.out.dim(absent)))?;
    }
    ui.json(&line)?;
    Ok(Exit::Ok)
}

fn trust_project(session: &Session, file: Option<PathBuf>, yes: bool) -> Result<Exit> {
    let path = match file {
        Some(file) => as_found(&file)?,
        // That of another user is refused below, with the reason.
        None => session
            .settings
            .project
            .clone()
            .or_else(|| session.settings.foreign.clone())
            .ok_or_else(|| Error::usage("there is no `hook.toml` here or above").hint("`hook config trust FILE`"))?,
    };
    let request = TrustRequest::read(&session.paths, &session.registry, path)?;
    let (ui, shown) = (&session.ui, request.file.display());
    let allows: Vec<&str> = request.grants.iter().map(|grant| grant.text.as_str()).collect();
    if allows.is_empty() {
        ui.note(&format!("nothing in `{shown}` requires trust"));
    } else {
        ui.note(&format!("`{shown}` asks for:"));
    }
    for text in &allows {
        ui.line(text)?;
    }
    ui.json(&TrustLine {
        schema: "hook.trust/1",
        file: &request.file,
        allows: &allows,
    })?;
    // All of it is on the screen before any of it holds.
    ui.flush()?;
    if request.is_allowed() {
        if !allows.is_empty() {
            ui.note(&format!("`{shown}` is trusted already"));
        }
        return Ok(Exit::Ok);
    }
    if !yes && ui.output == Output::Quiet {
        return Err(Error::usage("`--quiet` would hide what is allowed").hint("leave it out, or add `--yes`"));
    }
    if !yes && ui.can_ask() && !prompt::confirm(ui, "Allow all of this?", "add `--yes`")? {
        return Err(Error::silent(Exit::Interrupted));
    }
    request.allow()?;
    ui.note(&format!(
        "`{shown}` is trusted as shown; an entry that changes has to be allowed again"
    ));
    Ok(Exit::Ok)
}

/// The path by which the settings find that file: an absolute folder without links, and the name.
fn as_found(file: &Path) -> Result<PathBuf> {
    let inside = file.join("hook.toml");
    let file = if file.is_dir() { &inside } else { file };
    if file.file_name() != inside.file_name() {
        return Err(Error::usage(format!("`{}` is no project's settings", file.display()))
            .hint("a project's settings are in a file named `hook.toml`"));
    }
    let folder = match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let folder = folder
        .canonicalize()
        .map_err(|error| Error::usage(format!("`{}` cannot be read", file.display())).cause(error))?;
    Ok(folder.join(file.file_name().unwrap_or_default()))
}
