//! What a connection is made with: the URL, completed by a service file, the environment and the password file, in the order
//! of libpq.

use std::ffi::OsString;
use std::path::PathBuf;

use super::pgpass::{self, PasswordKey};
use super::service_file;
use super::url::{Connection, DEFAULT_PORT, Host, PostgresUrl};
use crate::secret::Secret;

/// Variables of libpq, and what they stand for.
const VARIABLES: [(&str, &str); 10] = [
    ("PGHOST", "host"),
    ("PGPORT", "port"),
    ("PGUSER", "user"),
    ("PGPASSWORD", "password"),
    ("PGDATABASE", "dbname"),
    ("PGAPPNAME", "application_name"),
    ("PGCONNECT_TIMEOUT", "connect_timeout"),
    ("PGSSLMODE", "sslmode"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGTARGETSESSIONATTRS", "target_session_attrs"),
];

/// What a connection is made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresServer {
    /// Name, address or folder of a socket, and port, in the order in which they are tried.
    pub hosts: Vec<(String, u16)>,
    /// The role.
    pub user: String,
    /// Its password, where one was found.
    pub password: Option<Secret>,
    /// The database.
    pub database: String,
    /// The rest by the names of libpq, such as `sslmode`.
    pub parameters: Vec<(String, String)>,
}

impl PostgresServer {
    /// All of it as one URL, for a driver that reads no other place. It may hold a password.
    pub fn url(&self) -> Secret {
        let hosts = self.hosts.iter().map(|(name, port)| Host {
            name: name.clone(),
            port: Some(*port),
        });
        let connection = Connection {
            hosts: hosts.collect(),
            user: Some(self.user.clone()),
            password: None,
            database: Some(self.database.clone()),
            parameters: self.parameters.clone(),
        };
        let password = self
            .password
            .as_ref()
            .map(|password| String::from_utf8_lossy(password.expose()));
        Secret::new(connection.url(password.as_deref()))
    }
}

impl PostgresUrl {
    /// What to connect with. The error has no password.
    pub fn server(&self) -> Result<PostgresServer, String> {
        resolve(self.given(), &|name| std::env::var_os(name))
    }

    /// What the URL says, with what the service file, the environment and the defaults add. Passwords are not looked for.
    pub(super) fn completed(&self) -> Result<Connection, String> {
        completed(self.given(), &|name| std::env::var_os(name))
    }
}

/// The value of a variable.
type Variables<'a> = &'a dyn Fn(&str) -> Option<OsString>;

fn completed(given: &Connection, variables: Variables<'_>) -> Result<Connection, String> {
    let mut all = given.clone();
    if let Some(service) = service(given, variables)? {
        complete(&mut all, service);
    }
    complete(&mut all, environment(variables)?);
    all.user = all.user.take().or_else(|| text(variables, "USER"));
    all.database = all.database.take().or_else(|| all.user.clone());
    if all.hosts.is_empty() {
        all.hosts.push(Host {
            name: String::new(),
            port: None,
        });
    }
    for host in &mut all.hosts {
        if host.name.is_empty() {
            "localhost".clone_into(&mut host.name);
        }
        host.port = host.port.or(Some(DEFAULT_PORT));
    }
    Ok(all)
}

fn resolve(given: &Connection, variables: Variables<'_>) -> Result<PostgresServer, String> {
    let mut all = completed(given, variables)?;
    let user = all.user.take();
    let user = user.ok_or("the URL names no user, and neither `PGUSER` nor `USER` is set")?;
    let database = all.database.take().unwrap_or_else(|| user.clone());
    let hosts = std::mem::take(&mut all.hosts).into_iter();
    let hosts: Vec<(String, u16)> = hosts
        .map(|host| (host.name, host.port.unwrap_or(DEFAULT_PORT)))
        .collect();
    let password = match all.password.take() {
        Some(password) => Some(password),
        None => {
            let keys = hosts.iter().map(|(host, port)| PasswordKey {
                host,
                port: *port,
                database: &database,
                user: &user,
            });
            let keys: Vec<_> = keys.collect();
            let file = all.parameter("passfile").map(PathBuf::from);
            let file = file.or_else(|| own_file(variables, "PGPASSFILE", ".pgpass"));
            file.map(|file| pgpass::find(&file, &keys)).transpose()?.flatten()
        }
    };
    let files = ["passfile", "service", "servicefile"];
    all.parameters.retain(|(name, _)| !files.contains(&name.as_str()));
    Ok(PostgresServer {
        hosts,
        user,
        password,
        database,
        parameters: all.parameters,
    })
}

/// The service that the URL or the environment names.
fn service(given: &Connection, variables: Variables<'_>) -> Result<Option<Connection>, String> {
    let name = given.parameter("service").map(str::to_owned);
    let Some(name) = name.or_else(|| text(variables, "PGSERVICE")) else {
        return Ok(None);
    };
    let own = given.parameter("servicefile").map(PathBuf::from);
    let own = own.or_else(|| own_file(variables, "PGSERVICEFILE", ".pg_service.conf"));
    let system = path(variables, "PGSYSCONFDIR").map(|folder| folder.join("pg_service.conf"));
    for file in [own, system].into_iter().flatten() {
        if let Some(found) = service_file::find(&file, &name)? {
            return Ok(Some(found));
        }
    }
    let shown: String = name.chars().take(80).collect();
    Err(format!(
        "service `{shown}` not found in `PGSERVICEFILE` or `~/.pg_service.conf`"
    ))
}

