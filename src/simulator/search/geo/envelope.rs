//! The smallest convex shape around places.

use serde_json::{Value as Json, json};

use crate::simulator::value::Point;

/// A place as geometries write it: the longitude first.
pub fn position(place: Point) -> [f64; 2] {
    [place.lon, place.lat]
}

/// The shape around these places: a point, a line, or a closed ring, against the clock.
///
/// # Panics
///
/// If there is no place.
pub fn envelope(mut places: Vec<Point>) -> Json {
    places.sort_by(|a, b| a.lon.total_cmp(&b.lon).then(a.lat.total_cmp(&b.lat)));
    places.dedup();
    let mut ring = half(places.iter().copied());
    ring.extend(half(places.iter().rev().copied()));
    match ring[..] {
        [] => json!({"type": "Point", "coordinates": position(places[0])}),
        [one, other] => json!({"type": "LineString", "coordinates": [position(one), position(other)]}),
        [first, ..] => {
            ring.push(first);
            json!({"type": "Polygon", "coordinates": [ring.into_iter().map(position).collect::<Vec<_>>()]})
        }
    }
}

/// The lower half of the hull of sorted places without its end, or the upper one where they come from the other side (Andrew).
fn half(places: impl Iterator<Item = Point>) -> Vec<Point> {
    let mut hull: Vec<Point> = Vec::new();
    for place in places {
        while let [.., a, b] = hull[..]
            && (b.lon - a.lon) * (place.lat - a.lat) <= (b.lat - a.lat) * (place.lon - a.lon)
        {
            hull.pop();
        }
        hull.push(place);
    }
    hull.pop();
    hull
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(places: &[(f64, f64)]) -> Json {
        envelope(places.iter().map(|(lon, lat)| Point { lon: *lon, lat: *lat }).collect())
    }

    #[test]
    fn a_shape_is_as_simple_as_its_places() {
        assert_eq!(around(&[(1.0, 2.0), (1.0, 2.0)]), json!({"type": "Point", "coordinates": [1.0, 2.0]}));
        assert_eq!(around(&[(2.0, 2.0), (0.0, 0.0), (1.0, 1.0)]), json!({"type": "LineString", "coordinates": [[0.0, 0.0], [2.0, 2.0]]}));
        assert_eq!(
            around(&[(0.0, 0.0), (4.0, 0.0), (2.0, 1.0), (4.0, 4.0), (0.0, 4.0), (0.0, 2.0)]),
            json!({"type": "Polygon", "coordinates": [[[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0], [0.0, 0.0]]]})
        );
    }
}
