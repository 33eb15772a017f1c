//! Advice from what the registry's own settings say: cases as users write them.

use super::super::policy;
use crate::policy::testing::cases::parse;
use crate::sets::Sets;

const POLICY: &str = "
version: 1
sets:
  own: { cidrs: 20.9.0.0/24 }
  tasks: { service_tag: AzureContainerRegistry.WestEurope, file: tags.json }
rules:
  - { name: all, when: { address: [own, tasks] }, then: ask }
default: ask
";

/// What is supposed, and the advice that follows.
const CASES: [(&str, &str, &str); 15] = [
    (
        "ip: 50.1.2.3",
        "service_tags: [AzureContainerRegistry], posture: { tasks_bypass: disabled }",
        "acr_tasks_shared_agents, tasks_bypass_disabled",
    ),
    (
        "ip: 50.1.2.3",
        "service_tags: [AzureContainerRegistry], posture: { tasks_bypass: enabled }",
        "acr_tasks_shared_agents",
    ),
    ("ip: 50.1.2.3", "posture: { tasks_bypass: disabled }", ""),
    (
        "ip: 50.1.2.3",
        "import: true, posture: { trusted_services: disabled }",
        "image_import, trusted_services_disabled",
    ),
    (
        "ip: 50.1.2.3",
        "import: true, posture: { trusted_services: enabled }",
        "image_import",
    ),
    (
        "ip: 50.1.2.3",
        "user_agent: Microsoft Defender/1.0, posture: { trusted_services: disabled }",
        "trusted_services_disabled",
    ),
    (
        "ip: 50.1.2.3",
        "user_agent: docker/28.3.0, posture: { trusted_services: disabled }",
        "",
    ),
    (
        "ip: '2a01::1'",
        "posture: { dual_stack: enabled }",
        "dual_stack_caller",
    ),
    ("ip: '2a01::1'", "posture: { dual_stack: disabled }", ""),
    ("ip: 50.1.2.3", "posture: { dual_stack: enabled }", ""),
    (
        "ip: 50.1.2.3",
        "user_agent: AzureAI-Foundry/2, posture: { arm_tokens: disabled }",
        "arm_tokens_disabled",
    ),
    ("ip: 50.1.2.3", "posture: { arm_tokens: disabled }", ""),
    (
        "ip: 50.1.2.3, registry: contosoprod.westeurope.data.azurecr.io",
        "posture: { data_endpoint: enabled }",
        "dedicated_data_endpoint",
    ),
    (
        "ip: 20.9.0.7",
        "posture: { private_endpoint: enabled }",
        "private_endpoint_bypassed",
    ),
    ("ip: 50.1.2.3", "posture: { private_endpoint: enabled }", ""),
];

#[test]
fn settings_of_the_registry_lead_to_their_advice() {
    let policy = policy(POLICY);
    let mut wrong = Vec::new();
    for (denial, facts, advice) in CASES {
        let registry = ", registry: contosoprod.azurecr.io";
        let registry = if denial.contains("registry:") {
            ""
        } else {
            registry
        };
        // Nobody is asked about an address that no entry can hold.
        let verdict = if denial.contains("2a01::") {
            "alert"
        } else {
            "ask"
        };
        let text = format!(
            "cases: [{{ name: it, denial: {{ {denial}{registry} }}, facts: {{ {facts} }}, expect: {{ verdict: {verdict}, advice: [{advice}] }} }}]"
        );
        let cases = parse("it.cases.yaml", &text, &policy).unwrap_or_else(|it| panic!("{it:?}"));
        let outcome = cases[0].run(&policy, &Sets::default());
        for it in outcome.wrong {
            wrong.push(format!("{denial}, {facts}: {it:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
