//! Diagnostic records and rows of Log Analytics.

use super::*;

#[test]
fn a_diagnostic_record_with_status_403_is_a_row() {
    let delivery = read_json(&json!({ "records": [row(&json!("403")), row(&json!("200"))] }));
    assert_eq!((delivery.format, delivery.records), (Format::Diagnostic, 2));
    let report = by_status(&delivery);
    assert_eq!(report.denial.service, Service::Acr);
    assert_eq!(report.login_server.as_deref(), Some(R));
    assert_eq!(report.resource_id.as_deref(), Some(ID));
    assert_eq!(
        (report.identity.as_deref(), report.user_agent.as_deref()),
        (Some("ci@example.com"), Some("docker/24.0"))
    );
    assert_eq!(
        (
            report.denial.repository.as_deref(),
            report.event_id.as_deref()
        ),
        (None, None)
    );
    assert_eq!(
        report.at,
        Some("2025-02-01T10:00:00.1234567Z".parse().unwrap())
    );
}

#[test]
fn its_status_and_address_come_in_several_forms() {
    for change in [
        json!({ "resultDescription": 403 }),
        json!({ "resultDescription": "Forbidden", "resultSignature": "403" }),
        json!({ "resultDescription": "Forbidden", "resultType": 403 }),
        json!({ "callerIpAddress": "20.1.2.3:50122" }),
        json!({ "callerIpAddress": null, "properties": { "callerIpAddress": "20.1.2.3", "loginServer": R } }),
        json!({ "callerIpAddress": "", "properties": "{\"CallerIpAddress\":\"20.1.2.3\"}" }),
        json!({ "category": "ContainerRegistryRepositoryEvents" }),
    ] {
        let mut record = row(&json!("403"));
        record
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        for body in [
            json!({ "records": [record] }),
            json!([record]),
            record.clone(),
        ] {
            let delivery = read_json(&body);
            assert_eq!(delivery.format, Format::Diagnostic);
            by_status(&delivery);
        }
    }
    let mut record = row(&json!("403"));
    record["callerIpAddress"] = json!("[2603:1030::1]:443");
    let delivery = read_json(&json!({ "records": [record] }));
    assert_eq!(
        only(&delivery).denial.ip,
        Some("2603:1030::1".parse().unwrap())
    );
}

#[test]
fn a_row_of_log_analytics_is_one_too() {
    let delivery = read_json(&json!([{
        "TimeGenerated": "2025-02-01T10:00:00Z", "Type": "ContainerRegistryRepositoryEvents", "CallerIpAddress": "20.1.2.3", "ResultDescription": "403",
        "LoginServer": R, "_ResourceId": ID, "Repository": "team/app", "Tag": "v1"
    }]));
    let report = by_status(&delivery);
    assert_eq!(
        (
            report.denial.repository.as_deref(),
            report.denial.reference.as_deref()
        ),
        (Some("team/app"), Some("v1"))
    );
    assert!(report.at.is_some());
}

#[test]
fn a_record_with_the_message_is_no_mere_row() {
    let mut record = row(&json!("403"));
    record["properties"]["error"] = json!("client with IP '20.1.2.3' is not allowed access");
    let delivery = read_json(&json!({ "records": [record] }));
    let report = by_message(&delivery);
    assert_eq!(report.resource_id.as_deref(), Some(ID));
    assert_eq!(report.identity.as_deref(), Some("ci@example.com"));
}

#[test]
fn records_of_other_services_are_no_rows() {
    let mut record = row(&json!("403"));
    record["category"] = json!("AuditEvent");
    assert_eq!(read_json(&json!({ "records": [record] })).reports, []);
}
