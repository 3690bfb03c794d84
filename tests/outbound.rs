//! The ways out of an organisation's network, on loopback: a proxy that tunnels, a private authority, both at once.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod raw_portal;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use preau::config::{Origin, ProxyVariables, Secret};
use preau::origin::{BuildError, Call, Error, ProxyFault, TrustFault};
use raw_portal::{Caller, Connection, HELLO, RawPortal, file, origin};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

/// `user:pass@word`
const BASIC: &str = "Basic dXNlcjpwYXNzQHdvcmQ=";

/// An authority of our own.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A server with a certificate for `name`, which would rather speak HTTP/2.
    fn acceptor(&self, name: &str) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }

    /// A portal with a certificate for `name`.
    async fn portal(&self, name: &str) -> RawPortal {
        RawPortal::start_over(Some(self.acceptor(name)), |mut connection| async move {
            while connection.head().await.is_some() {
                connection.say(HELLO).await;
            }
        })
        .await
    }
}

/// Opens the tunnel that is asked for, whatever host is named, to the same port of 127.0.0.1.
async fn tunnel(mut connection: Connection, credentials: Option<&'static str>) {
    let Some(head) = connection.head().await else { return };
    let given = head.lines().find_map(|line| line.strip_prefix("Proxy-Authorization: ").or(line.strip_prefix("proxy-authorization: ")));
    if given != credentials {
        connection.say("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n").await;
        return;
    }
    let target = head.split(' ').nth(1).unwrap();
    let port: u16 = target.rsplit(':').next().unwrap().parse().unwrap();
    let mut portal = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    connection.say("HTTP/1.1 200 Connection established\r\n\r\n").await;
    let _ = tokio::io::copy_bidirectional(&mut connection.into_stream(), &mut portal).await;
}

fn trusting(ca_file: &Path) -> Origin {
    Origin { ca_file: Some(ca_file.to_owned()), ..origin() }
}

fn through(proxy: &RawPortal, credentials: &str, no: Option<&str>) -> ProxyVariables {
    let https = Some(Secret::new(format!("http://{credentials}127.0.0.1:{}", proxy.port)));
    ProxyVariables { https, no: no.map(str::to_owned), ..ProxyVariables::default() }
}

#[tokio::test]
async fn a_private_authority_is_trusted_by_its_file_and_http_1_is_spoken() {
    let authority = Authority::new("Our authority");
    let other = Authority::new("Another authority");
    let (_dir, path) = file(&format!("{}{}", other.0.pem(), authority.0.pem()));
    let portal = authority.portal("localhost").await;
    let caller = Caller::at(&format!("https://localhost:{}", portal.port), &trusting(&path));
    assert_eq!(caller.body(Call::get("/a")).await.unwrap(), b"hello");
    assert_eq!(caller.body(Call::get("/b")).await.unwrap(), b"hello");
    assert!(portal.heads()[0].starts_with(&format!("GET /a HTTP/1.1\r\nhost: localhost:{}\r\n", portal.port)));
    assert_eq!(caller.used(), 2);
}

