//! `channels`: where messages go, each kind with its own fields. Secrets stand elsewhere, by reference.

mod read;

use super::sections::{items, unique};
use super::values::name;
use super::{Secret, is_no_channel};
use doorward_core::auth::signature::Key;
use doorward_core::messages::channels::template::Template;
use doorward_core::yaml::problem::{Problem, Sink, did_you_mean};
use doorward_core::yaml::{Fields, Item};
use read::Reader;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// How many questions an hour a channel is sent, unless the file says otherwise.
const QUESTIONS_PER_HOUR: u32 = 60;

/// Where Slack's Web API is.
const SLACK_API: &str = "https://slack.com/api/";

/// The fields that name secrets.
const SECRETS: [&str; 7] = [
    "url",
    "token",
    "signing_secret",
    "routing_key",
    "password",
    "sign",
    "authorization",
];

/// Where messages go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its name, as rules and routes use it.
    pub name: String,
    /// What it is.
    pub kind: ChannelKind,
    /// Its secrets, by the field that names each.
    pub secrets: BTreeMap<&'static str, Secret>,
    /// How many questions it is sent in an hour.
    pub questions_per_hour: usize,
    /// The channel that takes its messages once it has failed for so long.
    pub fallback: Option<(String, Duration)>,
}

/// The kinds of channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelKind {
    /// One JSON document by POST to the secret `url`; `sign` and `authorization` may prove who sends it.
    Webhook {
        /// What makes the body; doorward's own where there is none.
        template: Option<Template>,
    },
    /// An incoming webhook of Slack, the secret `url`.
    SlackHook,
    /// A bot of Slack by its secret `token`: its messages are updated.
    SlackBot {
        /// The channel's id.
        channel: String,
        /// Where the Web API is.
        api: String,
    },
    /// A Workflows webhook of Microsoft Teams, the secret `url`.
    Teams,
    /// A service of `PagerDuty` by its secret `routing_key`.
    PagerDuty {
        /// Where events go.
        url: String,
    },
    /// Mail.
    Email(Box<Email>),
    /// A line in doorward's own log, with the link: for whoever watches the terminal.
    Log,
}

/// A mail server, and between whom mails go; the secret `password` may go with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    /// The server's host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is kept secret.
    pub tls: MailTls,
    /// Who signs in.
    pub user: Option<String>,
    /// The sender's address.
    pub from: String,
    /// The receivers' addresses; at least one.
    pub to: Vec<String>,
}

/// How a connection to a mail server is kept secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTls {
    /// TLS from the first byte (`smtps://`).
    Implicit,
    /// STARTTLS, and nothing without it (`smtp://`).
    StartTls,
    /// None: on this machine only (`smtp://127.0.0.1`).
    Loopback,
}

impl ChannelKind {
    /// Its name in the configuration.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "webhook",
            Self::SlackHook | Self::SlackBot { .. } => "slack",
            Self::Teams => "teams",
            Self::PagerDuty { .. } => "pagerduty",
            Self::Email(_) => "email",
            Self::Log => "log",
        }
    }

    /// Whether it shows what became of what it was told.
    pub fn follows(&self) -> bool {
        matches!(self, Self::SlackBot { .. } | Self::PagerDuty { .. })
    }
}

impl Channel {
    /// What is wrong with its secrets as they are now; none of it shows them.
    pub(super) fn problems(&self, secrets: &BTreeMap<&'static str, SecretString>) -> Vec<Problem> {
        let named = |field: &str| self.secrets.get(field).zip(secrets.get(field));
        let url = named("url");
        let url = url.and_then(|(at, url)| Some(at.problem(is_no_channel(url)?.to_owned())));
        let sign = named("sign").and_then(|(at, key)| {
            let text = key.expose_secret();
            let error = Key::new(text).err().filter(|_| !text.is_empty())?;
            Some(at.problem(error.to_string()))
        });
        url.into_iter().chain(sign).collect()
    }
}

