//! The senders, against an endpoint that answers by a script.

use super::Story;
use super::receiver::Receiver;
use doorward_sim::Registry;
use doorward_sim::senders::{
    ActionGroup, Alert, Condition, EVENT_GRID_APP, Ending, Endpoint, Event, EventGrid, Form,
    Forwarder, Schema, Unvalidated, login_event,
};
use serde_json::{Value, json};

fn registry() -> Registry {
    Registry::new("contosoprod")
}

#[tokio::test]
async fn event_grid_proves_the_endpoint_and_then_delivers_an_array() {
    let receiver = Receiver::answering(&[]).await;
    let grid = EventGrid::new(
        receiver.endpoint().header("x-doorward-key", "k"),
        Schema::EventGrid,
    );
    let subscription = grid.named("Denials").subscribe().await.unwrap();
    let (headers, query, body) = receiver.last();
    assert_eq!(headers["aeg-event-type"], "SubscriptionValidation");
    assert_eq!(
        (query.as_str(), &headers["x-doorward-key"]),
        ("key=secret", &"k".parse().unwrap())
    );
    assert_eq!(
        body[0]["eventType"],
        "Microsoft.EventGrid.SubscriptionValidationEvent"
    );

    let event = Event::image_pushed(&registry(), "prod/api", "v1", receiver.now());
    let delivery = subscription.deliver(std::slice::from_ref(&event)).await;
    assert_eq!(
        (delivery.ending, delivery.statuses()),
        (Ending::Delivered, vec![202])
    );
    let (headers, _, body) = receiver.last();
    assert_eq!(headers["aeg-subscription-name"], "DENIALS");
    assert_eq!(headers["aeg-delivery-count"], "0");
    assert_eq!(headers["aeg-output-event-id"], event.id);
    assert_eq!(headers["content-type"], "application/json; charset=utf-8");
    assert_eq!(body[0]["id"], event.id);
    assert_eq!(
        body[0]["eventType"],
        "Microsoft.ContainerRegistry.ImagePushed"
    );

    subscription.delete().await;
    assert_eq!(receiver.last().0["aeg-event-type"], "SubscriptionDeletion");
}

