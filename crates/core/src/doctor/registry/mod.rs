//! A registry: may it be read and written, would an entry help, is there room, is the list as we left it, are its
//! refusals logged.

use super::Finding;
use super::facts::{Fact, Question, Unknown};
use super::permissions::Permissions;
use crate::firewall::Live;
use crate::net::network;
use ipnet::Ipv4Net;
use serde_json::Value;

const READ: &str = "Microsoft.ContainerRegistry/registries/read";
const WRITE: &str = "Microsoft.ContainerRegistry/registries/write";
const OPERATION: &str = "Microsoft.ContainerRegistry/registries/operationStatuses/read";
const USAGES: &str = "Microsoft.ContainerRegistry/registries/listUsages/read";
const PERMISSIONS: &str = "Microsoft.Authorization/permissions/read";
const SETTINGS: &str = "Microsoft.Insights/diagnosticSettings/read";
const VALIDATE: &str = "Microsoft.Network/virtualNetworks/taggedTrafficConsumers/validate/action";
const LOGIN_EVENTS: &str = "ContainerRegistryLoginEvents";

/// What is known of one registry.
#[derive(Clone, Debug)]
pub struct Registry {
    /// Its name.
    pub name: String,
    /// Its resource id.
    pub id: String,
    /// Whether doorward is to write its list.
    pub writes: bool,
    /// How many entries count where Azure's limit is not known.
    pub max_entries: u32,
    /// How many of them are left to people.
    pub reserve: u32,
    /// The registry as Azure shows it.
    pub live: Fact<Live>,
    /// Whether trusted services bypass the firewall, and whether tasks do, where that is shown.
    pub bypass: (Option<String>, Option<bool>),
    /// What this identity may do.
    pub permissions: Fact<Permissions>,
    /// Azure's limit of entries; none where it lists no such limit.
    pub limit: Fact<Option<u32>>,
    /// Its diagnostic settings.
    pub settings: Fact<Vec<Value>>,
    /// The sources that are fed by its logs.
    pub log_sources: Vec<String>,
    /// Entries that are to stand, and those that are to be gone; none without a ledger.
    pub expected: Option<Expected>,
}

/// What the ledger says of the list.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// The entries of grants in force.
    pub open: Vec<Ipv4Net>,
    /// Entries of ours whose end is past.
    pub overdue: Vec<Ipv4Net>,
}

