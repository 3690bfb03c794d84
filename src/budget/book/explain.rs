//! The same arithmetic as for an admission, with all its figures.

use std::time::Duration;

use jiff::Timestamp;

use super::super::account::Account;
use super::super::day::{Day, Moment};
use super::super::explain::{Explanation, PaceReport, TeamReport};
use super::super::report::{Reserves, State};
use super::super::shares::{RELEASED, class_word};
use super::Book;
use super::admission::OneDay;
use crate::clock::Reading;
use crate::team::TeamId;

impl Book {
    /// Who may spend what, now or at `at` if nothing is spent before, and why not.
    pub fn explain(&mut self, at: Option<Timestamp>, reading: Reading) -> Explanation {
        let moment = self.tick(reading);
        let now = at.unwrap_or(moment.now);
        let later = Duration::try_from(now.duration_since(moment.now)).unwrap_or_default();
        let moment = Moment { now, elapsed: moment.elapsed.saturating_add(later) };
        let day = if at.is_none() { self.calendar.today() } else { Day::of(now) };
        let one = OneDay::of(self, day, now);
        let split = &one.split;
        let (limit, used) = self.standing(&Account::Anonymous, day);
        let (look, revalidation) = self.unspent(&Account::Anonymous, day);
        let tally = self.accounts.get(&Account::Anonymous).and_then(|state| state.tally(day)).cloned().unwrap_or_default();
        let by_teams = self.teams.spent(day).iter().fold(0u64, |sum, spent| sum.saturating_add(*spent));
        let attributed = by_teams.saturating_add(tally.looks).saturating_add(tally.revalidations);
        let (state, until) = self.state_on(&Account::Anonymous, day, moment);
        Explanation {
            portal: self.portal.clone(),
            at: now,
            resets_at: day.end(),
            day_known: self.calendar.known(),
            state,
            until,
            limit,
            used,
            looks: tally.looks,
            revalidations: tally.revalidations,
            others: used.saturating_sub(attributed),
            reserves: Reserves { look, revalidation },
            available: split.available,
            release: hour(self.teams.release()),
            released: hour(RELEASED),
            scaled: split.scaled,
            open: split.portions.iter().fold(0, |sum, portion| sum.saturating_add(portion.open())),
            free: split.free,
            pace: PaceReport { spent: split.pace.spent, allowed: split.pace.allowed, of: split.pace.of },
            teams: self.team_reports(day, moment),
            changes: self.settings.changes().cloned().collect(),
        }
    }

    /// Each team's share of the day.
    pub(super) fn team_reports(&self, day: Day, moment: Moment) -> Vec<TeamReport> {
        let mut one = OneDay::of(self, day, moment.now);
        let (state, until) = self.state_on(&Account::Anonymous, day, moment);
        // What holds for all is told before what holds for one.
        let closed = match state {
            State::ClosedDomain => Some("closed-domain"),
            State::ClosedAnonymous => Some("closed-anonymous"),
            State::BackingOff => Some("backing-off"),
            State::Open | State::Learning | State::Exhausted => None,
        };
        let report = |(index, share): (usize, &super::super::shares::Share)| {
            let team = TeamId::new(u16::try_from(index).expect("teams are counted in 16 bits"));
            let portion = *one.split.portion(team);
            let refused = one.refusal(team);
            let blocked = closed.is_some() || refused.is_some();
            TeamReport {
                team: share.team.clone(),
                class: Some(class_word(share.class)),
                guaranteed: share.guaranteed.into(),
                in_force: portion.in_force,
                open: portion.open(),
                ceiling: portion.ceiling,
                spent: portion.spent,
                may_spend: if blocked { 0 } else { one.split.left(team) },
                refused: closed.or(refused.map(|refused| refused.reason())),
                until: if closed.is_some() { until } else { refused.map(|refused| refused.until) },
            }
        };
        let mut reports: Vec<TeamReport> = self.teams.shares().iter().enumerate().map(report).collect();
        reports.extend(self.teams.former(day).map(|(team, spent)| TeamReport {
            team: team.to_owned(),
            class: None,
            guaranteed: 0,
            in_force: 0,
            open: 0,
            ceiling: None,
            spent,
            may_spend: 0,
            refused: None,
            until: None,
        }));
        reports
    }
}

/// `HH:MM`
fn hour(at: Duration) -> String {
    let minutes = at.as_secs() / 60;
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}
