//! The portal's languages and ours, and the one that a client prefers.
//!
//! The portal's answers vary by `Accept-Language`, of which no two clients send the same. What can change an answer is
//! only which of the portal's eleven languages comes out, so that alone is keyed and sent.

use http::HeaderValue;

/// One of the languages a portal answers in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Language(&'static str);

/// The values of the portal's `lang` parameter (its OpenAPI document, schema of `lang`).
const LANGUAGES: [&str; 11] = ["en", "fr", "nl", "pt", "it", "ar", "de", "es", "ca", "eu", "sv"];

impl Language {
    /// The language whose tag is exactly `tag`, as the portal's `lang` parameter spells it.
    pub fn from_tag(tag: &str) -> Option<Self> {
        LANGUAGES.into_iter().find(|known| *known == tag).map(Self)
    }

    /// Its two-letter tag, as sent in `Accept-Language`.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl std::fmt::Display for Language {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

/// The portal language that the `Accept-Language` field, given as its lines, prefers: the highest weight wins, ties go
/// to the first.
///
/// Only the primary subtag counts (`fr-CA` is `fr`), as the portal has no regional variants. `None` is the portal's own
/// default: the field is absent or malformed, names no language of the portal with a weight above zero, or prefers `*`
/// to those it names.
pub fn preferred<'a>(lines: impl IntoIterator<Item = &'a HeaderValue>) -> Option<Language> {
    best(lines, Language::from_tag)
}

/// A language that this server speaks itself: of its refusals and errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Spoken {
    /// Of clients that prefer neither, programs above all: the portal's own errors are in English too, and so are those who read logs.
    #[default]
    English,
    /// Of clients that prefer it.
    French,
}

impl Spoken {
    /// The one that the `Accept-Language` field, given as its lines, prefers. Other languages are passed over: whoever reads German, and French
    /// rather than English, is told in French.
    pub fn preferred<'a>(lines: impl IntoIterator<Item = &'a HeaderValue>) -> Self {
        let spoken = |tag: &str| [Self::English, Self::French].into_iter().find(|spoken| spoken.as_str() == tag);
        best(lines, spoken).unwrap_or_default()
    }

    /// Its two-letter tag.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::French => "fr",
        }
    }
}

/// What the field prefers of the languages that are `known` by their primary subtags.
fn best<'a, L>(lines: impl IntoIterator<Item = &'a HeaderValue>, known: impl Fn(&str) -> Option<L>) -> Option<L> {
    let mut best: Option<(u16, Option<L>)> = None;
    for line in lines {
        for item in line.to_str().ok()?.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            let (range, weight) = weighted(item)?;
            let language = known(&primary(range)?);
            if weight > 0 && (range == "*" || language.is_some()) && best.as_ref().is_none_or(|(leading, _)| weight > *leading) {
                best = Some((weight, language));
            }
        }
    }
    best.and_then(|(_, language)| language)
}

/// A language range and its weight in thousandths (RFC 9110 section 12.4.2).
fn weighted(item: &str) -> Option<(&str, u16)> {
    let Some((range, parameter)) = item.split_once(';') else { return Some((item, 1000)) };
    let (name, value) = parameter.trim().split_once('=')?;
    if !name.eq_ignore_ascii_case("q") {
        return None;
    }
    let (whole, decimals) = value.split_once('.').unwrap_or((value, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths: u16 = format!("{decimals:0<3}").parse().ok()?;
    match whole {
        "0" => Some((range.trim_end(), thousandths)),
        "1" if thousandths == 0 => Some((range.trim_end(), 1000)),
        _ => None,
    }
}

/// The primary subtag of a language range in lower case (RFC 4647 section 2.1), if it is one.
fn primary(range: &str) -> Option<String> {
    let well_formed = |subtag: &str| (1..=8).contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let first = range.split('-').next().unwrap_or_default();
    (range == "*" || range.split('-').all(well_formed)).then(|| first.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&'static str]) -> Option<&'static str> {
        let lines: Vec<_> = lines.iter().map(|line| HeaderValue::from_static(line)).collect();
        preferred(&lines).map(Language::as_str)
    }

    #[test]
    fn the_highest_weight_wins_and_ties_go_to_the_first() {
        assert_eq!(of(&["en;q=0.5, fr;q=0.9, de;q=0.9"]), Some("fr"));
        assert_eq!(of(&["fr-CA,en"]), Some("fr"));
        assert_eq!(of(&["FR"]), Some("fr"));
        assert_eq!(of(&["en;q=0.2", "sv;q=0.7"]), Some("sv"));
        assert_eq!(of(&["eu;q=0.001"]), Some("eu"));
        assert_eq!(of(&["en ; q=0.1 , es; Q=1.000"]), Some("es"));
    }

    #[test]
    fn a_weight_of_zero_excludes_and_foreign_languages_are_passed_over() {
        assert_eq!(of(&["fr;q=0, en;q=0.1"]), Some("en"));
        assert_eq!(of(&["ja, zh-Hans;q=0.9, pt;q=0.1"]), Some("pt"));
        assert_eq!(of(&["fr;q=0.000"]), None);
        assert_eq!(of(&["ja"]), None);
    }

    #[test]
    fn a_star_that_leads_is_no_preference() {
        assert_eq!(of(&["*"]), None);
        assert_eq!(of(&["*, fr;q=0.5"]), None);
        assert_eq!(of(&["fr, *;q=0.5"]), Some("fr"));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[""]), None);
    }

    #[test]
    fn we_speak_french_to_those_who_prefer_it_to_english_and_english_to_all_others() {
        let spoken = |line: &'static str| Spoken::preferred(Some(&HeaderValue::from_static(line)));
        for line in ["fr", "fr-CA,fr;q=0.9,en;q=0.8", "de, fr;q=0.3, en;q=0.2", "fr;q=0.5, *;q=0.1", "FR"] {
            assert_eq!(spoken(line), Spoken::French, "{line}");
        }
        for line in ["en", "en, fr", "de", "*", "fr;q=0", "en-GB,en;q=0.9,fr;q=0.8", "fr_FR", ""] {
            assert_eq!(spoken(line), Spoken::English, "{line}");
        }
        assert_eq!(Spoken::preferred(None), Spoken::English);
    }

    #[test]
    fn a_malformed_field_is_no_preference() {
        for field in ["fr;q=2", "fr;q=0.1234", "fr;q=", "fr;q", "fr;v=1", "fr;q=1.001", "f r", "fr;q=-1", "fr_FR", "fr;q=0,5", "fr-"] {
            assert_eq!(of(&[field]), None, "{field}");
        }
        let not_ascii = HeaderValue::from_bytes(b"fr\xff").unwrap();
        assert_eq!(preferred(Some(&not_ascii)), None);
    }
}
