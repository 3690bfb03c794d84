//! The places of records: clusters on a map, the rectangle around them, and the places alone.

mod clustering;
mod envelope;

use std::collections::HashSet;

use serde_json::{Value as Json, json};

use self::clustering::{Clustering, pixel, zoom};
use self::envelope::{envelope, position};
use super::Question;
use super::analyze::series::{Amount, Series};
use super::analyze::spread;
use super::asked::Filter;
use crate::simulator::answer::Answer;
use crate::simulator::catalogue::Dataset;
use crate::simulator::dice::{hash, mix};
use crate::simulator::refusal::Refusal;
use crate::simulator::route::Geo;
use crate::simulator::table::{Kind, Table};
use crate::simulator::value::{Point, Value};

/// Places of a preview where nobody says how many.
const PREVIEWED: usize = 1000;

/// A record with a place.
struct Placed {
    row: u32,
    place: Point,
}

/// Records that stand together.
struct Cluster {
    members: Vec<Placed>,
    amounts: Vec<Option<Amount>>,
}

impl Question<'_> {
    pub(super) fn geo(&self, dataset: &Dataset, kind: Geo) -> Result<Answer, Refusal> {
        let table = dataset.table(self.caller.keyed())?;
        let placed = placed(&table, Filter::read(self, &table.schema)?.rows(self, &table));
        match kind {
            Geo::Clusters | Geo::Polygons => self.clusters(&table, placed, kind),
            Geo::BoundingBox => self.json(&bounding_box(&placed)),
            Geo::Preview => self.preview(&placed),
        }
    }

    fn clusters(&self, table: &Table, placed: Vec<Placed>, kind: Geo) -> Result<Answer, Refusal> {
        let clustering = match kind {
            Geo::Clusters => Clustering::by_distance(self.parameters())?,
            _ => Clustering::by_place(self.parameters())?,
        };
        let series = Series::read_all(self.parameters(), &table.schema)?;
        let amounts = |members: &[Placed]| -> Vec<Option<Amount>> {
            let rows: Vec<u32> = members.iter().map(|placed| placed.row).collect();
            series.iter().map(|series| series.amount(table, &rows)).collect()
        };
        let groups = clustering.group(placed, |placed| placed.place).into_iter();
        let mut clusters: Vec<Cluster> = groups.map(|members| Cluster { amounts: amounts(&members), members }).collect();
        let counts = clusters.iter().map(|cluster| cluster.members.len());
        let count = json!({"max": counts.clone().max().unwrap_or(0), "min": counts.min().unwrap_or(0)});
        let spread = spread(&series, clusters.iter().map(|cluster| cluster.amounts.as_slice()));
        clusters.truncate(self.most("maxpoints")?.unwrap_or(usize::MAX));
        let shown: Vec<Json> = clusters.iter().map(|cluster| cluster.shown(&series, &clustering)).collect();
        self.json(&json!({"clusters": shown, "count": count, "series": spread, "clusterprecision": clustering.precision}))
    }

    /// A list of places, each once; at a zoom, those that fall on one pixel are one.
    fn preview(&self, placed: &[Placed]) -> Result<Answer, Refusal> {
        let zoom = zoom(self.parameters(), "clusterprecision")?;
        let rows = self.most("rows")?.unwrap_or(PREVIEWED);
        let mut seen = HashSet::new();
        let places = placed.iter().map(|placed| placed.place).filter(|place| match zoom {
            Some(zoom) => {
                let (x, y) = pixel(*place, zoom);
                seen.insert((x.floor() as i64 as u64, y.floor() as i64 as u64))
            }
            None => seen.insert((place.lon.to_bits(), place.lat.to_bits())),
        });
        let shape = |place: Point| {
            let geometry = json!({"type": "Point", "coordinates": position(place)});
            let digest = mix(hash(&geometry.to_string()));
            json!({"geometry": geometry, "geo_digest": format!("{digest:016x}")})
        };
        self.json(&places.take(rows).map(shape).collect())
    }
}

impl Cluster {
    fn shown(&self, series: &[Series], clustering: &Clustering) -> Json {
        let count = self.members.len() as f64;
        let mean = |of: fn(&Point) -> f64| self.members.iter().map(|placed| of(&placed.place)).sum::<f64>() / count;
        let values = series.iter().zip(&self.amounts).filter_map(|(series, amount)| Some((series.name.clone(), amount.as_ref()?.json())));
        let mut shown = json!({
            // The latitude first, unlike the geometry.
            "cluster_center": [mean(|place| place.lat), mean(|place| place.lon)],
            "count": self.members.len(),
            "series": values.collect::<serde_json::Map<_, _>>(),
        });
        if clustering.envelopes {
            let places = self.members.iter().map(|placed| clustering.drawn(placed.place));
            shown["cluster"] = envelope(places.collect());
        }
        shown
    }
}

/// The rows that have a place: the first one of each.
fn placed(table: &Table, rows: Vec<u32>) -> Vec<Placed> {
    let columns: Vec<usize> = (0..table.schema.fields.len()).filter(|at| table.schema.fields[*at].kind == Kind::Point).collect();
    let place = |row: u32| {
        columns.iter().find_map(|column| match table.value(row as usize, *column) {
            Value::Point(place) => Some(place),
            _ => None,
        })
    };
    rows.into_iter().filter_map(|row| place(row).map(|place| Placed { row, place })).collect()
}

/// How many records have a place, of which kind these are, and the rectangle around them: west, south, east, north.
fn bounding_box(placed: &[Placed]) -> Json {
    let least = |of: fn(&Point) -> f64| placed.iter().map(|placed| of(&placed.place)).reduce(f64::min).unwrap_or(0.0);
    let greatest = |of: fn(&Point) -> f64| placed.iter().map(|placed| of(&placed.place)).reduce(f64::max).unwrap_or(0.0);
    let west_south = [least(|place| place.lon), least(|place| place.lat)];
    let east_north = [greatest(|place| place.lon), greatest(|place| place.lat)];
    let bbox = [west_south, east_north].concat();
    let geometries = if placed.is_empty() { json!({}) } else { json!({"Point": placed.len()}) };
    json!({"count": placed.len(), "geometries": geometries, "bbox": bbox})
}
