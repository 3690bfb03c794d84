//! How much longer than its data the exports of a dataset are made: tests ask for hundreds of megabytes of a dataset that weighs a few.

use super::target::Parameters;

/// A length to reach by going through the rows again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swell {
    /// At least so many bytes before any compression of the connection, ended by the row that reaches them.
    Bytes(u64),
    /// The rows so many times.
    Times(u64),
}

impl Swell {
    /// Reads `bytes` or `times`.
    ///
    /// # Errors
    ///
    /// A sentence that says what would be right.
    pub fn read(parameters: &Parameters) -> Result<Self, String> {
        let right = || "bytes or times takes a number, as in /_simulator/swell?dataset=fr-en-annuaire-education&bytes=200000000".to_owned();
        let number = |text: &str| text.parse().ok().filter(|number| (1..u64::from(u32::MAX)).contains(number)).ok_or_else(right);
        match (parameters.given("bytes"), parameters.given("times")) {
            (Some(bytes), None) => number(bytes).map(Self::Bytes),
            (None, Some(times)) => number(times).map(Self::Times),
            _ => Err(right()),
        }
    }

    /// Whether an export ends here, after `rounds` whole rounds through its rows and `written` bytes.
    pub fn is_reached(self, rounds: u64, written: u64) -> bool {
        match self {
            Self::Bytes(bytes) => rounds >= 1 && written >= bytes,
            Self::Times(times) => rounds >= times,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_comes_once_before_bytes_end_an_export() {
        assert!(!Swell::Bytes(10).is_reached(0, 11));
        assert!(!Swell::Bytes(10).is_reached(1, 9));
        assert!(Swell::Bytes(10).is_reached(1, 10));
        assert!(!Swell::Times(2).is_reached(1, 1000) && Swell::Times(2).is_reached(2, 0));
    }

    #[test]
    fn one_of_two_numbers_is_wanted() {
        let read = |text| Swell::read(&Parameters::parse(text));
        assert_eq!(read("bytes=7"), Ok(Swell::Bytes(7)));
        assert_eq!(read("times=3"), Ok(Swell::Times(3)));
        for wrong in ["", "bytes=0", "bytes=many", "bytes=1&times=1", "times=99999999999"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
