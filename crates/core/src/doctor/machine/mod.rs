//! The machine and its place in the world: the ledger's disk, the clock, the credential.

use super::Finding;
use super::facts::Unknown;
use crate::yaml::duration::Show;
use jiff::SignedDuration;

/// Below this much free space somebody should act, in bytes.
const LOW: u64 = 64 << 20;

/// How far the clock may be off: tokens and signatures are refused beyond it.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Beyond this it is worth a word.
const NOTED: SignedDuration = SignedDuration::from_secs(30);

/// The ledger's place.
#[derive(Clone, Debug)]
pub struct Store {
    /// As it may be shown: without a password.
    pub place: String,
    /// Why it cannot be written, if so. None for a server, which the first start shows.
    pub unwritable: Option<String>,
    /// How much space is free, in bytes, where that is known.
    pub free: Option<u64>,
    /// Whether others on this machine may look into the folder.
    pub open_to_others: bool,
    /// The ledger in it.
    pub ledger: Ledger,
}

/// The ledger as it was read.
#[derive(Clone, Debug)]
pub enum Ledger {
    /// There is none yet.
    None,
    /// It can be read.
    Readable {
        /// How many entries it has.
        entries: i64,
        /// How many of its tables' changes are still to be made: the next start makes them.
        pending: i64,
        /// How many changes it has that this program does not know.
        newer: i64,
    },
    /// It cannot.
    Unreadable(String),
    /// It was not looked at.
    Skipped(&'static str),
}

/// What the store's facts come to.
pub fn store(store: &Store) -> Vec<Finding> {
    let place = &store.place;
    let mut found = vec![match &store.unwritable {
        Some(why) => Finding::wrong(
            "store.writable",
            format!("{place} cannot be written: {why}"),
            "let the user that runs doorward write there (`chown`, a volume), or set `state` to another place",
        ),
        None => Finding::ok("store.writable", format!("{place} can be written")),
    }];
    if store.open_to_others {
        found.push(Finding::ok(
            "store.private",
            format!("the folder of {place} is open to other users of this machine: `chmod 700` it"),
        ));
    }
    if let Some(free) = store.free {
        let text = format!("{} MiB free", free >> 20);
        found.push(if free < LOW {
            Finding::wrong(
                "store.space",
                format!("{text} on the disk of {place}"),
                "make room: without space nothing is acknowledged, and nothing is opened",
            )
        } else {
            Finding::ok("store.space", text)
        });
    }
    found.push(ledger(&store.ledger));
    found
}

fn ledger(ledger: &Ledger) -> Finding {
    const CHECK: &str = "store.ledger";
    match ledger {
        Ledger::None => Finding::left_out(CHECK, "no ledger yet: the first start makes it"),
        Ledger::Skipped(why) => Finding::left_out(CHECK, format!("not read ({why})")),
        Ledger::Readable { newer, .. } if *newer > 0 => Finding::wrong(
            CHECK,
            "the ledger was written by a newer version of doorward",
            "run that version, or go back to a backup of the ledger from before it",
        ),
        Ledger::Readable {
            entries, pending, ..
        } => {
            let migrations = match pending {
                0 => String::new(),
                _ => format!(
                    "; {pending} migrations are applied at the next start: back it up first"
                ),
            };
            Finding::ok(CHECK, format!("{entries} entries{migrations}"))
        }
        Ledger::Unreadable(why) => Finding::wrong(
            CHECK,
            format!("the ledger cannot be read: {why}"),
            "put a backup in its place, or run `doorward ledger verify` to see where it breaks",
        ),
    }
}

/// What the difference between this machine's clock and Azure's comes to; positive if ours is ahead.
pub fn clock(ahead: Result<SignedDuration, Unknown>) -> Finding {
    const CHECK: &str = "clock";
    let ahead = match ahead {
        Ok(ahead) => ahead,
        Err(Unknown::Skipped(why)) => {
            return Finding::left_out(CHECK, format!("not compared ({why})"));
        }
        Err(unknown) => {
            let why = unknown.why("Azure's answer has no `Date`");
            return Finding::unknown(
                CHECK,
                format!("Azure's time is not known: {why}"),
                "see that this machine reaches Azure Resource Manager (DNS, proxy, firewall), and try again",
            );
        }
    };
    let side = if ahead.is_negative() {
        "behind"
    } else {
        "ahead of"
    };
    let off = format!("{} {side} Azure's", Show(ahead.unsigned_abs()));
    if ahead.abs() > SKEW {
        let fix = "set the clock (NTP): tokens and signed deliveries are refused, and entries end at the wrong time";
        Finding::wrong(CHECK, format!("this machine's clock is {off}"), fix)
    } else if ahead.abs() > NOTED {
        Finding::ok(
            CHECK,
            format!("this machine's clock is {off}, which is tolerable"),
        )
    } else {
        Finding::ok(CHECK, "this machine's clock agrees with Azure's")
    }
}

/// Who a credential is, as its token says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The application's id.
    pub client_id: Option<String>,
    /// The object that roles are assigned to.
    pub object_id: Option<String>,
    /// The tenant.
    pub tenant: Option<String>,
    /// The user's name, if it is a person.
    pub user: Option<String>,
}

/// What the credential of this kind comes to.
pub fn credential(kind: &str, identity: Result<Identity, Unknown>) -> Finding {
    const CHECK: &str = "credential";
    match identity {
        Ok(identity) => {
            let parts = [
                ("user", identity.user),
                ("client", identity.client_id),
                ("object", identity.object_id),
                ("tenant", identity.tenant),
            ];
            let parts = parts
                .into_iter()
                .filter_map(|(name, id)| Some(format!("{name} {}", id?)));
            let parts: Vec<String> = parts.collect();
            let who = if parts.is_empty() {
                "the token does not say whose it is".to_owned()
            } else {
                parts.join(", ")
            };
            let note = match kind {
                "azure_cli" | "static_token" => "; for trying things out, not for a service",
                _ => "",
            };
            Finding::ok(CHECK, format!("`{kind}`: {who}{note}"))
        }
        Err(Unknown::Skipped(why)) => {
            Finding::left_out(CHECK, format!("`{kind}`: no token requested ({why})"))
        }
        Err(unknown) => {
            let why = unknown.why("it was refused");
            Finding::wrong(
                CHECK,
                format!("`{kind}` gets no token: {why}"),
                fix_of(kind),
            )
        }
    }
}

fn fix_of(kind: &str) -> &'static str {
    match kind {
        "managed_identity" => {
            "assign an identity to where this runs (`az vm|containerapp|webapp identity assign`), or name a user-assigned one by `client_id`"
        }
        "workload_identity" => {
            "label the pod `azure.workload.identity/use: \"true\"`, annotate its service account with the client id, and add a federated credential for it"
        }
        "azure_cli" => "run `az login`, and `az account set --subscription` for the registry's",
        "client_secret" => {
            "check `tenant_id` and `client_id`; make another secret with `az ad app credential reset` if this one has expired"
        }
        _ => {
            "put a fresh token in its place: `az account get-access-token --query accessToken -o tsv`"
        }
    }
}

#[cfg(test)]
mod tests;
