//! From which addresses resources in Azure send, against the simulated Azure.

use crate::arm;
use clock::Clock;
use doorward::azure::{Arm, ArmError, Call, Egress};
use doorward_core::sets::AzureKind;
use doorward_sim::{Call as Asked, Fault, Model, Sim, SimOptions};
use serde_json::json;

struct Story {
    azure: Sim,
    arm: Arm,
}

impl Story {
    async fn new() -> Self {
        let clock = Clock::set_to("2026-03-01T12:00:00Z".parse().unwrap());
        let azure = Sim::start(SimOptions::new(clock.clone())).await.unwrap();
        Self {
            arm: arm::client(&azure, clock).await,
            azure,
        }
    }

    /// What these resources send from; each as one text.
    async fn all(&self, wanted: &[(AzureKind, &str)]) -> Vec<Result<String, ArmError>> {
        let wanted: Vec<_> = wanted
            .iter()
            .map(|(kind, id)| (*kind, id.parse().unwrap()))
            .collect();
        let found = self.arm.egress(&wanted, &Call::random()).await;
        let told = |egress| match egress {
            Egress::Known { networks, .. } => {
                let texts: Vec<String> = networks.iter().map(ToString::to_string).collect();
                texts.join(" ")
            }
            Egress::Unknowable(why) => format!("unknowable: {why}"),
        };
        found.into_iter().map(|found| found.map(told)).collect()
    }

    /// What one resource sends from.
    async fn of(&self, kind: AzureKind, add: impl FnOnce(&mut Model) -> String) -> String {
        let id = self.azure.model(add);
        self.all(&[(kind, &id)]).await.remove(0).unwrap()
    }

    fn asked(&self) -> (usize, usize) {
        let count = |call| self.azure.requests_of(call).len();
        (count(Asked::ResourceGraph), count(Asked::GetResource))
    }
}

fn gateway(model: &mut Model) -> String {
    model.add_nat_gateway("egress", &["20.40.0.4"], &["20.60.0.0/30"])
}

const EGRESS: &str = "20.40.0.4/32 20.60.0.0/30";

#[tokio::test]
async fn a_subnet_sends_from_its_nat_gateway() {
    let story = Story::new().await;
    let subnet = |model: &mut Model| {
        let gateway = gateway(model);
        model.add_subnet("network", "build", Some(&gateway))
    };
    assert_eq!(story.of(AzureKind::Subnet, subnet).await, EGRESS);
    let bare = |model: &mut Model| model.add_subnet("network", "bare", None);
    let told = story.of(AzureKind::Subnet, bare).await;
    assert!(told.contains("has no NAT gateway; give it one"), "{told}");
    let routed = |model: &mut Model| {
        let table = json!({ "routeTable": { "id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/routeTables/t" } });
        model.add_resource("virtualNetworks", "network/subnets/routed", &table)
    };
    let told = story.of(AzureKind::Subnet, routed).await;
    assert!(told.contains("name that firewall"), "{told}");
}

#[tokio::test]
async fn an_agent_pool_sends_from_the_gateway_of_its_subnet() {
    let story = Story::new().await;
    let pool = |model: &mut Model| {
        let gateway = gateway(model);
        let subnet = model.add_subnet("network", "agents", Some(&gateway));
        model.add_agent_pool("contosoprod", "build", Some(&subnet))
    };
    assert_eq!(story.of(AzureKind::AgentPool, pool).await, EGRESS);
    let asked = story.azure.requests_of(Asked::GetResource);
    assert_eq!(asked[0].api_version(), Some("2019-06-01-preview"));
    let bare = |model: &mut Model| model.add_agent_pool("contosoprod", "bare", None);
    let told = story.of(AzureKind::AgentPool, bare).await;
    assert!(told.contains("--subnet-id"), "{told}");
}

#[tokio::test]
async fn devops_pool_sends_from_its_static_addresses_or_its_subnets_gateway() {
    let story = Story::new().await;
    let pool = |model: &mut Model, name: &str, network: serde_json::Value| {
        let properties = json!({ "provisioningState": "Succeeded", "networkProfile": network });
        model.add_resource_of("Microsoft.DevOpsInfrastructure/pools", name, &properties)
    };
    let fixed = |model: &mut Model| {
        let network =
            json!({ "staticIpAddressCount": 2, "ipAddresses": ["20.95.0.2", "20.95.0.1"] });
        pool(model, "fixed", network)
    };
    let told = story.of(AzureKind::DevopsPool, fixed).await;
    assert_eq!(told, "20.95.0.1/32 20.95.0.2/32");
    let asked = story.azure.requests_of(Asked::GetResource);
    assert_eq!(asked[0].api_version(), Some("2025-09-20"));
    let own = |model: &mut Model| {
        let gateway = gateway(model);
        let subnet = model.add_subnet("network", "agents", Some(&gateway));
        pool(model, "own", json!({ "subnetId": subnet }))
    };
    assert_eq!(story.of(AzureKind::DevopsPool, own).await, EGRESS);
    let bare = |model: &mut Model| pool(model, "bare", json!({}));
    let told = story.of(AzureKind::DevopsPool, bare).await;
    assert!(told.contains("`staticIpAddressCount`"), "{told}");
}

