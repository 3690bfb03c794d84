//! What an error says to people, in French and in English. What is wrong with a target or with a form of HTTP itself is said in English in the
//! detail, byte by byte, and named in the title.

use std::time::Duration;

use super::Error;
use crate::exchange::failures::Failed;
use crate::origin;
use crate::request::client::Unrecognised;
use crate::request::language::Spoken;
use crate::request::question::Fault;
use crate::response::addressee::Addressee;
use crate::response::refusal::{self, Words};

/// The words for every error but a refusal of the budget.
pub(super) fn of(error: &Error, to: &Addressee<'_>) -> Words {
    if let Error::TooFast { wait } = error {
        return refusal::too_fast(*wait, to);
    }
    match to.spoken {
        Spoken::English => Words { title: english(error), detail: error.to_string() },
        Spoken::French => {
            let (title, detail) = french(error);
            Words { title, detail: detail.unwrap_or_else(|| error.to_string()) }
        }
    }
}

fn english(error: &Error) -> &'static str {
    match error {
        Error::Question(fault) => match fault {
            Fault::Path(_) => "Malformed path",
            Fault::Query(_) => "Malformed query",
            Fault::Form => "Malformed form",
            Fault::Credential(_) => "Contradicting credentials",
            Fault::UnknownUri => "Not found",
            Fault::Method { .. } => "Method not allowed",
        },
        Error::PageMethod => "Method not allowed",
        Error::Host => "Bad Host field",
        Error::ForeignTarget => "Foreign target",
        Error::Client(Unrecognised::UnknownKey | Unrecognised::OtherName) => "Unknown key",
        Error::Client(Unrecognised::TwoKeys) => "Contradicting keys",
        Error::Client(Unrecognised::MalformedForwarding | Unrecognised::TwoAddresses) => "Bad forwarding",
        Error::MisplacedKey => "A key where none belongs",
        Error::ClientKey => "Keys are not taken here",
        Error::KeyRejected { .. } => "Unknown key of the portal",
        Error::PageWithKey { .. } => "Not mirrored",
        Error::TargetTooLong { .. } => "Target too long",
        Error::ContentTooLarge { .. } => "Content too large",
        Error::ContentBroken => "Broken content",
        Error::ContentTooSlow { .. } => "Content too slow",
        Error::NeedsChunks => "HTTP/1.1 needed",
        Error::OnlyIfCached => "Not stored",
        Error::Refused(_) => "No call can leave now",
        Error::TooFast { .. } => "Too many new questions at a time",
        Error::Origin(error) | Error::FailedBefore { failed: Failed::Call(error), .. } => {
            if matches!(**error, origin::Error::TimedOut { .. }) { "The portal took too long" } else { "The portal could not be asked" }
        }
        Error::FailedBefore { failed: Failed::Answer(status), .. } if status.is_server_error() => "The portal failed",
        Error::FailedBefore { .. } => "The portal's answer could not be right",
        Error::Lost => "The answer was lost",
    }
}

