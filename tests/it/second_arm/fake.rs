//! The server: HTTP/1.1 by hand, one request a connection, one registry, and a script of what becomes of
//! writes.

use clock::{self, Clock};
use jiff::Timestamp;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What becomes of a request.
#[derive(Clone, Debug)]
pub(super) struct Does {
    /// Whether a write is carried out, and how much later.
    pub(super) applies: Option<Duration>,
    pub(super) answers: Answers,
}

/// What is answered.
#[derive(Clone, Debug)]
pub(super) enum Answers {
    /// A status, further lines of the head, and a body.
    With(u16, String, String),
    /// 201, with an operation that never ends.
    Endless,
    /// Nothing: the connection is cut.
    Cut,
}

impl Does {
    /// Refuses, and nothing is done.
    pub(super) fn refuse(status: u16, code: &str, message: &str) -> Self {
        let body = format!(r#"{{"error":{{"code":"{code}","message":"{message}"}}}}"#);
        Self {
            applies: None,
            answers: Answers::With(status, String::new(), body),
        }
    }

    /// The same, and asks to wait.
    pub(super) fn refuse_for(status: u16, seconds: u64) -> Self {
        Self {
            applies: None,
            answers: Answers::With(
                status,
                format!("retry-after: {seconds}\r\n"),
                "{}".to_owned(),
            ),
        }
    }

    pub(super) fn applying(answers: Answers) -> Self {
        Self {
            applies: Some(Duration::ZERO),
            answers,
        }
    }

    pub(super) fn without_applying(answers: Answers) -> Self {
        Self {
            applies: None,
            answers,
        }
    }
}

/// The registry as text.
#[derive(Clone, Debug)]
pub(super) struct Registry {
    pub(super) rule_set: String,
    pub(super) tags: String,
    pub(super) state: &'static str,
    pub(super) modified: Timestamp,
    /// How many entries it takes; what it says of one more.
    pub(super) quota: (usize, &'static str),
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            rule_set: r#"{"defaultAction":"Deny","ipRules":[]}"#.to_owned(),
            tags: "{}".to_owned(),
            state: "Succeeded",
            modified: "2026-11-01T00:00:00Z".parse().unwrap(),
            quota: (usize::MAX, ""),
        }
    }
}

impl Registry {
    fn body(&self) -> String {
        let Self {
            rule_set,
            tags,
            state,
            modified,
            ..
        } = self;
        format!(
            r#"{{"systemData":{{"lastModifiedAt":"{modified}"}},"zones":[1e400],"tags":{tags},"properties":{{"loginServer":"contosoprod.azurecr.io","publicNetworkAccess":"Enabled","networkRuleSet":{rule_set},"provisioningState":"{state}"}},"sku":{{"tier":"Premium","name":"Premium"}}}}"#
        )
    }

    /// Takes in a PATCH; what it says of one that it does not take.
    fn patch(&mut self, body: &str, at: Timestamp) -> Result<(), String> {
        if let Some(set) = member(body, "properties").and_then(|it| member(&it, "networkRuleSet")) {
            let entries = values(&set).len();
            if entries > self.quota.0 {
                return Err(self.quota.1.to_owned());
            }
            self.rule_set = set;
        }
        if let Some(tags) = member(body, "tags") {
            self.tags = tags;
        }
        self.modified = at;
        Ok(())
    }
}

/// A member of an object, as it is written.
fn member(object: &str, name: &str) -> Option<String> {
    let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(object).unwrap();
    members.get(name).map(|it| it.get().to_owned())
}

/// The values of the entries of a rule set.
fn values(rule_set: &str) -> Vec<String> {
    let list = member(rule_set, "ipRules").unwrap_or_else(|| "[]".to_owned());
    let list: Vec<Box<RawValue>> = serde_json::from_str(&list).unwrap();
    let entries = list
        .iter()
        .map(|entry| member(entry.get(), "value").unwrap());
    entries
        .map(|value| serde_json::from_str(&value).unwrap())
        .collect()
}

/// A Resource Manager.
pub(super) struct Fake {
    pub(super) origin: String,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    registry: Registry,
    clock: Clock,
    writes: VecDeque<Does>,
    reads: VecDeque<Does>,
    /// What reads show instead of what is.
    stale: Option<String>,
    /// Writes that come later.
    late: Vec<(Timestamp, String)>,
    asked: Vec<(Timestamp, String, String)>,
}

