use super::*;

fn assert_turtle(marked: &str) {
    assert_rewrites(Positions::Turtle, marked);
}

#[test]
fn iris_change_and_literals_and_comments_do_not() {
    assert_turtle(
        r#"@prefix dcat: <http://www.w3.org/ns/dcat#> . # <https://data.example/>
        @prefix x: <LINK/id/> .
        <LINK/api/v2/catalog/datasets/x> a dcat:Dataset ; dct:title "<https://data.example/>"@fr , '<https://data.example/>', "", '' , "a \" <https://data.example/>" ;
          dct:description """<p>"" <https://data.example/> \""" <https://data.example/></p>""" , '''it's <https://data.example/>''' ;
          dcat:theme x:it\'s , x:a\<b , <LINK> ; dct:issued "2026"^^<LINK/date> ; dcat:distribution <LINK/x#y>,<LINK?z>, <https://data.example.org/>, <https://data.example >.
        << <LINK/a> <LINK/b> "<https://data.example/>" >> <LINK/c> <<https://data.example.org> . <<LINK/f> <LINK/g> 1>> a <LINK/h> .
        1 <= 2 . <LINK/d> < <LINK/e> ."#,
    );
}

#[test]
fn what_is_no_turtle_passes() {
    for broken in [
        "<",
        "<https:",
        "\"<https://data.example/>",
        "\"\"\"<https://data.example/>",
        "\"\"\"\"",
        "\\",
        "#<https://data.example/>",
        "\"x\n<LINK/>",
        "<x\n<LINK/>",
    ] {
        assert_turtle(broken);
    }
}
