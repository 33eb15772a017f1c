//! The ledger's entries as lines for people: `ledger show`, and the demonstration.

use super::wording;
use crate::firewall::Seen;
use crate::intake::report::Changed;
use crate::ledger::actor::Actor;
use crate::ledger::event::{LedgerEvent, Write, WriteOutcome};
use crate::ledger::grant::{Ending, Grant};
use crate::ledger::id::{DenialId, GrantId, RequestId};
use crate::ledger::orders;
use crate::ledger::request::{Answer, Request};
use crate::messages::routing::deliveries::ACCEPTED;
use crate::net::network;
use crate::net::resource_id::ResourceId;
use crate::policy::verdict::Verdict;
use crate::sets::Snapshot;
use crate::yaml::duration::Show;
use ipnet::Ipv4Net;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// One entry in one line, without its time and kind.
pub fn line(what: &LedgerEvent) -> String {
    match what {
        LedgerEvent::Denied(denied) => wording::denial(denied),
        LedgerEvent::Decided {
            registry, verdict, ..
        } => decided(registry.as_ref(), verdict),
        LedgerEvent::Repeated { of, .. } => format!("the same as denial {of}: no new verdict"),
        LedgerEvent::Counted { source, counts, .. } => counted(source, counts),
        LedgerEvent::Suppressed { .. } | LedgerEvent::Flood { .. } => admission(what),
        LedgerEvent::Granted(grant) => granted(grant),
        LedgerEvent::WriteIntended(write) => intended(write),
        LedgerEvent::WriteSettled {
            registry, outcome, ..
        } => settled(registry, outcome),
        LedgerEvent::Throttled { until, reason, .. } => throttled(*until, reason),
        LedgerEvent::NeverLanded { entries, .. } => never_landed(entries),
        LedgerEvent::VirtualNetworkRulesLost {
            registry, subnets, ..
        } => subnets_lost(registry, subnets),
        LedgerEvent::Opened { grant, within } => opened(*grant, *within),
        LedgerEvent::CoveredByExisting { grant, entry } => satisfied(*grant, entry),
        LedgerEvent::NotOpened {
            grant,
            code,
            reason,
        } => format!("not opened ({code}): {reason} (grant {grant})"),
        LedgerEvent::EndWaits { grant, code } => format!("its end waits: {code} (grant {grant})"),
        LedgerEvent::Ended { grant, ending } => format!("{} (grant {grant})", ended(*ending)),
        LedgerEvent::Revoked { .. }
        | LedgerEvent::Extended { .. }
        | LedgerEvent::Kept { .. }
        | LedgerEvent::Paused { .. }
        | LedgerEvent::Resumed { .. }
        | LedgerEvent::VerdictsCleared { .. } => orders::line(what),
        LedgerEvent::Recovered { grant, network } => recovered(grant, *network),
        LedgerEvent::RegistryChanged {
            registry,
            change,
            by,
            ours,
            ..
        } => changed(registry, *change, by.as_deref(), ours.is_some()),
        LedgerEvent::GrantOutcome(helped) => helped.summary(),
        LedgerEvent::RegistrySeen { .. } | LedgerEvent::Drifted { .. } => noticed(what),
        LedgerEvent::Restoring { grant } => restoring(*grant),
        LedgerEvent::PossiblyOverwritten(overwritten) => overwritten.text(),
        LedgerEvent::SetLoaded(snapshot) => loaded(snapshot),
        LedgerEvent::SetRefused { candidate, reason } => refused(candidate, reason),
        LedgerEvent::SetConfirmed { set, hash, by } => confirmed(set, hash, by.as_ref()),
        LedgerEvent::Requested(request) => requested(request),
        LedgerEvent::QuestionWithheld {
            request, channels, ..
        } => withheld(*request, channels),
        LedgerEvent::Approval { .. } | LedgerEvent::Answered { .. } => said(what),
        LedgerEvent::Alerted(alert) => format!("{}: {}", alert.code, alert.text),
        LedgerEvent::Delivered { .. } | LedgerEvent::Undelivered { .. } => reached(what),
        LedgerEvent::FeedAdvanced(advanced) => advanced.summary(),
    }
}

fn throttled(until: Timestamp, reason: &str) -> String {
    format!("Azure asked to wait until {until}: {reason}")
}

