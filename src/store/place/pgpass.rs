//! The password file of PostgreSQL's clients: lines of `HOST:PORT:DATABASE:USER:PASSWORD`, of which the first that fits counts.
//! `*` stands for anything, and `\` makes `:` and `\` plain characters.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::fs::{SECRET_FILE_LIMIT, read_bounded};
use crate::secret::Secret;

/// What a password is looked for.
#[derive(Debug, Clone, Copy)]
pub struct PasswordKey<'a> {
    /// The server's name, its address, or the folder of its socket.
    pub host: &'a str,
    /// The server's port.
    pub port: u16,
    /// The database.
    pub database: &'a str,
    /// The role.
    pub user: &'a str,
}

/// Looks for a password in the file at that path. A file that others can read is refused, as by libpq; where there is none
/// there is no password.
pub fn find(path: &Path, keys: &[PasswordKey<'_>]) -> Result<Option<Secret>, String> {
    let unreadable =
        |error: &dyn std::fmt::Display| format!("password file `{}` cannot be read: {error}", path.display());
    let mode = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        found => found.map_err(|error| unreadable(&error))?.permissions().mode(),
    };
    if mode & 0o077 != 0 {
        let path = path.display();
        return Err(format!(
            "password file `{path}` can be read or written by others: `chmod 600` it"
        ));
    }
    let bytes = read_bounded(path, SECRET_FILE_LIMIT).map_err(|error| unreadable(&error))?;
    let bytes = zeroize_on_drop(bytes);
    let text = std::str::from_utf8(bytes.expose()).map_err(|_| unreadable(&"it is not UTF-8 text"))?;
    Ok(keys.iter().find_map(|key| look_up(text, *key)))
}

/// Lines with passwords are overwritten when they are not needed any more.
fn zeroize_on_drop(bytes: Vec<u8>) -> Secret {
    Secret::new(bytes)
}

fn look_up(text: &str, key: PasswordKey<'_>) -> Option<Secret> {
    let port = key.port.to_string();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.into_iter().find_map(|line| {
        let mut fields = Fields(line);
        let fits = fields.next_is(&[key.host, socket_name(key.host)])
            && fields.next_is(&[&port])
            && fields.next_is(&[key.database])
            && fields.next_is(&[key.user]);
        let password = fits.then(|| fields.next())??;
        Some(Secret::new(password))
    })
}

/// The name that the file has for a server on this machine's usual socket.
fn socket_name(host: &str) -> &str {
    match host {
        "" | "/tmp" | "/var/run/postgresql" | "/run/postgresql" => "localhost",
        host => host,
    }
}

/// The fields of a line.
struct Fields<'a>(&'a str);

impl Fields<'_> {
    fn next_is(&mut self, values: &[&str]) -> bool {
        let is_any = self.0.starts_with("*:");
        self.next()
            .is_some_and(|field| is_any || values.iter().any(|value| *value == field))
    }
}

impl Iterator for Fields<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let (mut field, mut is_escaped) = (String::new(), false);
        for (at, c) in self.0.char_indices() {
            match c {
                '\\' if !is_escaped => is_escaped = true,
                ':' if !is_escaped => {
                    self.0 = &self.0[at + 1..];
                    return Some(field);
                }
                c => {
                    field.push(c);
                    is_escaped = false;
                }
            }
        }
        self.0 = "";
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key<'a>(host: &'a str, database: &'a str, user: &'a str) -> PasswordKey<'a> {
        PasswordKey {
            host,
            port: 5432,
            database,
            user,
        }
    }

    fn found(text: &str, key: PasswordKey<'_>) -> Option<String> {
        look_up(text, key).map(|secret| String::from_utf8(secret.expose().to_vec()).unwrap())
    }

    #[test]
    fn the_first_line_that_fits_counts() {
        let text = "# h:5432:d:u:no\nh:5433:d:u:other\nh:5432:*:u:first\r\nh:*:d:u:second\n\
                    *:*:a\\:b:c\\\\d:pass\\:word:rest\n/srv/pg:5432:d:u:socket\nlocalhost:*:*:u:local\nbroken\n";
        assert_eq!(found(text, key("h", "d", "u")).as_deref(), Some("first"));
        assert_eq!(found(text, key("x", "a:b", "c\\d")).as_deref(), Some("pass:word"));
        assert_eq!(found(text, key("/srv/pg", "d", "u")).as_deref(), Some("socket"));
        assert_eq!(
            found(text, key("/var/run/postgresql", "d", "u")).as_deref(),
            Some("local")
        );
        assert_eq!(found(text, key("h", "d", "unknown")), None);
        assert_eq!(found("*:*:*:*:", key("h", "d", "u")), None, "without a password");
        assert_eq!(found("**:*:*:*:p", key("h", "d", "u")), None, "not a pattern");
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_and_none_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pgpass");
        let keys = [key("h", "d", "u")];
        assert_eq!(find(&path, &keys), Ok(None));
        fs::write(&path, "*:*:*:*:hidden").unwrap();
        for mode in [0o644, 0o640, 0o620, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = find(&path, &keys).unwrap_err();
            assert!(error.contains("chmod 600") && !error.contains("hidden"), "{error}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(find(&path, &keys), Ok(Some(Secret::new("hidden"))));
        fs::write(&path, vec![b'#'; 1024 * 1024 + 1]).unwrap();
        assert!(find(&path, &keys).is_err(), "too large");
        assert!(find(folder.path(), &keys).is_err(), "a folder");
    }
}
