//! Statements about resources, and the syntaxes that the catalogue is exported in: RDF/XML in two manners, and Turtle.
//!
//! A resource is written whole, one after the other, so that a large graph is never in memory.

use super::others::escape;

/// Prefixes and the name spaces that they stand for.
pub type Prefixes = &'static [(&'static str, &'static str)];

/// The prefixes of DCAT, as the portal declares them.
pub const DCAT: Prefixes = &[
    ("dcat", "http://www.w3.org/ns/dcat#"),
    ("dct", "http://purl.org/dc/terms/"),
    ("foaf", "http://xmlns.com/foaf/0.1/"),
    RDF,
    ("rdfs", "http://www.w3.org/2000/01/rdf-schema#"),
    ("skos", "http://www.w3.org/2004/02/skos/core#"),
];

/// Those of Dublin Core.
pub const DUBLIN_CORE: Prefixes = &[("dc", "http://purl.org/dc/elements/1.1/"), RDF];

const RDF: (&str, &str) = ("rdf", "http://www.w3.org/1999/02/22-rdf-syntax-ns#");

const DATE_TIME: &str = "http://www.w3.org/2001/XMLSchema#dateTime";

/// What a resource is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// By its address.
    Address(String),
    /// In this graph alone.
    Blank(String),
}

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    /// Another resource.
    Resource(Name),
    /// A text.
    Text(String),
    /// An instant, in the form of ISO 8601.
    Moment(String),
}

impl Object {
    /// The resource at this address.
    pub fn address(address: impl Into<String>) -> Self {
        Self::Resource(Name::Address(address.into()))
    }

    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }
}

/// A resource and all that is said of it. Classes and predicates are written with their prefix.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Its name.
    pub name: Name,
    /// What it is.
    pub class: Option<&'static str>,
    /// Predicates and objects.
    pub statements: Vec<(&'static str, Object)>,
}

/// A way to write a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// RDF/XML of `rdf:Description` elements, the class being one statement among others.
    Descriptions,
    /// RDF/XML of elements that are named by the class.
    Nodes,
    /// Turtle.
    Turtle,
}

impl Syntax {
    /// Its media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Descriptions | Self::Nodes => "application/rdf+xml",
            Self::Turtle => "text/turtle; charset=utf-8",
        }
    }

    /// What stands before the first resource.
    pub fn open(self, prefixes: Prefixes) -> String {
        let lines = |line: fn(&str, &str) -> String| prefixes.iter().map(|(prefix, space)| line(prefix, space)).collect::<String>();
        match self {
            Self::Turtle => lines(|prefix, space| format!("@prefix {prefix}: <{space}> .\n")) + "\n",
            _ => {
                let declared = lines(|prefix, space| format!("   xmlns:{prefix}=\"{space}\"\n"));
                format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rdf:RDF\n{declared}>\n")
            }
        }
    }

    /// What stands behind the last one.
    pub fn close(self) -> &'static str {
        if self == Self::Turtle { "" } else { "</rdf:RDF>\n" }
    }

    /// A resource, under the prefixes of the graph.
    pub fn resource(self, resource: &Resource, prefixes: Prefixes) -> String {
        match self {
            Self::Turtle => turtle(resource),
            Self::Nodes => xml(resource, resource.class.unwrap_or("rdf:Description"), None),
            Self::Descriptions => xml(resource, "rdf:Description", resource.class.map(|class| expanded(class, prefixes))),
        }
    }
}

/// A class without its prefix.
fn expanded(class: &str, prefixes: Prefixes) -> String {
    let (prefix, local) = class.split_once(':').unwrap_or(("", class));
    let space = prefixes.iter().find(|(known, _)| *known == prefix).map_or("", |(_, space)| space);
    format!("{space}{local}")
}

