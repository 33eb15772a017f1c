//! The ledger keeps what it was told, and whoever changes it behind doorward's back is noticed.

use crate::program::{doorward, err, out};
use crate::world::{OURS, STRANGER, World, message};
use doorward::store::{Ledger, StoreError};
use doorward_core::ledger::actor::Actor;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::ledger::id::AlertId;
use doorward_core::messages::invisible::is_hidden;
use jiff::Timestamp;
use serde_json::json;
use sqlx::{Connection, Executor, SqliteConnection};
use std::fs;
use uuid::Uuid;

async fn with_a_story() -> World {
    let world = World::new().await;
    for address in [OURS, STRANGER] {
        world.denied(address).await;
        world.settle().await;
    }
    world
}

#[tokio::test]
async fn entries_are_neither_changed_nor_removed() {
    let world = with_a_story().await;
    for attempt in [
        "update ledger set body = '{}' where seq = 2",
        "delete from ledger where seq = 2",
        "delete from ledger",
    ] {
        let refused = world.tamper(attempt).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{refused}");
    }
    world.app.ledger.verify().await.unwrap();
}

#[tokio::test]
async fn an_entry_is_not_put_in_anothers_place_or_out_of_order() {
    let world = with_a_story().await;
    let replaced = if world.database.is_some() {
        [
            "insert into ledger select * from ledger where seq = 2
             on conflict (seq) do update set body = excluded.body",
            "insert into ledger select 0, at, kind, null, body, hash from ledger where seq = 2",
        ]
    } else {
        [
            "insert or replace into ledger select * from ledger where seq = 2",
            "insert or replace into ledger select 1000, at, kind, once, body, hash from ledger where once is not null limit 1",
        ]
    };
    for attempt in replaced {
        world.tamper(attempt).await.unwrap_err();
    }
    if world.database.is_none() {
        for attempt in [
            "insert into ledger select 0, at, kind, null, body, hash from ledger where seq = 2",
            "insert into ledger select 1000, at, kind, null, body, hash from ledger where seq = 2",
            "insert into ledger (at, kind, body, hash) select at, kind, body, hash from ledger where seq = 2",
        ] {
            let refused = world.tamper(attempt).await.unwrap_err();
            assert!(refused.to_string().contains("append-only"), "{refused}");
        }
    }
    world.app.ledger.verify().await.unwrap();
}

