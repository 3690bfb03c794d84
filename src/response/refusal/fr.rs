//! In French. Times are those of Paris, with UTC in brackets, as the portal's day is.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{When, Words, grouped, paris, when};
use crate::budget::{Refused, Shutter, TeamStanding, Why};
use crate::response::addressee::Addressee;

/// What holds whatever the limit.
const STORED: &str = "Tout ce qui a déjà été demandé reste servi.";

/// How to ask for the same with fewer calls.
const MERGE: &str = "Pour consommer moins d’appels : une seule question pour plusieurs éléments (`where=code in (\"a\", \"b\")`) au lieu d’une \
                     par élément ; un export, qui compte pour un seul appel quelle que soit sa taille, au lieu d’une suite de pages ; dans un champ \
                     de recherche, pas de question avant la troisième lettre.";

const MONTHS: [&str; 12] =
    ["janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"];

/// The words for a refusal.
pub(super) fn words(refused: &Refused, to: &Addressee<'_>) -> Words {
    let Refused { why, until, limit, used, team: standing } = *refused;
    let (limit, used, opens) = (calls(limit), grouped(used, '\u{202f}'), moment(until, to.now));
    let (team, more) = (team(to), more(to));
    let (title, detail) = match why {
        Why::Exhausted => (
            "Les appels de la journée sont épuisés",
            format!(
                "L’organisation a utilisé {used} des {limit} que le portail lui accorde par jour ; le reste est gardé pour l’entretien des réponses \
                 enregistrées. De nouvelles questions pourront être posées {opens}. {STORED} {MERGE} {more}"
            ),
        ),
        Why::ReserveSpent => (
            "Les appels de rafraîchissement de la journée sont épuisés",
            format!(
                "Les appels réservés au rafraîchissement des réponses enregistrées sont épuisés. Il y en aura de nouveau {opens}. {STORED} {more}"
            ),
        ),
        Why::Ceiling => (
            "Les appels de l’équipe sont épuisés pour aujourd’hui",
            format!(
                "{team} a utilisé {used} des {limit} auxquels elle a droit par jour. Elle pourra poser de nouvelles questions {opens}. {STORED} \
                 {MERGE}{who} {more}",
                who = who(to)
            ),
        ),
        Why::Guaranteed => (
            "Ce qui reste de la journée est promis à d’autres équipes",
            format!(
                "{team} a utilisé {own}, et ce qui reste des {limit} de la journée est promis à d’autres équipes. Ce qu’elles n’utilisent \
                 pas est libéré en fin de journée : il pourra y avoir de nouveau des appels {opens}. {STORED} {MERGE}{who} {more}",
                own = own(standing),
                who = who(to)
            ),
        ),
        Why::Pace => (
            "Les traitements par lots sont en avance sur le rythme de la journée",
            format!(
                "Les traitements par lots reçoivent ce que les autres laissent, réparti sur la journée : {used} des {limit} qu’ils peuvent avoir \
                 utilisés à cette heure le sont. Le prochain pourra partir {opens}. {STORED} Un traitement qui peut attendre trouve le plus \
                 d’appels le soir et la nuit, quand ce qui était promis aux autres est libéré. {MERGE} {more}"
            ),
        ),
        Why::Dataset => (
            "La limite du portail pour ce jeu de données est atteinte",
            format!(
                "Le portail lui-même accorde {limit} pour ce jeu de données, et {used} sont utilisés. Il pourra être interrogé de nouveau {opens} ; \
                 les autres jeux peuvent l’être dès maintenant. {STORED} Un export apporte le jeu entier en un seul appel. {more}"
            ),
        ),
        Why::QueueFull => (
            "Trop de questions attendent un appel",
            format!(
                "Tant de questions attendent déjà leur tour qu’une de plus attendrait en vain. Reposez la vôtre {opens}, et moins à la fois. {STORED} \
                 {MERGE}"
            ),
        ),
        Why::PortalDown => (
            "Le portail est en panne",
            format!(
                "Les dernières réponses du portail étaient des erreurs, ou il n’y en a pas eu. Pour qu’il se rétablisse et qu’aucun appel ne soit \
                 perdu, il ne sera interrogé de nouveau que {opens}. {STORED} Il n’y a rien à faire de votre côté."
            ),
        ),
        Why::Closed(Shutter::Domain) => (
            "Les appels du portail lui-même sont épuisés",
            format!(
                "Le portail répond que les appels de tous ses utilisateurs ensemble sont épuisés (10002) ; {used} sur {limit} ont été utilisés ici. \
                 Il pourra être interrogé de nouveau {opens}. {STORED} {MERGE} {more}"
            ),
        ),
        Why::Closed(Shutter::Anonymous) => (
            "Le portail dit que les appels de la journée sont épuisés",
            format!(
                "Le portail répond que les appels de cette adresse sont épuisés (10005). Ici, {used} sur {limit} sont comptés : si c’est moins, \
                 quelqu’un d’autre l’interroge depuis la même adresse. Il pourra être interrogé de nouveau {opens}. {STORED} {MERGE} {more}"
            ),
        ),
        Why::BackingOff => (
            "Le portail a demandé de ralentir",
            format!("Le portail a répondu 429 et ne veut être interrogé de nouveau que {opens}. {STORED} {MERGE}"),
        ),
        Why::Learning => (
            "Le compte de la journée n’est pas encore connu",
            format!(
                "Ce serveur vient de démarrer, ou son horloge a fait un saut : les appels partent un par un jusqu’à ce que le portail ait dit combien \
                 il en reste. Reposez la question {opens}. {STORED}"
            ),
        ),
        Why::LedgerUnwritable => (
            "Le compte des appels ne peut pas être écrit",
            format!(
                "Ce serveur ne peut pas écrire son compte des appels, et sans lui aucun ne peut partir. Reposez la question {opens}. {STORED} {more}"
            ),
        ),
        Why::ShuttingDown => ("Ce serveur est en cours d’arrêt", format!("Ce serveur est en cours d’arrêt. Reposez la question {opens}.")),
    };
    Words { title, detail: spaced(&detail) }
}

