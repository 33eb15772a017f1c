//! The real `az acr network-rule` beside doorward, on one simulated registry: what `az` reads and
//! writes back is what people's scripts do every day. Skipped, and said so, where there is no `az`.

use crate::others::{SOMEBODY, THEIR_WRITE, taking};
use crate::world::{OURS, REGISTRY, World};
use crate::{drift, needs, overwritten, python};
use doorward_core::ledger::grant::Ending;
use doorward_sim::{
    CLIENT_ID, CLIENT_SECRET, Call, Concurrent, Fault, Moment, Outcome, TENANT, Writes,
};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::Command;

/// `az` is put into a folder of its own below `target`, once.
const PACKAGE: &str = "azure-cli==2.91.0";
const THEIRS: &str = "40.90.1.0/24";

/// `az`, signed in to the simulated Azure of one world.
struct Az<'a> {
    program: &'a Path,
    /// Its configuration, which is not the user's own.
    folder: TempDir,
}

impl<'a> Az<'a> {
    async fn signed_in(program: &'a Path, world: &World) -> Self {
        let az = Self {
            program,
            folder: tempfile::tempdir().unwrap(),
        };
        fs::write(az.folder.path().join("ca.pem"), world.azure.ca_pem()).unwrap();
        let manager = world.azure.resource_manager_tls();
        let endpoint = ["--endpoint-resource-manager", manager];
        az.run(&[
            "cloud",
            "register",
            "-n",
            "Simulated",
            endpoint[0],
            endpoint[1],
        ])
        .await;
        az.run(&["cloud", "set", "-n", "Simulated"]).await;
        let who = ["-u", CLIENT_ID, "-p", CLIENT_SECRET, "--tenant", TENANT];
        let login = [&["login", "--service-principal"][..], &who[..]].concat();
        az.run(&login).await;
        az
    }

    async fn rule(&self, verb: &str, entry: &str) {
        let rule = ["acr", "network-rule", verb, "-n", REGISTRY];
        self.run(&[&rule[..], &["--ip-address", entry]].concat())
            .await;
    }

    async fn list(&self) -> String {
        let rules = ["acr", "network-rule", "list", "-n", REGISTRY];
        let only = ["--query", "ipRules[].ipAddressOrRange", "-o", "tsv"];
        self.run(&[&rules[..], &only[..]].concat()).await
    }

