//! Reading the configuration: a file to a checked [`Config`], or everything that is wrong with it.

use super::approvals::{approvers, links};
use super::auth::sign_in;
use super::channels::channels;
use super::connections::connections;
use super::registries::registries;
use super::routes::routes;
use super::sections::sources;
use super::values::{hide_urls_with_passwords, path, public_url, secret};
use super::{Auth, Channel, Config, LONGEST_MAX_TTL, LoadError, Mode, Source, State, azure};
use crate::azure::Settings;
use doorward_core::messages::routing::Routes;
use doorward_core::sets::parse_cidr;
use doorward_core::state::LONGEST_DEDUP_WINDOW;
use doorward_core::yaml::duration::Show;
use doorward_core::yaml::problem::{Problems, Sink};
use doorward_core::yaml::{self, Fields, Item, Value};
use ipnet::IpNet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where events come in unless the file says otherwise.
const LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);
/// Where the operator page is unless the file says otherwise.
const ADMIN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8081);
/// An example of where metrics may be shown: where Prometheus' own programs do, nearly.
const METRICS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9090);
/// Where the ledger is unless the file says otherwise.
const STATE: &str = "/var/lib/doorward/doorward.db";
/// The limit on every opening unless the file says otherwise.
const MAX_TTL: Duration = Duration::from_hours(24);

/// The age at which a denial opens nothing any more unless the file says otherwise.
const MAX_EVENT_AGE: Duration = Duration::from_mins(30);
/// How long a verdict stands for its like unless the file says otherwise.
const REPEAT_WINDOW: Duration = Duration::from_mins(15);
/// How long an entry may take to reach every front end unless the file says otherwise: minutes at most
/// (<https://learn.microsoft.com/azure/container-registry/container-registry-access-selected-networks>).
const PROPAGATION_GRACE: Duration = Duration::from_mins(2);

/// How long the program may take to end unless the file says otherwise.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest that it may be: whoever keeps processes waits half a minute as a rule.
const LONGEST_SHUTDOWN: Duration = Duration::from_mins(5);

/// Reads the configuration from its file.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(path: &Path) -> Result<Config, LoadError> {
    let help = "name it with `--config`; the README has a sample";
    let text =
        std::fs::read_to_string(path).map_err(|error| LoadError::unreadable(path, &error, help))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    Ok(parse(&path.display().to_string(), &text, folder)?)
}

/// Reads the text of a configuration that stands in `folder`; `name` is what the user calls it.
///
/// # Errors
/// Everything that is wrong with it, each with its place and what to do.
pub fn parse(name: &str, text: &str, folder: &Path) -> Result<Config, Problems> {
    let mut sink = Sink::guarded(name, text);
    let config = yaml::load(text, &mut sink)
        .and_then(|node| document(text, &Item::document(&node), folder, &mut sink));
    let failed = sink.failed();
    let (warnings, errors) = sink.finish().split();
    match config {
        Some(config) if !failed => Ok(Config { warnings, ..config }),
        _ => Err(errors),
    }
}

fn channels_and_routes(
    fields: &mut Fields<'_>,
    folder: &Path,
    sink: &mut Sink<'_>,
) -> (Vec<Channel>, Routes) {
    let channels = channels(fields, folder, sink);
    let routes = routes(fields, &channels, sink);
    (channels, routes)
}

#[expect(clippy::too_many_lines, reason = "a line for each key")]
fn document(text: &str, item: &Item<'_>, folder: &Path, sink: &mut Sink<'_>) -> Option<Config> {
    hide_urls_with_passwords(item, sink);
    let mut fields = item.fields(sink)?;
    let (listen, admin, metrics) = addresses(&mut fields, sink);
    let mut named = |name: &'static str| fields.take(name).map(|at| secret(&at, folder, sink));
    let admin_token = named("admin_token");
    let ownership_tag_key = named("ownership_tag_key");
    listeners(&fields.item, (listen, admin), admin_token.is_some(), sink);
    let plain = || Some(format!("http://{}", listen.unwrap_or(admin)));
    let url = fields.take("public_url");
    let url = url.map_or_else(plain, |at| public_url(&at, sink));
    let (state, wait_for_database) = state(&mut fields, folder, sink);
    let policies = policies(&mut fields, folder, sink);
    let mode = mode(&mut fields, sink);
    let trusted_proxies = proxies(&mut fields, sink);
    let connections = connections(&mut fields, sink);
    let max_ttl = max_ttl(&mut fields, sink);
    let max_event_age = duration(&mut fields, "max_event_age", MAX_EVENT_AGE, sink);
    let dedup_window = window(&mut fields, "dedup_window", sink);
    let decline_cooldown = window(&mut fields, "decline_cooldown", sink);
    let grace = duration(&mut fields, "propagation_grace", PROPAGATION_GRACE, sink);
    let shutdown_timeout = shutdown_timeout(&mut fields, sink);
    let links = links(&mut fields, folder, sink);
    let azure = azure_settings(&mut fields, (text, folder), sink);
    let registries = registries(&mut fields, sink);
    let approvers = approvers(&mut fields, sink);
    let sources = sources(&mut fields, (&registries, folder), sink);
    nobody_sends(&fields.item, listen, &sources, sink);
    let (channels, routes) = channels_and_routes(&mut fields, folder, sink);
    let people = (url.as_deref(), !trusted_proxies.is_empty(), folder);
    let sign_in = sign_in(&mut fields, people, sink);
    fields.finish(sink);
    Some(Config {
        listen,
        admin,
        metrics,
        // One that cannot be read has been reported.
        admin_token: admin_token.flatten(),
        public_url: url?,
        state: state?,
        wait_for_database,
        policies: policies.0?,
        shadow: policies.1,
        mode: mode?,
        trusted_proxies,
        connections: connections?,
        max_ttl,
        max_event_age: max_event_age?,
        dedup_window,
        decline_cooldown,
        propagation_grace: grace?,
        shutdown_timeout: shutdown_timeout?,
        links: links?,
        ownership_tag_key: ownership_tag_key.flatten(),
        azure: azure?,
        registries,
        approvers,
        sources,
        channels,
        routes,
        sign_in,
        warnings: Problems::default(),
    })
}

