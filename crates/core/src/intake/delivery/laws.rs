//! What holds for any batch: the quick way tells what the thorough one tells.

use super::*;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

const ID: &str =
    "/SUBSCRIPTIONS/1/RESOURCEGROUPS/G/PROVIDERS/MICROSOFT.CONTAINERREGISTRY/REGISTRIES/FABRIKAM";

/// Pieces of what callers and Azure write, and of what would hide a denial from a hasty reader.
const PIECES: &[&str] = &[
    "client",
    "Client",
    "CLIENT",
    "cli",
    "ent",
    " with",
    " IP ",
    "'",
    "\\u0027",
    "20.1.2.3",
    " is",
    " not",
    " allowed",
    " ALLOWED",
    "allo",
    "wed",
    " access",
    "client with IP '20.1.2.3' is not allowed access",
    "client\nwith IP '20.1.2.3' is not allowed access",
    "\n",
    "\t",
    "\u{8}",
    "\u{c}",
    " ",
    "denied: ",
    "https://fabrikam.azurecr.io/v2/app/manifests/v1",
    "\": ",
    "403",
    "4",
    "03",
    "unexpected status",
    " Forbidden",
    "ip forbidden",
    "{",
    "}",
    "[",
    "]",
    "},{\"time\":",
    "\"",
    "\\u0063lient",
    "&#99;lient",
    "%63lient",
    "\\x63lient",
    "\\143lient",
    "\u{1b}[0m",
    "\u{200b}",
    "é",
    "\\",
    "/",
    "Client address: ",
    "vault:",
    "Client address is not authorized and caller ",
    "no pg_hba.conf entry for host ",
    "don't have access to registry ",
    "connectivity_forbidden_error",
    "Source IP address: ",
    "databricks",
    "Client Ip address : ",
    "synapse",
    "request originated from ip ",
    "cosmos",
    "ip-address-rejected",
    "IpAuthorizationError",
    "has been prevented to connect",
    "ip has been prevented to connect to the endpoint",
    "request originated from ip 20.1.2.3 through public internet",
    "no pg_hba.conf entry for host \"20.1.2.3\"",
    "blocked by databricks ip acl",
    "Client address: 20.1.2.3 .vault.azure.net",
    "Client address: 20.1.2.3 trusted service",
    "client Ip address : 20.1.2.3 azuresynapse",
    "Source IP address: 20.1.2.3 databricks",
    "this request is not authorized to perform this operation",
    "access denied due to virtual network/firewall rules",
    "\\n",
    "\u{7f}",
    "fabrikam.azurecr.io",
    "FABRIKAM.AZURECR.IO",
    "contoso.azurecr.io",
    "az acr import",
    "denied: client with IP '20.1.2.3' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.",
    "client with IP '20.1.2.3' is not allowed access.",
    "client with IP '20.1.2.3' is not allowed access. Refer https://aka.ms/acr/firewall to grant access. CorrelationId: 0f8fad5b-d9cb-469f-a165-70867728950e",
    "CorrelationId: ",
    "Failed to pull image \"fabrikam.azurecr.io/team/app:v1\": denied: client with IP '20.1.2.3' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.",
    "Container 'api' was terminated with exit code '' and reason 'ImagePullFailure'. Image fabrikam.azurecr.io/team/app:v1 not found in registry. ErrorMessage=Image not found or access denied. Error: {\"errors\":[{\"code\":\"DENIED\",\"message\":\"client with IP '20.1.2.3' is not allowed access, refer https://aka.ms/acr/firewall to grant access\"}]}\n, GenevaTraceId=0123abcd.",
    "docker/24.0 UpstreamClient(Docker-Client/24.0 \\(linux\\))",
    "westeurope",
    "eventType",
    "specversion",
    "schemaId",
    "InaccessibleImage",
    "resolved",
    "[resolved] ",
    "2026-11-20T10:00:00Z",
    "2026-11-20T10:00:00Z denied: client with IP '20.1.2.3' is not allowed access",
    "1795168800",
    "| where x has '",
    "#012",
    "%20",
    "+",
];

