//! `doorward sessions`: the people who are signed in.

use crate::cli::Failure;
use crate::cli::admin::{Admin, By, Output};
use crate::http::api::wire::access::{EndSession, Ended, SessionView, Sessions};
use clap::Subcommand;
use doorward_core::messages::wording::time;

/// What `doorward sessions` does.
#[derive(Debug, Subcommand)]
pub(crate) enum SessionsCommand {
    /// List the people who are signed in
    List(List),
    /// End a session: its browser has to sign in again
    End(End),
}

/// What `doorward sessions list` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    admin: Admin,
}

/// What `doorward sessions end` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct End {
    /// The session's id, as `sessions list` shows it
    session: String,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    admin: Admin,
}

impl SessionsCommand {
    pub(in crate::cli) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run().await,
            Self::End(end) => end.run().await,
        }
    }
}

impl List {
    async fn run(self) -> Result<(), Failure> {
        let found: Sessions = self.admin.get(&["sessions"]).await?;
        self.output.print(&found, || {
            let lines: String = found.sessions.iter().map(line).collect();
            if lines.is_empty() {
                "Nobody is signed in\n".to_owned()
            } else {
                lines
            }
        })
    }
}

impl End {
    async fn run(self) -> Result<(), Failure> {
        let order = EndSession {
            session: self.session,
            by: self.by.name,
        };
        let ended: Ended = self.admin.post(&["sessions", "end"], &order).await?;
        self.output
            .print(&ended, || format!("Ended: {}\n", ended.ended))
    }
}

fn line(session: &SessionView) -> String {
    let SessionView {
        id, name, subject, ..
    } = session;
    let (since, until) = (time(session.since), time(session.until));
    let used = time(session.last_used);
    format!("{id}  {name} ({subject})  since {since}, last used {used}, ends {until}\n")
}
