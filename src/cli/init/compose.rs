//! The texts of the files that `doorward init` writes, from the answers alone.

use super::{Answers, Approvals, Credential, Ours, Route};
use doorward_core::net::resource_id::ResourceId;
use ipnet::Ipv4Net;

/// What Azure DevOps issues its jobs' tokens for
/// (<https://learn.microsoft.com/azure/devops/pipelines/release/configure-workload-identity>).
const AZURE_DEVOPS_AUDIENCE: &str = "api://AzureADTokenExchange";

/// The files, each with its path below the folder and its text.
pub(super) fn files(answers: &Answers) -> Vec<(&'static str, String)> {
    vec![
        ("doorward.yaml", config(answers)),
        ("policies/10-start.yaml", policy(answers)),
        ("policies/10-start.cases.yaml", cases(answers)),
    ]
}

/// A text that somebody gave, as YAML has it.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

/// A registry's login server as it mostly is; a name with a hash leads there too.
fn host(registry: &ResourceId) -> String {
    format!("{}.azurecr.io", registry.name().to_ascii_lowercase())
}

fn config(answers: &Answers) -> String {
    let approvals = match answers.approvals {
        Approvals::Link => "link    # whoever holds a request's link may answer it, once",
        Approvals::None => {
            "none    # requests only inform; `link` lets whoever holds a request's link answer it"
        }
    };
    let registries = answers.registries.iter().map(|id| {
        format!(
            "  - id: {}\n    approvals: {approvals}\n    # ownership_tags: tags     # a second memory in the registry's tags, for a ledger that is lost\n",
            quoted(id.as_str())
        )
    });
    let credential = match answers.credential {
        Credential::ManagedIdentity => {
            "{ kind: managed_identity }   # `client_id: <id>` for a user-assigned one"
        }
        Credential::WorkloadIdentity => {
            "{ kind: workload_identity }  # ids and token file come from the webhook's variables"
        }
        Credential::AzureCli => {
            "{ kind: azure_cli }          # for trying it out: a service has an identity of its own"
        }
    };
    format!(
        "# doorward, as `doorward init` wrote it. `doorward config check` says what is wrong with it, `doorward doctor` what is
# wrong with the installation; `doorward config schema` has every field, `doorward config show` the defaults.
# Secrets are never written here: `{{ env: NAME }}` or `{{ file: PATH }}` says where they are.

listen: 127.0.0.1:8080       # senders and approval links; put TLS in front of it. In a container 0.0.0.0:8080
admin: 127.0.0.1:8081        # the operator page and the commands' orders: keep it on loopback
public_url: {public_url}   # how people and senders reach `listen`
state: {state}   # or PostgreSQL, for several replicas: {{ env: DATABASE_URL }}
policies: policies
mode: observe                # everything but the write. `enforce`, once you have seen it decide as you want
max_ttl: 24h                 # nothing is opened for longer, whatever a policy says
links: {{ key: {{ file: secrets/link-key }} }}

azure:
  credential: {credential}

registries:
{registries}
sources:
{source}
# Where requests and alerts go. This one writes into doorward's own log; a chat's incoming webhook is
#   {{ name: ops, kind: webhook, url: {{ env: DOORWARD_OPS_URL }} }}
channels:
  - {{ name: log, kind: log }}
",
        public_url = quoted(&answers.public_url),
        state = quoted(&answers.state),
        registries = registries.collect::<String>(),
        source = source(answers),
    )
}

fn source(answers: &Answers) -> String {
    let name = answers.from.source();
    let hosts: Vec<String> = answers.registries.iter().map(host).collect();
    let hosts = hosts.join(", ");
    let key = format!("keys: [{{ file: secrets/{name}-key }}]");
    match answers.from {
        Route::Logs => format!(
            "  # doorward reads the registry's own log; its diagnostic setting must send it to a workspace. Minutes late.
  - name: {name}
    feed: {{ kind: azure_logs }}
    registries: [{hosts}]
    # Its rows say 403, not that it was the firewall: doorward then opens only what a rule allows on a registry whose
    # firewall is seen to refuse. Read docs/feeds.md.
    trust_status_403: true
"
        ),
        Route::Alert => format!(
            "  # A log alert on the registry's login events, through an action group: deploy/azure makes both. It can send no
  # header, hence the key in the query: https://…/events/{name}?key=…
  - name: {name}
    auth: {{ kind: shared_key, {key}, query: true }}
    registries: [{hosts}]
    # Its rows say 403, not that it was the firewall: doorward then opens only what a rule allows on a registry whose
    # firewall is seen to refuse. Read docs/azure.md.
    trust_status_403: true
"
        ),
        Route::Forwarder => format!(
            "  # A forwarder of logs or events posts what clients print, with the key in the header `x-doorward-key`.
  - name: {name}
    auth: {{ kind: shared_key, {key} }}
    registries: [{hosts}]
    trust_status_403: false
"
        ),
        Route::Github | Route::Gitlab | Route::AzureDevops => {
            let (provider, audience) = provider(answers);
            let issuer = answers.issuer.as_ref();
            let issuer = issuer.map_or_else(String::new, |issuer| format!("\n      issuer: {}", quoted(issuer)));
            let (claim, value) = claim(answers);
            format!(
                "  # CI jobs report their own denials, with their own token: `doorward report --source {name}`.
  - name: {name}
    auth:
      kind: ci_token
      provider: {provider}{issuer}
      audience: {audience}   # what the job requests its token for
      claims: {{ {claim}: {value} }}
    registries: [{hosts}]
",
                audience = quoted(&audience),
                value = quoted(&value),
            )
        }
    }
}

