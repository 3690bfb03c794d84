//! What the freshness of an answer stands on: which of a dataset's dates it moves with, if it moves with any.

use crate::request::endpoint::{Endpoint, Family, Source};
use crate::request::query::Canonical;

/// What an answer is made of, as far as the catalogue tells when that changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Something that no version tells: a lifetime decides.
    Lifetime,
    /// A dataset's records: `data_processed`.
    Records,
    /// A dataset's metadata: `metadata_processed`; and `data_processed`, because the metadata show that date and the number of records.
    Metadata,
    /// The metadata of all datasets: any of their dates, and a lifetime as well.
    Catalogue,
}

impl Basis {
    /// Of the answer to a question.
    pub fn of(endpoint: &Endpoint, query: &Canonical) -> Self {
        let elsewhere = matches!(endpoint.source(), Some(Source::Monitoring | Source::Opendatasoft));
        // The widgets' `id@domain` is a dataset of another portal's catalogue.
        let foreign = query.dataset.as_deref().is_some_and(|id| id.contains('@'));
        if query.clock_dependent || elsewhere || foreign {
            return Self::Lifetime;
        }
        let of_dataset = |basis| if query.dataset.is_some() { basis } else { Self::Lifetime };
        match endpoint.family() {
            Family::Records
            | Family::Record
            | Family::Facets
            | Family::Aggregates
            | Family::Analyze
            | Family::Geo
            | Family::Export
            | Family::Download => of_dataset(Self::Records),
            Family::Dataset | Family::ExportList | Family::AttachmentList | Family::Attachment | Family::File => of_dataset(Self::Metadata),
            // By popularity, the catalogue moves with what people ask for.
            Family::Catalog | Family::CatalogExport | Family::CatalogFacets | Family::CatalogAggregates
                if !query.query.text().contains("popularity") =>
            {
                Self::Catalogue
            }
            Family::Catalog | Family::CatalogExport | Family::CatalogFacets | Family::CatalogAggregates => Self::Lifetime,
            Family::Navigation
            | Family::ApiDescription
            | Family::Console
            | Family::CatalogExportList
            | Family::Assets
            | Family::MetadataTemplates
            | Family::OData
            | Family::Wfs
            | Family::Csw
            | Family::Tpf => Self::Lifetime,
        }
    }
}
