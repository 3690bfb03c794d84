//! Teams with shares of one day: who pays, who is refused and what it hears, what the ledger keeps of it.

use super::*;
use crate::team::Class;

const MATHS: TeamId = TeamId::new(2);
const NIGHTLY: TeamId = TeamId::new(3);

fn share(team: &str, guaranteed: u32, ceiling: Option<u32>, class: Class) -> Share {
    Share { team: team.into(), guaranteed, ceiling, class }
}

/// The default team, pages of foreign origins, one team with a guarantee and one of machines.
fn shares() -> Vec<Share> {
    vec![
        share("default", 0, None, Class::Interactive),
        share("browser", 0, Some(2), Class::Interactive),
        share("maths", 40, Some(60), Class::Interactive),
        share("nightly", 0, None, Class::Batch),
    ]
}

fn office(daily_calls: u32) -> Office {
    Office { shares: shares(), ..Office::new(daily_calls) }
}

impl Budget {
    async fn ask_for(&self, teams: &[TeamId]) -> Result<Reservation, Refusals> {
        let waiting = || teams.to_vec();
        self.reserve(PORTAL, Wish::of_askers(&waiting)).await
    }

    /// Spends so many calls for one team.
    async fn spend(&self, team: TeamId, calls: u64) {
        for _ in 0..calls {
            let mut call = self.ask_for(&[team]).await.unwrap();
            call.depart();
            drop(call.settle(&bare(200)));
        }
    }

    async fn refused(&self, team: TeamId) -> Refused {
        self.ask_for(&[team]).await.unwrap_err().of(team).unwrap()
    }

    fn team(&self, name: &str) -> TeamReport {
        self.report(PORTAL).teams.into_iter().find(|team| team.team == name).unwrap()
    }
}

#[tokio::test]
async fn one_team_cannot_end_everybodys_day() {
    let budget = office(100).open_learnt().await;
    budget.spend(TeamId::DEFAULT, 59).await;
    let refused = budget.refused(TeamId::DEFAULT).await;
    assert_eq!((refused.reason(), refused.limit, refused.used), ("guaranteed-to-others", 100, 60));
    // A fortieth of the guarantee is released in ten minutes after five, the first call at once.
    assert_eq!(refused.until.to_string(), "2026-03-01T17:00:00.001Z");
    let standing = refused.team.unwrap();
    assert_eq!((standing.team, standing.spent, standing.guaranteed, standing.ceiling), (TeamId::DEFAULT, 59, 0, None));
    assert_eq!(budget.used(), 60, "a refusal is never charged");
    budget.spend(MATHS, 40).await;
    assert_eq!(budget.refused(MATHS).await.reason(), "exhausted");
}

#[tokio::test]
async fn a_ceiling_holds_until_the_day_ends_and_says_whose_it_is() {
    let office = office(100);
    let budget = office.open_learnt().await;
    budget.spend(TeamId::BROWSER, 2).await;
    let refused = budget.refused(TeamId::BROWSER).await;
    assert_eq!((refused.reason(), refused.limit, refused.used), ("team-ceiling", 2, 2));
    assert_eq!(refused.until, at("2026-03-02T00:00:02Z"), "with the skew of the portal's clock");
    office.pass(12 * 3600 + 2);
    budget.spend(TeamId::BROWSER, 1).await;
}

#[tokio::test]
async fn machines_keep_to_the_pace_of_the_day() {
    let office = office(100);
    let budget = office.open_learnt().await;
    // At noon: half of the 59 that are free, and a twentieth.
    budget.spend(NIGHTLY, 32).await;
    let refused = budget.refused(NIGHTLY).await;
    assert_eq!((refused.reason(), refused.limit, refused.used), ("batch-pace", 32, 32));
    budget.spend(TeamId::DEFAULT, 1).await;
    office.pass(u64::try_from(refused.until.duration_since(at(NOON)).as_secs()).unwrap() + 1);
    budget.spend(NIGHTLY, 1).await;
    assert_eq!(budget.refused(NIGHTLY).await.reason(), "batch-pace");
}

