//! Address sets while the service runs: refreshed each in its own period, kept when a source fails,
//! measured before they count, confirmed by people, remembered over a restart.

use crate::world::{OURS, REGISTRY, Reply, STRANGER, World};
use axum::http::Method;
use doorward::domain::ledger::What;
use doorward::domain::sets::Snapshot;
use doorward::flow::sets::{Listed, list};
use doorward::flow::{policy, sets};
use doorward::http::admin_router;
use doorward::sim::{Call, Fault, Model, Sim};
use serde_json::{Value, json};
use std::fs;
use std::sync::Arc;
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// A world whose policy has these sets, and the rules that follow.
async fn world(sets: impl FnOnce(&Sim) -> String, rules: &str) -> World {
    let world = World::new().await;
    let sets = sets(&world.azure);
    let text = format!("version: 1\nsets: {{ {sets} }}\nrules:\n  {rules}\n");
    fs::write(world.folder.path().join("policies/policy.yaml"), text).unwrap();
    policy::take_in(&world.app).await;
    assert!(!policy::is_refused(&world.app));
    world
}

const ALLOW: &str = "- { name: ours, when: { address: ours }, then: allow, for: 10m }";
const ASK: &str = "- { name: known, when: { address: list }, then: alert }";

fn listed(world: &World, name: &str) -> Listed {
    let mut all = list(&world.app).into_iter();
    all.find(|set| set.name == name).unwrap()
}

/// Time passes, and what is due is loaded.
async fn later(world: &World, time: Duration) {
    world.jump(time);
    sets::turn(&world.app).await;
}

/// The rule that decided about a caller from `address`.
async fn rule(world: &World, address: &str) -> Option<String> {
    world.denied(address).await;
    world.settle().await;
    let ledger = world.ledger().await;
    let verdict = ledger.into_iter().rev().find_map(|what| match what {
        What::Decided { verdict, .. } => Some(verdict),
        _ => None,
    });
    verdict.unwrap().rule
}

async fn confirm(world: &World, name: &str, hash: &str) -> Reply {
    let order = json!({ "name": name, "hash": hash, "by": "ada" });
    world.order("/api/v1/sets/confirm", order).await
}

async fn snapshots(world: &World) -> Vec<Snapshot> {
    let ledger = world.whole_ledger().await;
    let loaded = ledger.into_iter().filter_map(|what| match what {
        What::SetLoaded(snapshot) => Some(snapshot),
        _ => None,
    });
    loaded.collect()
}

#[tokio::test]
async fn the_agents_of_a_dedicated_pool_are_let_in() {
    let pool = |model: &mut Model| {
        let gateway = model.add_nat_gateway("agents", &["20.61.20.4"], &[]);
        let subnet = model.add_subnet("network", "agents", Some(&gateway));
        model.add_agent_pool(REGISTRY, "build", Some(&subnet))
    };
    let world = world(
        |azure| format!("ours: {{ agent_pool: {} }}", azure.model(pool)),
        ALLOW,
    )
    .await;
    assert_eq!(rule(&world, "20.61.20.4").await.as_deref(), Some("ours"));
    assert_eq!(world.entries(), ["20.61.20.4"]);
    assert_eq!(rule(&world, OURS).await, None);
}

#[tokio::test]
async fn a_verdict_can_be_derived_again_from_the_ledger() {
    let world = World::new().await;
    world.denied(OURS).await;
    world.settle().await;
    let ledger = world.ledger().await;
    let used = ledger.iter().find_map(|what| match what {
        What::Decided { verdict, .. } => verdict.sets.first(),
        _ => None,
    });
    let hash = &used.unwrap().hash;
    let snapshots = snapshots(&world).await;
    let snapshot = snapshots.iter().find(|snapshot| snapshot.hash == *hash);
    let ranges = snapshot.unwrap().ranges().unwrap();
    assert!(ranges.contains(OURS.parse().unwrap()));
    assert_eq!(ranges.hash(), *hash);
    // What the policy itself says is written down as well, and all of it once.
    assert!(
        snapshots
            .iter()
            .any(|snapshot| snapshot.set.starts_with("cidrs sha256:"))
    );
    for _ in 0..3 {
        later(&world, HOUR).await;
    }
    assert_eq!(self::snapshots(&world).await.len(), snapshots.len());
}