fn azure_settings(
    fields: &mut Fields<'_>,
    (text, folder): (&str, &Path),
    sink: &mut Sink<'_>,
) -> Option<Settings> {
    let usual = || Some(Settings::default());
    let azure = fields.take("azure");
    azure.map_or_else(usual, |at| azure::read(text, &at, folder, sink))
}

fn duration(
    fields: &mut Fields<'_>,
    name: &'static str,
    usual: Duration,
    sink: &mut Sink<'_>,
) -> Option<Duration> {
    let given = fields.take(name);
    given.map_or(Some(usual), |at| at.duration(sink))
}

fn mode(fields: &mut Fields<'_>, sink: &mut Sink<'_>) -> Option<Mode> {
    let modes = [("enforce", Mode::Enforce), ("observe", Mode::Observe)];
    let mode = fields.take("mode");
    mode.map_or(Some(Mode::Enforce), |mode| mode.word(&modes, sink))
}

/// `policies: policies`, or with a candidate beside it `policies: { dir: policies, shadow: candidate }`.
fn policies(
    fields: &mut Fields<'_>,
    folder: &Path,
    sink: &mut Sink<'_>,
) -> (Option<PathBuf>, Option<PathBuf>) {
    let usual = || Some(folder.join("policies"));
    let Some(item) = fields.take("policies") else {
        return (usual(), None);
    };
    let Value::Map(_) = item.node.value else {
        return (path(&item, folder, sink), None);
    };
    let Some(mut fields) = item.fields(sink) else {
        return (None, None);
    };
    let dir = fields.take("dir");
    let dir = dir.map_or_else(usual, |at| path(&at, folder, sink));
    let candidate = fields.take("shadow");
    let shadow = candidate.as_ref().and_then(|at| path(at, folder, sink));
    if let (Some(at), true) = (&candidate, dir.is_some() && dir == shadow) {
        let help = "keep the candidate in a folder of its own";
        at.error("this is the folder of the policy in force", help, sink);
    }
    fields.finish(sink);
    (dir, shadow)
}

fn shutdown_timeout(fields: &mut Fields<'_>, sink: &mut Sink<'_>) -> Option<Duration> {
    let Some(item) = fields.take("shutdown_timeout") else {
        return Some(SHUTDOWN_TIMEOUT);
    };
    let timeout = item.duration(sink)?;
    if timeout <= LONGEST_SHUTDOWN {
        return Some(timeout);
    }
    let help = format!("at most {}", Show(LONGEST_SHUTDOWN));
    item.error("nobody waits that long for a program to end", help, sink);
    None
}

/// `listen`: an address, or `none` where doorward fetches all that it hears.
fn listen(fields: &mut Fields<'_>, sink: &mut Sink<'_>) -> Option<SocketAddr> {
    let none = |at: &Item<'_>| matches!(&at.node.value, Value::Scalar(text) if text == "none");
    if fields.item.field("listen").as_ref().is_some_and(none) {
        fields.take("listen");
        return None;
    }
    Some(address(fields, "listen", LISTEN, sink))
}

/// Where it listens: for senders, operators, and Prometheus.
fn addresses(
    fields: &mut Fields<'_>,
    sink: &mut Sink<'_>,
) -> (Option<SocketAddr>, SocketAddr, Option<SocketAddr>) {
    let listen = listen(fields, sink);
    let admin = address(fields, "admin", ADMIN, sink);
    let metrics = metrics(fields, (listen, admin), sink);
    (listen, admin, metrics)
}

/// `metrics`: an address that is no other listener's.
fn metrics(
    fields: &mut Fields<'_>,
    (listen, admin): (Option<SocketAddr>, SocketAddr),
    sink: &mut Sink<'_>,
) -> Option<SocketAddr> {
    let at = fields.take("metrics")?;
    let metrics = address_of(&at, METRICS, sink);
    if metrics.port() != 0 && (listen == Some(metrics) || admin == metrics) {
        let help = "give the listener for metrics a port of its own";
        at.error("another listener has this address", help, sink);
    }
    Some(metrics)
}

