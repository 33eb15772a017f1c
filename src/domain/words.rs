//! The words for people: every message that doorward sends is made here.

use super::denial::{Kind, Service};
use super::grant::Grant;
use super::ledger::Denied;
use super::verdict::Verdict;
use jiff::Timestamp;

/// The code of the alarm for an entry that should be gone.
pub const OVERDUE: &str = "overdue";

/// The code of a message that asks.
pub const ASK: &str = "ask";

/// What was refused, in one clause: ``20.1.2.3 was refused by `contosoprod.azurecr.io`, asking for `prod/api:v1` ``.
pub fn denial(denied: &Denied) -> String {
    let report = &denied.report;
    let who = report
        .denial
        .ip
        .map_or_else(|| "an unknown address".to_owned(), |ip| format!("`{ip}`"));
    let host = report
        .denial
        .registry
        .as_ref()
        .or(report.login_server.as_ref());
    let by = match (report.denial.service, host, &report.denial.resource) {
        (Service::Acr, Some(host), _) => format!("`{}`", quoted(host)),
        (Service::Acr, None, _) => "a registry".to_owned(),
        (service, _, Some(resource)) => format!("{} `{}`", name(service), quoted(resource)),
        (service, _, None) => name(service).to_owned(),
    };
    let verb = match report.denial.kind {
        Kind::Denied => "was refused",
        Kind::Suspected => "was perhaps refused",
    };
    let wanted = report
        .denial
        .repository
        .as_ref()
        .map_or_else(String::new, |repository| {
            let reference =
                report
                    .denial
                    .reference
                    .as_deref()
                    .map_or_else(String::new, |reference| {
                        let mark = if reference.contains(':') { '@' } else { ':' };
                        format!("{mark}{}", quoted(reference))
                    });
            format!(", asking for `{}{reference}`", quoted(repository))
        });
    format!(
        "{who} {verb} by {by}{wanted} (reported by source `{}`)",
        denied.source
    )
}

/// Why policy said what it said.
pub fn verdict(verdict: &Verdict) -> String {
    match (&verdict.rule, &verdict.because) {
        (Some(rule), Some(because)) => format!("rule `{rule}`: {because}"),
        (Some(rule), None) => format!("rule `{rule}`"),
        (None, _) => "the policy's default".to_owned(),
    }
}

/// That an entry outlives its end.
pub fn overdue(grant: &Grant, now: Timestamp, why: &str) -> String {
    let late = now.duration_since(grant.until).as_secs();
    format!(
        "the entry for `{}` on `{}` should have been removed {late} s ago and still stands: {why}. Remove it by hand if \
         this does not pass: `az acr network-rule remove --name {} --ip-address {}`",
        grant.address,
        grant.registry.name(),
        grant.registry.name(),
        grant.address
    )
}

/// The service as people call it.
pub fn name(service: Service) -> &'static str {
    match service {
        Service::Acr => "Azure Container Registry",
        Service::KeyVault => "Azure Key Vault",
        Service::Storage => "Azure Storage",
        Service::AzureSql => "Azure SQL Database",
        Service::Mysql => "Azure Database for MySQL",
        Service::Postgresql => "Azure Database for PostgreSQL",
        Service::CosmosDb => "Azure Cosmos DB",
        Service::CognitiveServices => "Azure AI services",
        Service::EventHubs => "Azure Event Hubs or Service Bus",
        Service::Databricks => "Azure Databricks",
        Service::Synapse => "Azure Synapse Analytics",
        Service::AppConfiguration => "Azure App Configuration",
        Service::AppService => "Azure App Service",
    }
}

/// A caller's own words, fit to stand between backticks in a message: short, printable, and without
/// anything that chat or markdown would act on.
pub fn quoted(text: &str) -> String {
    const LONGEST: usize = 200;
    let tame = |c: char| {
        !c.is_control()
            && !matches!(c, '`' | '<' | '>' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut short: String = text
        .chars()
        .take(LONGEST)
        .map(|c| if tame(c) { c } else { '\u{fffd}' })
        .collect();
    if text.chars().count() > LONGEST {
        short.push('…');
    }
    short
}