#[tokio::test]
async fn a_source_that_fails_keeps_its_last_value_which_grows_old() {
    let world = World::new().await;
    world
        .azure
        .knobs(|knobs| knobs.always(Call::GetResource, Fault::Garbled));
    later(&world, HOUR).await;
    let set = listed(&world, "build-egress");
    assert_eq!(set.age_seconds, Some(3600));
    assert!(set.error.unwrap().contains("not JSON"));
    assert_eq!(rule(&world, OURS).await.as_deref(), Some("build agents"));
    // It is asked again soon, and less and less often.
    let asked = || world.azure.requests_of(Call::GetResource).len();
    let before = asked();
    later(&world, MINUTE).await;
    later(&world, MINUTE).await;
    assert_eq!(asked(), before + 1);
    world.azure.knobs(doorward::sim::Knobs::no_faults);
    later(&world, 2 * MINUTE).await;
    let set = listed(&world, "build-egress");
    assert_eq!((set.age_seconds, set.error), (Some(0), None));
}

#[tokio::test]
async fn a_set_that_was_never_loaded_matches_nothing_and_says_so() {
    let id = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/registries/providers/Microsoft.Network/natGateways/gone";
    let world = world(|_| format!("ours: {{ nat_gateway: {id} }}"), ALLOW).await;
    let set = listed(&world, "ours");
    assert_eq!((set.size, set.loaded_at), (None, None));
    assert!(set.error.unwrap().contains("ResourceNotFound"));
    world.denied(OURS).await;
    world.settle().await;
    let ledger = world.ledger().await;
    let noted = ledger.iter().any(|what| match what {
        What::Decided { verdict, .. } => verdict
            .notes
            .iter()
            .any(|note| note.text.contains("never loaded")),
        _ => false,
    });
    assert!(noted, "{ledger:?}");
    assert_eq!(world.entries(), [""; 0]);
}

#[tokio::test]
async fn what_azure_says_nobody_can_know_any_more_is_not_kept() {
    let cluster = |outbound: &'static str| {
        move |model: &mut Model| model.add_cluster("prod", outbound, &["20.61.30.4"], None)
    };
    let load_balancer = cluster("loadBalancer");
    let world = world(
        |azure| format!("ours: {{ aks_egress: {} }}", azure.model(load_balancer)),
        ALLOW,
    )
    .await;
    assert_eq!(rule(&world, "20.61.30.4").await.as_deref(), Some("ours"));
    world.azure.model(cluster("userDefinedRouting"));
    later(&world, HOUR).await;
    let set = listed(&world, "ours");
    assert_eq!(set.size, None);
    assert!(set.error.unwrap().contains("userDefinedRouting"));
    // Nor does what the ledger remembers bring it back.
    later(&world, HOUR).await;
    assert_eq!(listed(&world, "ours").size, None);
}

fn publish(world: &World, text: &str) {
    world.azure.publish("list", text);
}

async fn list_of(text: &str) -> World {
    let world = world(
        |azure| {
            let url = azure.publish("list", text);
            format!("list: {{ http: \"{url}?sig=hush\", refresh: 1h }}")
        },
        ASK,
    )
    .await;
    assert!(with_nothing_secret(&world).await);
    world
}

/// Whether nothing that is told or written shows the URL's secret.
async fn with_nothing_secret(world: &World) -> bool {
    let told = serde_json::to_string(&list(&world.app)).unwrap();
    let written = format!("{:?}", world.whole_ledger().await);
    !told.contains("hush") && !written.contains("hush")
}

#[tokio::test]
async fn a_list_from_the_web_counts_and_is_read_again_each_hour() {
    let world = list_of("20.88.0.0/24 # ours\n\n20.89.0.1\n").await;
    let set = listed(&world, "list");
    assert_eq!((set.kind.as_str(), set.owned), ("http", false));
    assert_eq!(set.size.unwrap().addresses, 257);
    assert_eq!(rule(&world, "20.88.0.7").await.as_deref(), Some("known"));
    let asked = || world.azure.requests_of(Call::WebPage).len();
    assert_eq!(asked(), 1);
    later(&world, 50 * MINUTE).await;
    assert_eq!(asked(), 1);
    publish(&world, "20.88.0.0/24\n20.90.0.1\n");
    later(&world, 10 * MINUTE).await;
    assert_eq!(asked(), 2);
    assert_eq!(rule(&world, "20.90.0.1").await.as_deref(), Some("known"));
    assert_eq!(rule(&world, "20.89.0.1").await, None);
}

