//! Whatever order looks, answers and the portal's doings come in, what is told of an answer is so.

use proptest::prelude::*;

use super::*;

const IDS: [&str; 3] = ["a", "b", "c"];
const STATED: [Option<&str>; 6] = [None, Some(LONG_AGO), Some(NEW), Some(NEWER), Some(IN_2099), Some("generation 7")];

#[derive(Clone, Debug)]
enum Event {
    /// The portal states this of a dataset; nothing: does not list it; two: lists it twice.
    State(usize, Vec<usize>),
    LookLeaves,
    LookArrives,
    CallLeaves(usize, Basis),
    BodyEnds(bool),
    Withdrawn(usize),
    Passes(u64),
}

fn event() -> impl Strategy<Value = Event> {
    let basis = prop_oneof![Just(Basis::Records), Just(Basis::Metadata)];
    prop_oneof![
        2 => (0..IDS.len(), prop::collection::vec(0..STATED.len(), 0..3)).prop_map(|(id, stated)| Event::State(id, stated)),
        4 => Just(Event::LookLeaves),
        4 => Just(Event::LookArrives),
        3 => (0..IDS.len(), basis).prop_map(|(id, basis)| Event::CallLeaves(id, basis)),
        3 => any::<bool>().prop_map(Event::BodyEnds),
        1 => (0..IDS.len()).prop_map(Event::Withdrawn),
        4 => prop_oneof![1_u64..30, 60_u64..200, 290_u64..2000].prop_map(Event::Passes),
    ]
}

/// What was seen from outside.
struct Seen {
    known: Known,
    portal: [Vec<usize>; 3],
    look: Option<crate::clock::Reading>,
    on_their_way: Vec<Answer>,
    complete: Vec<Answer>,
    /// When the last look that was believed left, and what it stated of each dataset.
    last: Option<(Duration, Vec<Row>)>,
}

impl Seen {
    fn happens(&mut self, event: Event) {
        let now = self.known.clock.read();
        match event {
            Event::State(id, stated) => self.portal[id] = stated,
            Event::LookLeaves => self.look = self.look.or(Some(now)),
            Event::LookArrives => {
                let Some(sent) = self.look.take() else { return };
                let rows = IDS.iter().zip(&self.portal).flat_map(|(id, stated)| stated.iter().map(|stated| row(id, STATED[*stated])));
                let catalogue = Catalogue { rows: rows.collect(), portal_now: None };
                if self.known.versions.adopt(&catalogue, sent).is_ok() {
                    self.last = Some((sent.elapsed, catalogue.rows));
                }
            }
            Event::CallLeaves(id, basis) => self.on_their_way.push(self.known.answer(basis, Some(IDS[id]))),
            Event::BodyEnds(same_bytes) => {
                let ended = self.on_their_way.pop();
                self.complete.extend(ended.map(|answer| Answer { completed: Moment::at(now), same_bytes, ..answer }));
            }
            Event::Withdrawn(id) => {
                self.known.versions.withdraw(IDS[id], now);
            }
            Event::Passes(seconds) => self.known.pass(seconds),
        }
    }

    fn check(&self, answer: &Answer) -> Result<(), TestCaseError> {
        let Standing::Current { ttl, confirmed, .. } = self.known.standing(answer) else { return Ok(()) };
        let elapsed = self.known.clock.read().elapsed;
        let id = answer.dataset.unwrap();
        let stamp = answer.stamp.as_ref().expect("without a stamp nothing is current");
        let (sent, rows) = self.last.as_ref().expect("without a look nothing is current");
        prop_assert!(*sent + TERMS.bound >= elapsed && ttl <= TERMS.bound - (elapsed - *sent), "relied on for longer than the bound");
        prop_assert_eq!(&stamp.data, &self.known.in_force(id), "another version is in force");
        if confirmed {
            prop_assert!(answer.completed.age(elapsed) > elapsed - *sent, "the look left before the body was complete");
            let of_it: Vec<_> = rows.iter().filter(|row| row.id == id).map(|row| Version::stated(row.data.as_deref())).collect();
            match &stamp.data {
                Version::Ambiguous(_) => prop_assert!(of_it.len() == 2 && of_it[0] != of_it[1], "it is listed otherwise: {:?}", of_it),
                one => prop_assert!(!of_it.is_empty() && of_it.iter().all(|stated| stated == one), "the look stated {:?}", of_it),
            }
            let known = self.known.versions.table();
            let dates = &known.dataset(id).expect("it is known").data;
            let sight = dates.since.age(elapsed);
            prop_assert!(!dates.moved || answer.asked.age(elapsed) + TERMS.settle <= sight, "it was asked for while the version settled");
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_current_with_another_version_nor_confirmed_without_a_later_look(events in prop::collection::vec(event(), 1..60)) {
        let mut seen = Seen {
            known: Known::nothing(),
            portal: [vec![1], vec![1], vec![1]],
            look: None,
            on_their_way: Vec::new(),
            complete: Vec::new(),
            last: None,
        };
        for event in events {
            seen.happens(event);
            for answer in &seen.complete {
                seen.check(answer)?;
            }
        }
    }
}
