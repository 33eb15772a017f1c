//! The real program as a process: `doorward serve`, started, asked, and killed.

use crate::postgres::Database;
use crate::world::{KEY, policy_and_settings};
use doorward::store::Ledger;
use doorward_core::ledger::event::LedgerEvent;
use doorward_sim::Sim;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder with a configuration, from which the program is started.
pub(crate) struct Installation {
    pub(crate) folder: TempDir,
    /// Its ledger's file.
    pub(crate) file: PathBuf,
    /// Its ledger, if that is on a server.
    pub(crate) database: Option<Database>,
    /// What stands in its environment beside the ordinary.
    pub(crate) environment: Vec<(&'static str, String)>,
}

/// A running `doorward serve`.
pub(crate) struct Process {
    child: Child,
    listen: String,
    admin: String,
    /// What it said before it listened.
    pub(crate) said: String,
    log: Arc<Mutex<String>>,
}

impl Installation {
    /// The ordinary world's configuration against `azure`, with grants that last `ttl`.
    pub(crate) fn new(azure: &Sim, ttl: &str) -> Self {
        Self::with(azure, ttl, |_| {})
    }

    /// The same, configured otherwise.
    pub(crate) fn with(azure: &Sim, ttl: &str, change: impl FnOnce(&mut Value)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (policy, mut config) = policy_and_settings(folder.path(), azure, "http://127.0.0.1:9/");
        config.as_object_mut().unwrap().remove("channels");
        change(&mut config);
        fs::create_dir(folder.path().join("policies")).unwrap();
        fs::write(
            folder.path().join("policies/policy.yaml"),
            policy.replace("10m", ttl),
        )
        .unwrap();
        fs::write(folder.path().join("doorward.yaml"), config.to_string()).unwrap();
        Self {
            file: folder.path().join("doorward.db"),
            folder,
            database: None,
            environment: Vec::new(),
        }
    }

    /// The same with its ledger on a server, so that several processes can share it.
    pub(crate) fn on(self, database: &Database) -> Self {
        let file = self.folder.path().join("doorward.yaml");
        let mut config: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        config["state"] = json!({ "file": database.file });
        fs::write(&file, config.to_string()).unwrap();
        let database = Some(database.clone());
        Self { database, ..self }
    }

    /// The same with its ledger in another file.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        let file = self.folder.path().join("doorward.yaml");
        let mut config: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        config["state"] = json!(format!("sqlite://{}", path.display()));
        fs::write(&file, config.to_string()).unwrap();
        let file = path.to_owned();
        Self { file, ..self }
    }

    /// Starts it and waits until it takes deliveries.
    pub(crate) async fn serve(&self) -> Process {
        self.begin(|line| {
            let (_, rest) = line.split_once("listening on http://")?;
            let (listen, rest) = rest.split_once(", operator page on ")?;
            Some((listen.to_owned(), rest.split('/').nth(2)?.to_owned()))
        })
        .await
    }

    /// Starts it and waits until it waits for its database.
    pub(crate) async fn waits(&self) -> Process {
        self.begin(|line| {
            let (rest, _) = line.split_once(" answer 503 until")?;
            let (_, rest) = rest.split_once("http://")?;
            let (listen, admin) = rest.split_once(" and http://")?;
            Some((listen.to_owned(), admin.to_owned()))
        })
        .await
    }

    /// Starts it and waits for the line that says where it listens.
    async fn begin(&self, addresses: impl Fn(&str) -> Option<(String, String)>) -> Process {
        let mut child = Command::new(env!("CARGO_BIN_EXE_doorward"))
            .args(["serve", "--config"])
            .arg(self.folder.path().join("doorward.yaml"))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = String::new();
        let listening = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                said += &line;
                if let Some((listen, admin)) = addresses(&line) {
                    return (listen, format!("http://{admin}"));
                }
            }
            panic!("doorward ended before it listened");
        };
        let (listen, admin) = tokio::time::timeout(PATIENCE, listening).await.unwrap();
        // Whoever does not read what a process says holds it up in the end.
        let log: Arc<Mutex<String>> = Arc::default();
        let later = Arc::clone(&log);
        tokio_util::task::TaskTracker::new().spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                *later.lock().unwrap() += &(line + "\n");
            }
        });
        Process {
            child,
            listen,
            admin,
            said,
            log,
        }
    }

    /// Starts it where it must not run; what it says as it ends.
    pub(crate) async fn refuses_to_serve(&self) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
        command
            .args(["serve", "--config"])
            .arg(self.folder.path().join("doorward.yaml"));
        let output = tokio::time::timeout(PATIENCE, command.kill_on_drop(true).output())
            .await
            .unwrap()
            .unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    }

    /// What its ledger holds, if the chain holds.
    pub(crate) async fn ledger(&self) -> Vec<LedgerEvent> {
        let url = match &self.database {
            Some(database) => database.url.clone(),
            None => format!("sqlite://{}", self.file.display()),
        };
        let ledger = Ledger::open_read_only(&url).await.unwrap();
        ledger.verify().await.unwrap();
        let entries = ledger.entries(0, 1000).await.unwrap();
        let what = |entry| doorward::store::what(entry).unwrap();
        entries.iter().map(what).collect()
    }

    /// Its ledger's kinds of entries, in order, if the chain holds.
    pub(crate) async fn kinds(&self) -> Vec<&'static str> {
        self.ledger().await.iter().map(LedgerEvent::kind).collect()
    }
}

impl Process {
    /// Where it listens for senders: `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.listen)
    }

    /// Where it listens for operators: `http://127.0.0.1:PORT`.
    pub(crate) fn admin(&self) -> String {
        self.admin.clone()
    }

    /// What it has logged since it listened, so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// What it answers to a GET of this path at the operators' listener.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let reply = client.get(format!("{}{path}", self.admin)).send().await;
        let reply = reply.unwrap();
        (reply.status().as_u16(), reply.text().await.unwrap())
    }

    /// A proven sender delivers text.
    pub(crate) async fn deliver(&self, text: String) {
        assert_eq!(self.offer(text).await, 202);
    }

    /// A proven sender delivers text; the status it is answered with.
    pub(crate) async fn offer(&self, text: String) -> u16 {
        let request = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = request.post(format!("http://{}/events/clusters", self.listen));
        let reply = request
            .header("x-doorward-key", KEY)
            .header("content-type", "text/plain")
            .body(text)
            .send()
            .await;
        reply.unwrap().status().as_u16()
    }

    /// SIGHUP: read the policy again.
    pub(crate) async fn hang_up(&self) {
        self.signal("HUP").await;
    }

    /// Sends it a signal: `STOP`, `CONT`.
    pub(crate) async fn signal(&self, name: &str) {
        let id = self.child.id().unwrap().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().await;
        assert!(sent.unwrap().success());
    }

    /// SIGTERM; how it ends.
    pub(crate) async fn terminate(mut self) -> std::process::ExitStatus {
        self.signal("TERM").await;
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        ended.unwrap().unwrap()
    }

    /// SIGKILL: nothing can be tidied up.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// Waits for something that a process or Azure brings about.
pub(crate) async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    until_within(PATIENCE, what, is_so).await;
}

/// The same for what takes longer.
pub(crate) async fn until_within(patience: Duration, what: &str, is_so: impl AsyncFn() -> bool) {
    let clock = clock::Clock::system();
    let waiting = async {
        while !is_so().await {
            clock.sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(patience, waiting)
        .await
        .unwrap_or_else(|_| panic!("this never came: {what}"));
}
