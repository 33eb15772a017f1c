//! Drift in words: what was before, what is now, who did it as far as is known, and what to do.

use super::wording;
use crate::firewall::answers::Answer;
use crate::firewall::drift::{Drift, Seen};
use crate::net::resource_id::ResourceId;

impl Seen {
    /// What a read shows, in one line.
    pub fn summary(registry: &ResourceId, seen: Option<&Self>) -> String {
        let Some(seen) = seen else {
            return format!("there is no registry `{}`", registry.name());
        };
        format!(
            "`{}` has {} entries, default action {}, public network access {}, SKU {}, {}",
            registry.name(),
            seen.entries.len(),
            action(!seen.default_deny),
            access(seen.public_access),
            wording::quoted(&seen.sku),
            wording::quoted(&seen.provisioning_state)
        )
    }
}

impl Drift {
    /// What changed, in one line.
    pub fn summary(&self, registry: &ResourceId, by: &[String]) -> String {
        let (name, by) = (registry.name(), who(by));
        match self {
            Self::OursMissing { entries, .. } => format!(
                "entries of doorward's were taken off the list of `{name}`{by}: {}",
                wording::list(entries)
            ),
            Self::ForeignNew { entries } => {
                format!(
                    "others added to the list of `{name}`{by}: {}",
                    wording::list(entries)
                )
            }
            Self::ForeignGone { entries } => {
                format!(
                    "others took off the list of `{name}`{by}: {}",
                    wording::list(entries)
                )
            }
            Self::Replaced { gone, new, .. } => format!(
                "the list of `{name}` was replaced as a whole{by}: gone {}, new {}",
                wording::list(gone),
                wording::list(new)
            ),
            Self::DefaultAction { allow } => format!(
                "the default action of `{name}` was changed{by}: it was {} and is {}",
                action(!allow),
                action(*allow)
            ),
            Self::PublicAccess { enabled } => format!(
                "public network access to `{name}` was changed{by}: it was {} and is {}",
                access(!enabled),
                access(*enabled)
            ),
            Self::Sku { before, after } => format!(
                "the SKU of `{name}` was changed{by}: it was {} and is {}",
                wording::quoted(before),
                wording::quoted(after)
            ),
            Self::RegistryGone => format!("`{name}` is gone{by}: Azure knows no such registry"),
            Self::RegistryBack => format!("`{name}` is there again{by}"),
        }
    }

    /// The message: what changed, the entries before and after where it is about them, what doorward
    /// does, and what people may do.
    pub fn text(
        &self,
        registry: &ResourceId,
        by: &[String],
        (before, after): (&[String], &[String]),
        answer: Answer,
    ) -> String {
        let lists = match self {
            Self::OursMissing { .. }
            | Self::ForeignNew { .. }
            | Self::ForeignGone { .. }
            | Self::Replaced { .. } => format!(
                ". Before: {}. Now: {}",
                wording::list(before),
                wording::list(after)
            ),
            Self::DefaultAction { .. }
            | Self::PublicAccess { .. }
            | Self::Sku { .. }
            | Self::RegistryGone
            | Self::RegistryBack => String::new(),
        };
        format!(
            "{}{lists}. {}",
            self.summary(registry, by),
            self.advice(answer)
        )
    }

    fn advice(&self, answer: Answer) -> &'static str {
        match self {
            Self::OursMissing { .. } | Self::Replaced { .. } if answer == Answer::Restore => {
                "doorward writes its entries again while their grants are in force; see who keeps taking them away"
            }
            Self::Replaced { grants, .. } if !grants.is_empty() => {
                "That is what Terraform, Bicep and others do that declare the list. doorward respects it and ends the grants: let \
                 whoever declares the list ignore changes of its IP rules, or set `drift: { ours_missing: restore }` on the registry"
            }
            Self::Replaced { .. } => "doorward has nothing there that was lost by it",
            Self::OursMissing { .. } => {
                "doorward respects it and ends the grants; if that was a mistake, the next refusal opens again, and `drift: { \
                 ours_missing: restore }` on the registry has entries written again"
            }
            Self::ForeignNew { .. } => {
                "doorward never touches them; if nobody knows them, take them off: `az acr network-rule remove`"
            }
            Self::ForeignGone { .. } => {
                "doorward did not do it; if they are needed, add them again: `az acr network-rule add`"
            }
            Self::DefaultAction { allow: true } => {
                "Everybody is admitted now. doorward writes nothing meanwhile; entries whose grants end are taken away once it is \
                 `Deny` again"
            }
            Self::DefaultAction { allow: false } => {
                "Only those on the list are admitted now. Entries whose grants have ended meanwhile are taken away now"
            }
            Self::PublicAccess { enabled: false } => {
                "No entry admits anybody now, only private endpoints do: nothing is opened until it is enabled again"
            }
            Self::PublicAccess { enabled: true } => {
                "Entries count again: see that the default action is `Deny`"
            }
            Self::Sku { .. } => {
                "Only Premium registries have a firewall: on any other, nothing is opened, and everybody may be admitted"
            }
            Self::RegistryGone => {
                "If it was deleted for good, take it out of `registries` in the configuration; if doorward lost its role there, \
                 give it back"
            }
            Self::RegistryBack => {
                "A registry made anew has none of the entries that the old one had"
            }
        }
    }
}

fn action(allow: bool) -> &'static str {
    if allow { "`Allow`" } else { "`Deny`" }
}

fn access(enabled: bool) -> &'static str {
    if enabled { "enabled" } else { "disabled" }
}

/// By whom, where events name somebody: as they say.
fn who(by: &[String]) -> String {
    if by.is_empty() {
        String::new()
    } else {
        format!(", probably by {}", wording::list(by))
    }
}
