//! The API's description of itself, in OpenAPI 3.0.3: every endpoint that this portal answers, with the parameters that it reads.
//!
//! Paths, parameters and answers are those of the documents that portals serve; the words are our own.

mod endpoints;
mod parameters;

use serde_json::{Map, Value as Json, json};

use self::endpoints::{ENDPOINTS, Endpoint, OLD_ENDPOINTS};
use self::parameters::parameter;
use super::Question;
use crate::simulator::answer::Answer;

impl Question<'_> {
    pub(super) fn description(&self) -> Answer {
        let old = self.base.is_old();
        let endpoints = ENDPOINTS.iter().chain(if old { OLD_ENDPOINTS } else { &[] });
        let paths: Map<String, Json> = endpoints.clone().map(|one| (one.path.to_owned(), json!({"get": operation(one, old)}))).collect();
        let mut named: Vec<String> = endpoints.flat_map(|endpoint| parameters_of(endpoint, old)).collect();
        named.sort();
        named.dedup();
        let parameters: Map<String, Json> = named.into_iter().map(|key| (key.clone(), parameter(&key, old))).collect();
        Answer::json(&json!({
            "openapi": "3.0.3",
            "info": {
                "title": "Explore API",
                "version": if old { "v2.0" } else { "v2.1" },
                "description": "Reads the invented data of a portal that does not exist. Only `GET` is answered.",
                "contact": {"email": "contact@portail.invalid"},
                "license": {"name": "MIT OR Apache-2.0", "url": "https://spdx.org/licenses/MIT.html"},
            },
            "servers": [{"url": self.href("")}],
            "security": [{"apikey": []}],
            "tags": [
                {"name": "Catalog", "description": "Which datasets there are"},
                {"name": "Dataset", "description": "What is in one of them"},
            ],
            "paths": paths,
            "components": {
                "securitySchemes": {"apikey": {
                    "type": "apiKey", "in": "query", "name": "apikey", "description": "A key, for callers who have one.",
                }},
                "parameters": parameters,
                "schemas": schemas(old),
                "responses": {
                    "bad_request": refusal("The question cannot be read", "error"),
                    "quota": refusal("The calls of the day are spent", "quota"),
                },
            },
        }))
    }
}

fn operation(endpoint: &Endpoint, old: bool) -> Json {
    let references: Vec<Json> =
        parameters_of(endpoint, old).iter().map(|key| json!({"$ref": format!("#/components/parameters/{key}")})).collect();
    let mut found = json!({"description": endpoint.summary});
    if let Some(schema) = endpoint.answer {
        found["content"] = json!({"application/json; charset=utf-8": {"schema": {"$ref": format!("#/components/schemas/{schema}")}}});
    }
    let mut operation = json!({
        "summary": endpoint.summary,
        "operationId": endpoint.operation,
        "tags": [endpoint.tag],
        "description": format!("{}.", endpoint.summary),
        "parameters": references,
        "responses": {
            "200": found,
            "400": {"$ref": "#/components/responses/bad_request"},
            "401": {"description": "The key is not known"},
            "429": {"$ref": "#/components/responses/quota"},
            "500": {"description": "The portal has failed"},
        },
    });
    if references.is_empty()
        && let Some(members) = operation.as_object_mut()
    {
        members.remove("parameters");
    }
    operation
}

/// The names of an endpoint's parameters among the components: those of the path first. The formats of the catalogue and of datasets differ.
fn parameters_of(endpoint: &Endpoint, old: bool) -> Vec<String> {
    let in_path = endpoint.path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let in_path = in_path.map(|name| match name {
        "format" if endpoint.tag == "Catalog" => "format-catalog",
        "format" => "format-datasets",
        name => name,
    });
    let new: &[&str] = if old { &[] } else { endpoint.new };
    in_path.chain(endpoint.query.iter().copied()).chain(new.iter().copied()).map(str::to_owned).collect()
}

fn refusal(description: &str, schema: &str) -> Json {
    let schema = json!({"schema": {"$ref": format!("#/components/schemas/{schema}")}});
    json!({"description": description, "content": {"application/json; charset=utf-8": schema}})
}

/// The bodies that are described.
fn schemas(old: bool) -> Json {
    let reference = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let list = |of: Json| json!({"type": "array", "items": of});
    let object = |members: Json| json!({"type": "object", "properties": members});
    let text = || json!({"type": "string"});
    let whole = || json!({"type": "integer"});
    let link = object(json!({"rel": text(), "href": text()}));
    let page = |name: &str, of: &str| {
        let mut members = json!({"total_count": whole()});
        members[if old { name } else { "results" }] = list(reference(of));
        members[if old { "links" } else { "_links" }] = list(link.clone());
        object(members)
    };
    let facet = json!({"name": text(), "count": whole(), "state": text(), "value": text()});
    let mut schemas = json!({
        "links": object(json!({"links": list(link.clone())})),
        "dataset": object(json!({"dataset_id": text(), "has_records": {"type": "boolean"}, "metas": {"type": "object"}, "fields": list(json!({"type": "object"}))})),
        "datasets": page("datasets", "dataset"),
        "record": {"type": "object", "additionalProperties": true},
        "records": page("records", "record"),
        "facets": object(json!({"links": list(link.clone()), "facets": list(object(json!({"name": text(), "facets": list(object(facet))})))})),
        "attachments": object(json!({"links": list(link.clone()), "attachments": list(object(json!({"href": text(), "metas": {"type": "object"}})))})),
        "error": object(json!({"error_code": text(), "message": text()})),
        "quota": object(json!({"errorcode": whole(), "reset_time": text(), "limit_time_unit": text(), "call_limit": whole(), "error": text()})),
    });
    if old {
        schemas["aggregations"] = object(json!({"aggregations": list(json!({"type": "object"}))}));
    }
    schemas
}
