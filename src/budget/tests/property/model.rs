//! The model: a portal that counts, a process that calls it, and the ledger's image on disk.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::super::*;
use super::oracle::Oracle;
use crate::budget::book::rows::{AccountRow, CallRow, DayRow, Rows, TeamRow};
use crate::budget::day::Day;
use crate::budget::wish::Bid;
use crate::team::TeamId;

const PERMITS: usize = 8;
const KEY: &str = "key";
const INVENTED: &str = "invented";
/// What the real key may call a day.
const KEY_QUOTA: u64 = 1_000;
/// How late a call that nobody waits for any more may still be counted.
const LATE: Duration = Duration::from_secs(59);
/// No call is under way for longer than this: it times out.
const LONGEST: Duration = Duration::from_secs(3000);

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    Anonymous,
    /// A key with an account of its own.
    Key,
    /// A key that the portal does not know, and treats as nobody's.
    InventedKey,
}

/// What the portal answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answering {
    /// Figures, or a 429 once the quota is out.
    Honestly,
    WithoutFigures,
    WithNonsense,
    With500,
    With429,
}

/// A call on our side.
struct Out {
    id: u64,
    caller: Caller,
    team: Option<String>,
    change: u64,
    since: Duration,
    departed: Option<Duration>,
    /// The answer, and what the portal has counted by then on which day, if it says so.
    answer: Option<(Seen, Option<(Day, u64)>)>,
    record: Option<usize>,
    /// The wall clock could not be believed at some time of its life.
    astray: bool,
}

/// A call that the portal received.
struct Record {
    caller: Caller,
    team: Option<String>,
    day: Day,
    /// Not to be found in the ledger: the ledger vanished, or the clock was wrong and no answer has told.
    excused: bool,
    /// Only its answer told where to charge it, and that is not on disk.
    unwritten: bool,
}

/// A call that nobody waits for, and that the portal may still receive.
struct Late {
    caller: Caller,
    team: Option<String>,
    until: Duration,
    excused: bool,
}

/// What is on disk.
#[derive(Default)]
struct Disk {
    accounts: BTreeMap<String, AccountRow>,
    days: BTreeMap<(String, i64), DayRow>,
    calls: BTreeMap<u64, CallRow>,
    teams: BTreeMap<(String, i64), TeamRow>,
    durable: u64,
}

pub struct Model {
    clock: Clock,
    start: Timestamp,
    offset: SignedDuration,
    quota: u64,
    shares: Vec<Share>,
    book: Book,
    disk: Disk,
    out: Vec<Out>,
    late: Vec<Late>,
    records: Vec<Record>,
    /// What the portal has accepted, of everybody, per account and day: what its figures say.
    accepted: BTreeMap<(bool, Day), u64>,
    /// Since the wall clock leapt, no answer has told the day.
    astray: bool,
    /// When it leapt.
    leapt: Duration,
    /// The latest day that it has shown.
    furthest: Day,
    /// The least that each count may be from now on, as long as the process lives…
    least: Counts,
    /// …and after it died.
    least_on_disk: Counts,
}

/// Calls of a day: all of the anonymous account's, and each team's.
type Counts = BTreeMap<(Option<String>, Day), u64>;

impl Model {
    pub fn new(now: &str, offset_ms: i64, quota: u64, shares: Vec<Share>) -> Self {
        let start: Timestamp = now.parse().unwrap();
        let clock = Clock::manual(start);
        Self {
            book: open(quota, &shares, Rows::default(), &clock),
            shares,
            clock,
            start,
            offset: SignedDuration::from_millis(offset_ms),
            quota,
            disk: Disk::default(),
            out: Vec::new(),
            late: Vec::new(),
            records: Vec::new(),
            accepted: BTreeMap::new(),
            astray: false,
            leapt: Duration::ZERO,
            furthest: Day::of(start),
            least: Counts::new(),
            least_on_disk: Counts::new(),
        }
    }

