use super::*;

fn assert_xml(marked: &str) {
    assert_rewrites(Positions::Xml, marked);
}

#[test]
fn subjects_and_objects_of_rdf_change_and_literals_do_not() {
    assert_xml(
        r#"<?xml version="1.0" encoding="UTF-8"?>
        <!-- <a rdf:about="https://data.example/"> -- > -->
        <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:x="https://data.example/ns#" xml:base="https://data.example/">
          <rdf:Description rdf:about="LINK/api/v2/catalog/datasets/x" dct:title="https://data.example/" about="https://data.example/">
            <dcat:distribution rdf:resource='LINK/api/v2/x-json'/><dct:license rdf:resource="https://data.example.org/"/>
            <dct:description>csv export of https://data.example/x</dct:description><dct:description>https://data.example/ is a portal</dct:description>
            <dct:identifier>https://data.example/x</dct:identifier><dct:language rdf:resource = "LINK" />
            <dct:description rdf:parseType="Literal"><p>See <a rdf:about="https://data.example/"><link>https://data.example/</link></a><br/></p></dct:description>
            <dcat:accessURL>LINK/x</dcat:accessURL><dcat:accessURL rdf:resource="LINK#x"/><foaf:page><foaf:Document rdf:about="LINK?x"/></foaf:page>
          </rdf:Description>
        </rdf:RDF>"#,
    );
}

#[test]
fn feeds_and_site_maps_have_links_as_text_and_as_attributes() {
    assert_xml(
        r#"<rss><channel><title>https://data.example/</title><link>LINK</link><description><![CDATA[<a href="https://data.example/"><link>https://data.example/</link>]]></description>
        <atom:link href="LINK/feed" rel="self"/><item><link><![CDATA[LINK/explore/dataset/x/]]></link><guid isPermaLink="false">LINK/x</guid><comments>
        LINK/c</comments><enclosure url="LINK/e" length="1"/><source url="https://data.example/">x</source><category>https://data.example/</category></item></channel></rss>"#,
    );
    assert_xml(
        r#"<feed xmlns="http://www.w3.org/2005/Atom"><id>LINK/</id><link href="LINK/x"/><entry><content type="xhtml"><div><a href="https://data.example/"/></div></content>
        <link rel="alternate" href="LINK/y">ignored</link><a href="https://data.example/"/></entry></feed>"#,
    );
    assert_xml(
        r#"<urlset><url><loc>LINK/explore/</loc><lastmod>2026</lastmod><xhtml:link href='LINK/fr'/></url><url><loc>https://data.example.org</loc></url></urlset>"#,
    );
}

#[test]
fn the_home_page_alone_is_a_link_in_a_section_too() {
    assert_xml("<link><![CDATA[LINK]]></link>");
    assert_xml("<link> <![CDATA[ LINK?x]]></link>");
    for not in [
        "https://data.example]",
        "https://data.example]]",
        "https://data.example]]]",
        "]https://data.example/",
        "x https://data.example/",
        "] https://data.example/",
    ] {
        assert_xml(&format!("<link><![CDATA[{not}]]></link><link>LINK</link>"));
    }
}

#[test]
fn only_the_beginning_of_a_text_can_be_a_link() {
    assert_xml(
        "<link>see https://data.example/</link><link>x<b/>https://data.example/</link><link/>https://data.example/<link></link>https://data.example/",
    );
    assert_xml(
        "<link rel='x'\n>LINK/</link><link a='>'>LINK/</link><link a='/'>LINK/</link><a:link>LINK/</a:link><mylink>https://data.example/</mylink>",
    );
}

#[test]
fn what_is_no_xml_passes() {
    for broken in [
        "<",
        "<!",
        "<!-",
        "<![CDATA[",
        "<![CDAT",
        "<?",
        "</",
        "<a b",
        "<a b=",
        "<a rdf:about=\"https:",
        "<!DOCTYPE a [ <!ENTITY b '>'> ]><link>LINK/</link>",
        "<!x><link>LINK/</link>",
        "<link>https:",
        "<link><![CDATA[https:",
        "<a rdf:about=https://data.example/>",
        "<rdf:a-name-that-is-longer-than-any-that-matters-here rdf:about='LINK/'>",
        "< a rdf:about='LINK/'>",
        "<a rdf:abouts='https://data.example/' rdf:abou='https://data.example/' :about='LINK/'>",
    ] {
        assert_xml(broken);
    }
}
