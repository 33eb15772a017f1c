//! How one address stands with one registry, for whoever asks from it: nothing of other addresses, of the policy's
//! rules, or of the people who answer.

use crate::flow::app::App;
use crate::flow::notify::facts;
use crate::flow::view::states;
use doorward_core::ledger::details::Effectiveness;
use doorward_core::ledger::request::Answer;
use doorward_core::messages::outcome::{Outcome, outcome};
use doorward_core::messages::wording;
use doorward_core::net::address::GlobalIpv4;
use doorward_core::net::resource_id::ResourceId;
use doorward_core::policy::verdict::Action;
use doorward_core::state::{Asked, Decision};
use doorward_core::states::GrantState;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// How it is, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallerState {
    /// Nothing is known of this address here.
    Unknown,
    /// A person is asked.
    Waiting,
    /// It is allowed, and its entry is not confirmed yet.
    Opening,
    /// It is let in.
    Granted,
    /// It is not let in.
    Refused,
    /// An entry could not help, or could not be written.
    NotPossible,
    /// It was let in or asked about, and that is over.
    Over,
}

/// How an address stands with a registry.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CallerStatus {
    /// In one word.
    pub state: CallerState,
    /// In a sentence or two.
    pub text: String,
    /// Since when it is so, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The groups whose members were asked; empty where every approver was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<String>,
    /// What would help instead.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub help: Vec<Effectiveness>,
}

impl CallerStatus {
    fn new(state: CallerState, text: impl Into<String>) -> Self {
        Self {
            state,
            text: text.into(),
            since: None,
            until: None,
            asked: Vec::new(),
            help: Vec::new(),
        }
    }

    fn at(self, since: Option<Timestamp>, until: Option<Timestamp>) -> Self {
        Self {
            since,
            until,
            ..self
        }
    }

    /// Whether it will soon be another.
    pub fn is_moving(&self) -> bool {
        matches!(self.state, CallerState::Waiting | CallerState::Opening)
    }
}

/// How `address` stands with the registry of this name or host. One that is not enrolled is answered like one
/// that has never refused this address: who asks learns nothing of which are.
pub fn of(app: &App, name: &str, address: IpAddr) -> CallerStatus {
    let now = app.clock.now();
    let open = match GlobalIpv4::try_from(address.to_canonical()) {
        Ok(open) => open,
        Err(error) => {
            let text = wording::sentence(&error.to_string());
            return CallerStatus::new(CallerState::NotPossible, text);
        }
    };
    let Some(id) = enrolled(app, name) else {
        return unknown();
    };
    if let Some(status) = granted(app, &id, open, now) {
        return status;
    }
    let asked = last_asked(app, &id, open);
    let decided = last_decided(app, &id, open);
    match (asked, decided) {
        (Some(asked), _) if asked.open(now) => waiting(app, &asked),
        (Some(asked), Some(decided)) if decided.at > asked_at(&asked) => refused(app, &decided),
        (Some(asked), _) => became(&asked, now),
        (None, Some(decided)) => refused(app, &decided),
        (None, None) => unknown(),
    }
}

fn unknown() -> CallerStatus {
    let text = "No denial of this address has been reported lately for a registry of this name. If yours was refused \
                a moment ago, it may be on its way: logs of Azure take minutes.";
    CallerStatus::new(CallerState::Unknown, text)
}

fn enrolled(app: &App, name: &str) -> Option<ResourceId> {
    let name = name.trim().to_ascii_lowercase();
    let mut all = app.registries.keys();
    if !name.contains('.') {
        return all
            .find(|id| id.name().eq_ignore_ascii_case(&name))
            .cloned();
    }
    // Azure may not have said yet which host is whose.
    let presumed = app.presumed_hosts();
    let found = all.find(|id| app.leads_to(&name, id) || presumed.leads_to(&name, id));
    found.cloned()
}

fn granted(app: &App, id: &ResourceId, open: GlobalIpv4, now: Timestamp) -> Option<CallerStatus> {
    // Anybody may ask, so only the grants of this address are looked at.
    let it = app.ledger.read(|state| {
        let all = state.grants.values();
        let own = all.filter(|it| it.grant.address == open && it.grant.registry == *id);
        own.max_by_key(|it| it.grant.until).cloned()
    })?;
    let (state, text) = match states::grant(app, &it, now) {
        GrantState::Ending | GrantState::Overdue | GrantState::Ended => return None,
        GrantState::Opening => (
            CallerState::Opening,
            "This address is allowed, and its entry is being added. Try again in about a minute.",
        ),
        GrantState::Open => (
            CallerState::Granted,
            "This address is let in. If it is still refused, try again in about a minute: front ends take that long.",
        ),
        GrantState::StillDenied => (
            CallerState::NotPossible,
            "The entry for this address is there, and it was refused all the same. Whoever looks after the registry has \
             been told.",
        ),
    };
    Some(CallerStatus::new(state, text).at(Some(it.since), Some(it.grant.until)))
}

