//! Places, distances and shapes, as far as a school directory needs them.

use crate::simulator::value::Point;

/// A closed ring, or the outside of one.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    ring: Vec<Point>,
    outside: bool,
}

impl Shape {
    /// The shape of this ring; at least three corners.
    pub fn new(ring: Vec<Point>, outside: bool) -> Option<Self> {
        (ring.len() >= 3).then_some(Self { ring, outside })
    }

    /// The rectangle between two corners.
    pub fn rectangle(one: Point, other: Point) -> Self {
        let corner = |lon, lat| Point { lon, lat };
        Self { ring: vec![one, corner(other.lon, one.lat), other, corner(one.lon, other.lat)], outside: false }
    }

    /// Whether the place belongs to it.
    pub fn contains(&self, place: Point) -> bool {
        let mut inside = false;
        let mut previous = self.ring[self.ring.len() - 1];
        for &corner in &self.ring {
            let crosses = (corner.lat > place.lat) != (previous.lat > place.lat);
            if crosses && place.lon < (previous.lon - corner.lon) * (place.lat - corner.lat) / (previous.lat - corner.lat) + corner.lon {
                inside = !inside;
            }
            previous = corner;
        }
        inside != self.outside
    }
}

/// Great-circle distance in metres.
pub fn metres(a: Point, b: Point) -> f64 {
    const EARTH_RADIUS: f64 = 6_371_000.0;
    let (lat_a, lat_b) = (a.lat.to_radians(), b.lat.to_radians());
    let (half_lat, half_lon) = ((lat_b - lat_a) / 2.0, (b.lon - a.lon).to_radians() / 2.0);
    let h = half_lat.sin().powi(2) + lat_a.cos() * lat_b.cos() * half_lon.sin().powi(2);
    2.0 * EARTH_RADIUS * h.sqrt().asin()
}

/// Metres in a unit of length, if it is one.
pub fn unit(name: &str) -> Option<f64> {
    Some(match name {
        "m" => 1.0,
        "km" => 1000.0,
        "cm" => 0.01,
        "mm" => 0.001,
        "mi" => 1609.344,
        "yd" => 0.9144,
        "ft" => 0.3048,
        _ => return None,
    })
}

/// The corners of a WKT `POINT` or `POLYGON`, or of a GeoJSON one: the numbers, in pairs of longitude and latitude.
pub fn corners(text: &str) -> Option<Vec<Point>> {
    let upper = text.to_ascii_uppercase();
    if !upper.contains("POINT") && !upper.contains("POLYGON") {
        return None;
    }
    let numbers: Vec<f64> = text
        .split(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+')))
        .filter(|part| !part.is_empty())
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    let (pairs, rest) = numbers.as_chunks::<2>();
    (rest.is_empty() && !pairs.is_empty()).then(|| pairs.iter().map(|&[lon, lat]| Point { lon, lat }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paris_and_lyon_are_some_four_hundred_kilometres_apart() {
        let distance = metres(Point { lon: 2.35, lat: 48.85 }, Point { lon: 4.85, lat: 45.76 });
        assert!((385_000.0..400_000.0).contains(&distance), "{distance}");
    }

    #[test]
    fn a_polygon_holds_what_lies_in_it() {
        let ring = corners("POLYGON((0 0, 4 0, 4 4, 0 4, 0 0))").unwrap();
        let shape = Shape::new(ring, false).unwrap();
        assert!(shape.contains(Point { lon: 1.0, lat: 1.0 }));
        assert!(!shape.contains(Point { lon: 5.0, lat: 1.0 }));
    }
}
