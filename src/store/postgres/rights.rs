//! Whether this role may do on this server what a start and its writes need. Changes nothing.

use super::connection::Session;
use super::fault::Fault;
use super::place::Place;
use super::schema;
use super::values::get;
use crate::secret::Secret;
use crate::store::{Access, StoreError};

/// What a table, a sequence or a function of the schema lacks. A partition is reached by its parent. Only of a sequence the right to
/// one may be asked, whatever order the conditions are looked at in.
const MISSING: &str = "
    SELECT what FROM (
        SELECT format('%s on table `%s`', p.name, c.relname) AS what FROM pg_class AS c
            CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS p (name)
        WHERE c.relnamespace = 'hook'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
            AND (c.relname <> 'format' OR p.name = 'SELECT') AND NOT has_table_privilege(c.oid, p.name)
        UNION ALL
        SELECT format('UPDATE on sequence `%s`', relname) FROM pg_class
        WHERE relnamespace = 'hook'::regnamespace AND CASE relkind WHEN 'S' THEN NOT has_sequence_privilege(oid, 'UPDATE') END
        UNION ALL
        SELECT format('EXECUTE on function `%s`', proname) FROM pg_proc
        WHERE pronamespace = 'hook'::regnamespace AND NOT has_function_privilege(oid, 'EXECUTE')
    ) AS missing ORDER BY what LIMIT 1";

/// Whether partitions can be made and dropped: by the owner of the tables only.
const CAN_MAKE_DAYS: &str = "
    SELECT has_schema_privilege('hook', 'CREATE') AND bool_and(pg_has_role(relowner, 'USAGE'))
    FROM pg_class WHERE relnamespace = 'hook'::regnamespace AND relkind = 'p'";

/// Looks whether a start could write the ledger at that URL. An error is what it would fail with; the rest is what would fail later.
pub(in crate::store) fn check_rights(url: &Secret) -> Result<Option<&'static str>, StoreError> {
    let place = Place::parse(&String::from_utf8_lossy(url.expose()))?;
    let looked = Session::open(&place, Access::ReadWrite).and_then(|session| look(&session));
    looked.map_err(|fault| place.error(&fault))
}

fn look(session: &Session) -> Result<Option<&'static str>, Fault> {
    schema::check_server(session)?;
    can_write(session)?;
    if schema::check(session)? == 0 {
        return can_make_tables(session).map(|()| None);
    }
    if let Some(missing) = session.row(MISSING, &[], |row| get::<String>(row, 0))? {
        return Err(Fault::NoRight(format!("the role lacks {missing} of schema `hook`")));
    }
    let can_make_days = session.row(CAN_MAKE_DAYS, &[], |row| get::<Option<bool>>(row, 0))?;
    let is_owner = can_make_days.flatten().unwrap_or_default();
    Ok((!is_owner)
        .then_some("the role does not own the tables: it can make no partitions for the next day, and drop none"))
}

/// Whether transactions may write at all.
fn can_write(session: &Session) -> Result<(), Fault> {
    let sql = "SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'";
    let found = session.row(sql, &[], |row| Ok((get::<bool>(row, 0)?, get::<bool>(row, 1)?)))?;
    let what = match found {
        Some((true, _)) => "the server is a standby, which takes no writes",
        Some((false, true)) => "`default_transaction_read_only` is on for this role, database or server",
        _ => return Ok(()),
    };
    Err(Fault::NoRight(what.to_owned()))
}

/// Whether the schema, or its tables, can be made.
fn can_make_tables(session: &Session) -> Result<(), Fault> {
    let sql = "
        SELECT to_regnamespace('hook') IS NOT NULL, CASE WHEN to_regnamespace('hook') IS NULL
            THEN has_database_privilege(current_database(), 'CREATE')
            ELSE has_schema_privilege('hook', 'CREATE') AND has_schema_privilege('hook', 'USAGE') END";
    let found = session.row(sql, &[], |row| Ok((get::<bool>(row, 0)?, get::<bool>(row, 1)?)))?;
    match found {
        Some((_, true)) => Ok(()),
        Some((true, false)) => Err(Fault::NoRight(
            "the role may not make tables in schema `hook`".to_owned(),
        )),
        _ => Err(Fault::NoRight(
            "the role lacks CREATE on the database: it cannot make schema `hook`".to_owned(),
        )),
    }
}