fn xml(resource: &Resource, element: &str, class: Option<String>) -> String {
    let about = match &resource.name {
        Name::Address(address) => format!("rdf:about=\"{}\"", escape(address)),
        Name::Blank(id) => format!("rdf:nodeID=\"{id}\""),
    };
    let kind = class.map(|class| ("rdf:type", Object::address(class)));
    let lines: String = kind.iter().chain(&resource.statements).map(|(predicate, object)| xml_statement(predicate, object)).collect();
    format!("  <{element} {about}>\n{lines}  </{element}>\n")
}

fn xml_statement(predicate: &str, object: &Object) -> String {
    match object {
        Object::Resource(Name::Address(address)) => format!("    <{predicate} rdf:resource=\"{}\"/>\n", escape(address)),
        Object::Resource(Name::Blank(id)) => format!("    <{predicate} rdf:nodeID=\"{id}\"/>\n"),
        Object::Text(text) => format!("    <{predicate}>{}</{predicate}>\n", escape(text)),
        Object::Moment(moment) => format!("    <{predicate} rdf:datatype=\"{DATE_TIME}\">{}</{predicate}>\n", escape(moment)),
    }
}

fn turtle(resource: &Resource) -> String {
    let class = resource.class.map(|class| format!("a {class}"));
    let said = resource.statements.iter().map(|(predicate, object)| match object {
        Object::Resource(name) => format!("{predicate} {}", turtle_name(name)),
        Object::Text(text) => format!("{predicate} {}", turtle_text(text)),
        Object::Moment(moment) => format!("{predicate} {}^^<{DATE_TIME}>", turtle_text(moment)),
    });
    let lines: Vec<String> = class.into_iter().chain(said).collect();
    format!("{} {} .\n\n", turtle_name(&resource.name), lines.join(" ;\n    "))
}

fn turtle_name(name: &Name) -> String {
    match name {
        Name::Blank(id) => format!("_:{id}"),
        // What an address may not hold between its brackets came from a client's `Host`.
        Name::Address(address) => {
            let held: String = address.chars().filter(|c| !c.is_control() && !" <>\"{}|^`\\".contains(*c)).collect();
            format!("<{held}>")
        }
    }
}

fn turtle_text(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource() -> Resource {
        Resource {
            name: Name::Address("http://h/a?b=1&c=2".to_owned()),
            class: Some("dcat:Dataset"),
            statements: vec![
                ("dct:title", Object::text("A \"b\"\n<c>")),
                ("dct:publisher", Object::Resource(Name::Blank("N1".to_owned()))),
                ("dct:modified", Object::Moment("2025-01-01T00:00:00+00:00".to_owned())),
            ],
        }
    }

    #[test]
    fn both_manners_of_rdf_xml_say_the_class() {
        let written = Syntax::Descriptions.resource(&resource(), DCAT);
        assert!(written.starts_with(
            "  <rdf:Description rdf:about=\"http://h/a?b=1&amp;c=2\">\n    <rdf:type rdf:resource=\"http://www.w3.org/ns/dcat#Dataset\"/>"
        ));
        assert!(
            written.contains("<dct:title>A &quot;b&quot;\n&lt;c&gt;</dct:title>") && written.contains("<dct:publisher rdf:nodeID=\"N1\"/>")
        );
        assert!(Syntax::Nodes.resource(&resource(), DCAT).starts_with("  <dcat:Dataset rdf:about="));
    }

    #[test]
    fn turtle_escapes_what_would_end_a_text() {
        let expected = "<http://h/a?b=1&c=2> a dcat:Dataset ;\n    dct:title \"A \\\"b\\\"\\n<c>\" ;\n    dct:publisher _:N1 ;\n    \
                        dct:modified \"2025-01-01T00:00:00+00:00\"^^<http://www.w3.org/2001/XMLSchema#dateTime> .\n\n";
        assert_eq!(Syntax::Turtle.resource(&resource(), DCAT), expected);
        assert_eq!(turtle_name(&Name::Address("http://h>/ <".to_owned())), "<http://h/>");
    }
}
