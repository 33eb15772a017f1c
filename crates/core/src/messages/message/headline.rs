//! The first line of a message: enough to decide on, on a phone's lock screen.

use crate::intake::denial::Kind;
use crate::ledger::alert::Alert;
use crate::ledger::details::Details;
use crate::messages::codes;
use crate::messages::prose::{cut, plain};
use crate::net::resource_id::ResourceId;
use crate::policy::verdict::Action;
use crate::yaml::duration::Show;
use std::time::Duration;

/// How many characters a lock screen shows.
pub const LOCK_SCREEN: usize = 80;

/// The longest name of a place in it.
const LONGEST_PLACE: usize = 40;

/// Who was refused where, or what is wrong where, in at most [`LOCK_SCREEN`] characters.
pub fn headline(alert: &Alert) -> String {
    let place = place(alert);
    let line = match (&alert.details, alert.address) {
        (Some(details), _) if details.kind.is_some() => refused(alert, details, place.as_deref()),
        (_, Some(address)) => {
            let place = place.map_or_else(String::new, |place| format!(" on {place}"));
            format!("{address}{place}: {}", title(&alert.code))
        }
        (_, None) => {
            let place = place.map_or_else(String::new, |place| format!("{place}: "));
            format!("{place}{}", title(&alert.code))
        }
    };
    cut(&line, LOCK_SCREEN)
}

fn refused(alert: &Alert, details: &Details, place: Option<&str>) -> String {
    let who = alert
        .address
        .map_or_else(|| "Unknown address".to_owned(), |ip| ip.to_string());
    let verb = match details.kind {
        Some(Kind::Suspected) => "may have been refused",
        Some(Kind::Denied) | None => "refused",
    };
    let place = place.map_or_else(String::new, |place| format!(" by {place}"));
    let asks = [codes::ASK, codes::REMINDER, codes::ESCALATION].contains(&alert.code.as_str());
    let outcome = details.outcome.as_deref();
    let then = match (asks, details.ttl_seconds, details.action) {
        (true, Some(seconds), _) => format!("open for {}?", Show(Duration::from_secs(seconds))),
        _ if outcome.is_some() => outcome.unwrap_or_default().to_owned(),
        (_, _, Some(Action::Forbid)) => "blocked by policy".to_owned(),
        _ if alert.code == "alert" => "not opened".to_owned(),
        _ => title(&alert.code),
    };
    let prefix = match alert.code.as_str() {
        codes::REMINDER => "Unanswered: ",
        codes::ESCALATION => "Escalated: ",
        _ => "",
    };
    format!("{prefix}{who} {verb}{place}: {then}")
}

fn place(alert: &Alert) -> Option<String> {
    let registry = alert.registry.as_ref().map(ResourceId::name);
    let host = alert.details.as_ref().and_then(|it| it.host.as_deref());
    registry.or(host).map(|name| plain(name, LONGEST_PLACE))
}

/// What a code means, in a few words.
pub fn title(code: &str) -> String {
    let known = match code {
        codes::ASK => "approval required",
        codes::OVERDUE => "still open past its end",
        codes::END_UNKNOWN => "unknown whether its entry was removed",
        codes::END_KNOWN => "its entry is known to be removed",
        codes::AZURE_UNREADABLE => "Azure does not show the registry",
        codes::AZURE_READABLE => "the registry can be read again",
        codes::LEDGER_WRITE_FAILED => "the ledger cannot be written",
        codes::LEDGER_WRITTEN => "the ledger is written again",
        codes::DISK_LOW => "the ledger's disk is nearly full",
        codes::NETWORKS_LOST => "virtual network rules lost",
        codes::SLOW => "not open yet",
        codes::WRITE_REFUSED => "Azure refuses writes",
        codes::FLOOD => "flood of denials",
        codes::REMINDER => "still unanswered",
        codes::ESCALATION => "escalated, nobody answered",
        codes::ANSWERED => "answered",
        codes::OPENED => "open",
        codes::EXPIRED => "nobody answered in time",
        codes::OPENING_ENDED => "closed",
        codes::SOURCE_SILENT => "a source is silent",
        codes::SOURCE_HEARD => "a source is heard again",
        codes::DIGEST => "several messages",
        codes::TEST => "test message",
        "still_denied" => "still refused though its entry exists",
        "set_refused" => "an address set changed too much",
        "list_full" => "the firewall's list is full",
        "public_access_disabled" => "public access is disabled",
        "already_covered" => "already allowed by another entry",
        other => return other.replace('_', " "),
    };
    known.to_owned()
}