fn said(what: &LedgerEvent) -> String {
    let (said, request, by, given) = if let LedgerEvent::Answered {
        request,
        answer,
        by,
        given,
    } = what
    {
        (answered(*answer), request, by, given.as_ref())
    } else if let LedgerEvent::Approval { request, by, given } = what {
        ("one of several yes", request, by, Some(given))
    } else {
        return String::new();
    };
    let reason = given.and_then(|given| given.reason.as_deref());
    let reason = reason.map_or_else(String::new, |why| format!(": {}", wording::quoted(why)));
    format!("{said} by {}{reason} (request {request})", by.in_words())
}

fn withheld(request: RequestId, channels: &[String]) -> String {
    let channels = channels.join("`, `");
    format!("not sent to `{channels}`: too many questions within the hour (request {request})")
}

fn confirmed(set: &str, hash: &str, by: Option<&Actor>) -> String {
    let by = by.map_or_else(String::new, |by| format!(", says {by}"));
    format!("`{set}` may become {hash}{by}")
}

fn subnets_lost(registry: &ResourceId, subnets: &[String]) -> String {
    let (name, subnets) = (registry.name(), subnets.join(", "));
    format!("virtual network rules of `{name}` are gone after a write: {subnets}")
}

fn never_landed(entries: &[Ipv4Net]) -> String {
    let entries: Vec<String> = entries.iter().map(|entry| network::text(*entry)).collect();
    format!("{} never came of a write that was lost", entries.join(", "))
}

fn opened(grant: GrantId, within: Option<Ipv4Net>) -> String {
    match within {
        None => format!("the entry stands and is ours (grant {grant})"),
        Some(entry) => format!("the entry {entry}, which is ours, admits it (grant {grant})"),
    }
}

fn recovered(grant: &Grant, network: Ipv4Net) -> String {
    let granted = granted(grant);
    format!("an ownership tag says that `{network}` is ours; {granted}")
}

fn restoring(grant: GrantId) -> String {
    format!("the entry that others took away is to be written again (grant {grant})")
}

fn noticed(what: &LedgerEvent) -> String {
    if let LedgerEvent::RegistrySeen { registry, seen, .. } = what {
        Seen::summary(registry, seen.as_ref())
    } else if let LedgerEvent::Drifted {
        registry,
        drift,
        by,
        ..
    } = what
    {
        drift.summary(registry, by)
    } else {
        String::new()
    }
}

fn loaded(snapshot: &Snapshot) -> String {
    let Snapshot {
        set, size, hash, ..
    } = snapshot;
    format!("`{set}` holds {size} ({hash})")
}

fn refused(candidate: &Snapshot, reason: &str) -> String {
    let Snapshot { set, hash, .. } = candidate;
    format!("`{set}` keeps what it held: {reason} (candidate {hash})")
}

fn satisfied(grant: GrantId, entry: &str) -> String {
    format!("admitted already by `{entry}`, which is not ours (grant {grant})")
}

fn reached(what: &LedgerEvent) -> String {
    if let LedgerEvent::Delivered {
        alert,
        channel,
        receipt,
    } = what
    {
        return if receipt.as_deref() == Some(ACCEPTED) {
            format!("`{channel}` accepted the message, which proves no delivery (alert {alert})")
        } else {
            format!("`{channel}` took the message (alert {alert})")
        };
    }
    let LedgerEvent::Undelivered {
        alert,
        channel,
        reason,
    } = what
    else {
        return String::new();
    };
    format!("`{channel}` never took the message: {reason} (alert {alert})")
}

fn changed(registry: &ResourceId, change: Changed, by: Option<&str>, ours: bool) -> String {
    let became = match change {
        Changed::Written => "was written",
        Changed::WriteFailed => "was to be written, and was not",
        Changed::Deleted => "was deleted",
        Changed::DeleteFailed => "was to be deleted, and was not",
    };
    let by = match (by, ours) {
        (_, true) => " by doorward".to_owned(),
        (Some(by), false) => format!(" by `{by}`"),
        (None, false) => String::new(),
    };
    format!("`{}` {became}{by}", registry.name())
}

