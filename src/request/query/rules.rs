//! The rules by which two spellings of a query become one, in one table: what is done, where, and on whose word.
//!
//! Sound before clever: a rule stands here only if the portal's answer must have the same bytes. Answers of v1 echo the
//! request's parameters and answers of v2.0 echo them in `links`; there, and wherever an answer carries links,
//! parameters are sorted by name and nothing else. Only v2.1 answers without links allow more. Percent-encoding, `+`
//! and the trailing slash are no rules: they are how a target is read and written anew.
//!
//! Evidence is named by the section of `docs/portal.md` that reports it. Two of its limits: that unknown parameters are
//! ignored, and that the order of repeated conditions does not matter, is inferred and not documented, which is why
//! every rule can be switched off, for one endpoint family at a time.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::request::endpoint::{ApiVersion, Endpoint, Family};
use crate::request::odsql::Clause;

use super::RawQuery;

/// One way in which spellings are made equal. Rules are applied in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// JSONP is asked for as JSON, and wrapped for the client here.
    Jsonp,
    /// `_` and `utm_*`, with which clients get around caches and mark campaigns, are dropped.
    DropIgnored,
    /// Each run of white space in `where` and `order_by` becomes one space, outside strings and back-quotes.
    Whitespace,
    /// Operator words in `where` and `order_by` are written in lower case.
    OperatorCase,
    /// A parameter that states its documented default, once, is dropped.
    DropDefaults,
    /// Parameters are sorted by name; those of one name keep their order.
    SortNames,
    /// The values of a repeated `where`, `refine` or `exclude` are sorted.
    SortRepeated,
}

impl Rule {
    /// Every rule.
    pub const ALL: &[Self] =
        &[Self::Jsonp, Self::DropIgnored, Self::Whitespace, Self::OperatorCase, Self::DropDefaults, Self::SortNames, Self::SortRepeated];

    /// A short stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jsonp => "jsonp",
            Self::DropIgnored => "drop-ignored",
            Self::Whitespace => "whitespace",
            Self::OperatorCase => "operator-case",
            Self::DropDefaults => "drop-defaults",
            Self::SortNames => "sort-names",
            Self::SortRepeated => "sort-repeated",
        }
    }

    /// The rule of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|rule| rule.name() == name)
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// In which API.
    pub version: ApiVersion,
    /// For which endpoints of it.
    pub families: &'static [Family],
    /// For which formats, where the families are exports; empty for all.
    pub formats: &'static [&'static str],
    /// What is done.
    pub action: Action,
    /// Why the answer must have the same bytes.
    pub evidence: &'static str,
}

/// A [`Rule`] with what it needs to know of the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// [`Rule::Jsonp`]
    Jsonp,
    /// [`Rule::DropIgnored`]: these names, and names that begin so.
    DropIgnored(&'static [&'static str], &'static [&'static str]),
    /// [`Rule::Whitespace`]: in these clauses.
    Whitespace(&'static [(&'static str, Clause)]),
    /// [`Rule::OperatorCase`]: in these clauses.
    OperatorCase(&'static [(&'static str, Clause)]),
    /// [`Rule::DropDefaults`]: these names with these values.
    DropDefaults(&'static [(&'static str, &'static str)]),
    /// [`Rule::SortNames`]
    SortNames,
    /// [`Rule::SortRepeated`]: the values of these names.
    SortRepeated(&'static [&'static str]),
}

impl Action {
    /// The rule that it is an application of.
    pub fn rule(self) -> Rule {
        match self {
            Self::Jsonp => Rule::Jsonp,
            Self::DropIgnored(..) => Rule::DropIgnored,
            Self::Whitespace(_) => Rule::Whitespace,
            Self::OperatorCase(_) => Rule::OperatorCase,
            Self::DropDefaults(_) => Rule::DropDefaults,
            Self::SortNames => Rule::SortNames,
            Self::SortRepeated(_) => Rule::SortRepeated,
        }
    }
}

use Action::{DropDefaults, DropIgnored, Jsonp, OperatorCase, SortNames, SortRepeated, Whitespace};
use ApiVersion::{Other, V1, V2_0, V2_1};

