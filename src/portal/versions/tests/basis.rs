//! Which date counts for which question.

use std::collections::HashSet;

use super::Basis::{self, Catalogue, Lifetime, Metadata, Records};
use crate::request::endpoint::{ApiVersion, Family, classify};
use crate::request::query::{RawQuery, RuleSwitches, canonicalise};

const V2: [&str; 2] = ["v2.0", "v2.1"];

fn of(path: &str, query: &str) -> (Basis, Family, ApiVersion) {
    let endpoint = classify(path).unwrap_or_else(|why| panic!("{path}: {why:?}"));
    let raw = RawQuery::parse(query).unwrap_or_else(|why| panic!("{query}: {why:?}"));
    let canonical = canonicalise(&endpoint, raw, &RuleSwitches::default()).unwrap_or_else(|why| panic!("{query}: {why:?}"));
    (Basis::of(&endpoint, &canonical), endpoint.family(), endpoint.version())
}

/// Below `/api/explore/VERSION`, in both versions.
const EXPLORE: [(&str, &str, Basis); 29] = [
    ("", "", Lifetime),
    ("/swagger.json", "", Lifetime),
    ("/console", "", Lifetime),
    ("/catalog", "", Lifetime),
    ("/catalog/datasets", "", Catalogue),
    ("/catalog/datasets", "order_by=explore.popularity_score desc", Lifetime),
    ("/catalog/datasets", "order_by=title", Catalogue),
    ("/catalog/datasets", "where=data_processed > now()", Lifetime),
    ("/catalog/facets", "facet=theme", Catalogue),
    ("/catalog/exports", "", Lifetime),
    ("/catalog/exports/csv", "", Catalogue),
    ("/catalog/exports/csv", "order_by=explore.popularity_score", Lifetime),
    ("/catalog/metadata_templates", "", Lifetime),
    ("/catalog/datasets/a", "", Metadata),
    ("/catalog/datasets/a/records", "limit=3", Records),
    ("/catalog/datasets/a/records", "where=day < now()", Lifetime),
    ("/catalog/datasets/a/records", "where=name = 'now()'", Records),
    ("/catalog/datasets/a/records/1", "", Records),
    ("/catalog/datasets/a/facets", "", Records),
    ("/catalog/datasets/a/exports", "", Metadata),
    ("/catalog/datasets/a/exports/csv", "", Records),
    ("/catalog/datasets/a/exports/csv", "where=day < now(days=-1)", Lifetime),
    ("/catalog/datasets/a/attachments", "", Metadata),
    ("/catalog/datasets/a/attachments/x", "", Metadata),
    ("/catalog/datasets/a/files/x", "", Metadata),
    ("/monitoring/datasets", "", Lifetime),
    ("/monitoring/datasets/a/records", "", Lifetime),
    ("/opendatasoft/datasets/a/records", "", Lifetime),
    ("/catalog/datasets/a@other/records", "", Lifetime),
];

/// Of no or another version.
const OTHERS: [(&str, &str, Basis); 34] = [
    ("/api/explore/v2.0/catalog/aggregates", "select=count(*) as n", Catalogue),
    ("/api/explore/v2.0/catalog/datasets/a/aggregates", "select=count(*) as n", Records),
    ("/api/v2/catalog/datasets/a/records", "", Records),
    ("/api/explore/v2.1/catalog/assets", "", Lifetime),
    ("/api/datasets/1.0/search", "", Catalogue),
    ("/api/datasets/1.0/search", "sort=popularity", Lifetime),
    ("/api/datasets/1.0/a", "", Metadata),
    ("/api/datasets/1.0/a@other", "", Lifetime),
    ("/api/datasets/1.0/a/records/1", "", Records),
    ("/api/datasets/1.0/a/attachments/x", "", Metadata),
    ("/api/datasets/1.0/a/images/x", "", Metadata),
    ("/api/records/1.0/search", "dataset=a", Records),
    ("/api/records/1.0/search", "dataset=a&dataset=b", Lifetime),
    ("/api/records/1.0/search", "", Lifetime),
    ("/api/records/1.0/search", "dataset=a&q=day<%23now()", Lifetime),
    ("/api/records/1.0/search", "dataset=a@other", Lifetime),
    ("/api/records/1.0/analyze", "dataset=a&x=y", Records),
    ("/api/records/1.0/download", "dataset=a", Records),
    ("/api/records/1.0/download", "dataset=a&dataset=b", Lifetime),
    ("/api/records/1.0/geocluster", "dataset=a", Records),
    ("/api/records/1.0/geopolygon", "dataset=a", Records),
    ("/api/records/1.0/boundingbox", "dataset=a", Records),
    ("/api/v1/console", "", Lifetime),
    ("/api/odata", "", Lifetime),
    ("/api/odata/a", "", Lifetime),
    ("/api/odata/a/$count", "", Lifetime),
    ("/api/wfs", "", Lifetime),
    ("/api/csw", "", Lifetime),
    ("/api/tpf/a", "", Lifetime),
    ("/api-console/explore/v2.1", "", Lifetime),
    ("/explore/dataset/a/download", "", Records),
    ("/explore/dataset/a@other/download", "", Lifetime),
    ("/explore/dataset/a/files/x/300", "", Metadata),
    ("/explore/dataset/a/files/x/download", "", Metadata),
];

#[test]
fn each_family_of_each_version_has_its_basis() {
    let explore = V2
        .iter()
        .flat_map(|version| EXPLORE.iter().map(move |(path, query, basis)| (format!("/api/explore/{version}{path}"), *query, *basis)));
    let mut seen = HashSet::new();
    for (path, query, expected) in explore.chain(OTHERS.iter().map(|(path, query, basis)| ((*path).to_owned(), *query, *basis))) {
        let (basis, family, version) = of(&path, query);
        assert_eq!(basis, expected, "{path}?{query}");
        seen.extend([(Some(family), None), (None, Some(version))]);
    }
    for family in Family::ALL {
        assert!(seen.contains(&(Some(*family), None)), "{family} has no row");
    }
    for version in [ApiVersion::V1, ApiVersion::V2_0, ApiVersion::V2_1, ApiVersion::Other] {
        assert!(seen.contains(&(None, Some(version))), "{version} has no row");
    }
}
