//! Pictures and plans of schools: the one dataset whose records have files.

use super::Template;
use super::places::{DEPARTMENTS, PATRONS};
use crate::simulator::dice::Dice;
use crate::simulator::table::{Builder, Field, Kind, Schema};
use crate::simulator::value::{Point, Value};

pub(super) fn template() -> Template {
    Template {
        id: "fr-en-galerie-des-etablissements".to_owned(),
        title: "Galerie des établissements".to_owned(),
        title_en: "Gallery of schools".to_owned(),
        theme: "Établissements",
        keywords: vec!["photographies", "plans"],
        publisher: "Ministère de l'Éducation nationale (fictif)",
        frequency: None,
        schema: Schema::new(vec![
            Field::new("nom", Kind::Text, "Nom", "Name"),
            Field::new("academie", Kind::Text, "Académie", "Academy").disjunctive(),
            Field::new("photo", Kind::File, "Photographie", "Photograph"),
            Field::new("plan", Kind::File, "Plan", "Plan"),
            Field::new("geo_point_2d", Kind::Point, "Coordonnées", "Coordinates"),
        ]),
        data_visible: true,
        key_only: false,
        unpublished: false,
        rows: 60,
        make,
    }
}

fn make(dice: &mut Dice, index: usize, row: &mut Builder) {
    let department = dice.pick(DEPARTMENTS);
    row.text(&format!("École {}", dice.pick(PATRONS))).text(department.academy);
    row.push(Value::File(format!("ecole-{:04}.png", index + 1).into()));
    row.push(if dice.chance(50) { Value::File(format!("plan-{:04}.pdf", index + 1).into()) } else { Value::Null });
    row.push(Value::Point(Point { lon: department.lon, lat: department.lat }));
}
