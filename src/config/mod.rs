//! The configuration: read once, checked whole, every error with file, line and field.

mod approvals;
mod auth;
mod azure;
mod channels;
mod connections;
mod drift;
mod error;
mod feed;
mod options;
mod policies;
mod read;
mod registries;
mod routes;
mod sections;
mod state;
mod text_file;
mod values;

pub use crate::secret::{SecretError, SecretRef};
pub use auth::{SignIn, SignInWay};
pub use channels::{Channel, ChannelKind, Email, MailTls};
pub use connections::Connections;
pub use drift::Drift;
pub use error::LoadError;
pub use feed::{BlobFeed, Feed, FeedKind, QueueFeed};
pub use options::Options;
pub use policies::{Fingerprint, fingerprint, load_cases, load_file, load_files, load_policies};
pub use read::{load, parse};
pub use registries::GRANTS_PER_HOUR;
pub use state::{State, StateError, StateUrl};
pub use text_file::read_text;

use crate::azure::Settings;
use approvals::without_effect;
use doorward_core::approvals::{Approvals, Approver};
use doorward_core::auth::proof::ClaimIs;
use doorward_core::messages::routing::Routes;
use doorward_core::net::resource_id::ResourceId;
use doorward_core::policy::{Policy, Rule};
use doorward_core::yaml::duration::Show;
use doorward_core::yaml::problem::{Place, Problem, Problems, did_you_mean};
use ipnet::IpNet;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use values::is_loopback;

/// The JSON schema of the configuration file, for editors that complete and check it.
pub const SCHEMA: &str = include_str!("schema.json");

/// The longest that `max_ttl` may be. A door that stands open for weeks is a rule of the firewall and
/// belongs in whatever manages the registry.
pub const LONGEST_MAX_TTL: Duration = Duration::from_hours(7 * 24);

/// A checked configuration. Relative paths in it are relative to the file that it was read from.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where events and approvals come in; none where there are feeds alone.
    pub listen: Option<SocketAddr>,
    /// Where the operator page is.
    pub admin: SocketAddr,
    /// Where metrics are shown beside `admin`, if anywhere.
    pub metrics: Option<SocketAddr>,
    /// What whoever uses `admin` must know; needed where that is not on loopback.
    pub admin_token: Option<Secret>,
    /// How people reach `listen`, without a slash at the end.
    pub public_url: String,
    /// Where the ledger is.
    pub state: State,
    /// How long a start waits for a database server that is not to be had; for ever if it is not said.
    pub wait_for_database: Option<Duration>,
    /// The folder with the policy.
    pub policies: PathBuf,
    /// The folder with a candidate that is asked beside it, if there is one.
    pub shadow: Option<PathBuf>,
    /// Whether anything is written.
    pub mode: Mode,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// What each listener bears with.
    pub connections: Connections,
    /// The longest that anything is open; at most [`LONGEST_MAX_TTL`].
    pub max_ttl: Duration,
    /// A denial that is older when it arrives opens nothing.
    pub max_event_age: Duration,
    /// How long a verdict stands for denials that repeat it; at most
    /// [`LONGEST_DEDUP_WINDOW`](doorward_core::state::LONGEST_DEDUP_WINDOW).
    pub dedup_window: Duration,
    /// How long a person's no stands for denials like the one that was asked about.
    pub decline_cooldown: Duration,
    /// How long an entry may take to reach every front end; refusals until then say nothing.
    pub propagation_grace: Duration,
    /// How long the program may take to end once it is told to.
    pub shutdown_timeout: Duration,
    /// Approval links.
    pub links: Links,
    /// What ownership tags are signed with, where that is not derived from the links' key.
    pub ownership_tag_key: Option<Secret>,
    /// Azure and how to sign in there.
    pub azure: Settings,
    /// The registries that may be opened; at least one.
    pub registries: Vec<Registry>,
    /// The people who may approve.
    pub approvers: Vec<Approver>,
    /// Who may report denials; at least one.
    pub sources: Vec<Source>,
    /// Where messages go.
    pub channels: Vec<Channel>,
    /// Which of them hear of which messages.
    pub routes: Routes,
    /// How people sign in, if they can.
    pub sign_in: Option<SignIn>,
    /// What is odd about it, and allowed.
    pub warnings: Problems,
}

/// The shortest key that a sender and doorward may share, in bytes.
const SHORTEST_KEY: usize = 16;

/// A problem for each key that could be guessed. One that is empty could not be read, which is told anyway.
fn too_short(named: &[Secret], keys: &[SecretString]) -> Vec<Problem> {
    let short = |key: &SecretString| (1..SHORTEST_KEY).contains(&key.expose_secret().len());
    let what = format!(
        "the key is shorter than {SHORTEST_KEY} bytes, so that it could be guessed: make another with `openssl rand -hex 32`"
    );
    let all = named.iter().zip(keys).filter(|(_, key)| short(key));
    all.map(|(named, _)| named.problem(what.clone())).collect()
}

