//! Where JSON answers carry links: paths of members, a table for each kind of answer.
//!
//! From the recorded bodies of five portals and the portals' own OpenAPI documents; `_links` and `links` are of the same shape.

/// A way down from the whole of an answer to one of its strings.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) steps: &'static [Step],
    pub(super) kind: Kind,
}

/// From a value to one inside it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The member of this name.
    Name(&'static str),
    /// Any member: the names of records' fields are the publisher's.
    Any,
    /// Any element of an array.
    Item,
}

/// What the string at the end of a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A link.
    Link,
    /// A link if the object around it is a file: members of a record are data, and only a file's address is the portal's.
    File,
}

/// A kind of answer: its paths. Names one table of this module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Members(pub(super) &'static [Path]);

/// No path has more steps: containers deeper than this are passed over without being told apart.
pub(super) const DEPTH: usize = 6;

macro_rules! step {
    (*) => {
        Step::Any
    };
    ([]) => {
        Step::Item
    };
    ($name:literal) => {
        Step::Name($name)
    };
}

macro_rules! tables {
    ($($(#[$doc:meta])* $table:ident = [$($kind:ident: $($step:tt)/+;)*];)*) => {
        $($(#[$doc])* pub(super) const $table: Members = Members(&[$(Path { steps: &[$(step!($step)),+], kind: Kind::$kind },)*]);)*
        /// Every table, by name.
        #[cfg(test)]
        pub(super) const ALL: &[(&str, Members)] = &[$((stringify!($table), $table),)*];
    };
}

tables! {
    /// Facets, navigation, lists of export formats, aggregates: links about the answer, and nothing else.
    LINKS = [
        Link: "links" / [] / "href";
        Link: "_links" / [] / "href";
    ];
    /// The catalogue of v2.0.
    CATALOG_V2_0 = [
        Link: "links" / [] / "href";
        Link: "datasets" / [] / "links" / [] / "href";
        Link: "datasets" / [] / "dataset" / "attachments" / [] / "url";
        Link: "datasets" / [] / "dataset" / "alternative_exports" / [] / "url";
    ];
    /// The catalogue of v2.1. `_links` comes with `include_links`; no dataset has a member of that name of its own.
    CATALOG_V2_1 = [
        Link: "_links" / [] / "href";
        Link: "links" / [] / "href";
        Link: "results" / [] / "_links" / [] / "href";
        Link: "results" / [] / "attachments" / [] / "url";
        Link: "results" / [] / "alternative_exports" / [] / "url";
    ];
    /// A dataset of v2.0.
    DATASET_V2_0 = [
        Link: "links" / [] / "href";
        Link: "dataset" / "attachments" / [] / "url";
        Link: "dataset" / "alternative_exports" / [] / "url";
    ];
    /// A dataset of v2.1.
    DATASET_V2_1 = [
        Link: "_links" / [] / "href";
        Link: "links" / [] / "href";
        Link: "attachments" / [] / "url";
        Link: "alternative_exports" / [] / "url";
    ];
    /// Attachments.
    ATTACHMENTS = [
        Link: "links" / [] / "href";
        Link: "_links" / [] / "href";
        Link: "attachments" / [] / "href";
        Link: "attachments" / [] / "metas" / "url";
    ];
    /// Records of v2.0. Grouped ones are rows of names that the query made up: [`LINKS`].
    RECORDS_V2_0 = [
        Link: "links" / [] / "href";
        Link: "records" / [] / "links" / [] / "href";
        File: "records" / [] / "record" / "fields" / * / "url";
    ];
    /// One record of v2.0.
    RECORD_V2_0 = [
        Link: "links" / [] / "href";
        File: "record" / "fields" / * / "url";
    ];
    /// Records of v2.1: their members are data.
    RECORDS_V2_1 = [
        File: "results" / [] / * / "url";
    ];
    /// Records of v2.1 with the links that were asked for.
    RECORDS_V2_1_LINKED = [
        Link: "_links" / [] / "href";
        Link: "results" / [] / "_links" / [] / "href";
        File: "results" / [] / * / "url";
    ];
    /// Groups of v2.1 with the links that were asked for.
    GROUPS_V2_1_LINKED = [
        Link: "_links" / [] / "href";
    ];
    /// One record of v2.1.
    RECORD_V2_1 = [
        File: * / "url";
    ];
    /// One record of v2.1 with the links that were asked for.
    RECORD_V2_1_LINKED = [
        Link: "_links" / [] / "href";
        File: * / "url";
    ];
    /// Metadata templates.
    TEMPLATES = [
        Link: "links" / [] / "href";
        Link: "_links" / [] / "href";
        Link: "metadata_templates" / [] / "links" / [] / "href";
    ];
    /// An OpenAPI description: where its client is to send its calls. All recorded ones are OpenAPI 3; a Swagger 2 would name a bare `host`
    /// beside `basePath` and `schemes`, which is no link.
    DESCRIPTION = [
        Link: "servers" / [] / "url";
    ];
    /// The catalogue as DCAT in JSON (Project Open Data 1.1). `identifier` is a literal by which harvesters know a dataset again.
    DATA_JSON = [
        Link: "@id";
        Link: "describedBy";
        Link: "dataset" / [] / "@id";
        Link: "dataset" / [] / "landingPage";
        Link: "dataset" / [] / "describedBy";
        Link: "dataset" / [] / "distribution" / [] / "@id";
        Link: "dataset" / [] / "distribution" / [] / "accessURL";
        Link: "dataset" / [] / "distribution" / [] / "downloadURL";
        Link: "dataset" / [] / "distribution" / [] / "describedBy";
    ];
}

#[cfg(test)]
mod tests {
    use super::super::name::NAME_LIMIT;
    use super::*;

    #[test]
    fn every_table_is_within_the_bounds_of_the_reader() {
        for (name, Members(paths)) in ALL {
            assert!(!paths.is_empty() && paths.len() <= 16, "{name}: one bit each");
            for path in *paths {
                assert!((1..=DEPTH).contains(&path.steps.len()), "{name}");
                let fits = |step: &Step| !matches!(step, Step::Name(name) if name.len() > NAME_LIMIT || name.contains(['"', '\\']));
                assert!(path.steps.iter().all(fits), "{name}");
                assert!(matches!(path.steps.last(), Some(Step::Name(_))), "{name}: a link is a member");
                let file = path.kind == Kind::File;
                assert_eq!(file, path.steps.contains(&Step::Any), "{name}: what hangs below a publisher's name is a file or data");
                assert!(!file || path.steps.last() == Some(&Step::Name("url")), "{name}");
            }
        }
    }
}
