//! The school calendar: holidays of an invented rhythm, from midnight of Paris to midnight of Paris, printed in UTC.

use jiff::ToSpan;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;

use super::Template;
use super::places::DEPARTMENTS;
use crate::simulator::dice::Dice;
use crate::simulator::table::{Builder, Field, Kind, Schema};
use crate::simulator::value::Value;

struct Holiday {
    name: &'static str,
    /// Month and day of its first day; the year is the school year's first or second.
    starts: (i8, i8),
    days: i64,
    /// Days by which the zones follow one another.
    stagger: i64,
    population: &'static str,
}

const HOLIDAYS: &[Holiday] = &[
    Holiday { name: "Vacances de la Toussaint", starts: (10, 18), days: 16, stagger: 0, population: "-" },
    Holiday { name: "Vacances de Noël", starts: (12, 20), days: 16, stagger: 0, population: "-" },
    Holiday { name: "Vacances d'Hiver", starts: (2, 7), days: 16, stagger: 7, population: "-" },
    Holiday { name: "Vacances de Printemps", starts: (4, 4), days: 16, stagger: 7, population: "-" },
    Holiday { name: "Pont de l'Ascension", starts: (5, 14), days: 4, stagger: 0, population: "-" },
    Holiday { name: "Début des Vacances d'Été", starts: (7, 4), days: 58, stagger: 0, population: "Élèves" },
    Holiday { name: "Vacances d'Été", starts: (7, 8), days: 52, stagger: 0, population: "Enseignants" },
];

const FIRST_YEAR: i16 = 2017;
const YEARS: usize = 11;

/// One academy out of each that the portal knows.
fn academies() -> Vec<(&'static str, &'static str)> {
    let mut academies: Vec<_> = DEPARTMENTS.iter().map(|department| (department.academy, department.zone)).collect();
    academies.dedup();
    academies.sort_unstable();
    academies.dedup();
    academies
}

pub(super) fn template() -> Template {
    Template {
        id: "fr-en-calendrier-scolaire".to_owned(),
        title: "Calendrier scolaire".to_owned(),
        title_en: "School calendar".to_owned(),
        theme: "Vie scolaire",
        keywords: vec!["calendrier", "vacances", "zones"],
        publisher: "Ministère de l'Éducation nationale (fictif)",
        frequency: Some("Annuelle"),
        schema: Schema::new(vec![
            Field::new("description", Kind::Text, "Description", "Description").disjunctive(),
            Field::new("population", Kind::Text, "Population", "Population").disjunctive(),
            Field::new("start_date", Kind::Moment, "Date de début", "Start date").facet(),
            Field::new("end_date", Kind::Moment, "Date de fin", "End date").facet(),
            Field::new("location", Kind::Text, "Académies", "Academies").disjunctive(),
            Field::new("zones", Kind::Text, "Zones", "Zones").disjunctive(),
            Field::new("annee_scolaire", Kind::Text, "Année scolaire", "School year").disjunctive(),
        ]),
        data_visible: true,
        key_only: false,
        unpublished: false,
        rows: YEARS * academies().len() * HOLIDAYS.len(),
        make,
    }
}

fn make(_: &mut Dice, index: usize, row: &mut Builder) {
    let academies = academies();
    let holiday = &HOLIDAYS[index % HOLIDAYS.len()];
    let (academy, zone) = academies[index / HOLIDAYS.len() % academies.len()];
    let year = FIRST_YEAR + (index / HOLIDAYS.len() / academies.len() % YEARS) as i16;
    let (month, day) = holiday.starts;
    let offset = match zone {
        "Zone B" => holiday.stagger,
        "Zone C" => 2 * holiday.stagger,
        _ => 0,
    };
    // Sliding by the year keeps school years apart, as weekends do in reality.
    let first = date(if month >= 9 { year } else { year + 1 }, month, day).saturating_add((offset + i64::from(year % 7)).days());
    row.text(holiday.name).text(holiday.population).push(midnight_of_paris(first));
    row.push(midnight_of_paris(first.saturating_add(holiday.days.days())));
    row.text(academy).text(zone).text(&format!("{year}-{}", year + 1));
}

fn midnight_of_paris(day: Date) -> Value<'static> {
    let paris = TimeZone::get("Europe/Paris").expect("the zone is bundled");
    paris.to_timestamp(day.at(0, 0, 0, 0)).map_or(Value::Null, Value::Moment)
}
