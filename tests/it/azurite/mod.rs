//! Azurite, Microsoft's emulator of storage accounts, and Microsoft's own Python library as who writes there.

mod front;

pub(crate) use front::{Front, Mode};

use crate::python;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{Mutex, OnceCell};

/// The account that Azurite has unless it is told otherwise, and its key, which everybody knows
/// (<https://learn.microsoft.com/azure/storage/common/storage-connect-azurite>).
pub(crate) const ACCOUNT: &str = "devstoreaccount1";
pub(crate) const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// Long enough for a slow machine; nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_mins(8);

const PACKAGE: &str = "azurite@3.35.0";
const LIBRARY: [&str; 2] = [
    "azure-storage-queue==12.18.1",
    "azure-storage-blob==12.31.1",
];
const WRITER: &str = include_str!("writer.py");

/// Either is installed once, whichever tests ask.
static EMULATOR: OnceCell<Result<PathBuf, String>> = OnceCell::const_new();
static PYTHON: OnceCell<Result<PathBuf, String>> = OnceCell::const_new();

/// A running emulator with a writer.
pub(crate) struct Azurite {
    _processes: [Child; 2],
    /// The URLs of its queue and blob services, with the account.
    pub(crate) queue: String,
    pub(crate) blob: String,
    writer: Mutex<(ChildStdin, Lines<BufReader<ChildStdout>>)>,
}

impl Azurite {
    /// Starts one; or why there is none.
    pub(crate) async fn start() -> Result<Self, String> {
        let program = EMULATOR.get_or_init(install).await.clone()?;
        let python = PYTHON.get_or_init(|| python::with("azure-storage", &LIBRARY));
        let python = python.await.clone()?.join("python");
        let mut emulator = Command::new("node")
            .arg(program)
            .args([
                "--inMemoryPersistence",
                "--disableTelemetry",
                "--skipApiVersionCheck",
            ])
            .args(["--blobPort", "0", "--queuePort", "0", "--tablePort", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("node cannot be run: {error}"))?;
        let mut lines = BufReader::new(emulator.stdout.take().unwrap()).lines();
        let mut blob = String::new();
        let queue = loop {
            let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
            let line = line.unwrap().unwrap().unwrap();
            let Some((service, url)) = line.split_once(" is successfully listening at ") else {
                continue;
            };
            let url = format!("{url}/{ACCOUNT}");
            match service {
                "Azurite Blob service" => blob = url,
                "Azurite Queue service" => break url,
                _ => {}
            }
        };
        tokio_util::task::TaskTracker::new()
            .spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let mut writer = Command::new(python)
            .args(["-c", WRITER, ACCOUNT, KEY, &queue, &blob])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| error.to_string())?;
        let input = writer.stdin.take().unwrap();
        let output = BufReader::new(writer.stdout.take().unwrap()).lines();
        Ok(Self {
            _processes: [emulator, writer],
            queue,
            blob,
            writer: Mutex::new((input, output)),
        })
    }

    /// Has the Python library do something; what it answers.
    pub(crate) async fn do_it(&self, what: &str, arguments: Value) -> Value {
        let mut writer = self.writer.lock().await;
        let line = format!("{}\n", json!({ "do": what, "with": arguments }));
        writer.0.write_all(line.as_bytes()).await.unwrap();
        let answer = tokio::time::timeout(PATIENCE, writer.1.next_line()).await;
        let answer = answer.unwrap().unwrap().unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    /// Makes a queue.
    pub(crate) async fn create_queue(&self, queue: &str) {
        self.do_it("create_queue", json!([queue])).await;
    }

    /// Puts a message into a queue as Event Grid does, in base64.
    pub(crate) async fn send(&self, queue: &str, text: &str) {
        self.do_it("send", json!([queue, text, true])).await;
    }

    /// How many messages are in a queue, hidden ones too.
    pub(crate) async fn left(&self, queue: &str) -> u64 {
        let left = self.do_it("left", json!([queue])).await;
        left.as_u64().unwrap()
    }

    /// Appends to a blob, which is made if it is missing.
    pub(crate) async fn append(&self, container: &str, blob: &str, text: &str) {
        self.do_it("append", json!([container, blob, text])).await;
    }
}

async fn install() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("azurite");
    let program = folder.join("node_modules/azurite/dist/src/azurite.js");
    let marker = folder.join("package");
    if std::fs::read_to_string(&marker).is_ok_and(|there| there == PACKAGE) {
        return Ok(program);
    }
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    std::fs::write(folder.join("package.json"), "{}").map_err(|error| error.to_string())?;
    let install = Command::new("npm")
        .args(["install", "--no-audit", "--no-fund", PACKAGE])
        .current_dir(&folder)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, install).await;
    let output = output.map_err(|_| "npm took too long".to_owned())?;
    let output = output.map_err(|error| format!("npm cannot be run: {error}"))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(why.lines().next().unwrap_or("npm failed").to_owned());
    }
    std::fs::write(&marker, PACKAGE).map_err(|error| error.to_string())?;
    Ok(program)
}
