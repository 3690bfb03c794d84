//! Files: attachments, alternative exports, images of descriptions and files of records. Which there are, and their bytes.
//!
//! All of them are made from names alone, so they stay the same; a program that opens such files opens these.

mod pdf;
mod png;
mod zip;

use serde_json::{Value as Json, json};

use super::catalogue::Dataset;
use super::dice::{hash, mix};
use super::route::Filed;
use super::table::Kind;
use super::value::{PART, Value};

/// Width and height of a picture in a record.
const PICTURE: (u32, u32) = (480, 360);
/// The same of the small picture that a page shows.
const THUMBNAIL: (u32, u32) = (300, 225);

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The name that it is saved under.
    pub name: String,
    /// Its type.
    pub media_type: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What a dataset says of one of its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its id, by which it is fetched.
    pub id: &'static str,
    /// Its name.
    pub title: &'static str,
}

impl Listed {
    /// Its type, without parameters.
    pub fn media_type(&self) -> &'static str {
        media_type(self.title).split(';').next().unwrap_or_default()
    }
}

/// The attachments of a dataset: one in three has some.
pub fn attachments(dataset: &Dataset) -> &'static [Listed] {
    const SOME: [Listed; 2] = [Listed { id: "notice_txt", title: "notice.txt" }, Listed { id: "guide_pdf", title: "guide.pdf" }];
    if has_files(dataset) { &SOME } else { &[] }
}

/// The files that a dataset is exported as besides the usual formats.
pub fn alternative_exports(dataset: &Dataset) -> &'static [Listed] {
    const SOME: [Listed; 1] = [Listed { id: "lot_zip", title: "lot.zip" }];
    if has_files(dataset) { &SOME } else { &[] }
}

/// The images that the description of a dataset shows.
pub fn images(dataset: &Dataset) -> &'static [Listed] {
    const SOME: [Listed; 1] = [Listed { id: "illustration_png", title: "illustration.png" }];
    if has_files(dataset) { &SOME } else { &[] }
}

fn has_files(dataset: &Dataset) -> bool {
    hash(dataset.id()).is_multiple_of(3)
}

/// The file with this id.
pub fn find(dataset: &Dataset, filed: Filed, id: &str) -> Option<File> {
    let listed = match filed {
        Filed::Attachments => attachments(dataset),
        Filed::AlternativeExports => alternative_exports(dataset),
        Filed::Images => images(dataset),
        Filed::Records | Filed::Thumbnails => return of_record(dataset, filed == Filed::Thumbnails, id),
    };
    listed.iter().find(|file| file.id == id).map(|file| make(file.title, dataset.id(), PICTURE))
}

/// A file of a record. Only pictures have small pictures.
fn of_record(dataset: &Dataset, small: bool, id: &str) -> Option<File> {
    let schema = dataset.schema();
    let fields = &schema.fields;
    let columns: Vec<usize> = (0..fields.len()).filter(|at| fields[*at].kind == Kind::File).collect();
    if columns.is_empty() {
        return None;
    }
    let table = dataset.table(true).ok()?;
    let cells = (0..table.len()).flat_map(|row| columns.iter().map(move |column| (row, *column)));
    let name = cells.into_iter().find_map(|(row, column)| match table.value(row, column) {
        Value::File(file) => name_of(&file).filter(|name| id_of(dataset.id(), name) == id).map(str::to_owned),
        _ => None,
    })?;
    if small && !is_picture(&name) {
        return None;
    }
    Some(make(&name, dataset.id(), if small { THUMBNAIL } else { PICTURE }))
}

/// The bytes of the file with this name. `about` tells the files of one name apart.
fn make(name: &str, about: &str, size: (u32, u32)) -> File {
    let bytes = match media_type(name) {
        "application/pdf" => pdf::page(&format!("Document invente : {about}, {name}")),
        "image/png" => png::picture(size.0, size.1, mix(hash(about) ^ hash(name))),
        "application/zip" => zip::archive("lisez-moi.txt", format!("Lot inventé de {about}.\r\n").as_bytes()),
        _ => format!("Notice inventée de {about}.\n").into_bytes(),
    };
    File { name: name.to_owned(), media_type: media_type(name), bytes }
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "pdf" => "application/pdf",
        "png" => "image/png",
        "zip" => "application/zip",
        _ => "text/plain; charset=utf-8",
    }
}

fn is_picture(name: &str) -> bool {
    media_type(name).starts_with("image/")
}

/// The value of a field of type `file`: where files are, the dataset, and the name.
pub fn value(origin: &str, dataset: &str, name: &str) -> Value<'static> {
    Value::File(format!("{origin}{PART}{dataset}{PART}{name}").into())
}

fn parts(value: &str) -> Option<(&str, &str, &str)> {
    let (origin, rest) = value.split_once(PART)?;
    let (dataset, name) = rest.split_once(PART)?;
    Some((origin, dataset, name))
}

fn name_of(value: &str) -> Option<&str> {
    parts(value).map(|(_, _, name)| name)
}

/// Thirty-two hexadecimal digits.
fn id_of(dataset: &str, name: &str) -> String {
    let first = mix(hash(dataset) ^ hash(name).rotate_left(17));
    format!("{first:016x}{:016x}", mix(first ^ 1))
}

/// The absolute address of the file that a [`value`] names.
pub fn address(value: &str) -> String {
    parts(value)
        .map_or_else(String::new, |(origin, dataset, name)| format!("{origin}/api/datasets/1.0/{dataset}/files/{}", id_of(dataset, name)))
}

/// A [`value`] as JSON has it: with the members of recorded pictures, and the address.
pub fn described(value: &str) -> Json {
    let Some((_, dataset, name)) = parts(value) else { return Json::Null };
    let chance = mix(hash(dataset) ^ hash(name));
    let shade = |at: u32| json!(format!("rgba({}, {}, {}, 1.00)", (chance >> at) & 255, (chance >> (at + 8)) & 255, (chance >> 24) & 255));
    let picture = is_picture(name);
    let mut object = json!({
        "thumbnail": picture,
        "filename": name,
        "format": if picture { json!("PNG") } else { Json::Null },
        "etag": format!("{chance:016x}"),
        "mimetype": media_type(name),
        "id": id_of(dataset, name),
        "last_synchronized": "2025-01-15T08:30:00.250000",
    });
    if picture {
        object["width"] = json!(PICTURE.0);
        object["height"] = json!(PICTURE.1);
        object["color_summary"] = json!([shade(0), shade(8), shade(16)]);
    }
    object["url"] = json!(address(value));
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_knows_its_name_and_address() {
        let Value::File(text) = value("http://a.example", "d", "photo.png") else { panic!("it is a file") };
        assert_eq!(name_of(&text), Some("photo.png"));
        assert_eq!(address(&text), format!("http://a.example/api/datasets/1.0/d/files/{}", id_of("d", "photo.png")));
        assert_ne!(id_of("d", "photo.png"), id_of("e", "photo.png"));
        assert_eq!(described(&text)["mimetype"], "image/png");
    }
}
