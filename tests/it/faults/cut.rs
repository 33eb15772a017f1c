//! Cutting work short at any of the places where it waits, as a process that is killed does.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// Lets `work` go on for `polls` polls and drops it then; whether it came to its end.
pub(crate) async fn short(work: impl Future<Output = ()>, mut polls: u32) -> bool {
    let mut work = pin!(work);
    poll_fn(|context| {
        if polls == 0 {
            return Poll::Ready(false);
        }
        polls -= 1;
        work.as_mut().poll(context).map(|()| true)
    })
    .await
}
