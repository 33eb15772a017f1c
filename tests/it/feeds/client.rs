//! Microsoft's own client of log queries reads what the simulated Azure answers to doorward's query.
//! Skipped, and said so, where it cannot be had.

use super::{log, world};
use crate::world::{OURS, REGISTRY, STRANGER, World};
use crate::{needs, python};
use doorward_core::intake::feed::azure_logs::{Window, query};
use doorward_sim::{LogAccess, Registry};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

const PACKAGES: [&str; 2] = ["azure-monitor-query==2.0.0", "requests"];

/// Asks as any program would, and prints what the client made of the answer.
const PROGRAM: &str = "
import json, sys, time
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError
from azure.monitor.query import LogsQueryClient

class Credential:
    def get_token(self, *scopes, **options):
        return AccessToken(asked['token'], int(time.time()) + 3600)

asked = json.load(sys.stdin)
client = LogsQueryClient(Credential(), endpoint=asked['endpoint'], retry_total=0)
try:
    answer = client.query_resource(asked['resource'], asked['query'], timespan=None)
    tables = answer.tables if answer.status.value == 'Success' else answer.partial_data
    table = tables[0]
    rows = [[str(value) for value in row] for row in table.rows]
    told = {'status': answer.status.value, 'name': table.name, 'columns': table.columns, 'rows': rows}
except HttpResponseError as error:
    told = {'status': error.status_code, 'code': error.error.code if error.error else None}
print(json.dumps(told))
";

async fn asked(bin: &Path, world: &World) -> Value {
    let window = Window::of(world.clock.now(), None);
    let watched = [OURS.parse().unwrap()].into();
    let question = json!({
        "endpoint": world.azure.resource_manager_tls().trim_end_matches('/'),
        "token": world.azure.static_token(),
        "resource": Registry::new(REGISTRY).id(),
        "query": query(&window, &watched),
    });
    let ca_file = world.folder.path().join("ca.pem");
    let mut client = Command::new(bin.join("python"))
        .args(["-c", PROGRAM])
        .env("REQUESTS_CA_BUNDLE", ca_file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut input = client.stdin.take().unwrap();
    input
        .write_all(question.to_string().as_bytes())
        .await
        .unwrap();
    drop(input);
    let output = client.wait_with_output().await.unwrap();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complained}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn microsofts_client_reads_the_simulated_log() {
    let bin = match python::with("azure-monitor-query", &PACKAGES).await {
        Ok(bin) => bin,
        Err(why) => {
            needs::skip(&format!("azure-monitor-query cannot be had: {why}"));
            return;
        }
    };
    let world = world().await;
    log(&world, STRANGER, 403);
    log(&world, OURS, 200);
    log(&world, STRANGER, 200);
    let told = asked(&bin, &world).await;
    assert_eq!(
        (&told["status"], &told["name"]),
        (&json!("Success"), &json!("PrimaryResult")),
        "{told}"
    );
    let place = |name: &str| {
        let columns = told["columns"].as_array().unwrap();
        columns.iter().position(|column| column == name).unwrap()
    };
    let (address, status, kind) = (
        place("CallerIpAddress"),
        place("ResultDescription"),
        place("Type"),
    );
    let rows = told["rows"].as_array().unwrap().iter();
    let rows: Vec<_> = rows
        .map(|row| {
            (
                row[kind].as_str().unwrap(),
                row[address].as_str().unwrap(),
                row[status].as_str().unwrap(),
            )
        })
        .collect();
    let login = "ContainerRegistryLoginEvents";
    assert_eq!(rows.len(), 3, "{rows:?}");
    assert!(rows.contains(&(login, STRANGER, "403")), "{rows:?}");
    assert!(rows.contains(&(login, OURS, "200")), "{rows:?}");
    assert!(rows.iter().any(|row| row.0 == "LatestRow"), "{rows:?}");

    world.azure.knobs(|knobs| knobs.logs.partial = true);
    let told = asked(&bin, &world).await;
    assert_eq!(told["status"], "PartialError", "{told}");
    world
        .azure
        .knobs(|knobs| knobs.logs.access = LogAccess::Forbidden);
    let told = asked(&bin, &world).await;
    assert_eq!(
        (&told["status"], &told["code"]),
        (&json!(403), &json!("InsufficientAccessError"))
    );
}
