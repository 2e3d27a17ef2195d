//! The URL of a PostgreSQL database, in the form that libpq reads:
//! `postgres://[USER[:PASSWORD]@][HOST[:PORT],...][/DATABASE][?NAME=VALUE&...]`.

use std::fmt;
use std::fmt::Write as _;
use std::net::Ipv6Addr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::secret::Secret;

/// The port of a server that listens at the usual one.
pub const DEFAULT_PORT: u16 = 5432;

/// Bytes of a URL, at most.
const MOST: usize = 8 * 1024;

/// Servers in a URL, at most.
const MOST_HOSTS: usize = 16;

/// Parameters that a URL, a service file and the environment may give beside those that have a field of their own. None of
/// them is a secret.
pub const PARAMETERS: [&str; 17] = [
    "application_name",
    "channel_binding",
    "connect_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "load_balance_hosts",
    "options",
    "passfile",
    "service",
    "servicefile",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "target_session_attrs",
    "tcp_user_timeout",
];

/// Parameters that have a field of their own.
const FIELDS: [&str; 5] = ["host", "port", "user", "password", "dbname"];

/// What a value in a URL is shown and written with.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');

/// A server: its name, its address, or the folder of its socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// A name, an address without brackets, or a path; empty where the service file or the environment names it.
    pub name: String,
    /// Absent: that of the service file, of the environment, or 5432.
    pub port: Option<u16>,
}

/// What connects to a database, as far as it was given at one place: in a URL, or in a service file.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Connection {
    /// In the order in which they are tried.
    pub hosts: Vec<Host>,
    /// The role.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// The database.
    pub database: Option<String>,
    /// The rest, by the names of libpq ([`PARAMETERS`]).
    pub parameters: Vec<(String, String)>,
}

/// A URL that was parsed.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    /// What it says.
    given: Connection,
    /// As it was given: it may hold a password.
    text: Secret,
}

impl PostgresUrl {
    /// Reads a URL. The error never repeats the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MOST {
            return Err(format!("the URL has more than {MOST} bytes"));
        }
        let (_, rest) = text.split_once("://").ok_or("the URL has no `://`")?;
        if rest.contains('#') {
            return Err("the URL has a `#`, which is written as `%23`".to_owned());
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (credentials, hosts) = match authority.rsplit_once('@') {
            Some((credentials, hosts)) => (credentials, hosts),
            None => ("", authority),
        };
        let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
        let mut given = Connection::default();
        for (name, value) in [("user", user), ("password", password), ("dbname", database)] {
            given.set(name, &decoded(name, value)?)?;
        }
        given.hosts = hosts_of(hosts)?;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or("a parameter of the URL has no `=`")?;
            given.set(&decoded("name", name)?, &decoded("value", value)?)?;
        }
        Ok(Self {
            given,
            text: Secret::new(text),
        })
    }

    /// What it says.
    pub fn given(&self) -> &Connection {
        &self.given
    }

    /// Whether a password is in the URL itself.
    pub fn has_password(&self) -> bool {
        self.given.password.is_some()
    }

    /// As it was given: it may hold a password.
    pub fn text(&self) -> &Secret {
        &self.text
    }
}

