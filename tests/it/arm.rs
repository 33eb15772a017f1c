//! Registries and addresses through Azure Resource Manager, against the simulated Azure.

use clock::Clock;
use doorward::azure::{Accepted, Arm, ArmError, Call, Credential, Egress, PatchError, Settings};
use doorward::config::SecretRef;
use doorward_core::firewall::raw_json::RawJson;
use doorward_core::net::resource_id::ResourceId;
use doorward_core::sets::AzureKind;
use doorward_sim::{
    Call as Asked, DefaultAction, Fault, Outcome, Registry, Sim, SimOptions, Writes,
};
use serde_json::{Value, json};
use std::time::Duration;

/// A client of `azure` that has its token.
pub(crate) async fn client(azure: &Sim, clock: Clock) -> Arm {
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), azure.static_token()).unwrap();
    let settings = Settings {
        resource_manager: Some(azure.resource_manager().to_owned()),
        credential: Credential::StaticToken(SecretRef::File(token.path().to_owned())),
        ..Settings::default()
    };
    let arm = Arm::new(&settings, clock).unwrap();
    arm.check_token().await.unwrap();
    arm
}

/// A client of a simulated Azure that holds one registry with one entry of somebody else's.
struct Story {
    azure: Sim,
    arm: Arm,
    registry: ResourceId,
    call: Call,
}

impl Story {
    async fn new() -> Self {
        let clock = Clock::set_to("2026-03-01T12:00:00Z".parse().unwrap());
        let azure = Sim::start(SimOptions::new(clock.clone())).await.unwrap();
        let registry = Registry::new("contosoProd").with_entry("20.9.9.9");
        let id = registry.id();
        azure.add_registry(registry);
        Self {
            arm: client(&azure, clock).await,
            azure,
            registry: id.parse().unwrap(),
            call: Call::random(),
        }
    }

    /// A story in which the next request of this kind goes wrong.
    async fn with(asked: Asked, fault: Fault) -> Self {
        let story = Self::new().await;
        story.azure.knobs(|knobs| knobs.next(asked, fault));
        story
    }

    async fn read(&self) -> Result<Value, ArmError> {
        let version = self.arm.read_api_version();
        let read = self.arm.registry(&self.registry, version, &self.call).await;
        read.map(|registry| registry.as_str().parse().unwrap())
    }

    /// Writes the list with `20.1.2.3` added to it.
    async fn write(&self) -> Result<(), PatchError> {
        let entry = |value: &str| json!({ "action": "Allow", "value": value });
        let rules = json!({ "defaultAction": "Deny", "ipRules": [entry("20.9.9.9"), entry("20.1.2.3/32")] });
        let body = RawJson::from(&json!({ "properties": { "networkRuleSet": rules } }));
        let body = body.object().unwrap();
        let written = self
            .arm
            .patch_registry(&self.registry, &body, &self.call, || true);
        let outcome = match written.await {
            Ok(Accepted::Running(operation)) => self.arm.follow(operation, &self.call).await,
            other => other.map(drop),
        };
        assert!(self.azure.requests_of(Asked::PatchRegistry).len() <= 1);
        outcome
    }

    fn is_open(&self) -> bool {
        let open = ["20.9.9.9", "20.1.2.3"].map(str::to_owned);
        self.azure.entries("contosoprod") == open
    }

