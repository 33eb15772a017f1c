//! What rules ask of answers that the registries ask more for: it has no effect, and is told.

use crate::config::Registry;
use doorward_core::approvals::Terms;
use doorward_core::policy::Rule;

/// The hosts that Azure gives a registry.
const CLOUDS: [&str; 3] = [".azurecr.io", ".azurecr.cn", ".azurecr.us"];

/// What of a rule's `approvals` has no effect on any registry that it may be about, in words.
pub(in crate::config) fn without_effect(rule: &Rule, registries: &[Registry]) -> Vec<String> {
    let Some(approvals) = &rule.approvals else {
        return Vec::new();
    };
    let told = registries
        .iter()
        .filter(|registry| concerns(rule, registry));
    let told = told.flat_map(|registry| {
        let outweighed = Terms::of(&registry.approvals).outweigh(approvals);
        outweighed.into_iter().map(|what| {
            let (rule, name) = (&rule.name, registry.id.name());
            format!("rule `{rule}` asks less than `{name}` does, which has no effect: {what}")
        })
    });
    told.collect()
}

/// Whether a rule may be about a registry, as far as its name tells.
fn concerns(rule: &Rule, registry: &Registry) -> bool {
    let name = registry.id.name().to_ascii_lowercase();
    let usual = CLOUDS.iter().map(|end| format!("{name}{end}"));
    let mut hosts = usual.chain(registry.hosts.iter().cloned());
    let globs = &rule.when.registry;
    globs.is_empty() || hosts.any(|host| globs.iter().any(|glob| glob.matches(&host)))
}