impl Connection {
    /// Sets a value by the name that libpq has for it. The error names no value.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            name if value.is_empty() && is_known(name) => {}
            "user" => self.user = Some(value.to_owned()),
            "password" => self.password = Some(Secret::new(value)),
            "dbname" => self.database = Some(value.to_owned()),
            "host" => {
                let ports: Vec<_> = self.hosts.iter().map(|host| host.port).collect();
                let names = value.split(',').enumerate();
                let hosts = names.map(|(at, name)| Host {
                    name: name.to_owned(),
                    port: ports.get(at).or(ports.last()).copied().flatten(),
                });
                self.hosts = hosts.take(MOST_HOSTS).collect();
            }
            "port" => self.set_ports(value)?,
            name if PARAMETERS.contains(&name) => {
                check_value(name, value)?;
                self.parameters.retain(|(known, _)| known != name);
                self.parameters.push((name.to_owned(), value.to_owned()));
            }
            // Its name may be a part of a password in which a `?` was not escaped.
            _ => {
                let names: Vec<&str> = FIELDS.iter().chain(&PARAMETERS).copied().collect();
                return Err(format!("a parameter is none of `{}`", names.join("`, `")));
            }
        }
        Ok(())
    }

    fn set_ports(&mut self, text: &str) -> Result<(), String> {
        let ports: Vec<u16> = text.split(',').map(port).collect::<Result<_, _>>()?;
        if self.hosts.is_empty() {
            self.hosts.push(Host {
                name: String::new(),
                port: None,
            });
        }
        for (at, host) in self.hosts.iter_mut().enumerate() {
            host.port = ports.get(at).or(ports.last()).copied();
        }
        Ok(())
    }

    /// As a URL, with that password.
    pub(super) fn url(&self, password: Option<&str>) -> String {
        let written = |text: &str| utf8_percent_encode(text, PLAIN).to_string();
        // A slash would end the part with user and server.
        let escaped = |text: &str| written(text).replace('/', "%2F");
        let is_address = |text: &str| text.contains(':') && text.chars().all(|c| c.is_ascii_hexdigit() || c == ':');
        let mut url = "postgres://".to_owned();
        match (&self.user, password) {
            (None, None) => {}
            (user, None) => {
                let _ = write!(url, "{}@", escaped(user.as_deref().unwrap_or_default()));
            }
            (user, Some(password)) => {
                let user = user.as_deref().unwrap_or_default();
                let _ = write!(url, "{}:{}@", escaped(user), escaped(password));
            }
        }
        for (at, host) in self.hosts.iter().enumerate() {
            url.push_str(if at == 0 { "" } else { "," });
            match &host.name {
                name if is_address(name) => {
                    let _ = write!(url, "[{name}]");
                }
                name => url.push_str(&escaped(name)),
            }
            if let Some(port) = host.port {
                let _ = write!(url, ":{port}");
            }
        }
        if let Some(database) = &self.database {
            let _ = write!(url, "/{}", written(database));
        }
        for (at, (name, value)) in self.parameters.iter().enumerate() {
            url.push(if at == 0 { '?' } else { '&' });
            let _ = write!(url, "{name}={}", written(value));
        }
        url
    }

    /// Servers and database alone: how a database is shown.
    pub(in crate::store) fn place(&self) -> String {
        let place = Self {
            hosts: self.hosts.clone(),
            database: self.database.clone(),
            ..Self::default()
        };
        place.url(None)
    }

    /// A parameter of [`PARAMETERS`].
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Whether a place, as it is shown, is a database: no file is shown like that.
pub(in crate::store) fn is_database(shown: &str) -> bool {
    shown.starts_with("postgres://")
}

fn is_known(name: &str) -> bool {
    FIELDS.contains(&name) || PARAMETERS.contains(&name)
}

/// Refuses a value that no connection can be made with. The error does not repeat it.
fn check_value(name: &str, value: &str) -> Result<(), String> {
    let words: &[&str] = match name {
        "sslmode" => &["disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
        "target_session_attrs" => &["any", "read-write", "read-only"],
        "channel_binding" => &["disable", "prefer", "require"],
        "load_balance_hosts" => &["disable", "random"],
        "sslnegotiation" => &["postgres", "direct"],
        "keepalives_retries" | "keepalives" if value.parse::<u32>().is_ok() => return Ok(()),
        "connect_timeout" | "tcp_user_timeout" | "keepalives_idle" | "keepalives_interval"
            if value.parse::<i64>().is_ok() =>
        {
            return Ok(());
        }
        "connect_timeout"
        | "tcp_user_timeout"
        | "keepalives"
        | "keepalives_idle"
        | "keepalives_interval"
        | "keepalives_retries" => return Err(format!("`{name}` is not a whole number")),
        _ => return Ok(()),
    };
    if words.contains(&value) {
        return Ok(());
    }
    Err(format!("`{name}` is none of `{}`", words.join("`, `")))
}

fn port(text: &str) -> Result<u16, String> {
    let port = text.parse::<u16>().ok().filter(|port| *port > 0);
    port.ok_or_else(|| "a port of the URL is not a number from 1 to 65535".to_owned())
}

fn decoded(what: &str, text: &str) -> Result<String, String> {
    let decoded = percent_decode_str(text).decode_utf8();
    let decoded = decoded.map_err(|_| format!("the {what} of the URL is not UTF-8 text"))?;
    if decoded.contains('\0') {
        return Err(format!("the {what} of the URL has a NUL character"));
    }
    Ok(decoded.into_owned())
}

fn hosts_of(text: &str) -> Result<Vec<Host>, String> {
    if text.is_empty() || text == ":" {
        return Ok(Vec::new());
    }
    let hosts: Vec<Host> = text.split(',').map(host_of).collect::<Result<_, _>>()?;
    if hosts.len() > MOST_HOSTS {
        return Err(format!("the URL has more than {MOST_HOSTS} servers"));
    }
    Ok(hosts)
}

fn host_of(text: &str) -> Result<Host, String> {
    let (name, rest) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, rest) = rest.split_once(']').ok_or("an address of the URL has no `]`")?;
            if address.parse::<Ipv6Addr>().is_err() {
                return Err("between `[` and `]` of the URL stands no IPv6 address".to_owned());
            }
            (address, rest)
        }
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port = match rest.strip_prefix(':') {
        Some("") => None,
        Some(text) => Some(port(text)?),
        None if rest.is_empty() => None,
        None => return Err("after an address of the URL comes `:PORT` or nothing".to_owned()),
    };
    let name = decoded("server", name)?;
    Ok(Host { name, port })
}

