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

/// The code of the message that the ledger cannot be written.
pub const LEDGER_WRITE_FAILED: &str = "ledger_write_failed";

/// The code of the message that it is written again.
pub const LEDGER_WRITTEN: &str = "ledger_written";

/// The code of the warning that the ledger's disk is nearly full.
pub const DISK_LOW: &str = "disk_low";

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

/// The code of the message that questions are withheld, since there are too many.
pub const QUESTIONS_WITHHELD: &str = "questions_withheld";

/// The code of a question that is asked again, as nobody has answered it.
pub const REMINDER: &str = "reminder";

/// The code of a question that goes to others, as nobody has answered it.
pub const ESCALATION: &str = "escalation";

/// The code of the news that a person answered.
pub const ANSWERED: &str = "answered";

/// The code of the news that what was approved is open.
pub const OPENED: &str = "opened";

/// The code of the news that nobody answered in time.
pub const EXPIRED: &str = "expired";

/// The code of the news that what was approved is closed, or could not be opened.
pub const OPENING_ENDED: &str = "opening_ended";

/// The code of the alarm that a source is silent for longer than it should be.
pub const SOURCE_SILENT: &str = "source_silent";

/// The code of the message that such a source is heard again.
pub const SOURCE_HEARD: &str = "source_heard";

/// The code of one message that stands for several.
pub const DIGEST: &str = "digest";

/// The code of a message that an operator sends to try a channel.
pub const TEST: &str = "test";
