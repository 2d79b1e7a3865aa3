//! Certificates for both sides, made once in each test process.

use std::sync::{Arc, LazyLock};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PKCS_ECDSA_P256_SHA256,
};
use tokio_rustls::{
    TlsAcceptor, TlsConnector,
    rustls::{
        ClientConfig, RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject},
    },
};

/// Someone who signs certificates, and one that it signed for `localhost` and 127.0.0.1.
pub struct Authority {
    issuer: String,
    pub cert: String,
    pub key: String,
}

impl Authority {
    /// The one that tests trust.
    pub fn known() -> Arc<Self> {
        static KNOWN: LazyLock<Arc<Authority>> = LazyLock::new(|| Arc::new(Authority::new()));
        KNOWN.clone()
    }

    /// One that nobody trusts.
    pub fn unknown() -> Arc<Self> {
        Arc::new(Self::new())
    }

    fn new() -> Self {
        let key = || KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("ring knows it");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, key()).expect("signs itself");
        let leaf_key = key();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let leaf = CertificateParams::new(names)
            .and_then(|params| params.signed_by(&leaf_key, &issuer))
            .expect("sane names");
        Self {
            issuer: issuer.pem(),
            cert: leaf.pem(),
            key: leaf_key.serialize_pem(),
        }
    }

    /// Its own certificate, for those who shall trust it.
    pub fn pem(&self) -> String {
        self.issuer.clone()
    }
}

/// Accepts TLS with the authority's certificate; offers HTTP/2 before HTTP/1.1, or HTTP/1.1 alone.
pub fn acceptor(authority: &Authority, h2: bool) -> TlsAcceptor {
    let cert = CertificateDer::from_pem_slice(authority.cert.as_bytes()).expect("PEM");
    let key = PrivatePkcs8KeyDer::from_pem_slice(authority.key.as_bytes()).expect("PEM");
    let mut config = ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_no_client_auth()
        .with_single_cert(vec![cert], PrivateKeyDer::Pkcs8(key))
        .expect("they fit");
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    if h2 {
        config.alpn_protocols.insert(0, b"h2".to_vec());
    }
    TlsAcceptor::from(Arc::new(config))
}

/// Connects with TLS, trusting the known authority alone.
pub fn connector(h2: bool) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    let known = Authority::known();
    roots
        .add(CertificateDer::from_pem_slice(known.issuer.as_bytes()).expect("PEM"))
        .expect("a certificate");
    let mut config = ClientConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![if h2 {
        b"h2".to_vec()
    } else {
        b"http/1.1".to_vec()
    }];
    TlsConnector::from(Arc::new(config))
}