#[tokio::test]
async fn the_first_of_those_who_wait_that_may_spend_pays() {
    let budget = office(100).open_learnt().await;
    assert_eq!(budget.ask_for(&[NIGHTLY, TeamId::DEFAULT]).await.unwrap().payer(), Some(NIGHTLY));
    budget.spend(TeamId::DEFAULT, 59).await;
    let call = budget.ask_for(&[TeamId::DEFAULT, NIGHTLY, MATHS, TeamId::BROWSER]).await.unwrap();
    assert_eq!(call.payer(), Some(MATHS));
    drop(call);
    assert_eq!((budget.team("maths").spent, budget.team("default").spent), (0, 59), "what never left nobody has paid");
}

#[tokio::test]
async fn if_nobody_may_spend_each_hears_its_own_reason() {
    let budget = office(100).open_learnt().await;
    budget.spend(TeamId::BROWSER, 2).await;
    budget.spend(TeamId::DEFAULT, 57).await;
    let refusals = budget.ask_for(&[TeamId::BROWSER, TeamId::DEFAULT, TeamId::BROWSER]).await.unwrap_err();
    let reason = |team| refusals.of(team).map(|refused| refused.reason());
    assert_eq!((reason(TeamId::BROWSER), reason(TeamId::DEFAULT)), (Some("team-ceiling"), Some("guaranteed-to-others")));
    assert_eq!(reason(MATHS), None, "who joined after the decision asks again");
    assert_eq!(budget.ask_for(&[]).await.unwrap_err(), Refusals::default(), "for nobody nothing is spent");
    assert_eq!(budget.used(), 60);
}

#[tokio::test]
async fn a_team_that_the_portal_does_not_know_pays_as_the_default_team() {
    let budget = office(100).open_learnt().await;
    let stranger = TeamId::new(77);
    assert_eq!(budget.ask_for(&[stranger]).await.unwrap().payer(), Some(TeamId::DEFAULT));
    budget.spend(TeamId::DEFAULT, 59).await;
    assert_eq!(budget.refused(stranger).await.reason(), "guaranteed-to-others");
    assert_eq!(budget.rate_limits(PORTAL, stranger), budget.rate_limits(PORTAL, TeamId::DEFAULT));
}

#[tokio::test]
async fn a_key_that_has_proven_nothing_is_paid_by_its_team() {
    let budget = office(100).open_learnt().await;
    let waiting = || vec![TeamId::BROWSER];
    let keyed = Wish::of_askers(&waiting).with_credential(Some("k"));
    for _ in 0..2 {
        let mut call = budget.reserve(PORTAL, keyed).await.unwrap();
        call.depart();
        drop(call.settle(&bare(200)));
    }
    let another = keyed.with_credential(Some("another"));
    assert_eq!(budget.reserve(PORTAL, another).await.unwrap_err().of(TeamId::BROWSER).unwrap().reason(), "team-ceiling");
    // The first key shows an account of its own, with a call that another team pays.
    let maths = || vec![MATHS];
    for _ in 0..2 {
        let mut call = budget.reserve(PORTAL, Wish::of_askers(&maths).with_credential(Some("k"))).await.unwrap();
        call.depart();
        drop(call.settle(&answer(200, 10_000, 9_000, TONIGHT)));
    }
    assert_eq!(budget.reserve(PORTAL, keyed).await.unwrap().payer(), Some(TeamId::BROWSER), "its own account asks no share");
    assert_eq!((budget.team("browser").spent, budget.team("maths").spent), (2, 1));
}

#[tokio::test]
async fn what_teams_have_spent_survives_a_kill_with_the_call_under_way() {
    let office = Office { shares: shares(), ..Office::at("2026-03-01T23:59:50Z", 100) };
    let budget = office.open_learnt().await;
    budget.spend(MATHS, 3).await;
    let mut under_way = budget.ask_for(&[MATHS]).await.unwrap();
    under_way.depart();
    budget.kill();
    let budget = office.open();
    assert_eq!(budget.team("maths").spent, 4);
    budget.close().await;
    // Down over midnight: the call may have been counted on the new day too.
    office.pass(15);
    let budget = office.open();
    assert_eq!((budget.team("maths").spent, budget.used()), (1, 1));
    drop(under_way);
}