/// Title and, where it is not left in English, detail.
fn french(error: &Error) -> (&'static str, Option<String>) {
    let said = |title, detail: &str| (title, Some(detail.to_owned()));
    match error {
        Error::Question(fault) => match fault {
            Fault::Path(_) => ("Chemin mal formé", None),
            Fault::Query(_) => ("Requête mal formée", None),
            Fault::Form => ("Formulaire mal formé", None),
            Fault::Credential(_) => said(
                "Clés contradictoires",
                "Les clés du portail que porte la requête sont mal formées ou se contredisent : envoyez-en une seule, dans `Authorization: Apikey …` ou \
                 comme `apikey`.",
            ),
            Fault::UnknownUri => said("Introuvable", "L’adresse demandée n’existe pas."),
            Fault::Method { allow } => ("Méthode non autorisée", Some(format!("Cette adresse accepte {allow}."))),
        },
        Error::PageMethod => said("Méthode non autorisée", "Cette page est celle du portail ; seuls GET et HEAD y sont renvoyés."),
        Error::Host => ("Champ Host incorrect", None),
        Error::ForeignTarget => {
            said("Cible étrangère", "Ce serveur ne répond que pour le portail : demandez un chemin, et non l’adresse d’un autre serveur.")
        }
        Error::Client(fault) => unrecognised(*fault),
        Error::MisplacedKey => said(
            "Une clé mal placée",
            "Une clé de ce serveur va dans `X-Preau-Key` ou dans `Authorization: Basic`, et nulle part ailleurs ; si d’autres ont pu voir où elle a été \
             envoyée, faites-la remplacer.",
        ),
        Error::ClientKey => said(
            "Les clés ne sont pas prises ici",
            "Les clés du portail ne sont pas prises ici ; posez la question sans clé, ou adressez-vous au portail lui-même.",
        ),
        Error::KeyRejected { .. } => {
            said("Clé inconnue du portail", "Le portail ne connaît pas cette clé ; il l’a dit il y a moins d’une minute.")
        }
        Error::PageWithKey { address } => (
            "Page non reprise ici",
            Some(format!(
                "Cette page est celle du portail et n’est pas reprise ici ; demandez-la sans clé de ce serveur, à l’adresse {address}"
            )),
        ),
        Error::TargetTooLong { bytes, limit } => {
            ("Cible trop longue", Some(format!("La cible a {bytes} octets ; {limit} au plus sont lus.")))
        }
        Error::ContentTooLarge { limit } => ("Contenu trop grand", Some(format!("Le corps de la requête a plus de {limit} octets."))),
        Error::ContentBroken => said("Contenu incomplet", "Le corps de la requête est mal formé ou s’arrête trop tôt."),
        Error::ContentTooSlow { after } => {
            ("Contenu trop lent", Some(format!("Le corps de la requête n’était pas complet au bout de {}.", seconds(*after))))
        }
        Error::NeedsChunks => said(
            "HTTP/1.1 nécessaire",
            "Cette réponse est transmise au fil de l’eau, ce que HTTP/1.0 ne distingue pas d’une réponse interrompue ; demandez-la en HTTP/1.1.",
        ),
        Error::OnlyIfCached => {
            said("Pas de réponse enregistrée", "Aucune réponse enregistrée ne convient, et la requête dit only-if-cached.")
        }
        Error::Refused(_) => ("Aucun appel ne peut partir", None),
        Error::TooFast { .. } => ("Trop de nouvelles questions à la fois", None),
        Error::FailedBefore { failed, .. } => {
            let (title, detail) = match failed {
                Failed::Call(error) => unanswered(error),
                Failed::Answer(status) if status.is_server_error() => {
                    ("Le portail est en erreur", Some(format!("Le portail a répondu {}.", status.as_u16())))
                }
                Failed::Answer(_) => said("La réponse du portail est incohérente", "La réponse du portail ne pouvait pas être juste."),
            };
            (title, detail.map(|detail| format!("{detail} Pendant un moment, aucun appel ne part pour cette question.")))
        }
        Error::Origin(error) => unanswered(error),
        Error::Lost => said("La réponse s’est perdue", "La réponse s’est perdue ici."),
    }
}

fn unrecognised(fault: Unrecognised) -> (&'static str, Option<String>) {
    let (title, detail) = match fault {
        Unrecognised::UnknownKey => (
            "Clé inconnue",
            "Cette clé n’est pas connue ici ; demandez-en une à la personne qui gère ce serveur, ou posez la question sans clé.",
        ),
        Unrecognised::OtherName => (
            "Clé inconnue",
            "Cette clé n’est pas celle de l’équipe dont le nom l’accompagne ; donnez le nom de l’équipe, ou laissez-le vide.",
        ),
        Unrecognised::TwoKeys => (
            "Clés contradictoires",
            "La requête porte deux clés de ce serveur ; envoyez-en une seule, dans `X-Preau-Key` ou par `Authorization: Basic`.",
        ),
        Unrecognised::MalformedForwarding => {
            ("Relais mal formé", "Ce qu’un relais dit de l’adresse du client dans `Forwarded` ou `X-Forwarded-For` est illisible.")
        }
        Unrecognised::TwoAddresses => (
            "Relais contradictoire",
            "`Forwarded` et `X-Forwarded-For` nomment deux clients ; un relais transmet l’un des deux sans l’avoir lu.",
        ),
    };
    (title, Some(detail.to_owned()))
}