    async fn run(&self, arguments: &[&str]) -> String {
        let output = Command::new(self.program)
            .args(arguments)
            .env("AZURE_CONFIG_DIR", self.folder.path().join("config"))
            .env("REQUESTS_CA_BUNDLE", self.folder.path().join("ca.pem"))
            .env("AZURE_CORE_INSTANCE_DISCOVERY", "false")
            .env("AZURE_CORE_COLLECT_TELEMETRY", "no")
            .env("AZURE_CORE_NO_COLOR", "yes")
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        let [said, complained] =
            [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        assert!(output.status.success(), "az {arguments:?}: {complained}");
        said
    }
}

#[tokio::test]
async fn az_and_doorward_write_to_one_registry() {
    let program = match az().await {
        Ok(program) => program,
        Err(why) => {
            needs::skip(&format!("`az` cannot be had: {why}"));
            return;
        }
    };
    Box::pin(between_our_writes_both_survive(&program)).await;
    Box::pin(a_list_read_before_our_write_is_written_back_after_it(
        &program,
    ))
    .await;
    Box::pin(an_entry_that_is_to_be_restored_returns(&program)).await;
    Box::pin(a_write_inside_our_gap_is_lost_and_reported(&program)).await;
    Box::pin(what_a_read_saw_before_our_write_took_effect_comes_back(
        &program,
    ))
    .await;
}

async fn between_our_writes_both_survive(program: &Path) {
    let world = World::new().await;
    let az = Az::signed_in(program, &world).await;
    world.denied(OURS).await;
    world.settle().await;
    az.rule("add", THEIRS).await;
    world.denied("20.61.10.17").await;
    world.settle().await;
    let listed = az.list().await;
    assert_eq!(
        listed.lines().collect::<Vec<_>>(),
        [OURS, THEIRS, "20.61.10.17"]
    );

    world.pass(Duration::from_mins(11)).await;
    assert_eq!(
        az.list().await.trim(),
        THEIRS,
        "ours are gone, theirs stays"
    );
    az.rule("remove", THEIRS).await;
    assert!(world.entries().is_empty());
}

/// `az` reads the list, doorward writes to it, and `az` writes back what it read with an entry of its
/// own; then Event Grid tells that somebody wrote.
async fn az_writes_back_what_it_read(program: &Path, drift: Value) -> World {
    let world = World::with(|setup| setup.config["registries"][0]["drift"] = drift).await;
    let az = Az::signed_in(program, &world).await;
    let hold = world.azure.hold(Call::PatchRegistry, Moment::Before);
    let between = async {
        hold.reached().await;
        world.denied(OURS).await;
        world.settle().await;
        assert_eq!(world.entries(), [OURS]);
        // Our write is long over when theirs takes effect.
        world.pass(Duration::from_secs(5)).await;
        hold.release();
    };
    tokio::join!(az.rule("add", THEIRS), between);
    assert_eq!(world.entries(), [THEIRS], "az wrote back what it had read");
    assert!(world.messages().is_empty());
    overwritten::tell(&world, "1", THEIR_WRITE).await;
    // One read might be stale.
    world.pass(Duration::from_secs(45)).await;
    assert_eq!(drift::drifts(&world).await, ["ours_missing", "foreign_new"]);
    assert_eq!(world.messages(), ["ours_missing", "foreign_new"]);
    assert!(world.last_message("text").contains(SOMEBODY));
    world
}

async fn a_list_read_before_our_write_is_written_back_after_it(program: &Path) {
    let world = az_writes_back_what_it_read(program, json!({})).await;
    assert_eq!(world.endings().await, [Ending::RemovedByOthers]);
    world.pass(Duration::from_mins(11)).await;
    assert_eq!(world.entries(), [THEIRS]);
    assert_eq!(world.endings().await, [Ending::RemovedByOthers]);
    let patches = world.azure.requests_of(Call::PatchRegistry);
    assert_eq!(patches.len(), 2, "one of theirs, one of ours");
}

async fn an_entry_that_is_to_be_restored_returns(program: &Path) {
    let restore = json!({ "ours_missing": "restore" });
    let world = az_writes_back_what_it_read(program, restore).await;
    assert_eq!(world.entries(), [THEIRS, OURS]);
    assert!(world.kinds().await.contains(&"restoring"));
    assert!(world.endings().await.is_empty());
    world.pass(Duration::from_mins(10)).await;
    assert_eq!(world.entries(), [THEIRS]);
    assert_eq!(world.endings().await, [Ending::Expired]);
}

async fn a_write_inside_our_gap_is_lost_and_reported(program: &Path) {
    const BEFORE: &str = "40.74.28.0/23";
    let world = World::new().await;
    let az = Az::signed_in(program, &world).await;
    az.rule("add", BEFORE).await;
    world.settle().await;
    // What happened at the same moment as the change that the base shows does not fall into the gap.
    world.jump(Duration::from_secs(1));
    let hold = world.azure.hold(Call::PatchRegistry, Moment::Before);
    world.denied(OURS).await;
    let between = async {
        hold.reached().await;
        az.rule("add", THEIRS).await;
        assert_eq!(world.entries(), [BEFORE, THEIRS]);
        hold.release();
    };
    tokio::join!(world.settle(), between);
    assert_eq!(
        world.entries(),
        [BEFORE, OURS],
        "nothing in the list tells of theirs"
    );
    assert!(overwritten::reports(&world).await.is_empty() && world.messages().is_empty());

    overwritten::tell(&world, "1", THEIR_WRITE).await;
    let reports = overwritten::reports(&world).await;
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert_eq!(reports[0].by.as_deref(), Some(SOMEBODY));
    assert_eq!(reports[0].before, [BEFORE]);
    assert_eq!(reports[0].after, [BEFORE, OURS]);
    assert_eq!(world.messages(), ["possibly_overwritten"]);
    let text = world.last_message("text");
    let lists = format!("Before: `{BEFORE}`. After: `{BEFORE}, {OURS}`");
    assert!(text.contains(&lists) && text.contains(SOMEBODY), "{text}");
}

async fn what_a_read_saw_before_our_write_took_effect_comes_back(program: &Path) {
    let world =
        World::with(|setup| setup.config["registries"][0]["restore_foreign"] = json!(true)).await;
    let az = Az::signed_in(program, &world).await;
    world.settle().await;
    world.azure.knobs(|knobs| {
        knobs.writes = taking(30, 2, Outcome::Succeeded);
        knobs.next(Call::PatchRegistry, Fault::LostAfter);
        knobs.concurrent = Concurrent::LastWriterWins;
    });
    world.denied(OURS).await;
    world.settle().await;
    world.azure.knobs(|knobs| knobs.writes = Writes::Immediate);
    let written = world.azure.hold(Call::PatchRegistry, Moment::After);
    // Then `az` would wait until the registry is no longer `Updating`, by a clock that stands still.
    tokio::select! {
        () = az.rule("add", THEIRS) => panic!("its reply is held"),
        () = written.reached() => written.release(),
    }
    world.pass(Duration::from_secs(10)).await;
    assert_eq!(world.entries(), [THEIRS], "our own takes its time");

    world.pass(Duration::from_secs(30)).await;
    assert_eq!(world.entries(), [OURS, THEIRS]);
    let reports = overwritten::reports(&world).await;
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert!(reports[0].restoring && reports[0].dropped == [THEIRS]);
    assert_eq!(world.messages(), ["possibly_overwritten"]);
    world.pass(Duration::from_mins(11)).await;
    assert_eq!(world.entries(), [THEIRS]);
}

/// `az`: the one that `DOORWARD_AZ` names, or one below `target`, installed there if it is missing.
async fn az() -> Result<PathBuf, String> {
    if let Some(named) = std::env::var_os("DOORWARD_AZ") {
        return Ok(named.into());
    }
    let bin = python::with("azure-cli", &[PACKAGE]).await;
    let bin = bin.map_err(|why| format!("{why}; set DOORWARD_AZ to an `az` that is installed"))?;
    Ok(bin.join("az"))
}
