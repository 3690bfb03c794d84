//! From one value, as written, to one typed setting: durations, sizes, counts, addresses, names.
//!
//! Each parser says what is wrong with the value and what would be right; where the value stands and how its key is called is the
//! caller's to add.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::civil::Time;
use jiff::{SignedDuration, Span, SpanRelativeTo};
use tracing_subscriber::EnvFilter;
use url::Url;

use super::faults::Mistake;
use super::{ClientKeys, LogFormat, PerPortal};
// Whether links can begin with an address is asked of what writes them.
use crate::portal::links::Base;
use crate::team::Class;

/// Longer times are slips of the pen, and short enough that no sum of them leaves the range of an instant.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// A value as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// A TOML string.
    Text(String),
    /// The value of a flag or of a variable: text that may mean a number.
    Plain(String),
    /// A TOML integer, in decimal.
    Integer(i128),
    /// A TOML boolean.
    Switch(bool),
    /// A TOML array.
    List(Vec<Value>),
    /// A TOML table that is a value: `{ education = 500 }`.
    Table(BTreeMap<String, Value>),
    /// Anything else, by the name of its type.
    Other(&'static str),
}

impl Value {
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Plain(text) => Some(text.trim()),
            _ => None,
        }
    }

    fn integer(&self) -> Option<i128> {
        match self {
            Self::Integer(number) => Some(*number),
            Self::Plain(text) => text.trim().replace('_', "").parse().ok(),
            _ => None,
        }
    }

    /// The value as an error message repeats it.
    pub fn shown(&self) -> String {
        match self {
            Self::Text(text) | Self::Plain(text) => shown(text),
            Self::Integer(number) => number.to_string(),
            Self::Switch(on) => on.to_string(),
            Self::List(_) => "a list".to_owned(),
            Self::Table(_) => "a table".to_owned(),
            Self::Other(kind) => (*kind).to_owned(),
        }
    }
}

/// `text` in quotes, escaped and short enough for a line.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{:?}…", &text[..cut]),
        None => format!("{text:?}"),
    }
}

pub(super) fn expected_text(value: &Value) -> Result<&str, Mistake> {
    match value.text() {
        Some("") => Err(Mistake::new("the text is empty", "give a value, or leave the key out for its default")),
        Some(text) => Ok(text),
        None => Err(Mistake::new(format!("{} is not a text", value.shown()), "write the value in quotation marks")),
    }
}

/// Any text that is not empty.
pub(super) fn text(value: &Value) -> Result<String, Mistake> {
    expected_text(value).map(str::to_owned)
}

/// A time with its unit, zero included.
pub(super) fn duration(value: &Value) -> Result<Duration, Mistake> {
    const RIGHT: &str = "write a number and a unit, such as \"500 ms\", \"10 s\", \"5 min\", \"2 h\" or \"7 days\"";
    let unit_missing = || Mistake::new(format!("{} has no unit", value.shown()), RIGHT);
    let text = match value {
        Value::Integer(_) => return Err(unit_missing()),
        value => expected_text(value).map_err(|mistake| Mistake { right: RIGHT.to_owned(), ..mistake })?,
    };
    if text.parse::<f64>().is_ok() {
        return Err(unit_missing());
    }
    let unreadable = || Mistake::new(format!("{} is not a duration", value.shown()), RIGHT);
    let span: Span = text.parse().map_err(|_| unreadable())?;
    // Days of 24 hours; months and years have no fixed length and are refused.
    let signed: SignedDuration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| unreadable())?;
    let duration = Duration::try_from(signed).map_err(|_| Mistake::new(format!("{} is negative", value.shown()), RIGHT))?;
    if duration > LONGEST {
        return Err(Mistake::new(format!("{} is too long", value.shown()), "write at most \"366 days\""));
    }
    Ok(duration)
}

/// A time with its unit, longer than zero.
pub(super) fn positive_duration(value: &Value) -> Result<Duration, Mistake> {
    let duration = duration(value)?;
    if duration.is_zero() {
        return Err(Mistake::new("zero would end every wait at once", "write a time longer than zero, such as \"10 s\""));
    }
    Ok(duration)
}

