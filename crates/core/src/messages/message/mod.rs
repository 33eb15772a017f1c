//! A message to people as a value: no channel's form is in it, each channel renders it in its own.

pub mod headline;
pub mod matter;
pub mod merged;
mod samples;
#[cfg(test)]
mod tests;

pub use headline::{LOCK_SCREEN, headline, title};
pub use matter::{Matter, phase};

use super::codes;
use super::prose::{code, plain};
use super::wording::{capital, in_one_line, sentence, time};
use crate::auth::slack::ButtonValue;
use crate::ledger::alert::Alert;
use crate::ledger::details::{AddressFacts, Details, Effectiveness};
use crate::ledger::id::AlertId;
use crate::net::resource_id::ResourceId;
use crate::yaml::duration::Show;
use jiff::Timestamp;
use std::net::IpAddr;
use std::time::Duration;

/// The longest text from outside in a message, in characters.
const LONGEST_NAME: usize = 200;

/// The longest sentence, in characters.
const LONGEST_SENTENCE: usize = 1_500;

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// To know.
    Info,
    /// Somebody should look.
    Warning,
    /// Somebody must act now.
    Critical,
}

impl Severity {
    /// Each by its name.
    pub const NAMES: [(&'static str, Self); 3] = [
        ("info", Self::Info),
        ("warning", Self::Warning),
        ("critical", Self::Critical),
    ];

    /// The severity of a code.
    pub fn of(code: &str) -> Self {
        match code {
            codes::OVERDUE
            | codes::END_UNKNOWN
            | codes::NETWORKS_LOST
            | codes::WRITE_REFUSED
            | codes::AZURE_UNREADABLE
            | codes::LEDGER_WRITE_FAILED
            | codes::ESCALATION
            | codes::SOURCE_SILENT => Self::Critical,
            codes::END_KNOWN
            | codes::AZURE_READABLE
            | codes::LEDGER_WRITTEN
            | codes::SOURCE_HEARD
            | codes::ANSWERED
            | codes::OPENED
            | codes::OPENING_ENDED
            | codes::TEST
            | "already_covered"
            | "recovered" => Self::Info,
            _ => Self::Warning,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// What a message does to its matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// It begins it, or says it anew.
    Opens,
    /// It reminds of it.
    GoesOn,
    /// It is over.
    Ends,
}

/// A line with a name and a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What it is.
    pub name: &'static str,
    /// Its value, with code between backticks.
    pub value: String,
}

/// A message to people. All texts have code between backticks, and nothing hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: AlertId,
    /// The stable name of its cause.
    pub code: String,
    /// How much it matters.
    pub severity: Severity,
    /// Enough for a lock screen: at most [`LOCK_SCREEN`] characters.
    pub headline: String,
    /// Everything in sentences.
    pub text: String,
    /// The registry's name.
    pub registry: Option<String>,
    /// The address it is about.
    pub address: Option<IpAddr>,
    /// Who and where, and whose address it is.
    pub facts: Vec<Fact>,
    /// What doorward did or asks.
    pub action: String,
    /// What would help instead.
    pub help: Vec<Effectiveness>,
    /// The page to look at, or to answer on.
    pub link: Option<String>,
    /// When it was written.
    pub at: Timestamp,
    /// Until when it can be answered.
    pub until: Option<Timestamp>,
    /// What it belongs to.
    pub matter: Matter,
    /// What it does to that.
    pub phase: Phase,
    /// How many messages it stands for.
    pub count: usize,
    /// What its buttons stand for, where a press in a chat is enough to answer.
    pub buttons: Option<Buttons>,
}

/// What buttons stand for that answer a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buttons {
    /// The request, and a digest of what is shown.
    pub value: ButtonValue,
    /// For how long a yes opens.
    pub lasts: Duration,
}

/// What is known only when a message is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// The link to the request, made anew for each sending and never stored.
    pub link: Option<String>,
    /// Until when the request can be answered.
    pub until: Option<Timestamp>,
    /// How often the denial came again since.
    pub repeats: u64,
    /// What its buttons stand for, where a press in a chat is enough to answer.
    pub buttons: Option<Buttons>,
}

