//! The school directory: sixty thousand schools that do not exist.

use jiff::civil::date;

use super::Template;
use super::places::{DEPARTMENTS, PATRONS, STREETS, TOWNS_PER_DEPARTMENT, town};
use crate::simulator::dice::Dice;
use crate::simulator::table::{Builder, Field, Kind, Schema};
use crate::simulator::value::{Point, Value};

struct Nature {
    kind: &'static str,
    code: i64,
    name: &'static str,
    pupils: (i64, i64),
}

/// Weighted by repetition: most schools are primary ones.
const NATURES: &[Nature] = &[
    Nature { kind: "Ecole", code: 151, name: "ECOLE DE NIVEAU ELEMENTAIRE", pupils: (40, 320) },
    Nature { kind: "Ecole", code: 151, name: "ECOLE DE NIVEAU ELEMENTAIRE", pupils: (40, 320) },
    Nature { kind: "Ecole", code: 101, name: "ECOLE MATERNELLE", pupils: (20, 180) },
    Nature { kind: "Ecole", code: 101, name: "ECOLE MATERNELLE", pupils: (20, 180) },
    Nature { kind: "Collège", code: 340, name: "COLLEGE", pupils: (150, 900) },
    Nature { kind: "Lycée", code: 302, name: "LYCEE D ENSEIGNEMENT GENERAL", pupils: (300, 1800) },
    Nature { kind: "Lycée", code: 306, name: "LYCEE POLYVALENT", pupils: (300, 2000) },
    Nature { kind: "Lycée", code: 320, name: "LYCEE PROFESSIONNEL", pupils: (120, 900) },
    Nature { kind: "EREA", code: 370, name: "ETABLISSEMENT REGIONAL D'ENSEIGNT ADAPTE", pupils: (40, 150) },
    Nature { kind: "Service Administratif", code: 800, name: "INSPECTION ACADEMIQUE", pupils: (0, 0) },
];

const SECTIONS: &[&str] =
    &["Arts plastiques", "Cinéma-audiovisuel", "Section européenne", "Section internationale", "Sport-études", "Théâtre"];

pub(super) fn template() -> Template {
    Template {
        id: "fr-en-annuaire-education".to_owned(),
        title: "Annuaire de l'éducation".to_owned(),
        title_en: "Directory of schools".to_owned(),
        theme: "Établissements",
        keywords: vec!["annuaire", "école", "collège", "lycée"],
        publisher: "Ministère de l'Éducation nationale (fictif)",
        frequency: Some("Quotidienne"),
        schema: schema(),
        data_visible: true,
        key_only: false,
        unpublished: false,
        rows: 60_000,
        make,
    }
}

fn schema() -> std::sync::Arc<Schema> {
    let text = |name, label, label_en| Field::new(name, Kind::Text, label, label_en);
    Schema::new(vec![
        text("identifiant_de_l_etablissement", "Identifiant de l'établissement", "School identifier"),
        text("nom_etablissement", "Nom de l'établissement", "School name"),
        text("type_etablissement", "Type d'établissement", "School type").disjunctive(),
        text("statut_public_prive", "Statut public ou privé", "Public or private").facet(),
        text("adresse_1", "Adresse 1", "Address 1"),
        text("adresse_2", "Adresse 2", "Address 2"),
        text("code_postal", "Code postal", "Post code"),
        text("code_commune", "Code commune", "Municipality code"),
        text("nom_commune", "Commune", "Municipality"),
        text("code_departement", "Code département", "Department code"),
        text("libelle_departement", "Département", "Department").disjunctive(),
        text("code_academie", "Code académie", "Academy code"),
        text("libelle_academie", "Académie", "Academy").disjunctive(),
        text("libelle_region", "Région", "Region").disjunctive(),
        text("telephone", "Téléphone", "Telephone"),
        text("mail", "Courriel", "E-mail"),
        text("web", "Site web", "Web site"),
        Field::new("code_nature", Kind::Int, "Code nature", "Nature code"),
        text("libelle_nature", "Nature", "Nature").facet(),
        Field::new("ecole_maternelle", Kind::Int, "École maternelle", "Nursery school"),
        Field::new("ecole_elementaire", Kind::Int, "École élémentaire", "Primary school"),
        Field::new("restauration", Kind::Int, "Restauration", "Canteen"),
        Field::new("hebergement", Kind::Int, "Hébergement", "Boarding"),
        Field::new("sections", Kind::List, "Sections", "Sections").disjunctive(),
        text("siren_siret", "SIREN / SIRET", "Company number"),
        Field::new("nombre_d_eleves", Kind::Int, "Nombre d'élèves", "Number of pupils"),
        Field::new("latitude", Kind::Double, "Latitude", "Latitude"),
        Field::new("longitude", Kind::Double, "Longitude", "Longitude"),
        Field::new("position", Kind::Point, "Position", "Position"),
        Field::new("date_ouverture", Kind::Date, "Date d'ouverture", "Opening date"),
        Field::new("date_maj_ligne", Kind::Date, "Mise à jour de la ligne", "Row updated on"),
        text("etat", "État", "State").facet(),
        Field::new("multi_uai", Kind::Int, "Multi-UAI", "Multiple identifiers"),
    ])
}

