//! A text in the user's editor.

use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::random::Random;

/// Opens the text in `$VISUAL` or `$EDITOR`, in a temporary file with that extension, and returns what was saved. A final
/// newline that only the editor added is dropped.
pub fn edit(body: &[u8], extension: &str) -> Result<Vec<u8>> {
    let editor = ["VISUAL", "EDITOR"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.trim().is_empty()))
        .ok_or_else(|| Error::usage("no editor is set").hint("`export EDITOR=nano`, or change values with `--set`"))?;
    let name = format!(
        "hook-{}.{extension}",
        Random::os().text(b"abcdefghijklmnopqrstuvwxyz", 12)
    );
    let path = std::env::temp_dir().join(name);
    let failed = |error: std::io::Error| Error::internal(format!("`{}` cannot be edited", path.display())).cause(error);
    // The temporary folder is shared and a body may hold credentials: never follow an existing file or link.
    crate::fs::write_new(&path, body).map_err(failed)?;
    // The variable may hold arguments, so the shell splits it; the path is an argument of its own.
    let status = std::process::Command::new("sh")
        .args(["-c", &format!("{editor} \"$1\""), "sh"])
        .arg(&path)
        .status();
    let edited = std::fs::read(&path);
    // The copy must not remain, whatever the editor did.
    let _ = std::fs::remove_file(&path);
    if !status.map_err(failed)?.success() {
        let what = format!("editor `{editor}` failed; nothing was sent");
        return Err(Error::new(Exit::Interrupted, what));
    }
    let mut edited = edited.map_err(failed)?;
    if edited.ends_with(b"\n") && !body.ends_with(b"\n") {
        edited.pop();
    }
    Ok(edited)
}