/// The words for a client that asks for more at a time than is good for the others.
pub(super) fn too_fast(wait: Duration, to: &Addressee<'_>) -> Words {
    let at = Timestamp::from_nanosecond(to.now.as_nanosecond().saturating_add_unsigned(wait.as_nanos())).unwrap_or(Timestamp::MAX);
    let opens = moment(at, to.now);
    let detail = format!(
        "Ce client pose de nouvelles questions plus vite qu’un seul client ne le peut. Posez la suivante {opens}. {STORED} {MERGE}"
    );
    Words { title: "Trop de nouvelles questions à la fois", detail: spaced(&detail) }
}

/// A time, for a sentence: `demain à 1 h 00, heure de Paris (00:00 UTC)`.
fn moment(at: Timestamp, now: Timestamp) -> String {
    match when(at, now, paris(), TimeZone::UTC) {
        When::Soon(1) => "dans une seconde".to_owned(),
        When::Soon(seconds) => format!("dans {seconds} secondes"),
        When::At { first, days, second } => {
            let day = match days {
                0 => "aujourd’hui".to_owned(),
                1 => "demain".to_owned(),
                _ => {
                    let month = MONTHS[usize::from(first.month().unsigned_abs()) - 1];
                    if first.day() == 1 { format!("le 1er {month}") } else { format!("le {} {month}", first.day()) }
                }
            };
            format!("{day} à {} h {:02}, heure de Paris ({} UTC)", first.hour(), first.minute(), second.strftime("%H:%M"))
        }
    }
}

fn calls(number: u64) -> String {
    format!("{} {}", grouped(number, '\u{202f}'), if number < 2 { "appel" } else { "appels" })
}

/// The team, at the beginning of a sentence.
fn team(to: &Addressee<'_>) -> String {
    match to.team {
        Some(name) => format!("L’équipe « {name} »"),
        None => "Cette équipe".to_owned(),
    }
}

/// What the team has used of its own.
fn own(standing: Option<TeamStanding>) -> String {
    match standing {
        Some(TeamStanding { guaranteed: 0, .. }) | None => "sa propre part".to_owned(),
        Some(TeamStanding { spent, guaranteed, .. }) => {
            format!(
                "{} aujourd’hui, alors que {} de la journée lui sont promis à cette heure",
                calls(spent),
                grouped(guaranteed, '\u{202f}')
            )
        }
    }
}

/// What clients that nobody has recognised can do about it.
fn who(to: &Addressee<'_>) -> &'static str {
    match to.team {
        Some("default") => {
            " C’est l’équipe des clients qui ne sont pas reconnus : celui qui envoie la clé de sa propre équipe (`X-Preau-Key`) utilise les appels \
             de celle-ci."
        }
        Some("browser") => {
            " C’est l’équipe des pages d’autres sites : faites autoriser l’origine de cette page (`allowed_origins`), ou faites-lui envoyer la clé de son \
             équipe (`X-Preau-Key`)."
        }
        _ => "",
    }
}

/// Whom to ask.
fn more(to: &Addressee<'_>) -> String {
    match to.contact {
        Some(contact) => format!("Pour en obtenir davantage : {contact}"),
        None => "Pour en obtenir davantage, adressez-vous à la personne qui gère ce serveur.".to_owned(),
    }
}

/// With spaces that no line breaks at before high punctuation and inside quotation marks, as the language is typeset.
fn spaced(text: &str) -> String {
    text.trim_end()
        .replace(" :", "\u{a0}:")
        .replace(" ;", "\u{202f};")
        .replace("« ", "«\u{a0}")
        .replace(" »", "\u{a0}»")
        .replace(" h ", "\u{a0}h\u{a0}")
}