#[tokio::test]
async fn an_authority_that_is_not_trusted_is_refused_before_anything_leaves() {
    let portal = Authority::new("Our authority").portal("localhost").await;
    let (_dir, other) = file(&Authority::new("Our authority").0.pem());
    let url = format!("https://localhost:{}", portal.port);
    // Without a file, a machine without any roots refuses at once: that is another test's subject.
    for caller in [Some(Caller::at(&url, &trusting(&other))), Caller::build(&url, &origin()).ok()].into_iter().flatten() {
        let error = caller.fetch(Call::get("/")).await.unwrap_err();
        assert!(matches!(error, Error::Tls { .. }) && !error.is_charged(), "{error:?}");
        assert_eq!((caller.used(), portal.received()), (0, 0));
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused_before_anything_leaves() {
    let authority = Authority::new("Our authority");
    let (_dir, path) = file(&authority.0.pem());
    let portal = authority.portal("portal.example").await;
    let caller = Caller::at(&format!("https://localhost:{}", portal.port), &trusting(&path));
    let error = caller.fetch(Call::get("/")).await.unwrap_err();
    assert!(matches!(error, Error::Tls { .. }), "{error:?}");
    assert!(error.to_string().contains("portal.example"), "{error}");
    assert_eq!((caller.used(), portal.received()), (0, 0));
}

#[tokio::test]
async fn a_portal_that_speaks_no_tls_is_not_spoken_to_without() {
    let portal = RawPortal::answering(HELLO).await;
    let authority = Authority::new("Our authority");
    let (_dir, path) = file(&authority.0.pem());
    let caller = Caller::at(
        &format!("https://localhost:{}", portal.port),
        &Origin { connect_timeout: std::time::Duration::from_millis(60), ..trusting(&path) },
    );
    let error = caller.fetch(Call::get("/")).await.unwrap_err();
    assert!(!error.is_charged(), "{error:?}");
    assert_eq!((caller.used(), portal.received()), (0, 0));
}

#[tokio::test]
async fn calls_go_through_a_tunnel_and_the_proxy_resolves_the_name() {
    let authority = Authority::new("Our authority");
    let (_dir, path) = file(&authority.0.pem());
    let portal = authority.portal("portal.invalid").await;
    let proxy = RawPortal::start(|connection| tunnel(connection, None)).await;
    let settings = Origin { proxy: through(&proxy, "", Some("other.invalid,10.0.0.0/8")), ..trusting(&path) };
    let caller = Caller::at(&format!("https://portal.invalid:{}", portal.port), &settings);
    for calls in 1..=3 {
        assert_eq!(caller.body(Call::get("/a")).await.unwrap(), b"hello");
        assert_eq!((caller.used(), portal.received()), (calls, calls as usize));
    }
    let authority = format!("portal.invalid:{}", portal.port);
    let agent = format!("preau/{} (+opendata@school.example)", env!("CARGO_PKG_VERSION"));
    assert!(portal.heads()[0].starts_with(&format!("GET /a HTTP/1.1\r\nhost: {authority}\r\nuser-agent: {agent}\r\n")));
    // One tunnel for all three, and nothing of the call in what the proxy sees.
    assert_eq!(proxy.heads(), [format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n")]);
}

#[tokio::test]
async fn the_proxy_gets_its_credentials_and_the_portal_does_not() {
    let authority = Authority::new("Our authority");
    let (_dir, path) = file(&authority.0.pem());
    let portal = authority.portal("portal.invalid").await;
    let proxy = RawPortal::start(|connection| tunnel(connection, Some(BASIC))).await;
    let settings = Origin { proxy: through(&proxy, "user:pass%40word@", None), ..trusting(&path) };
    let caller = Caller::at(&format!("https://portal.invalid:{}", portal.port), &settings);
    assert_eq!(caller.body(Call::get("/")).await.unwrap(), b"hello");
    assert!(proxy.heads()[0].to_ascii_lowercase().contains("proxy-authorization: basic "));
    assert!(!portal.heads()[0].to_ascii_lowercase().contains("proxy-authorization"));
}

#[tokio::test]
async fn a_proxy_that_refuses_costs_no_call_and_leaks_no_password() {
    let portal = RawPortal::answering(HELLO).await;
    let proxy = RawPortal::start(|connection| tunnel(connection, Some(BASIC))).await;
    let (_dir, path) = file(&Authority::new("Our authority").0.pem());
    for credentials in ["", "user:wr0ng@"] {
        let settings = Origin { proxy: through(&proxy, credentials, None), ..trusting(&path) };
        let caller = Caller::at(&format!("https://portal.invalid:{}", portal.port), &settings);
        let error = caller.fetch(Call::get("/")).await.unwrap_err();
        assert!(matches!(error, Error::Connect(_)) && !error.is_charged(), "{error:?}");
        assert_eq!((caller.used(), portal.received()), (0, 0));
        for text in [format!("{error:?}"), format!("{:?}", caller.client), format!("{settings:?}")] {
            assert!(!text.contains("wr0ng") && !text.contains("dXNl"), "{text}");
        }
    }
}

#[tokio::test]
async fn an_exception_goes_directly() {
    let authority = Authority::new("Our authority");
    let (_dir, path) = file(&authority.0.pem());
    let portal = authority.portal("localhost").await;
    let proxy = RawPortal::start(|connection| tunnel(connection, None)).await;
    let settings = Origin { proxy: through(&proxy, "", Some("LOCALHOST")), ..trusting(&path) };
    let caller = Caller::at(&format!("https://localhost:{}", portal.port), &settings);
    assert_eq!(caller.body(Call::get("/")).await.unwrap(), b"hello");
    assert_eq!((proxy.received(), portal.received()), (0, 1));
}

#[tokio::test]
async fn a_portal_without_tls_is_asked_through_a_forwarding_proxy() {
    let proxy = RawPortal::answering(HELLO).await;
    let http = Some(Secret::new(format!("http://user:pass%40word@127.0.0.1:{}", proxy.port)));
    let settings = Origin { proxy: ProxyVariables { http, ..ProxyVariables::default() }, ..origin() };
    let caller = Caller::at("http://portal.invalid", &settings);
    assert_eq!(caller.body(Call::get("/a?b=c")).await.unwrap(), b"hello");
    let agent = format!("preau/{} (+opendata@school.example)", env!("CARGO_PKG_VERSION"));
    assert_eq!(
        proxy.heads(),
        [format!(
            "GET http://portal.invalid/a?b=c HTTP/1.1\r\nhost: portal.invalid\r\nuser-agent: {agent}\r\naccept: */*\r\n\
             accept-encoding: gzip\r\nproxy-authorization: {BASIC}\r\n\r\n"
        )]
    );
    assert_eq!(caller.used(), 1);
}

#[test]
fn a_setting_that_cannot_be_followed_makes_no_client() {
    let fault = |settings: &Origin| Caller::build("https://portal.invalid", settings).err().unwrap();
    let (_dir, empty) = file("no certificate");
    assert!(matches!(fault(&trusting(&empty)), BuildError::Trust(TrustFault::Empty { .. })));
    assert!(matches!(fault(&trusting(Path::new("/nonexistent"))), BuildError::Trust(TrustFault::Unreadable { .. })));
    let proxy = ProxyVariables { https: Some(Secret::new("socks5://127.0.0.1:1")), ..ProxyVariables::default() };
    assert!(matches!(fault(&Origin { proxy, ..origin() }), BuildError::Proxy(ProxyFault::Scheme { .. })));
    assert!(matches!(fault(&Origin { contact: Some("a\nb".to_owned()), ..origin() }), BuildError::Contact));
}

/// Where this variable is set, the process has no roots of the platform's.
const WITHOUT_ROOTS: &str = "PREAU_TEST_WITHOUT_ROOTS";

#[tokio::test]
async fn without_roots_of_the_platform_the_file_is_enough() {
    if std::env::var_os(WITHOUT_ROOTS).is_none() {
        // The environment of a process that runs is not ours to change: another one runs this test.
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "without_roots_of_the_platform_the_file_is_enough"])
            .env(WITHOUT_ROOTS, "1")
            .env("SSL_CERT_FILE", "/nonexistent/roots.pem")
            .env("SSL_CERT_DIR", "/nonexistent")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        return;
    }
    let authority = Authority::new("Our authority");
    let (_dir, path) = file(&authority.0.pem());
    let portal = authority.portal("localhost").await;
    let url = format!("https://localhost:{}", portal.port);
    assert_eq!(Caller::at(&url, &trusting(&path)).body(Call::get("/")).await.unwrap(), b"hello");
    // Nothing trusted at all is a fault at the start, but not for a portal without TLS.
    if cfg!(target_os = "linux") {
        assert!(matches!(Caller::build(&url, &origin()), Err(BuildError::Client(_))));
    }
    assert!(Caller::build("http://127.0.0.1:1", &origin()).is_ok());
}
