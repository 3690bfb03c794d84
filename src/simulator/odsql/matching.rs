//! How words are found in texts: without case and accents, and forgiving if asked to.

use super::tree::Search;

/// Lower case, without the accents of the languages that the portal speaks.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        match c {
            'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' => folded.push('a'),
            'ç' => folded.push('c'),
            'è' | 'é' | 'ê' | 'ë' => folded.push('e'),
            'ì' | 'í' | 'î' | 'ï' => folded.push('i'),
            'ñ' => folded.push('n'),
            'ò' | 'ó' | 'ô' | 'õ' | 'ö' => folded.push('o'),
            'ù' | 'ú' | 'û' | 'ü' => folded.push('u'),
            'ÿ' | 'ý' => folded.push('y'),
            'œ' => folded.push_str("oe"),
            'æ' => folded.push_str("ae"),
            // Combining accents: a decomposed é is an é.
            '\u{300}'..='\u{36f}' => {}
            _ => folded.push(c),
        }
    }
    folded
}

/// The words of a folded text.
fn words(folded: &str) -> impl Iterator<Item = &str> {
    folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// A search that is ready to be run over folded texts.
#[derive(Clone, Debug, PartialEq)]
pub struct Needle {
    kind: Search,
    words: Vec<String>,
}

impl Needle {
    /// Words to be found as `kind` says.
    pub fn new(kind: Search, text: &str) -> Self {
        Self { kind, words: words(&fold(text)).map(str::to_owned).collect() }
    }

    /// The pattern of `like`: words, of which one with `*` or `%` behind it is a prefix.
    pub fn like(pattern: &str) -> Self {
        let prefix = pattern.trim_end().ends_with(['*', '%']);
        Self::new(if prefix { Search::Suggest } else { Search::Words }, pattern)
    }

    /// Whether every word is found in one of these folded texts. Nothing to find is found everywhere.
    pub fn found_in<'a>(&self, haystacks: impl Iterator<Item = &'a str> + Clone) -> bool {
        self.words.iter().enumerate().all(|(at, needle)| {
            let last = at + 1 == self.words.len();
            haystacks.clone().any(|haystack| self.word_in(needle, last, haystack))
        })
    }

    fn word_in(&self, needle: &str, last: bool, haystack: &str) -> bool {
        match self.kind {
            Search::Words => haystack.contains(needle) && words(haystack).any(|word| word == needle),
            Search::Suggest => haystack.contains(needle) && words(haystack).any(|word| word.starts_with(needle)),
            Search::Fuzzy => {
                let allowed = match needle.len() {
                    0..=2 => 0,
                    3..=5 => 1,
                    _ => 2,
                };
                words(haystack).any(|word| (last && word.starts_with(needle)) || near(needle.as_bytes(), word.as_bytes(), allowed))
            }
        }
    }
}

/// Whether two words differ by at most `allowed` insertions, deletions and substitutions.
fn near(mut a: &[u8], mut b: &[u8], allowed: usize) -> bool {
    if a.len().abs_diff(b.len()) > allowed {
        return false;
    }
    while let ([x, rest_a @ ..], [y, rest_b @ ..]) = (a, b)
        && x == y
    {
        (a, b) = (rest_a, rest_b);
    }
    while let ([rest_a @ .., x], [rest_b @ .., y]) = (a, b)
        && x == y
    {
        (a, b) = (rest_a, rest_b);
    }
    match (a, b) {
        ([], rest) | (rest, []) => rest.len() <= allowed,
        _ if allowed == 0 => false,
        ([_, rest_a @ ..], [_, rest_b @ ..]) => {
            near(rest_a, b, allowed - 1) || near(a, rest_b, allowed - 1) || near(rest_a, rest_b, allowed - 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(kind: Search, needle: &str, haystack: &str) -> bool {
        Needle::new(kind, needle).found_in([fold(haystack).as_str()].into_iter())
    }

    #[test]
    fn accents_and_case_do_not_matter() {
        assert_eq!(fold("L'ÉCOLE d'Œuvre"), "l'ecole d'oeuvre");
        assert!(found(Search::Words, "ecole", "L'École du Bourg"));
        assert!(!found(Search::Words, "ecol", "L'École du Bourg"));
    }

    #[test]
    fn a_fuzzy_search_forgives_one_or_two_letters_and_takes_the_last_word_as_a_prefix() {
        assert!(found(Search::Fuzzy, "jaurez", "Lycée Jean Jaurès"));
        assert!(found(Search::Fuzzy, "jean jau", "Lycée Jean Jaurès"));
        assert!(!found(Search::Fuzzy, "jau jean", "Lycée Jean Jaurès"));
        assert!(!found(Search::Fuzzy, "paris", "Lycée Jean Jaurès"));
    }

    #[test]
    fn like_takes_a_star_or_percent_as_a_prefix() {
        assert!(Needle::like("%Zone A%").found_in(["zone a"].into_iter()));
        assert!(Needle::like("coll*").found_in(["college du bourg"].into_iter()));
        assert!(!Needle::like("coll").found_in(["college du bourg"].into_iter()));
    }
}
