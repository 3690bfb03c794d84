//! The many small datasets: a few forms of table, each under a dozen subjects.

use jiff::Timestamp;
use jiff::civil::date;

use super::Template;
use super::places::{DEPARTMENTS, PATRONS, TOWNS_PER_DEPARTMENT, town};
use crate::simulator::dice::{Dice, hash};
use crate::simulator::table::{Builder, Field, Kind, Schema};
use crate::simulator::value::{Point, Value};

/// A form of table.
struct Form {
    prefix: &'static str,
    title: &'static str,
    title_en: &'static str,
    theme: &'static str,
    keywords: &'static [&'static str],
    fields: fn() -> Vec<Field>,
    make: fn(&mut Dice, usize, &mut Builder),
}

/// What a table is about: as ids have it, in French and in English.
type Subject = (&'static str, &'static str, &'static str);

const SUBJECTS: &[Subject] = &[
    ("ecoles-rurales", "écoles rurales", "rural schools"),
    ("ecoles-urbaines", "écoles urbaines", "urban schools"),
    ("colleges-bilingues", "collèges bilingues", "bilingual lower schools"),
    ("colleges-de-montagne", "collèges de montagne", "mountain lower schools"),
    ("lycees-hoteliers", "lycées hôteliers", "hotel schools"),
    ("lycees-maritimes", "lycées maritimes", "maritime schools"),
    ("lycees-des-metiers", "lycées des métiers", "vocational schools"),
    ("internats", "internats", "boarding schools"),
    ("classes-musicales", "classes musicales", "music classes"),
    ("greta-fictifs", "formations d'adultes", "adult training"),
    ("outre-mer", "écoles d'outre-mer", "overseas schools"),
    ("reseaux-ruraux", "réseaux ruraux", "rural networks"),
];

const FORMS: &[Form] = &[
    Form {
        prefix: "effectifs",
        title: "Effectifs",
        title_en: "Pupils of",
        theme: "Effectifs",
        keywords: &["effectifs", "élèves"],
        fields: headcount_fields,
        make: headcount,
    },
    Form {
        prefix: "resultats",
        title: "Résultats aux examens",
        title_en: "Examination results of",
        theme: "Résultats",
        keywords: &["examens", "réussite"],
        fields: result_fields,
        make: result,
    },
    Form {
        prefix: "equipements",
        title: "Équipements",
        title_en: "Equipment of",
        theme: "Établissements",
        keywords: &["bâtiments", "équipements"],
        fields: equipment_fields,
        make: equipment,
    },
    Form {
        prefix: "agenda",
        title: "Agenda",
        title_en: "Agenda of",
        theme: "Vie scolaire",
        keywords: &["agenda", "rencontres"],
        fields: agenda_fields,
        make: agenda,
    },
    Form {
        prefix: "indicateurs",
        title: "Indicateurs sociaux",
        title_en: "Social indicators of",
        theme: "Indicateurs",
        keywords: &["indicateurs", "position sociale"],
        fields: indicator_fields,
        make: indicator,
    },
];

pub(super) fn templates() -> Vec<Template> {
    let mut templates: Vec<Template> = pairs().map(|(form, subject)| form.template(subject, None)).collect();
    templates.push(closed("fr-en-mobilites-nominatives", "Mobilités nominatives", "Named transfers", false));
    templates.push(closed("fr-en-reserve-aux-services", "Données réservées aux services", "Data for the services", true));
    templates
}

/// So many more: the same forms and subjects, an edition after the other. They are short, because there may be many.
pub(super) fn more(number: usize) -> impl Iterator<Item = Template> {
    let editions = 2..;
    editions.flat_map(|edition| pairs().map(move |(form, subject)| form.template(subject, Some(edition)))).take(number)
}

/// Datasets that appear when somebody says so.
pub(super) fn unpublished() -> impl Iterator<Item = Template> {
    const WAITING: usize = 12;
    let subjects = pairs().filter(|(_, (slug, ..))| slug.starts_with("ecoles"));
    subjects.cycle().zip(1..=WAITING).map(|(form_and_subject, number)| {
        let (form, subject) = form_and_subject;
        let id = format!("fr-en-nouveaute-{number}");
        Template { id, unpublished: true, ..form.template(subject, Some(0)) }
    })
}

fn pairs() -> impl Iterator<Item = (&'static Form, &'static Subject)> + Clone {
    FORMS.iter().flat_map(|form| SUBJECTS.iter().map(move |subject| (form, subject)))
}

impl Form {
    fn template(&self, (slug, subject, subject_en): &Subject, edition: Option<usize>) -> Template {
        let (suffix, words, words_en) = match edition {
            Some(edition) => (format!("-edition-{edition}"), format!(", édition {edition}"), format!(", edition {edition}")),
            None => Default::default(),
        };
        let id = format!("fr-en-{}-{slug}{suffix}", self.prefix);
        let hash = hash(&id);
        Template {
            title: format!("{} : {subject}{words}", self.title),
            title_en: format!("{} {subject_en}{words_en}", self.title_en),
            theme: self.theme,
            keywords: self.keywords.to_vec(),
            publisher: if hash.is_multiple_of(3) {
                "Direction de l'évaluation (fictive)"
            } else {
                "Ministère de l'Éducation nationale (fictif)"
            },
            frequency: if hash.is_multiple_of(4) { None } else { Some("Annuelle") },
            schema: Schema::new((self.fields)()),
            data_visible: true,
            key_only: false,
            unpublished: false,
            rows: if edition.is_some() { 60 + (hash % 200) as usize } else { 50 + (hash % 1951) as usize },
            make: self.make,
            id,
        }
    }
}

/// A dataset that not everybody may read.
fn closed(id: &str, title: &str, title_en: &str, key_only: bool) -> Template {
    Template {
        id: id.to_owned(),
        title: title.to_owned(),
        title_en: title_en.to_owned(),
        theme: "Ressources humaines",
        keywords: vec!["mobilités"],
        publisher: "Ministère de l'Éducation nationale (fictif)",
        frequency: None,
        schema: Schema::new(headcount_fields()),
        data_visible: key_only,
        key_only,
        unpublished: false,
        rows: 120,
        make: headcount,
    }
}

fn place_fields() -> Vec<Field> {
    vec![
        Field::new("uai", Kind::Text, "UAI", "School identifier"),
        Field::new("nom", Kind::Text, "Nom", "Name"),
        Field::new("commune", Kind::Text, "Commune", "Municipality"),
        Field::new("code_departement", Kind::Text, "Code département", "Department code"),
        Field::new("departement", Kind::Text, "Département", "Department").facet(),
        Field::new("academie", Kind::Text, "Académie", "Academy").disjunctive(),
    ]
}

/// Fills the fields of [`place_fields`] and returns the department's place.
fn place(dice: &mut Dice, index: usize, row: &mut Builder) -> (f64, f64) {
    let at = dice.below(DEPARTMENTS.len());
    let department = &DEPARTMENTS[at];
    row.text(&format!("{}{:04}Z", department.code, index)).text(&format!("Établissement {}", dice.pick(PATRONS)));
    row.text(&town(at * TOWNS_PER_DEPARTMENT + dice.below(TOWNS_PER_DEPARTMENT)))
        .text(department.code)
        .text(department.name)
        .text(department.academy);
    (department.lon, department.lat)
}

fn school_year(dice: &mut Dice) -> String {
    dice.between(2019, 2025).to_string()
}

fn headcount_fields() -> Vec<Field> {
    let mut fields = vec![Field::new("rentree_scolaire", Kind::Text, "Rentrée scolaire", "School year").disjunctive()];
    fields.extend(place_fields());
    fields.extend([
        Field::new("secteur", Kind::Text, "Secteur", "Sector").facet(),
        Field::new("nombre_total_eleves", Kind::Int, "Nombre total d'élèves", "Pupils in all"),
        Field::new("nombre_total_classes", Kind::Int, "Nombre total de classes", "Classes in all"),
        Field::new("filles", Kind::Int, "Filles", "Girls"),
        Field::new("garcons", Kind::Int, "Garçons", "Boys"),
        Field::new("langues", Kind::List, "Langues enseignées", "Languages taught").disjunctive(),
    ]);
    fields
}

fn headcount(dice: &mut Dice, index: usize, row: &mut Builder) {
    let year = school_year(dice);
    row.text(&year);
    place(dice, index, row);
    let (girls, boys) = (dice.between(10, 400), dice.between(10, 400));
    row.text(if dice.chance(80) { "PUBLIC" } else { "PRIVÉ" }).push(Value::Int(girls + boys)).push(Value::Int((girls + boys) / 25 + 1));
    if dice.chance(90) {
        row.push(Value::Int(girls)).push(Value::Int(boys));
    } else {
        row.push(Value::Null).push(Value::Null);
    }
    let languages: Vec<&str> =
        ["Anglais", "Allemand", "Espagnol", "Français langue étrangère", "Breton"].into_iter().filter(|_| dice.chance(35)).collect();
    row.list(&languages);
}

fn result_fields() -> Vec<Field> {
    let mut fields = vec![Field::new("session", Kind::Text, "Session", "Session").facet()];
    fields.extend(place_fields());
    fields.extend([
        Field::new("candidats", Kind::Int, "Candidats", "Candidates"),
        Field::new("taux_de_reussite", Kind::Double, "Taux de réussite", "Success rate"),
        Field::new("note_a_l_ecrit", Kind::Double, "Note à l'écrit", "Written mark"),
        Field::new("mention", Kind::Text, "Mention dominante", "Usual distinction").facet(),
        Field::new("publie_le", Kind::Date, "Publié le", "Published on").facet(),
    ]);
    fields
}

fn result(dice: &mut Dice, index: usize, row: &mut Builder) {
    let year = dice.between(2019, 2025);
    row.text(&year.to_string());
    place(dice, index, row);
    let tenths = |n: i64| Value::Double(n as f64 / 10.0);
    row.push(Value::Int(dice.between(8, 500))).push(if dice.chance(92) { tenths(dice.between(550, 1000)) } else { Value::Null });
    row.push(tenths(dice.between(70, 160))).text(dice.pick::<&str>(&["Sans mention", "Assez bien", "Bien", "Très bien"]));
    row.push(Value::Date(date(year as i16, 7 + dice.below(2) as i8, 1 + dice.below(28) as i8)));
}

fn equipment_fields() -> Vec<Field> {
    let mut fields = place_fields();
    fields.extend([
        Field::new("equipement", Kind::Text, "Équipement", "Equipment").disjunctive(),
        Field::new("surface_m2", Kind::Double, "Surface (m²)", "Surface (m²)"),
        Field::new("accessible", Kind::Bool, "Accessible", "Accessible"),
        Field::new("mis_en_service", Kind::Date, "Mise en service", "In service since").facet(),
        Field::new("geo_point_2d", Kind::Point, "Coordonnées", "Coordinates"),
    ]);
    fields
}

fn equipment(dice: &mut Dice, index: usize, row: &mut Builder) {
    let (lon, lat) = place(dice, index, row);
    row.text(dice.pick::<&str>(&["Préau", "Gymnase", "Cour d'école", "Bibliothèque", "Piscine", "Réfectoire"]));
    row.push(if dice.chance(85) { Value::Double(dice.between(300, 40_000) as f64 / 10.0) } else { Value::Null });
    row.push(if dice.chance(95) { Value::Bool(dice.chance(70)) } else { Value::Null });
    row.push(Value::Date(date(1950 + dice.below(75) as i16, 1 + dice.below(12) as i8, 1 + dice.below(28) as i8)));
    let near = |centre: f64, unit: f64| ((centre + unit - 0.5) * 1e6).round() / 1e6;
    row.push(Value::Point(Point { lon: near(lon, dice.unit()), lat: near(lat, dice.unit()) }));
}

fn agenda_fields() -> Vec<Field> {
    let mut fields = vec![
        Field::new("titre", Kind::Text, "Titre", "Title"),
        Field::new("debut", Kind::Moment, "Début", "Start").facet(),
        Field::new("fin", Kind::Moment, "Fin", "End"),
        Field::new("publics", Kind::List, "Publics", "Audiences").disjunctive(),
    ];
    fields.extend(place_fields());
    fields
}

fn agenda(dice: &mut Dice, index: usize, row: &mut Builder) {
    let subject = dice.pick(&["Portes ouvertes", "Réunion de rentrée", "Conseil d'école", "Fête de l'été", "Forum des métiers"]);
    row.text(&format!("{subject} n° {}", index + 1));
    // Quarters of an hour between 2023 and 2026.
    let start = Timestamp::from_second(1_672_531_200 + 900 * dice.between(0, 105_000)).unwrap_or(Timestamp::UNIX_EPOCH);
    let end = Timestamp::from_second(start.as_second() + 1800 * dice.between(1, 12)).unwrap_or(start);
    row.push(Value::Moment(start)).push(if dice.chance(80) { Value::Moment(end) } else { Value::Null });
    let publics: Vec<&str> = ["Élèves", "Parents", "Enseignants"].into_iter().filter(|_| dice.chance(50)).collect();
    row.list(&publics);
    place(dice, index, row);
}

fn indicator_fields() -> Vec<Field> {
    let mut fields = vec![Field::new("rentree_scolaire", Kind::Text, "Rentrée scolaire", "School year").facet()];
    fields.extend(place_fields());
    fields.extend([
        Field::new("indice", Kind::Double, "Indice", "Index"),
        Field::new("ecart_type", Kind::Double, "Écart type", "Standard deviation"),
        Field::new("rang", Kind::Int, "Rang", "Rank"),
    ]);
    fields
}

fn indicator(dice: &mut Dice, index: usize, row: &mut Builder) {
    let year = school_year(dice);
    row.text(&year);
    place(dice, index, row);
    row.push(Value::Double(dice.between(600, 1500) as f64 / 10.0));
    row.push(if dice.chance(88) { Value::Double(dice.between(80, 420) as f64 / 10.0) } else { Value::Null })
        .push(Value::Int(index as i64 + 1));
}
