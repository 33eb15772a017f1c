//! What this process knows of the write that it sent last and that no read has shown yet. After a restart,
//! and to another replica, reads alone tell.

use super::{LOST_AFTER, READ_AGAIN, WARN_EVERY, waits};
use crate::azure::{Call, Operation, Progress};
use crate::flow::app::App;
use doorward_core::ledger::event::Write;
use doorward_core::ledger::id::WriteId;
use doorward_core::net::resource_id::ResourceId;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// A write whose exchange has ended without an answer, and that no read has shown for this long since, is
/// given up as lost: nothing of it is under way from here any more.
const LOST_SOON: SignedDuration = SignedDuration::from_secs(10);

/// How soon the first reads after a write follow.
pub(super) const READ_SOON: Duration = Duration::from_secs(1);

/// While a write is younger than this, reads follow soon.
const YOUNG: SignedDuration = SignedDuration::from_secs(2);

/// A write whose exchange has ended.
#[derive(Clone, Debug)]
pub struct Sent {
    write: WriteId,
    ended: Timestamp,
    /// What Azure works on; nothing where no answer came.
    operation: Option<Operation>,
}

impl Sent {
    /// Azure took it and works on it.
    pub(super) fn running(app: &App, write: &Write, operation: Operation) -> Self {
        Self {
            operation: Some(operation),
            ..Self::unanswered(app, write)
        }
    }

    /// No answer came, or none that says what became of it.
    pub(super) fn unanswered(app: &App, write: &Write) -> Self {
        Self {
            write: write.id,
            ended: app.clock.now(),
            operation: None,
        }
    }
}

/// Whether a write that hangs since `begun`, and that a read at this time does not show, is given up.
pub(super) fn is_lost(app: &App, write: &Write, begun: Timestamp) -> bool {
    let now = app.clock.now();
    let sent = app.sent(&write.registry);
    let unanswered = sent.filter(|sent| sent.write == write.id && sent.operation.is_none());
    let soon = unanswered.is_some_and(|sent| now.duration_since(sent.ended) >= LOST_SOON);
    soon || now.duration_since(begun) >= LOST_AFTER
}

/// Why Azure could not do a write that hangs, with its code, if its operation says so.
pub(super) async fn failure(app: &App, write: &Write, call: &Call) -> Option<(String, String)> {
    let id = &write.registry;
    let mut sent = app.sent(id).filter(|sent| sent.write == write.id)?;
    let now = app.clock.now();
    let operation = sent.operation.as_mut().filter(|it| it.may_tell(now))?;
    let told = app.arm.progress(operation, call).await;
    app.set_sent(id, sent);
    match told {
        Ok(Progress::Failed { code, message }) => Some((code, message)),
        Ok(Progress::Done | Progress::Running) => None,
        Err(error) => {
            tracing::info!(
                registry = id.name(),
                correlation = %call.correlation_id,
                "a write's status cannot be read (`Microsoft.ContainerRegistry/registries/operationStatuses/read`); reads of \
                 the registry tell what became of it: {error}"
            );
            None
        }
    }
}

/// How soon a registry is read again on which a write hangs, or others' operation is under way.
pub(super) fn look_again(app: &App, id: &ResourceId) -> Duration {
    let young = age(app, id).is_some_and(|age| age < YOUNG);
    waits::backoff_for_reads(app, id, if young { READ_SOON } else { READ_AGAIN })
}

/// Whether a write hangs that was begun just now.
pub(super) fn is_fresh(app: &App, id: &ResourceId) -> bool {
    let warn_after = SignedDuration::try_from(WARN_EVERY).unwrap_or_default();
    age(app, id).is_some_and(|age| age < warn_after)
}

/// How long ago the write was begun that hangs.
fn age(app: &App, id: &ResourceId) -> Option<SignedDuration> {
    let begun = app
        .ledger
        .read(|state| Some(state.registries.get(id)?.unsettled.as_ref()?.0));
    begun.map(|begun| app.clock.now().duration_since(begun))
}
