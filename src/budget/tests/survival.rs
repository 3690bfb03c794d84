//! What survives: a kill, a restart, a full disk, a damaged file; and who may not open it.

use std::fs;

use super::*;

#[tokio::test]
async fn a_kill_loses_no_call_that_left() {
    let office = Office::new(100);
    let budget = office.open_learnt().await;
    let mut calls = Vec::new();
    for _ in 0..5 {
        calls.push(sent(&budget, Purpose::Fill).await);
    }
    budget.kill();
    let budget = office.open();
    assert_eq!(budget.used(), 6);
    assert_eq!(budget.account(0).in_flight, 0, "a dead process waits for nothing");
    drop(sent(&budget, Purpose::Look).await);
}

#[tokio::test]
async fn a_kill_before_midnight_and_a_start_after_it_charge_both_days() {
    for (down, expected) in [(10, 0), (20, 1), (30 * 3600, 0)] {
        let office = Office::at("2026-03-01T23:59:45Z", 100);
        let budget = office.open_learnt().await;
        let call = sent(&budget, Purpose::Fill).await;
        budget.kill();
        office.pass(down);
        let budget = office.open();
        let second = at("2026-03-02T00:00:00Z").as_second() / 86_400;
        drop(budget.ask(None, Purpose::Look).await.unwrap());
        budget.close().await;
        let own = office.ledger().query_row("SELECT own FROM day WHERE day = ?1", [second], |row| row.get::<_, i64>(0)).unwrap_or(0);
        assert_eq!(own, if down == 30 * 3600 { 1 } else { expected }, "{down} s down");
        drop(call);
    }
}

#[tokio::test]
async fn exactly_one_reset_a_day_over_restarts_around_midnight_and_after_a_week() {
    let office = Office::at("2026-03-01T23:59:50Z", 100);
    let mut used = Vec::new();
    let mut budget = office.open_learnt().await;
    for pause in [9, 2, 3600, 7 * 86_400] {
        budget.close().await;
        office.pass(pause);
        budget = office.open();
        used.push((budget.used(), budget.rate_limits(PORTAL, TeamId::DEFAULT).portal.reset.to_string()));
        drop(sent(&budget, Purpose::Fill).await.settle(&bare(200)));
    }
    // Within two seconds of midnight a call counts on both days.
    let expected = [(1, "2026-03-02"), (1, "2026-03-03"), (2, "2026-03-03"), (0, "2026-03-10")];
    assert_eq!(used, expected.map(|(used, day)| (used, format!("{day}T00:00:00Z"))));
}

#[tokio::test]
async fn a_second_process_on_the_directory_is_refused_by_name() {
    let office = Office::new(100);
    let budget = office.open();
    let refused = office.try_open(office.dir.path()).unwrap_err();
    assert!(matches!(refused, OpenError::Locked { .. }));
    assert!(refused.to_string().contains(&office.dir.path().display().to_string()));
    budget.close().await;
    drop(office.open());
    drop(office.open());
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_named() {
    let office = Office::new(100);
    let file = office.dir.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(office.try_open(&file.join("data")).unwrap_err(), OpenError::Directory { .. }));
}

#[tokio::test]
async fn while_the_ledger_cannot_be_written_no_call_leaves() {
    let office = Office::new(100);
    let budget = office.open_learnt().await;
    let under_way = sent(&budget, Purpose::Fill).await;
    let disk = office.ledger();
    disk.execute_batch("CREATE TRIGGER full BEFORE INSERT ON day BEGIN SELECT RAISE(ABORT, 'disk full'); END").unwrap();
    for _ in 0..3 {
        let refused = budget.ask(None, Purpose::Fill).await.unwrap_err();
        assert_eq!((refused.reason(), refused.used), ("ledger-unwritable", 2));
        assert!(!budget.writable() && !budget.report(PORTAL).ledger_writable);
    }
    drop(under_way.settle(&answer(200, 100, 97, TONIGHT)));
    assert_eq!(budget.used(), 3);
    disk.execute_batch("DROP TRIGGER full").unwrap();
    drop(sent(&budget, Purpose::Fill).await.settle(&bare(200)));
    assert!(budget.writable());
    budget.close().await;
    assert_eq!(office.open().used(), 4, "and what was learnt meanwhile is written");
}

