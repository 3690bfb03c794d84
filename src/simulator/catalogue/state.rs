//! What of a dataset changes while the portal runs: its rows, the version that the catalogue states of it, and the ways in which the two
//! fall apart on a bad day.

use std::sync::Arc;

use jiff::Timestamp;

use crate::simulator::swell::Swell;
use crate::simulator::table::Columns;

/// A date as the catalogue states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stated {
    /// There is none: null.
    Nothing,
    /// A moment, in the portal's spelling.
    At(Timestamp),
    /// Something else, as it was wished for.
    Text(Arc<str>),
}

impl Stated {
    /// `null`, a time, or any other text.
    pub fn read(text: &str) -> Self {
        // A `+` of an offset arrives as a space from clients that do not encode it.
        match text.replace(' ', "+").parse() {
            _ if text == "null" => Self::Nothing,
            Ok(moment) => Self::At(moment),
            Err(_) => Self::Text(text.into()),
        }
    }

    /// The moment, if it is one.
    pub fn moment(&self) -> Option<Timestamp> {
        match self {
            Self::At(moment) => Some(*moment),
            _ => None,
        }
    }
}

/// What the records of a dataset have lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loss {
    /// Nothing.
    #[default]
    None,
    /// The field that stood here in the schema.
    Field(usize),
    /// Every row.
    Rows,
}

/// The rows that answers are made of.
#[derive(Clone, Debug)]
pub struct Shown {
    /// How often the dataset was touched.
    pub touches: usize,
    /// The rows that the touches added.
    pub fresh: Option<Arc<Columns>>,
    /// What the last touch lost.
    pub loss: Loss,
    /// When they were processed, which every record tells of itself.
    pub processed: Timestamp,
}

/// What the catalogue says of a dataset.
#[derive(Clone, Debug)]
pub struct Said {
    /// What the publisher shows as its date.
    pub modified: Timestamp,
    /// When the records were processed.
    pub data_processed: Stated,
    /// When the metadata were published.
    pub metadata_processed: Stated,
}

/// Which half of a touch comes later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Late {
    /// Neither.
    Nothing,
    /// The rows: the catalogue states the version before the portal answers with it.
    Rows(Until),
    /// The version: the portal answers with it before the catalogue states it.
    Version(Until),
}

/// Until when something is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Until the portal's clock reads so much.
    Clock(Timestamp),
    /// Until somebody says so.
    Release,
}

#[derive(Clone, Debug)]
enum Held {
    Rows(Shown, Until),
    Version(Timestamp, Until),
}

/// How a hidden dataset is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// With which status.
    pub status: u16,
    /// Whether the catalogue goes on listing it.
    pub listed: bool,
}

/// A dataset's state.
#[derive(Clone, Debug)]
pub struct State {
    /// The rows.
    pub shown: Shown,
    /// What the catalogue says by itself.
    said: Said,
    /// What it was told to say instead.
    instead: (Option<Stated>, Option<Stated>),
    held: Option<Held>,
    /// What each touch loses from now on.
    pub loses: Loss,
    /// Whether it is listed twice.
    pub twice: bool,
    /// Whether it is out of sight.
    pub hidden: Option<Hidden>,
    /// The key for which alone it is there; none if it is for everybody.
    pub private: Option<Arc<str>>,
    /// Whether it has been published yet.
    pub published: bool,
    /// How much longer than its rows its exports are.
    pub swell: Option<Swell>,
}

impl State {
    /// Rows that nobody touched, and what is said of them.
    pub fn new(processed: Timestamp, said: Said, published: bool) -> Self {
        Self {
            shown: Shown { touches: 0, fresh: None, loss: Loss::None, processed },
            said,
            instead: (None, None),
            held: None,
            loses: Loss::None,
            twice: false,
            hidden: None,
            private: None,
            published,
            swell: None,
        }
    }

    /// Shows these rows and states their version, one of them late if so wished. What an earlier touch still held back comes first.
    pub fn touch(&mut self, rows: Shown, late: Late) {
        self.release();
        let processed = rows.processed;
        match late {
            Late::Nothing => {
                self.shown = rows;
                self.state(processed);
            }
            Late::Rows(until) => {
                self.state(processed);
                self.held = Some(Held::Rows(rows, until));
            }
            Late::Version(until) => {
                self.shown = rows;
                self.held = Some(Held::Version(processed, until));
            }
        }
    }

    /// Shows these rows, of which the catalogue says nothing.
    pub fn move_unstated(&mut self, rows: Shown) {
        self.release();
        self.shown = rows;
    }