/// Whether doorward writes firewall entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It does.
    #[default]
    Enforce,
    /// Everything but that.
    Observe,
}

/// Approval links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Links {
    /// What they are signed with.
    pub key: Secret,
    /// What those were signed with that are still good.
    pub older: Vec<Secret>,
    /// How long they can be answered.
    pub valid_for: Duration,
}

/// An enrolled registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    /// Its ARM id.
    pub id: ResourceId,
    /// Its custom domains, lower-case.
    pub hosts: Vec<String>,
    /// How many firewall entries it takes, where Azure does not say.
    pub max_entries: u32,
    /// How many of these places doorward leaves to people.
    pub reserve: u32,
    /// Whether its tags say which of its entries are doorward's: a second memory.
    pub ownership_tags: bool,
    /// What is asked of answers to requests about it.
    pub approvals: Approvals,
    /// How many questions about it are sent in an hour.
    pub questions_per_hour: usize,
    /// How many grants it may have in an hour.
    pub grants_per_hour: usize,
    /// How many addresses in no set that somebody owns may be refused within ten minutes before they
    /// are only counted.
    pub max_unknown_addresses: usize,
    /// What is done about changes of others.
    pub drift: Drift,
}

/// A configured sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name, as it stands in the path `/events/{source}`.
    pub name: String,
    /// How it proves itself.
    pub auth: Auth,
    /// The hosts of registries that its events may name, lower-case; empty for all that are enrolled.
    pub registries: Vec<String>,
    /// The host of the registry that is meant when an event names none, lower-case.
    pub registry: Option<String>,
    /// Whether a record that says 403 and an address, without the firewall's words, may open.
    pub trust_status_403: bool,
    /// How many requests a second it may make.
    pub rate_per_second: u32,
    /// How large a body may be, in bytes.
    pub max_body_bytes: usize,
    /// What its sender does in its own way.
    pub options: Options,
}

/// How a sender proves itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// A secret that both know, in the header `x-doorward-key`.
    SharedKey {
        /// All of them count: one comes, one goes.
        keys: Vec<Secret>,
        /// Whether it may also stand in the query parameter `key`.
        query: bool,
    },
    /// A token that a tenant of Microsoft Entra ID issued.
    EntraToken {
        /// The tenant, a GUID in lower case.
        tenant_id: String,
        /// What the token is for, in every form that it may be written in.
        audiences: Vec<String>,
        /// The application that shows it, a GUID; `None` for any.
        app_id: Option<String>,
        /// A role that the application must have.
        role: Option<String>,
    },
    /// The token of a CI job.
    CiToken {
        /// Who issues it: an https URL, or http on this machine.
        issuer: String,
        /// What it is for.
        audiences: Vec<String>,
        /// What it must say of the job; at least one claim names whose job it is.
        claims: Vec<ClaimIs>,
    },
    /// A signature of the body in the form of Standard Webhooks.
    Signature {
        /// All of them count: one comes, one goes.
        keys: Vec<Secret>,
    },
    /// Nobody sends: doorward fetches.
    Feed(Feed),
}

/// Why a channel's URL cannot be used, without the URL; one that is not there is told elsewhere.
fn is_no_channel(url: &SecretString) -> Option<&'static str> {
    let text = url.expose_secret();
    if text.is_empty() {
        return None;
    }
    let Ok(url) = Url::parse(text) else {
        return Some("the channel's URL is not a URL");
    };
    match url.scheme() {
        "https" => None,
        "http" if is_loopback(&url) => None,
        "http" => Some(
            "the channel's URL begins with `http://`, so messages and their links would go over the network in clear text: use `https://`",
        ),
        _ => Some("the channel's URL begins with neither `https://` nor `http://`"),
    }
}

/// Where a secret is to be read from, and where that is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Where to read it.
    pub from: SecretRef,
    /// The configuration's file.
    pub file: String,
    /// Where in it.
    pub place: Place,
    /// The field's path.
    pub field: String,
}

/// The secrets that a configuration names, as they are now.
#[derive(Debug)]
pub struct Secrets {
    /// What approval links are signed with.
    pub link_key: SecretString,
    /// What those were signed with that are still good.
    pub older_link_keys: Vec<SecretString>,
    /// What whoever uses the admin listener must know.
    pub admin_token: Option<SecretString>,
    /// What the key of ownership tags is derived from.
    pub ownership_tag_key: SecretString,
    /// The keys of each source, by its name.
    pub source_keys: BTreeMap<String, Vec<SecretString>>,
    /// The secrets of each channel, by its name and the field that names them.
    pub channels: BTreeMap<String, BTreeMap<&'static str, SecretString>>,
    /// doorward's own at the provider where people sign in.
    pub client_secret: Option<SecretString>,
}

