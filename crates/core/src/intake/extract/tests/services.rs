//! Denials at the firewalls of other services.

use super::*;

/// Each text tells of one denial by 20.1.2.3 at this service's firewall, or at least of a denial.
#[track_caller]
fn tells(text: &str, service: Service, ip: bool, resource: Option<&str>) {
    let found = parse_document(text.as_bytes());
    let expected = Denial {
        kind: if ip { Kind::Denied } else { Kind::Suspected },
        service,
        ip: ip.then(|| "20.1.2.3".parse().unwrap()),
        resource: resource.map(str::to_owned),
        ..denied("20.1.2.3", None, None, None)
    };
    assert_eq!(found, [expected], "{text}");
}

#[test]
fn other_services_are_named_with_their_resources() {
    use Service::{AzureSql, CosmosDb, Databricks, KeyVault, Mysql, Postgresql, Synapse};
    let vault = "Client address is not authorized and caller is not a trusted service.\\r\\nClient address: 20.1.2.3\\r\\nCaller: appid=1\\r\\nVault: fabrikamkv;location=x";
    let sql = "Cannot open server \"fabrikamsql\" requested by the login. Client with IP address '20.1.2.3' is not allowed to access the server.";
    let cosmos = "https://fabrikam.documents.azure.com: Request originated from IP 20.1.2.3 through public\n  internet. This is blocked by your Cosmos DB account firewall settings.";
    for (text, service, resource) in [
        (vault, KeyVault, Some("fabrikamkv")),
        (
            "Client address (20.1.2.3) is not authorized and caller is not a trusted service",
            KeyVault,
            None,
        ),
        (sql, AzureSql, Some("fabrikamsql")),
        (
            "Client with IP address '20.1.2.3' is not allowed to connect to this MySQL server.",
            Mysql,
            None,
        ),
        (
            "SqlException: \"Client with IP '20.1.2.3' is not allowed\"",
            AzureSql,
            None,
        ),
        (
            "FATAL: no pg_hba.conf entry for host \"20.1.2.3\", user \"u\"",
            Postgresql,
            None,
        ),
        (cosmos, CosmosDb, Some("fabrikam.documents.azure.com")),
        (
            "Source IP address: 20.1.2.3 is blocked by Databricks IP ACL for workspace: 1234567890",
            Databricks,
            Some("1234567890"),
        ),
        (
            "[ClientIpAddressNotAuthorized] Client Ip address : 20.1.2.3",
            Synapse,
            None,
        ),
    ] {
        tells(text, service, true, resource);
    }
}

#[test]
fn other_services_that_name_no_address_are_suspected() {
    use Service::{AppConfiguration, AppService, CognitiveServices, EventHubs, KeyVault, Storage};
    for (text, service) in [
        (
            "Ip has been prevented to connect to the endpoint. TrackingId:1",
            EventHubs,
        ),
        (
            "Access denied due to Virtual Network/Firewall rules.",
            CognitiveServices,
        ),
        ("403 ip-address-rejected", AppConfiguration),
        ("Error: Ip Forbidden (CODE: 403)", AppService),
        (
            "AuthorizationFailure: This request is not authorized to perform this operation.",
            Storage,
        ),
        ("SubCode: ForbiddenByFirewall", KeyVault),
    ] {
        tells(text, service, false, None);
    }
}
