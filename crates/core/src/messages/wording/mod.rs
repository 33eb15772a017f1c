//! The words for people: every message that doorward sends is made here.

use super::invisible::is_hidden;
use crate::intake::denial::{Attribution, Kind, Service};
use crate::ledger::event::Denied;
use crate::ledger::grant::Grant;
use crate::ledger::orders::Pause;
use crate::net::resource_id::ResourceId;
use crate::policy::verdict::{Note, NoteCode, Verdict};
use crate::state::Throttle;
use crate::yaml::duration::Show;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

pub use crate::messages::codes::{
    ASK, AZURE_READABLE, AZURE_UNREADABLE, END_KNOWN, END_UNKNOWN, FLOOD, GUESS, NETWORKS_LOST,
    OVERDUE, SLOW, WRITE_REFUSED,
};

/// What was refused, in one clause: ``20.1.2.3 was refused by `contosoprod.azurecr.io`, asking for `prod/api:v1` ``.
pub fn denial(denied: &Denied) -> String {
    let report = &denied.report;
    let who = report
        .denial
        .ip
        .map_or_else(|| "an unknown address".to_owned(), |ip| format!("`{ip}`"));
    let host = report
        .denial
        .registry
        .as_ref()
        .or(report.login_server.as_ref());
    let guessed = report.denial.attribution == Some(Attribution::Inferred);
    let by = match (report.denial.service, host, &report.denial.resource) {
        (Service::Acr, Some(host), _) if guessed => {
            format!("`{}` (a guess: {GUESS})", quoted(host))
        }
        (Service::Acr, Some(host), _) => format!("`{}`", quoted(host)),
        (Service::Acr, None, _) => "a registry".to_owned(),
        (service, _, Some(resource)) => format!("{} `{}`", name(service), quoted(resource)),
        (service, _, None) => name(service).to_owned(),
    };
    let verb = match report.denial.kind {
        Kind::Denied => "was refused",
        Kind::Suspected => "was perhaps refused",
    };
    let wanted = report
        .denial
        .repository
        .as_ref()
        .map_or_else(String::new, |repository| {
            let reference =
                report
                    .denial
                    .reference
                    .as_deref()
                    .map_or_else(String::new, |reference| {
                        let mark = if reference.contains(':') { '@' } else { ':' };
                        format!("{mark}{}", quoted(reference))
                    });
            format!(", asking for `{}{reference}`", quoted(repository))
        });
    format!(
        "{who} {verb} by {by}{wanted} (reported by source `{}`)",
        denied.source
    )
}

/// Why policy said what it said.
pub fn verdict(verdict: &Verdict) -> String {
    match (&verdict.rule, &verdict.because) {
        (Some(rule), Some(because)) => format!("rule `{rule}`: {}", in_one_line(because)),
        (Some(rule), None) => format!("rule `{rule}`"),
        (None, _) => "the policy's default".to_owned(),
    }
}

/// Which registry is meant, after a noun.
pub fn of_registry(registry: Option<&ResourceId>) -> String {
    registry.map_or_else(
        || "that lead to no enrolled registry".to_owned(),
        |id| format!("about `{}`", id.name()),
    )
}

/// That a flood begins.
pub fn flood(registry: Option<&ResourceId>, limit: usize) -> String {
    format!(
        "more than {limit} addresses that are in no set of yours were refused within {}: denials {} from such addresses are \
         counted until this is over, and open nothing. Addresses in your sets are decided as ever. \
         If these callers are yours, put them into a set of the policy; if there may be that many, raise `max_unknown_addresses` on the registry",
        duration(crate::intake::admission::WINDOW),
        of_registry(registry)
    )
}

/// That a flood is over.
pub fn calm(registry: Option<&ResourceId>, since: Timestamp, suppressed: u64) -> String {
    format!(
        "the flood of denials {} that began at {} is over: {suppressed} were counted and not decided. Whoever is refused from now \
         on gets a verdict again",
        of_registry(registry),
        time(since)
    )
}

/// Why policy said what it said, and what else there was to note.
pub fn why(verdict: &Verdict) -> String {
    reasons(verdict, &verdict.notes.iter().collect::<Vec<_>>())
}

/// The notes of a verdict that people are told with an alert. That a set is not loaded is none: it is so of
/// every unknown source, and told once where the set is (`doorward sets list`, `/readyz`).
pub fn notes_to_show(verdict: &Verdict) -> Vec<&Note> {
    let notes = verdict.notes.iter();
    notes
        .filter(|note| note.code != NoteCode::SetNotLoaded)
        .collect()
}

fn reasons(verdict: &Verdict, notes: &[&Note]) -> String {
    let notes = notes.iter().map(|note| match note.code.link() {
        Some(link) => format!("{} ({link})", note.text),
        None => note.text.clone(),
    });
    let all: Vec<String> = std::iter::once(self::verdict(verdict))
        .chain(notes)
        .chain(advice(verdict))
        .collect();
    sentences(&all)
}

