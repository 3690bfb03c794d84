//! The coordinate systems that places are written in: `epsg` in an export's question.

use super::refusal::Refusal;
use super::target::Parameters;
use super::value::Point;

/// A coordinate system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Projection {
    /// EPSG:4326, degrees, which is what the data are in.
    #[default]
    Degrees,
    /// EPSG:3857, the metres of web maps.
    WebMercator,
    /// EPSG:2154, Lambert-93, the metres of French maps.
    Lambert93,
}

impl Projection {
    /// Reads `epsg`. The real portal knows thousands of codes; three of them are what public code about France asks for.
    ///
    /// # Errors
    ///
    /// If it is none of the three.
    pub fn read(parameters: &Parameters) -> Result<Self, Refusal> {
        match parameters.given("epsg").unwrap_or("4326").trim() {
            "4326" => Ok(Self::Degrees),
            "3857" => Ok(Self::WebMercator),
            "2154" => Ok(Self::Lambert93),
            other => Err(Refusal::Parameter { name: "epsg", found: other.to_owned(), expected: "one of 4326, 3857, 2154".to_owned() }),
        }
    }

    /// The code, for a file that has to name a system other than the usual one.
    pub fn code(self) -> Option<u16> {
        match self {
            Self::Degrees => None,
            Self::WebMercator => Some(3857),
            Self::Lambert93 => Some(2154),
        }
    }

    /// Easting and northing of a place; metres to the centimetre.
    pub fn project(self, place: Point) -> [f64; 2] {
        let (lon, lat) = (place.lon.to_radians(), place.lat.to_radians());
        let centimetres = |metres: f64| (metres * 100.0).round() / 100.0;
        match self {
            Self::Degrees => [place.lon, place.lat],
            Self::WebMercator => {
                const RADIUS: f64 = 6_378_137.0;
                let northing = RADIUS * (std::f64::consts::FRAC_PI_4 + lat / 2.0).tan().ln();
                [centimetres(RADIUS * lon), centimetres(northing)]
            }
            // The constants of IGN's note NTG 71 on the Lambert projections.
            Self::Lambert93 => {
                const ECCENTRICITY: f64 = 0.081_819_191_042_815_8;
                const EXPONENT: f64 = 0.725_607_765_053_267;
                const CONSTANT: f64 = 11_754_255.426_1;
                const ORIGIN: (f64, f64) = (700_000.0, 12_655_612.049_9);
                let flattened = ECCENTRICITY * lat.sin();
                let shrink = ((1.0 - flattened) / (1.0 + flattened)).powf(ECCENTRICITY / 2.0);
                let isometric = ((std::f64::consts::FRAC_PI_4 + lat / 2.0).tan() * shrink).ln();
                let radius = CONSTANT * (-EXPONENT * isometric).exp();
                let angle = EXPONENT * (lon - 3_f64.to_radians());
                [centimetres(ORIGIN.0 + radius * angle.sin()), centimetres(ORIGIN.1 - radius * angle.cos())]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paris_lies_where_maps_have_it() {
        let paris = Point { lon: 2.3522, lat: 48.8566 };
        assert_eq!(Projection::Degrees.project(paris), [2.3522, 48.8566]);
        for (projection, expected) in
            [(Projection::WebMercator, [261_845.7, 6_250_564.3]), (Projection::Lambert93, [652_469.0, 6_862_035.3])]
        {
            let found = projection.project(paris);
            assert!((found[0] - expected[0]).abs() < 1.0 && (found[1] - expected[1]).abs() < 1.0, "{projection:?}: {found:?}");
        }
    }

    #[test]
    fn an_unknown_code_is_refused() {
        assert_eq!(Projection::read(&Parameters::parse("epsg=2154")), Ok(Projection::Lambert93));
        assert_eq!(Projection::read(&Parameters::parse("epsg=")), Ok(Projection::Degrees));
        assert!(Projection::read(&Parameters::parse("epsg=27572")).is_err());
    }
}
