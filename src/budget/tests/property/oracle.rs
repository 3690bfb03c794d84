//! What the issue promises of guarantees, reckoned another way: in fractions, by bisection, from the counts of the book.

use super::super::*;
use crate::budget::day::Day;
use crate::clock::Reading;

/// Further from midnight than any skew that is believed.
const MARGIN: Duration = Duration::from_secs(310);

/// An open account on a known day, before a decision.
pub struct Oracle {
    /// Calls left for teams.
    available: u64,
    spent: Vec<u64>,
    /// Guarantees in force, in fractions of calls.
    in_force: Vec<f64>,
    /// The same, as the budget shows them.
    shown: Vec<u64>,
}

impl Oracle {
    /// Nothing, while the account is not open, the day not known, or so close to midnight that nobody knows which day counts.
    pub fn look(book: &mut Book, shares: &[Share], reading: Reading) -> Option<Self> {
        let explained = book.explain(None, reading);
        // The clock, as corrected by the portal.
        let now = explained.at;
        let day = Day::of(now);
        let sure = Day::of(now - MARGIN) == day && Day::of(now + MARGIN) == day;
        let is_open = matches!(explained.state, State::Open | State::Learning | State::Exhausted);
        if !is_open || !explained.day_known || !sure || explained.resets_at != day.end() {
            return None;
        }
        let tally = book.count(&Account::Anonymous, day, reading);
        // One call for each purpose, but at most a twentieth of the day.
        let reserve = explained.limit.min(20) / 20;
        let kept = reserve.saturating_sub(tally.looks) + reserve.saturating_sub(tally.revalidations);
        let available = explained.limit.saturating_sub(tally.used()).saturating_sub(kept);
        let spent: Vec<u64> = shares.iter().map(|share| book.count_of(&share.team, day, reading)).collect();
        let seconds = now.duration_since(day.begin()).as_secs_f64();
        let most = ((23.5 - seconds / 3600.0) / 6.5).clamp(0.0, 1.0);
        let factor = affordable(shares, &spent, available, most);
        let in_force = shares.iter().map(|share| factor * f64::from(share.guaranteed)).collect();
        let shown = explained.teams.iter().take(shares.len()).map(|team| team.in_force).collect();
        Some(Self { available, spent, in_force, shown })
    }

    /// Nobody who is below the guarantee is refused by the budget.
    pub fn refused(&self, askers: &[TeamId], refusals: &Refusals) {
        for team in askers {
            let refused = refusals.of(*team).expect("who asks hears why not");
            let by_budget = matches!(refused.why, Why::Exhausted | Why::Ceiling | Why::Guaranteed | Why::Pace);
            let below = (self.spent[team.index()] + 1) as f64 <= self.in_force[team.index()] - 1e-6;
            assert!(!(by_budget && below), "{refused} with {} of {} spent", self.spent[team.index()], self.in_force[team.index()]);
        }
    }

    /// The first that may spend pays; and what one spends takes no guarantee from another.
    pub fn granted(&self, askers: &[TeamId], payer: Option<TeamId>, book: &mut Book, shares: &[Share], reading: Reading) {
        let payer = payer.expect("somebody pays");
        assert!(self.available > 0, "granted beyond what is left for teams");
        let before = askers.iter().take_while(|team| **team != payer);
        for team in before {
            let below = (self.spent[team.index()] + 1) as f64 <= self.in_force[team.index()] - 1e-6;
            assert!(!below, "{team:?} came first and was below its guarantee");
        }
        let ceiling = shares[payer.index()].ceiling.map_or(u64::MAX, u64::from);
        assert!(self.spent[payer.index()] < ceiling, "beyond the ceiling");
        let after = book.explain(None, reading);
        let shown: Vec<u64> = after.teams.iter().take(shares.len()).map(|team| team.in_force).collect();
        assert_eq!(self.shown, shown, "a call of {payer:?} changed a guarantee");
        assert!(after.open <= after.available, "more is guaranteed than is left");
    }
}

/// The largest factor by which what is open of the guarantees fits.
fn affordable(shares: &[Share], spent: &[u64], available: u64, most: f64) -> f64 {
    let open = |factor: f64| -> f64 {
        shares.iter().zip(spent).map(|(share, spent)| (factor * f64::from(share.guaranteed) - *spent as f64).max(0.0)).sum()
    };
    let (mut fitting, mut unfitting) = (0.0, most);
    if open(most) <= available as f64 {
        return most;
    }
    for _ in 0..60 {
        let middle = f64::midpoint(fitting, unfitting);
        if open(middle) <= available as f64 {
            fitting = middle;
        } else {
            unfitting = middle;
        }
    }
    fitting
}
