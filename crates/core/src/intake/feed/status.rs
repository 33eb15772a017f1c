//! How a feed fares, each failure with its fix. Nothing that Azure wrote stands in here.

use super::ServiceFailure;
use crate::yaml::duration::Show;
use std::time::Duration;

/// What keeps a feed from telling of denials. The names are stable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedFailure {
    /// The registry's log goes to no workspace.
    NoDiagnosticSetting,
    /// The log goes to workspaces of which these do not show it to the registry's readers.
    WorkspaceRefuses(Vec<String>),
    /// The identity may not read these tables.
    TablesDenied(Vec<String>),
    /// The workspace has never held anything.
    EmptyWorkspace,
    /// Azure answered without rows, and did not say whether all may be read.
    AccessUnproven,
    /// The identity may not read the registry's log at all.
    Forbidden,
    /// Azure knows no such registry, or does not show it.
    NotFound,
    /// There is no token, or it is not accepted.
    AuthFailed,
    /// Azure asks for patience.
    Throttled,
    /// Azure gave up on the query, or answered it in part.
    Incomplete,
    /// Nobody answers.
    Unreachable,
    /// The answer cannot be used.
    BadAnswer,
    /// The log has had no row of any kind for longer than was to be expected.
    Silent(Duration),
    /// A queue or container cannot be read.
    Service(ServiceFailure),
}

/// How one part of a feed fares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FeedStatus {
    /// It has not been asked yet.
    #[default]
    Starting,
    /// It was read, and Azure confirms that all of it may be.
    Reading,
    /// More is there than was read so far.
    CatchingUp,
    /// Another replica reads it.
    Elsewhere,
    /// It cannot be relied on.
    Failing(FeedFailure),
}

impl FeedStatus {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Reading => "reading",
            Self::CatchingUp => "catching_up",
            Self::Elsewhere => "other_replica",
            Self::Failing(failure) => failure.name(),
        }
    }

    /// What is wrong, if anything is.
    pub fn failure(&self) -> Option<&FeedFailure> {
        match self {
            Self::Failing(failure) => Some(failure),
            Self::Starting | Self::Reading | Self::CatchingUp | Self::Elsewhere => None,
        }
    }

    /// What it means, in a sentence.
    pub fn text(&self) -> String {
        match self {
            Self::Starting => "Not read yet.".to_owned(),
            Self::Reading => "Read to the end; the access is confirmed.".to_owned(),
            Self::CatchingUp => "More records are waiting and are being read.".to_owned(),
            Self::Elsewhere => "Another replica reads it.".to_owned(),
            Self::Failing(failure) => failure.text(),
        }
    }
}

impl FeedFailure {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NoDiagnosticSetting => "no_diagnostic_setting",
            Self::WorkspaceRefuses(_) => "workspace_refuses",
            Self::TablesDenied(_) => "tables_denied",
            Self::EmptyWorkspace => "empty_workspace",
            Self::AccessUnproven => "access_unproven",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::AuthFailed => "auth_failed",
            Self::Throttled => "throttled",
            Self::Incomplete => "incomplete",
            Self::Unreachable => "unreachable",
            Self::BadAnswer => "bad_answer",
            Self::Silent(_) => "silent",
            Self::Service(failure) => failure.name(),
        }
    }

    /// What is so, and what helps.
    pub fn text(&self) -> String {
        let plain = match self {
            Self::WorkspaceRefuses(names) => return workspace_refuses(names),
            Self::TablesDenied(tables) => return tables_denied(tables),
            Self::Service(failure) => return failure.text(),
            Self::Silent(expected) => {
                return format!(
                    "No record of any kind for more than `expect_every`, {}: check that the diagnostic setting or event subscription still sends.",
                    Show(*expected)
                );
            }
            Self::NoDiagnosticSetting => {
                "The registry sends its log to no Log Analytics workspace. Add a diagnostic setting, in Bicep: \
                 `resource log 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = { name: 'doorward', scope: registry, properties: \
                 { workspaceId: workspace.id, logs: [ { categoryGroup: 'audit', enabled: true } ] } }`."
            }
            Self::EmptyWorkspace => {
                "The workspace is empty: nothing was ever sent to it. Check the registry's diagnostic setting; the first \
                 rows come some minutes after it was made."
            }
            Self::AccessUnproven => {
                "Azure did not confirm that all of the registry's log may be read, so there may be denials that it does not show. The identity \
                 needs the actions `microsoft.insights/logs/ContainerRegistryLoginEvents/read` and \
                 `microsoft.insights/logs/ContainerRegistryRepositoryEvents/read` on the registry."
            }
            Self::Forbidden => {
                "The identity may not read the registry's log. It needs the actions \
                 `microsoft.insights/logs/ContainerRegistryLoginEvents/read` and \
                 `microsoft.insights/logs/ContainerRegistryRepositoryEvents/read` on the registry."
            }
            Self::NotFound => {
                "Azure knows no such registry, or does not show it: check its `id` in `registries`."
            }
            Self::AuthFailed => {
                "There is no token to ask Azure with, or it is not accepted: check `azure.credential`."
            }
            Self::Throttled => "The service asks for patience; reading goes on after that.",
            Self::Incomplete => {
                "Azure answered the query in part; it is asked again from where it was complete."
            }
            Self::Unreachable => {
                "The service cannot be reached or does not answer in time: check the name, DNS and the network path."
            }
            Self::BadAnswer => "The answer cannot be used: the log says more.",
        };
        plain.to_owned()
    }
}

fn workspace_refuses(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    format!(
        "{} does not show the registry's log to those who may read the registry. Set `features: {{ \
         enableLogAccessUsingOnlyResourcePermissions: true }}` on the workspace (Bicep, `properties`), or give the identity the action \
         `Microsoft.OperationalInsights/workspaces/query/ContainerRegistryLoginEvents/read` there.",
        names.join(", ")
    )
}

fn tables_denied(tables: &[String]) -> String {
    let action = |table: &String| format!("`microsoft.insights/logs/{table}/read`");
    let actions: Vec<String> = tables.iter().map(action).collect();
    format!(
        "The identity may not read every table of the registry's log. On the registry, give it: {}.",
        actions.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_names_its_fix() {
        for (failure, fix) in [
            (FeedFailure::NoDiagnosticSetting, "diagnosticSettings@"),
            (
                FeedFailure::WorkspaceRefuses(vec!["logs".to_owned()]),
                "enableLogAccessUsingOnlyResourcePermissions: true",
            ),
            (
                FeedFailure::TablesDenied(vec!["ContainerRegistryLoginEvents".to_owned()]),
                "microsoft.insights/logs/ContainerRegistryLoginEvents/read",
            ),
            (FeedFailure::EmptyWorkspace, "diagnostic setting"),
            (FeedFailure::AccessUnproven, "microsoft.insights/logs/"),
            (FeedFailure::Forbidden, "microsoft.insights/logs/"),
            (FeedFailure::NotFound, "`id`"),
            (FeedFailure::AuthFailed, "azure.credential"),
            (
                FeedFailure::Silent(Duration::from_hours(1)),
                "`expect_every`, 1h",
            ),
        ] {
            let status = FeedStatus::Failing(failure);
            assert!(status.text().contains(fix), "{}", status.text());
            assert!(status.failure().is_some());
        }
    }
}