    async fn egress(&self, gateway: &str) -> Result<Vec<String>, ArmError> {
        let wanted = [(AzureKind::NatGateway, gateway.parse().unwrap())];
        let found = self.arm.egress(&wanted, &self.call).await.remove(0);
        match found? {
            Egress::Known { networks, .. } => {
                Ok(networks.iter().map(ToString::to_string).collect())
            }
            Egress::Unknowable(why) => panic!("{why}"),
        }
    }
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[tokio::test]
async fn a_registry_is_read_as_it_stands() {
    let story = Story::new().await;
    let registry = story.read().await.unwrap();
    let rules = &registry["properties"]["networkRuleSet"];
    assert_eq!(rules["defaultAction"], DefaultAction::Deny.name());
    assert_eq!(rules["ipRules"][0]["value"], "20.9.9.9");
    let asked = &story.azure.requests_of(Asked::GetRegistry)[0];
    let correlation = story.call.correlation_id.to_string();
    assert_eq!(asked.api_version(), Some("2026-03-01-preview"));
    assert_eq!(asked.headers["x-ms-correlation-request-id"], correlation);
}

#[tokio::test]
async fn a_write_that_azure_does_at_once_is_done_when_it_returns() {
    let story = Story::new().await;
    story.write().await.unwrap();
    assert!(story.is_open());
}

#[tokio::test]
async fn a_write_that_takes_time_is_followed_to_its_end() {
    let story = Story::new().await;
    let (takes, retry_after, outcome) = (seconds(42), seconds(10), Outcome::Succeeded);
    story.azure.knobs(|knobs| {
        knobs.writes = Writes::Asynchronous {
            takes,
            retry_after,
            outcome,
        };
    });
    let start = story.azure.clock().now();
    story.write().await.unwrap();
    assert!(story.is_open());
    let took = story.azure.clock().now().duration_since(start);
    assert!((42..=60).contains(&took.as_secs()), "{took}");
}

#[tokio::test]
async fn a_hiccup_while_following_does_not_lose_the_end() {
    let story = Story::new().await;
    let (takes, retry_after, outcome) = (seconds(5), seconds(1), Outcome::Succeeded);
    story.azure.knobs(|knobs| {
        knobs.writes = Writes::Asynchronous {
            takes,
            retry_after,
            outcome,
        };
        knobs.next(Asked::GetOperation, Fault::LostAfter);
        knobs.next(Asked::GetOperation, Fault::Throttled { retry_after });
        knobs.next(Asked::GetOperation, Fault::Garbled);
    });
    story.write().await.unwrap();
    assert!(story.is_open());
}

#[tokio::test]
async fn a_write_that_azure_fails_at_says_so() {
    for outcome in [Outcome::Failed, Outcome::Canceled] {
        let story = Story::new().await;
        let (takes, retry_after) = (seconds(5), seconds(1));
        story.azure.knobs(|knobs| {
            knobs.writes = Writes::Asynchronous {
                takes,
                retry_after,
                outcome,
            };
        });
        let error = story.write().await.unwrap_err();
        assert!(
            matches!(error, PatchError::OperationFailed { .. }),
            "{error}"
        );
        assert!(!story.is_open());
    }
}

#[tokio::test]
async fn a_lost_reply_leaves_the_write_unclear_and_is_not_sent_again() {
    for (fault, opened) in [(Fault::LostBefore, false), (Fault::LostAfter, true)] {
        let story = Story::with(Asked::PatchRegistry, fault).await;
        let error = story.write().await.unwrap_err();
        assert!(matches!(error, PatchError::Unknown { .. }), "{error}");
        assert_eq!(story.is_open(), opened);
    }
}

#[tokio::test]
async fn a_throttled_write_changed_nothing_and_says_how_long_to_wait() {
    let retry_after = seconds(17);
    let story = Story::with(Asked::PatchRegistry, Fault::Throttled { retry_after }).await;
    match story.write().await.unwrap_err() {
        PatchError::NotApplied(error) => assert_eq!(error.retry_after(), Some(retry_after)),
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_status_tells_whether_the_write_may_have_happened() {
    for (status, unclear) in [(409, false), (403, false), (500, true), (503, true)] {
        let retry_after = None;
        let fault = Fault::Status {
            status,
            retry_after,
        };
        let story = Story::with(Asked::PatchRegistry, fault).await;
        let error = story.write().await.unwrap_err();
        let is_unclear = matches!(error, PatchError::Unknown { .. });
        assert_eq!(is_unclear, unclear, "{status}: {error}");
    }
}

#[tokio::test]
async fn the_token_never_goes_elsewhere() {
    let elsewhere = Story::new().await.azure;
    let origin = elsewhere.resource_manager().to_owned();
    let (takes, retry_after, outcome) = (seconds(5), seconds(1), Outcome::Succeeded);
    for fault in [Fault::Redirect(origin.clone()), Fault::ForeignLinks(origin)] {
        let story = Story::with(Asked::PatchRegistry, fault.clone()).await;
        story.azure.knobs(|knobs| {
            knobs.writes = Writes::Asynchronous {
                takes,
                retry_after,
                outcome,
            };
        });
        let error = story.write().await.unwrap_err();
        assert!(matches!(error, PatchError::Unknown { .. }), "{error}");
        let story = Story::with(Asked::ListUsages, fault).await;
        // A link in a list that has only one page is not looked at: only the redirect is an error.
        story
            .arm
            .ip_rule_limit(&story.registry, &story.call)
            .await
            .ok();
    }
    assert_eq!(elsewhere.requests(), []);
}

#[tokio::test]
async fn a_read_that_goes_wrong_says_how() {
    let retry_after = seconds(30);
    let story = Story::with(Asked::GetRegistry, Fault::Throttled { retry_after }).await;
    let error = story.read().await.unwrap_err();
    assert_eq!(error.retry_after(), Some(retry_after));
    assert!(story.read().await.is_ok());
    for fault in [
        Fault::LostAfter,
        Fault::Garbled,
        Fault::Oversized(20 << 20),
        Fault::Status {
            status: 503,
            retry_after: None,
        },
    ] {
        let story = Story::with(Asked::GetRegistry, fault).await;
        let error = story.read().await.unwrap_err();
        assert!(error.is_transient(), "{error}");
        assert_eq!(story.azure.requests_of(Asked::GetRegistry).len(), 1);
    }
}

#[tokio::test]
async fn what_may_not_be_done_or_is_not_there_is_named() {
    let story = Story::new().await;
    let action = "Microsoft.ContainerRegistry/registries/write";
    story
        .azure
        .knobs(|knobs| knobs.denied_actions.insert(action.to_owned()));
    let error = story.write().await.unwrap_err().to_string();
    assert!(error.contains("403 AuthorizationFailed"), "{error}");
    assert!(error.contains(action), "{error}");
    story
        .azure
        .model(|model| model.remove_registry("contosoprod"));
    let error = story.read().await.unwrap_err();
    assert!(matches!(error, ArmError::NotFound { .. }), "{error}");
}

#[tokio::test]
async fn the_limit_of_ip_rules_is_read_where_it_may_be() {
    let story = Story::new().await;
    let limit = story.arm.ip_rule_limit(&story.registry, &story.call).await;
    assert_eq!(limit, Ok(Some(200)));
    let action = "Microsoft.ContainerRegistry/registries/listUsages/read";
    story
        .azure
        .knobs(|knobs| knobs.denied_actions.insert(action.to_owned()));
    let limit = story.arm.ip_rule_limit(&story.registry, &story.call).await;
    assert_eq!(limit, Ok(None));
}

#[tokio::test]
async fn a_nat_gateway_speaks_from_its_addresses_and_prefixes() {
    let story = Story::new().await;
    let gateway = story.azure.model(|model| {
        let addresses = ["20.50.0.4", "20.40.0.4", "2603:1030::4"];
        model.add_nat_gateway("egress", &addresses, &["20.60.0.0/30", "2603:1030:1::/124"])
    });
    let networks = story.egress(&gateway).await.unwrap();
    assert_eq!(networks, ["20.40.0.4/32", "20.50.0.4/32", "20.60.0.0/30"]);
}

#[tokio::test]
async fn an_address_that_is_not_there_now_is_passed_over_and_a_missing_one_is_an_error() {
    let story = Story::new().await;
    let (gateway, dynamic) = story.azure.model(|model| {
        let dynamic = model.add_public_ip_address("dynamic", None);
        let links = json!({ "publicIpAddresses": [{ "id": dynamic }] });
        (model.add_resource("natGateways", "egress", &links), dynamic)
    });
    assert_eq!(story.egress(&gateway).await, Ok(vec![]));
    story.azure.model(|model| model.remove_resource(&dynamic));
    let error = story.egress(&gateway).await.unwrap_err();
    assert!(
        matches!(&error, ArmError::NotFound { id, .. } if *id == dynamic),
        "{error}"
    );
}