impl Message {
    /// The message that `alert`, written at `at`, is now.
    pub fn of(alert: &Alert, at: Timestamp, now: Now) -> Self {
        let details = alert.details.as_deref();
        let of_denial = details.filter(|details| details.kind.is_some());
        let facts = of_denial.map_or_else(Vec::new, |details| facts(alert, details, now.repeats));
        let action = match details {
            Some(details) if details.kind.is_some() && details.outcome.is_none() => {
                action(alert, details)
            }
            _ => sentence(&capital(&alert.text)),
        };
        let help = details.map_or_else(Vec::new, |details| details.help.clone());
        let help = help.into_iter().map(|help| Effectiveness {
            text: plain(&sentence(&capital(&help.text)), LONGEST_SENTENCE),
            link: help.link,
        });
        Self {
            id: alert.id,
            code: alert.code.clone(),
            severity: Severity::of(&alert.code),
            headline: headline(alert),
            text: plain(&alert.text, LONGEST_SENTENCE.saturating_mul(2)),
            registry: alert
                .registry
                .as_ref()
                .map(|id| plain(ResourceId::name(id), LONGEST_NAME)),
            address: alert.address,
            facts,
            action: plain(&action, LONGEST_SENTENCE),
            help: help.collect(),
            link: now.link,
            at,
            until: now.until,
            matter: Matter::of(alert),
            phase: phase(&alert.code),
            count: 1,
            buttons: now.buttons,
        }
    }

    /// Everything below the headline as lines, for channels that have no form of their own.
    pub fn lines(&self) -> Vec<String> {
        let facts = self.facts.iter();
        let facts = facts.map(|fact| format!("{}: {}", fact.name, fact.value));
        let help = self.help.iter().map(|help| match &help.link {
            Some(link) => format!("{} ({link})", help.text),
            None => help.text.clone(),
        });
        facts
            .chain(std::iter::once(self.action.clone()))
            .chain(help)
            .collect()
    }
}

/// What doorward did or asks.
fn action(alert: &Alert, details: &Details) -> String {
    let rule = details.rule.as_deref();
    let by = match (rule, &details.reason) {
        (Some(rule), Some(reason)) => {
            format!("Rule {}: {}", code(rule, LONGEST_NAME), in_one_line(reason))
        }
        (Some(rule), None) => format!("Rule {}", code(rule, LONGEST_NAME)),
        (None, _) => "No policy rule matched".to_owned(),
    };
    let does = match details.ttl_seconds {
        Some(seconds) if alert.request.is_some() => {
            let ttl = Show(Duration::from_secs(seconds));
            format!("Approve a temporary firewall entry for {ttl}?")
        }
        _ => "Nothing was opened.".to_owned(),
    };
    format!("{does} {}", sentence(&by))
}

fn facts(alert: &Alert, details: &Details, repeats: u64) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut add = |name, value: Option<String>| {
        facts.extend(value.map(|value| Fact { name, value }));
    };
    let name = |text: &String| code(text, LONGEST_NAME);
    add(
        "Address",
        alert.address.map(|address| format!("`{address}`")),
    );
    let guessed = if details.guessed { " (a guess)" } else { "" };
    let place = details.host.as_ref().map(name);
    add("Refused by", place.map(|host| format!("{host}{guessed}")));
    add("At", details.denied_at.map(time));
    let image = details.image.as_ref().map(name);
    add("Image", image.map(|image| format!("{image} (unverified)")));
    add("Whose address", Some(whose(&details.address)));
    add("Before", Some(before(&details.address)));
    let again = (repeats > 0).then(|| format!("{repeats} more times since"));
    add("Refused again", again);
    add("Reported by", details.source.as_ref().map(name));
    facts
}

/// Whose address it is, as far as the policy's sets say.
pub fn whose(facts: &AddressFacts) -> String {
    if facts.sets.is_empty() {
        return "in no set of the policy".to_owned();
    }
    let sets: Vec<String> = facts.sets.iter().map(|set| code(set, 80)).collect();
    let owned = if facts.owned {
        ", an address of yours"
    } else {
        ""
    };
    format!("in {}{owned}", sets.join(", "))
}

/// Whether it was let in before, and by whom.
pub fn before(facts: &AddressFacts) -> String {
    match (facts.approved_before, facts.allowed_before) {
        (Some(at), _) => format!("approved by a person on {}", time(at)),
        (None, Some(at)) => format!("allowed by policy on {}", time(at)),
        (None, None) => "never let in here".to_owned(),
    }
}
