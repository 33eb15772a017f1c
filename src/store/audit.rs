//! Whether a database is as doorward made it: its protection, its indexes, its pages.

use super::StoreError;
use super::database::migrator;
use super::sqlite::STEPS;
use sqlx::postgres::PgPool;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{Connection, Row};
use std::collections::{BTreeMap, BTreeSet};

/// How many faults are told.
const MOST: usize = 10;

/// What the tables of an SQLite ledger are made of: the statement that made each, by kind and name.
type Schema = BTreeMap<(String, String), String>;

const SCHEMA: &str = "select type, name, coalesce(sql, '') as made_by from sqlite_schema
                      where name <> '_sqlx_migrations' and tbl_name <> '_sqlx_migrations'";

/// What the table of a ledger on a server is, a line each.
const FACTS: &str = "
select 'table of kind ' || relkind::text || case when relrowsecurity then ', rows hidden' else '' end as fact
    from pg_class where oid = 'ledger'::regclass
union all select 'column ' || attname || ' ' || format_type(atttypid, atttypmod)
        || case when attnotnull then ' not null' else '' end
    from pg_attribute where attrelid = 'ledger'::regclass and attnum > 0 and not attisdropped
union all select 'trigger ' || tgname || ', ' || case when tgenabled in ('O', 'A') then 'on' else 'off' end
        || ', ' || tgtype::text || ': ' || regexp_replace(btrim(prosrc, E' \\n'), '\\s+', ' ', 'g')
    from pg_trigger join pg_proc on pg_proc.oid = tgfoid
    where tgrelid = 'ledger'::regclass and not tgisinternal
union all select 'rule ' || rulename from pg_rewrite where ev_class = 'ledger'::regclass
union all select 'unique index on '
        || (select string_agg(attname, ', ' order by attnum) from pg_attribute where attrelid = indexrelid)
        || coalesce(' where ' || pg_get_expr(indpred, indrelid), '')
        || case when indisvalid then '' else ', not valid' end
    from pg_index where indrelid = 'ledger'::regclass and indisunique";

/// What they are, unless somebody has changed them. The numbers of triggers: before each row is updated or
/// deleted; before all are.
const EXPECTED: [&str; 11] = [
    "table of kind r",
    "column seq bigint not null",
    "column at bigint not null",
    "column kind text not null",
    "column once text",
    "column body text not null",
    "column hash bytea not null",
    "trigger ledger_is_never_changed, on, 27: begin raise exception 'the ledger is append-only'; end",
    "trigger ledger_is_never_emptied, on, 34: begin raise exception 'the ledger is append-only'; end",
    "unique index on seq",
    "unique index on once where (once IS NOT NULL)",
];

/// What is wrong with the tables of an SQLite ledger.
pub(super) async fn sqlite_schema(database: &SqlitePool) -> Result<Vec<String>, StoreError> {
    let steps = "select count(*) as steps from _sqlx_migrations where success";
    let steps = sqlx::query(steps).fetch_one(database).await?;
    // One that an older version made lacks what `serve` adds at its next start.
    let steps = usize::try_from(steps.try_get::<i64, _>("steps")?).unwrap_or_default();
    let mut pattern = SqliteConnection::connect("sqlite::memory:").await?;
    migrator(STEPS.get(..steps).unwrap_or(&STEPS))
        .run(&mut pattern)
        .await?;
    let expected = schema(sqlx::query(SCHEMA).fetch_all(&mut pattern).await?)?;
    let found = schema(sqlx::query(SCHEMA).fetch_all(database).await?)?;
    let mut faults = Vec::new();
    for ((kind, name), made_by) in &expected {
        match found.get(&(kind.clone(), name.clone())) {
            None => faults.push(format!("the {kind} `{name}` is missing")),
            Some(other) if other != made_by => {
                faults.push(format!("the {kind} `{name}` was changed"));
            }
            Some(_) => {}
        }
    }
    // Tables, views and indexes of others change nothing that is written; triggers may.
    let triggers = found.keys().filter(|key| key.0 == "trigger");
    let foreign = triggers.filter(|key| !expected.contains_key(key));
    faults.extend(foreign.map(|(_, name)| format!("the trigger `{name}` is not doorward's")));
    Ok(faults)
}

fn schema(rows: Vec<sqlx::sqlite::SqliteRow>) -> Result<Schema, StoreError> {
    let read = |row: sqlx::sqlite::SqliteRow| {
        let key = (row.try_get("type")?, row.try_get("name")?);
        Ok((key, row.try_get("made_by")?))
    };
    rows.into_iter().map(read).collect()
}

/// What is wrong with an SQLite ledger: its tables, its pages and its indexes.
pub(super) async fn sqlite(database: &SqlitePool) -> Result<Vec<String>, StoreError> {
    let mut faults = sqlite_schema(database).await?;
    let pages = sqlx::query("pragma integrity_check(10)").fetch_all(database);
    for row in pages.await? {
        let said: String = row.try_get(0)?;
        if said != "ok" {
            faults.push(said);
        }
    }
    Ok(faults)
}

/// What is wrong with the table of a ledger on a server.
pub(super) async fn postgres(database: &PgPool) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query(FACTS).fetch_all(database).await?;
    let facts = rows.iter().map(|row| row.try_get("fact"));
    let found: BTreeSet<String> = facts.collect::<Result<_, _>>()?;
    let expected: BTreeSet<String> = EXPECTED.map(str::to_owned).into();
    let missing = expected.difference(&found);
    let missing = missing.map(|fact| format!("missing: {fact}"));
    let foreign = found.difference(&expected);
    let foreign = foreign.map(|fact| format!("not doorward's: {fact}"));
    Ok(missing.chain(foreign).collect())
}

/// The faults as an error, if there are any.
pub(super) fn judged(faults: &[String]) -> Result<(), StoreError> {
    if faults.is_empty() {
        return Ok(());
    }
    let told: Vec<&str> = faults.iter().take(MOST).map(String::as_str).collect();
    Err(StoreError::Unsound(told.join("; ")))
}