#[tokio::test]
async fn cloud_events_come_alone_or_in_a_batch_after_options() {
    let receiver = Receiver::answering(&[]).await;
    let grid = EventGrid::new(receiver.endpoint(), Schema::CloudEvents);
    let subscription = grid.subscribe().await.unwrap();
    assert_eq!(
        receiver.last().0["webhook-request-origin"],
        "eventgrid.azure.net"
    );
    let event = Event::registry_changed(&registry(), "alice@contoso.com", receiver.now());
    subscription.deliver(std::slice::from_ref(&event)).await;
    let (headers, _, body) = receiver.last();
    assert_eq!(
        headers["content-type"],
        "application/cloudevents+json; charset=utf-8"
    );
    assert_eq!(
        (&body["specversion"], &body["type"]),
        (
            &json!("1.0"),
            &json!("Microsoft.Resources.ResourceWriteSuccess")
        )
    );
    assert!(!headers.contains_key("aeg-data-version"));
    subscription.deliver(&[event.clone(), event]).await;
    let (headers, _, body) = receiver.last();
    assert_eq!(
        headers["content-type"],
        "application/cloudevents-batch+json; charset=utf-8"
    );
    assert_eq!(body.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_endpoint_that_fails_the_handshake_gets_no_events() {
    let shy = Receiver::start(&[], true).await;
    let refused = async |schema| {
        EventGrid::new(shy.endpoint(), schema)
            .subscribe()
            .await
            .err()
    };
    assert_eq!(
        refused(Schema::EventGrid).await,
        Some(Unvalidated::Status(202))
    );
    assert_eq!(
        refused(Schema::CloudEvents).await,
        Some(Unvalidated::NotAllowed("WebHook-Allowed-Rate"))
    );
    let gone = Endpoint::new(&shy.clock, "http://127.0.0.1:9/");
    let refused = EventGrid::new(gone, Schema::EventGrid)
        .subscribe()
        .await
        .err();
    assert_eq!(refused, Some(Unvalidated::Unreachable));
}

#[tokio::test]
async fn event_grid_retries_by_its_schedule_and_drops_what_it_does_not_retry() {
    let receiver = Receiver::answering(&[500, 503, 429, 202, 401]).await;
    let subscription = EventGrid::new(receiver.endpoint(), Schema::EventGrid)
        .subscribe()
        .await
        .unwrap();
    let event = [Event::image_pushed(
        &registry(),
        "prod/api",
        "v1",
        receiver.now(),
    )];
    let delivery = subscription.deliver(&event).await;
    assert_eq!(delivery.statuses(), [500, 503, 429, 202]);
    assert_eq!(delivery.seconds(), [0, 10, 40, 100]);
    assert_eq!(receiver.last().0["aeg-delivery-count"], "3");
    let delivery = subscription.deliver(&event).await;
    assert_eq!(
        (delivery.ending, delivery.statuses()),
        (Ending::Dropped, vec![401])
    );
}

#[tokio::test]
async fn event_grid_gives_up_after_a_day() {
    let receiver = Receiver::answering(&[500; 40]).await;
    let subscription = EventGrid::new(receiver.endpoint(), Schema::EventGrid)
        .subscribe()
        .await
        .unwrap();
    let event = [Event::image_pushed(
        &registry(),
        "prod/api",
        "v1",
        receiver.now(),
    )];
    let delivery = subscription.deliver(&event).await;
    assert_eq!(delivery.ending, Ending::GivenUp);
    let seconds = delivery.seconds();
    assert_eq!(seconds[..5], [0, 10, 40, 100, 400]);
    assert!(*seconds.last().unwrap() <= 86_400, "{seconds:?}");
}

#[tokio::test]
async fn an_action_group_sends_the_common_alert_schema_with_dimensions() {
    let receiver = Receiver::answering(&[]).await;
    let group = ActionGroup::new(receiver.endpoint());
    let mut alert = Alert::refused(&registry(), "20.1.2.3".parse().unwrap(), receiver.now());
    assert_eq!(group.send(&alert).await.ending, Ending::Delivered);
    let (_, query, body) = receiver.last();
    assert_eq!(query, "key=secret");
    assert_eq!(body["schemaId"], "azureMonitorCommonAlertSchema");
    let essentials = &body["data"]["essentials"];
    assert_eq!(
        (
            &essentials["monitoringService"],
            &essentials["monitorCondition"]
        ),
        (&json!("Log Alerts V2"), &json!("Fired"))
    );
    let dimensions = &body["data"]["alertContext"]["condition"]["allOf"][0]["dimensions"];
    assert_eq!(
        dimensions[0],
        json!({ "name": "CallerIpAddress", "value": "20.1.2.3" })
    );
    alert.condition = Condition::Resolved;
    group.send(&alert).await;
    assert_eq!(
        receiver.last().2["data"]["essentials"]["monitorCondition"],
        "Resolved"
    );
}

#[tokio::test]
async fn an_action_group_retries_five_times_and_then_is_silent_for_a_quarter_of_an_hour() {
    let receiver = Receiver::answering(&[503, 429, 408, 504, 503, 503, 500]).await;
    let group = ActionGroup::new(receiver.endpoint());
    let alert = Alert::refused(&registry(), "20.1.2.3".parse().unwrap(), receiver.now());
    let delivery = group.send(&alert).await;
    assert_eq!(delivery.seconds(), [0, 5, 25, 30, 70, 75]);
    assert_eq!(delivery.ending, Ending::GivenUp);
    assert_eq!(group.send(&alert).await.ending, Ending::Silenced);
    receiver.clock.advance(std::time::Duration::from_mins(15));
    assert_eq!(
        group.send(&alert).await.ending,
        Ending::Dropped,
        "500 is not retried"
    );
    assert_eq!(group.send(&alert).await.ending, Ending::Delivered);
}

#[tokio::test]
async fn a_forwarder_sends_records_or_lines() {
    let receiver = Receiver::answering(&[503]).await;
    let row = login_event(
        &registry(),
        "20.1.2.3".parse().unwrap(),
        403,
        receiver.now(),
    );
    let records = [row.clone(), row];
    let forwarder = Forwarder::new(receiver.endpoint(), Form::Records);
    assert_eq!(forwarder.forward(&records).await.statuses(), [503, 202]);
    let (_, _, body) = receiver.last();
    assert_eq!(body["records"], json!(records));
    assert_eq!(body["records"][0]["resultDescription"], "403");
    Forwarder::new(receiver.endpoint(), Form::Lines)
        .forward(&records)
        .await;
    let lines = receiver.last_text();
    assert_eq!(lines.lines().count(), 2);
}

#[tokio::test]
async fn azures_own_applications_have_tokens() {
    let story = Story::begin().await;
    let token = story.azure.service_token(EVENT_GRID_APP, "doorward");
    let claims = jsonwebtoken::dangerous::insecure_decode::<Value>(&token)
        .unwrap()
        .claims;
    assert_eq!(claims["appid"], EVENT_GRID_APP);
    assert_eq!(claims["aud"], "doorward");
    assert_eq!(claims["tid"], doorward_sim::TENANT);
}