fn last_asked(app: &App, id: &ResourceId, open: GlobalIpv4) -> Option<Asked> {
    app.ledger.read(|state| {
        let all = state.requests.values();
        let own = all.filter(|it| it.request.address == open && it.request.registry == *id);
        own.max_by_key(|it| asked_at(it)).cloned()
    })
}

fn last_decided(app: &App, id: &ResourceId, open: GlobalIpv4) -> Option<Arc<Decision>> {
    let own = |it: &&Arc<Decision>| {
        let address = it.denial.report.denial.ip.map(|ip| ip.to_canonical());
        it.registry.as_ref() == Some(id) && address == Some(IpAddr::V4(open.get()))
    };
    // The newest stands first.
    app.ledger
        .read(|state| state.verdicts.iter().find(own).cloned())
}

fn asked_at(asked: &Asked) -> Timestamp {
    let decided = asked.decision.as_ref().map(|it| it.at);
    decided.unwrap_or(Timestamp::MIN)
}

fn waiting(app: &App, asked: &Asked) -> CallerStatus {
    let terms = app.terms(&asked.request);
    let groups: BTreeSet<&String> = terms.by.iter().flatten().collect();
    let whom = if asked.withheld {
        "Too many ask at the moment, so nobody was sent a message about it; an approver finds it on doorward's page."
    } else if terms.can_be_answered() {
        "An approver was asked. Once they say yes, the address is let in by itself."
    } else {
        "Only operators see it, and it is not answered."
    };
    let text = format!("This address was refused, and a request waits. {whom}");
    let status = CallerStatus::new(CallerState::Waiting, text);
    CallerStatus {
        asked: groups.into_iter().cloned().collect(),
        ..status.at(
            asked.decision.as_ref().map(|it| it.at),
            Some(asked.request.until),
        )
    }
}

/// What became of a request that is answered or over.
fn became(asked: &Asked, now: Timestamp) -> CallerStatus {
    if let Some((at, Answer::Deny)) = asked.answer {
        let text = "An approver has declined this address.";
        return CallerStatus::new(CallerState::Refused, text).at(Some(at), None);
    }
    let (state, text) = match outcome(asked, None, now) {
        Outcome::NotOpened { .. } => (
            CallerState::NotPossible,
            "An approver has allowed this address, and it could not be opened. Whoever looks after the registry has been told.",
        ),
        Outcome::Adding { .. } => (
            CallerState::Opening,
            "This address is allowed, and its entry is being added. Try again in about a minute.",
        ),
        Outcome::Active { .. } | Outcome::Covered { .. } | Outcome::Kept { .. } => (
            CallerState::Granted,
            "An entry of the registry's firewall lets this address in.",
        ),
        Outcome::Expired => (
            CallerState::Over,
            "Nobody answered in time. The next denial of this address raises a new request.",
        ),
        Outcome::Open
        | Outcome::Denied { .. }
        | Outcome::Removing { .. }
        | Outcome::Ended { .. }
        | Outcome::Unknown => (
            CallerState::Over,
            "This address was let in for a while, and that is over. The next denial is decided anew.",
        ),
    };
    CallerStatus::new(state, text)
}

fn refused(app: &App, decided: &Decision) -> CallerStatus {
    if decided.verdict.action == Action::Allow {
        let text = "This address was allowed for a while, and that is over. The next denial is decided anew.";
        return CallerStatus::new(CallerState::Over, text).at(Some(decided.at), None);
    }
    let said = (decided.registry.as_ref(), &decided.verdict);
    let details = facts::details(app, &decided.denial, said, Duration::ZERO);
    let (state, text) = if details.help.is_empty() {
        (
            CallerState::Refused,
            "This address is not let in: the policy of the registry does not open it.",
        )
    } else {
        (
            CallerState::NotPossible,
            "This address is not let in, and there is a better way.",
        )
    };
    let status = CallerStatus::new(state, text).at(Some(decided.at), None);
    CallerStatus {
        help: details.help,
        ..status
    }
}
