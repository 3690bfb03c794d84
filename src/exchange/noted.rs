//! The end of an exchange as the history has it.

use http::Response;
use http::header::CONTENT_LENGTH;

use super::answered::{Answered, Failure};
use crate::history::{ExchangeNote, Outcome};
use crate::response::cache_status::CacheStatus;

/// Notes in the history what became of an exchange.
pub(super) fn noted(note: ExchangeNote<'_>, ended: Result<Answered, Failure>) -> Result<Answered, Failure> {
    match ended {
        Ok(Answered { response, status, cost, waited }) => {
            let outcome = match status {
                CacheStatus::Hit { .. } => Outcome::Hit,
                CacheStatus::Stale { .. } => Outcome::Stale,
                CacheStatus::Forwarded { .. } | CacheStatus::Local { .. } => Outcome::Other,
            };
            let (head, body) = response.into_parts();
            let length = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
            let body = note.answered(outcome, head.status, cost, length, body);
            Ok(Answered { response: Response::from_parts(head, body), status, cost, waited })
        }
        Err(failure) => {
            note.failed(if failure.error.is_refusal() { Outcome::Refused } else { Outcome::Other });
            Err(failure)
        }
    }
}