/// A number of bytes within `bounds`: `"256 KiB"`, `"64 MB"`, or an integer.
pub(super) fn size(bounds: RangeInclusive<u64>) -> impl Fn(&Value) -> Result<u64, Mistake> {
    move |value| {
        let bytes = match value {
            Value::Integer(number) => {
                u64::try_from(*number).map_err(|_| Mistake::new(format!("{number} is not a size"), "write a positive number of bytes"))?
            }
            value => bytes(expected_text(value)?).ok_or_else(|| {
                Mistake::new(format!("{} is not a size", value.shown()), "write bytes, such as 65536, \"256 KiB\" or \"64 MB\"")
            })?,
        };
        if !bounds.contains(&bytes) {
            let right = format!("write a size from {} to {}", size_text(*bounds.start()), size_text(*bounds.end()));
            return Err(Mistake::new(format!("{} is out of range", size_text(bytes)), right));
        }
        Ok(bytes)
    }
}

/// Bytes of a size text: digits, at most one point, a unit whose letters may be of either case; without a unit, bytes.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let whole: u64 = whole.replace('_', "").parse().ok()?;
    if fraction.len() > 9 {
        return None;
    }
    let parts: u64 = fraction.parse().ok()?;
    let scale = 10_u64.pow(u32::try_from(fraction.len()).ok()?);
    let of_fraction = u128::from(parts) * u128::from(factor) / u128::from(scale);
    whole.checked_mul(factor)?.checked_add(u64::try_from(of_fraction).ok()?)
}

/// `bytes` in the largest binary unit that divides it.
pub fn size_text(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let step = if bytes == 0 { 0 } else { (bytes.trailing_zeros() / 10).min(4) };
    format!("{} {}", bytes >> (10 * step), units[step as usize])
}

/// A whole number within `bounds`.
pub(super) fn count(bounds: RangeInclusive<u32>) -> impl Fn(&Value) -> Result<u32, Mistake> {
    move |value| {
        let right = || format!("write a whole number from {} to {}", bounds.start(), bounds.end());
        let number = value.integer().ok_or_else(|| Mistake::new(format!("{} is not a whole number", value.shown()), right()))?;
        let within = u32::try_from(number).ok().filter(|number| bounds.contains(number));
        within.ok_or_else(|| Mistake::new(format!("{number} is out of range"), right()))
    }
}

/// An IP address and a port.
pub(super) fn address(value: &Value) -> Result<SocketAddr, Mistake> {
    let text = expected_text(value)?;
    let right = match text.strip_prefix(':') {
        Some(port) if port.parse::<u16>().is_ok() => {
            format!("write {:?} for all addresses or {:?} for this machine alone", format!("0.0.0.0:{port}"), format!("127.0.0.1:{port}"))
        }
        _ => "write an IP address and a port, such as \"127.0.0.1:8081\" or \"[::1]:8081\"".to_owned(),
    };
    text.parse().map_err(|_| Mistake::new(format!("{} is not an address", value.shown()), right))
}

/// Shape of log lines.
pub(super) fn log_format(value: &Value) -> Result<LogFormat, Mistake> {
    match expected_text(value)? {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(Mistake::new(format!("{} is not a log format", value.shown()), "write \"text\" or \"json\"")),
    }
}

/// A filter of log lines.
pub(super) fn log_filter(value: &Value) -> Result<String, Mistake> {
    let text = expected_text(value)?;
    match EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => {
            let right = "write a level or a list of target=level, such as \"info\" or \"warn,preau=debug\"";
            Err(Mistake::new(format!("{} is not a log filter: {error}", value.shown()), right))
        }
    }
}

/// A contact that fits into a `User-Agent` comment (RFC 9110 section 10.1.5): visible ASCII without parentheses or a backslash.
pub(super) fn contact(value: &Value) -> Result<String, Mistake> {
    let text = expected_text(value)?;
    let writable = text.len() <= 200 && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"()\\;".contains(&byte));
    let reachable = text.starts_with("https://") || text.starts_with("http://") || text.trim_matches('@').contains('@');
    if writable && reachable {
        return Ok(text.to_owned());
    }
    let right = "write an e-mail or web address in ASCII, such as \"open-data@example.org\"";
    Err(Mistake::new(format!("{} is no address that a portal's administrator could write to", value.shown()), right))
}

