//! A fact about something outside, or why it is not known.

use super::Finding;

/// Something that was asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact<T> {
    /// The answer.
    Known(T),
    /// None.
    Unknown(Unknown),
}

/// Why something is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// It was not asked for; why.
    Skipped(&'static str),
    /// Azure does not let us; the action that it names, if it does.
    Forbidden(Option<String>),
    /// Azure knows no such thing, or does not show it.
    NotFound,
    /// No answer that can be used.
    Failed(String),
}

impl Unknown {
    /// Why there is no usable answer, or `otherwise` where that says it.
    pub fn why(&self, otherwise: &str) -> String {
        match self {
            Self::Failed(why) => why.clone(),
            Self::Skipped(_) | Self::Forbidden(_) | Self::NotFound => otherwise.to_owned(),
        }
    }
}

/// A check whose answer may not be known.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Which check.
    pub check: &'static str,
    /// What is asked for, as in "the registry".
    pub what: &'a str,
    /// The action that it needs.
    pub action: &'a str,
    /// On what that is needed.
    pub scope: &'a str,
}

impl Question<'_> {
    /// The finding where there is no answer. `matters` says whether doorward cannot work without the right to
    /// ask.
    pub fn unanswered(&self, unknown: &Unknown, matters: bool) -> Finding {
        let Self {
            check,
            what,
            action,
            scope,
        } = *self;
        match unknown {
            Unknown::Skipped(why) => {
                Finding::left_out(check, format!("{what}: not checked ({why})"))
            }
            Unknown::Forbidden(named) => {
                let action = named.as_deref().unwrap_or(action);
                let text = format!("Azure does not let this identity read {what}");
                let fix = format!(
                    "grant the action `{action}` on {scope}; a new role takes minutes to be effective"
                );
                if matters {
                    Finding::wrong(check, text, fix)
                } else {
                    Finding::unknown(check, text, fix)
                }
            }
            Unknown::NotFound => Finding::wrong(
                check,
                format!("Azure knows no {scope}, or does not show it to this identity"),
                format!(
                    "compare `id` with `az acr show --query id`; if it is right, grant the action `{action}` on it"
                ),
            ),
            Unknown::Failed(why) => Finding::unknown(
                check,
                format!("{what}: no usable answer: {why}"),
                "see that this machine reaches Azure Resource Manager (DNS, proxy, firewall), and try again",
            ),
        }
    }
}

/// The action that a refusal of Azure names
/// (<https://learn.microsoft.com/azure/role-based-access-control/troubleshooting>).
pub fn action_in(refusal: &str) -> Option<&str> {
    let (_, rest) = refusal.split_once("perform action")?;
    let action = rest.split(['\'', '"', '`']).nth(1)?;
    action.contains('/').then_some(action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn action_is_taken_from_a_refusal() {
        let said = "The client 'x' does not have authorization to perform action 'Microsoft.Network/natGateways/read' over scope '/s'";
        assert_eq!(action_in(said), Some("Microsoft.Network/natGateways/read"));
        assert_eq!(action_in("no"), None);
    }
}
