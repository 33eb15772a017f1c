//! A PostgreSQL server of our own: made in a folder of its own, on loopback, gone when the tests end,
//! however they end.

use crate::needs;
use clock::Clock;
use doorward::store::Ledger;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::OnceCell;

/// How long the server may take to come up.
const PATIENCE: Duration = Duration::from_mins(1);

/// The server's only user, who may do everything.
const USER: &str = "tester";
const PASSWORD: &str = "a password/for+tests";
/// The same as it stands in a URL.
const IN_URL: &str = "a%20password%2Ffor%2Btests";

/// A user who has to prove nothing, as proving takes a build for tests longer than most stories, and who
/// may do no more than own databases.
const GUEST: &str = "guest";

/// Who comes in how.
const ADMISSION: &str = "
host all guest 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
";

/// The database of which those of most stories are copies: its tables are made once.
const PREPARED: &str = "doorward_prepared";

/// Nobody's user id, for a server that does not run as root.
const NOBODY: &str = "65534";

/// Runs the server until standard input ends, and then removes its folder; a word on standard input
/// stops it at once and leaves the folder.
const KEEPER: &str = r#"
folder=$1; shift
"$@" >>"$folder/log" 2>&1 &
if read -r word; then
    kill -s "$word" $!; wait $!
else
    kill -s QUIT $!; wait $!
    # Its last processes may still be writing.
    for attempt in 1 2 3 4 5; do rm -rf "$folder" 2>/dev/null && break; sleep 1; done
fi
"#;

/// A server.
pub(crate) struct Cluster {
    folder: PathBuf,
    port: u16,
    running: Option<(Child, ChildStdin)>,
    prepared: OnceCell<()>,
}

/// A fresh database on a server.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    pub(crate) url: String,
    /// A file that holds the URL, for configurations.
    pub(crate) file: PathBuf,
}

/// The server that most tests share, if PostgreSQL is installed.
fn shared() -> Option<&'static Cluster> {
    static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
    SHARED.get_or_init(Cluster::made).as_ref()
}

/// A fresh database; none where PostgreSQL is not installed, and the test is skipped.
pub(crate) async fn database() -> Option<Database> {
    Some(installed(shared())?.database().await)
}

/// A fresh database whose tables are made; none where PostgreSQL is not installed, and the test is
/// skipped.
pub(crate) async fn prepared() -> Option<Database> {
    Some(installed(shared())?.prepared().await)
}

/// Skips the test that asks, where there is no server.
fn installed<T>(server: Option<T>) -> Option<T> {
    if server.is_none() {
        needs::skip(
            "PostgreSQL is not installed (`initdb` is neither on the PATH nor below /usr/lib/postgresql)",
        );
    }
    server
}

impl Cluster {
    /// A server of one's own; none where PostgreSQL is not installed, and the test is skipped.
    pub(crate) fn start() -> Option<Self> {
        installed(Self::made())
    }

    fn made() -> Option<Self> {
        let programs = programs()?;
        let folder = tempfile::Builder::new()
            .prefix("doorward-postgres-")
            .tempdir();
        let folder = folder.unwrap().keep();
        let password = folder.join("password");
        fs::write(&password, PASSWORD).unwrap();
        if is_root() {
            let owner = format!("{NOBODY}:{NOBODY}");
            let given = Command::new("chown")
                .args(["-R", &owner])
                .arg(&folder)
                .status();
            assert!(given.unwrap().success());
        }
        let made = as_nobody(&programs.join("initdb"))
            .args(["--username", USER, "--auth=scram-sha-256", "--no-sync"])
            .args(["--encoding=UTF8", "--locale=C"])
            .arg("--pwfile")
            .arg(&password)
            .arg(folder.join("data"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let mut cluster = Self {
            folder,
            port: free_port(),
            running: None,
            prepared: OnceCell::new(),
        };
        fs::write(cluster.folder.join("data/pg_hba.conf"), ADMISSION).unwrap();
        cluster.start_again();
        Some(cluster)
    }

    /// Starts it again after [`Cluster::stop`].
    pub(crate) fn start_again(&mut self) {
        let server = as_nobody(&programs().unwrap().join("postgres"));
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "keeper"]).arg(&self.folder);
        keeper.arg(server.get_program()).args(server.get_args());
        keeper.arg("-D").arg(self.folder.join("data"));
        for setting in [
            format!("port={}", self.port),
            "listen_addresses=127.0.0.1".to_owned(),
            "unix_socket_directories=".to_owned(),
            "max_connections=300".to_owned(),
            // Processes are killed here, machines are not.
            "fsync=off".to_owned(),
        ] {
            keeper.args(["-c", &setting]);
        }
        let mut child = keeper.stdin(Stdio::piped()).spawn().unwrap();
        let words = child.stdin.take().unwrap();
        self.running = Some((child, words));
    }

    /// Stops it as if it had been killed: what is not committed is lost.
    pub(crate) fn stop(&mut self) {
        self.stop_by("QUIT");
    }

    /// Ends it by a signal.
    pub(crate) fn stop_by(&mut self, signal: &str) {
        if let Some((mut keeper, mut words)) = self.running.take() {
            writeln!(words, "{signal}").unwrap();
            keeper.wait().unwrap();
        }
    }

    /// Waits until it takes connections.
    pub(crate) async fn is_up(&self) {
        self.admin().await.close().await.unwrap();
    }