/// `postgres://HOST:PORT/DATABASE`, completed as for a connection: without user, password and parameters.
impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[cfg(any(test, feature = "postgres"))]
        return f.write_str(&self.completed().unwrap_or_else(|_| self.given.clone()).place());
        #[cfg(not(any(test, feature = "postgres")))]
        f.write_str(&self.given.place())
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("hosts", &self.hosts)
            .field("user", &self.user)
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_part_of_a_url_is_read() {
        let url =
            PostgresUrl::parse("postgres://a%40b:p%3Aw@one:1,[::1]:2,%2Frun%2Fpg/my%20db?sslmode=require").unwrap();
        let given = url.given();
        let host = |name: &str, port| Host {
            name: name.to_owned(),
            port,
        };
        assert_eq!(
            given.hosts,
            [host("one", Some(1)), host("::1", Some(2)), host("/run/pg", None)]
        );
        assert_eq!(given.user.as_deref(), Some("a@b"));
        assert_eq!(given.password, Some(Secret::new("p:w")));
        assert_eq!(given.database.as_deref(), Some("my db"));
        assert_eq!(given.parameter("sslmode"), Some("require"));
        assert_eq!(url.to_string(), "postgres://one:1,[::1]:2,%2Frun%2Fpg:5432/my%20db");
        let in_query = PostgresUrl::parse("postgres://?host=/run/pg&port=7&user=u&dbname=d&password=p").unwrap();
        assert_eq!(in_query.given().hosts, [host("/run/pg", Some(7))]);
        assert_eq!(in_query.to_string(), "postgres://%2Frun%2Fpg:7/d");
        assert!(in_query.has_password());
        let of_no_service = PostgresUrl::parse("postgres://h/d?service=none-of-this-machine").unwrap();
        assert_eq!(of_no_service.to_string(), "postgres://h/d");
    }

    #[test]
    fn what_is_wrong_is_named_without_its_text() {
        for text in [
            "postgres://u:hidden@h:x/d",
            "postgres://u:hidden@h:0/d",
            "postgres://u:hidden@h:65536/d",
            "postgres://u:hidden@[::1/d",
            "postgres://u:hidden@[::1]5/d",
            "postgres://u@h/d?Hidden-9=1",
            "postgres://u@h/d?sslpassword=hidden",
            "postgres://u@h/d?hidden",
            "postgres://u:%ff@h/hidden",
            "postgres://u:hid#den@h/d",
            "postgres://u:hidden%00@h/d",
            "postgres://u@h/d?sslmode=hidden",
            "postgres://u@h/d?target_session_attrs=hidden",
            "postgres://u@h/d?channel_binding=hidden",
            "postgres://u@h/d?load_balance_hosts=hidden",
            "postgres://u@h/d?sslnegotiation=hidden",
            "postgres://u@h/d?connect_timeout=hidden",
            "postgres://u@h/d?keepalives_retries=-1",
        ] {
            let error = PostgresUrl::parse(text).unwrap_err();
            assert!(
                !error.contains("hidden") && !error.contains("Hidden-9"),
                "{text}: {error}"
            );
        }
        let unknown = PostgresUrl::parse("postgres://h/d?unknown=1").unwrap_err();
        for name in ["`host`", "`port`", "`user`", "`password`", "`dbname`", "`sslmode`"] {
            assert!(unknown.contains(name), "{unknown}");
        }
        assert!(PostgresUrl::parse(&format!("postgres://h/{}", "a".repeat(MOST))).is_err());
        assert!(PostgresUrl::parse(&format!("postgres://h{}/d", ",h".repeat(MOST_HOSTS))).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_reads_as_the_same_without_the_password(text in "[a-z0-9:@/?&=%,\\[\\]#.]{0,60}") {
            if let Ok(url) = PostgresUrl::parse(&format!("postgres://{text}")) {
                let written = url.given().url(None);
                let again = PostgresUrl::parse(&written).unwrap();
                let expected = Connection { password: None, ..url.given().clone() };
                prop_assert!(*again.given() == expected, "{written} {:?} {:?}", again.given(), expected);
                let place = PostgresUrl::parse(&url.given().place()).unwrap();
                let expected = Connection { hosts: expected.hosts, database: expected.database, ..Connection::default() };
                prop_assert!(*place.given() == expected);
            }
        }
    }
}
