//! How long grants were open, how they ended, and why denials were refused.

use super::AuditedGrant;
use crate::ledger::event::LedgerEvent;
use crate::ledger::grant::Ending;
use crate::ledger::request::Answer;
use crate::policy::verdict::{Action, Verdict};
use jiff::Timestamp;

/// How long it was open, and for how long past its end.
pub(super) fn measured(grant: AuditedGrant, now: Timestamp) -> AuditedGrant {
    let Some(opened) = grant.opened_at else {
        return grant;
    };
    let end = grant.ended_at.unwrap_or(now);
    let seconds = |from: Timestamp, to: Timestamp| {
        u64::try_from(to.duration_since(from).as_secs()).unwrap_or(0)
    };
    let late = grant.ended_at.is_none() && grant.until < now;
    AuditedGrant {
        seconds_open: seconds(opened, end),
        seconds_past_end: seconds(grant.until.max(opened), end),
        state: if late {
            "past its end".to_owned()
        } else {
            grant.state
        },
        ..grant
    }
}

/// How a grant ended, and whether its entry was its own until then.
pub(super) fn ended(ending: Ending) -> (&'static str, bool) {
    match ending {
        Ending::Expired => ("ended", true),
        Ending::NeverOpened => ("never opened", true),
        Ending::LeftToOthers => ("ended; an entry of others stays", false),
        Ending::CarriedOn => ("ended; another grant goes on", false),
        Ending::Evicted => ("ended early: the list was full", true),
        Ending::RemovedByOthers => ("removed by others", true),
        Ending::Kept => ("kept", true),
    }
}

/// What an entry says was refused, and how many denials.
pub(super) fn refusal(what: &LedgerEvent) -> Option<(String, u64)> {
    if let LedgerEvent::Decided { verdict, .. } = what {
        let opens = matches!(verdict.action, Action::Allow | Action::Ask);
        (!opens).then(|| (cause(verdict), 1))
    } else if let LedgerEvent::Answered { answer, .. } = what {
        let denied = *answer == Answer::Deny;
        denied.then(|| ("ask: a person denied it".to_owned(), 1))
    } else if let LedgerEvent::NotOpened { code, .. } = what {
        Some((format!("allow: not opened: {code}"), 1))
    } else if let LedgerEvent::Suppressed { count, .. } = what {
        Some(("too many at once: only counted".to_owned(), *count))
    } else {
        None
    }
}

/// What a verdict that opens nothing rests on.
fn cause(verdict: &Verdict) -> String {
    let note = verdict.notes.first();
    let code = note.and_then(|note| serde_json::to_value(note.code).ok());
    let code = code.as_ref().and_then(|code| code.as_str());
    let rule = || match &verdict.rule {
        Some(rule) => format!("rule {rule}"),
        None => "the policy's default".to_owned(),
    };
    let why = code.map_or_else(rule, str::to_owned);
    format!("{}: {why}", verdict.action)
}