impl Registry {
    fn asks(&self, check: &'static str, action: &'static str, what: &'static str) -> Question<'_> {
        Question {
            check,
            what,
            action,
            scope: &self.id,
        }
    }
}

/// What the facts come to, in the order in which to mend them.
pub fn findings(registry: &Registry) -> Vec<Finding> {
    let mut found = vec![match &registry.live {
        Fact::Known(live) => Finding::ok(
            "registry.readable",
            format!("readable; login server {}", live.login_server),
        ),
        Fact::Unknown(why) => registry
            .asks("registry.readable", READ, "the registry")
            .unanswered(why, true),
    }];
    found.push(writable(registry));
    if let Fact::Known(live) = &registry.live {
        found.extend(posture(registry, live));
        found.push(quota(registry, live));
        found.push(subnets(registry, live));
        found.push(drift(registry, live));
    }
    found.push(logs(registry));
    found
        .into_iter()
        .map(|finding| finding.about(&registry.name))
        .collect()
}

fn writable(registry: &Registry) -> Finding {
    const CHECK: &str = "registry.writable";
    let permissions = match &registry.permissions {
        Fact::Known(permissions) => permissions,
        Fact::Unknown(why) => {
            let question = registry.asks(CHECK, PERMISSIONS, "what it may do itself");
            return match why {
                // The registry itself says so already.
                Unknown::NotFound => Finding::left_out(CHECK, "the registry is not shown"),
                Unknown::Skipped(_) | Unknown::Forbidden(_) | Unknown::Failed(_) => {
                    question.unanswered(why, false)
                }
            };
        }
    };
    if !registry.writes {
        return Finding::left_out(CHECK, "mode: observe: nothing is written");
    }
    let missing: Vec<String> = [WRITE, OPERATION]
        .into_iter()
        .filter(|action| !permissions.allow(action))
        .map(|action| format!("`{action}`"))
        .collect();
    if missing.is_empty() {
        return Finding::ok(
            CHECK,
            "writable, as its permissions say (locks and deny assignments aside)",
        );
    }
    let missing = missing.join(" and ");
    Finding::wrong(
        CHECK,
        format!("this identity may not change the firewall: it lacks {missing}"),
        format!(
            "grant {missing} on {}, as the custom role in deploy/README.md does",
            registry.id
        ),
    )
}

fn posture(registry: &Registry, live: &Live) -> Vec<Finding> {
    let name = &registry.name;
    let premium = live.sku.eq_ignore_ascii_case("Premium");
    let sku = if premium {
        Finding::ok("registry.sku", "Premium")
    } else {
        Finding::wrong(
            "registry.sku",
            format!("the SKU is {}, which has no firewall", live.sku),
            format!(
                "`az acr update --name {name} --sku Premium`, or take the registry out of `registries`"
            ),
        )
    };
    let access = if live.public_access {
        Finding::ok("registry.public_access", "enabled")
    } else {
        Finding::wrong(
            "registry.public_access",
            "public network access is disabled: no entry can let anybody in",
            format!(
                "use a private endpoint; or `az acr update --name {name} --public-network-enabled true`"
            ),
        )
    };
    let default = if live.default_deny {
        Finding::ok("registry.default_action", "Deny: selected networks")
    } else {
        Finding::wrong(
            "registry.default_action",
            "the default action is Allow: everybody is let in, and no entry is needed",
            format!(
                "`az acr update --name {name} --default-action Deny`, once those who need it are on the list"
            ),
        )
    };
    let (services, tasks) = &registry.bypass;
    let trusted = match services.as_deref() {
        Some("AzureServices") => "trusted Azure services bypass the firewall".to_owned(),
        Some(other) => format!(
            "trusted Azure services do not bypass the firewall (`{other}`): import, Defender and ACI are refused"
        ),
        None => "Azure does not show whether trusted services bypass the firewall".to_owned(),
    };
    let tasks = match tasks {
        Some(true) => "ACR Tasks bypass it too",
        Some(false) => "ACR Tasks do not, unless they have a user-assigned identity",
        None => "whether ACR Tasks do is not shown",
    };
    let bypass = Finding::ok("registry.bypass", format!("{trusted}; {tasks}"));
    vec![sku, access, default, bypass]
}

fn quota(registry: &Registry, live: &Live) -> Finding {
    const CHECK: &str = "registry.quota";
    let used = u32::try_from(live.rules.len()).unwrap_or(u32::MAX);
    let (limit, whose) = match &registry.limit {
        Fact::Known(Some(limit)) => (*limit, "Azure's limit"),
        Fact::Known(None) => (registry.max_entries, "`max_entries`"),
        Fact::Unknown(why) => {
            let mut finding = registry
                .asks(CHECK, USAGES, "the limit of entries")
                .unanswered(why, false);
            finding.text = format!(
                "{}; `max_entries`, {}, counts",
                finding.text, registry.max_entries
            );
            return finding;
        }
    };
    let free = limit.saturating_sub(used).saturating_sub(registry.reserve);
    let text = format!(
        "{used} of {limit} entries ({whose}), {} reserved for people, {free} free",
        registry.reserve
    );
    if free > 0 || !registry.writes {
        return Finding::ok(CHECK, text);
    }
    Finding::wrong(
        CHECK,
        format!("the list is full: {text}"),
        format!(
            "remove entries that nobody needs (`az acr network-rule list --name {}`), join neighbours into ranges, or lower `reserve`",
            registry.name
        ),
    )
}

fn subnets(registry: &Registry, live: &Live) -> Finding {
    const CHECK: &str = "registry.virtual_network_rules";
    let count = live.subnets.len();
    if count == 0 || !registry.writes {
        return Finding::ok(CHECK, format!("{count} virtual network rules"));
    }
    let text = format!(
        "{count} virtual network rules: every write sends them back, and Azure may ask for `{VALIDATE}` on their subnets"
    );
    let allowed = match &registry.permissions {
        Fact::Known(permissions) => permissions.allow(VALIDATE),
        Fact::Unknown(_) => false,
    };
    if allowed {
        return Finding::ok(CHECK, text);
    }
    Finding::unknown(
        CHECK,
        text,
        format!(
            "grant `{VALIDATE}` on these subnets if the first write is refused: {}",
            list(live.subnets.iter())
        ),
    )
}

fn drift(registry: &Registry, live: &Live) -> Finding {
    const CHECK: &str = "registry.drift";
    let Some(expected) = &registry.expected else {
        return Finding::left_out(CHECK, "no ledger yet to compare the list with");
    };
    let stands = |net: &&Ipv4Net| {
        live.rules
            .iter()
            .any(|rule| rule.network.is_some_and(|it| it.contains(*net)))
    };
    let missing: Vec<&Ipv4Net> = expected.open.iter().filter(|net| !stands(net)).collect();
    let overdue = expected
        .overdue
        .iter()
        .filter(|net| live.exact(**net).is_some());
    let overdue: Vec<&Ipv4Net> = overdue.collect();
    let texts = |nets: &[&Ipv4Net]| list(nets.iter().map(|net| network::text(**net)));
    if !overdue.is_empty() {
        return Finding::wrong(
            CHECK,
            format!(
                "entries of doorward's are past their end: {}",
                texts(&overdue)
            ),
            format!(
                "start doorward, which removes them; without it, `az acr network-rule remove --name {} --ip-address …`",
                registry.name
            ),
        );
    }
    if !missing.is_empty() {
        return Finding::wrong(
            CHECK,
            format!("entries of active grants are gone: {}", texts(&missing)),
            "find who removes them (`az monitor activity-log list`): Bicep and Terraform replace the whole list unless told to ignore it; `drift: { ours_missing: restore }` puts them back",
        );
    }
    Finding::ok(
        CHECK,
        format!(
            "the list has the {} entries that it is to have of doorward's",
            expected.open.len()
        ),
    )
}

fn list<T: ToString>(items: impl Iterator<Item = T>) -> String {
    const MOST: usize = 5;
    let all: Vec<String> = items.map(|item| item.to_string()).collect();
    let more = all.len().saturating_sub(MOST);
    let first: Vec<String> = all.into_iter().take(MOST).collect();
    match more {
        0 => first.join(", "),
        _ => format!("{} and {more} more", first.join(", ")),
    }
}

fn logs(registry: &Registry) -> Finding {
    const CHECK: &str = "registry.logs";
    let settings = match &registry.settings {
        Fact::Known(settings) => settings,
        Fact::Unknown(Unknown::NotFound) => {
            return Finding::left_out(CHECK, "the registry is not shown");
        }
        Fact::Unknown(why) => {
            return registry
                .asks(CHECK, SETTINGS, "its diagnostic settings")
                .unanswered(why, false);
        }
    };
    let to: Vec<String> = settings
        .iter()
        .filter(|it| exports_logins(it))
        .flat_map(destinations)
        .collect();
    if !to.is_empty() {
        return Finding::ok(CHECK, format!("login events go to {}", to.join(", ")));
    }
    if registry.log_sources.is_empty() {
        return Finding::ok(
            CHECK,
            "login events are not exported; no source relies on them",
        );
    }
    Finding::wrong(
        CHECK,
        format!(
            "login events are not exported, and the source{} {} can only be fed by them",
            if registry.log_sources.len() == 1 {
                ""
            } else {
                "s"
            },
            registry.log_sources.join(", ")
        ),
        format!(
            "`az monitor diagnostic-settings create --resource {} --name doorward --workspace <id> --logs '[{{\"category\":\"{LOGIN_EVENTS}\",\"enabled\":true}}]'`",
            registry.id
        ),
    )
}

/// Whether a diagnostic setting exports login events, by their own name or by a group that has them.
fn exports_logins(setting: &Value) -> bool {
    let logs = setting
        .pointer("/properties/logs")
        .and_then(Value::as_array);
    logs.into_iter().flatten().any(|log| {
        let is = |name: &str, words: &[&str]| {
            let text = log.get(name).and_then(Value::as_str);
            text.is_some_and(|text| words.iter().any(|word| word.eq_ignore_ascii_case(text)))
        };
        let on = log.get("enabled").and_then(Value::as_bool) == Some(true);
        on && (is("category", &[LOGIN_EVENTS]) || is("categoryGroup", &["allLogs", "audit"]))
    })
}

/// Where a diagnostic setting exports to, by the last part of each id.
fn destinations(setting: &Value) -> Vec<String> {
    let kinds = [
        ("workspaceId", "workspace"),
        ("eventHubAuthorizationRuleId", "event hub"),
        ("storageAccountId", "storage account"),
        ("marketplacePartnerId", "partner"),
    ];
    let to = kinds.iter().filter_map(|(field, kind)| {
        let id = setting.get("properties")?.get(field)?.as_str()?;
        let own = match *kind {
            "event hub" => id.split('/').nth(8),
            _ => id.rsplit('/').next(),
        };
        Some(format!("{kind} {}", own.unwrap_or(id)))
    });
    to.collect()
}

#[cfg(test)]
mod tests;