    /// Asks for a call for the teams with these numbers, in this order. Says which pays.
    pub fn reserve(&mut self, purpose: Purpose, caller: Caller, teams: &[u16]) -> Option<TeamId> {
        if self.out.len() >= PERMITS {
            return None;
        }
        let (credential, purpose) = match caller {
            Caller::Anonymous => (None, purpose),
            Caller::Key => (Some(KEY), Purpose::Fill),
            Caller::InventedKey => (Some(INVENTED), Purpose::Fill),
        };
        let reading = self.clock.read();
        let askers: Vec<TeamId> = teams.iter().map(|team| TeamId::new(team % self.shares.len() as u16)).collect();
        let bid = Bid { purpose, credential, dataset: None, teams: if purpose == Purpose::Fill { &askers } else { &[] } };
        let oracle = (caller != Caller::Key && purpose == Purpose::Fill && !self.astray)
            .then(|| Oracle::look(&mut self.book, &self.shares, reading))
            .flatten();
        match self.book.grant(&bid, reading) {
            Verdict::Granted { id, change, team } => {
                if let Some(oracle) = oracle {
                    oracle.granted(&askers, team, &mut self.book, &self.shares, reading);
                }
                if !self.astray && caller != Caller::Key {
                    // By the clock as the portal has corrected it.
                    let at = self.book.explain(None, reading).at;
                    let used = self.book.count(&Account::Anonymous, Day::of(at), reading).used();
                    assert!(used <= self.quota, "granted beyond the quota: {used} of {} at {at}", self.quota);
                }
                let (since, astray) = (reading.elapsed, self.astray);
                let payer = team.filter(|_| caller != Caller::Key).map(|team| self.shares[team.index()].team.clone());
                self.out.push(Out { id, caller, team: payer, change, since, departed: None, answer: None, record: None, astray });
                team
            }
            Verdict::Wait => {
                assert!(!self.out.is_empty(), "waits for nobody");
                None
            }
            Verdict::Refused(refusals) => {
                if let Some(oracle) = oracle {
                    oracle.refused(&askers, &refusals);
                }
                None
            }
        }
    }

    pub fn write(&mut self) {
        if let Some(batch) = self.book.take_batch() {
            self.disk.durable = batch.change;
            self.records.iter_mut().for_each(|record| record.unwritten = false);
            self.disk.accounts.extend(batch.rows.accounts.iter().map(|row| (row.account.clone(), row.clone())));
            self.disk.days.extend(batch.rows.days.iter().map(|row| ((row.account.clone(), row.day), row.clone())));
            self.disk.calls.extend(batch.rows.calls.iter().map(|row| (row.id, row.clone())));
            self.disk.calls.retain(|id, _| !batch.over.contains(id));
            self.disk.teams.extend(batch.rows.teams.iter().map(|row| ((row.team.clone(), row.day), row.clone())));
            self.least_on_disk = self.certain();
        }
    }

    /// Whoever waits for the write is refused.
    pub fn fail_to_write(&mut self) {
        let Some(batch) = self.book.take_batch() else { return };
        self.book.return_batch(batch);
        let waiting: Vec<u64> = self.out.iter().filter(|call| call.change > self.disk.durable).map(|call| call.id).collect();
        for id in waiting {
            self.book.give_back(id, false, self.clock.read());
            self.out.retain(|call| call.id != id);
        }
    }

    pub fn depart(&mut self, n: usize) {
        let durable = self.disk.durable;
        let Some(call) = pick(&mut self.out, n, |call| call.departed.is_none() && call.change <= durable) else { return };
        let reading = self.clock.read();
        call.departed = Some(reading.elapsed);
        self.book.depart(call.id, reading);
    }

    pub fn arrive(&mut self, n: usize, how: Answering) {
        let Some(call) = pick(&mut self.out, n, |call| call.departed.is_some() && call.answer.is_none()) else { return };
        let (id, caller, team, excused) = (call.id, call.caller, call.team.clone(), call.astray);
        let (counted, day) = self.receive(caller, team, excused);
        let answer = self.written(how, caller, counted, day);
        let record = Some(self.records.len() - 1);
        let call = self.out.iter_mut().find(|call| call.id == id).unwrap();
        (call.answer, call.record) = (Some(answer), record);
    }

