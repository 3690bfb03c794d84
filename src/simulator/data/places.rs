//! Names and places that the invented datasets draw from. The academies and departments are the real ones; towns and schools are not.

/// A department, its academy and region, and roughly where it lies.
#[derive(Clone, Copy, Debug)]
pub struct Department {
    /// Code, three characters as the directory writes it.
    pub code: &'static str,
    /// Name.
    pub name: &'static str,
    /// Code of its academy.
    pub academy_code: &'static str,
    /// Name of its academy.
    pub academy: &'static str,
    /// Name of its region.
    pub region: &'static str,
    /// Holiday zone.
    pub zone: &'static str,
    /// Degrees east.
    pub lon: f64,
    /// Degrees north.
    pub lat: f64,
}

macro_rules! departments {
    ($(($code:literal, $name:literal, $academy_code:literal, $academy:literal, $region:literal, $zone:literal, $lon:literal, $lat:literal),)*) => {
        &[$(Department {
            code: $code, name: $name, academy_code: $academy_code, academy: $academy, region: $region, zone: $zone, lon: $lon, lat: $lat,
        }),*]
    };
}

/// The departments that have schools in this portal.
pub const DEPARTMENTS: &[Department] = departments![
    ("001", "Ain", "10", "Lyon", "Auvergne-Rhône-Alpes", "Zone A", 5.3, 46.1),
    ("006", "Alpes-Maritimes", "23", "Nice", "Provence-Alpes-Côte d'Azur", "Zone B", 7.2, 43.9),
    ("013", "Bouches-du-Rhône", "02", "Aix-Marseille", "Provence-Alpes-Côte d'Azur", "Zone B", 5.1, 43.5),
    ("014", "Calvados", "70", "Normandie", "Normandie", "Zone B", -0.3, 49.1),
    ("017", "Charente-Maritime", "13", "Poitiers", "Nouvelle-Aquitaine", "Zone A", -0.7, 45.8),
    ("021", "Côte-d'Or", "07", "Dijon", "Bourgogne-Franche-Comté", "Zone A", 4.8, 47.4),
    ("025", "Doubs", "03", "Besançon", "Bourgogne-Franche-Comté", "Zone A", 6.4, 47.1),
    ("029", "Finistère", "14", "Rennes", "Bretagne", "Zone B", -4.1, 48.3),
    ("031", "Haute-Garonne", "16", "Toulouse", "Occitanie", "Zone C", 1.2, 43.4),
    ("033", "Gironde", "04", "Bordeaux", "Nouvelle-Aquitaine", "Zone A", -0.6, 44.8),
    ("034", "Hérault", "11", "Montpellier", "Occitanie", "Zone C", 3.4, 43.6),
    ("035", "Ille-et-Vilaine", "14", "Rennes", "Bretagne", "Zone B", -1.6, 48.2),
    ("038", "Isère", "08", "Grenoble", "Auvergne-Rhône-Alpes", "Zone A", 5.6, 45.3),
    ("044", "Loire-Atlantique", "17", "Nantes", "Pays de la Loire", "Zone B", -1.7, 47.3),
    ("045", "Loiret", "18", "Orléans-Tours", "Centre-Val de Loire", "Zone B", 2.3, 47.9),
    ("051", "Marne", "19", "Reims", "Grand Est", "Zone B", 4.2, 48.9),
    ("054", "Meurthe-et-Moselle", "12", "Nancy-Metz", "Grand Est", "Zone B", 6.2, 48.8),
    ("059", "Nord", "09", "Lille", "Hauts-de-France", "Zone B", 3.2, 50.4),
    ("063", "Puy-de-Dôme", "06", "Clermont-Ferrand", "Auvergne-Rhône-Alpes", "Zone A", 3.1, 45.7),
    ("067", "Bas-Rhin", "15", "Strasbourg", "Grand Est", "Zone B", 7.6, 48.7),
    ("069", "Rhône", "10", "Lyon", "Auvergne-Rhône-Alpes", "Zone A", 4.6, 45.9),
    ("075", "Paris", "01", "Paris", "Ile-de-France", "Zone C", 2.35, 48.86),
    ("077", "Seine-et-Marne", "24", "Créteil", "Ile-de-France", "Zone C", 2.9, 48.6),
    ("078", "Yvelines", "25", "Versailles", "Ile-de-France", "Zone C", 1.8, 48.8),
    ("080", "Somme", "20", "Amiens", "Hauts-de-France", "Zone B", 2.3, 49.9),
    ("081", "Tarn", "16", "Toulouse", "Occitanie", "Zone C", 2.2, 43.8),
    ("087", "Haute-Vienne", "22", "Limoges", "Nouvelle-Aquitaine", "Zone A", 1.2, 45.9),
    ("093", "Seine-Saint-Denis", "24", "Créteil", "Ile-de-France", "Zone C", 2.5, 48.9),
    ("02A", "Corse-du-Sud", "27", "Corse", "Corse", "Corse", 9.0, 41.9),
    ("974", "La Réunion", "28", "La Réunion", "La Réunion", "Réunion", 55.5, -21.1),
];

const STEMS: &[&str] = &[
    "Aubé", "Belle", "Bréche", "Cerisy", "Champ", "Courte", "Étang", "Fougè", "Gré", "Haute", "Liseré", "Marché", "Montbré", "Noyé",
    "Ormeaux", "Pré", "Rivoire", "Sablon", "Tilleul", "Vallé",
];
const ENDINGS: &[&str] = &["court", "ville", "fort", "lieu", "mont", "rive", "sur-Loue", "les-Bois", "le-Vieux", "aux-Prés"];

/// The towns of the portal that no map knows: each department has the same number.
pub const TOWNS_PER_DEPARTMENT: usize = 60;

/// A town's name, from its number within the country.
pub fn town(number: usize) -> String {
    let (stem, ending) = (STEMS[number % STEMS.len()], ENDINGS[(number / STEMS.len()) % ENDINGS.len()]);
    let joint = if ending.contains('-') { "-" } else { "" };
    match number % 7 {
        0 => format!("Saint-{stem}{joint}{ending}"),
        1 => format!("La {stem}{joint}{ending}"),
        2 => format!("L'{stem}{joint}{ending}"),
        _ => format!("{stem}{joint}{ending}"),
    }
}

/// Whom schools are named after.
pub const PATRONS: &[&str] = &[
    "Jean Jaurès",
    "Marie Curie",
    "Simone Veil",
    "Victor Hugo",
    "Louise Michel",
    "Jules Ferry",
    "Émile Zola",
    "Rosa Parks",
    "Pierre de Coubertin",
    "Olympe de Gouges",
    "Antoine de Saint-Exupéry",
    "Joséphine Baker",
    "Évariste Galois",
    "Camille Claudel",
    "Léonard de Vinci",
    "Irène Joliot-Curie",
    "du Bourg",
    "des Tilleuls",
    "de la Forêt",
    "Frédéric Mistral",
    "Hélène Boucher",
    "Aimé Césaire",
    "Germaine Tillion",
    "François Villon",
    "des Trois Chênes",
    "du Vieux Pont",
];

/// Kinds of streets.
pub const STREETS: &[&str] = &[
    "rue de l'Église",
    "avenue de la République",
    "place du Marché",
    "chemin des Écoliers",
    "boulevard Gambetta",
    "allée des Érables",
    "route de la Forêt",
    "impasse du Préau",
];
