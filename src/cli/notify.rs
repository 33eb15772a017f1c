//! `doorward notify`: how the channels of a running doorward fare, and what they never took.

use super::Failure;
use super::admin::{Admin, By, Output};
use crate::flow::notify::channels::{ChannelHealth, Dead};
use crate::http::api::wire::{Notifications, Resend, Resent, Tested, TryChannel};
use clap::Subcommand;
use doorward_core::messages::wording::time;
use std::fmt::Write;

/// What `doorward notify` does.
#[derive(Debug, Subcommand)]
pub(crate) enum Notify {
    /// Show every channel's state, and the messages that were never delivered
    List(List),
    /// Send a test message to a channel now, and say what it answered
    Test(Test),
    /// Send a message again that was never delivered
    Resend(SendAgain),
}

/// What `doorward notify list` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    admin: Admin,
}

/// What `doorward notify test` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Test {
    /// The channel's name
    channel: String,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    admin: Admin,
}

/// What `doorward notify resend` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct SendAgain {
    /// The message's id, as `notify list` shows it
    id: String,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    admin: Admin,
}

impl Notify {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run().await,
            Self::Test(test) => test.run().await,
            Self::Resend(resend) => resend.run().await,
        }
    }
}

impl List {
    async fn run(self) -> Result<(), Failure> {
        let found: Notifications = self.admin.get(&["notify"]).await?;
        self.output.print(&found, || {
            let channels = found.channels.iter().map(channel);
            let undelivered = found.undelivered.iter().map(undelivered);
            let lines: String = channels.chain(undelivered).collect();
            if lines.is_empty() {
                "no channels are configured\n".to_owned()
            } else {
                lines
            }
        })
    }
}

impl Test {
    async fn run(self) -> Result<(), Failure> {
        let order = TryChannel {
            channel: self.channel,
            by: self.by.name,
        };
        let tested: Tested = self.admin.post(&["notify", "test"], &order).await?;
        self.output.print(&tested, || {
            let how = if tested.taken { "" } else { "failed: " };
            format!("{}: {how}{}\n", tested.channel, tested.detail)
        })?;
        if tested.taken {
            Ok(())
        } else {
            Err(anyhow::anyhow!("`{}` did not take the message", tested.channel).into())
        }
    }
}

impl SendAgain {
    async fn run(self) -> Result<(), Failure> {
        let order = Resend {
            id: self.id,
            by: self.by.name,
        };
        let sent: Resent = self.admin.post(&["notify", "resend"], &order).await?;
        self.output.print(&sent, || {
            format!("sent again to: {}\n", sent.channels.join(", "))
        })
    }
}

fn channel(it: &ChannelHealth) -> String {
    let mut line = format!("{}  {}  {}", it.name, it.kind, it.state.name());
    if let (Some(since), Some(reason)) = (it.since, &it.reason) {
        write!(line, " since {}: {reason}", time(since)).ok();
    }
    if let Some(last) = it.last_taken {
        write!(line, "; last message {}", time(last)).ok();
    }
    // Writing to a text does not fail.
    writeln!(line, "; {} waiting, {} undelivered", it.waiting, it.dead).ok();
    line
}

fn undelivered(it: &Dead) -> String {
    let (at, id) = (time(it.at), it.id);
    format!(
        "undelivered {id}  {}  {at}  {}  {} ({})\n",
        it.channel, it.code, it.headline, it.reason
    )
}