/// A portal's name.
pub(super) fn portal_name(value: &Value) -> Result<String, Mistake> {
    let name = name_of("portal", "education", value)?;
    // With several portals the name is the first segment of a path; these two are the portal's own.
    if ["api", "explore"].contains(&name.as_str()) {
        return Err(Mistake::new(format!("{} is the first segment of the portal's own paths", value.shown()), "choose another name"));
    }
    Ok(name)
}

/// A team's name.
pub(super) fn team_name(value: &Value) -> Result<String, Mistake> {
    name_of("team", "carte-scolaire", value)
}

/// An account's name. That of everybody's account is taken.
pub(super) fn account_name(value: &Value) -> Result<String, Mistake> {
    let name = name_of("account", "ministry", value)?;
    if name == "anonymous" {
        return Err(Mistake::new("\"anonymous\" is the account of calls without a key", "choose another name"));
    }
    Ok(name)
}

fn name_of(whose: &str, example: &str, value: &Value) -> Result<String, Mistake> {
    let text = expected_text(value)?;
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if text.len() > 32 || !text.bytes().all(allowed) {
        return Err(Mistake::new(
            format!("{} is not {} {whose}'s name", value.shown(), if whose == "account" { "an" } else { "a" }),
            format!("write 1 to 32 lower-case letters, digits and hyphens, such as {example:?}"),
        ));
    }
    Ok(text.to_owned())
}

/// A list, each of whose elements `element` reads. In a variable there are commas between them.
pub(super) fn list<T>(element: impl Fn(&Value) -> Result<T, Mistake>, right: &'static str) -> impl Fn(&Value) -> Result<Vec<T>, Mistake> {
    move |value| match value {
        Value::List(elements) => elements.iter().map(&element).collect(),
        Value::Plain(text) => {
            let elements = text.split(',').map(str::trim).filter(|text| !text.is_empty());
            elements.map(|text| element(&Value::Plain(text.to_owned()))).collect()
        }
        other => Err(Mistake::new(format!("{} is not a list", other.shown()), right)),
    }
}

/// A number of calls: of every portal's day, or by portal.
pub(super) fn per_portal(value: &Value) -> Result<PerPortal, Mistake> {
    let calls = count(0..=u32::MAX);
    match value {
        Value::Table(named) => {
            let of_one = |(name, value): (&String, &Value)| match calls(value) {
                Ok(calls) => Ok((name.clone(), calls)),
                Err(mistake) => Err(Mistake { wrong: format!("of {name}, {}", mistake.wrong), ..mistake }),
            };
            Ok(PerPortal { each: None, named: named.iter().map(of_one).collect::<Result<_, _>>()? })
        }
        value => {
            let each = calls(value).map_err(|mistake| {
                let right = "write a whole number for every portal, or one for each, such as { education = 500, sports = 20 }";
                Mistake { right: right.to_owned(), ..mistake }
            })?;
            Ok(PerPortal { each: Some(each), named: BTreeMap::new() })
        }
    }
}

/// How a team spends.
pub(super) fn class(value: &Value) -> Result<Class, Mistake> {
    match expected_text(value)? {
        "interactive" => Ok(Class::Interactive),
        "batch" => Ok(Class::Batch),
        _ => Err(Mistake::new(format!("{} is not a class", value.shown()), "write \"interactive\" or \"batch\"")),
    }
}

/// What becomes of clients' own keys of the portal.
pub(super) fn client_keys(value: &Value) -> Result<ClientKeys, Mistake> {
    match expected_text(value)? {
        "pass" => Ok(ClientKeys::Pass),
        "strip" => Ok(ClientKeys::Strip),
        "refuse" => Ok(ClientKeys::Refuse),
        _ => Err(Mistake::new(format!("{} says not what becomes of a key", value.shown()), "write \"pass\", \"strip\" or \"refuse\"")),
    }
}