fn environment(variables: Variables<'_>) -> Result<Connection, String> {
    let mut found = Connection::default();
    for (variable, name) in VARIABLES {
        if let Some(value) = text(variables, variable) {
            found
                .set(name, &value)
                .map_err(|what| format!("variable `{variable}`: {what}"))?;
        }
    }
    Ok(found)
}

/// Adds what is not given yet.
fn complete(all: &mut Connection, weaker: Connection) {
    if all.hosts.is_empty() {
        all.hosts = weaker.hosts;
    } else {
        // A weaker place may give the rest of a server: its name alone, or its port alone.
        for (at, host) in all.hosts.iter_mut().enumerate() {
            let Some(other) = weaker.hosts.get(at).or(weaker.hosts.last()) else {
                continue;
            };
            if host.name.is_empty() {
                host.name.clone_from(&other.name);
            }
            host.port = host.port.or(other.port);
        }
    }
    all.user = all.user.take().or(weaker.user);
    all.password = all.password.take().or(weaker.password);
    all.database = all.database.take().or(weaker.database);
    for (name, value) in weaker.parameters {
        if all.parameter(&name).is_none() {
            all.parameters.push((name, value));
        }
    }
}

fn path(variables: Variables<'_>, name: &str) -> Option<PathBuf> {
    variables(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn text(variables: Variables<'_>, name: &str) -> Option<String> {
    variables(name)?.into_string().ok().filter(|value| !value.is_empty())
}

/// The file that a variable names, else that of the user's home.
fn own_file(variables: Variables<'_>, variable: &str, name: &str) -> Option<PathBuf> {
    path(variables, variable).or_else(|| Some(path(variables, "HOME")?.join(name)))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use super::*;

    fn server(url: &str, home: &Path, variables: &[(&str, &str)]) -> Result<PostgresServer, String> {
        let mut all: HashMap<&str, OsString> = variables.iter().map(|(name, value)| (*name, (*value).into())).collect();
        all.insert("HOME", home.into());
        resolve(PostgresUrl::parse(url).unwrap().given(), &|name| all.get(name).cloned())
    }

    fn private(path: &Path, text: &str) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    #[test]
    fn a_url_is_completed_by_service_environment_and_defaults_in_that_order() {
        let home = tempfile::tempdir().unwrap();
        private(
            &home.path().join(".pg_service.conf"),
            "[prod]\nhost=db\nport=7\nuser=service\npassword=of-service\nsslmode=require\n",
        );
        let found = server(
            "postgres://?service=prod",
            home.path(),
            &[("PGUSER", "env"), ("PGDATABASE", "events")],
        );
        let found = found.unwrap();
        assert_eq!(found.hosts, [("db".to_owned(), 7)]);
        assert_eq!((found.user.as_str(), found.database.as_str()), ("service", "events"));
        assert_eq!(found.password, Some(Secret::new("of-service")));
        assert_eq!(found.parameters, [("sslmode".to_owned(), "require".to_owned())]);

        let found = server(
            "postgres://u:own@h/d?service=prod",
            home.path(),
            &[("PGPASSWORD", "env")],
        )
        .unwrap();
        assert_eq!(found.hosts, [("h".to_owned(), 7)]);
        assert_eq!((found.user.as_str(), found.password), ("u", Some(Secret::new("own"))));

        let found = server("postgres://", home.path(), &[("USER", "me")]).unwrap();
        assert_eq!(found.hosts, [("localhost".to_owned(), 5432)]);
        assert_eq!(
            (found.user.as_str(), found.database.as_str(), found.password),
            ("me", "me", None)
        );
        assert!(server("postgres://h/d", home.path(), &[]).is_err(), "without a user");
        let error = server("postgres://u@h/d?service=none", home.path(), &[]).unwrap_err();
        assert!(error.contains("`none` not found"), "{error}");
    }

    #[test]
    fn a_server_is_one_url_again() {
        let home = tempfile::tempdir().unwrap();
        let url = "postgres://a%40b:p%3A%2Fw%3F@one:1,[::1]:2,%2Frun%2Fpg:3/my%20db%3F?sslmode=require";
        let found = server(url, home.path(), &[]).unwrap();
        assert_eq!(found.url(), Secret::new(url));
        let text = String::from_utf8(found.url().expose().to_vec()).unwrap();
        assert_eq!(server(&text, home.path(), &[]), Ok(found));
    }

    #[test]
    fn the_password_file_is_looked_into_last() {
        let home = tempfile::tempdir().unwrap();
        let other = home.path().join("other");
        private(&home.path().join(".pgpass"), "two:5432:d:u:of-home\n");
        private(&other, "*:*:*:u:of-variable\n");
        let password = |url, variables: &[(&str, &str)]| server(url, home.path(), variables).unwrap().password;
        let named = [("PGPASSFILE", other.to_str().unwrap())];
        assert_eq!(password("postgres://u@one,two/d", &[]), Some(Secret::new("of-home")));
        assert_eq!(password("postgres://u@h/d", &named), Some(Secret::new("of-variable")));
        assert_eq!(password("postgres://u:own@h/d", &named), Some(Secret::new("own")));
        assert_eq!(password("postgres://x@h/d", &named), None);
        let in_url = format!("postgres://u@h/d?passfile={}", other.display());
        assert_eq!(password(&in_url, &[]), Some(Secret::new("of-variable")));
        fs::set_permissions(&other, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(server("postgres://u@h/d", home.path(), &named).is_err());
    }
}