#[tokio::test]
async fn what_is_no_list_leaves_the_last_one() {
    let world = list_of("20.88.0.0/24\n").await;
    let hash = listed(&world, "list").hash;
    let origin = "https://elsewhere.contoso.com".to_owned();
    let faults = [
        (Some(Fault::Redirect(origin)), "redirects"),
        (Some(Fault::Oversized(20 << 20)), "longer than"),
        (Some(Fault::LostAfter), "did not arrive"),
        (
            Some(Fault::Status {
                status: 503,
                retry_after: None,
            }),
            "503",
        ),
        (None, "line 1"),
    ];
    publish(&world, "<html>moved</html>\n");
    for (fault, says) in faults {
        if let Some(fault) = fault {
            world.azure.knobs(|knobs| knobs.next(Call::WebPage, fault));
        }
        later(&world, HOUR).await;
        let set = listed(&world, "list");
        let error = set.error.unwrap();
        assert!(error.contains(says), "{error}");
        assert!(
            !error.contains("hush") && !error.contains("localhost"),
            "{error}"
        );
        assert_eq!(set.hash, hash);
    }
    publish(&world, "# nothing left\n");
    later(&world, HOUR).await;
    assert!(listed(&world, "list").error.unwrap().contains("empty"));
    assert!(with_nothing_secret(&world).await);
}

#[tokio::test]
async fn a_list_is_bounded() {
    let world = world(
        |azure| {
            let url = azure.publish("list", "20.88.0.1\n20.88.0.3\n20.88.0.5\n");
            format!("list: {{ http: \"{url}\", max_size: 2 }}")
        },
        ASK,
    )
    .await;
    let set = listed(&world, "list");
    assert_eq!(set.size, None);
    assert!(set.error.unwrap().contains("max_size"));
}

#[tokio::test]
async fn a_landslide_waits_until_a_person_confirms_it() {
    let mut world = list_of("20.88.0.0/22\n").await;
    publish(&world, "20.88.0.0/25\n");
    later(&world, HOUR).await;
    later(&world, HOUR).await;
    let set = listed(&world, "list");
    assert_eq!(set.size.unwrap().addresses, 1024);
    let waits = set.pending.unwrap();
    assert_eq!(waits.size.addresses, 128);
    assert!(
        waits.reason.starts_with("896 IPv4 addresses would go"),
        "{}",
        waits.reason
    );
    assert_eq!(rule(&world, "20.88.3.7").await.as_deref(), Some("known"));
    // People are told once, with the hash; so does the metric.
    world.settle().await;
    assert_eq!(
        world
            .messages()
            .iter()
            .filter(|code| *code == "set_refused")
            .count(),
        1
    );
    let metrics = world.app.metrics.render();
    assert!(
        metrics.contains(&format!(
            "doorward_set_waiting{{set=\"list\",hash=\"{}\"}} 1",
            waits.hash
        )),
        "{metrics}"
    );
    // What waits is remembered, and the last value goes on counting where it can be had.
    world.restart().await;
    assert_eq!(listed(&world, "list").pending.unwrap().hash, waits.hash);
    assert_eq!(listed(&world, "list").size.unwrap().addresses, 1024);
    assert_eq!(
        confirm(&world, "list", "sha256:0123456789abcdef")
            .await
            .status,
        409
    );
    assert_eq!(confirm(&world, "list", &waits.hash[..10]).await.status, 409);
    assert_eq!(confirm(&world, "lists", &waits.hash).await.status, 404);
    let reply = confirm(&world, "list", &waits.hash[..20]).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    sets::turn(&world.app).await;
    let set = listed(&world, "list");
    assert_eq!((set.size.unwrap().addresses, set.pending), (128, None));
    assert!(!world.app.metrics.render().contains("doorward_set_waiting{"));
    assert_eq!(rule(&world, "20.88.3.8").await, None);
    assert_eq!(confirm(&world, "list", &waits.hash).await.status, 409);
    let kinds = world.kinds().await;
    let of = |kind: &str| kinds.iter().filter(|found| **found == kind).count();
    assert_eq!((of("set_refused"), of("set_confirmed")), (1, 1));
}

#[tokio::test]
async fn a_confirmation_is_remembered_over_a_restart() {
    let mut world = list_of("20.88.0.0/22\n").await;
    publish(&world, "20.88.0.0/25\n");
    later(&world, HOUR).await;
    let hash = listed(&world, "list").pending.unwrap().hash;
    assert_eq!(confirm(&world, "list", &hash).await.status, 200);
    world.restart().await;
    let set = listed(&world, "list");
    assert_eq!((set.hash, set.pending), (Some(hash), None));
}