    pub fn answer(&mut self, n: usize) {
        let Some(at) = position(&self.out, n, |call| call.answer.is_some()) else { return };
        let call = self.out.remove(at);
        let (seen, figure) = call.answer.unwrap();
        let reading = self.clock.read();
        let before = self.day_counts();
        self.book.settle(call.id, &seen, reading);
        assert!(self.day_counts().iter().zip(&before).all(|(now, before)| now >= before), "a settled call lowered the count");
        let Some((day, counted)) = figure else { return };
        let account = if call.caller == Caller::Key { Account::Key(KEY.into()) } else { Account::Anonymous };
        if call.caller == Caller::Anonymous || call.caller == Caller::Key {
            let tally = self.book.count(&account, day, reading);
            assert!(tally.used() >= counted || tally.suspected, "the portal says {counted}, we say {tally:?}");
        }
        let record = &mut self.records[call.record.unwrap()];
        record.unwritten = std::mem::replace(&mut record.excused, false);
        // A slow answer tells little of the portal's clock.
        if call.since >= self.leapt && call.departed == Some(reading.elapsed) && self.book.report(true, reading).day_known {
            self.astray = false;
        }
    }

    pub fn drop_call(&mut self, n: usize) {
        if let Some(at) = position(&self.out, n, |_| true) {
            self.drop_call_at(at);
        }
    }

    fn drop_call_at(&mut self, at: usize) {
        let call = self.out.remove(at);
        if call.departed.is_none() {
            return self.book.give_back(call.id, false, self.clock.read());
        }
        self.book.lose(call.id, self.clock.read());
        self.leave_late(call);
    }

    /// The connection could not be made.
    pub fn give_back(&mut self, n: usize) {
        let Some(at) = position(&self.out, n, |call| call.departed.is_some() && call.answer.is_none()) else { return };
        let call = self.out.remove(at);
        self.book.give_back(call.id, true, self.clock.read());
    }

    pub fn arrive_late(&mut self, n: usize) {
        if self.late.is_empty() {
            return;
        }
        let late = self.late.remove(n % self.late.len());
        self.receive(late.caller, late.team, late.excused);
    }

    pub fn pass(&mut self, by: Duration) {
        let then = self.clock.read().elapsed + by;
        while let Some(at) = self.out.iter().position(|call| then.saturating_sub(call.since) > LONGEST) {
            self.drop_call_at(at);
        }
        self.clock.advance(by);
        let elapsed = self.clock.read().elapsed;
        self.late.retain(|late| late.until >= elapsed);
    }

    /// To the true midnight, whatever the wall clock says.
    pub fn pass_to_midnight(&mut self, offset_ms: i64) {
        let now = self.truly();
        let target = Day::of(now).end() + SignedDuration::from_millis(offset_ms);
        if let Ok(by) = Duration::try_from(target.duration_since(now)) {
            self.pass(by);
        }
    }

    pub fn leap(&mut self, by: SignedDuration) {
        self.furthest = self.furthest.max(Day::of(self.clock.now()));
        self.clock.leap(by);
        self.furthest = self.furthest.max(Day::of(self.clock.now()));
        self.go_astray();
    }

    /// Until an answer has told the day, calls may be counted on one that no look at the clock has shown.
    fn go_astray(&mut self) {
        (self.astray, self.leapt) = (true, self.clock.read().elapsed);
        for call in &mut self.out {
            call.astray = true;
            if let Some(record) = call.record {
                self.records[record].excused = true;
            }
        }
        self.late.iter_mut().for_each(|late| late.excused = true);
    }

    pub fn others(&mut self, calls: u64) {
        let day = self.portals_day();
        let accepted = self.accepted.entry((false, day)).or_default();
        *accepted = (*accepted + calls).min(self.quota);
    }

    /// `kill -9`, and a start after a while, with the teams in another order.
    pub fn kill(&mut self, down: Duration, turned: usize) {
        let teams = self.shares.len();
        self.shares.rotate_left(turned % teams);
        self.records.iter_mut().for_each(|record| record.excused |= record.unwritten);
        self.forget_the_clock();
        for call in std::mem::take(&mut self.out) {
            if call.departed.is_some() {
                self.leave_late(call);
            }
        }
        // What they may still do, they do while nobody looks.
        self.pass(down.min(LATE) / 2);
        while !self.late.is_empty() && down.subsec_millis().is_multiple_of(2) {
            self.arrive_late(0);
        }
        self.pass(down - down.min(LATE) / 2);
        let rows = Rows {
            accounts: self.disk.accounts.values().cloned().collect(),
            days: self.disk.days.values().cloned().collect(),
            calls: self.disk.calls.values().cloned().collect(),
            teams: self.disk.teams.values().cloned().collect(),
            ..Rows::default()
        };
        self.disk.durable = 0;
        self.book = open(self.quota, &self.shares, rows, &self.clock);
        self.least = self.least_on_disk.clone();
    }

