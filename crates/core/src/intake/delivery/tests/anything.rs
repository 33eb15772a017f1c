//! Any bytes and any JSON can be delivered.

use super::*;

fn any_json() -> impl Strategy<Value = Value> {
    let names = proptest::sample::select(vec![
        "records",
        "schemaId",
        "data",
        "essentials",
        "alertContext",
        "condition",
        "allOf",
        "dimensions",
        "name",
        "value",
        "SearchResults",
        "tables",
        "columns",
        "rows",
        "eventType",
        "specversion",
        "type",
        "id",
        "time",
        "category",
        "resultDescription",
        "callerIpAddress",
        "properties",
        "monitorCondition",
    ]);
    let texts = proptest::sample::select(vec![
        "",
        "403",
        "azureMonitorCommonAlertSchema",
        "ContainerRegistryLoginEvents",
        "20.1.2.3",
        SAYS,
        "1.0",
        "Fired",
    ]);
    let leaf = prop_oneof![
        texts.prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(Value::Null)
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((names.clone(), inner), 0..6).prop_map(|fields| fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_can_be_delivered(body: Vec<u8>, content_type in proptest::sample::select(vec!["", "application/json", "text/plain", "application/x-ndjson"])) {
        read(&Head::of([("content-type", content_type)]), &body).ok();
    }

    #[test]
    fn any_json_can_be_delivered(body in any_json()) {
        let delivery = read_as("application/json", &body.to_string());
        prop_assert!(delivery.is_ok());
    }
}
