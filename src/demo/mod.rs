//! `doorward demo`: the whole story, told with a simulated Azure, a real doorward, and clients that
//! are refused.

mod chat;
mod stage;
mod teller;

use anyhow::{Context, ensure};
use doorward_core::intake::denial::Kind;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::policy::verdict::Action;
use doorward_core::state::effectiveness::Effectiveness;
use doorward_sim::Registry;
use doorward_sim::senders::login_event;
use serde_json::{Value, json};
use stage::{LOCKED, OPEN, Stage};
use std::sync::Arc;
use std::time::Duration;
use teller::Teller;

/// The address of the NAT gateway that we own.
const OURS: &str = "20.61.10.4";
/// An address of the prefix of the same NAT gateway.
const OURS_TOO: &str = "20.61.10.18";
/// An address that nobody told doorward about.
const UNKNOWN: &str = "51.140.7.9";
/// An address that no caller on the internet can have.
const PRIVATE: &str = "10.0.0.5";

/// What `doorward demo` takes.
#[derive(Debug, clap::Args)]
pub struct Demo {
    /// End when the story is told, instead of staying up with the operator page
    #[arg(long)]
    exit: bool,
    /// Where events and approval links come in
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: std::net::SocketAddr,
    /// Where the operator page is
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    admin: std::net::SocketAddr,
}

impl Demo {
    /// Tells the story; fails at the first step that does not happen.
    pub async fn run(self) -> anyhow::Result<()> {
        let stage = Stage::set(self.listen, self.admin).await?;
        let app = Arc::clone(&stage.server.app);
        let mut teller = Teller::new(&app);
        teller.say(&format!(
            "a simulated Azure and a real doorward are up, its operator page on http://{}/",
            stage.server.admin
        ));
        let told = story(&stage, &mut teller).await;
        if told.is_ok() && !self.exit {
            Teller::title("The story is told");
            teller.say(&format!(
                "doorward stays up: http://{}/ until Ctrl-C",
                stage.server.admin
            ));
            teller.say("open the approval link above and answer: what follows is told here");
            tokio::select! {
                stopped = crate::server::asked_to_stop() => stopped?,
                failed = teller.follow_on() => failed?,
            }
        }
        stage.strike().await;
        let steps = teller.steps();
        told.context("the story broke off")?;
        teller.say(&format!("all {steps} steps happened"));
        Ok(())
    }
}

async fn story(stage: &Stage, teller: &mut Teller<'_>) -> anyhow::Result<()> {
    owned_address(stage, teller).await?;
    status_403(stage, teller).await?;
    unknown_address(stage, teller).await?;
    hostile(stage, teller).await?;
    locked(stage, teller).await
}

async fn owned_address(stage: &Stage, teller: &mut Teller<'_>) -> anyhow::Result<()> {
    Teller::title("A build agent behind our own NAT gateway is refused");
    let refusal = stage.refused(teller, OURS, OPEN).await?;
    let line = json!({ "Log_s": refusal.as_docker_says(&stage::host(OPEN)), "Reason_s": "ImagePullFailure" });
    stage
        .deliver(teller, "clusters", "application/json", line.to_string())
        .await?;
    opens_and_closes(stage, teller, OURS).await
}

async fn status_403(stage: &Stage, teller: &mut Teller<'_>) -> anyhow::Result<()> {
    Teller::title("The same, known only by a diagnostic record with status 403");
    stage.refused(teller, OURS_TOO, OPEN).await?;
    let now = stage.server.app.clock.now();
    let record = login_event(&Registry::new(OPEN), OURS_TOO.parse()?, 403, now);
    stage
        .deliver(
            teller,
            "logs",
            "application/json",
            json!({ "records": [record] }).to_string(),
        )
        .await?;
    teller.until("the denial is only suspected", |what| {
        matches!(what, LedgerEvent::Denied(denied) if denied.report.denial.kind == Kind::Suspected)
    })
    .await?;
    opens_and_closes(stage, teller, OURS_TOO).await
}