#[tokio::test]
async fn what_was_confirmed_counts_only_if_it_is_still_just_that() {
    let world = list_of("20.88.0.0/22\n").await;
    publish(&world, "20.88.0.0/25\n");
    later(&world, HOUR).await;
    let first = listed(&world, "list").pending.unwrap().hash;
    publish(&world, "20.88.0.0/26\n");
    assert_eq!(confirm(&world, "list", &first).await.status, 200);
    sets::turn(&world.app).await;
    let set = listed(&world, "list");
    assert_eq!(set.size.unwrap().addresses, 1024);
    assert_ne!(set.pending.unwrap().hash, first);
    // Back to what it was: nothing waits any more.
    publish(&world, "20.88.0.0/22\n");
    later(&world, HOUR).await;
    assert_eq!(listed(&world, "list").pending, None);
}

#[tokio::test]
async fn a_bound_of_ones_own_and_small_sets_that_change_freely() {
    let world = world(
        |azure| {
            let url = azure.publish("list", "20.88.0.0/22\n");
            format!("list: {{ http: \"{url}\", max_change: 90% }}")
        },
        ASK,
    )
    .await;
    publish(&world, "20.88.0.0/25\n");
    later(&world, HOUR).await;
    assert_eq!(listed(&world, "list").size.unwrap().addresses, 128);
    publish(&world, "20.88.0.0/28\n");
    later(&world, HOUR).await;
    assert_eq!(listed(&world, "list").size.unwrap().addresses, 16);
    publish(&world, "20.99.0.0/29\n");
    later(&world, HOUR).await;
    assert_eq!(listed(&world, "list").size.unwrap().addresses, 8);
}

#[tokio::test]
async fn what_a_person_put_into_a_file_needs_no_other() {
    let world = World::new().await;
    let folder = world.folder.path().join("policies");
    let file = |text: &str| fs::write(folder.join("list.txt"), text).unwrap();
    file("20.88.0.0/16\n");
    let text =
        format!("version: 1\nsets: {{ list: {{ cidrs_file: list.txt }} }}\nrules:\n  {ASK}\n");
    fs::write(folder.join("policy.yaml"), text).unwrap();
    policy::take_in(&world.app).await;
    assert_eq!(listed(&world, "list").size.unwrap().addresses, 65536);
    file("20.88.0.1\n");
    later(&world, HOUR).await;
    assert_eq!(listed(&world, "list").size.unwrap().addresses, 1);
}

#[tokio::test]
async fn the_last_value_is_there_after_a_restart_even_if_its_source_is_not() {
    let mut world = World::new().await;
    world
        .azure
        .knobs(|knobs| knobs.always(Call::GetResource, Fault::LostBefore));
    world.jump(HOUR);
    world.restart().await;
    let set = listed(&world, "build-egress");
    assert_eq!(set.age_seconds, Some(3600));
    assert!(set.error.is_some());
    assert_eq!(rule(&world, OURS).await.as_deref(), Some("build agents"));
}

#[tokio::test]
async fn service_tags_of_azure_are_read_once_for_all_and_know_their_edition() {
    let source =
        "source: arm, subscription: 00000000-0000-4000-8000-000000000001, location: westeurope";
    let world = world(
        |azure| {
            azure.model(|model| {
                model.add_service_tag("AzureContainerRegistry.WestEurope", &["20.70.16.0/24"]);
                model.add_service_tag("AzureDevOps", &["20.71.0.0/24"]);
            });
            format!(
                "list: {{ service_tag: azurecontainerregistry.westeurope, {source} }}, devops: {{ service_tag: AzureDevOps, {source} }}"
            )
        },
        "- { name: known, when: { address: [list, devops] }, then: ask }",
    )
    .await;
    let set = listed(&world, "list");
    assert_eq!((set.change_number, set.owned), (Some(64), false));
    assert_eq!(world.azure.requests_of(Call::ServiceTags).len(), 1);
    assert_eq!(rule(&world, "20.70.16.9").await.as_deref(), Some("known"));
    later(&world, 5 * HOUR).await;
    assert_eq!(world.azure.requests_of(Call::ServiceTags).len(), 1);
    world
        .azure
        .model(|model| model.add_service_tag("AzureDevOps", &["20.71.0.0/24", "20.71.1.0/25"]));
    later(&world, HOUR).await;
    assert_eq!(world.azure.requests_of(Call::ServiceTags).len(), 2);
    let set = listed(&world, "devops");
    assert_eq!(
        (set.change_number, set.size.unwrap().addresses),
        (Some(65), 384)
    );
    // A list that cannot be had never makes way for another.
    world
        .azure
        .knobs(|knobs| knobs.always(Call::ServiceTags, Fault::Garbled));
    later(&world, 6 * HOUR).await;
    assert_eq!(listed(&world, "list").age_seconds, Some(6 * 3600));
}