/// Better ways in than an entry, a sentence each.
fn advice(verdict: &Verdict) -> impl Iterator<Item = String> {
    let advice = verdict.advice.iter();
    advice.map(|advice| format!("To know: {} ({})", advice.text(), advice.link()))
}

/// What was refused, and what policy said about it.
pub fn verdict_text(denied: &Denied, verdict: &Verdict) -> String {
    let why = reasons(verdict, &notes_to_show(verdict));
    format!("{}: {} by {why}", denial(denied), verdict.action)
}

/// The question to a person.
pub fn ask(denied: &Denied, verdict: &Verdict, ttl: Duration) -> String {
    let question = format!(
        "{}. Open it for {}? Asked by {}",
        denial(denied),
        Show(ttl),
        self::verdict(verdict)
    );
    let all: Vec<String> = std::iter::once(question).chain(advice(verdict)).collect();
    sentences(&all)
}

/// That a registry cannot be read.
pub fn azure_unreadable(registry: &ResourceId, since: Timestamp, why: &str) -> String {
    format!(
        "`{}` cannot be read since {}, so nothing is opened on it, and what ended cannot be removed: {why}. doorward keeps \
         trying",
        registry.name(),
        time(since)
    )
}

/// That it can be read again.
pub fn azure_readable(registry: &ResourceId) -> String {
    format!("`{}` can be read again", registry.name())
}

/// That the ledger cannot be written since then, and what helps.
pub fn ledger_write_failed(since: Timestamp, detail: &str) -> String {
    format!(
        "Nothing can be written down since {}, so that no delivery is taken, nothing is opened and what ends is not \
         removed: {detail}",
        time(since)
    )
}

/// That it is written again.
pub fn ledger_written(since: Timestamp) -> String {
    format!(
        "The ledger is written again. It could not be since {}; what was acknowledged before is there, and what ended \
         meanwhile is removed now",
        time(since)
    )
}

/// That an opening hangs.
pub fn slow(grant: &Grant, why: &str) -> String {
    format!(
        "`{}` is to be opened on `{}` and is not yet: {why}. doorward keeps trying until {}",
        grant.address,
        grant.registry.name(),
        time(grant.until)
    )
}

/// That Azure asked for patience.
pub fn throttled(throttle: &Throttle) -> String {
    format!(
        "Azure asked to wait until {} ({}); entries are still removed meanwhile",
        time(throttle.until),
        throttle.reason
    )
}

/// That Azure refuses writes, for want of a permission where it names one.
pub fn write_refused(
    registry: &ResourceId,
    (error, action): (&str, Option<&str>),
    until: Timestamp,
) -> String {
    let name = registry.name();
    let help = action.map_or_else(
        || "See what the answer says; doorward".to_owned(),
        |action| {
            let hint = if action.contains("taggedTrafficConsumers") {
                "; the registry has virtual network rules, which every write sends back: grant that action on their subnets"
            } else {
                ""
            };
            format!("doorward's identity lacks the action `{action}`{hint}. A role that was assigned just now takes some minutes to take effect; doorward")
        },
    );
    format!(
        "Azure refuses writes to `{name}` for now: {error}. {help} keeps trying until {}",
        time(until)
    )
}

/// That a grant will not be opened.
pub fn not_opened(grant: &Grant, reason: &str) -> String {
    format!(
        "`{}` was not opened on `{}`: {reason}",
        grant.address,
        grant.registry.name()
    )
}

/// That virtual network rules are gone, and what to do.
pub fn virtual_networks_lost(registry: &ResourceId, subnets: &[String]) -> String {
    let name = registry.name();
    let list: Vec<String> = subnets
        .iter()
        .map(|subnet| format!("`{}`", quoted(subnet)))
        .collect();
    format!(
        "after a write of doorward's, `{name}` no longer has virtual network rules for {}: Azure lost them, though they \
         were sent back as they were read, or somebody took them away at the same moment. Add them again \
         (`az acr network-rule add --subnet`), or move those networks to private endpoints. doorward adds nothing to this \
         registry until a person says `doorward resume`, and never writes to it again while it has such rules",
        list.join(", ")
    )
}

/// Why nothing is opened on a registry that lost virtual network rules, and what to do.
pub fn stopped(registry: &ResourceId) -> String {
    let name = registry.name();
    format!(
        "virtual network rules were lost over a write of doorward's, and nothing is added until a person has looked. See \
         whether they are there (`az acr network-rule list -n {name}`); add them again, and doorward writes nothing while \
         they stand, or move those networks to private endpoints. Then `doorward resume --registry {name}`"
    )
}