    /// Makes the dataset appear, processed and published now.
    pub fn publish(&mut self, now: Timestamp) {
        self.shown.processed = now;
        self.state(now);
        self.said.metadata_processed = Stated::At(now);
        self.published = true;
    }

    /// Publishes the metadata anew.
    pub fn touch_metadata(&mut self, now: Timestamp) {
        self.said.metadata_processed = Stated::At(now);
        self.instead.1 = None;
    }

    /// The version of the rows, from now on.
    fn state(&mut self, processed: Timestamp) {
        self.said.data_processed = Stated::At(processed);
        self.said.modified = processed;
        self.instead.0 = None;
    }

    /// Has the catalogue say something else, or what it says by itself.
    pub fn say_data_processed(&mut self, instead: Option<Stated>) {
        self.instead.0 = instead;
    }

    /// The same for the metadata.
    pub fn say_metadata_processed(&mut self, instead: Option<Stated>) {
        self.instead.1 = instead;
    }

    /// Lets out what is held back. Whether there was anything.
    pub fn release(&mut self) -> bool {
        match self.held.take() {
            Some(Held::Rows(rows, _)) => self.shown = rows,
            Some(Held::Version(processed, _)) => self.state(processed),
            None => return false,
        }
        true
    }

    /// Lets out what is due.
    pub fn pass(&mut self, now: Timestamp) {
        if let Some(Held::Rows(_, Until::Clock(due)) | Held::Version(_, Until::Clock(due))) = self.held
            && due <= now
        {
            self.release();
        }
    }

    /// The latest rows, held back or not.
    pub fn latest(&self) -> &Shown {
        match &self.held {
            Some(Held::Rows(rows, _)) => rows,
            _ => &self.shown,
        }
    }

    /// What the publisher shows as its date.
    pub fn modified(&self) -> Timestamp {
        self.said.modified
    }

    /// When the records were processed, says the catalogue.
    pub fn data_processed(&self) -> &Stated {
        self.instead.0.as_ref().unwrap_or(&self.said.data_processed)
    }

    /// When the metadata were published, says the catalogue.
    pub fn metadata_processed(&self) -> &Stated {
        self.instead.1.as_ref().unwrap_or(&self.said.metadata_processed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn state() -> State {
        let first = at("2025-01-01T00:00:00Z");
        let said = Said { modified: first, data_processed: Stated::At(first), metadata_processed: Stated::At(first) };
        State::new(first, said, true)
    }

    fn rows(touches: usize, processed: &str) -> Shown {
        Shown { touches, fresh: None, loss: Loss::None, processed: at(processed) }
    }

    #[test]
    fn whichever_half_is_late_comes_when_the_clock_says_so() {
        let due = at("2026-03-01T10:01:00Z");
        for late in [Late::Rows(Until::Clock(due)), Late::Version(Until::Clock(due))] {
            let mut state = state();
            let processed = "2026-03-01T10:00:00Z";
            state.touch(rows(1, processed), late);
            state.pass(at("2026-03-01T10:00:59.999Z"));
            let new = (state.shown.touches == 1, state.data_processed().moment() == Some(at(processed)));
            assert_eq!(new, if matches!(late, Late::Rows(_)) { (false, true) } else { (true, false) });
            state.pass(due);
            assert_eq!((state.shown.touches, state.data_processed().moment()), (1, Some(at(processed))));
            assert!(!state.release(), "nothing is left");
        }
    }

    #[test]
    fn what_the_catalogue_was_told_to_say_lasts_until_the_next_touch() {
        let mut state = state();
        state.say_data_processed(Some(Stated::read("soon")));
        state.say_metadata_processed(Some(Stated::read("null")));
        assert_eq!((state.data_processed(), state.metadata_processed()), (&Stated::Text("soon".into()), &Stated::Nothing));
        state.touch(rows(1, "2026-03-01T10:00:00Z"), Late::Nothing);
        assert_eq!(state.data_processed().moment(), Some(at("2026-03-01T10:00:00Z")));
        assert_eq!(state.metadata_processed(), &Stated::Nothing, "that one nobody touched");
        state.say_metadata_processed(None);
        assert_eq!(state.metadata_processed().moment(), Some(at("2025-01-01T00:00:00Z")));
    }

    #[test]
    fn a_time_is_read_with_any_offset() {
        assert_eq!(Stated::read("2099-01-01T00:00:00 02:00").moment(), Some(at("2098-12-31T22:00:00Z")));
        assert_eq!(Stated::read("2099-01-01T00:00:00+02:00"), Stated::read("2098-12-31T22:00:00Z"));
    }
}
