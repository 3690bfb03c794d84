//! What the shares of all teams must have in common: guarantees that the day can keep, and no ceiling below one's own guarantee.
//!
//! Who may spend what at which time of the day is the budget's to say; here is only what could never come true.

use super::faults::Mistake;
use super::layers::Layers;
use super::teams::Listed;
use super::{Budget, Portal};

/// Checks the shares at each portal.
pub(super) fn check(teams: &[Listed], portals: &[Portal], budget: &Budget, layers: &mut Layers<'_>) {
    for portal in portals {
        refuse_more_than_a_day(teams, portal, budget, layers);
    }
    for listed in teams {
        let above = |portal: &&Portal| {
            let ceiling = listed.team.ceiling.of(&portal.name);
            ceiling.is_some_and(|ceiling| listed.team.guaranteed.of(&portal.name).unwrap_or(0) > ceiling)
        };
        if let Some(portal) = portals.iter().find(above) {
            let (guaranteed, ceiling) = (listed.team.guaranteed.of(&portal.name), listed.team.ceiling.of(&portal.name));
            let (guaranteed, ceiling) = (guaranteed.unwrap_or(0), ceiling.unwrap_or(0));
            let wrong = format!("{guaranteed} calls of {} are more than the team's ceiling of {ceiling}", portal.name);
            layers.fault(listed.guaranteed.clone(), "team.guaranteed", Mistake::new(wrong, "lower it, or raise or leave out the ceiling"));
        }
    }
}

/// What is guaranteed and kept back must be there. The fault stands where the day is first exceeded.
fn refuse_more_than_a_day(teams: &[Listed], portal: &Portal, budget: &Budget, layers: &mut Layers<'_>) {
    let (looks, revalidation) = budget.reserves(portal.daily_calls);
    let day = u64::from(portal.daily_calls.get());
    let left = day - u64::from(looks) - u64::from(revalidation);
    let guaranteed = |listed: &Listed| u64::from(listed.team.guaranteed.of(&portal.name).unwrap_or(0));
    let total: u64 = teams.iter().map(guaranteed).sum();
    let mut up_to = 0;
    let exceeding = teams.iter().find(|listed| {
        up_to += guaranteed(listed);
        up_to > left
    });
    if let Some(listed) = exceeding {
        let wrong = format!(
            "the teams are guaranteed {total} calls of {} together, and of its {day} a day {looks} are kept for looks and {revalidation} for \
             revalidation",
            portal.name
        );
        layers.fault(listed.guaranteed.clone(), "team.guaranteed", Mistake::new(wrong, format!("guarantee at most {left} in all")));
    }
}