#[cfg(unix)]
#[tokio::test]
async fn a_ledger_that_cannot_be_opened_yet_grants_nothing_and_counts_once_it_can() {
    let office = Office::new(100);
    office.open_learnt().await.close().await;
    let (ledger, away) = (office.dir.path().join("ledger.sqlite"), office.dir.path().join("away"));
    fs::rename(&ledger, &away).unwrap();
    // Not even the superuser can open a link that points at itself.
    std::os::unix::fs::symlink(&ledger, &ledger).unwrap();
    let budget = office.open();
    assert!(!budget.writable());
    for _ in 0..3 {
        assert_eq!(budget.ask(None, Purpose::Fill).await.unwrap_err().reason(), "ledger-unwritable");
    }
    fs::rename(&away, &ledger).unwrap();
    drop(sent(&budget, Purpose::Fill).await);
    assert_eq!((budget.used(), budget.writable()), (2, true));
    budget.close().await;
    assert_eq!(office.open().used(), 2);
}

#[tokio::test]
async fn a_ledger_can_be_read_where_nothing_can_be_written_beside_it() {
    let office = Office::new(100);
    office.open_learnt().await.close().await;
    // SQLite wants to write its log there.
    fs::create_dir(office.dir.path().join("ledger.sqlite-wal")).unwrap();
    let budget = office.open();
    assert_eq!((budget.used(), budget.writable()), (1, false), "the last known figure");
    assert_eq!(budget.ask(None, Purpose::Fill).await.unwrap_err().reason(), "ledger-unwritable");
}

