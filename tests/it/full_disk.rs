//! The real program with its ledger on a disk of its own, a small tmpfs, that fills up and is freed.

use crate::channels::{Peer, hangs, takes};
use crate::needs;
use crate::process::{Installation, Process, until, until_within};
use crate::world::{OURS, REGISTRY, furnished, message};
use clock::Clock;
use doorward_core::ledger::event::LedgerEvent;
use jiff::Timestamp;
use serde_json::json;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// For what takes a grant's whole life on a busy machine.
const LONG: Duration = Duration::from_mins(2);

/// A file system in memory.
struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// Mounts one of `size`; none where that is not allowed, and the test is skipped.
    fn mount(folder: PathBuf, size: &str) -> Option<Self> {
        fs::create_dir(&folder).unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size},mode=700")])
            .arg("doorward-tests")
            .arg(&folder)
            .output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(Self { folder });
        }
        needs::skip("a tmpfs cannot be mounted here (it takes root)");
        None
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        let mut ballast = File::options()
            .append(true)
            .create(true)
            .open(self.ballast())
            .unwrap();
        for size in [64 << 10, 4 << 10, 1] {
            while ballast.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn free(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let lazily = Command::new("umount").arg("-l").arg(&self.folder).status();
        lazily.ok();
    }
}

/// A running program whose ledger is on a disk of its own.
async fn on_a_small_disk(installed: Installation) -> Option<(Installation, Disk, Process)> {
    let disk = Disk::mount(installed.folder.path().join("disk"), "8m")?;
    let installed = installed.in_file(&disk.folder.join("doorward.db"));
    let process = installed.serve().await;
    Some((installed, disk, process))
}

async fn refuses_deliveries(process: &Process, disk: &Disk) {
    let mut last = 16;
    until_within(LONG, "a delivery is refused", async || {
        disk.fill();
        process.offer(message("20.61.10.17")).await == 503
    })
    .await;
    // Not only the one that met it.
    for _ in 0..3 {
        last += 1;
        let status = process.offer(message(&format!("51.140.7.{last}"))).await;
        assert_eq!(status, 503);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_that_has_room_again_is_written_without_a_restart() {
    let azure = furnished(&Clock::system()).await;
    let installed = Installation::new(&azure, "10s");
    let Some((installed, disk, process)) = on_a_small_disk(installed).await else {
        return;
    };
    process.deliver(message(OURS)).await;
    until_within(LONG, "it is open", async || {
        azure.entries(REGISTRY) == [OURS]
    })
    .await;
    refuses_deliveries(&process, &disk).await;
    let (status, told) = process.get("/readyz").await;
    assert_eq!(status, 503, "{told}");
    assert!(
        told.contains("ledger_write_failed") && told.contains("disk_low"),
        "{told}"
    );
    // Its end comes, and cannot be written: it stays, and is tried.
    Clock::system()
        .reached(end_of_grant(&installed).await)
        .await;
    let tried = process.log().len();
    until_within(LONG, "its end is tried", async || {
        process.log()[tried..].contains("database or disk is full")
    })
    .await;
    assert_eq!(azure.entries(REGISTRY), [OURS]);
    assert_eq!(process.get("/healthz").await.0, 200);
    disk.free();
    until_within(LONG, "the entry is gone", async || {
        azure.entries(REGISTRY).is_empty()
    })
    .await;
    process.deliver(message("20.61.10.18")).await;
    until_within(LONG, "the next one is open", async || {
        azure.entries(REGISTRY) == ["20.61.10.18"]
    })
    .await;
    until_within(LONG, "it is ready", async || {
        process.get("/readyz").await.0 == 200
    })
    .await;
    let kinds = installed.kinds().await;
    assert_eq!(kinds.iter().filter(|kind| **kind == "ended").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_comes_back_though_nobody_delivers_anything() {
    let azure = furnished(&Clock::system()).await;
    let installed = Installation::new(&azure, "1h");
    let Some((_installed, disk, process)) = on_a_small_disk(installed).await else {
        return;
    };
    refuses_deliveries(&process, &disk).await;
    assert_eq!(process.get("/readyz").await.0, 503);
    disk.free();
    until_within(LONG, "it is ready", async || {
        process.get("/readyz").await.0 == 200
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_to_fill_up_ends_when_there_is_room_again() {
    let azure = furnished(&Clock::system()).await;
    let installed = Installation::new(&azure, "1h");
    let Some((installed, disk, process)) = on_a_small_disk(installed).await else {
        return;
    };
    // Full, freed and full again: each time another connection must be made.
    for round in 0..3 {
        refuses_deliveries(&process, &disk).await;
        disk.free();
        let text = message(&format!("20.61.10.{}", 16 + round));
        until_within(LONG, "it takes deliveries again", async || {
            process.offer(text.clone()).await == 202
        })
        .await;
    }
    installed.kinds().await;
    assert!(is_private(&disk.folder));
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_told_before_it_is_full_while_it_is_and_when_it_is_over() {
    let (peer, hung) = (Peer::that(takes).await, Peer::that(hangs).await);
    let azure = furnished(&Clock::system()).await;
    let installed = Installation::with(&azure, "1h", |config| {
        config["channels"] = json!([hung.channel("a-hung-one"), peer.channel("ops")]);
    });
    let Some((_installed, disk, process)) = on_a_small_disk(installed).await else {
        return;
    };
    let said = |what: &str| peer.got().iter().filter(|text| text.contains(what)).count();
    until("that little is left", async || said("MiB left") == 1).await;
    refuses_deliveries(&process, &disk).await;
    // It is told although it cannot be written down, and although another channel hangs.
    until_within(LONG, "that it is full", async || {
        said("Nothing can be written down since") == 1
    })
    .await;
    let metrics = process.get("/metrics").await.1;
    assert!(metrics.contains("doorward_ledger_failing 1"), "{metrics}");
    let page = process.get("/").await.1;
    assert!(
        page.contains("ledger_write_failed") && page.contains("disk_low"),
        "{page}"
    );
    disk.free();
    until_within(LONG, "that it is over", async || {
        said("is written again") == 1
    })
    .await;
    let all = [
        "MiB left",
        "Nothing can be written down since",
        "is written again",
    ];
    assert_eq!(all.map(said), [1, 1, 1], "{:?}", peer.got());
    until("the metric", async || {
        process
            .get("/metrics")
            .await
            .1
            .contains("doorward_ledger_failing 0")
    })
    .await;
}

/// When the only grant ends.
async fn end_of_grant(installed: &Installation) -> Timestamp {
    let of = |what| match what {
        LedgerEvent::Granted(grant) => Some(grant.until),
        _ => None,
    };
    let mut ledger = installed.ledger().await.into_iter();
    ledger.find_map(of).unwrap()
}

fn is_private(folder: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o077;
    let files = ["doorward.db", "doorward.db-wal", "doorward.db-shm"];
    files.iter().all(|name| mode(&folder.join(name)) == 0)
}
