//! Tests of `readers`.

use super::*;
use futures_util::poll;
use std::pin::pin;
use std::sync::mpsc;
use tokio::task::JoinSet;

const LARGE: usize = 4 << 20;

/// A body that takes as long to read as the test says.
fn long() -> (mpsc::Sender<()>, impl FnOnce(&Abandoned) + Send + 'static) {
    let (finish, finished) = mpsc::channel();
    (finish, move |_: &Abandoned| finished.recv().unwrap())
}

#[tokio::test]
async fn a_large_body_keeps_nobody_waiting() {
    let readers = Readers::new(1);
    let (finish, work) = long();
    let mut large = pin!(readers.read("one", LARGE, work));
    assert!(poll!(&mut large).is_pending());
    let small = readers.read("one", INLINE, |_| "small").await.unwrap();
    assert_eq!(small, "small");
    finish.send(()).unwrap();
    large.await.unwrap();
}

#[tokio::test]
async fn no_more_are_read_at_once_than_there_are_seats() {
    let readers = Readers::new(2);
    let (finish_one, one) = long();
    let (finish_other, other) = long();
    let mut first = pin!(readers.read("one", LARGE, one));
    let mut second = pin!(readers.read("other", LARGE, other));
    assert!(poll!(&mut first).is_pending());
    assert!(poll!(&mut second).is_pending());
    let mut third = pin!(readers.read("third", LARGE, |_| "third"));
    assert!(poll!(&mut third).is_pending());
    assert_eq!(readers.queue().free, 0);
    finish_one.send(()).unwrap();
    first.await.unwrap();
    assert_eq!(third.await.unwrap(), "third");
    finish_other.send(()).unwrap();
    second.await.unwrap();
}

#[tokio::test]
async fn work_that_panics_gives_its_seat_back() {
    let readers = Readers::new(1);
    let broken = readers.read("one", LARGE, |_| panic!("broken")).await;
    assert!(matches!(broken, Err(HttpError::Internal)));
    assert_eq!(readers.read("one", LARGE, |_| 1).await.unwrap(), 1);
}

#[tokio::test]
async fn a_source_with_many_bodies_does_not_starve_another() {
    let readers = Readers::new(1);
    let held = readers.seat("hostile").await.unwrap();
    let order: Arc<Mutex<Vec<&str>>> = Arc::default();
    let mut reads = JoinSet::new();
    for source in ["hostile"; 50].into_iter().chain(["good", "other"]) {
        let (readers, order) = (readers.clone(), Arc::clone(&order));
        reads.spawn(async move {
            let work = move |_: &Abandoned| order.lock().unwrap().push(source);
            readers.read(source, LARGE, work).await.unwrap();
        });
        // Each stands in the queue before the next comes.
        tokio::task::yield_now().await;
    }
    drop(held);
    reads.join_all().await;
    let order = order.lock().unwrap();
    assert_eq!(order.len(), 52);
    assert_eq!(&order[..4], ["hostile", "good", "other", "hostile"]);
}

#[tokio::test]
async fn work_whose_request_is_gone_is_not_begun() {
    let readers = Readers::new(1);
    let (finish, work) = long();
    let mut first = pin!(readers.read("one", LARGE, work));
    assert!(poll!(&mut first).is_pending());
    let (ran, has_run) = mpsc::channel();
    for _ in 0..100 {
        let ran = ran.clone();
        let mut gone = Box::pin(readers.read("one", LARGE, move |_| ran.send(()).unwrap()));
        assert!(poll!(&mut gone).is_pending());
    }
    drop(ran);
    let waiting: usize = readers.queue().sources.iter().map(|(_, of)| of.len()).sum();
    assert!(waiting <= 1, "those who are gone are not kept: {waiting}");
    finish.send(()).unwrap();
    first.await.unwrap();
    assert_eq!(readers.read("one", LARGE, |_| 1).await.unwrap(), 1);
    assert!(has_run.recv().is_err(), "none of them was begun");
    assert_eq!(readers.queue().free, 1);
}

#[tokio::test]
async fn work_is_told_when_its_request_is_gone() {
    let readers = Readers::new(1);
    let (begun, has_begun) = oneshot::channel();
    let (ended, has_ended) = oneshot::channel();
    let work = move |abandoned: &Abandoned| {
        begun.send(()).unwrap();
        while !abandoned.is_so() {
            std::thread::yield_now();
        }
        ended.send(()).unwrap();
    };
    let mut reads = JoinSet::new();
    let of = readers.clone();
    reads.spawn(async move { of.read("one", LARGE, work).await });
    has_begun.await.unwrap();
    reads.abort_all();
    has_ended.await.unwrap();
    assert_eq!(readers.read("one", LARGE, |_| 1).await.unwrap(), 1);
}