async fn opens_and_closes(
    stage: &Stage,
    teller: &mut Teller<'_>,
    address: &str,
) -> anyhow::Result<()> {
    teller
        .until("policy allows it", |what| verdict_is(what, Action::Allow))
        .await?;
    teller
        .until("the entry stands", |what| {
            matches!(what, LedgerEvent::Opened { .. })
        })
        .await?;
    ensure!(
        stage.azure.entries(OPEN).contains(&address.to_owned()),
        "the registry's list has no entry for {address}"
    );
    stage.served(teller, address, OPEN).await?;
    // The registry's own log tells of it.
    let now = stage.server.app.clock.now();
    let record = login_event(&Registry::new(OPEN), address.parse()?, 200, now);
    let body = json!({ "records": [record] }).to_string();
    stage
        .deliver(teller, "logs", "application/json", body)
        .await?;
    teller
        .until(
            "the grant is seen at work",
            |what| matches!(what, LedgerEvent::GrantOutcome(helped) if helped.help == Effectiveness::Effective),
        )
        .await?;
    teller
        .until("the entry is gone at its end", |what| {
            matches!(what, LedgerEvent::Ended { .. })
        })
        .await?;
    ensure!(
        stage.azure.entries(OPEN) == [stage::FOREIGN],
        "the registry's list is not as it was before"
    );
    stage.refused(teller, address, OPEN).await?;
    Ok(())
}

async fn unknown_address(stage: &Stage, teller: &mut Teller<'_>) -> anyhow::Result<()> {
    Teller::title("An address that nobody knows: a person is asked");
    let refusal = stage.refused(teller, UNKNOWN, OPEN).await?;
    stage
        .deliver(
            teller,
            "clusters",
            "text/plain",
            refusal.as_docker_says(&stage::host(OPEN)),
        )
        .await?;
    teller
        .until("policy asks", |what| verdict_is(what, Action::Ask))
        .await?;
    teller
        .until("a request is open", |what| {
            matches!(what, LedgerEvent::Requested(_))
        })
        .await?;
    teller
        .until("the message is delivered", |what| {
            matches!(what, LedgerEvent::Delivered { .. })
        })
        .await?;
    let message = stage.chat.last("ask").context("no message asks")?;
    let link = message
        .get("link")
        .and_then(Value::as_str)
        .context("the message has no link")?
        .to_owned();
    teller.step(&format!("the message's approval link: {link}"));
    let shown = reqwest::get(&link).await?.status();
    ensure!(shown.is_success(), "the link answered {shown}");
    ensure!(
        !stage.azure.entries(OPEN).contains(&UNKNOWN.to_owned()),
        "looking at a link opened something"
    );
    teller.step("opening the link shows the request and changes nothing");
    Ok(())
}

async fn hostile(stage: &Stage, teller: &mut Teller<'_>) -> anyhow::Result<()> {
    Teller::title("Hostile events");
    let text = format!(
        "client with IP '{UNKNOWN}' is not allowed access. Refer https://aka.ms/acr/firewall to grant access."
    );
    let status = stage
        .post("clusters", "not-the-key", "text/plain", text)
        .await?;
    ensure!(status == 401, "a wrong key was answered with {status}");
    teller.step("an event with a wrong key: 401, nothing is read of it");
    let text = format!(
        "{}: client with IP '{PRIVATE}' is not allowed access.",
        stage::host(OPEN)
    );
    stage
        .deliver(teller, "clusters", "text/plain", text)
        .await?;
    teller
        .until("a private address is never opened", |what| {
            verdict_is(what, Action::Alert)
        })
        .await?;
    Ok(())
}

async fn locked(stage: &Stage, teller: &mut Teller<'_>) -> anyhow::Result<()> {
    Teller::title("A registry whose public network access is disabled: an entry would not help");
    let refusal = stage.refused(teller, OURS, LOCKED).await?;
    stage
        .deliver(
            teller,
            "clusters",
            "text/plain",
            refusal.as_docker_says(&stage::host(LOCKED)),
        )
        .await?;
    teller
        .until(
            "nothing is written, and people are told what would help",
            |what| matches!(what, LedgerEvent::Alerted(alert) if alert.code == "public_access_disabled"),
        )
        .await?;
    ensure!(
        stage.azure.entries(LOCKED).is_empty(),
        "an entry was written all the same"
    );
    Ok(())
}

fn verdict_is(what: &LedgerEvent, action: Action) -> bool {
    matches!(what, LedgerEvent::Decided { verdict, .. } if verdict.action == action)
}

/// How long any one step may take.
const PATIENCE: Duration = Duration::from_secs(15);
