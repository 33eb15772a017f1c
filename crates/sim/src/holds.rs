//! Holds: stopping exactly between two of the caller's requests.

use super::calls::{Call, Target};
use super::wire::lock;
use std::sync::Mutex;
use tokio::sync::watch;

/// Where in a request's life it is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// It has arrived whole; nothing has been looked at or changed.
    Before,
    /// It has been answered and, for a write, applied; the reply has not been sent.
    After,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Stage {
    Armed,
    Reached,
    Released,
}

/// A hold on the next request that meets its target. Dropping it lets the request go.
#[derive(Debug)]
pub struct Hold {
    stage: watch::Sender<Stage>,
}

impl Hold {
    /// Waits until a request is held here.
    pub async fn reached(&self) {
        let mut stage = self.stage.subscribe();
        // The sender is ours, so that waiting cannot fail.
        stage.wait_for(|stage| *stage >= Stage::Reached).await.ok();
    }

    /// Whether a request is held here now.
    pub fn is_reached(&self) -> bool {
        *self.stage.borrow() == Stage::Reached
    }

    /// Lets the request go on, or disarms the hold if none has come.
    pub fn release(self) {}
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.stage.send_replace(Stage::Released);
    }
}

/// All holds that wait for a request.
#[derive(Debug, Default)]
pub(super) struct Holds(Mutex<Vec<Armed>>);

#[derive(Debug)]
struct Armed {
    target: Target,
    moment: Moment,
    stage: watch::Sender<Stage>,
}

impl Holds {
    pub(super) fn arm(&self, target: Target, moment: Moment) -> Hold {
        let stage = watch::Sender::new(Stage::Armed);
        lock(&self.0).push(Armed {
            target,
            moment,
            stage: stage.clone(),
        });
        Hold { stage }
    }

    /// Waits here if a hold says so. Each hold takes one request.
    pub(super) async fn pass(&self, call: Call, path: &str, moment: Moment) {
        let taken = {
            let mut armed = lock(&self.0);
            armed.retain(|hold| *hold.stage.borrow() == Stage::Armed);
            armed
                .iter()
                .position(|hold| hold.moment == moment && hold.target.meets(call, path))
                .map(|index| armed.remove(index))
        };
        let Some(hold) = taken else { return };
        let mut stage = hold.stage.subscribe();
        hold.stage.send_if_modified(|stage| {
            let reached = *stage == Stage::Armed;
            if reached {
                *stage = Stage::Reached;
            }
            reached
        });
        // The sender is ours, so that waiting cannot fail.
        stage.wait_for(|stage| *stage == Stage::Released).await.ok();
    }
}
