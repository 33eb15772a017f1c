//! The files of an SQLite ledger: whose they are, who writes them, and what happens when somebody moves
//! them under the running program.

use crate::process::{Installation, Process, until};
use crate::world::{OURS, REGISTRY, furnished, message};
use clock::Clock;
use doorward::store::{Ledger, Lock, LockError, StoreError};
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::ledger::id::AlertId;
use doorward_core::state::readiness::ConditionCode;
use doorward_core::state::readiness::ConditionCode::LedgerReplaced;
use jiff::Timestamp;
use sqlx::{Connection, Executor, SqliteConnection};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use uuid::Uuid;

const AT: Timestamp = Timestamp::UNIX_EPOCH;
const FILES: [&str; 3] = ["doorward.db", "doorward.db-wal", "doorward.db-shm"];

fn told(number: u128) -> LedgerEvent {
    LedgerEvent::Delivered {
        alert: AlertId(Uuid::from_u128(number)),
        channel: "chat".to_owned(),
        receipt: None,
    }
}

async fn open(path: &Path) -> Ledger {
    let url = format!("sqlite://{}", path.display());
    Ledger::open(&url).await.unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Why it cannot be written.
fn trouble(ledger: &Ledger) -> Option<ConditionCode> {
    ledger.conditions().0.map(|condition| condition.code)
}

#[tokio::test]
async fn files_and_folder_are_made_for_their_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("var/doorward");
    let path = state.join("doorward.db");
    let _lock = Lock::take(&path).unwrap();
    let ledger = open(&path).await;
    ledger.append(AT, vec![told(1)]).await.unwrap();
    assert_eq!(mode(&state), 0o700);
    for name in FILES.iter().chain(&["doorward.lock"]) {
        assert_eq!(mode(&state.join(name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn files_that_were_open_to_others_are_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doorward.db");
    drop(open(&path).await);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let ledger = open(&path).await;
    ledger.append(AT, vec![told(1)]).await.unwrap();
    for name in FILES {
        assert_eq!(mode(&folder.path().join(name)), 0o600, "{name}");
    }
}

#[test]
fn a_lock_holds_when_its_file_is_removed_and_under_another_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doorward.db");
    let lock = Lock::take(&path).unwrap();
    let other = folder.path().join("other.db");
    std::os::unix::fs::symlink(&path, &other).unwrap();
    fs::remove_file(folder.path().join("doorward.lock")).unwrap();
    for name in [&path, &other] {
        let second = Lock::take(name);
        assert!(matches!(second, Err(LockError::Taken)), "{second:?}");
    }
    // And the place is held, whatever file is put there.
    drop(lock);
    let lock = Lock::take(&path).unwrap();
    fs::rename(&path, folder.path().join("old.db")).unwrap();
    let second = Lock::take(&path);
    assert!(matches!(second, Err(LockError::Taken)), "{second:?}");
    drop(lock);
}

#[tokio::test]
async fn nothing_is_written_to_a_ledger_that_is_no_longer_in_its_place() {
    for name in FILES {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("doorward.db");
        let ledger = open(&path).await;
        ledger.append(AT, vec![told(1)]).await.unwrap();
        assert_eq!(trouble(&ledger), None);
        let (here, away) = (folder.path().join(name), folder.path().join("away"));
        fs::rename(&here, &away).unwrap();
        for number in [2, 3] {
            let refused = ledger.append(AT, vec![told(number)]).await;
            assert!(
                matches!(refused, Err(StoreError::Replaced)),
                "{name}: {refused:?}"
            );
        }
        assert_eq!(trouble(&ledger), Some(LedgerReplaced), "{name}");
        // The same with another one in its place.
        fs::copy(&away, &here).unwrap();
        let refused = ledger.append(AT, vec![told(2)]).await;
        assert!(
            matches!(refused, Err(StoreError::Replaced)),
            "{name}: {refused:?}"
        );
        // What is put back is written again.
        fs::rename(&away, &here).unwrap();
        ledger.append(AT, vec![told(4)]).await.unwrap();
        assert_eq!(trouble(&ledger), None, "{name}");
        ledger.verify().await.unwrap();
        drop(ledger);
        let again = open(&path).await;
        assert_eq!(again.as_of(), 2, "{name}");
    }
}

#[tokio::test]
async fn a_ledger_that_is_set_back_within_its_file_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doorward.db");
    let ledger = open(&path).await;
    ledger.append(AT, vec![told(1)]).await.unwrap();
    ledger.append(AT, vec![told(2)]).await.unwrap();
    let url = format!("sqlite://{}", path.display());
    let mut other = SqliteConnection::connect(&url).await.unwrap();
    for statement in [
        "drop trigger ledger_is_never_shortened",
        "delete from ledger where seq = 2",
    ] {
        other.execute(statement).await.unwrap();
    }
    let refused = ledger.append(AT, vec![told(3)]).await;
    assert!(matches!(refused, Err(StoreError::Replaced)), "{refused:?}");
    assert_eq!(trouble(&ledger), Some(LedgerReplaced));
}

/// A delivery is answered 503, and neither `/readyz` nor the log keeps quiet about it.
async fn says_that_its_ledger_is_gone(process: &Process) {
    assert_eq!(process.offer(message("20.61.10.16")).await, 503);
    let (status, told) = process.get("/readyz").await;
    assert_eq!(status, 503, "{told}");
    assert!(told.contains("ledger_replaced"), "{told}");
    until("the log tells it", async || {
        process
            .log()
            .contains("the ledger was moved, deleted, replaced or set back")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_program_notices_that_its_ledger_was_deleted_or_moved() {
    let azure = furnished(&Clock::system()).await;
    let installed = Installation::new(&azure, "1h");
    let process = installed.serve().await;
    process.deliver(message(OURS)).await;
    until("it is open", async || azure.entries(REGISTRY) == [OURS]).await;
    let away = installed.folder.path().join("away.db");
    fs::rename(&installed.file, &away).unwrap();
    says_that_its_ledger_is_gone(&process).await;
    fs::rename(&away, &installed.file).unwrap();
    process.deliver(message("20.61.10.16")).await;
    until("it is ready", async || {
        process.get("/readyz").await.0 == 200
    })
    .await;
    fs::remove_file(&installed.file).unwrap();
    says_that_its_ledger_is_gone(&process).await;
    assert!(!installed.file.exists(), "an empty ledger was made");
}