#[tokio::test]
async fn a_damaged_ledger_is_set_aside_and_the_count_is_learnt() {
    let damages: [fn(&Path); 5] = [
        |ledger| fs::write(ledger, "not a database, but as long as one might be ".repeat(300)).unwrap(),
        |ledger| fs::write(ledger, &fs::read(ledger).unwrap()[..6000]).unwrap(),
        |ledger| {
            let mut bytes = fs::read(ledger).unwrap();
            bytes[4096..].fill(0xff);
            fs::write(ledger, bytes).unwrap();
        },
        |ledger| rusqlite::Connection::open(ledger).unwrap().execute_batch("PRAGMA user_version = 99").unwrap(),
        |ledger| rusqlite::Connection::open(ledger).unwrap().execute_batch("DROP TABLE day").unwrap(),
    ];
    for (n, damage) in damages.into_iter().enumerate() {
        let office = Office::new(5000);
        office.open_learnt().await.close().await;
        damage(&office.dir.path().join("ledger.sqlite"));
        let budget = office.open();
        let aside = fs::read_dir(office.dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert!(aside.into_iter().any(|name| name.starts_with("ledger.sqlite.bad-")), "damage {n}");
        assert!(budget.wants_look(PORTAL), "never assumes 0");
        assert_eq!(budget.account(0).state, State::Learning);
        drop(sent(&budget, Purpose::Look).await.settle(&answer(200, 5000, 1234, TONIGHT)));
        assert_eq!(budget.used(), 5000 - 1234);
        budget.close().await;
        assert_eq!(office.open().used(), 5000 - 1234);
    }
}

#[tokio::test]
async fn a_ledger_cut_to_nothing_is_an_empty_one() {
    let office = Office::new(5000);
    office.open_learnt().await.close().await;
    fs::write(office.dir.path().join("ledger.sqlite"), "").unwrap();
    let budget = office.open();
    assert!(budget.wants_look(PORTAL));
}

#[tokio::test]
async fn rows_that_make_no_sense_are_no_reason_to_panic() {
    let office = Office::new(5000);
    office.open_learnt().await.close().await;
    let ledger = office.ledger();
    let nonsense = "INSERT INTO account VALUES ('education', 'team:x', 'abc', 7, 'moon', 9223372036854775807);
        INSERT INTO account VALUES ('education', 'key:x', '-1', 1, 'domain', 9223372036854775807);
        INSERT INTO day VALUES ('education', 'key:x', -9223372036854775808, -1, 9223372036854775807, 9223372036854775807, 0, 0);
        INSERT INTO call VALUES ('education', 7, 9223372036854775807, 'key:x', '1', '');
        INSERT INTO call VALUES ('education', 8, 0, '', '', NULL);
        INSERT INTO call VALUES ('education', 9223372036854775806, 0, 'anonymous', '9223372036854775807', 'nobody');
        INSERT INTO team_day VALUES ('education', -9223372036854775808, '', -1);
        INSERT INTO team_day VALUES ('education', 9223372036854775807, 'nobody', 9223372036854775807);
        INSERT INTO dataset VALUES ('education', 'team:x', 'd', 1, 1, NULL, 0, 0, 0);
        INSERT INTO dataset VALUES ('education', 'anonymous', '', -1, -1, 9223372036854775807, 0, -1, -9223372036854775808);
        INSERT INTO setting VALUES ('education', 'nobody', 'what', 'ever');
        INSERT INTO setting_change VALUES ('education', 9223372036854775807, 9223372036854775807, NULL, '', NULL, NULL);
        INSERT INTO setting_change VALUES ('education', 9223372036854775806, 0, NULL, '', NULL, NULL);";
    ledger.execute_batch(nonsense).unwrap();
    drop(ledger);
    let budget = office.open();
    assert_eq!(budget.used(), 1);
    drop(sent(&budget, Purpose::Look).await.settle(&answer(200, 5000, 4000, TONIGHT)));
    assert_eq!(budget.used(), 1000);
}

#[tokio::test]
async fn old_days_are_dropped_from_the_ledger() {
    let office = Office::new(100);
    let budget = office.open_learnt().await;
    drop(sent_with(&budget, "k").await.settle(&bare(200)));
    for _ in 0..70 {
        office.pass(86_400);
        drop(sent(&budget, Purpose::Fill).await.settle(&bare(200)));
    }
    budget.close().await;
    let count = |sql: &str| office.ledger().query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM day WHERE account = 'anonymous'"), 60);
    assert_eq!(count("SELECT count(*) FROM day WHERE account <> 'anonymous'"), 0);
    assert_eq!(count("SELECT count(*) FROM account WHERE account <> 'anonymous'"), 0);
    assert_eq!(count("SELECT count(*) FROM call"), 0);
}

#[tokio::test]
async fn portals_have_ledgers_of_their_own_in_one_file() {
    let office = Office::new(100);
    let portals = ["a", "b"].map(|name| PortalBudget {
        name: name.into(),
        daily_calls: NonZeroU32::new(10).unwrap(),
        shares: default_shares(),
        accounts: Vec::new(),
    });
    let open = || Budget::open(office.dir.path(), &portals, &office.settings, office.clock.clone()).unwrap();
    let budget = open();
    let waiting = || vec![TeamId::DEFAULT];
    let mut call = budget.reserve("a", Wish::of_askers(&waiting)).await.unwrap();
    call.depart();
    drop(call.settle(&refusal(10005, None)));
    let mut other = budget.reserve("b", Wish::of_askers(&waiting)).await.unwrap();
    other.depart();
    drop(other.settle(&answer(200, 10, 3, TONIGHT)));
    budget.close().await;
    let budget = open();
    let [a, b] = ["a", "b"].map(|name| budget.report(name).accounts.swap_remove(0));
    assert_eq!((a.used, a.state, b.used, b.state), (1, State::ClosedAnonymous, 7, State::Learning));
}