fn provider(answers: &Answers) -> (&'static str, String) {
    match answers.from {
        Route::AzureDevops => ("azure_devops", AZURE_DEVOPS_AUDIENCE.to_owned()),
        Route::Gitlab => ("gitlab", answers.public_url.clone()),
        Route::Github | Route::Logs | Route::Alert | Route::Forwarder => {
            ("github", answers.public_url.clone())
        }
    }
}

/// The claim that names whose job it is.
fn claim(answers: &Answers) -> (&'static str, String) {
    let owner = answers.owner.trim_matches('/');
    let whole = owner.contains('/');
    match answers.from {
        Route::AzureDevops => ("sub", format!("p://{}", owner.trim_start_matches("p://"))),
        Route::Gitlab if whole => ("project_path", owner.to_owned()),
        Route::Gitlab => ("namespace_path", owner.to_owned()),
        _ if whole => ("repository", owner.to_owned()),
        _ => ("repository_owner", owner.to_owned()),
    }
}

/// What a job must prove to be let in, beside whose it is: its branch, where that is a claim of its own.
fn claims(answers: &Answers) -> String {
    let (claim, value) = claim(answers);
    let branch = match answers.from {
        Route::Github => format!(
            ", ref: {}",
            quoted(&format!("refs/heads/{}", answers.branch))
        ),
        Route::Gitlab => format!(", ref: {}, ref_type: branch", quoted(&answers.branch)),
        // Its subject names the pipeline.
        Route::AzureDevops | Route::Logs | Route::Alert | Route::Forwarder => String::new(),
    };
    format!("{{ {claim}: {}{branch} }}", quoted(&value))
}

fn policy(answers: &Answers) -> String {
    let mut parts = vec!["# The policy, as `doorward init` wrote it. Rules are asked in order; `doorward policy check` and `policy test` check it,
# policies/README.md in doorward's repository explains it. The cases beside it say what it is to answer.
version: 1
"
    .to_owned()];
    let mut rules = Vec::new();
    if let Some(ours) = &answers.ours {
        let of = match ours {
            Ours::NatGateway(id) => format!("nat_gateway: {}", quoted(id.as_str())),
            Ours::Cidr(cidr) => format!("cidrs: [{}]", quoted(cidr)),
        };
        parts.push(format!(
            "\nsets:\n  # Addresses that nobody but us sends from: that is evidence.\n  ours: {{ {of} }}\n"
        ));
        rules.push(
            "  - name: our own addresses
    when: { address: ours }
    then: allow
    for: 2h
    because: Nobody but us sends from this address.
"
            .to_owned(),
        );
    }
    if answers.from.is_job() {
        let (name, claims) = (answers.from.source(), claims(answers));
        rules.push(format!(
            "  # The job's token proves whose it is, and its own connection from where it speaks.
  - name: our own jobs
    when: {{ source: {name}, claims: {claims} }}
    then: allow
    for: 30m
    because: The job speaks for itself, from the address that it is to be let in from.
"
        ));
    }
    if !rules.is_empty() {
        parts.push(format!("\nrules:\n{}", rules.join("\n")));
    }
    parts.push("\n# Whoever no rule knows: a person is asked. `alert` would tell without a way to open, `ignore` only write it down.\ndefault: ask\n".to_owned());
    parts.concat()
}

fn cases(answers: &Answers) -> String {
    let registry = answers.registries.first().map(host).unwrap_or_default();
    let denial = |ip: &str| format!("    denial: {{ ip: {ip}, registry: {registry} }}");
    let mut parts = Vec::new();
    if matches!(answers.ours, Some(Ours::NatGateway(_))) {
        parts.push("# The gateway's addresses come from Azure; here they are made up.\nsets: { ours: [20.50.1.0/30] }\n".to_owned());
    }
    parts.push("at: 2026-11-20T09:00:00+01:00\n\ncases:\n".to_owned());
    if let Some(ours) = &answers.ours {
        let address = match ours {
            Ours::NatGateway(_) => "20.50.1.1".to_owned(),
            Ours::Cidr(cidr) => first(cidr),
        };
        parts.push(format!(
            "  - name: our own addresses are let in\n{}\n    expect: {{ verdict: allow, rule: our own addresses, for: 2h }}\n\n",
            denial(&address)
        ));
    }
    if answers.from.is_job() {
        let (name, claims) = (answers.from.source(), claims(answers));
        parts.push(format!(
            "  - name: our own job is let in
{denial}
    facts: {{ source: {name}, claims: {claims} }}
    expect: {{ verdict: allow, rule: our own jobs, for: 30m }}

  - name: whoever only says that it is the job proves nothing
{denial}
    facts: {{ source: {name} }}
    expect: {{ verdict: ask, rule: default }}

",
            denial = denial("20.1.2.3"),
        ));
    }
    parts.push(format!(
        "  - name: an unknown source is asked about\n{}\n    expect: {{ verdict: ask, rule: default }}\n\n  - name: a private address opens nothing\n{}\n    expect: {{ verdict: alert, notes: [special_address] }}\n",
        denial("51.140.7.9"),
        denial("10.1.2.3")
    ));
    parts.concat()
}

/// The first address of a network.
fn first(cidr: &str) -> String {
    let network = cidr.parse::<Ipv4Net>().map(|net| net.network().to_string());
    network.unwrap_or_else(|_| cidr.to_owned())
}
