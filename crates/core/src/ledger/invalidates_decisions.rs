//! Which entries of the ledger verdicts rest on: a verdict that one of them overtakes is thought over.

use super::event::LedgerEvent;

impl LedgerEvent {
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
