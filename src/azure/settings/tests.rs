//! Tests of `settings`.

use super::*;

fn read(yaml: &str) -> Settings {
    serde_saphyr::from_str(yaml).unwrap()
}

#[test]
fn an_empty_section_means_public_azure_and_a_managed_identity() {
    let settings = read("{}");
    assert_eq!(settings, Settings::default());
    settings.validate().unwrap();
    let endpoints = settings.endpoints().unwrap();
    assert_eq!(
        endpoints.resource_manager.as_str(),
        "https://management.azure.com/"
    );
    assert_eq!(
        endpoints.authority.as_str(),
        "https://login.microsoftonline.com/"
    );
    assert_eq!(endpoints.scope, "https://management.azure.com/.default");
}

#[test]
fn a_cloud_brings_its_endpoints_and_each_can_be_named() {
    let endpoints = read("{ cloud: usgov }").endpoints().unwrap();
    assert_eq!(
        endpoints.resource_manager.as_str(),
        "https://management.usgovcloudapi.net/"
    );
    assert_eq!(
        endpoints.scope,
        "https://management.usgovcloudapi.net/.default"
    );
    let endpoints = read("{ cloud: china, authority: 'https://login.example/' }")
        .endpoints()
        .unwrap();
    assert_eq!(
        endpoints.resource_manager.as_str(),
        "https://management.chinacloudapi.cn/"
    );
    assert_eq!(endpoints.authority.as_str(), "https://login.example/");
}

#[test]
fn the_section_of_the_documentation_is_understood() {
    let settings = read(
        "
cloud: public
resource_manager: https://management.azure.com/
authority: https://login.microsoftonline.com/
scope: https://management.azure.com/.default
api_version: \"2025-11-01\"
read_api_version: 2026-03-01-preview
ca_file: extra-ca.pem
credential: { kind: managed_identity }
",
    );
    settings.validate().unwrap();
    assert_eq!(settings.ca_file, Some("extra-ca.pem".into()));
}

#[test]
fn plain_http_needs_loopback_and_the_static_token() {
    let with = |url: &str, credential: &str| {
        read(&format!(
            "{{ resource_manager: '{url}', credential: {credential} }}"
        ))
        .validate()
    };
    let token = "{ kind: static_token, env: T }";
    for url in [
        "http://127.0.0.1:8090/",
        "http://[::1]:8090/",
        "http://localhost:8090",
    ] {
        assert_eq!(with(url, token), Ok(()), "{url}");
        assert!(with(url, "{ kind: azure_cli }").is_err(), "{url}");
    }
    for url in [
        "http://management.azure.com/",
        "http://127.0.0.1.example/",
        "http://localhost.example/",
        "http://10.0.0.1/",
    ] {
        let error = with(url, token).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("azure.resource_manager: plain http"),
            "{error}"
        );
    }
}

#[test]
fn what_cannot_be_used_is_named_with_its_field() {
    for (yaml, what) in [
        (
            "{ resource_manager: management.azure.com }",
            "azure.resource_manager: this is not an URL",
        ),
        ("{ resource_manager: 'ftp://x/' }", "only https"),
        (
            "{ resource_manager: 'https://me:secret@x/' }",
            "user name or password",
        ),
        ("{ resource_manager: 'https://x/?a=b' }", "remove the path"),
        ("{ resource_manager: 'https://x/#a' }", "remove the path"),
        ("{ resource_manager: 'https://x/arm' }", "remove the path"),
        ("{ authority: 'http://login.example/' }", "azure.authority"),
        ("{ scope: 'https://x/.default; rm -rf /' }", "azure.scope"),
        ("{ scope: 'https://x/' }", "azure.scope"),
        ("{ api_version: latest }", "azure.api_version"),
        (
            "{ read_api_version: '2025-11-01' }",
            "azure.read_api_version: `2025-11-01` hides",
        ),
        ("{ read_api_version: 2023-01-01-preview }", "hides"),
    ] {
        let error = read(yaml).validate().unwrap_err().to_string();
        assert!(error.contains(what), "{yaml}: {error}");
        assert!(!error.contains("secret@"), "{error}");
    }
}

#[test]
fn versions_that_show_virtual_network_rules_may_be_read_with() {
    for version in ["2021-08-01-preview", "2026-03-01-preview", "2026-10-01"] {
        read(&format!("{{ read_api_version: '{version}' }}"))
            .validate()
            .unwrap();
    }
}
