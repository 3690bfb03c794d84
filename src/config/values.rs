//! From one value, as written, to one typed setting: durations, sizes, counts, addresses, names.
//!
//! Each parser says what is wrong with the value and what would be right; where the value stands and how its key is called is the
//! caller's to add.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo};
use tracing_subscriber::EnvFilter;
use url::Url;

use super::LogFormat;
use super::faults::Mistake;
// Whether links can begin with an address is asked of what writes them.
use crate::portal::links::Base;

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
    /// Anything else, by the name of its type.
    Other(&'static str),
}

impl Value {
    fn text(&self) -> Option<&str> {
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
    fn shown(&self) -> String {
        match self {
            Self::Text(text) | Self::Plain(text) => shown(text),
            Self::Integer(number) => number.to_string(),
            Self::Switch(on) => on.to_string(),
            Self::List(_) => "a list".to_owned(),
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

fn expected_text(value: &Value) -> Result<&str, Mistake> {
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
    let text = expected_text(value)?;
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if text.len() > 32 || !text.bytes().all(allowed) {
        return Err(Mistake::new(
            format!("{} is not a portal's name", value.shown()),
            "write 1 to 32 lower-case letters, digits and hyphens, such as \"education\"",
        ));
    }
    // With several portals the name is the first segment of a path; these two are the portal's own.
    if ["api", "explore"].contains(&text) {
        return Err(Mistake::new(format!("{} is the first segment of the portal's own paths", value.shown()), "choose another name"));
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
mod tests {
    use super::*;

    fn written(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn durations_are_read_with_their_units() {
        let read = |text: &str| duration(&written(text)).unwrap();
        assert_eq!(read("500ms"), Duration::from_millis(500));
        assert_eq!(read("10 min"), Duration::from_secs(600));
        assert_eq!(read("1h 30m"), Duration::from_secs(5400));
        assert_eq!(read("7 days"), Duration::from_secs(7 * 24 * 3600));
        assert_eq!(read("PT5S"), Duration::from_secs(5));
        assert_eq!(read("0 s"), Duration::ZERO);
    }

    #[test]
    fn a_duration_needs_a_unit_a_fixed_length_and_a_sign_that_is_not_minus() {
        for (value, wrong) in [
            (Value::Integer(10), "10 has no unit"),
            (written("10"), "\"10\" has no unit"),
            (written("ten minutes"), "\"ten minutes\" is not a duration"),
            (written("1 month"), "\"1 month\" is not a duration"),
            (written("-5 s"), "\"-5 s\" is negative"),
            (written("5 s ago"), "\"5 s ago\" is negative"),
            (written("9000 days"), "\"9000 days\" is too long"),
            (written(""), "the text is empty"),
            (Value::Other("boolean"), "boolean is not a text"),
        ] {
            assert_eq!(duration(&value).unwrap_err().wrong, wrong);
        }
        assert!(positive_duration(&written("0 s")).is_err());
    }

    #[test]
    fn sizes_are_read_in_both_families_of_units() {
        let read = |value: Value| size(0..=u64::MAX)(&value).unwrap();
        assert_eq!(read(Value::Integer(42)), 42);
        assert_eq!(read(written("256 KiB")), 256 << 10);
        assert_eq!(read(written("64MB")), 64_000_000);
        assert_eq!(read(written("1.5 gib")), 3 << 29);
        assert_eq!(read(Value::Plain("65_536".to_owned())), 65536);
        for garbage in ["lots", "12 KB/s", "-1", "1.2.3 MB", "99999999 TiB", "1.0000000001 MB", "."] {
            assert!(size(0..=u64::MAX)(&written(garbage)).is_err(), "{garbage}");
        }
        let refused = size(8192..=65536)(&written("1 GiB")).unwrap_err();
        assert_eq!((refused.wrong.as_str(), refused.right.as_str()), ("1 GiB is out of range", "write a size from 8 KiB to 64 KiB"));
    }

    #[test]
    fn a_quoted_number_in_the_file_is_not_a_number_and_in_the_environment_is() {
        assert!(count(1..=9)(&written("3")).is_err());
        assert_eq!(count(1..=9)(&Value::Plain("3".to_owned())).unwrap(), 3);
        assert!(count(1..=9)(&Value::Integer(10)).is_err());
        assert!(count(1..=9)(&Value::Integer(-1)).is_err());
    }

    #[test]
    fn a_switch_is_a_word_in_a_variable_and_a_boolean_in_the_file() {
        let plain = |text: &str| Value::Plain(text.to_owned());
        assert_eq!((switch(&plain(" true ")).unwrap(), switch(&plain("false")).unwrap()), (true, false));
        assert!(switch(&Value::Switch(true)).unwrap());
        for refused in [written("true"), plain("yes"), plain("TRUE"), Value::Integer(1)] {
            assert!(switch(&refused).is_err(), "{refused:?}");
        }
    }

    #[test]
    fn a_port_alone_is_told_how_to_become_an_address() {
        assert!(address(&written(":8080")).unwrap_err().right.contains("\"0.0.0.0:8080\""));
        assert!(address(&written("localhost:80")).is_err());
        assert_eq!(address(&written("[::1]:0")).unwrap(), "[::1]:0".parse().unwrap());
    }

    #[test]
    fn an_origin_is_scheme_host_and_port_and_a_password_is_not_repeated() {
        assert!(origin(&written("https://data.education.gouv.fr")).is_ok());
        assert!(origin(&written("http://127.0.0.1:8080/")).is_ok());
        for bad in
            ["data.education.gouv.fr", "ftp://a.fr", "https://a.fr/api", "https://a.fr/?x", "https://a.fr#x", "https://", "http://a:0"]
        {
            assert!(origin(&written(bad)).is_err(), "{bad}");
        }
        let refused = origin(&written("https://me:hunter2@a.fr")).unwrap_err();
        assert_eq!(refused.wrong, "the URL has a user name or password");
    }

    #[test]
    fn host_names_lose_case_and_final_dot_and_may_not_have_a_port() {
        let list = |name: &str| Value::List(vec![written(name)]);
        assert_eq!(hosts(&list("OpenData.Intra.")).unwrap(), ["opendata.intra"]);
        assert!(hosts(&list("a.fr:80")).is_err());
        assert!(hosts(&list("http://a.fr")).is_err());
        assert!(hosts(&written("a.fr")).is_err());
    }

    #[test]
    fn a_contact_fits_into_a_user_agent() {
        assert!(contact(&written("data@example.org")).is_ok());
        assert!(contact(&written("https://example.org/contact")).is_ok());
        for bad in ["bob", "@", "a@b.fr (me)", "é@b.fr", "a@b.fr\r\nx: y"] {
            assert!(contact(&written(bad)).is_err(), "{bad}");
        }
    }
}