/// Without a listener there are feeds, and no senders.
fn nobody_sends(
    document: &Item<'_>,
    listen: Option<SocketAddr>,
    sources: &[Source],
    sink: &mut Sink<'_>,
) {
    let sends = |source: &&Source| !matches!(source.auth, Auth::Feed(_));
    let sender = sources.iter().find(sends);
    if let (None, Some(at), Some(sender)) = (listen, document.field("listen"), sender) {
        let what = format!(
            "nobody can send here, and the source `{}` is a sender",
            sender.name
        );
        let help = "give `listen` an address and a port, or let every source be a `feed`";
        at.error(what, help, sink);
    }
}

fn address(
    fields: &mut Fields<'_>,
    name: &'static str,
    default: SocketAddr,
    sink: &mut Sink<'_>,
) -> SocketAddr {
    let item = fields.take(name);
    item.map_or(default, |item| address_of(&item, default, sink))
}

fn address_of(item: &Item<'_>, default: SocketAddr, sink: &mut Sink<'_>) -> SocketAddr {
    let Some(text) = item.text(sink) else {
        return default;
    };
    text.parse().unwrap_or_else(|_| {
        let help = format!(
            "write an address and a port, such as `{default}` or `0.0.0.0:{}`",
            default.port()
        );
        item.error(
            format!("`{text}` is not an address with a port"),
            help,
            sink,
        );
        default
    })
}

fn listeners(
    document: &Item<'_>,
    (listen, admin): (Option<SocketAddr>, SocketAddr),
    token: bool,
    sink: &mut Sink<'_>,
) {
    let at = document.field("admin").or_else(|| document.field("listen"));
    let at = at.unwrap_or_else(|| document.clone());
    if listen == Some(admin) && admin.port() != 0 {
        let help = "give the operator page a port of its own";
        at.error("`listen` and `admin` are the same address", help, sink);
    }
    if !admin.ip().is_loopback() && !token {
        let what = "this is not on loopback, and whoever reaches it could give orders";
        let help = "keep it on loopback, or set `admin_token: { env: NAME }` or `{ file: PATH }`";
        at.error(what, help, sink);
    }
}

/// `state`, and `wait_for_database`, which is about a server alone.
fn state(
    fields: &mut Fields<'_>,
    folder: &Path,
    sink: &mut Sink<'_>,
) -> (Option<State>, Option<Duration>) {
    let wait = fields.take("wait_for_database");
    let wait = wait.and_then(|at| at.duration(sink));
    let Some(item) = fields.take("state") else {
        return (Some(State::Sqlite(STATE.into())), wait);
    };
    (state_at(&item, folder, sink), wait)
}

fn state_at(item: &Item<'_>, folder: &Path, sink: &mut Sink<'_>) -> Option<State> {
    if item.is_mapping() {
        return secret(item, folder, sink).map(State::Secret);
    }
    match State::parse(item.text(sink)?, folder) {
        Ok(state) => Some(state),
        Err(error) => {
            item.error(error.to_string(), "", sink);
            None
        }
    }
}

fn proxies(fields: &mut Fields<'_>, sink: &mut Sink<'_>) -> Vec<IpNet> {
    let Some(items) = fields
        .take("trusted_proxies")
        .and_then(|item| item.list(sink))
    else {
        return Vec::new();
    };
    let mut proxies = Vec::new();
    for item in items {
        let Some(text) = item.text(sink) else {
            continue;
        };
        match parse_cidr(text) {
            Ok(network) if network.prefix_len() == 0 => {
                let what = "this believes everybody who calls himself a proxy";
                item.error(what, "name the proxies in front of `listen`", sink);
            }
            Ok(network) => proxies.push(network),
            Err(error) => item.error(error.to_string(), "", sink),
        }
    }
    proxies
}

fn max_ttl(fields: &mut Fields<'_>, sink: &mut Sink<'_>) -> Duration {
    let item = fields.take("max_ttl");
    let ttl = item.as_ref().and_then(|item| item.duration(sink));
    let ttl = ttl.unwrap_or(MAX_TTL);
    if let (Some(item), true) = (item, ttl > LONGEST_MAX_TTL) {
        let what = format!("{} is too long for a temporary opening", Show(ttl));
        let help = format!(
            "write at most {}; what stands longer belongs in whatever manages the registry",
            Show(LONGEST_MAX_TTL)
        );
        item.error(what, help, sink);
    }
    ttl
}

fn window(fields: &mut Fields<'_>, name: &'static str, sink: &mut Sink<'_>) -> Duration {
    let item = fields.take(name);
    let window = item.as_ref().and_then(|item| item.duration(sink));
    let window = window.unwrap_or(REPEAT_WINDOW);
    let longest = LONGEST_DEDUP_WINDOW.unsigned_abs();
    if let (Some(item), true) = (item, window > longest) {
        let what = format!("{} is longer than a verdict is remembered", Show(window));
        let help = format!("write at most {}", Show(longest));
        item.error(what, help, sink);
    }
    window
}