fn unanswered(error: &origin::Error) -> (&'static str, Option<String>) {
    const FAILED: &str = "Le portail n’a pas pu être interrogé";
    let detail = match error {
        origin::Error::TimedOut { after, .. } => {
            return ("Le portail a mis trop longtemps", Some(format!("Le portail n’a pas répondu au bout de {}.", seconds(*after))));
        }
        origin::Error::Connect(_) => "Il n’y a pas de connexion au portail.",
        origin::Error::Tls { .. } => "Il n’y a pas de connexion sûre au portail.",
        origin::Error::Closed(_) => "Le portail a fermé la connexion sans répondre.",
        origin::Error::Truncated { .. } => "La réponse du portail s’est interrompue.",
        origin::Error::Target
        | origin::Error::Malformed(_)
        | origin::Error::SwitchedProtocols
        | origin::Error::NotModified
        | origin::Error::HeadTooLarge(_)
        | origin::Error::Coding(_) => return (FAILED, None),
    };
    (FAILED, Some(detail.to_owned()))
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn every() -> Vec<Error> {
        let timed_out = || Arc::new(origin::Error::TimedOut { phase: origin::Phase::FirstByte, after: Duration::from_secs(60) });
        let failed_before = |failed| Error::FailedBefore { failed, wait: Duration::from_secs(2) };
        vec![
            Error::Question(Fault::Form),
            Error::Question(Fault::UnknownUri),
            Error::Question(Fault::Method { allow: "GET, HEAD" }),
            Error::Host,
            Error::ForeignTarget,
            Error::Client(Unrecognised::UnknownKey),
            Error::Client(Unrecognised::OtherName),
            Error::Client(Unrecognised::TwoKeys),
            Error::Client(Unrecognised::MalformedForwarding),
            Error::Client(Unrecognised::TwoAddresses),
            Error::MisplacedKey,
            Error::ClientKey,
            Error::KeyRejected { wait: Duration::from_secs(20) },
            Error::PageWithKey { address: "https://portal.example/pages/".into() },
            Error::PageMethod,
            Error::TargetTooLong { bytes: 20_000, limit: 16_384 },
            Error::ContentTooLarge { limit: 1 << 20 },
            Error::ContentBroken,
            Error::ContentTooSlow { after: Duration::from_secs(60) },
            Error::NeedsChunks,
            Error::OnlyIfCached,
            Error::Origin(timed_out()),
            Error::Origin(Arc::new(origin::Error::SwitchedProtocols)),
            failed_before(Failed::Call(timed_out())),
            failed_before(Failed::Answer(http::StatusCode::SERVICE_UNAVAILABLE)),
            failed_before(Failed::Answer(http::StatusCode::OK)),
            Error::TooFast { wait: Duration::from_secs(3) },
            Error::Lost,
        ]
    }

    /// Errors whose detail is left in English: they quote the syntax of HTTP or of the target.
    const SYNTAX: [&str; 3] = ["Malformed form", "Bad Host field", "The portal could not be asked"];

    #[test]
    fn every_error_is_told_in_both_languages() {
        for error in every() {
            let told = |spoken| of(&error, &Addressee { spoken, now: jiff::Timestamp::UNIX_EPOCH, team: None, contact: None });
            let (french, english) = (told(Spoken::French), told(Spoken::English));
            assert_ne!(french.title, english.title, "{error:?}");
            assert_eq!(french.detail == english.detail, SYNTAX.contains(&english.title), "{error:?}: {}", french.detail);
            assert!(!french.detail.is_empty() && !english.detail.is_empty(), "{error:?}");
        }
    }

    #[test]
    fn what_a_client_needs_to_go_on_is_in_both() {
        for (error, needed) in [
            (Error::PageWithKey { address: "https://portal.example/pages/".into() }, "https://portal.example/pages/"),
            (Error::Question(Fault::Method { allow: "GET, HEAD" }), "GET, HEAD"),
            (Error::Client(Unrecognised::TwoKeys), "`X-Preau-Key`"),
            (Error::TooFast { wait: Duration::from_secs(3) }, "3 second"),
        ] {
            for spoken in [Spoken::French, Spoken::English] {
                let to = Addressee { spoken, now: jiff::Timestamp::UNIX_EPOCH, team: None, contact: None };
                let detail = of(&error, &to).detail;
                assert!(detail.contains(needed), "{detail}");
            }
        }
    }
}