/// What `verify` says after this was done to a fresh ledger.
async fn after(tampering: &[&'static str]) -> StoreError {
    let world = with_a_story().await;
    world.app.ledger.verify().await.unwrap();
    for statement in tampering {
        world.tamper(statement).await.unwrap();
    }
    world.app.ledger.verify().await.unwrap_err()
}

#[tokio::test]
async fn what_stands_beside_an_entry_is_compared_with_it() {
    let on_a_server = with_a_story().await.database.is_some();
    let (open, close): (&[_], &[_]) = if on_a_server {
        (
            &["alter table ledger disable trigger user"],
            &["alter table ledger enable trigger user"],
        )
    } else {
        (
            &["drop trigger ledger_is_never_changed"],
            &[
                "create trigger ledger_is_never_changed before update on ledger begin
    select raise(abort, 'the ledger is append-only');
end",
            ],
        )
    };
    for change in [
        "update ledger set kind = 'alerted' where seq = 3",
        "update ledger set once = 'other' where seq = 3",
        "update ledger set once = null where once is not null",
    ] {
        let broken = after(&[open, &[change], close].concat()).await;
        assert!(matches!(broken, StoreError::Broken { .. }), "{broken}");
    }
}

#[tokio::test]
async fn entries_before_the_first_are_found() {
    let world = with_a_story().await;
    let forced: &[_] = if world.database.is_some() {
        &["alter table ledger drop constraint ledger_seq_from_one"]
    } else {
        &["drop trigger ledger_is_never_replaced"]
    };
    let insert =
        "insert into ledger select -5, at, kind, null, body, hash from ledger where seq = 2";
    let broken = after(&[forced, &[insert]].concat()).await;
    assert!(matches!(broken, StoreError::Broken { seq: -5 }), "{broken}");
}

#[tokio::test]
async fn lost_protection_and_replaced_tables_are_found() {
    let on_a_server = with_a_story().await.database.is_some();
    let cases: &[&[&'static str]] = if on_a_server {
        &[
            &["drop trigger ledger_is_never_changed on ledger"],
            &["alter table ledger disable trigger ledger_is_never_emptied"],
            &[
                "create or replace function ledger_is_append_only() returns trigger language plpgsql as 'begin return new; end'",
            ],
            &["create rule nothing as on delete to ledger do instead nothing"],
            &["drop index ledger_once"],
            &["alter table ledger alter column kind drop not null"],
        ]
    } else {
        &[
            &["drop trigger ledger_is_never_shortened"],
            &["drop trigger ledger_is_never_replaced"],
            &["create trigger quietly before delete on ledger begin select raise(ignore); end"],
            &["drop index ledger_by_kind"],
            &[
                "create table other as select * from ledger",
                "drop table ledger",
                "alter table other rename to ledger",
            ],
        ]
    };
    for case in cases {
        let unsound = after(case).await;
        assert!(
            matches!(unsound, StoreError::Unsound(_)),
            "{case:?}: {unsound}"
        );
    }
}

#[tokio::test]
async fn doorward_does_not_start_on_a_ledger_without_its_protection() {
    let world = with_a_story().await;
    if world.database.is_some() {
        return;
    }
    world
        .tamper("drop trigger ledger_is_never_shortened")
        .await
        .unwrap();
    let opened = Ledger::open(&world.ledger_url()).await.err();
    assert!(matches!(opened, Some(StoreError::Unsound(_))), "{opened:?}");
}

#[tokio::test]
async fn an_index_page_that_was_zeroed_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doorward.db");
    let url = format!("sqlite://{}", path.display());
    let ledger = Ledger::open(&url).await.unwrap();
    for number in 0..200 {
        let alert = AlertId(Uuid::from_u128(number));
        let channel = "chat".to_owned();
        let what = LedgerEvent::Delivered {
            alert,
            channel,
            receipt: None,
        };
        ledger
            .append(Timestamp::UNIX_EPOCH, vec![what])
            .await
            .unwrap();
    }
    ledger.verify().await.unwrap();
    drop(ledger);
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let written = connection.execute("pragma wal_checkpoint(truncate)").await;
    written.unwrap();
    let root = "select rootpage from sqlite_schema where name = 'sqlite_autoindex_ledger_1'";
    let root: i64 = sqlx::query_scalar(root)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let page = usize::from(u16::from_be_bytes([bytes[16], bytes[17]]));
    let start = (usize::try_from(root).unwrap() - 1) * page;
    bytes[start..start + page].fill(0);
    fs::write(&path, bytes).unwrap();
    let ledger = Ledger::open_read_only(&url).await.unwrap();
    let found = ledger.verify().await.unwrap_err();
    assert!(
        matches!(found, StoreError::Unsound(_) | StoreError::Database(_)),
        "{found}"
    );
}

#[tokio::test]
async fn what_callers_wrote_does_not_reach_the_terminal_as_it_is() {
    let world = World::new().await;
    let image = "registry.example/\u{9b}2J\u{202e}app";
    let text = message(STRANGER).replace("denied:", &format!("failed to pull {image}: denied:"));
    world.deliver("clusters", &text).await;
    let event = json!({
        "specversion": "1.0", "id": "\u{9b}31m\u{202e}x", "source": "/\u{85}", "type": "denial", "data": message(OURS),
    });
    world.deliver("clusters", &event.to_string()).await;
    world.settle().await;
    for form in ["text", "json"] {
        let url = world.ledger_url();
        let shown = doorward(&["ledger", "show", "--state", &url, "--output", form]);
        let shown = out(&shown);
        assert!(shown.contains(OURS), "{shown}");
        let raw = shown
            .chars()
            .find(|letter| *letter != '\n' && is_hidden(*letter));
        assert_eq!(raw, None, "{shown}");
    }
    let json = doorward(&[
        "ledger",
        "show",
        "--state",
        &world.ledger_url(),
        "-o",
        "json",
    ]);
    for line in out(&json).lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    assert!(out(&json).contains("\\u009b31m\\u202e"), "{json:?}");
}

#[test]
fn a_kind_of_entry_that_there_is_not_is_refused_with_those_that_there_are() {
    let refused = doorward(&[
        "ledger",
        "show",
        "--kind",
        "grantd",
        "--state",
        "sqlite://nowhere.db",
    ]);
    assert_eq!(refused.status.code(), Some(2));
    let told = err(&refused);
    assert!(
        told.contains("did you mean `granted`?") && told.contains("write_settled"),
        "{told}"
    );
}

#[tokio::test]
async fn a_change_by_force_is_found_and_doorward_does_not_start_on_it() {
    let world = with_a_story().await;
    let unlocked = if world.database.is_some() {
        "alter table ledger disable trigger user"
    } else {
        "drop trigger ledger_is_never_changed"
    };
    world.tamper(unlocked).await.unwrap();
    let changed = "update ledger set body = replace(body, '20.61', '20.62') where seq = 3";
    world.tamper(changed).await.unwrap();
    let broken = world.app.ledger.verify().await.unwrap_err();
    assert!(matches!(broken, StoreError::Broken { seq: 3 }), "{broken}");
    let opened = Ledger::open(&world.ledger_url()).await;
    assert!(matches!(opened.err(), Some(StoreError::Broken { seq: 3 })));
}

#[tokio::test]
async fn what_stands_is_the_same_after_it_was_read_again() {
    let mut world = with_a_story().await;
    let before = world.app.ledger.read(Clone::clone);
    world.restart().await;
    assert_eq!(world.app.ledger.read(Clone::clone), before);
}

#[tokio::test]
async fn order_is_not_written_down_once_what_it_rests_on_has_changed() {
    let world = World::new().await;
    let ledger = &world.app.ledger;
    let now = world.clock.now();
    let cleared = |number: u8| LedgerEvent::VerdictsCleared {
        address: [20, 0, 0, number].into(),
        registry: None,
        by: Actor::Person("ada".to_owned()),
        because: None,
    };
    let as_of = ledger.as_of();
    // A denial changes nothing that orders rest on.
    world.denied(STRANGER).await;
    let written = ledger.append_as_of(now, as_of, vec![cleared(1)]).await;
    assert!(written.is_ok(), "{written:?}");
    let overtaken = ledger.append_as_of(now, as_of, vec![cleared(2)]).await;
    assert!(
        matches!(overtaken, Err(StoreError::Conflict)),
        "{overtaken:?}"
    );
    // Nor may an entry be handed over that a write began to move meanwhile.
    let as_of = ledger.as_of();
    world.denied(OURS).await;
    world.settle().await;
    let kinds = world.kinds().await;
    assert!(kinds.contains(&"write_intended"), "{kinds:?}");
    let overtaken = ledger.append_as_of(now, as_of, vec![cleared(3)]).await;
    assert!(
        matches!(overtaken, Err(StoreError::Conflict)),
        "{overtaken:?}"
    );
}