#[tokio::test]
async fn what_is_left_out_is_noted_and_no_error() {
    let story = Story::new().await;
    let note = async |kind, id: String| {
        let wanted = [(kind, id.parse().unwrap())];
        match story.arm.egress(&wanted, &Call::random()).await.remove(0) {
            Ok(Egress::Known { networks, note }) => (networks.len(), note.unwrap_or_default()),
            other => panic!("{other:?}"),
        }
    };
    let both = ["20.40.0.9", "2603:1030::9"];
    let gateway = |model: &mut Model| model.add_nat_gateway("dual", &both, &["2603:1030:1::/124"]);
    let (count, text) = note(AzureKind::NatGateway, story.azure.model(gateway)).await;
    assert!(count == 1 && text.contains("version 6"), "{count} {text}");
    let plain = |model: &mut Model| model.add_nat_gateway("plain", &["20.40.0.8"], &[]);
    let (_, text) = note(AzureKind::NatGateway, story.azure.model(plain)).await;
    assert_eq!(text, "");
    let cluster = |model: &mut Model| {
        let address = model.add_public_ip_address("out", Some("20.80.0.4"));
        let properties = json!({
            "agentPoolProfiles": [{ "name": "egress", "mode": "Gateway" }],
            "networkProfile": {
                "outboundType": "loadBalancer",
                "loadBalancerProfile": { "effectiveOutboundIPs": [{ "id": address }] },
            },
        });
        model.add_resource_of(
            "Microsoft.ContainerService/managedClusters",
            "gated",
            &properties,
        )
    };
    let (count, text) = note(AzureKind::AksEgress, story.azure.model(cluster)).await;
    assert!(
        count == 1 && text.contains("`public_ip_prefix`"),
        "{count} {text}"
    );
}

#[tokio::test]
async fn a_firewall_sends_from_its_public_addresses() {
    let story = Story::new().await;
    let addresses = ["20.70.0.9", "20.70.0.7"];
    let of_network = |model: &mut Model| model.add_azure_firewall("edge", &addresses);
    let of_hub = |model: &mut Model| model.add_hub_firewall("hub", &addresses);
    let told = story.of(AzureKind::AzureFirewall, of_network).await;
    assert_eq!(told, "20.70.0.7/32 20.70.0.9/32");
    assert_eq!(story.of(AzureKind::AzureFirewall, of_hub).await, told);
}

#[tokio::test]
async fn a_cluster_sends_from_what_its_outbound_type_says() {
    let story = Story::new().await;
    for outbound in ["loadBalancer", "managedNATGateway"] {
        let cluster =
            |model: &mut Model| model.add_cluster(outbound, outbound, &["20.80.0.4"], None);
        let told = story.of(AzureKind::AksEgress, cluster).await;
        assert_eq!(told, "20.80.0.4/32", "{outbound}");
    }
    let own = |model: &mut Model| {
        let gateway = gateway(model);
        let subnet = model.add_subnet("network", "nodes", Some(&gateway));
        model.add_cluster("own", "userAssignedNATGateway", &[], Some(&subnet))
    };
    assert_eq!(story.of(AzureKind::AksEgress, own).await, EGRESS);
    for (outbound, says) in [
        ("userDefinedRouting", "azure_firewall"),
        ("none", "outbound type is none"),
        ("userAssignedNATGateway", "name no subnet"),
    ] {
        let cluster = |model: &mut Model| model.add_cluster("routed", outbound, &[], None);
        let told = story.of(AzureKind::AksEgress, cluster).await;
        assert!(
            told.starts_with("unknowable: ") && told.contains(says),
            "{told}"
        );
    }
}

#[tokio::test]
async fn apps_send_from_all_that_they_may_use() {
    let story = Story::new().await;
    let web = |model: &mut Model| {
        let (uses, may_use) = (["20.90.0.1"], ["20.90.0.1", "20.90.0.2", "2603:1030::9"]);
        model.add_web_app("shop", &uses, &may_use)
    };
    let told = story.of(AzureKind::AppServiceEgress, web).await;
    assert_eq!(told, "20.90.0.1/32 20.90.0.2/32");
    let container = |model: &mut Model| model.add_container_app("api", &["20.91.0.1"]);
    let told = story.of(AzureKind::ContainerAppEgress, container).await;
    assert_eq!(told, "20.91.0.1/32");
}

/// Twelve NAT gateways, each with an address and a prefix.
fn many(model: &mut Model) -> Vec<String> {
    let one = |number: u8| {
        let (address, prefix) = (format!("20.40.{number}.4"), format!("20.60.{number}.0/30"));
        model.add_nat_gateway(&format!("egress-{number}"), &[&address], &[&prefix])
    };
    (10..22).map(one).collect()
}

