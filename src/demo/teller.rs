//! Tells the story on standard output: what the clients see, and every entry of the ledger.

use super::PATIENCE;
use crate::flow::app::App;
use crate::store;
use anyhow::Context;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::messages::ledger_line;
use std::io::Write;
use std::time::Instant;

/// Follows the ledger of one doorward.
pub(super) struct Teller<'a> {
    app: &'a App,
    begun: Instant,
    seq: i64,
    steps: usize,
}

impl<'a> Teller<'a> {
    pub(super) fn new(app: &'a App) -> Self {
        Self {
            app,
            begun: Instant::now(),
            seq: 0,
            steps: 0,
        }
    }

    /// How many steps have happened.
    pub(super) fn steps(&self) -> usize {
        self.steps
    }

    /// A chapter.
    pub(super) fn title(text: &str) {
        write(&format!("\n{text}\n{}\n", "-".repeat(text.chars().count())));
    }

    /// A remark.
    pub(super) fn say(&self, text: &str) {
        write(&format!(
            "{:>6.2} s  {text}\n",
            self.begun.elapsed().as_secs_f64()
        ));
    }

    /// Something that happened and was seen to.
    pub(super) fn step(&mut self, text: &str) {
        self.steps += 1;
        self.say(text);
    }

    /// Tells the ledger's entries as they come, up to the one that `is_it`.
    pub(super) async fn until(
        &mut self,
        step: &str,
        is_it: impl Fn(&LedgerEvent) -> bool,
    ) -> anyhow::Result<LedgerEvent> {
        let found = tokio::time::timeout(PATIENCE, self.follow(is_it)).await;
        let what =
            found.with_context(|| format!("{step}: this did not happen within {PATIENCE:?}"))??;
        self.steps += 1;
        Ok(what)
    }

    /// Tells the ledger's entries as they come, without an end.
    pub(super) async fn follow_on(&mut self) -> anyhow::Result<()> {
        self.follow(|_| false).await.map(|_| ())
    }

    async fn follow(
        &mut self,
        is_it: impl Fn(&LedgerEvent) -> bool,
    ) -> anyhow::Result<LedgerEvent> {
        let mut changed = self.app.ledger.changed();
        loop {
            changed.mark_unchanged();
            for entry in self.app.ledger.entries(self.seq, 1).await? {
                self.seq = entry.seq;
                let what = store::what(&entry)?;
                self.say(&format!(
                    "    {:<14} {}",
                    what.kind(),
                    ledger_line::line(&what)
                ));
                if is_it(&what) {
                    return Ok(what);
                }
                changed.mark_changed();
            }
            changed.changed().await?;
        }
    }
}

fn write(text: &str) {
    // Whoever closes our output has heard enough.
    std::io::stdout().write_all(text.as_bytes()).ok();
}
