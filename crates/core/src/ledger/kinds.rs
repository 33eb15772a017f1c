//! The kinds of ledger events: their names, and which of them decisions rest on. A decision that one of these
//! supersedes is made again.

use super::event::LedgerEvent;

impl LedgerEvent {
    /// The kind of [`LedgerEvent::EndWaits`].
    pub const END_WAITS: &str = "end_waits";

    /// All kinds of entries.
    pub const KINDS: [&'static str; 41] = [
        "denied",
        "decided",
        "repeated",
        "counted",
        "suppressed",
        "flood",
        "granted",
        "write_intended",
        "write_settled",
        "virtual_network_rules_lost",
        "end_waits",
        "throttled",
        "never_landed",
        "opened",
        "covered_by_existing",
        "not_opened",
        "grant_outcome",
        "registry_seen",
        "drifted",
        "restoring",
        "possibly_overwritten",
        "ended",
        "revoked",
        "extended",
        "kept",
        "paused",
        "resumed",
        "verdicts_cleared",
        "recovered",
        "registry_changed",
        "set_loaded",
        "set_refused",
        "set_confirmed",
        "requested",
        "question_withheld",
        "approval",
        "answered",
        "alerted",
        "delivered",
        "undelivered",
        "feed_advanced",
    ];

    /// The entry's kind, as it is stored and shown.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Denied(_) => "denied",
            Self::Decided { .. } => "decided",
            Self::Repeated { .. } => "repeated",
            Self::Counted { .. } => "counted",
            Self::Suppressed { .. } => "suppressed",
            Self::Flood { .. } => "flood",
            Self::Granted(_) => "granted",
            Self::WriteIntended(_) => "write_intended",
            Self::WriteSettled { .. } => "write_settled",
            Self::VirtualNetworkRulesLost { .. } => "virtual_network_rules_lost",
            Self::EndWaits { .. } => Self::END_WAITS,
            Self::Throttled { .. } => "throttled",
            Self::NeverLanded { .. } => "never_landed",
            Self::Opened { .. } => "opened",
            Self::CoveredByExisting { .. } => "covered_by_existing",
            Self::NotOpened { .. } => "not_opened",
            Self::GrantOutcome(_) => "grant_outcome",
            Self::RegistrySeen { .. } => "registry_seen",
            Self::Drifted { .. } => "drifted",
            Self::Restoring { .. } => "restoring",
            Self::PossiblyOverwritten(_) => "possibly_overwritten",
            Self::Ended { .. } => "ended",
            Self::Revoked { .. } => "revoked",
            Self::Extended { .. } => "extended",
            Self::Kept { .. } => "kept",
            Self::Paused { .. } => "paused",
            Self::Resumed { .. } => "resumed",
            Self::VerdictsCleared { .. } => "verdicts_cleared",
            Self::Recovered { .. } => "recovered",
            Self::RegistryChanged { .. } => "registry_changed",
            Self::SetLoaded(_) => "set_loaded",
            Self::SetRefused { .. } => "set_refused",
            Self::SetConfirmed { .. } => "set_confirmed",
            Self::Requested(_) => "requested",
            Self::QuestionWithheld { .. } => "question_withheld",
            Self::Approval { .. } => "approval",
            Self::Answered { .. } => "answered",
            Self::Alerted(_) => "alerted",
            Self::Delivered { .. } => "delivered",
            Self::Undelivered { .. } => "undelivered",
            Self::FeedAdvanced(_) => "feed_advanced",
        }
    }

    /// Whether verdicts rest on it: what is granted, asked, answered or over. The rest tells of what
    /// arrived, of messages, and of how writes fare.
    pub fn is_decisive(&self) -> bool {
        !matches!(
            self,
            Self::Denied(_)
                | Self::Counted { .. }
                | Self::Suppressed { .. }
                | Self::Flood { .. }
                | Self::WriteIntended(_)
                | Self::WriteSettled { .. }
                | Self::Throttled { .. }
                | Self::Opened { .. }
                | Self::RegistryChanged { .. }
                | Self::Alerted(_)
                | Self::Delivered { .. }
                | Self::Undelivered { .. }
                | Self::FeedAdvanced(_)
        )
    }

    /// Whether it tells of nothing but denials that came. Much of that comes in a flood, and only verdicts
    /// follow from it.
    pub fn is_arrival(&self) -> bool {
        matches!(
            self,
            Self::Denied(_) | Self::Counted { .. } | Self::Suppressed { .. }
        )
    }

    /// Whether it says how a write of a registry fares: orders about an entry rest on it too.
    pub fn is_write(&self) -> bool {
        matches!(
            self,
            Self::WriteIntended(_) | Self::WriteSettled { .. } | Self::Opened { .. }
        )
    }
}