impl Config {
    /// Which secret the key of ownership tags is derived from.
    pub fn ownership_tag_key(&self) -> &Secret {
        self.ownership_tag_key.as_ref().unwrap_or(&self.links.key)
    }

    /// Reads every secret that the configuration names.
    ///
    /// # Errors
    /// All that are not there, each with the field that names it.
    pub fn read_secrets(&self) -> Result<Secrets, LoadError> {
        let mut missing = Vec::new();
        let mut read = |secret: &Secret| match secret.from.read() {
            Ok(value) => value,
            Err(error) => {
                missing.push(secret.problem(error.to_string()));
                SecretString::default()
            }
        };
        let link_key = read(&self.links.key);
        let older_link_keys = self.links.older.iter().map(&mut read).collect();
        // Where none is named, it is the links' own: what is wrong with it is said once.
        let ownership_tag_key = self.ownership_tag_key.as_ref().map(&mut read);
        let ownership_tag_key = ownership_tag_key.unwrap_or_else(|| link_key.clone());
        let admin_token = self.admin_token.as_ref().map(&mut read);
        let client_secret = self.sign_in.as_ref().and_then(SignIn::client_secret);
        let client_secret = client_secret.map(&mut read);
        let mut source_keys = BTreeMap::new();
        let mut short = Vec::new();
        for source in &self.sources {
            let (named, shared): (&[Secret], bool) = match &source.auth {
                Auth::SharedKey { keys, .. } => (keys, true),
                Auth::Signature { keys } => (keys, false),
                Auth::Feed(feed) => (&feed.secrets, false),
                Auth::EntraToken { .. } | Auth::CiToken { .. } => (&[], false),
            };
            let keys: Vec<SecretString> = named.iter().map(&mut read).collect();
            if shared {
                short.extend(too_short(named, &keys));
            }
            source_keys.insert(source.name.clone(), keys);
        }
        let mut channels = BTreeMap::new();
        for channel in &self.channels {
            let named = channel.secrets.iter();
            let secrets: BTreeMap<&'static str, SecretString> = named
                .map(|(field, secret)| (*field, read(secret)))
                .collect();
            short.extend(channel.problems(&secrets));
            channels.insert(channel.name.clone(), secrets);
        }
        missing.extend(short);
        if missing.is_empty() {
            Ok(Secrets {
                link_key,
                older_link_keys,
                admin_token,
                ownership_tag_key,
                source_keys,
                channels,
                client_secret,
            })
        } else {
            Err(LoadError::Problems(Problems(missing)))
        }
    }

    /// Checks that the channels and sources that a policy names are configured. A channel that is not
    /// is an error; a source may be configured elsewhere, so that one that is not is a warning.
    pub fn check(&self, policy: &Policy) -> Problems {
        let channels: Vec<&str> = self.channels.iter().map(|channel| &*channel.name).collect();
        let sources: Vec<&str> = self.sources.iter().map(|source| &*source.name).collect();
        let mut problems = Vec::new();
        for rule in &policy.rules {
            if let Some(ttl) = rule.ttl.filter(|ttl| *ttl > self.max_ttl) {
                let (name, most) = (&rule.name, Show(self.max_ttl));
                let what = format!(
                    "rule `{name}` opens for {}, cut to `max_ttl`, {most}",
                    Show(ttl)
                );
                problems.push(of_rule(rule, what, None, true));
            }
            for what in without_effect(rule, &self.registries) {
                problems.push(of_rule(rule, what, None, true));
            }
            let named = rule.channel.iter().map(|name| ("channel", name, &channels));
            let reported = rule
                .when
                .source
                .iter()
                .map(|name| ("source", name, &sources));
            for (kind, name, known) in named.chain(reported) {
                if known.contains(&name.as_str()) {
                    continue;
                }
                let help = did_you_mean(name, known.iter().copied());
                let help =
                    help.or_else(|| Some(format!("add it under `{kind}s` in the configuration")));
                let what = format!(
                    "rule `{}` names the {kind} `{name}`, and there is none",
                    rule.name
                );
                problems.push(of_rule(rule, what, help, kind == "source"));
            }
        }
        Problems(problems)
    }
}

fn of_rule(rule: &Rule, what: String, help: Option<String>, warning: bool) -> Problem {
    Problem {
        file: rule.file.clone(),
        place: rule.place.clone(),
        shown: None,
        field: String::new(),
        what,
        help,
        warning,
    }
}

impl Secret {
    /// That what was read here cannot be used.
    pub fn refused(&self, what: String) -> LoadError {
        LoadError::Problems(Problems(vec![self.problem(what)]))
    }

    fn problem(&self, what: String) -> Problem {
        Problem {
            file: self.file.clone(),
            place: self.place.clone(),
            shown: None,
            field: self.field.clone(),
            what,
            help: None,
            warning: false,
        }
    }
}
