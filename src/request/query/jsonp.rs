//! JSONP, the way in which pages once read other sites: JSON inside a call of a function that the page names.
//!
//! Every page names its own function, so the portal is asked for the JSON, once, and the call is written around it here.

use super::{Pair, QueryFault};

/// The name of the function that a JSONP client wants called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback(String);

impl Callback {
    /// The name: 1 to 64 of the characters `A-Z a-z 0-9 _ . $`, which can end neither a name nor a script.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn new(name: &str) -> Result<Self, QueryFault> {
        let fits =
            (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'$'));
        if fits { Ok(Self(name.to_owned())) } else { Err(QueryFault::Callback) }
    }
}

/// Turns a question for JSONP into one for JSON, or for GeoJSON, and returns the function to call.
///
/// Without a `callback` the portal calls a function of its own choice, which is not known here, and a repeated `format`
/// or `callback` is a question for the portal: both are left as they are.
///
/// # Errors
///
/// [`QueryFault::Callback`] for a name that could be more than a name.
pub(super) fn unwrapped(pairs: &mut Vec<Pair>) -> Result<Option<Callback>, QueryFault> {
    let (Some(format), Some(callback)) = (only(pairs, "format"), only(pairs, "callback")) else { return Ok(None) };
    let plain = match pairs[format].value.as_deref() {
        Some("jsonp") => "json",
        Some("geojsonp") => "geojson",
        _ => return Ok(None),
    };
    let name = Callback::new(pairs[callback].value.as_deref().unwrap_or_default())?;
    pairs[format].value = Some(plain.to_owned());
    pairs.remove(callback);
    Ok(Some(name))
}

/// The place of the parameter called `name`, if there is exactly one.
pub(super) fn only(pairs: &[Pair], name: &str) -> Option<usize> {
    let mut places = pairs.iter().enumerate().filter(|(_, pair)| pair.is(name)).map(|(place, _)| place);
    let first = places.next();
    if places.next().is_some() { None } else { first }
}