/// That a grant ended early.
pub fn evicted(grant: &Grant) -> String {
    format!(
        "`{}` is no longer admitted to `{}`, {} before its end: the list was full, others came first, and its rule lets \
         its grants go early (`evictable`)",
        grant.address,
        grant.registry.name(),
        time(grant.until),
    )
}

/// That an address was admitted all along.
pub fn already_covered(grant: &Grant, entry: &str, status_403: bool) -> String {
    let cause = if status_403 {
        "the 403 was probably a missing role (`AcrPull`, `AcrPush`), not the firewall"
    } else {
        "the entry may be so new that it has not reached every front end yet (a minute or two), or the client uses a data \
         endpoint or a proxy with another address"
    };
    format!(
        "`{}` is admitted to `{}` already, by the entry `{}` that doorward did not write; nothing was written: {cause}",
        grant.address,
        grant.registry.name(),
        quoted(entry)
    )
}

/// Entries between backticks, or that there are none.
pub fn list(entries: &[String]) -> String {
    if entries.is_empty() {
        "none".to_owned()
    } else {
        format!("`{}`", quoted(&entries.join(", ")))
    }
}

/// That nothing is opened at the moment.
pub fn paused(pause: &Pause) -> String {
    let because = pause.because.as_ref();
    let because = because.map_or_else(String::new, |why| format!(", because `{}`", quoted(why)));
    let until = pause.until;
    let until = until.map_or_else(String::new, |at| format!("it ends at {}, or ", time(at)));
    format!(
        "{} paused all opening at {}{because}: {until}`doorward resume` lets it go on",
        pause.by.in_words(),
        time(pause.since)
    )
}

/// Texts as sentences one after the other: a full stop between two, but where one has its end already. The
/// last one stays as it is, but for a full stop.
fn sentences(texts: &[String]) -> String {
    let bare = texts.iter().map(|text| {
        let text = text.trim();
        // What ends in `..` leaves something out.
        let stop = text.strip_suffix('.').filter(|rest| !rest.ends_with('.'));
        stop.unwrap_or(text)
    });
    let mut all = String::new();
    for text in bare.filter(|text| !text.is_empty()) {
        if !all.is_empty() {
            all.push_str(if all.ends_with(['.', '?', '!']) {
                " "
            } else {
                ". "
            });
        }
        all.push_str(text);
    }
    all
}

/// A text without line breaks and runs of blanks, as a file's folding leaves them.
pub fn in_one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}

/// `text` with a capital letter in front.
pub fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(chars).collect()
}

/// `text` with an end.
pub fn sentence(text: &str) -> String {
    if text.ends_with(['.', '?', '!']) {
        text.to_owned()
    } else {
        format!("{text}.")
    }
}

/// A time for people, to the second, in UTC.
pub fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A span of time as people say it, in its two largest units: `2 hours 30 minutes`.
pub fn duration(span: SignedDuration) -> String {
    let seconds = span.as_secs().max(0);
    let units = [
        (seconds / 86_400, "day"),
        (seconds / 3_600 % 24, "hour"),
        (seconds / 60 % 60, "minute"),
        (seconds % 60, "second"),
    ];
    let said = |&(number, unit): &(i64, &str)| {
        let plural = if number == 1 { "" } else { "s" };
        format!("{number} {unit}{plural}")
    };
    let largest = units.iter().skip_while(|(number, _)| *number == 0).take(2);
    let said: Vec<String> = largest
        .filter(|(number, _)| *number > 0)
        .map(said)
        .collect();
    if said.is_empty() {
        "0 seconds".to_owned()
    } else {
        said.join(" ")
    }
}

/// The service as people call it.
pub fn name(service: Service) -> &'static str {
    match service {
        Service::Acr => "Azure Container Registry",
        Service::KeyVault => "Azure Key Vault",
        Service::Storage => "Azure Storage",
        Service::AzureSql => "Azure SQL Database",
        Service::Mysql => "Azure Database for MySQL",
        Service::Postgresql => "Azure Database for PostgreSQL",
        Service::CosmosDb => "Azure Cosmos DB",
        Service::CognitiveServices => "Azure AI services",
        Service::EventHubs => "Azure Event Hubs or Service Bus",
        Service::Databricks => "Azure Databricks",
        Service::Synapse => "Azure Synapse Analytics",
        Service::AppConfiguration => "Azure App Configuration",
        Service::AppService => "Azure App Service",
    }
}

/// A caller's own words, fit to stand between backticks in a message: short, printable, and without
/// anything that chat or markdown would act on.
pub fn quoted(text: &str) -> String {
    const LONGEST: usize = 200;
    let tame = |c: char| !is_hidden(c) && !matches!(c, '`' | '<' | '>');
    let mut short: String = text
        .chars()
        .take(LONGEST)
        .map(|c| if tame(c) { c } else { '\u{fffd}' })
        .collect();
    if text.chars().count() > LONGEST {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests;