/// Where in a record the text stands, or what the record is made.
const PLACES: &[&str] = &[
    "userAgent",
    "repository",
    "message",
    "resultType",
    "identity",
    "nested",
    "escaped",
    "list",
    "top",
    "event",
    "cloud",
    "alert",
    "beside",
    "image",
    "log",
    "query",
    "title",
    "timestamp",
    "ts",
    "state",
];

/// A record of a registry; what varies is what somebody outside can choose, and the status.
fn record() -> impl Strategy<Value = Value> {
    let pieces = prop::collection::vec(select(PIECES), 0..6).prop_map(|pieces| pieces.concat());
    let one = select(PIECES).prop_map(str::to_owned);
    let text = prop_oneof![2 => pieces, 1 => one];
    let status = select(vec![
        json!("200"),
        json!("200"),
        json!("200"),
        json!("403"),
        json!(403),
        json!("4030"),
        json!("Forbidden (403)"),
    ]);
    let place = select(PLACES);
    (text, status, place, 0..4_u8).prop_map(|(text, status, place, number)| {
        let mut record = json!({
            "time": "2026-11-22T10:00:00Z", "resourceId": ID, "category": "ContainerRegistryLoginEvents", "operationName": "Login",
            "resultDescription": status, "callerIpAddress": format!("20.1.2.{number}"), "properties": { "loginServer": "fabrikam.azurecr.io" },
        });
        match place {
            "nested" => record["properties"]["more"] = json!({ "category": "ContainerRegistryLoginEvents", "resultDescription": 403, "callerIpAddress": "20.9.9.9", "message": text }),
            "escaped" => record["properties"] = json!({ "loginServer": "fabrikam.azurecr.io", "message": text }).to_string().into(),
            "list" => record["properties"]["list"] = json!([{ "time": text }, { "time": "client with IP '20.7.7.7' is not allowed access" }, text]),
            "event" => record["eventType"] = json!("Microsoft.ContainerRegistry.ImagePushed"),
            "cloud" => { record["specversion"] = json!("1.0"); record["type"] = json!("Microsoft.ContainerRegistry.ImagePushed"); }
            "alert" => record = json!({ "schemaId": "azureMonitorCommonAlertSchema", "data": { "essentials": { "monitorCondition": "Resolved" } } }),
            "beside" => {
                record["properties"]["message"] = json!("denied: client with IP '20.1.2.3' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.");
                record["properties"]["registry"] = json!(text);
            }
            "image" => {
                record["properties"] = json!({ "message": "client with IP '20.1.2.3' is not allowed access.", "status": text });
                record["image"] = json!(text);
            }
            "log" => {
                record["category"] = json!("ContainerAppSystemLogs");
                record["message"] = json!("client with IP '20.1.2.3' is not allowed access");
                record["properties"]["Log"] = json!(text);
                record["properties"]["Type"] = json!(if number == 0 { "ContainerRegistryLoginEvents" } else { "Warning" });
            }
            "top" | "resultType" | "identity" => record[place] = json!(text),
            _ => record["properties"][place] = json!(text),
        }
        record
    })
}

/// How a sender writes down a batch.
fn written(records: &[Value], way: u8) -> String {
    let texts: Vec<String> = records.iter().map(Value::to_string).collect();
    match way {
        0 => format!("{{\"records\":[{}]}}", texts.join(",")),
        1 => format!("[{}]", texts.join(",")),
        2 => texts.join("\n"),
        3 => format!("{{ \"records\" : [\n{}\n] }}\n", texts.join(",\n")),
        4 => serde_json::to_string_pretty(&json!({ "records": records })).unwrap(),
        5 => texts.join("\r\n"),
        6 => format!("{{\"records\":[{}]}}", texts.join(",")).replace('l', "\\u006c"),
        _ => format!(
            "{{\"records\":[{}]}}\n{{\"records\":[{}]}}",
            texts.join(","),
            texts.join(",")
        ),
    }
}

