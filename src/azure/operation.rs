//! Asynchronous operations: a write that Azure has accepted, followed to its end
//! (<https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations>).

use super::arm::{Arm, json};
use super::call::Call;
use super::error::{ArmError, Fault, PatchError, retry_after};
use super::http::Reply;
use reqwest::{StatusCode, Url};
use serde_json::Value;
use std::time::Duration;

/// How long an operation is followed. A change of the firewall usually takes seconds.
const DEADLINE: Duration = Duration::from_mins(5);

/// How long a link is asked that tells nothing, before the registry itself is read instead.
const BROKEN_FOR: jiff::SignedDuration = jiff::SignedDuration::from_secs(30);

/// How long to wait between two looks, where Azure does not say.
const PAUSE: Duration = Duration::from_secs(2);

/// The shortest and the longest wait between two looks, whatever Azure says.
const PAUSES: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(30);

/// What tells how the operation goes.
#[derive(Debug, PartialEq, Eq)]
enum Watch {
    /// `Azure-AsyncOperation`: a document with a `status`.
    Status(Url),
    /// `Location`: 202 until it is done.
    Location(Url),
    /// Neither was given: the resource's own `provisioningState`.
    Resource(Url),
}

/// How it goes.
#[derive(Debug, PartialEq, Eq)]
enum Progress {
    Done,
    Running,
    Failed(Fault),
}

/// Follows what `accepted`, the answer to a `PATCH` of `resource`, has set going.
pub(super) async fn follow(
    arm: &Arm,
    accepted: &Reply,
    resource: Url,
    call: &Call,
) -> Result<(), PatchError> {
    let Some(watch) = what_to_watch(arm, accepted, resource)? else {
        return Ok(());
    };
    let clock = arm.clock();
    let deadline = crate::clock::add(clock.now(), DEADLINE);
    let mut asked = retry_after(&accepted.headers, clock.now());
    let mut told = clock.now();
    let mut trouble: Option<ArmError> = None;
    loop {
        let now = clock.now();
        let left = Duration::try_from(deadline.duration_since(now)).unwrap_or_default();
        match &trouble {
            Some(error) if left.is_zero() || now.duration_since(told) >= BROKEN_FOR => {
                let why = format!("the operation's end was not seen: {error}");
                return Err(PatchError::unknown(&why));
            }
            None if left.is_zero() => {
                let seconds = DEADLINE.as_secs();
                let why = format!("the operation is still running after {seconds} s");
                return Err(PatchError::unknown(&why));
            }
            _ => {}
        }
        let pause = asked.unwrap_or(PAUSE).clamp(*PAUSES.start(), *PAUSES.end());
        let pause = arm.unhurried(pause).min(*PAUSES.end());
        clock.sleep(pause.min(left)).await;
        match arm.read(watch.url().clone(), call).await {
            Ok(reply) => {
                asked = retry_after(&reply.headers, clock.now());
                match watch.progress(&reply) {
                    Ok(Progress::Done) => return Ok(()),
                    Ok(Progress::Failed(Fault { code, message })) => {
                        return Err(PatchError::OperationFailed { code, message });
                    }
                    Ok(Progress::Running) => (told, trouble) = (clock.now(), None),
                    Err(error) => trouble = Some(error),
                }
            }
            Err(error @ ArmError::Refused { status: 403, .. }) => {
                return Err(PatchError::unknown(&format!(
                    "the operation's status may not be read: {error}; grant `Microsoft.ContainerRegistry/registries/operationStatuses/read`"
                )));
            }
            Err(error) => {
                asked = error.retry_after();
                trouble = Some(error);
            }
        }
    }
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
    let body = json(accepted, resource.path()).map_err(|error| PatchError::unknown(&error))?;
    match state(body.pointer("/properties/provisioningState"), &body) {
        Some(Progress::Failed(Fault { code, message })) => {
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
        let body = json(reply, path)?;
        let told = match self {
            Self::Status(_) => body.get("status"),
            Self::Location(_) | Self::Resource(_) => body.pointer("/properties/provisioningState"),
        };
        state(told, &body).ok_or_else(|| ArmError::bad_reply(path, "it does not tell a state"))
    }
}

/// `Succeeded`, `Failed` and `Canceled` are ends; every other state is on its way.
fn state(told: Option<&Value>, body: &Value) -> Option<Progress> {
    let state = told?.as_str()?;
    let is = |end: &str| state.eq_ignore_ascii_case(end);
    Some(if is("Succeeded") {
        Progress::Done
    } else if is("Failed") || is("Canceled") || is("Cancelled") {
        let mut fault = Fault::of(body);
        if body.pointer("/error/code").is_none() {
            fault.code = super::error::clean(state);
        }
        Progress::Failed(fault)
    } else {
        Progress::Running
    })
}