    /// The process dies and its ledger vanishes.
    pub fn vanish(&mut self) {
        self.forget_the_clock();
        self.disk = Disk::default();
        self.records.iter_mut().for_each(|record| record.excused = true);
        for call in std::mem::take(&mut self.out) {
            if call.departed.is_some() {
                self.leave_late(call);
            }
        }
        self.late.iter_mut().for_each(|late| late.excused = true);
        self.book = open(self.quota, &self.shares, Rows::default(), &self.clock);
        (self.least, self.least_on_disk) = (Counts::new(), Counts::new());
    }

    /// A process that starts on a wrong clock does not know that before an answer has told.
    fn forget_the_clock(&mut self) {
        if self.clock.now() != self.truly() {
            self.go_astray();
        }
    }

    /// Never fewer than the portal received, of any account, on any day.
    pub fn check(&mut self) {
        let reading = self.clock.read();
        let mut received: BTreeMap<(bool, Day), u64> = BTreeMap::new();
        // Rows of keys are kept for eight days, by a clock that may have been ahead.
        let kept = Day(self.portals_day().max(self.furthest).0 - 6);
        for record in self.records.iter().filter(|record| !record.excused && (record.caller != Caller::Key || record.day > kept)) {
            *received.entry((record.caller == Caller::Key, record.day)).or_default() += 1;
        }
        for ((keyed, day), received) in received {
            let account = if keyed { Account::Key(KEY.into()) } else { Account::Anonymous };
            let tally = self.book.count(&account, day, reading);
            assert!(received <= tally.own, "{account:?}: {received} received on {day:?}, {tally:?}");
        }
        self.check_teams();
    }

    /// Nor fewer than it received of any team; and of all together no more than it grants.
    fn check_teams(&mut self) {
        let reading = self.clock.read();
        let mut received: Counts = BTreeMap::new();
        for record in self.records.iter().filter(|record| !record.excused && record.caller != Caller::Key) {
            *received.entry((None, record.day)).or_default() += 1;
            if record.team.is_some() {
                *received.entry((record.team.clone(), record.day)).or_default() += 1;
            }
        }
        for ((team, day), received) in received {
            match team {
                None => assert!(received <= self.quota.max(PERMITS as u64), "{received} of {} on {day:?}", self.quota),
                Some(team) => {
                    let spent = self.book.count_of(&team, day, reading);
                    assert!(received <= spent, "{team}: {received} received on {day:?}, {spent} counted");
                }
            }
        }
    }

    /// What is counted, but for calls that may still be given back.
    fn certain(&mut self) -> Counts {
        let reading = self.clock.read();
        let first = Day::of(self.start).0;
        let mut counts = Counts::new();
        for day in (first - 1..first + 3).map(Day) {
            let used = self.book.count(&Account::Anonymous, day, reading).used();
            counts.insert((None, day), used - self.book.open_calls(None, day));
            for team in self.shares.iter().map(|share| share.team.clone()) {
                let spent = self.book.count_of(&team, day, reading) - self.book.open_calls(Some(&team), day);
                counts.insert((Some(team), day), spent);
            }
        }
        counts
    }

    /// What is counted never falls within a day.
    pub fn check_counts(&mut self) {
        let certain = self.certain();
        for (of, least) in &self.least {
            assert!(certain[of] >= *least, "{of:?} fell from {least} to {}", certain[of]);
        }
        self.least = certain;
    }

    /// What each team has spent today, in the order of the shares.
    pub fn spent(&mut self) -> Vec<u64> {
        let reading = self.clock.read();
        let day = Day::of(reading.now);
        self.shares.iter().map(|share| self.book.count_of(&share.team, day, reading)).collect()
    }

    pub fn explain(&mut self) -> Explanation {
        self.book.explain(None, self.clock.read())
    }

    pub fn received_of(&self, team: &str) -> u64 {
        self.records.iter().filter(|record| record.team.as_deref() == Some(team)).count() as u64
    }

    pub fn shares(&self) -> &[Share] {
        &self.shares
    }

