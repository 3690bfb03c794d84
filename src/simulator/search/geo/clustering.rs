//! Which places stand together: those in one square of a map, or those that are equal.

use std::collections::BTreeMap;

use crate::simulator::refusal::Refusal;
use crate::simulator::target::Parameters;
use crate::simulator::value::Point;

/// The deepest zoom of the vendor's maps; the sum of both precisions stays within it.
const DEEPEST: u32 = 29;
/// Pixels along the edge of the map of the world at zoom 0.
const WORLD: f64 = 256.0;

/// How places are put together, and how clusters are drawn.
#[derive(Clone, Copy, Debug)]
pub struct Clustering {
    /// The zoom of the map.
    pub precision: Option<u32>,
    /// Whether the envelope of a cluster is told.
    pub envelopes: bool,
    /// Edge of a square, in pixels at the zoom; none puts equal places together.
    square: Option<(u32, f64)>,
    /// The zoom at which envelopes are drawn.
    drawn_at: Option<u32>,
}

impl Clustering {
    /// As `geocluster` has it: both the zoom and the distance are required.
    ///
    /// # Errors
    ///
    /// If a parameter is missing or out of bounds.
    pub fn by_distance(parameters: &Parameters) -> Result<Self, Refusal> {
        let missing = |name| refused(name, "nothing", "a number");
        let precision = zoom(parameters, "clusterprecision")?.ok_or_else(|| missing("clusterprecision"))?;
        let text = parameters.given("clusterdistance").ok_or_else(|| missing("clusterdistance"))?;
        let distance = text.trim().parse().ok().filter(|pixels: &f64| pixels.is_finite() && *pixels > 0.0);
        let distance = distance.ok_or_else(|| refused("clusterdistance", text, "a number of pixels"))?;
        Ok(Self { square: Some((precision, distance)), ..Self::by_place(parameters)? })
    }

    /// As `geopolygon` has it: equal places, at whatever zoom.
    ///
    /// # Errors
    ///
    /// If a parameter is out of bounds.
    pub fn by_place(parameters: &Parameters) -> Result<Self, Refusal> {
        let precision = zoom(parameters, "clusterprecision")?;
        let drawn_at = zoom(parameters, "shapeprecision")?.map(|shape| shape + precision.unwrap_or(0));
        if let Some(sum) = drawn_at.filter(|sum| *sum > DEEPEST) {
            return Err(refused("shapeprecision", &sum.to_string(), &format!("clusterprecision + shapeprecision <= {DEEPEST}")));
        }
        let heat = match parameters.given("clustermode") {
            None | Some("polygon") => false,
            Some("heatmap") => true,
            Some(mode) => return Err(refused("clustermode", mode, "one of polygon, heatmap")),
        };
        // The vendor's maps ask for clusters without envelopes where there are very many records.
        let envelopes = !heat && parameters.flag("return_polygons", true);
        Ok(Self { precision, envelopes, square: None, drawn_at })
    }

    /// Puts things together by their places, in the order of the map.
    pub fn group<T>(&self, things: Vec<T>, place: impl Fn(&T) -> Point) -> Vec<Vec<T>> {
        let mut groups: BTreeMap<(i64, i64), Vec<T>> = BTreeMap::new();
        for thing in things {
            let place = place(&thing);
            let (x, y) = match self.square {
                Some((zoom, edge)) => {
                    let (x, y) = pixel(place, zoom);
                    ((x / edge).floor(), (y / edge).floor())
                }
                // Finer than any place is told.
                None => ((place.lon * 1e9).round(), (place.lat * 1e9).round()),
            };
            groups.entry((x as i64, y as i64)).or_default().push(thing);
        }
        groups.into_values().collect()
    }

    /// A place as it enters an envelope: at the nearest pixel of the zoom that this is drawn at, counted in degrees.
    pub fn drawn(&self, place: Point) -> Point {
        let Some(zoom) = self.drawn_at else { return place };
        let step = 360.0 / (WORLD * f64::from(zoom).exp2());
        Point { lon: (place.lon / step).round() * step, lat: (place.lat / step).round() * step }
    }
}

/// Reads a zoom.
///
/// # Errors
///
/// If it is no number, or deeper than maps go.
pub fn zoom(parameters: &Parameters, name: &'static str) -> Result<Option<u32>, Refusal> {
    let Some(text) = parameters.given(name) else { return Ok(None) };
    let zoom = text.trim().parse().ok().filter(|zoom| *zoom <= DEEPEST);
    zoom.map(Some).ok_or_else(|| refused(name, text, &format!("0 <= {name} <= {DEEPEST}")))
}

/// Where a place stands on the map of the world at this zoom, in pixels from its north-west corner.
pub fn pixel(place: Point, zoom: u32) -> (f64, f64) {
    let size = WORLD * f64::from(zoom).exp2();
    // The map ends where it becomes a square.
    let lat = place.lat.clamp(-85.051_128, 85.051_128).to_radians();
    ((place.lon + 180.0) / 360.0 * size, (1.0 - lat.tan().asinh() / std::f64::consts::PI) / 2.0 * size)
}

fn refused(name: &'static str, found: &str, expected: &str) -> Refusal {
    Refusal::Parameter { name, found: found.to_owned(), expected: expected.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_world_is_a_square_of_256_pixels_that_doubles_with_each_zoom() {
        let (x, y) = pixel(Point { lon: 0.0, lat: 0.0 }, 0);
        assert_eq!((x, y), (128.0, 128.0));
        let (x, y) = pixel(Point { lon: 180.0, lat: -90.0 }, 3);
        assert!(x == 2048.0 && (y - 2048.0).abs() < 1e-3, "{x} {y}");
    }

    #[test]
    fn an_envelope_moves_by_half_a_pixel_at_most() {
        let clustering = Clustering::by_place(&Parameters::parse("clusterprecision=4&shapeprecision=4")).unwrap();
        let place = Point { lon: 2.345_67, lat: 48.856_78 };
        let drawn = clustering.drawn(place);
        let half = 360.0 / (256.0 * 256.0) / 2.0;
        assert!(drawn != place && (drawn.lon - place.lon).abs() <= half && (drawn.lat - place.lat).abs() <= half);
    }
}
