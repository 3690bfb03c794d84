//! The language of an answer: `lang`, else what `Accept-Language` prefers, else the portal's own.

use super::refusal::Refusal;
use super::target::Parameters;

/// The languages that the portal has.
pub const LANGUAGES: [&str; 11] = ["en", "fr", "nl", "pt", "it", "ar", "de", "es", "ca", "eu", "sv"];

/// The portal's own language.
pub const DEFAULT: &str = "fr";

/// The language that a question is answered in.
///
/// # Errors
///
/// If `lang` names none of the portal's.
pub fn of(parameters: &Parameters, accept_language: Option<&str>) -> Result<&'static str, Refusal> {
    match parameters.given("lang") {
        Some(lang) => LANGUAGES.into_iter().find(|known| *known == lang).ok_or_else(|| Refusal::Parameter {
            name: "lang",
            found: lang.to_owned(),
            expected: format!("one of {}", LANGUAGES.join(", ")),
        }),
        None => Ok(preferred(accept_language)),
    }
}

/// The portal's language with the highest weight in `Accept-Language`; of equals the first.
pub fn preferred(accept_language: Option<&str>) -> &'static str {
    let mut best = (0.0, DEFAULT);
    for range in accept_language.unwrap_or_default().split(',') {
        let mut parts = range.split(';');
        let tag = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let weight = parts.find_map(|part| part.trim().strip_prefix("q=")).map_or(1.0, |q| q.trim().parse().unwrap_or(0.0));
        let primary = tag.split('-').next().unwrap_or_default();
        if let Some(known) = LANGUAGES.into_iter().find(|known| *known == primary)
            && weight > best.0
        {
            best = (weight, known);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_known_language_is_taken() {
        assert_eq!(preferred(None), "fr");
        assert_eq!(preferred(Some("*")), "fr");
        assert_eq!(preferred(Some("ja, en-GB;q=0.7, de;q=0.8")), "de");
        assert_eq!(preferred(Some("en;q=0")), "fr");
        assert!(of(&Parameters::parse("lang=xx"), None).is_err());
        assert_eq!(of(&Parameters::parse("lang=es"), Some("de")), Ok("es"));
    }
}