/// A time of day before `end`, both as hours and minutes since midnight.
pub(super) fn time_of_day(end: &'static str) -> impl Fn(&Value) -> Result<Duration, Mistake> {
    move |value| {
        let right = || format!("write hours and minutes (UTC) before {end}, such as \"17:00\"");
        let mistake = |what: &str| Mistake::new(format!("{} {what}", value.shown()), right());
        let text = expected_text(value).map_err(|mistake| Mistake { right: right(), ..mistake })?;
        let time: Time = match text.len() {
            5 => Time::strptime("%H:%M", text).map_err(|_| mistake("is not a time of day"))?,
            _ => return Err(mistake("is not a time of day")),
        };
        if text >= end {
            return Err(mistake("is too late"));
        }
        Ok(Duration::from_secs(u64::from(time.hour().unsigned_abs()) * 3600 + u64::from(time.minute().unsigned_abs()) * 60))
    }
}

/// What people are told in one line: printable, and short enough to be read.
pub(super) fn line(value: &Value) -> Result<String, Mistake> {
    const LONGEST: usize = 200;
    let text = expected_text(value)?;
    if text.chars().count() > LONGEST || text.chars().any(char::is_control) {
        let right = format!("write at most {LONGEST} characters on one line");
        return Err(Mistake::new(format!("{} is no short line", value.shown()), right));
    }
    Ok(text.to_owned())
}

/// Yes or no. In a variable it can only be text; in the file, text is a slip.
pub(super) fn switch(value: &Value) -> Result<bool, Mistake> {
    match value {
        Value::Switch(on) => Ok(*on),
        Value::Plain(text) if text.trim() == "true" => Ok(true),
        Value::Plain(text) if text.trim() == "false" => Ok(false),
        other => Err(Mistake::new(format!("{} is neither true nor false", other.shown()), "write true or false, without quotation marks")),
    }
}

/// A portal's origin.
pub(super) fn origin(value: &Value) -> Result<Url, Mistake> {
    const RIGHT: &str = "write scheme, host and, if need be, port, such as \"https://data.education.gouv.fr\"";
    let url = address_of_a_server(value, RIGHT)?;
    if url.path() != "/" {
        return Err(Mistake::new(format!("{} has a path", value.shown()), RIGHT));
    }
    Ok(url)
}

/// An address by which the mirror is known. Where another server stands in front, that may have given it a path.
pub(super) fn public_url(value: &Value) -> Result<Url, Mistake> {
    const RIGHT: &str = "write scheme, host and, if need be, port and path, such as \"https://opendata.intra.example\"";
    let url = address_of_a_server(value, RIGHT)?;
    Base::parse(url.as_str()).map_err(|fault| Mistake::new(format!("{}: {fault}", value.shown()), RIGHT))?;
    Ok(url)
}

/// Scheme, host, port and path. What stands before an `@` may be a password and is not repeated.
fn address_of_a_server(value: &Value, right: &str) -> Result<Url, Mistake> {
    let text = expected_text(value)?;
    let name = if text.contains('@') { "the URL".to_owned() } else { value.shown() };
    let mistake = |what: &str| Err(Mistake::new(format!("{name} {what}"), right));
    let Ok(url) = Url::parse(text) else { return mistake("is not an absolute URL") };
    if !matches!(url.scheme(), "http" | "https") {
        return mistake("is neither http nor https");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return mistake("has a user name or password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return mistake("has a query or fragment");
    }
    if url.port() == Some(0) {
        return mistake("has port 0");
    }
    Ok(url)
}

/// Host names, in lower case, without a port.
pub(super) fn hosts(value: &Value) -> Result<Vec<String>, Mistake> {
    const RIGHT: &str = "write a list of names without scheme and port, such as [\"opendata.intra.example\"]";
    let Value::List(names) = value else { return Err(Mistake::new(format!("{} is not a list", value.shown()), RIGHT)) };
    let name = |value: &Value| {
        let wrong = || Mistake::new(format!("{} is not a host name", value.shown()), RIGHT);
        let text = value.text().ok_or_else(wrong)?;
        let host = url::Host::parse(text).map_err(|_| wrong())?;
        Ok(host.to_string().trim_end_matches('.').to_owned())
    };
    names.iter().map(name).collect()
}

#[cfg(test)]
mod tests;