/// v2.1 answers that are made of rows and carry no links.
const ROWS: &[Family] = &[Family::Catalog, Family::Records, Family::CatalogExport, Family::Export];
const PAGES: &[Family] = &[Family::Catalog, Family::Records];
/// Export formats that are tables or features. The others (`dcat*`, `rdf`, `rss`, `ttl`, `data.json`, `sitemap`… of the
/// catalogue, RDF, calendars and tiles of a dataset) carry addresses of the portal, and that none of them repeats the
/// request's query is not known.
const TABLES: &[&str] = &["csv", "fgb", "geojson", "gpx", "json", "jsonl", "kml", "ov2", "parquet", "shp", "xls", "xlsx"];
const EXPLORE: &[Family] = &[
    Family::Navigation,
    Family::ApiDescription,
    Family::Catalog,
    Family::CatalogFacets,
    Family::CatalogAggregates,
    Family::CatalogExportList,
    Family::CatalogExport,
    Family::Assets,
    Family::MetadataTemplates,
    Family::Dataset,
    Family::Records,
    Family::Record,
    Family::Facets,
    Family::Aggregates,
    Family::ExportList,
    Family::Export,
    Family::AttachmentList,
    Family::Attachment,
];
const SEARCH: &[Family] =
    &[Family::Catalog, Family::Dataset, Family::Records, Family::Record, Family::Analyze, Family::Download, Family::Geo, Family::File];

/// v1 answers that JSONP is documented for.
const JSON: &[Family] =
    &[Family::Catalog, Family::Dataset, Family::Records, Family::Record, Family::Analyze, Family::Download, Family::Geo];
const CLAUSES: &[(&str, Clause)] = &[("where", Clause::Where), ("order_by", Clause::OrderBy)];

const SORTED: &str = "docs/portal.md#equal-spellings: the vendor's client sorts names, others do not, and get the same answers; \
    repeated names keep their order";
const UNKNOWN: &str = "docs/portal.md#unknown-parameters: ignored on v2.x; real clients send them and get rows";
const STATED: &str = "docs/portal.md#defaults: the vendor's OpenAPI document states the default";
const ADDED: &str =
    "docs/portal.md#repeated-parameters: conditions are combined with AND, refinements add up; rows are ordered by order_by alone";
const FREE: &str = "docs/portal.md#odsql: white space between tokens is free and keywords have no case; a statement with a syntax error, \
    which the answer quotes, is left alone";
const WRAPPED: &str = "docs/portal.md#jsonp: format=jsonp is format=json inside a call of the callback; the echo of the format says json";

/// The table. An endpoint that no row names has no rules: OData and TPF answers repeat the query in the order it was
/// sent, names of WFS and CSW parameters have no case, and a console may show its own address.
pub const TABLE: &[Row] = &[
    Row { version: V1, families: SEARCH, formats: &[], action: SortNames, evidence: SORTED },
    Row { version: V2_0, families: EXPLORE, formats: &[], action: SortNames, evidence: SORTED },
    Row { version: V2_1, families: EXPLORE, formats: &[], action: SortNames, evidence: SORTED },
    Row { version: Other, families: &[Family::Download, Family::File], formats: &[], action: SortNames, evidence: SORTED },
    Row { version: V1, families: JSON, formats: &[], action: Jsonp, evidence: WRAPPED },
    Row { version: V2_1, families: ROWS, formats: TABLES, action: DropIgnored(&["_"], &["utm_"]), evidence: UNKNOWN },
    Row {
        version: V2_1,
        families: PAGES,
        formats: &[],
        action: DropDefaults(&[("limit", "10"), ("offset", "0"), ("timezone", "UTC")]),
        evidence: STATED,
    },
    Row {
        version: V2_1,
        families: &[Family::CatalogExport],
        formats: TABLES,
        action: DropDefaults(&[("limit", "-1"), ("offset", "0"), ("timezone", "UTC")]),
        evidence: STATED,
    },
    // No `offset`: the document does not list it for exports of a dataset.
    Row {
        version: V2_1,
        families: &[Family::Export],
        formats: TABLES,
        action: DropDefaults(&[("limit", "-1"), ("timezone", "UTC"), ("use_labels", "false"), ("compressed", "false"), ("epsg", "4326")]),
        evidence: STATED,
    },
    Row {
        version: V2_1,
        families: &[Family::CatalogExport, Family::Export],
        formats: &["csv"],
        action: DropDefaults(&[("delimiter", ";"), ("quote_all", "false"), ("with_bom", "true")]),
        evidence: STATED,
    },
    Row { version: V2_1, families: ROWS, formats: TABLES, action: SortRepeated(&["where", "refine", "exclude"]), evidence: ADDED },
    Row { version: V2_1, families: ROWS, formats: TABLES, action: Whitespace(CLAUSES), evidence: FREE },
    Row { version: V2_1, families: ROWS, formats: TABLES, action: OperatorCase(CLAUSES), evidence: FREE },
];

