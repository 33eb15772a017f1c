//! Which registry a denial is about, as far as that can be told now, and how long to wait for its read.

use crate::azure::Reason;
use crate::flow::app::App;
use crate::flow::registry::posture;
use doorward_core::intake::routing::{LOGIN_SERVERS, NoRegistry};
use doorward_core::ledger::event::Denied;
use doorward_core::net::resource_id::ResourceId;
use doorward_core::policy::Policy;
use jiff::{SignedDuration, Timestamp};

/// How long what would open waits for Azure to show a registry for the first time.
const READ_WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// The same where Azure says that there is no such registry.
const FOUND_WITHIN: SignedDuration = SignedDuration::from_mins(2);

/// Which registry a denial is about.
pub(super) struct Target {
    pub(super) registry: Result<ResourceId, NoRegistry>,
    /// Its login server, as policy is asked about it.
    pub(super) host: Option<String>,
    /// Whether Azure has not shown it yet: then it goes by its name, and nothing opens by itself.
    pub(super) unread: bool,
    /// Whether it is still waited for.
    pub(super) awaits_read: bool,
}

impl Target {
    /// The target of a denial that arrived at `arrived`.
    pub(super) fn of(
        app: &App,
        policy: &Policy,
        denied: &Denied,
        (arrived, now): (Timestamp, Timestamp),
    ) -> Self {
        let registry = app.registry_of(denied);
        let host = registry.as_ref().ok().and_then(|id| app.login_server(id));
        let unread = match &registry {
            Ok(_) => host.is_none(),
            Err(why) => matches!(why, NoRegistry::NotYetKnown(_)),
        };
        let mut target = Self {
            registry,
            host,
            unread,
            awaits_read: false,
        };
        if unread && let Ok(id) = app.presumed_registry_of(denied) {
            target.host = presumed_host(policy, denied, &id);
            target.registry = Ok(id);
        }
        target.awaits_read =
            unread && now.duration_since(arrived) < patience(app, target.registry.as_ref().ok());
        target
    }

    /// Why the registry cannot be read, where Azure has not shown it.
    pub(super) fn unreadable(&self, app: &App) -> Option<String> {
        if !self.unread {
            return None;
        }
        let failing = |id: &ResourceId| posture::failing(app, id);
        let why = |failing: Option<posture::Failing>| match failing {
            Some(failing) => failing.why.to_string(),
            None => "Azure has not answered yet".to_owned(),
        };
        Some(match &self.registry {
            Ok(id) => format!("`{}` cannot be read: {}", id.name(), why(failing(id))),
            Err(no) => format!("{no}: {}", why(app.registries.keys().find_map(failing))),
        })
    }
}

/// What an unread registry's login server must be called for policy: as the denial says, or as its name
/// says where no rule looks at it.
fn presumed_host(policy: &Policy, denied: &Denied, id: &ResourceId) -> Option<String> {
    let name = id.name().to_ascii_lowercase();
    let mut own = LOGIN_SERVERS.iter().map(|end| format!("{name}{end}"));
    let report = &denied.report;
    let said = report.denial.registry.iter().chain(&report.login_server);
    let said: Vec<String> = said.map(|host| host.to_ascii_lowercase()).collect();
    let usual = own.next();
    let said = usual
        .iter()
        .cloned()
        .chain(own)
        .find(|host| said.contains(host));
    let rules = &policy.rules;
    said.or_else(|| usual.filter(|_| rules.iter().all(|rule| rule.when.registry.is_empty())))
}

/// How long a denial waits for its registry to be shown.
fn patience(app: &App, registry: Option<&ResourceId>) -> SignedDuration {
    let failing = registry.and_then(|id| posture::failing(app, id));
    match failing.map(|failing| failing.why.reason) {
        Some(Reason::NotFound) => FOUND_WITHIN,
        _ => READ_WITHIN,
    }
}
