//! Changes of a registry, as Event Grid's events about resources tell of them.

use super::event::text;
use super::reports::Context;
use crate::intake::document::Value;
use crate::intake::extract::record;
use crate::intake::report::{Change, Changed};

/// The longest id that is passed on.
const LONGEST: usize = 512;

/// The change that an event of this type tells of, if it is one of a registry itself. Who did it is
/// told by the object id in `authorization.evidence`; the claims beside it are people's names.
pub(super) fn of(kind: &str, data: &Value<'_>, context: &Context) -> Option<Change> {
    let kind = kind.to_ascii_lowercase();
    let change = match kind.strip_prefix("microsoft.resources.resource")? {
        "writesuccess" => Changed::Written,
        "writefailure" => Changed::WriteFailed,
        "deletesuccess" => Changed::Deleted,
        "deletefailure" => Changed::DeleteFailed,
        _ => return None,
    };
    let uri = text(data, "resourceUri")?;
    // What belongs to a registry, such as a replication, has its id with more behind it.
    let registry = record::registry_id(uri).filter(|id| id.len() == uri.trim().len())?;
    let short = |text: &str| (text.len() <= LONGEST).then(|| text.to_owned());
    let evidence = data
        .get("authorization")
        .and_then(|authorization| authorization.get("evidence"));
    let by = evidence.and_then(|evidence| evidence.get("principalId"));
    Some(Change {
        registry,
        change,
        by: by.and_then(Value::as_str).and_then(short),
        at: context.at,
        event_id: context.event_id.as_deref().and_then(short),
        correlation_id: text(data, "correlationId").and_then(short),
    })
}