#[tokio::test]
async fn a_renamed_team_begins_at_nothing_and_its_old_rows_are_shown() {
    let office = office(100);
    let budget = office.open_learnt().await;
    budget.spend(MATHS, 7).await;
    budget.close().await;
    let mut shares = shares();
    shares[2].team = "analysis".into();
    shares.swap(2, 3);
    let office = Office { shares, ..office };
    let budget = office.open();
    assert_eq!((budget.team("analysis").spent, budget.team("nightly").spent), (0, 0));
    let old = budget.team("maths");
    assert_eq!((old.spent, old.class, old.may_spend), (7, None, 0));
    assert_eq!(budget.used(), 8);
    budget.close().await;
    // With its old name it has spent what it has.
    let office = Office { shares: self::shares(), ..office };
    assert_eq!(office.open().team("maths").spent, 7);
}

#[tokio::test]
async fn a_changed_share_holds_at_once_and_is_recorded() {
    let office = office(100);
    let budget = office.open_learnt().await;
    assert_eq!(budget.explain(PORTAL, None).changes, [], "the first configuration is no change");
    budget.spend(MATHS, 10).await;
    budget.close().await;
    office.pass(60);
    let mut shares = shares();
    (shares[2].guaranteed, shares[2].ceiling) = (5, Some(10));
    shares.truncate(3);
    let office = Office { shares, settings: config::Budget { release: Duration::from_secs(16 * 3600), ..office.settings }, ..office };
    let budget = office.open();
    assert_eq!(budget.refused(MATHS).await.reason(), "team-ceiling");
    let said = |budget: &Budget| -> Vec<String> {
        let changes = budget.explain(PORTAL, None).changes;
        assert!(changes.iter().all(|change| change.at == at("2026-03-01T12:01:00Z")), "{changes:?}");
        let or = |text: Option<String>| text.unwrap_or_else(|| "-".into());
        changes.into_iter().map(|c| format!("{} {} {} {}", or(c.team), c.what, or(c.from), or(c.to))).collect()
    };
    let mut expected = vec![
        "nightly guaranteed 0 -",
        "nightly class batch -",
        "nightly ceiling none -",
        "maths guaranteed 40 5",
        "maths ceiling 60 10",
        "- release 17:00 16:00",
    ];
    assert_eq!(said(&budget), expected);
    budget.close().await;
    assert_eq!(said(&office.open()), std::mem::take(&mut expected), "and kept");
}

#[tokio::test]
async fn a_limit_that_the_portal_lowers_scales_all_guarantees_and_is_recorded() {
    let mut shares = shares();
    shares[0].guaranteed = 20;
    let office = Office { shares, ..Office::new(100) };
    let budget = office.open_learnt().await;
    for _ in 0..2 {
        // The second of two such answers is believed.
        let mut call = budget.ask_for(&[NIGHTLY]).await.unwrap();
        call.depart();
        drop(call.settle(&answer(200, 33, 30, TONIGHT)));
    }
    let explained = budget.explain(PORTAL, None);
    assert_eq!((explained.limit, explained.available, explained.scaled, explained.free), (33, 30, true, 0));
    assert_eq!((budget.team("default").in_force, budget.team("maths").in_force), (10, 20));
    assert_eq!(budget.refused(NIGHTLY).await.reason(), "guaranteed-to-others");
    let change = &explained.changes[0];
    assert_eq!((change.what.as_str(), change.from.as_deref(), change.to.as_deref()), ("limit", Some("100"), Some("33")));
    assert_eq!(budget.rate_limits(PORTAL, MATHS).team, RateLimit { limit: 33, remaining: 20, reset: at("2026-03-02T00:00:00Z") });
}

#[tokio::test]
async fn clients_are_told_what_their_team_may_still_spend_as_soon_as_it_changes() {
    let office = office(100);
    let budget = office.open_learnt().await;
    let told = |team| {
        let RateLimits { team, portal } = budget.rate_limits(PORTAL, team);
        [team.limit, team.remaining, portal.limit, portal.remaining]
    };
    assert_eq!([told(TeamId::DEFAULT), told(TeamId::BROWSER)], [[100, 59, 100, 99], [2, 2, 100, 99]]);
    assert_eq!([told(MATHS), told(NIGHTLY)], [[60, 60, 100, 99], [100, 32, 100, 99]]);
    budget.spend(TeamId::DEFAULT, 50).await;
    assert_eq!([told(TeamId::DEFAULT), told(MATHS), told(NIGHTLY)], [[100, 9, 100, 49], [60, 49, 100, 49], [100, 9, 100, 49]]);
    office.pass(10 * 3600);
    assert_eq!(told(TeamId::DEFAULT), [100, 40, 100, 49], "and as time passes");
    drop(sent(&budget, Purpose::Look).await.settle(&refusal(10005, None)));
    assert_eq!(told(MATHS), [60, 0, 100, 0], "nothing, while the portal refuses all");
    office.pass(2 * 3600 + 2);
    assert_eq!(told(MATHS), [60, 60, 100, 100]);
}

