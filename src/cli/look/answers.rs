//! `doorward requests approve` and `deny`: an answer to a request, by whoever may use the server.

use crate::cli::Failure;
use crate::cli::admin::{Admin, Output};
use crate::cli::grants::{Because, confirm};
use crate::http::api::answers::{AnswerOrder, AnswerTaken, Outlook, Preview, Verb};
use crate::http::api::read::requests::Said;
use doorward_core::messages::invisible::escaped;
use doorward_core::messages::wording;
use doorward_core::yaml::duration;
use jiff::SignedDuration;
use std::io::Write;
use std::time::Duration;

/// What `doorward requests approve` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Approve {
    /// The request: its id, the beginning or end of it, or the address that it is for
    #[arg(value_name = "REQUEST")]
    request: String,
    /// For how long, if not for as long as is shown: `30m`, `2h`
    #[arg(long = "for", value_name = "TIME", value_parser = duration::parse)]
    time: Option<Duration>,
    /// Do not ask whether this is meant
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    because: Because,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    admin: Admin,
}

/// What `doorward requests deny` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Deny {
    /// The request: its id, the beginning or end of it, or the address that it is for
    #[arg(value_name = "REQUEST")]
    request: String,
    #[command(flatten)]
    because: Because,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    admin: Admin,
}

impl Approve {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let path = ["requests", &self.request, "preview"];
        let preview: Preview = self.admin.get(&path).await?;
        if let Some(refusal) = &preview.refusal {
            return Err(anyhow::anyhow!("{refusal}").into());
        }
        if preview.needs_reason && self.because.because.is_none() {
            let what = "a reason is required to approve this: say why with `--reason`";
            return Err(Failure::wrong_input(anyhow::anyhow!(what)));
        }
        let shown = told(&preview, self.time);
        // Nothing is left to be done if standard error is closed.
        std::io::stderr().write_all(shown.as_bytes()).ok();
        if !self.yes {
            confirm("Approve this?")?;
        }
        let order = AnswerOrder {
            answer: Verb::Approve,
            shown: Some(preview.shown),
            seconds: self.time.as_ref().map(Duration::as_secs),
            by: self.because.by.name,
            because: self.because.because,
        };
        // By its id: what was shown is what is answered.
        let id = preview.request.id.to_string();
        send(&id, &order, &self.output, &self.admin).await
    }
}

impl Deny {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let order = AnswerOrder {
            answer: Verb::Deny,
            shown: None,
            seconds: None,
            by: self.because.by.name,
            because: self.because.because,
        };
        send(&self.request, &order, &self.output, &self.admin).await
    }
}

async fn send(
    name: &str,
    order: &AnswerOrder,
    output: &Output,
    admin: &Admin,
) -> Result<(), Failure> {
    let path = ["requests", name, "answer"];
    let taken: AnswerTaken = admin.post(&path, order).await?;
    output.print(&taken, || {
        let request = &taken.request;
        let (address, registry, id) = (&request.address, &request.registry, request.id);
        let said = match taken.answer {
            Said::Approved => "approved",
            Said::Denied => "denied",
        };
        let rest = taken.one_of.map_or_else(String::new, |of| {
            let (given, needed) = (of.given, of.needed);
            format!(", {given} of {needed}: it waits for more people")
        });
        format!("{said} `{address}` on `{registry}` ({id}){rest}\n")
    })
}

/// What a yes would open, a line for each thing.
fn told(preview: &Preview, time: Option<Duration>) -> String {
    let request = &preview.request;
    let none = || "-".to_owned();
    let one_line = |text: &String| wording::in_one_line(&escaped(text));
    let list = |all: &[String]| Some(all.join(", ")).filter(|text| !text.is_empty());
    let time = time.map_or(preview.seconds, |time| time.as_secs());
    let time = SignedDuration::from_secs(i64::try_from(time).unwrap_or(i64::MAX));
    let guess = if request.is_guess { " (a guess)" } else { "" };
    let mut lines = vec![
        ("request", request.id.to_string()),
        ("address", request.address.clone()),
        ("registry", format!("{}{guess}", request.registry)),
        (
            "image",
            request.repository.as_ref().map_or_else(none, one_line),
        ),
        ("rule", request.rule.as_ref().map_or_else(none, one_line)),
        (
            "because",
            request.because.as_ref().map_or_else(none, one_line),
        ),
        ("opens for", wording::duration(time)),
        ("adds", list(&preview.adds).unwrap_or_else(none)),
        ("removes", list(&preview.removes).unwrap_or_else(none)),
    ];
    if preview.approvals_needed > 1 {
        let by = list(&preview.approved_by);
        let by = by.map_or_else(|| "none so far".to_owned(), |by| format!("so far by {by}"));
        let needed = preview.approvals_needed;
        lines.push(("approvals", format!("{needed} needed, {by}")));
    }
    let line = |(name, value): (&str, String)| format!("{name:<9}  {value}\n");
    let text: String = lines.into_iter().map(line).collect();
    text + &match (preview.outlook, &preview.why_not) {
        (Outlook::Opens, _) => String::new(),
        (Outlook::Unknown, _) => {
            "The registry has not been read yet: whether approving would open anything is not known.\n".to_owned()
        }
        (Outlook::Nothing, why) => {
            let why = why.as_deref().unwrap_or_default();
            wording::sentence(&format!("Approving would open nothing at the moment: {why}")) + "\n"
        }
    }
}
