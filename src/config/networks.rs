//! Where clients are: networks that they ask from, and origins of the pages that ask for them.

use ipnet::IpNet;
use url::Url;

use super::faults::Mistake;
use super::values::{Value, expected_text};

/// What is said of a value that should be a list of networks.
pub(super) const NETWORKS: &str = "write a list of networks, such as [\"10.1.0.0/16\", \"2001:db8::/32\"]";

/// What is said of a value that should be a list of origins.
pub(super) const ORIGINS: &str = "write a list of origins, such as [\"https://portail.intra.example\"]";

/// A network, or one address as a network of its own.
pub(super) fn network(value: &Value) -> Result<IpNet, Mistake> {
    const RIGHT: &str = "write a network, such as \"10.1.0.0/16\" or \"2001:db8::/32\", or an address";
    let text = expected_text(value).map_err(|mistake| Mistake { right: RIGHT.to_owned(), ..mistake })?;
    let parsed = text.parse::<IpNet>().ok().or_else(|| Some(IpNet::from(text.parse::<std::net::IpAddr>().ok()?)));
    let network = parsed.ok_or_else(|| Mistake::new(format!("{} is not a network", value.shown()), RIGHT))?;
    let (whole, address) = (network.trunc(), IpNet::from(network.addr()));
    if whole != network {
        // Half of those who write this mean the network, and half the host.
        let right = format!("write {:?} for the network, or {:?} for the one address", whole.to_string(), address.addr().to_string());
        return Err(Mistake::new(format!("{} is an address within a network", value.shown()), right));
    }
    if matches!(network, IpNet::V6(v6) if v6.addr().to_ipv4_mapped().is_some()) {
        let wrong = format!("{} is a network of IPv4, which clients are known by as such", value.shown());
        return Err(Mistake::new(wrong, "write it as IPv4, such as \"10.1.0.0/16\""));
    }
    Ok(network)
}

/// A network of proxies. That of all addresses would let every client say that it is any other.
pub(super) fn network_of_proxies(value: &Value) -> Result<IpNet, Mistake> {
    let network = network(value)?;
    if network.prefix_len() == 0 {
        return Err(Mistake::new(
            format!("{} is everybody, and any client could then say to be any other", value.shown()),
            "name the addresses of the proxies alone",
        ));
    }
    Ok(network)
}

/// The origin of a page, as browsers write it: scheme, host, and the port if it is not the scheme's own.
pub(super) fn origin_of_pages(value: &Value) -> Result<String, Mistake> {
    const RIGHT: &str = "write scheme, host and, if need be, port, such as \"https://portail.intra.example\"";
    let text = expected_text(value).map_err(|mistake| Mistake { right: RIGHT.to_owned(), ..mistake })?;
    let mistake = |what: &str| Mistake::new(format!("{} {what}", value.shown()), RIGHT);
    let url = Url::parse(text).map_err(|_| mistake("is not an origin"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(mistake("is neither http nor https"));
    }
    let more = url.path() != "/" || url.query().is_some() || url.fragment().is_some() || !url.username().is_empty();
    if more || url.password().is_some() {
        return Err(mistake("has more than an origin has"));
    }
    Ok(url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn a_network_is_whole_or_one_address() {
        let read = |text: &str| network(&written(text)).unwrap().to_string();
        assert_eq!(read("10.1.0.0/16"), "10.1.0.0/16");
        assert_eq!(read("10.1.2.3"), "10.1.2.3/32");
        assert_eq!(read("2001:DB8::/32"), "2001:db8::/32");
        assert_eq!(read("::1"), "::1/128");
        for bad in ["10.1", "10.1.0.0/33", "intra.example", "::ffff:10.1.0.0/112", "10.0.0.0/255.0.0.0", ""] {
            assert!(network(&written(bad)).is_err(), "{bad}");
        }
        let refused = network(&written("10.1.2.3/16")).unwrap_err();
        assert_eq!(refused.right, "write \"10.1.0.0/16\" for the network, or \"10.1.2.3\" for the one address");
    }

    #[test]
    fn not_everybody_is_a_proxy() {
        for everybody in ["0.0.0.0/0", "::/0"] {
            assert!(network(&written(everybody)).is_ok());
            assert!(network_of_proxies(&written(everybody)).is_err());
        }
    }

    #[test]
    fn an_origin_is_read_as_browsers_write_it() {
        let read = |text: &str| origin_of_pages(&written(text));
        for (text, origin) in [
            ("https://Portail.Intra.example", "https://portail.intra.example"),
            ("https://portail.intra.example:443/", "https://portail.intra.example"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("https://été.example", "https://xn--t-9fab.example"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(origin));
        }
        for bad in ["*", "null", "portail.intra.example", "https://a.example/x", "https://u@a.example", "file:///x", "https://a.example?x"]
        {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
