//! How to connect to an endpoint: Pingora's peer, prepared once per address and cloned per request.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    net::SocketAddr,
    time::Duration,
};

use pingora::{
    protocols::TcpKeepalive,
    upstreams::peer::{HttpPeer, PeerOptions},
};
use rustls::pki_types::ServerName;

use super::{BaseUrl, HttpVersion, UpstreamTls, pool::PoolConfig, tls::Certificates};

/// How long an unused connection is kept for the next request.
const IDLE: Duration = Duration::from_secs(60);

/// Requests that share one HTTP/2 connection.
const MAX_H2_STREAMS: usize = 100;

/// How often an HTTP/2 connection is asked whether it still lives: a stream may be silent for
/// minutes while a model thinks.
const H2_PING: Duration = Duration::from_secs(30);

/// The name to ask for and to verify in TLS: the configured one, or the host of the URL. An address
/// is a valid name too: rustls then sends none and compares it with the certificate's addresses.
///
/// # Errors
/// If no certificate could carry the name. It is never empty: Pingora would not verify then.
pub fn server_name(url: &BaseUrl, tls: &UpstreamTls) -> Result<String, String> {
    let name = tls.server_name.as_ref().unwrap_or(&url.host);
    match ServerName::try_from(name.as_str()) {
        Ok(_) => Ok(name.clone()),
        Err(_) => Err(format!(
            "`{name}` is no host name that a certificate could carry; set `tls.server_name`"
        )),
    }
}

/// The peer for one address of an endpoint.
pub fn template(
    address: SocketAddr,
    url: &BaseUrl,
    config: &PoolConfig,
    certificates: &Certificates,
) -> HttpPeer {
    let name = match url.tls {
        true => server_name(url, &config.tls).expect("checked by Pool::new"),
        false => String::new(),
    };
    // From an address this neither blocks nor panics; from a name it does both.
    let mut peer = HttpPeer::new(address, url.tls, name);
    if url.tls {
        peer.client_cert_key = certificates.client.clone();
        peer.options.ca = certificates.ca.clone();
    }
    peer.group_key = group(config, certificates);
    set_version(&mut peer.options, config.http, url.tls);
    let timeouts = &config.timeouts;
    peer.options.connection_timeout = Some(timeouts.connect.get());
    peer.options.total_connection_timeout = Some(timeouts.connect.get());
    // How long an answer may take is measured where the answer is read.
    peer.options.read_timeout = None;
    peer.options.write_timeout = Some(timeouts.idle.get());
    peer.options.idle_timeout = Some(IDLE);
    peer.options.max_h2_streams = MAX_H2_STREAMS;
    peer.options.h2_ping_interval = Some(H2_PING);
    // TCP_NODELAY needs no setting: Pingora sets it on every connection (`connectors/l4.rs`).
    peer.options.tcp_keepalive = Some(TcpKeepalive {
        idle: Duration::from_secs(30),
        interval: Duration::from_secs(10),
        count: 3,
        #[cfg(target_os = "linux")]
        user_timeout: Duration::ZERO,
    });
    peer
}

/// Sets what to offer in ALPN, or to assume without TLS.
pub fn set_version(options: &mut PeerOptions, version: HttpVersion, tls: bool) {
    match version {
        HttpVersion::Auto if tls => options.set_http_version(2, 1),
        HttpVersion::Auto | HttpVersion::Http1 => options.set_http_version(1, 1),
        HttpVersion::Http2 => options.set_http_version(2, 2),
    }
}

/// Keeps apart connections that Pingora's key for reuse would mix up: it leaves out both of these.
fn group(config: &PoolConfig, certificates: &Certificates) -> u64 {
    let mut hash = DefaultHasher::new();
    certificates.fingerprint.hash(&mut hash);
    (config.http as u8).hash(&mut hash);
    hash.finish()
}

#[cfg(test)]
mod tests {
    use pingora::upstreams::peer::{ALPN, Peer};

    use super::*;
    use crate::upstream::{pool::tests::config, tls};

    fn peer(url: &str, change: impl FnOnce(&mut PoolConfig)) -> HttpPeer {
        let mut config = config(&[(url, 1)]);
        change(&mut config);
        let certificates = Certificates::read(&config.tls).unwrap();
        let address = "10.0.0.1:443".parse().unwrap();
        template(address, &config.endpoints[0].url, &config, &certificates)
    }

    #[test]
    fn a_peer_is_verified_under_the_name_of_its_host() {
        let peer = peer("https://api.example.com", |_| ());
        assert!(peer.is_tls() && peer.verify_cert() && peer.verify_hostname());
        assert_eq!(peer.sni, "api.example.com");
        assert_eq!(peer.address().to_string(), "10.0.0.1:443");
    }

    #[test]
    fn an_address_is_a_name_too_and_another_name_can_be_set() {
        for host in ["10.0.0.1", "[::1]"] {
            let peer = peer(&format!("https://{host}"), |_| ());
            assert_eq!(peer.sni, host.trim_matches(['[', ']']));
        }
        let named = peer("https://10.0.0.1", |c| {
            c.tls.server_name = Some("inner.example.com".into());
        });
        assert_eq!(named.sni, "inner.example.com");
    }

    #[test]
    fn the_http_version_decides_what_is_offered() {
        let alpn = |url, version| peer(url, |c| c.http = version).options.alpn;
        for (url, version, offered) in [
            ("https://a.test", HttpVersion::Auto, ALPN::H2H1),
            ("http://a.test", HttpVersion::Auto, ALPN::H1),
            ("https://a.test", HttpVersion::Http1, ALPN::H1),
            ("https://a.test", HttpVersion::Http2, ALPN::H2),
            ("http://a.test", HttpVersion::Http2, ALPN::H2),
        ] {
            assert_eq!(alpn(url, version), offered, "{url} {version:?}");
        }
    }

    #[test]
    fn peers_with_other_authorities_or_versions_share_no_connections() {
        let files = tls::tests::Files::new();
        let authority = |file: &str| {
            let made = rcgen::generate_simple_self_signed(["a.test".to_owned()]).unwrap();
            files.put(file, &made.cert.pem())
        };
        let (first, second) = (authority("first.pem"), authority("second.pem"));
        let reuse = |ca: Option<&String>, version| {
            let peer = peer("https://a.test", |c| {
                c.tls.ca = ca.cloned();
                c.http = version;
            });
            peer.reuse_hash()
        };
        let keys = [
            reuse(None, HttpVersion::Auto),
            reuse(None, HttpVersion::Http1),
            reuse(Some(&first), HttpVersion::Auto),
            reuse(Some(&second), HttpVersion::Auto),
        ];
        for (n, key) in keys.iter().enumerate() {
            assert!(!keys[..n].contains(key));
        }
        assert_eq!(reuse(Some(&first), HttpVersion::Auto), keys[2]);
    }
}
