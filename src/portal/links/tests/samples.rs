//! Recorded bodies of real portals, where they are present.

use std::path::PathBuf;

use super::super::members;
use super::*;

fn sample(name: &str) -> Option<String> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "shared", "upstream", "samples", name].iter().collect();
    std::fs::read_to_string(path).ok()
}

#[test]
fn recorded_bodies_have_their_links_where_the_tables_say_and_lose_nothing_else() {
    let json = Positions::Json;
    for (name, portal, positions, links) in [
        ("economie-v2.0/catalog_datasets.json", "https://data.economie.gouv.fr", json(members::CATALOG_V2_0), 19),
        ("economie-v2.0/catalog_dataset_fantoir.json", "https://data.economie.gouv.fr", json(members::DATASET_V2_0), 3),
        ("economie-v2.0/catalog_datasets_records.json", "https://data.economie.gouv.fr", json(members::RECORDS_V2_0), 13),
        ("economie-v2.0/catalog_dataset_record.json", "https://data.economie.gouv.fr", json(members::RECORD_V2_0), 3),
        ("economie-v2.0/catalog_dataset_fantoir_attachments.json", "https://data.economie.gouv.fr", json(members::ATTACHMENTS), 6),
        ("economie-v2.0/catalog_facets.json", "https://data.economie.gouv.fr", json(members::LINKS), 2),
        ("enw-v2.1/list-export-formats.json", "https://electricitynorthwest.opendatasoft.com", json(members::LINKS), 11),
        ("vancouver-v2.1/facets-public-trees.body.json", "https://opendata.vancouver.ca", json(members::LINKS), 2),
        ("vancouver-v2.1/metadata-public-trees.body.json", "https://opendata.vancouver.ca", json(members::DATASET_V2_1), 0),
        ("ukpn-v2.1/getDatasets-response.json", "https://ukpowernetworks.opendatasoft.com", json(members::CATALOG_V2_1), 2),
        ("ukpn-v2.1/getDataset-live-faults-response.json", "https://ukpowernetworks.opendatasoft.com", json(members::DATASET_V2_1), 2),
        ("ukpn-v2.1/getRecords-live-faults-response.json", "https://ukpowernetworks.opendatasoft.com", json(members::RECORDS_V2_1), 0),
        ("openapi/explore-v2.1.portal-swagger.json", "https://ukpowernetworks.opendatasoft.com", json(members::DESCRIPTION), 1),
        ("economie-v2.0/catalog_exports.rdf.first-60000-bytes", "https://data.economie.gouv.fr", Positions::Xml, 354),
    ] {
        let Some(body) = sample(name) else { continue };
        let from = Origin::parse(portal).unwrap();
        let (out, replaced) = rewritten_in(body.len(), positions, &from, &base(), body.as_bytes());
        assert_eq!(replaced.count, links, "{name}");
        assert_eq!(replaced.length_with(&base(), body.len() as u64), out.len() as u64, "{name}");
        for size in [1, 7, 1000] {
            assert_eq!(
                rewritten_in(size, positions, &from, &base(), body.as_bytes()),
                (out.clone(), replaced),
                "{name} in chunks of {size}"
            );
        }
        let (back, _) = rewritten_in(body.len(), positions, &base().as_origin(), &Base::parse(portal).unwrap(), &out);
        assert_eq!(String::from_utf8(back).unwrap(), body, "{name}");
    }
}
