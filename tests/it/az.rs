//! The real `az acr network-rule` beside doorward, on one simulated registry: what `az` reads and
//! writes back is what people's scripts do every day. Skipped, and said so, where there is no `az`.

use crate::python;
use crate::world::{OURS, REGISTRY, World};
use doorward::sim::{CLIENT_ID, CLIENT_SECRET, Call, Moment, TENANT};
use std::fs;
use std::io::Write;
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
            // Past the test harness, which keeps what a passing test prints.
            writeln!(std::io::stderr(), "SKIPPED: `az` was not tried: {why}").unwrap();
            return;
        }
    };
    between_our_writes_both_survive(&program).await;
    a_list_read_before_our_write_is_written_back_after_it(&program).await;
    a_write_inside_our_gap_is_lost_and_reported(&program).await;
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

async fn a_list_read_before_our_write_is_written_back_after_it(program: &Path) {
    let world = World::new().await;
    let az = Az::signed_in(program, &world).await;
    let hold = world.azure.hold(Call::PatchRegistry, Moment::Before);
    let between = async {
        hold.reached().await;
        world.denied(OURS).await;
        world.settle().await;
        assert_eq!(world.entries(), [OURS]);
        hold.release();
    };
    tokio::join!(az.rule("add", THEIRS), between);
    assert_eq!(world.entries(), [THEIRS], "az wrote back what it had read");

    world.pass(Duration::from_mins(11)).await;
    let kinds = world.kinds().await;
    assert!(kinds.contains(&"ended"), "{kinds:?}");
    assert_eq!(world.entries(), [THEIRS]);
}

async fn a_write_inside_our_gap_is_lost_and_reported(program: &Path) {
    let world = World::new().await;
    let az = Az::signed_in(program, &world).await;
    let hold = world.azure.hold(Call::PatchRegistry, Moment::Before);
    world.denied(OURS).await;
    let between = async {
        hold.reached().await;
        az.rule("add", THEIRS).await;
        assert_eq!(world.entries(), [THEIRS]);
        hold.release();
    };
    tokio::join!(world.settle(), between);
    assert_eq!(
        world.entries(),
        [OURS],
        "nothing in the list tells of theirs"
    );
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