    /// Every call ends as well as it can.
    pub fn finish(&mut self) {
        self.write();
        while !self.out.is_empty() {
            self.depart(0);
            self.arrive(0, Answering::WithoutFigures);
            self.answer(0);
        }
    }

    /// One call for these teams from its reservation to its answer, and whatever else is under way.
    pub fn spend_one(&mut self, teams: &[u16]) -> Option<TeamId> {
        let payer = self.reserve(Purpose::Fill, Caller::Anonymous, teams);
        self.write();
        while self.out.iter().any(|call| call.departed.is_none() || call.answer.is_some()) {
            self.depart(0);
            self.arrive(0, Answering::Honestly);
            self.answer(0);
        }
        payer
    }

    pub fn used(&mut self) -> u64 {
        let reading = self.clock.read();
        self.book.count(&Account::Anonymous, Day::of(reading.now), reading).used()
    }

    pub fn received(&self) -> u64 {
        self.records.len() as u64
    }

    fn truly(&self) -> Timestamp {
        self.start + self.clock.read().elapsed
    }

    fn portals_now(&self) -> Timestamp {
        self.truly() + self.offset
    }

    fn portals_day(&self) -> Day {
        Day::of(self.portals_now())
    }

    fn receive(&mut self, caller: Caller, team: Option<String>, excused: bool) -> (bool, Day) {
        let (day, keyed) = (self.portals_day(), caller == Caller::Key);
        self.records.push(Record { caller, team, day, excused, unwritten: false });
        let accepted = self.accepted.entry((keyed, day)).or_default();
        let fits = *accepted < if keyed { KEY_QUOTA } else { self.quota };
        *accepted += u64::from(fits);
        (fits, day)
    }

    fn written(&self, how: Answering, caller: Caller, counted: bool, day: Day) -> (Seen, Option<(Day, u64)>) {
        let date = Timestamp::from_second(self.portals_now().as_second()).ok();
        let keyed = caller == Caller::Key;
        let midnight = day.end();
        let seen = match how {
            Answering::Honestly if !counted => Seen { date, ..refusal(10005, Some(&midnight.to_string())) },
            Answering::Honestly => {
                let limit = if keyed { KEY_QUOTA } else { self.quota };
                let used = self.accepted[&(keyed, day)];
                let seen = answer(200, limit, limit - used, &format!("{} 00:00:00+00:00", &midnight.to_string()[..10]));
                return (Seen { date, ..seen }, Some((day, used)));
            }
            Answering::WithoutFigures => bare(200),
            Answering::WithNonsense => answer(200, "99999999999999999999999999", "-7", "1772409600"),
            Answering::With500 => bare(500),
            Answering::With429 => bare(429),
        };
        (seen, None)
    }

    fn leave_late(&mut self, call: Out) {
        if call.record.is_none() {
            let until = self.clock.read().elapsed + LATE;
            self.late.push(Late { caller: call.caller, team: call.team, until, excused: call.astray });
        }
    }

    /// What the ledger says of every day of the month.
    fn day_counts(&mut self) -> Vec<u64> {
        let reading = self.clock.read();
        let first = Day::of(self.start).0;
        (first - 2..first + 40).map(|day| self.book.count(&Account::Anonymous, Day(day), reading).used()).collect()
    }
}

fn open(quota: u64, shares: &[Share], rows: Rows, clock: &Clock) -> Book {
    let daily_calls = NonZeroU32::new(u32::try_from(quota).unwrap()).unwrap();
    let allowance = Allowance {
        daily_calls,
        look_reserve: 1,
        revalidation_reserve: 1,
        release: Duration::from_secs(17 * 3600),
        shares: shares.to_vec(),
        accounts: Vec::new(),
    };
    Book::restore(PORTAL.into(), allowance, rows, clock.read())
}

fn position(out: &[Out], n: usize, which: impl Fn(&Out) -> bool) -> Option<usize> {
    let fitting: Vec<usize> = out.iter().enumerate().filter(|(_, call)| which(call)).map(|(at, _)| at).collect();
    (!fitting.is_empty()).then(|| fitting[n % fitting.len()])
}

fn pick(out: &mut [Out], n: usize, which: impl Fn(&Out) -> bool) -> Option<&mut Out> {
    let at = position(out, n, which)?;
    out.get_mut(at)
}
