//! The day, lived: simulated time moves in small steps, on préau's clock and on the portal's together; what clients ask within a step is
//! asked at once, over real sockets, and every answer is compared with what the portal holds at that moment.

use std::time::{Duration, Instant};

use ::http::Method;
use futures_util::StreamExt as _;
use preau::clock::Clock;
use preau::config::Config;
use preau::simulator::Settings;

use super::clients::Clients;
use super::plan::{MIDNIGHT, Plan};
use super::roof::Roof;
use super::tally::{Answered, Tally};
use super::truth::Truth;

/// How a day is lived.
pub struct Manner {
    /// Its name in the table.
    pub name: &'static str,
    /// How long the portal takes over each answer, in real time.
    pub delay: Duration,
    /// Simulated time between two moments at which something happens.
    pub step: Duration,
    /// Requests under way at once.
    pub at_once: usize,
    /// What is not a default.
    pub configure: fn(&mut Config),
}

/// Lives `plan` in front of `portal`.
pub async fn live(plan: &Plan, portal: Settings, manner: Manner) -> Tally {
    let began = Instant::now();
    let mut requests = plan.requests.as_slice();
    let mut changes = plan.changes.iter().peekable();
    let mut now = requests.first().expect("somebody asks something").at;
    let clock = Clock::manual(MIDNIGHT + now);
    let portal = Settings { delay: manner.delay, clock: clock.clone(), ..portal };
    let roof = Roof::build(portal, clock.clone(), manner.configure).await;
    let control = Clients::of(roof.portal.addr(), &[]);
    let clients = Clients::of(roof.mirror(), &[]);
    let mut truth = Truth::of(&roof);
    truth.learn(plan, plan.asked(), now).await;

    let mut tally = Tally::of(manner.name, plan);
    while !requests.is_empty() {
        let end = now + manner.step;
        let change = changes.next_if(|change| change.at <= end);
        let end = change.map_or(end, |change| change.at);
        clock.advance(end - now);
        now = end;
        let (due, later) = requests.split_at(requests.partition_point(|request| request.at <= now));
        requests = later;
        let mut answers = futures_util::stream::iter(due)
            .map(|request| {
                let target = plan.questions[request.question].spellings[request.spelling].as_str();
                let clients = &clients;
                async move { (request.question, target, clients.get(target).await) }
            })
            .buffer_unordered(manner.at_once);
        while let Some((question, target, answer)) = answers.next().await {
            let standing = truth.compare(question, &answer.body, now);
            tally.count(&Answered { target, answer: &answer, standing });
        }
        if let Some(change) = change {
            let path = format!("/_simulator/touch?dataset={}", change.id);
            assert!(control.send(Method::POST, &path).await.status.is_success(), "{path}");
            let about = plan.asked().into_iter().filter(|question| plan.questions[*question].dataset == change.dataset);
            truth.learn(plan, about, now).await;
        }
    }
    tally.close(&roof, began.elapsed()).await;
    roof.server.stop().await;
    roof.portal.stop().await;
    tally
}
