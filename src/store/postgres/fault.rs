//! Why a statement failed, and what that means.

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// Why a statement failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// What the server or the client said.
    Sql(Error),
    /// A record that cannot be read.
    Damaged(String),
    /// No connection, or no answer.
    Lost(String),
    /// The role, or the server, does not let this program write.
    NoRight(String),
    /// A format that this program does not know.
    Newer {
        /// That of the database.
        found: i64,
        /// The newest known.
        known: i64,
    },
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Sql(error)
    }
}

impl Fault {
    pub(super) fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Sql(error) => error.code(),
            _ => None,
        }
    }

    /// Whether the connection is gone, or the server is about to end it.
    pub(super) fn is_lost(&self) -> bool {
        match self {
            Self::Sql(error) => match error.code() {
                Some(code) => {
                    // Shut down, crashed, starting up, too many connections; and class 08.
                    let away = [
                        SqlState::ADMIN_SHUTDOWN,
                        SqlState::CRASH_SHUTDOWN,
                        SqlState::CANNOT_CONNECT_NOW,
                        SqlState::TOO_MANY_CONNECTIONS,
                        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
                        SqlState::READ_ONLY_SQL_TRANSACTION,
                    ];
                    away.contains(code) || code.code().starts_with("08")
                }
                // The client's own errors are those of the connection, apart from those of converting a value.
                None => !is_conversion(error),
            },
            Self::Lost(_) => true,
            Self::Damaged(_) | Self::NoRight(_) | Self::Newer { .. } => false,
        }
    }

    /// Whether the server is there and does not let this user in, or does not have the database.
    pub(super) fn is_refused(&self) -> bool {
        let refusals = [
            SqlState::INVALID_PASSWORD,
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
            SqlState::INVALID_CATALOG_NAME,
        ];
        self.code().is_some_and(|code| refusals.contains(code))
    }

    /// Whether the same transaction may succeed when it is made again.
    pub(super) fn is_conflict(&self) -> bool {
        let conflicts = [SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE];
        self.code().is_some_and(|code| conflicts.contains(code))
    }

    /// Whether a row has no partition: another process dropped its day.
    pub(super) fn is_without_partition(&self) -> bool {
        let codes = [SqlState::CHECK_VIOLATION, SqlState::UNDEFINED_TABLE];
        self.code().is_some_and(|code| codes.contains(code))
    }

    /// Whether a lock was not to be had in time.
    pub(super) fn is_locked(&self) -> bool {
        self.code() == Some(&SqlState::LOCK_NOT_AVAILABLE)
    }

    pub(super) fn is_duplicate_key(&self) -> bool {
        self.code() == Some(&SqlState::UNIQUE_VIOLATION)
    }

    /// What was wrong, without anything of the URL.
    pub(super) fn what(&self) -> String {
        match self {
            Self::Sql(error) => match error.as_db_error() {
                Some(error) => error.message().to_owned(),
                None => error_chain(error),
            },
            Self::Damaged(what) | Self::Lost(what) | Self::NoRight(what) => what.clone(),
            Self::Newer { found, .. } => format!("format {found}"),
        }
    }
}

fn error_chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    if text.contains(OWN_AUTHORITY) {
        text += ". The server's certificate is an authority of its own: make it with `basicConstraints=critical,CA:FALSE`, or let an authority sign it";
    }
    text
}

/// What rustls says of a self-signed certificate as `openssl req -x509` makes it by default.
const OWN_AUTHORITY: &str = "CaUsedAsEndEntity";

fn is_conversion(error: &Error) -> bool {
    use tokio_postgres::types::WrongType;
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if error.is::<WrongType>() || error.is::<tokio_postgres::types::WasNull>() {
            return true;
        }
        cause = error.source();
    }
    // Errors of reading and writing a value have no kind of their own.
    ["error deserializing", "error serializing"]
        .iter()
        .any(|start| error.to_string().starts_with(start))
}
