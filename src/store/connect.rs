//! Connecting to PostgreSQL, and saying what to do when that fails.

use super::StoreError;
use super::postgres::SESSION;
use sqlx::error::DatabaseError;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions, Connection};
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

/// What may stand in the query of a server's URL. A word that is not known may be a password.
pub const PARAMETERS: [&str; 7] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "port",
    "user",
];

/// How to connect to `url`. Over a network the server must prove who it is, unless the URL's `sslmode`
/// says otherwise.
pub(super) fn options(url: &str, read_only: bool) -> Result<PgConnectOptions, StoreError> {
    let parsed = reqwest::Url::parse(url).map_err(|_| StoreError::ServerUrl)?;
    let known = |name: &str| PARAMETERS.contains(&name);
    if !parsed.query_pairs().all(|(name, _)| known(&name)) {
        return Err(StoreError::ServerUrl);
    }
    let encrypted = parsed.query_pairs().any(|(name, _)| name == "sslmode");
    // What is wrong with it may be its password's signs: the reason is not told.
    let options = PgConnectOptions::from_str(url).map_err(|_| StoreError::ServerUrl)?;
    let mut options = options.options(SESSION).application_name("doorward");
    if read_only {
        options = options.options([("default_transaction_read_only", "on")]);
    }
    Ok(if encrypted || is_near(&options) {
        options
    } else {
        options.ssl_mode(PgSslMode::VerifyFull)
    })
}

/// Whether nothing leaves this machine.
fn is_near(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let address: Result<IpAddr, _> = host.parse();
    options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || address.is_ok_and(|address| address.is_loopback())
}

/// One connection, made and closed.
pub(super) async fn idempotency_key(
    options: &PgConnectOptions,
    patience: Duration,
) -> sqlx::Result<()> {
    let connection = tokio::time::timeout(patience, options.connect()).await;
    let connection: PgConnection = connection.map_err(|_| sqlx::Error::PoolTimedOut)??;
    connection.close().await
}

/// What a connection that does not come about means, and what to do.
pub(super) fn explain(error: sqlx::Error, options: &PgConnectOptions) -> StoreError {
    const AWAY: &str = "The ledger's database does not answer.";
    let server = format!(
        "PostgreSQL at {}:{}",
        options.get_host(),
        options.get_port()
    );
    let (brief, told) = match &error {
        sqlx::Error::Io(why) => (
            AWAY,
            format!(
                "{server} does not answer ({why}): is it running, and may this machine reach it?"
            ),
        ),
        sqlx::Error::PoolTimedOut => (
            AWAY,
            format!(
                "{server} does not answer in time: is it running, and may this machine reach it?"
            ),
        ),
        sqlx::Error::Tls(why) => (
            "The ledger's database is not reached over TLS; the log says why.",
            format!(
                "{server} is not reached over TLS ({why}): name its authority by \
                 `?sslrootcert=/path/to/ca.pem` in the URL, or, where nobody can listen in, write `?sslmode=disable`"
            ),
        ),
        sqlx::Error::Database(refusal) => match refused(refusal.as_ref(), &server, options) {
            Some(told) => told,
            None => return StoreError::from(error),
        },
        _ => return StoreError::from(error),
    };
    StoreError::Server { brief, told }
}

/// What a server means that answers with an error.
fn refused(
    refusal: &dyn DatabaseError,
    server: &str,
    options: &PgConnectOptions,
) -> Option<(&'static str, String)> {
    let user = options.get_username();
    let database = options.get_database().unwrap_or(user);
    Some(match refusal.code().as_deref()? {
        "28P01" | "28000" => (
            "The ledger's database does not let doorward in: check user and password in the URL.",
            format!(
                "{server} does not let `{user}` in: check user and password in the URL ({})",
                refusal.message()
            ),
        ),
        "3D000" => (
            "The ledger's database is missing on its server.",
            format!(
                "{server} has no database `{database}`: make it, `createdb --owner {user} {database}`"
            ),
        ),
        "42501" => (
            "The ledger's database may not be used by doorward's user.",
            format!(
                "`{user}` may not use the database `{database}`: make it the owner, `alter database {database} owner to \
                 {user}`"
            ),
        ),
        "53300" => (
            "The ledger's database server has no connection left.",
            format!(
                "{server} has no connection left: raise its `max_connections`; each doorward takes up to 7"
            ),
        ),
        "57P01" | "57P02" | "57P03" => (
            "The ledger's database server is starting up or shutting down.",
            format!(
                "{server} is starting up or shutting down ({})",
                refusal.message()
            ),
        ),
        _ => return None,
    })
}

/// What a statement that fails on a fresh connection means.
pub(super) fn failed(error: sqlx::Error) -> StoreError {
    const NO_SUCH_TABLE: &str = "42P01";
    match &error {
        sqlx::Error::Database(refusal) if refusal.code().as_deref() == Some(NO_SUCH_TABLE) => {
            StoreError::Server {
                brief: "There is no ledger in the database.",
                told: "there is no ledger in this database yet: `doorward serve` makes it"
                    .to_owned(),
            }
        }
        _ => StoreError::from(error),
    }
}

/// What tables that cannot be prepared mean.
pub(super) fn migration(error: sqlx::migrate::MigrateError) -> StoreError {
    use sqlx::migrate::MigrateError::{Execute, ExecuteMigration};
    const MAY_NOT: &str = "42501";
    match error {
        // Not the tables' fault: a server that goes away, or that does not let us.
        Execute(cause) | ExecuteMigration(cause, _) => {
            let code = cause.as_database_error().and_then(DatabaseError::code);
            if code.as_deref() != Some(MAY_NOT) {
                return StoreError::from(cause);
            }
            StoreError::Server {
                brief: "The user in the URL may not make the ledger's tables.",
                told: "the user in the URL may not make tables in this database: make it the owner, `alter database NAME owner to USER`"
                    .to_owned(),
            }
        }
        error => StoreError::from(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_a_network_the_server_must_prove_who_it_is() {
        for (url, expected) in [
            ("postgres://me:pw@db.contoso.com/doorward", "VerifyFull"),
            ("postgres://me:pw@10.0.0.4/doorward", "VerifyFull"),
            ("postgres://me:pw@db/doorward?sslmode=require", "Require"),
            ("postgres://me:pw@localhost/doorward", "Prefer"),
            ("postgres://me:pw@127.0.0.1:5433/doorward", "Prefer"),
            ("postgres:///doorward?host=/run/postgresql", "Prefer"),
        ] {
            let mode = options(url, false).unwrap().get_ssl_mode();
            assert_eq!(format!("{mode:?}"), expected, "{url}");
        }
    }

    #[test]
    fn a_url_that_cannot_be_used_is_not_shown() {
        for url in [
            "postgres://me:hunter2@:x/doorward",
            "postgres://me@db/doorward?passwort=hunter2",
            "postgres://me@db/doorward?sslmode=hunter2",
        ] {
            let error = options(url, false).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