    /// A fresh database.
    pub(crate) async fn database(&self) -> Database {
        let name = fresh_name();
        let mut connection = self.admin().await;
        let create = format!("create database {name}");
        connection.execute(AssertSqlSafe(create)).await.unwrap();
        connection.close().await.unwrap();
        let url = format!("postgres://{USER}:{IN_URL}@127.0.0.1:{}/{name}", self.port);
        self.named(&name, url)
    }

    /// A fresh database whose tables are made.
    async fn prepared(&self) -> Database {
        self.prepared.get_or_init(|| self.prepare()).await;
        let name = fresh_name();
        let mut connection = PgConnection::connect(&self.as_guest("postgres"))
            .await
            .unwrap();
        // It waits for those who are still in there.
        let create = format!("create database {name} template {PREPARED}");
        connection.execute(AssertSqlSafe(create)).await.unwrap();
        connection.close().await.unwrap();
        self.named(&name, self.as_guest(&name))
    }

    async fn prepare(&self) {
        let mut connection = self.admin().await;
        for statement in [
            format!("create role {GUEST} login createdb"),
            format!("create database {PREPARED} owner {GUEST}"),
        ] {
            connection.execute(AssertSqlSafe(statement)).await.unwrap();
        }
        Ledger::open(&self.as_guest(PREPARED)).await.unwrap();
        // Its connections end a little later than it does.
        let gone = "select count(pg_terminate_backend(pid, 10000)) from pg_stat_activity where datname = $1";
        let gone = sqlx::query(gone).bind(PREPARED);
        gone.execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    fn as_guest(&self, name: &str) -> String {
        format!(
            "postgres://{GUEST}@127.0.0.1:{}/{name}?sslmode=disable",
            self.port
        )
    }

    fn named(&self, name: &str, url: String) -> Database {
        let file = self.folder.join(format!("{name}.url"));
        fs::write(&file, &url).unwrap();
        Database { url, file }
    }

    /// A connection, as soon as the server takes one.
    async fn admin(&self) -> PgConnection {
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port)
            .username(USER)
            .password(PASSWORD)
            .database("postgres");
        let coming = async {
            loop {
                if let Ok(connection) = options.connect().await {
                    return connection;
                }
                Clock::system().sleep(Duration::from_millis(50)).await;
            }
        };
        let came = tokio::time::timeout(PATIENCE, coming).await;
        came.unwrap_or_else(|_| {
            let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            panic!("PostgreSQL does not come up: {log}")
        })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let Some((mut keeper, words)) = self.running.take() else {
            fs::remove_dir_all(&self.folder).ok();
            return;
        };
        drop(words);
        keeper.wait().ok();
    }
}

impl Database {
    /// Does something to it behind the program's back.
    pub(crate) async fn execute(&self, sql: &str) -> u64 {
        let mut connection = PgConnection::connect(&self.url).await.unwrap();
        let done = connection.execute(AssertSqlSafe(sql.to_owned())).await;
        connection.close().await.unwrap();
        done.unwrap().rows_affected()
    }

    /// One number.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let mut connection = PgConnection::connect(&self.url).await.unwrap();
        let number = sqlx::query_scalar(AssertSqlSafe(sql.to_owned()));
        let number = number.fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        number
    }

    /// Another database takes its place, as empty as one that was just made. Whoever reads its URL from
    /// now on is led there.
    pub(crate) async fn replaced(&self) -> Self {
        let name = fresh_name();
        self.execute(&format!("create database {name}")).await;
        let (server, query) = self.url.split_at(self.url.rfind('/').unwrap() + 1);
        let query = query.find('?').map_or("", |at| &query[at..]);
        let url = format!("{server}{name}{query}");
        fs::write(&self.file, &url).unwrap();
        let file = self.file.clone();
        Self { url, file }
    }

    /// What stands in `table`.
    pub(crate) async fn rows(&self, table: &str) -> String {
        let rows = format!("select coalesce(json_agg(it), '[]')::text from {table} it");
        let mut connection = PgConnection::connect(&self.url).await.unwrap();
        let rows = sqlx::query_scalar(AssertSqlSafe(rows));
        let rows = rows.fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        rows
    }

    /// Puts what stood in `table` into it.
    pub(crate) async fn put(&self, table: &str, rows: &str) {
        let put = format!(
            "insert into {table} select * from json_populate_recordset(null::{table}, $1::json)"
        );
        let mut connection = PgConnection::connect(&self.url).await.unwrap();
        let put = sqlx::query(AssertSqlSafe(put)).bind(rows);
        put.execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    /// As if the time of every lease had gone by.
    pub(crate) async fn leases_are_over(&self) {
        self.execute("update lease set until = clock_timestamp(), free_at = clock_timestamp()")
            .await;
    }
}

fn fresh_name() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("doorward_{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// Where `initdb` and `postgres` are.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    for version in fs::read_dir("/usr/lib/postgresql").into_iter().flatten() {
        folders.push(version.unwrap().path().join("bin"));
    }
    let has = |folder: &PathBuf| folder.join("initdb").exists() && folder.join("postgres").exists();
    folders.into_iter().find(has)
}

/// A command that is not run as root.
fn as_nobody(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]);
    // Should the keeper be killed, too.
    command.args(["--pdeathsig", "QUIT"]);
    command.arg(program);
    command
}

fn is_root() -> bool {
    let told = Command::new("id").arg("-u").output().unwrap();
    told.stdout == b"0\n"
}

/// A port below those that the system gives away, so that it is still free after a restart.
fn free_port() -> u16 {
    let first = u16::try_from(std::process::id() % 10_000).unwrap() + 15_000;
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let mut ports = (0..1000_u16).map(|step| 15_000 + (first - 15_000 + step * 7) % 15_000);
    ports.find(free).unwrap()
}
