//! The stable codes of messages.

/// The code of the alarm for an entry that should be gone.
pub const OVERDUE: &str = "overdue";

/// The code of the message that nobody can tell whether an entry outlives its end.
pub const END_UNKNOWN: &str = "end_unknown";

/// The code of the message that this is known again.
pub const END_KNOWN: &str = "end_known";

/// The code of messages about registries that cannot be read, and of verdicts that would need that.
pub const AZURE_UNREADABLE: &str = "azure_unreadable";

/// The code of messages that such a registry can be read again.
pub const AZURE_READABLE: &str = "azure_readable";

/// The code of the alarm for virtual network rules that a write has lost.
pub const NETWORKS_LOST: &str = "virtual_network_rules_lost";

/// The code of the word about an opening that hangs.
pub const SLOW: &str = "opening_delayed";

/// The code of the message that Azure refuses writes for now.
pub const WRITE_REFUSED: &str = "write_refused";

/// The code of the messages about a flood.
pub const FLOOD: &str = "flood";

/// The code of a message that asks.
pub const ASK: &str = "ask";

/// Why which registry refused is a guess.
pub const GUESS: &str = "the error itself does not name the registry, only what stands near it";
