//! Servers as processes of their own, and what the kernel counts of them.

use crate::{KEY, OURS, REGISTRY, beside};
use anyhow::{Context, ensure};
use clock::Clock;
use doorward_sim::{Registry, Sim, SimOptions};
use serde_json::{Value, json};
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio_util::task::TaskTracker;

/// A folder with a configuration, and the simulated Azure that it is about.
pub(crate) struct Installation {
    pub(crate) azure: Sim,
    folder: tempfile::TempDir,
}

impl Installation {
    pub(crate) async fn new() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let azure = Sim::start(SimOptions::new(Clock::system())).await?;
        azure.add_registry(Registry::new(REGISTRY));
        let settings = settings(folder.path(), &azure)?;
        fs::create_dir(folder.path().join("policies"))?;
        fs::write(folder.path().join("policies/policy.yaml"), policy())?;
        fs::write(folder.path().join("doorward.yaml"), settings.to_string())?;
        Ok(Self { azure, folder })
    }

    /// The ledger's file.
    pub(crate) fn ledger(&self) -> String {
        let file = self.folder.path().join("doorward.db");
        format!("sqlite://{}", file.display())
    }

    pub(crate) async fn close(self) -> anyhow::Result<()> {
        self.azure.shutdown().await;
        Ok(self.folder.close()?)
    }
}

fn policy() -> String {
    format!(
        "version: 1\nsets: {{ build-egress: {{ cidrs: [{OURS}/32] }} }}\nrules:\n  - {{ name: build agents, when: {{ address: build-egress }}, then: allow, for: 10m, because: Our NAT gateway. }}\n"
    )
}

fn settings(folder: &Path, azure: &Sim) -> anyhow::Result<Value> {
    let secrets = [
        ("link", "0123456789abcdef0123456789abcdef"),
        ("key", KEY),
        ("token", azure.static_token()),
    ];
    for (name, secret) in secrets {
        fs::write(folder.join(name), secret)?;
    }
    let secret = |name: &str| json!({ "file": folder.join(name) });
    let auth = json!({ "kind": "shared_key", "keys": [secret("key")] });
    Ok(json!({
        "listen": "127.0.0.1:0",
        "admin": "127.0.0.1:0",
        "state": format!("sqlite://{}", folder.join("doorward.db").display()),
        "policies": "policies/",
        "links": { "key": secret("link") },
        "azure": {
            "resource_manager": azure.resource_manager(),
            "credential": { "kind": "static_token", "file": folder.join("token") },
        },
        "registries": [{ "id": Registry::new(REGISTRY).id(), "approvals": "link" }],
        "sources": [{ "name": "clusters", "auth": auth, "rate_per_second": 1_000_000 }],
    }))
}

/// A server that runs.
pub(crate) struct Server {
    child: Child,
    pub(crate) at: SocketAddr,
    /// Where it takes bodies.
    pub(crate) path: &'static str,
}

impl Server {
    /// `doorward serve`, of the program that was built beside this one.
    pub(crate) async fn doorward(installation: &Installation) -> anyhow::Result<Self> {
        let program = built_beside("doorward")?;
        let mut command = Command::new(program);
        command.args(["serve", "--config"]);
        command.arg(installation.folder.path().join("doorward.yaml"));
        let mut child = command.stderr(Stdio::piped()).kill_on_drop(true).spawn()?;
        let log = child.stderr.take().context("no log")?;
        let at = said(log, |line| {
            let (_, rest) = line.split_once("listening on http://")?;
            rest.split(',').next()?.parse().ok()
        });
        let (at, path) = (at.await?, "/events/clusters");
        Ok(Self { child, at, path })
    }

    /// An axum handler that reads the body, or parses it.
    pub(crate) async fn axum(which: &str) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["serve", which]).stdout(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn()?;
        let out = child.stdout.take().context("no output")?;
        let at = said(out, |line| line.strip_prefix("listening on ")?.parse().ok());
        let (at, path) = (at.await?, "/");
        Ok(Self { child, at, path })
    }

    /// FastAPI; `None` where it is not installed.
    pub(crate) async fn fastapi() -> anyhow::Result<Option<Self>> {
        let python = std::env::var("DOORWARD_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let mut known = Command::new(&python);
        known.args(["-c", "import fastapi, uvicorn, orjson"]);
        let known = known.stderr(Stdio::null()).status().await;
        if !known.is_ok_and(|status| status.success()) {
            return Ok(None);
        }
        let free = TcpListener::bind("127.0.0.1:0")?;
        let at = free.local_addr()?;
        drop(free);
        let mut command = Command::new(python);
        command.args(["-c", beside::FASTAPI, &at.port().to_string()]);
        let child = command.kill_on_drop(true).spawn()?;
        for _ in 0..100 {
            if tokio::net::TcpStream::connect(at).await.is_ok() {
                return Ok(Some(Self {
                    child,
                    at,
                    path: "/",
                }));
            }
            Clock::system().sleep(Duration::from_millis(100)).await;
        }
        anyhow::bail!("FastAPI does not listen")
    }

    /// CPU time so far, in seconds, of all threads that there were.
    pub(crate) fn cpu(&self) -> anyhow::Result<f64> {
        const TICKS: f64 = 100.0;
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id()?))?;
        let (_, fields) = stat.rsplit_once(") ").context("no stat")?;
        // User and system time, fields 14 and 15 of proc(5).
        let times = fields.split(' ').skip(11).take(2);
        let ticks: Result<Vec<u32>, _> = times.map(str::parse).collect();
        Ok(ticks?.into_iter().map(f64::from).sum::<f64>() / TICKS)
    }

    /// The most memory it had, in MiB.
    pub(crate) fn peak(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id()?))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.context("no peak")?.trim().trim_end_matches(" kB");
        Ok(kib.parse::<u64>()? / 1024)
    }

    fn id(&self) -> anyhow::Result<u32> {
        self.child.id().context("the server has ended")
    }

    pub(crate) async fn stop(mut self) {
        self.child.kill().await.ok();
    }
}

fn built_beside(name: &str) -> anyhow::Result<PathBuf> {
    let here = std::env::current_exe()?;
    let folder = here.parent().and_then(Path::parent).context("no folder")?;
    let program = folder.join(name);
    ensure!(
        program.is_file(),
        "{} is not there: build it first with the same profile",
        program.display()
    );
    Ok(program)
}

/// What a line of an output says; the rest is read and dropped, so that nobody waits for a reader.
async fn said<T>(
    output: impl AsyncRead + Send + Unpin + 'static,
    what: impl Fn(&str) -> Option<T>,
) -> anyhow::Result<T> {
    let mut lines = BufReader::new(output).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some(found) = what(&line) {
            TaskTracker::new()
                .spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(found);
        }
    }
    anyhow::bail!("the server ended before it listened")
}