#[tokio::test]
async fn at_midnight_nobody_spends_what_the_new_day_guarantees_to_others() {
    let office = Office { shares: shares(), ..Office::at("2026-03-01T23:50:00Z", 50) };
    let budget = office.open_learnt().await;
    office.pass(599);
    // Everything is released, but these calls may count on the day that begins, which guarantees 40.
    budget.spend(TeamId::DEFAULT, 10).await;
    let refused = budget.refused(TeamId::DEFAULT).await;
    assert_eq!((refused.reason(), refused.until.to_string().as_str()), ("guaranteed-to-others", "2026-03-02T17:00:00.001Z"));
    budget.spend(MATHS, 39).await;
}

#[tokio::test]
async fn a_ledger_from_before_there_were_teams_is_taken_over() {
    let office = office(100);
    let budget = office.open_learnt().await;
    budget.spend(MATHS, 9).await;
    budget.close().await;
    let as_it_was = "DROP TABLE team_day; DROP TABLE dataset; DROP TABLE setting; DROP TABLE setting_change;
        ALTER TABLE call DROP COLUMN team; INSERT INTO call VALUES ('education', 77, 1772366399000, 'anonymous', '20513');
        PRAGMA user_version = 1;";
    office.ledger().execute_batch(as_it_was).unwrap();
    for _ in 0..2 {
        let budget = office.open();
        assert_eq!((budget.used(), budget.account(0).limit), (10, Some(100)), "the count is not lost");
        assert_eq!((budget.team("maths").spent, budget.explain(PORTAL, None).others), (0, 9), "but no team's");
        budget.close().await;
    }
    let budget = office.open();
    budget.spend(MATHS, 2).await;
    budget.close().await;
    assert_eq!(office.open().team("maths").spent, 2);
    assert!(!std::fs::read_dir(office.dir.path()).unwrap().any(|entry| entry.unwrap().file_name().to_string_lossy().contains("bad")));
}

#[tokio::test]
async fn a_ledger_from_before_there_were_teams_can_be_read_where_it_cannot_be_changed() {
    let office = office(100);
    let budget = office.open_learnt().await;
    budget.spend(MATHS, 9).await;
    budget.close().await;
    let as_it_was = "DROP TABLE team_day; DROP TABLE dataset; DROP TABLE setting; DROP TABLE setting_change;
        ALTER TABLE call DROP COLUMN team; PRAGMA user_version = 1;";
    office.ledger().execute_batch(as_it_was).unwrap();
    std::fs::create_dir(office.dir.path().join("ledger.sqlite-wal")).unwrap();
    let budget = office.open();
    assert_eq!((budget.used(), budget.writable()), (10, false));
}

#[tokio::test]
async fn another_time_is_explained_as_if_nothing_were_spent_before() {
    let office = office(100);
    let budget = office.open_learnt().await;
    budget.spend(TeamId::DEFAULT, 59).await;
    let may_spend = |time: &str| -> Vec<u64> {
        let explained = budget.explain(PORTAL, Some(at(time)));
        explained.teams.iter().map(|team| team.may_spend).collect()
    };
    assert_eq!(may_spend("2026-03-01T16:00:00Z"), [0, 0, 40, 0]);
    assert_eq!(may_spend("2026-03-01T20:15:00Z"), [20, 2, 40, 20]);
    assert_eq!(may_spend("2026-03-01T23:30:00Z"), [40, 2, 40, 40]);
    assert_eq!(may_spend("2026-03-02T00:00:00Z"), [60, 2, 60, 3], "tomorrow all is there again");
    let now = budget.explain(PORTAL, None);
    assert_eq!((now.used, now.looks, now.others, now.open, now.free), (60, 1, 0, 40, 0));
    assert_eq!(now.teams[0].refused, Some("guaranteed-to-others"));
    assert_eq!((now.release.as_str(), now.released.as_str()), ("17:00", "23:30"));
}