fn make(dice: &mut Dice, index: usize, row: &mut Builder) {
    let at = dice.below(DEPARTMENTS.len());
    let department = &DEPARTMENTS[at];
    let nature = dice.pick(NATURES);
    let public = dice.chance(83);
    let town_number = dice.below(TOWNS_PER_DEPARTMENT);
    let identifier = identifier(department.code, index);
    let short = department.code.trim_start_matches('0');
    let prefix = if short.len() == 1 { format!("0{short}") } else { short.to_owned() };
    let patron = dice.pick(PATRONS);
    let name = match nature.kind {
        "Ecole" if nature.code == 101 => format!("École maternelle {patron}"),
        "Ecole" => format!("École élémentaire {patron}"),
        "Lycée" if nature.code == 320 => format!("Lycée professionnel {patron}"),
        "Lycée" if nature.code == 306 => format!("Lycée polyvalent {patron}"),
        "Service Administratif" => format!("Direction des services départementaux {}", department.name),
        kind => format!("{kind} {patron}"),
    };
    let primary = |code| if nature.kind == "Ecole" { Value::Int(i64::from(nature.code == code)) } else { Value::Null };

    row.text(&identifier).text(&name).text(nature.kind).text(if public { "Public" } else { "Privé" });
    row.text(&format!("{} {}", dice.between(1, 120), dice.pick(STREETS)));
    row.maybe(dice.chance(15).then_some("Bâtiment B, 2e étage"));
    row.text(&format!("{:0<5}", format!("{prefix}{}", town_number % 10))).text(&format!("{prefix}{town_number:03}"));
    row.text(&town(at * TOWNS_PER_DEPARTMENT + town_number)).text(department.code).text(department.name);
    row.text(department.academy_code).text(department.academy).text(department.region);
    if dice.chance(90) {
        row.text(&format!("01 99 {:02} {:02} {:02}", dice.below(100), dice.below(100), dice.below(100)));
    } else {
        row.maybe(None);
    }
    row.text(&format!("ce.{}@ac-exemple.invalid", identifier.to_lowercase()));
    if nature.kind != "Ecole" && dice.chance(60) {
        row.text(&format!("https://{}.ecole.invalid/", identifier.to_lowercase()));
    } else {
        row.maybe(None);
    }
    row.push(Value::Int(nature.code)).text(nature.name).push(primary(101)).push(primary(151));
    row.push(Value::Int(i64::from(dice.chance(80)))).push(if dice.chance(70) {
        Value::Int(i64::from(dice.chance(20)))
    } else {
        Value::Null
    });
    let sections: Vec<&str> =
        if nature.kind == "Ecole" { Vec::new() } else { SECTIONS.iter().copied().filter(|_| dice.chance(25)).collect() };
    row.list(&sections).text(&format!("{}{:05}", 190_000_000 + index, 11 + index % 90));
    row.push(if nature.pupils.1 > 0 && dice.chance(93) { Value::Int(dice.between(nature.pupils.0, nature.pupils.1)) } else { Value::Null });
    // Six decimals are ten centimetres: enough for a school that does not exist.
    let near = |centre: f64, unit: f64| ((centre + (unit - 0.5) * 0.8) * 1e6).round() / 1e6;
    let (lon, lat) = (near(department.lon, dice.unit()), near(department.lat, dice.unit()));
    if dice.chance(97) {
        row.push(Value::Double(lat)).push(Value::Double(lon)).push(Value::Point(Point { lon, lat }));
    } else {
        row.push(Value::Null).push(Value::Null).push(Value::Null);
    }
    let opened = date(1965 + dice.below(59) as i16, 1 + dice.below(12) as i8, 1 + dice.below(28) as i8);
    row.push(Value::Date(opened)).push(Value::Date(date(2025, 1 + dice.below(10) as i8, 1 + dice.below(28) as i8)));
    row.text(if dice.chance(98) { "OUVERT" } else { "A FERMER" }).push(Value::Int(0));
}

/// Three characters of the department, four digits, and a letter that checks them.
fn identifier(department: &str, index: usize) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHJKLMNPRSTUVWXYZ";
    // The index is spread over number and letter so that no two schools of a department share them.
    format!("{department}{:04}{}", index % 10_000, char::from(LETTERS[(index / 10_000 * 7 + index) % LETTERS.len()]))
}