fn decided(registry: Option<&ResourceId>, verdict: &Verdict) -> String {
    let on = registry.map_or_else(String::new, |id| format!(" on `{}`", id.name()));
    let notes: Vec<&str> = verdict
        .notes
        .iter()
        .map(|note| note.text.as_str())
        .collect();
    let notes = if notes.is_empty() {
        String::new()
    } else {
        format!(" ({})", notes.join("; "))
    };
    let candidate = verdict.shadow.as_ref().map_or_else(String::new, |shadow| {
        let rule = shadow.rule.as_ref();
        let rule = rule.map_or_else(|| "its default".to_owned(), |rule| format!("rule `{rule}`"));
        format!(
            "; the candidate policy would say {} by {rule}",
            shadow.action
        )
    });
    format!(
        "{}{on} by {}{notes}{candidate}",
        verdict.action,
        wording::verdict(verdict)
    )
}

fn counted(source: &str, counts: &BTreeMap<DenialId, u64>) -> String {
    let each: Vec<String> = counts
        .iter()
        .map(|(of, count)| format!("{count} like denial {of}"))
        .collect();
    format!("from `{source}` again: {}: no new verdict", each.join(", "))
}

fn admission(what: &LedgerEvent) -> String {
    if let LedgerEvent::Suppressed {
        registry,
        source,
        count,
        flood,
        ..
    } = what
    {
        suppressed(registry.as_ref(), source, *count, *flood)
    } else if let LedgerEvent::Flood {
        registry,
        suppressed,
        over,
        ..
    } = what
    {
        flood(registry.as_ref(), *suppressed, *over)
    } else {
        String::new()
    }
}

fn flood(registry: Option<&ResourceId>, suppressed: u64, over: bool) -> String {
    let turn = if over { "is over" } else { "begins" };
    let on = wording::of_registry(registry);
    format!("a flood of denials {on} {turn}: {suppressed} only counted")
}

fn suppressed(registry: Option<&ResourceId>, source: &str, count: u64, flood: bool) -> String {
    let why = if flood {
        "its registry is in a flood"
    } else {
        "their addresses had too many"
    };
    let on = wording::of_registry(registry);
    format!("{count} denials {on} from `{source}` only counted: {why}")
}

fn granted(grant: &Grant) -> String {
    let (name, until) = (grant.registry.name(), wording::time(grant.until));
    format!(
        "`{}` on `{name}` until {until} (grant {})",
        grant.address, grant.id
    )
}

fn intended(write: &Write) -> String {
    let list = |sign: char, networks: &[Ipv4Net]| -> Vec<String> {
        networks
            .iter()
            .map(|entry| format!("{sign}{}", network::text(*entry)))
            .collect()
    };
    let changes = [list('+', &write.add), list('-', &write.remove)]
        .concat()
        .join(" ");
    format!(
        "PATCH `{}`: {changes}, beside {} entries",
        write.registry.name(),
        write.before.len()
    )
}

fn settled(registry: &ResourceId, outcome: &WriteOutcome) -> String {
    match outcome {
        WriteOutcome::Applied { after, .. } => {
            format!("applied: `{}` has {} entries", registry.name(), after.len())
        }
        WriteOutcome::NotApplied { reason } => {
            format!("not applied on `{}`: {reason}", registry.name())
        }
        WriteOutcome::Lost { reason } => format!("lost on `{}`: {reason}", registry.name()),
    }
}

fn ended(ending: Ending) -> &'static str {
    match ending {
        Ending::Expired => "its time was over and the entry is gone",
        Ending::NeverOpened => "its time was over before it was opened",
        Ending::LeftToOthers => {
            "its time was over; an entry that is not ours admits the address still"
        }
        Ending::CarriedOn => "its time was over; another grant keeps the address open",
        Ending::Evicted => "the list was full, and the entry had to make room",
        Ending::RemovedByOthers => "others had taken the entry away",
        Ending::Kept => "the entry was handed over to people, and stays",
    }
}

fn requested(request: &Request) -> String {
    format!(
        "may `{}` have `{}` for {}? Until {} (request {})",
        request.address,
        request.registry.name(),
        Show(Duration::from_secs(request.ttl_seconds)),
        wording::time(request.until),
        request.id
    )
}

fn answered(answer: Answer) -> &'static str {
    match answer {
        Answer::Allow => "allowed",
        Answer::Deny => "denied",
    }
}