fn whole(head: &Head, body: &[u8]) -> Result<Delivery, DeliveryError> {
    read_whole(
        (head, &Dimensions::default()),
        body,
        &Rc::new(WorkBudget::unlimited()),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_quick_way_hides_nothing(records in prop::collection::vec(record(), 1..8), way in 0..8_u8) {
        let body = written(&records, way);
        let head = Head::of([("content-type", "application/json")]);
        let quick = read(&head, body.as_bytes());
        let thorough = whole(&head, body.as_bytes());
        prop_assert_eq!(quick, thorough, "{}", body);
    }

    #[test]
    fn the_quick_way_bears_any_bytes(records in prop::collection::vec(record(), 1..4), way in 0..8_u8, cut: prop::sample::Index, byte: u8) {
        let mut body = written(&records, way).into_bytes();
        let at = cut.index(body.len());
        body[at] = byte;
        let head = Head::of([("content-type", "application/json")]);
        let quick = read(&head, &body);
        // A broken record in which nothing stands may go unseen; denials beside it do not.
        match (&quick, whole(&head, &body)) {
            (Ok(quick), Ok(thorough)) => prop_assert_eq!(&quick.reports, &thorough.reports),
            (Ok(_), Err(_)) => {}
            (Err(quick), Err(thorough)) => prop_assert_eq!(quick, &thorough),
            (Err(quick), Ok(_)) => prop_assert!(false, "{quick}"),
        }
    }
}

#[test]
fn an_ordinary_batch_is_read_quickly() {
    let ordinary = json!({
        "time": "2026-11-22T10:00:00Z", "resourceId": ID, "category": "ContainerRegistryLoginEvents", "operationName": "Login", "resultDescription": "200",
        "callerIpAddress": "20.1.2.3", "properties": { "loginServer": "fabrikam.azurecr.io", "userAgent": "docker/24.0 UpstreamClient(Docker-Client/24.0 \\(linux\\))" },
    });
    let mut refused = ordinary.clone();
    refused["resultDescription"] = json!("403");
    let body = written(&[ordinary.clone(), refused, ordinary], 0);
    let head = Head::of([("content-type", "application/json")]);
    let (format, reports) = quick::read(
        (&head, &Dimensions::default()),
        &Rc::new(WorkBudget::unlimited()),
        body.as_bytes(),
    )
    .unwrap();
    let delivery = reports.into_delivery(format);
    assert_eq!((delivery.records, delivery.reports.len()), (3, 1));
    assert_eq!(Ok(delivery), whole(&head, body.as_bytes()));
}

#[test]
fn the_registrys_own_sentence_is_read_where_it_stands() {
    let known = PIECES
        .iter()
        .filter(|piece| piece.len() > 80 && piece.contains("20.1.2.3' is not allowed access"));
    let known: Vec<_> = known.collect();
    assert_eq!(known.len(), 4);
    for says in known {
        let body = json!({
            "time": "2026-11-22T10:00:00Z", "resourceId": ID, "category": "ContainerRegistryLoginEvents", "resultDescription": "403",
            "properties": { "loginServer": "fabrikam.azurecr.io", "message": says, "userAgent": "docker/24.0 UpstreamClient(Docker-Client/24.0 \\(linux\\))" },
        })
        .to_string();
        let found = extract::candidates::hits(body.as_bytes()).unwrap();
        let piece = row::Piece {
            text: &body,
            from: 0,
            hits: &found.places,
        };
        let mut reports = Reports::default();
        reports.records(1);
        row::read(&piece, &mut reports).unwrap();
        let head = Head::of([("content-type", "application/json")]);
        assert_eq!(
            Ok(reports.into_delivery(Format::Diagnostic)),
            whole(&head, body.as_bytes())
        );
    }
}

#[test]
fn a_batch_that_is_cut_off_is_told_of() {
    let record = json!({ "time": "2026-11-22T10:00:00Z", "resourceId": ID, "category": "ContainerRegistryLoginEvents", "resultDescription": "200" });
    let body = written(&[record.clone(), record], 0);
    let head = Head::of([("content-type", "application/json")]);
    for cut in [body.len() - 1, body.len() - 2, body.len() - 10] {
        let read = read(&head, body.get(..cut).unwrap().as_bytes());
        assert!(
            matches!(read, Err(DeliveryError::Syntax { .. })),
            "{read:?}"
        );
    }
}
