//! Which project files the user trusts: a cloned repository may not run commands nor read files outside of its folder
//! until the user has said so, and again after the file changed.

use std::io::Write as _;
use std::path::Path;

use crate::secret::{SecretRef, SecretSource};
use crate::signature::body_sha256;
use crate::ui::printable;

use super::file::ConfigFile;

/// What an untrusted file asks for that needs trust; each a fact naming the key in backticks.
pub fn needs_trust(file: &ConfigFile, path: &Path) -> Vec<String> {
    let mut asks = Vec::new();
    for rule in file.listen.on.iter().flatten() {
        let target = rule.split_once('=').map_or("", |(_, target)| target);
        if crate::transport::guard::target(target).is_err() {
            asks.push(format!("`listen.on` runs a command: `{}`", printable(rule, 400)));
        }
    }
    for command in file.route.iter().flatten().filter_map(|route| route.run.as_ref()) {
        asks.push(format!("`route` runs a command: `{}`", printable(command, 400)));
    }
    let remotes = file.remote.iter().flatten();
    asks.extend(remotes.filter_map(|(name, remote)| super::remote::asks(name, remote)));
    for (name, workflow) in &file.workflow {
        asks.extend(workflow.asks(name));
    }
    if let Some(SecretSource::File(secret)) = file.secret.as_deref().map(|text| SecretRef::parse(text).source) {
        let folder = path.parent().unwrap_or(Path::new("."));
        let inside = folder.join(&secret).canonicalize().ok().zip(folder.canonicalize().ok());
        if !inside.is_some_and(|(secret, folder)| secret.starts_with(folder)) {
            asks.push(format!(
                "`secret` is a file outside of the project: `{}`",
                printable(&secret.to_string_lossy(), 400)
            ));
        }
    }
    asks
}

fn entry(path: &Path, text: &[u8]) -> String {
    format!("{} {}", body_sha256(text), path.display())
}

/// Whether the user trusts that file as it is now.
pub fn is_trusted(list: &Path, path: &Path, text: &[u8]) -> bool {
    let wanted = entry(path, text);
    std::fs::read_to_string(list).is_ok_and(|list| list.lines().any(|line| line == wanted))
}

/// Notes that the user trusts that file as it is now.
pub fn trust(list: &Path, path: &Path, text: &[u8]) -> std::io::Result<()> {
    if is_trusted(list, path, text) {
        return Ok(());
    }
    super::private_folder(list.parent().unwrap_or(Path::new(".")))?;
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(list)?;
    writeln!(file, "{}", entry(path, text))
}