fn gateways(ids: &[String]) -> Vec<(AzureKind, &str)> {
    let wanted = ids.iter().map(|id| (AzureKind::NatGateway, id.as_str()));
    wanted.collect()
}

fn right(told: &[Result<String, ArmError>]) {
    assert_eq!(told.len(), 12);
    for (told, number) in told.iter().zip(10_u8..) {
        let expected = format!("20.40.{number}.4/32 20.60.{number}.0/30");
        assert_eq!(told.as_ref().unwrap(), &expected);
    }
}

#[tokio::test]
async fn many_are_answered_by_two_queries() {
    let story = Story::new().await;
    let ids = story.azure.model(many);
    right(&story.all(&gateways(&ids)).await);
    assert_eq!(story.asked(), (2, 0));
}

#[tokio::test]
async fn pages_of_a_query_are_all_read() {
    let story = Story::new().await;
    let ids = story.azure.model(many);
    story.azure.knobs(|knobs| knobs.page_size = 5);
    right(&story.all(&gateways(&ids)).await);
    assert_eq!(story.asked(), (3 + 5, 0));
}

#[tokio::test]
async fn what_resource_graph_does_not_have_yet_is_read_by_itself() {
    let story = Story::new().await;
    let ids = story.azure.model(many);
    story.azure.model(|model| {
        model.unnoticed_by_graph(&ids[3]);
        model.unnoticed_by_graph(&format!(
            "{}-ip-0",
            ids[5].replace("natGateways", "publicIPAddresses")
        ));
    });
    right(&story.all(&gateways(&ids)).await);
    assert_eq!(story.asked(), (2, 2));
}

#[tokio::test]
async fn where_resource_graph_is_refused_or_fails_each_is_read_by_itself() {
    let story = Story::new().await;
    let ids = story.azure.model(many);
    let action = "Microsoft.ResourceGraph/resources/read";
    story
        .azure
        .knobs(|knobs| knobs.denied_actions.insert(action.to_owned()));
    right(&story.all(&gateways(&ids)).await);
    assert_eq!(story.asked(), (2, 36));
    story.azure.knobs(|knobs| {
        knobs.denied_actions.clear();
        knobs.next(Asked::ResourceGraph, Fault::Garbled);
    });
    right(&story.all(&gateways(&ids)).await);
    assert_eq!(story.asked(), (4, 36 + 12));
}

#[tokio::test]
async fn an_azure_that_is_down_or_throttles_is_not_asked_for_every_single_one() {
    let story = Story::new().await;
    let ids = story.azure.model(many);
    let down = Fault::LostBefore;
    let throttled = Fault::Throttled {
        retry_after: std::time::Duration::from_secs(17),
    };
    for (fault, asked) in [(down, 3), (throttled, 3 + 1)] {
        story.azure.knobs(|knobs| {
            knobs.no_faults();
            knobs.always(Asked::ResourceGraph, fault.clone());
            knobs.always(Asked::GetResource, fault);
        });
        let told = story.all(&gateways(&ids)).await;
        assert!(told.iter().all(Result::is_err));
        assert_eq!(story.asked().1, asked);
    }
}

#[tokio::test]
async fn one_that_cannot_be_read_costs_only_itself() {
    let story = Story::new().await;
    let ids = story.azure.model(many);
    story.azure.model(|model| model.remove_resource(&ids[0]));
    let mut told = story.all(&gateways(&ids)).await;
    let error = told.remove(0).unwrap_err();
    assert!(matches!(error, ArmError::NotFound { .. }), "{error}");
    assert!(told.iter().all(Result::is_ok));
    // What we may not read, Resource Graph leaves out in silence.
    let action = "Microsoft.Network/publicIPPrefixes/read";
    story
        .azure
        .knobs(|knobs| knobs.denied_actions.insert(action.to_owned()));
    let told = story.all(&gateways(&ids[1..])).await;
    for told in told {
        assert!(told.unwrap_err().to_string().contains(action));
    }
}

#[tokio::test]
async fn service_tags_are_read_whole_and_know_their_edition() {
    let story = Story::new().await;
    story.azure.model(|model| {
        for number in 0..7 {
            model.add_service_tag(&format!("Tag{number}"), &[&format!("20.9.{number}.0/24")]);
        }
    });
    story.azure.knobs(|knobs| knobs.page_size = 3);
    let read = || async {
        let call = Call::random();
        let subscription = doorward_sim::SUBSCRIPTION;
        story
            .arm
            .service_tags(subscription, "westeurope", &call)
            .await
    };
    let tags = read().await.unwrap();
    assert_eq!((tags.values.len(), tags.change_number), (7, 69));
    assert_eq!(tags.tag("tag6").unwrap().len(), 1);
    assert_eq!(story.azure.requests_of(Asked::ServiceTags).len(), 3);
    story
        .azure
        .knobs(|knobs| knobs.next(Asked::ServiceTags, Fault::Garbled));
    assert!(read().await.is_err());
}
