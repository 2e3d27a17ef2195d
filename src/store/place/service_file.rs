//! The connection service file of PostgreSQL's clients: sections of `[NAME]` with lines of `PARAMETER=VALUE`.

use std::io;
use std::path::Path;

use super::url::Connection;
use crate::fs::{ProjectFileError, SECRET_FILE_LIMIT, read_bounded};
use crate::secret::Secret;

/// Reads a service from the file at that path; `None` when the file, or the section, does not exist.
pub fn find(path: &Path, service: &str) -> Result<Option<Connection>, String> {
    let shown = path.display();
    let bytes = match read_bounded(path, SECRET_FILE_LIMIT) {
        Err(ProjectFileError::Io(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        // It may hold passwords, which are overwritten when it is not needed any more.
        read => Secret::new(read.map_err(|error| format!("service file `{shown}` cannot be read: {error}"))?),
    };
    let text = std::str::from_utf8(bytes.expose());
    let text = text.map_err(|_| format!("service file `{shown}` cannot be read: it is not UTF-8 text"))?;
    section(text, service).map_err(|(line, what)| format!("service file `{shown}`, line {line}: {what}"))
}

/// The section of that name; the error has the number of the line.
fn section(text: &str, service: &str) -> Result<Option<Connection>, (usize, String)> {
    let mut found = None;
    for (at, line) in text.lines().enumerate() {
        let fault = |what: String| (at + 1, what);
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            // The first section of a name counts.
            if found.is_some() {
                break;
            }
            if name.strip_suffix(']') == Some(service) {
                found = Some(Connection::default());
            }
            continue;
        }
        let Some(connection) = &mut found else { continue };
        let (name, value) = line.split_once('=').ok_or_else(|| fault("it has no `=`".to_owned()))?;
        let name = name.trim_end();
        if matches!(name, "service" | "servicefile") {
            return Err(fault(format!("`{name}` cannot be set in a service file")));
        }
        connection.set(name, value.trim_start()).map_err(fault)?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_section_of_that_name_counts() {
        let text = "# services\n[other]\nnonsense\n[prod]\nhost=db.example.com\n port = 5433\nuser=me\n\
                    password= hidden # not a comment\nsslmode=require\n[prod]\nuser=you\n";
        let found = section(text, "prod").unwrap().unwrap();
        assert_eq!(found.hosts.len(), 1);
        assert_eq!(
            (found.hosts[0].name.as_str(), found.hosts[0].port),
            ("db.example.com", Some(5433))
        );
        assert_eq!(found.user.as_deref(), Some("me"));
        assert_eq!(found.password, Some(Secret::new("hidden # not a comment")));
        assert_eq!(found.parameter("sslmode"), Some("require"));
        assert_eq!(section(text, "none"), Ok(None));
    }

    #[test]
    fn what_is_wrong_is_named_by_its_line_and_without_its_value() {
        for (text, line) in [
            ("[a]\nnonsense", 2),
            ("[a]\n\nservice=b", 3),
            ("[a]\nport=hidden", 2),
            ("[a]\nsslpassword=hidden", 2),
            ("[a]\nldap://hidden", 2),
        ] {
            let (at, what) = section(text, "a").unwrap_err();
            assert_eq!(at, line, "{text}");
            assert!(!what.contains("hidden"), "{what}");
        }
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(find(&folder.path().join("none"), "a"), Ok(None));
        assert!(find(folder.path(), "a").is_err());
    }
}
