//! Asynchronous operations: a write that Azure has accepted, followed to its end
//! (<https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations>).

use super::arm::{Arm, not_json};
use super::call::Call;
use super::error::{ArmError, Fault, PatchError, retry_after};
use super::http::Reply;
use doorward_core::firewall::raw_json::RawJson;
use jiff::Timestamp;
use reqwest::{StatusCode, Url};
use std::time::Duration;

/// How long an operation is followed by whoever has nothing else to do.
const DEADLINE: Duration = Duration::from_mins(1);

/// How long to wait between two looks, where Azure does not say.
const PAUSE: Duration = Duration::from_secs(2);

/// The shortest and the longest wait between two looks, whatever Azure says.
const PAUSES: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(30);

/// What Azure made of a write that it did not refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It is done, as far as Azure says.
    Done,
    /// Azure works on it.
    Running(Operation),
}

/// A write that Azure works on. What became of it, reads of the registry tell; its status only helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    watch: Watch,
    /// Before this, Azure does not want to be asked.
    not_before: Timestamp,
}

/// What tells how the operation goes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Watch {
    /// `Azure-AsyncOperation`: a document with a `status`.
    Status(Url),
    /// `Location`: 202 until it is done.
    Location(Url),
    /// Neither was given: the resource's own `provisioningState`.
    Resource(Url),
}

/// How it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is done, as far as Azure says.
    Done,
    /// It has no end yet.
    Running,
    /// Azure could not do it.
    Failed {
        /// The operation's error code, or its state.
        code: String,
        /// Azure's words, bounded.
        message: String,
    },
}

impl From<Fault> for Progress {
    fn from(Fault { code, message }: Fault) -> Self {
        Self::Failed { code, message }
    }
}

impl Operation {
    /// Whether its status may be asked at `now` and tells more than the registry itself does.
    pub fn may_tell(&self, now: Timestamp) -> bool {
        now >= self.not_before && !matches!(self.watch, Watch::Resource(_))
    }
}

impl Arm {
    /// Asks once how `operation` goes.
    pub async fn progress(
        &self,
        operation: &mut Operation,
        call: &Call,
    ) -> Result<Progress, ArmError> {
        let answer = self.read(operation.watch.url().clone(), call).await;
        let asked = match &answer {
            Ok(reply) => retry_after(&reply.headers, self.clock().now()),
            Err(error) => error.retry_after(),
        };
        operation.not_before = self.look_again(asked);
        operation.watch.progress(&answer?)
    }

    /// Follows `operation` to its end, for a minute at most.
    pub async fn follow(&self, mut operation: Operation, call: &Call) -> Result<(), PatchError> {
        let clock = self.clock();
        let deadline = clock::add(clock.now(), DEADLINE);
        let mut trouble = String::from("it is still running");
        while clock.now() < deadline {
            let pause = operation.not_before.duration_since(clock.now());
            clock
                .sleep(Duration::try_from(pause).unwrap_or_default())
                .await;
            match self.progress(&mut operation, call).await {
                Ok(Progress::Done) => return Ok(()),
                Ok(Progress::Failed { code, message }) => {
                    return Err(PatchError::OperationFailed { code, message });
                }
                Ok(Progress::Running) => {}
                Err(error) => trouble = error.to_string(),
            }
        }
        let why = format!("the operation's end was not seen: {trouble}");
        Err(PatchError::unknown(&why))
    }

    fn look_again(&self, asked: Option<Duration>) -> Timestamp {
        let pause = asked.unwrap_or(PAUSE).clamp(*PAUSES.start(), *PAUSES.end());
        let pause = self.backoff_for_reads(pause).min(*PAUSES.end());
        clock::add(self.clock().now(), pause)
    }
}

/// What `accepted`, the answer to a `PATCH` of `resource`, has set going.
pub(super) fn begun(arm: &Arm, accepted: &Reply, resource: Url) -> Result<Accepted, PatchError> {
    let Some(watch) = what_to_watch(arm, accepted, resource)? else {
        return Ok(Accepted::Done);
    };
    let asked = retry_after(&accepted.headers, arm.clock().now());
    let not_before = arm.look_again(asked);
    Ok(Accepted::Running(Operation { watch, not_before }))
}

/// Where to look, or `None` when the answer to the write was its end.
fn what_to_watch(arm: &Arm, accepted: &Reply, resource: Url) -> Result<Option<Watch>, PatchError> {
    let follow = |name: &str| {
        let link = accepted.headers.get(name)?;
        let link = link.to_str().map_err(|_| "a link is not text".to_owned());
        Some(
            link.and_then(|link| arm.link(link))
                .map_err(|why| PatchError::unknown(&format!("`{name}` cannot be followed: {why}"))),
        )
    };
    if let Some(link) = follow("azure-asyncoperation") {
        return link.map(|url| Some(Watch::Status(url)));
    }
    if accepted.status == StatusCode::ACCEPTED
        && let Some(link) = follow("location")
    {
        return link.map(|url| Some(Watch::Location(url)));
    }
    if accepted.status == StatusCode::NO_CONTENT {
        return Ok(None);
    }
    if accepted.status == StatusCode::ACCEPTED {
        return Ok(Some(Watch::Resource(resource)));
    }
    let status = provisioning_state(&accepted.body)
        .map_err(|error| PatchError::unknown(&not_json(resource.path(), &error)))?;
    match status.map(|status| state(&status, accepted)) {
        Some(Progress::Failed { code, message }) => {
            Err(PatchError::OperationFailed { code, message })
        }
        Some(Progress::Running) => Ok(Some(Watch::Resource(resource))),
        Some(Progress::Done) | None => Ok(None),
    }
}

impl Watch {
    fn url(&self) -> &Url {
        match self {
            Self::Status(url) | Self::Location(url) | Self::Resource(url) => url,
        }
    }

    fn progress(&self, reply: &Reply) -> Result<Progress, ArmError> {
        if let Self::Location(_) = self {
            return Ok(match reply.status {
                StatusCode::ACCEPTED => Progress::Running,
                _ => Progress::Done,
            });
        }
        let path = self.url().path();
        let status = match self {
            Self::Status(_) => status(&reply.body),
            Self::Location(_) | Self::Resource(_) => provisioning_state(&reply.body),
        };
        let status = status.map_err(|error| not_json(path, &error))?;
        let status = status.ok_or_else(|| ArmError::bad_reply(path, "it does not tell a state"))?;
        Ok(state(&status, reply))
    }
}

/// Read without the rest, which may be of whatever form.
fn provisioning_state(document: &[u8]) -> Result<Option<String>, serde_json::Error> {
    let members = RawJson::parse(document)?.object();
    let properties = members.and_then(|members| members.get("properties")?.object());
    Ok(properties.and_then(|properties| properties.get("provisioningState")?.text()))
}

fn status(document: &[u8]) -> Result<Option<String>, serde_json::Error> {
    let members = RawJson::parse(document)?.object();
    Ok(members.and_then(|members| members.get("status")?.text()))
}

/// `Succeeded`, `Failed` and `Canceled` are ends; every other state is on its way.
fn state(status: &str, reply: &Reply) -> Progress {
    let is = |end: &str| status.eq_ignore_ascii_case(end);
    if is("Succeeded") {
        Progress::Done
    } else if is("Failed") || is("Canceled") || is("Cancelled") {
        let mut fault = Fault::read(&reply.body);
        if fault.code == Fault::NO_CODE {
            fault.code = super::error::clean(status);
        }
        fault.into()
    } else {
        Progress::Running
    }
}
