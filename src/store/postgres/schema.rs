//! The format of the database: made and brought up to date by whichever process comes first.

use super::connection::Session;
use super::fault::Fault;
use super::values::get;

/// The newest format.
pub(super) const FORMAT: i64 = 1;

/// One for each format, in order.
const MIGRATIONS: [&str; 1] = [include_str!("migrations/1.sql")];

/// Held while the format is looked at and changed.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1752133483, 3)";

/// The format; 0 where nothing was made yet.
pub(super) fn format(session: &Session) -> Result<i64, Fault> {
    // From the tables of the system: what is known of names may be older than the lock that was just waited for.
    let sql = "
        SELECT EXISTS (SELECT 1 FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE n.nspname = 'hook' AND c.relname = 'format')";
    let is_there = session.row(sql, &[], |row| get::<bool>(row, 0))?.unwrap_or_default();
    if !is_there {
        return Ok(0);
    }
    let found = session.row("SELECT version FROM hook.format", &[], |row| get::<i64>(row, 0))?;
    Ok(found.unwrap_or_default())
}

/// The format, when this program can use it.
pub(super) fn check(session: &Session) -> Result<i64, Fault> {
    match format(session)? {
        found if found > FORMAT => Err(Fault::Newer { found, known: FORMAT }),
        found => Ok(found),
    }
}

/// The oldest version of the server that has what the statements need.
const OLDEST_SERVER: i32 = 13;

pub(super) fn check_server(session: &Session) -> Result<(), Fault> {
    let sql = "SELECT current_setting('server_version_num')::int / 10000";
    let version = session.row(sql, &[], |row| get::<i32>(row, 0))?.unwrap_or_default();
    if version < OLDEST_SERVER {
        let what = format!("the server is PostgreSQL {version}; {OLDEST_SERVER} or newer is needed");
        return Err(Fault::Damaged(what));
    }
    Ok(())
}

/// Brings the format up to date. Of several processes one does it, and the others wait for that.
pub(super) fn migrate(session: &Session) -> Result<(), Fault> {
    check_server(session)?;
    if check(session)? < FORMAT {
        session.batch("BEGIN")?;
        let made = make(session);
        session.batch(if made.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
        made?;
    }
    repair_indexes(session)
}

fn make(session: &Session) -> Result<(), Fault> {
    session.run(LOCK, &[])?;
    let from = usize::try_from(check(session)?).unwrap_or_default();
    if from == 0 {
        // A schema that an administrator has made needs no right to make one, which the server asks for even so.
        let is_there = session.row("SELECT to_regnamespace('hook') IS NOT NULL", &[], |row| {
            get::<bool>(row, 0)
        })?;
        if !is_there.unwrap_or_default() {
            session.batch("CREATE SCHEMA hook")?;
        }
        session.batch("CREATE TABLE hook.format (version bigint NOT NULL)")?;
        session.batch("INSERT INTO hook.format VALUES (0)")?;
    }
    for statements in MIGRATIONS.iter().skip(from) {
        session.batch(statements)?;
    }
    session.run("UPDATE hook.format SET version = $1", &[&FORMAT]).map(drop)
}

/// An index whose building was interrupted slows writes down and is used by no query: it is built again.
fn repair_indexes(session: &Session) -> Result<(), Fault> {
    let sql = "
        SELECT quote_ident(c.relname::text) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
        WHERE c.relnamespace = 'hook'::regnamespace AND c.relkind = 'i' AND NOT i.indisvalid";
    for name in session.rows(sql, &[], |row| get::<String>(row, 0))? {
        session.batch(&format!("REINDEX INDEX hook.{name}"))?;
    }
    Ok(())
}
