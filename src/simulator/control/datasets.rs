//! Control paths that concern one dataset, or which datasets are listed.

use super::{LIE, flag, later, seconds};
use crate::simulator::catalogue::state::{Hidden, Late, Loss, Stated, Until};
use crate::simulator::portal::Portal;
use crate::simulator::swell::Swell;
use crate::simulator::target::Parameters;

/// Runs the control at `path`.
///
/// # Errors
///
/// A sentence that says what would be right.
pub(super) fn run(portal: &Portal, path: &str, parameters: &Parameters) -> Result<(), String> {
    if path == "shrink" {
        return shrink(portal, parameters);
    }
    let id = parameters.given("dataset").ok_or_else(|| format!("dataset is missing, as in /_simulator/{path}?{}", example(path)))?;
    let catalogue = &portal.catalogue;
    let done = match path {
        "touch" => touch(portal, id, parameters)?,
        "release" => match catalogue.change(id, |state| state.release()) {
            Some(false) => return Err(format!("nothing of {id} is held back; a touch with late=rows or late=version does that")),
            released => released.is_some(),
        },
        "version" => version(portal, id, parameters)?,
        "hide" => {
            let status = match parameters.given("status").unwrap_or("404").parse() {
                Ok(status @ (401 | 403 | 404 | 410)) => status,
                _ => return Err("status takes one of 404, 401, 403 and 410, as in /_simulator/hide?dataset=ID&status=410".to_owned()),
            };
            catalogue.hide(id, Some(Hidden { status, listed: flag(parameters, "listed")?.unwrap_or(false) }))
        }
        "show" => catalogue.hide(id, None),
        "private" => catalogue.change(id, |state| state.private = parameters.given("key").map(Into::into)).is_some(),
        "publish" => return publish(portal, id),
        "lie" => lie(portal, id, parameters)?,
        _ => {
            let swell = Swell::read(parameters)?;
            catalogue.change(id, |state| state.swell = Some(swell)).is_some()
        }
    };
    if done { Ok(()) } else { Err(format!("there is no dataset {id}; /api/explore/v2.1/catalog/datasets lists them")) }
}

fn example(path: &str) -> &'static str {
    match path {
        "version" => "dataset=fr-en-annuaire-education&data_processed=2099-01-01T00:00:00Z",
        "publish" => "dataset=fr-en-nouveaute-1",
        "swell" => "dataset=fr-en-annuaire-education&times=3",
        _ => "dataset=fr-en-annuaire-education",
    }
}

fn touch(portal: &Portal, id: &str, parameters: &Parameters) -> Result<bool, String> {
    let now = portal.now();
    let until = match (parameters.given("for"), parameters.given("until")) {
        (None, None) => None,
        (Some(_), None) => Some(Until::Clock(later(portal, seconds(parameters, "for")?)?)),
        (None, Some("release")) => Some(Until::Release),
        _ => return Err("for=SECONDS or until=release says how long, not both and nothing else".to_owned()),
    };
    let late = match (parameters.given("late"), until) {
        (None, None) => Late::Nothing,
        (Some("rows"), Some(until)) => Late::Rows(until),
        (Some("version"), Some(until)) => Late::Version(until),
        (Some("rows" | "version"), None) => return Err("late needs for=SECONDS or until=release".to_owned()),
        (None, Some(_)) => return Err("for and until go with late=rows or late=version".to_owned()),
        (Some(other), _) => return Err(format!("late={other} is unknown; known are rows and version")),
    };
    match parameters.given("what") {
        None | Some("data") => Ok(portal.catalogue.touch(id, now, late)),
        Some("metadata") if late != Late::Nothing => {
            Err("metadata have no rows that they could come before; late goes with data".to_owned())
        }
        Some("metadata") => Ok(portal.catalogue.change(id, |state| state.touch_metadata(now)).is_some()),
        Some(other) => Err(format!("what={other} is unknown; known are data and metadata")),
    }
}

fn version(portal: &Portal, id: &str, parameters: &Parameters) -> Result<bool, String> {
    let stated = |name: &str| parameters.first(name).map(|text| (text != "as-is").then(|| Stated::read(text)));
    let (data, metadata, twice) = (stated("data_processed"), stated("metadata_processed"), flag(parameters, "duplicate")?);
    if data.is_none() && metadata.is_none() && twice.is_none() {
        return Err("data_processed, metadata_processed or duplicate is missing, as in \
                    /_simulator/version?dataset=ID&data_processed=2099-01-01T00:00:00Z"
            .to_owned());
    }
    let changed = portal.catalogue.change(id, |state| {
        if let Some(instead) = data {
            state.say_data_processed(instead);
        }
        if let Some(instead) = metadata {
            state.say_metadata_processed(instead);
        }
        state.twice = twice.unwrap_or(state.twice);
    });
    Ok(changed.is_some())
}

fn publish(portal: &Portal, id: &str) -> Result<(), String> {
    let waiting = portal.catalogue.unpublished();
    if !waiting.iter().any(|known| known == id) {
        let ids = if waiting.is_empty() { "none".to_owned() } else { waiting.join(", ") };
        return Err(format!("{id} does not wait to be published; these do: {ids}. What was hidden comes back with show"));
    }
    let now = portal.now();
    portal.catalogue.change(id, |state| state.publish(now));
    Ok(())
}

fn shrink(portal: &Portal, parameters: &Parameters) -> Result<(), String> {
    let keep = match parameters.given("keep") {
        Some("all") => Some(usize::MAX),
        keep => keep.and_then(|text| text.parse().ok()),
    };
    portal.catalogue.keep(keep.ok_or("keep takes a number of datasets or all, as in /_simulator/shrink?keep=0")?);
    Ok(())
}

fn lie(portal: &Portal, id: &str, parameters: &Parameters) -> Result<bool, String> {
    let catalogue = &portal.catalogue;
    let loses = match parameters.given("rule").ok_or(LIE)? {
        "moves-unstated" => return Ok(catalogue.move_unstated(id, portal.now())),
        "loses-rows" => Loss::Rows,
        "loses-field" => {
            let name = parameters.given("field");
            match catalogue.field(id, name) {
                Some(field) => Loss::Field(field),
                None if catalogue.change(id, |_| ()).is_some() => {
                    return Err(format!(
                        "{id} has no field {}; /api/explore/v2.1/catalog/datasets/{id} lists them",
                        name.unwrap_or_default()
                    ));
                }
                None => return Ok(false),
            }
        }
        "none" => Loss::None,
        other => return Err(format!("rule {other} is unknown; known for a dataset are moves-unstated, loses-field, loses-rows, none")),
    };
    Ok(catalogue.change(id, |state| state.loses = loses).is_some())
}