/// With either of these an answer may carry `_links`, which repeat the query; whatever their value, nothing but the
/// order of names is touched then.
const LINKING: [&str; 2] = ["include_links", "include_app_metas"];

/// Which rules are off. By default all are on.
///
/// They are switched while requests are being read, and reading costs no lock: each family of endpoints has a set of bits of its own. A
/// question that is being understood meanwhile gets the rule or does not, and either spelling of it is sound.
pub struct RuleSwitches {
    off: [[AtomicU8; Family::ALL.len()]; ApiVersion::ALL.len()],
}

// A set of rules is a byte.
const _: () = assert!(Rule::ALL.len() <= 8);

impl RuleSwitches {
    /// Switches `rule` off for one family of endpoints of one API. Returns whether it was on.
    pub fn switch_off(&self, rule: Rule, version: ApiVersion, family: Family) -> bool {
        self.of(version, family).fetch_or(rule.bit(), Ordering::Relaxed) & rule.bit() == 0
    }

    /// Switches it on again. Returns whether it was off.
    pub fn switch_on(&self, rule: Rule, version: ApiVersion, family: Family) -> bool {
        self.of(version, family).fetch_and(!rule.bit(), Ordering::Relaxed) & rule.bit() != 0
    }

    /// What is off.
    pub fn switched_off(&self) -> impl Iterator<Item = (Rule, ApiVersion, Family)> + '_ {
        let switches = Rule::ALL.iter().flat_map(|&rule| {
            ApiVersion::ALL.iter().flat_map(move |&version| Family::ALL.iter().map(move |&family| (rule, version, family)))
        });
        switches.filter(|&(rule, version, family)| !self.is_on(rule, version, family))
    }

    fn is_on(&self, rule: Rule, version: ApiVersion, family: Family) -> bool {
        self.of(version, family).load(Ordering::Relaxed) & rule.bit() == 0
    }

    fn of(&self, version: ApiVersion, family: Family) -> &AtomicU8 {
        &self.off[version as usize][family as usize]
    }

    fn on(&self, rule: Rule, endpoint: &Endpoint) -> bool {
        self.is_on(rule, endpoint.version(), endpoint.family())
    }
}

impl Default for RuleSwitches {
    fn default() -> Self {
        Self { off: [const { [const { AtomicU8::new(0) }; Family::ALL.len()] }; ApiVersion::ALL.len()] }
    }
}

impl Clone for RuleSwitches {
    /// As they are now: the copy is switched by itself.
    fn clone(&self) -> Self {
        let copied = |bits: &AtomicU8| AtomicU8::new(bits.load(Ordering::Relaxed));
        Self { off: self.off.each_ref().map(|families| families.each_ref().map(copied)) }
    }
}

impl fmt::Debug for RuleSwitches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.switched_off()).finish()
    }
}

impl Row {
    /// Whether it speaks about `endpoint`.
    pub fn covers(&self, endpoint: &Endpoint) -> bool {
        self.version == endpoint.version()
            && self.families.contains(&endpoint.family())
            && endpoint.format().is_none_or(|format| self.formats.is_empty() || self.formats.contains(&format))
    }
}

/// The actions that apply to this query of this endpoint, in the order of their rules.
pub(super) fn applying(endpoint: &Endpoint, query: &RawQuery, switches: &RuleSwitches) -> Vec<Action> {
    if query.has_semicolon() {
        return Vec::new();
    }
    let linking = query.0.iter().any(|pair| LINKING.contains(&pair.name.as_str()));
    let mut actions: Vec<Action> = TABLE
        .iter()
        .filter(|row| row.covers(endpoint))
        .map(|row| row.action)
        .filter(|action| switches.on(action.rule(), endpoint) && (!linking || matches!(action.rule(), Rule::SortNames | Rule::Jsonp)))
        .collect();
    actions.sort_by_key(|action| action.rule());
    actions
}