impl Fake {
    pub(super) async fn start(registry: Registry) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Mutex::new(Shared {
            registry,
            clock: Clock::set_to(Timestamp::UNIX_EPOCH),
            writes: VecDeque::new(),
            reads: VecDeque::new(),
            stale: None,
            late: Vec::new(),
            asked: Vec::new(),
        }));
        let serving = Arc::clone(&shared);
        let at = origin.clone();
        let tasks = tokio_util::task::TaskTracker::new();
        tasks.clone().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tasks.spawn(serve(stream, Arc::clone(&serving), at.clone()));
            }
        });
        Self { origin, shared }
    }

    fn with<T>(&self, with: impl FnOnce(&mut Shared) -> T) -> T {
        with(&mut self.shared.lock().unwrap())
    }

    /// It goes by this clock.
    pub(super) fn keeps(&self, clock: &Clock) {
        self.with(|shared| shared.clock = clock.clone());
    }

    /// What becomes of the next writes, in order; those after them are simply carried out.
    pub(super) fn next_writes(&self, does: impl IntoIterator<Item = Does>) {
        self.with(|shared| shared.writes.extend(does));
    }

    /// The same of the next reads of the registry.
    pub(super) fn next_reads(&self, does: impl IntoIterator<Item = Does>) {
        self.with(|shared| shared.reads.extend(does));
    }

    /// What a read shows now.
    pub(super) fn snapshot(&self) -> String {
        self.registry().body()
    }

    /// Reads show this instead of what is.
    pub(super) fn reads_show(&self, stale: Option<String>) {
        self.with(|shared| shared.stale = stale);
    }

    /// Somebody else changes the registry.
    pub(super) fn edit(&self, change: impl FnOnce(&mut Registry)) {
        self.with(|shared| {
            shared.registry.modified = shared.clock.now();
            change(&mut shared.registry);
        });
    }

    pub(super) fn registry(&self) -> Registry {
        self.with(|shared| {
            shared.catch_up();
            shared.registry.clone()
        })
    }

    pub(super) fn entries(&self) -> Vec<String> {
        values(&self.registry().rule_set)
    }

    /// The bodies of writes so far, each with when it came.
    pub(super) fn patches(&self) -> Vec<(Timestamp, String)> {
        self.with(|shared| {
            let asked = shared.asked.iter();
            let patches = asked.filter(|(_, asked, _)| asked.starts_with("PATCH"));
            patches.map(|(at, _, body)| (*at, body.clone())).collect()
        })
    }

    /// How often it was asked so far.
    pub(super) fn asked(&self) -> usize {
        self.with(|shared| shared.asked.len())
    }
}

impl Shared {
    fn catch_up(&mut self) {
        let now = self.clock.now();
        let (due, late) = std::mem::take(&mut self.late)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        self.late = late;
        let due: Vec<(Timestamp, String)> = due;
        for (at, body) in due {
            self.registry.patch(&body, at).ok();
        }
    }

    fn answer(&mut self, asked: &str, body: String) -> Answers {
        self.catch_up();
        let now = self.clock.now();
        self.asked.push((now, asked.to_owned(), body.clone()));
        let is_registry = asked.contains("/registries/contosoprod?");
        if asked.starts_with("PATCH") {
            let does = self.writes.pop_front();
            let does = does.unwrap_or_else(|| {
                let done = Answers::With(200, String::new(), self.registry.body());
                Does::applying(done)
            });
            if let Some(after) = does.applies {
                if !after.is_zero() {
                    self.late.push((clock::add(now, after), body));
                } else if let Err(refused) = self.registry.patch(&body, now) {
                    return Does::refuse(400, "BadRequest", &refused).answers;
                }
            }
            return does.answers;
        }
        if is_registry {
            if let Some(does) = self.reads.pop_front() {
                return does.answers;
            }
            let body = self.stale.clone();
            let body = body.unwrap_or_else(|| self.registry.body());
            return Answers::With(200, String::new(), body);
        }
        if asked.contains("/operations/") {
            let body = r#"{"status":"InProgress"}"#.to_owned();
            return Answers::With(200, "retry-after: 1\r\n".to_owned(), body);
        }
        let body = r#"{"error":{"code":"AuthorizationFailed","message":"no"}}"#;
        Answers::With(403, String::new(), body.to_owned())
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Mutex<Shared>>, origin: String) {
    let Some((asked, body)) = request(&mut stream).await else {
        return;
    };
    let answers = shared.lock().unwrap().answer(&asked, body);
    let (status, head, body) = match answers {
        Answers::With(status, head, body) => (status, head, body),
        Answers::Endless => {
            let link = format!("azure-asyncoperation: {origin}/operations/1\r\nretry-after: 1\r\n");
            (201, link, "{}".to_owned())
        }
        Answers::Cut => return,
    };
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n{head}\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await.ok();
    stream.shutdown().await.ok();
}

/// Method and path, and the body.
async fn request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    let head = loop {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(end) = end {
            break end;
        }
        stream
            .read_buf(&mut bytes)
            .await
            .ok()
            .filter(|read| *read > 0)?;
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let line = text.lines().next()?;
    let asked = line.trim_end_matches(" HTTP/1.1").to_owned();
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let length = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length: usize = length.map_or(0, |(_, value)| value.trim().parse().unwrap());
    while bytes.len() < head + 4 + length {
        stream
            .read_buf(&mut bytes)
            .await
            .ok()
            .filter(|read| *read > 0)?;
    }
    Some((
        asked,
        String::from_utf8(bytes[head + 4..].to_vec()).unwrap(),
    ))
}