/// `channels`.
pub(super) fn channels(
    fields: &mut Fields<'_>,
    folder: &Path,
    sink: &mut Sink<'_>,
) -> Vec<Channel> {
    let mut channels: Vec<Channel> = Vec::new();
    let listed = items(fields, "channels", None, sink);
    let mut fallbacks = Vec::new();
    for item in listed {
        let Some(channel) = channel(&item, folder, sink) else {
            continue;
        };
        let names: Vec<&String> = channels.iter().map(|other| &other.name).collect();
        let at = item.field("name").unwrap_or_else(|| item.clone());
        unique(&names, &&channel.name, &at, sink);
        fallbacks.extend(item.field("fallback").map(|at| (at, channels.len())));
        channels.push(channel);
    }
    for (at, index) in fallbacks {
        check_fallback(&at, index, &channels, sink);
    }
    channels
}

/// A fallback is another channel, and has none itself: messages do not go in circles.
fn check_fallback(at: &Item<'_>, index: usize, channels: &[Channel], sink: &mut Sink<'_>) {
    let Some((to, _)) = channels.get(index).and_then(|it| it.fallback.as_ref()) else {
        return;
    };
    match channels.iter().find(|channel| channel.name == *to) {
        None => {
            let known = channels.iter().map(|channel| channel.name.as_str());
            let help = did_you_mean(to, known).unwrap_or_default();
            at.error(format!("there is no channel `{to}`"), help, sink);
        }
        Some(channel) if channel.fallback.is_some() => {
            let what = format!("`{to}` has a fallback itself, so messages could go in circles");
            at.error(what, "name a channel without `fallback`", sink);
        }
        Some(_) => {}
    }
}

fn channel(item: &Item<'_>, folder: &Path, sink: &mut Sink<'_>) -> Option<Channel> {
    const KINDS: [(&str, &str); 6] = [
        ("webhook", "webhook"),
        ("slack", "slack"),
        ("teams", "teams"),
        ("pagerduty", "pagerduty"),
        ("email", "email"),
        ("log", "log"),
    ];
    let mut fields = item.fields(sink)?;
    let named = fields.need("name", "rules and routes name channels by it", sink);
    let named = named.and_then(|at| name(&at, sink));
    let kind = fields.need("kind", "write `kind: webhook`", sink);
    let kind = kind.and_then(|at| at.word(&KINDS, sink));
    let mut reader = Reader {
        fields: &mut fields,
        folder,
        secrets: BTreeMap::new(),
    };
    let kind = match kind {
        Some("webhook") => reader.webhook(sink),
        Some("slack") => reader.slack(sink),
        Some("teams") => reader.needed("url", sink).then_some(ChannelKind::Teams),
        Some("pagerduty") => reader.pagerduty(sink),
        Some("email") => reader.email(sink),
        Some(_) => Some(ChannelKind::Log),
        None => {
            // What else stands there cannot be judged, but for a secret that is written out.
            for name in SECRETS {
                reader.optional(name, sink);
            }
            return None;
        }
    };
    let secrets = reader.secrets;
    let most = fields.take("questions_per_hour");
    let most = most.map_or(Some(QUESTIONS_PER_HOUR), |at| at.number(1, 10_000, sink));
    let fallback = fields.take("fallback");
    let fallback = fallback.map(|at| fallback_of(&at, sink));
    fields.finish(sink);
    Some(Channel {
        name: named?,
        kind: kind?,
        secrets,
        questions_per_hour: usize::try_from(most?).ok()?,
        fallback: fallback.flatten(),
    })
}

/// `fallback: { to: mail, after: 10m }`.
fn fallback_of(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<(String, Duration)> {
    let mut fields = item.fields(sink)?;
    let to = fields.need("to", "name the channel that takes over", sink);
    let to = to.and_then(|at| at.text(sink).map(str::to_owned));
    let after = fields.need("after", "after how long it takes over: `10m`", sink);
    let after = after.and_then(|at| at.duration(sink));
    fields.finish(sink);
    to.zip(after)
}
