//! Microsoft.Network: NAT gateways, addresses, subnets, service tags.

use super::{Story, reply};

#[tokio::test]
async fn nat_gateways_lead_to_their_addresses_and_subnets_to_their_gateway() {
    let story = Story::begin().await;
    let (gateway, subnet) = story.azure.model(|model| {
        let gateway =
            model.add_nat_gateway("egress", &["20.50.1.1", "2603:1030::1"], &["20.60.0.0/30"]);
        let subnet = model.add_subnet("build", "agents", Some(&gateway));
        (gateway, subnet)
    });
    let read = async |id: &str| story.get(id, "2025-09-01").await.1["properties"].clone();
    assert_eq!(read(&subnet).await["natGateway"]["id"], gateway);
    let gateway = read(&gateway.to_lowercase()).await;
    let follow = async |list: &str| read(gateway[list][0]["id"].as_str().unwrap()).await;
    assert_eq!(follow("publicIpAddresses").await["ipAddress"], "20.50.1.1");
    assert_eq!(
        follow("publicIpAddressesV6").await["ipAddress"],
        "2603:1030::1"
    );
    assert_eq!(follow("publicIpPrefixes").await["ipPrefix"], "20.60.0.0/30");

    let dynamic = story
        .azure
        .model(|model| model.add_public_ip_address("dynamic", None));
    assert_eq!(read(&dynamic).await.get("ipAddress"), None);
    story.azure.model(|model| model.remove_resource(&dynamic));
    assert_eq!(story.get(&dynamic, "2024-05-01").await.0, 404);
}

#[tokio::test]
async fn service_tags_come_in_pages_with_a_link_to_the_next() {
    let story = Story::begin().await;
    story.azure.model(|model| {
        model.add_service_tag("AzureDevOps", &["20.41.194.0/24"]);
        model.add_service_tag(
            "AzureContainerRegistry.WestEurope",
            &["20.50.200.0/24", "2603:1030::/48"],
        );
        model.add_service_tag("ActionGroup", &["20.125.4.0/25"]);
    });
    story.azure.knobs(|knobs| knobs.page_size = 2);
    let path = format!("{}/serviceTags", Story::network("westeurope"));
    let (_, first) = story.get(&path, "2024-05-01").await;
    assert_eq!(first["values"].as_array().unwrap().len(), 2);
    assert_eq!(first["values"][1]["properties"]["region"], "westeurope");
    let next = first["nextLink"].as_str().unwrap();
    let request = story.http.get(next).bearer_auth(story.azure.static_token());
    let (_, last) = reply(request.send().await.unwrap()).await;
    assert_eq!(last["values"][0]["name"], "ActionGroup");
    assert_eq!(last.get("nextLink"), None);
}
