//! Formats that are made of places: GeoJSON, GPX and KML.

use crate::simulator::json;
use crate::simulator::others::escape;
use crate::simulator::projection::Projection;
use crate::simulator::refusal::Refusal;
use crate::simulator::rows::source::Source;
use crate::simulator::target::Parameters;
use crate::simulator::value::{Point, Value};
use serde_json::json;

/// The first place among the values of a row: its geometry.
pub fn first(values: &[Value<'_>]) -> Option<Point> {
    values.iter().find_map(|value| match value {
        Value::Point(point) => Some(*point),
        _ => None,
    })
}

/// Opens a collection of features, and names the system of its coordinates if they are not degrees.
pub fn open_collection(out: &mut Vec<u8>, projection: Projection) {
    out.extend_from_slice(br#"{"type": "FeatureCollection", "#);
    if let Some(code) = projection.code() {
        out.extend_from_slice(br#""crs": "#);
        json::append(out, &json!({"type": "name", "properties": {"name": format!("urn:ogc:def:crs:EPSG::{code}")}}));
        out.extend_from_slice(b", ");
    }
    out.extend_from_slice(br#""features": ["#);
}

/// How way points are written.
#[derive(Clone, Debug, Default)]
pub struct Gpx {
    /// The column whose value names the point; without one the first text does.
    name: Option<usize>,
    /// The columns whose values describe the point; none for all of them.
    description: Vec<usize>,
    /// Whether the values stand in elements of their own, or in the description.
    extensions: bool,
}

impl Gpx {
    /// Reads the options. Values stand in elements of their own by default from v2.1 on.
    ///
    /// # Errors
    ///
    /// If a field is named that the export does not have.
    pub fn read(parameters: &Parameters, names: &[String], extensions: bool) -> Result<Self, Refusal> {
        let known = |name: &'static str, found: &str| {
            let refused = || Refusal::Parameter { name, found: found.to_owned(), expected: "a field of the export".to_owned() };
            names.iter().position(|name| name == found).ok_or_else(refused)
        };
        let listed = parameters.given("description_field_list").unwrap_or_default().split(',').map(str::trim);
        let description = listed.filter(|name| !name.is_empty()).map(|name| known("description_field_list", name));
        Ok(Self {
            name: parameters.given("name_field").map(|name| known("name_field", name.trim())).transpose()?,
            description: description.collect::<Result<_, _>>()?,
            extensions: parameters.flag("use_extension", extensions),
        })
    }

    /// A way point, if the row has a place: a GPX file has no other rows.
    pub fn way_point(&self, out: &mut Vec<u8>, source: &Source, values: &[Value<'_>]) {
        let Some(place) = first(values) else { return };
        let plain = |at: usize| values[at].plain(source.zone());
        let present = || (0..values.len()).filter(|at| values[*at] != Value::Null).map(|at| (at, source.headings()[at].as_str()));
        let name = self.name.or_else(|| values.iter().position(|value| matches!(value, Value::Text(_))));
        let mut text = format!("<wpt lat=\"{}\" lon=\"{}\">", json!(place.lat), json!(place.lon));
        if let Some(at) = name.filter(|at| values[*at] != Value::Null) {
            text.push_str(&format!("<name>{}</name>", escape(&plain(at))));
        }
        if !self.extensions || !self.description.is_empty() {
            let chosen = present().filter(|(at, _)| self.description.is_empty() || self.description.contains(at));
            let lines: Vec<String> = chosen.map(|(at, heading)| format!("{heading}: {}", plain(at))).collect();
            text.push_str(&format!("<desc>{}</desc>", escape(&lines.join("\n"))));
        }
        if self.extensions {
            let elements = present().map(|(at, heading)| (element(heading), escape(&plain(at))));
            let elements: String = elements.map(|(name, value)| format!("<ogr:{name}>{value}</ogr:{name}>")).collect();
            text.push_str(&format!("<extensions>{elements}</extensions>"));
        }
        text.push_str("</wpt>\n");
        out.extend_from_slice(text.as_bytes());
    }
}

/// Opens a file of way points. The name space of the values is that of the library which the portal writes them with.
pub fn open_gpx(out: &mut Vec<u8>) {
    out.extend_from_slice(
        b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<gpx version=\"1.1\" creator=\"preau simulator\" \
          xmlns=\"http://www.topografix.com/GPX/1/1\" xmlns:ogr=\"http://osgeo.org/gdal\">\n",
    );
}

/// Opens a file of place marks.
pub fn open_kml(out: &mut Vec<u8>, name: &str) {
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<kml xmlns=\"http://www.opengis.net/kml/2.2\"><Document><Folder>";
    out.extend_from_slice(format!("{head}<name>{}</name>\n", escape(name)).as_bytes());
}

/// A place mark with the values of a row. One without a place is a mark without a point.
pub fn place_mark(out: &mut Vec<u8>, source: &Source, values: &[Value<'_>]) {
    let present = source.headings().iter().zip(values).filter(|(_, value)| **value != Value::Null);
    let data: String = present
        .map(|(heading, value)| format!("<Data name=\"{}\"><value>{}</value></Data>", escape(heading), escape(&value.plain(source.zone()))))
        .collect();
    let point = first(values)
        .map(|place| format!("<Point><coordinates>{},{}</coordinates></Point>", json!(place.lon), json!(place.lat)))
        .unwrap_or_default();
    out.extend_from_slice(format!("<Placemark><ExtendedData>{data}</ExtendedData>{point}</Placemark>\n").as_bytes());
}

/// A heading as the name of an element.
fn element(heading: &str) -> String {
    let name: String = heading.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '_' }).collect();
    if name.starts_with(|c: char| c.is_alphabetic() || c == '_') { name } else { format!("_{name}") }
}