#[tokio::test]
async fn github_is_read_by_its_url() {
    let world = world(
        |azure| {
            let page = json!({ "actions": ["20.95.0.0/24", "2603:1030::/48"], "hooks": [] });
            let url = azure.publish("meta", &page.to_string());
            format!("list: {{ github_meta: actions, url: \"{url}\" }}")
        },
        ASK,
    )
    .await;
    assert_eq!(listed(&world, "list").size.unwrap().stretches_v6, 1);
    assert_eq!(rule(&world, "20.95.0.9").await.as_deref(), Some("known"));
    assert_eq!(rule(&world, STRANGER).await, None);
}

#[tokio::test]
async fn a_set_is_confirmed_by_a_command_and_by_somebody() {
    let world = list_of("20.88.0.0/22\n").await;
    publish(&world, "20.88.0.0/25\n");
    later(&world, HOUR).await;
    let hash = listed(&world, "list").pending.unwrap().hash;
    let order = json!({ "name": "list", "hash": hash, "by": "ada" }).to_string();
    let path = "/api/v1/sets/confirm";
    let json = ("content-type", "application/json");
    let command = ("x-doorward-command", "1");
    for headers in [
        vec![json],
        vec![command],
        vec![command, ("content-type", "text/plain")],
        vec![
            command,
            ("content-type", "application/x-www-form-urlencoded"),
        ],
        vec![json, command, ("origin", "https://evil.example")],
        vec![json, command, ("origin", "null")],
        vec![json, command, ("origin", "http://127.0.0.1:8081")],
        vec![json, command, ("sec-fetch-site", "cross-site")],
    ] {
        let reply = world.admin(Method::POST, path, &headers, order.clone());
        let reply = reply.await;
        assert_eq!(reply.status, 403, "{headers:?}: {}", reply.text);
    }
    for nobody in [
        json!({ "name": "list", "hash": hash }),
        json!({ "name": "list", "hash": hash, "by": "" }),
        json!({ "name": "list", "hash": hash, "by": "ada", "force": true }),
    ] {
        assert_eq!(world.order(path, nobody).await.status, 400);
    }
    assert_eq!(world.ask(path).await.status, 405);
    for gone in ["/sets", "/sets/confirm"] {
        assert_eq!(world.ask(gone).await.status, 404);
    }
    assert_eq!(
        world.ask("/api/v1/sets").await.json()[0]["pending"]["hash"],
        hash
    );
    assert_eq!(confirm(&world, "list", &hash).await.status, 200);
    let who = world
        .ledger()
        .await
        .into_iter()
        .find_map(|what| match what {
            What::SetConfirmed { by, .. } => Some(by),
            _ => None,
        });
    assert_eq!(who, Some(Some("ada".to_owned())));
}

#[tokio::test]
async fn the_program_lists_and_confirms() {
    let world = list_of("20.88.0.0/22\n").await;
    publish(&world, "20.88.0.0/25\n");
    later(&world, HOUR).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let router = admin_router(Arc::clone(&world.app), address);
    tokio_util::task::TaskTracker::new().spawn(doorward::http::serve(listener, router, stop));
    let admin = format!("http://{address}");
    let run = async |arguments: &[&str]| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_doorward"));
        let output = command.args(arguments).args(["--admin", &admin]).output();
        let output = output.await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let (code, told, _) = run(&["sets", "list"]).await;
    assert_eq!(code, Some(0));
    assert!(
        told.contains("list  http (shared): 1024 IPv4 addresses"),
        "{told}"
    );
    let hash = listed(&world, "list").pending.unwrap().hash;
    assert!(
        told.contains(&format!("doorward sets confirm list {hash}")),
        "{told}"
    );
    let (code, told, _) = run(&["sets", "list", "--output", "json"]).await;
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &told[0]["pending"]["hash"]), (Some(0), &json!(hash)));
    let (code, _, error) =
        run(&["sets", "confirm", "list", "sha256:00000000", "--by", "ada"]).await;
    assert!(code == Some(1) && error.contains(&hash), "{error}");
    let (code, told, error) = run(&["sets", "confirm", "list", &hash, "--by", "ada"]).await;
    assert_eq!(code, Some(0), "{error}");
    assert!(told.contains("asked again now"), "{told}");
    sets::turn(&world.app).await;
    assert_eq!(listed(&world, "list").size.unwrap().addresses, 128);
}
