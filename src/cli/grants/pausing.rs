//! `doorward pause` and `doorward resume`.

use super::Because;
use crate::cli::Failure;
use crate::cli::admin::{Admin, Output};
use crate::http::api::wire;
use crate::http::api::wire::PauseView;
use clock::Clock;
use doorward_core::messages::wording;
use doorward_core::yaml::duration;
use jiff::Timestamp;
use std::time::Duration;

/// What `doorward pause` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Pause {
    /// When it ends by itself: after a time (`30m`), or at one (`2026-11-22T13:00:00Z`). Without it: with `resume`
    #[arg(long, value_name = "TIME", value_parser = end)]
    until: Option<End>,
    #[command(flatten)]
    order: PauseOrder,
}

/// When a pause ends.
#[derive(Clone, Copy, Debug)]
enum End {
    After(Duration),
    At(Timestamp),
}

fn end(text: &str) -> Result<End, String> {
    if let Ok(time) = duration::parse(text) {
        return Ok(End::After(time));
    }
    let at = text.parse().map(End::At);
    at.map_err(|_| "write a time such as `30m`, or `2026-11-22T13:00:00Z`".to_owned())
}

/// What `doorward resume` takes, and `doorward pause` too.
#[derive(Debug, clap::Args)]
pub(crate) struct PauseOrder {
    /// Only this registry: its resource id, name or login server. Without it: all
    #[arg(long)]
    registry: Option<String>,
    #[command(flatten)]
    because: Because,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    admin: Admin,
}

impl Pause {
    pub(in crate::cli) async fn run(self) -> Result<(), Failure> {
        let until = self.until.map(|until| match until {
            End::After(time) => clock::add(Clock::system().now(), time),
            End::At(at) => at,
        });
        self.order.send("pause", until).await
    }
}

impl PauseOrder {
    /// Lets opening go on.
    pub(in crate::cli) async fn run(self) -> Result<(), Failure> {
        self.send("resume", None).await
    }

    async fn send(self, what: &str, until: Option<Timestamp>) -> Result<(), Failure> {
        let order = wire::PauseOrder {
            registry: self.registry,
            by: self.because.by.name,
            because: self.because.because,
            until,
        };
        let paused: Vec<PauseView> = self.admin.post(&[what], &order).await?;
        self.output.print(&paused, || {
            if paused.is_empty() {
                "nothing is paused\n".to_owned()
            } else {
                pauses(&paused)
            }
        })
    }
}

/// What is paused, a line each.
pub(super) fn pauses(paused: &[PauseView]) -> String {
    let each = paused.iter().map(|pause| {
        let on = pause.registry.as_deref().unwrap_or("all registries");
        let because = pause.because.as_ref();
        let because = because.map_or_else(String::new, |why| format!(", because: {why}"));
        format!(
            "paused: {on}, since {} by {} (as they say){because}{}\n",
            wording::time(pause.since),
            pause.by,
            pause.until.map_or_else(String::new, |until| format!(
                ", until {}",
                wording::time(until)
            ))
        )
    });
    each.collect::<Vec<_>>().concat()
}
