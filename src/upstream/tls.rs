//! Certificates for upstreams: whom to trust, and who we are, read from PEM files.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use pingora::{
    protocols::tls::CaType,
    utils::tls::{CertKey, WrappedX509, parse_x509},
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
};

use super::UpstreamTls;

/// The certificates that a configuration names, as Pingora wants them.
#[derive(Clone)]
pub struct Certificates {
    /// Authorities to trust instead of the system's.
    pub ca: Option<Arc<CaType>>,
    /// Our chain and key, for upstreams that ask for one.
    pub client: Option<Arc<CertKey>>,
    /// Tells settings and file contents apart. Pingora's key for reusing connections leaves out
    /// authorities and knows client certificates by serial number only.
    pub fingerprint: u64,
}

impl Certificates {
    /// Reads all files that `config` names.
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub fn read(config: &UpstreamTls) -> Result<Self, String> {
        let mut hash = DefaultHasher::new();
        config.server_name.hash(&mut hash);
        let mut read = |path: &String| -> Result<Vec<u8>, String> {
            let pem = std::fs::read(path).map_err(|e| format!("cannot read `{path}`: {e}"))?;
            (path, &pem).hash(&mut hash);
            Ok(pem)
        };
        let ca = match &config.ca {
            Some(path) => Some(parse_ca(path, &read(path)?)?),
            None => None,
        };
        let client = match (&config.cert, &config.key) {
            (Some(cert), Some(key)) => {
                let (chain, secret) = (read(cert)?, read(key)?);
                Some(parse_client(cert, &chain, key, &secret)?)
            }
            (None, None) => None,
            _ => return Err("`cert` and `key` go together".to_owned()),
        };
        Ok(Self {
            ca,
            client,
            fingerprint: hash.finish(),
        })
    }
}

fn parse_ca(path: &str, pem: &[u8]) -> Result<Arc<CaType>, String> {
    let mut store = RootCertStore::empty();
    let mut authorities = Vec::new();
    for certificate in parse_certificates(path, pem)? {
        store
            .add(certificate.clone())
            .map_err(|e| format!("`{path}` has a certificate that cannot be trusted: {e}"))?;
        authorities.push(WrappedX509::new(certificate.to_vec(), parse_x509));
    }
    Ok(authorities.into())
}

fn parse_client(
    cert: &str,
    chain: &[u8],
    key: &str,
    secret: &[u8],
) -> Result<Arc<CertKey>, String> {
    let chain = parse_certificates(cert, chain)?;
    let secret = parse_key(key, secret)?;
    let certificates = chain.iter().map(|c| c.to_vec()).collect();
    let der = secret.secret_der().to_vec();
    // Pingora guesses the kind of key from these bytes, and panics during a connection if it cannot.
    if PrivateKeyDer::try_from(der.as_slice()).is_err() {
        return Err(format!("`{key}` has a private key of an unknown kind"));
    }
    pingora::tls::install_default_crypto_provider();
    ClientConfig::builder()
        .with_root_certificates(RootCertStore::empty())
        .with_client_auth_cert(chain, secret)
        .map_err(|e| format!("`{cert}` and `{key}` do not work together: {e}"))?;
    Ok(Arc::new(CertKey::new(certificates, der)))
}

fn parse_certificates(path: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| format!("`{path}` is no valid PEM file: {e}"))?;
    if certificates.is_empty() {
        return Err(format!(
            "`{path}` has no certificate in PEM format (`-----BEGIN CERTIFICATE-----`)"
        ));
    }
    for (n, certificate) in certificates.iter().enumerate() {
        // Pingora's types panic on what this refuses.
        x509_parser::parse_x509_certificate(certificate)
            .map_err(|e| format!("certificate {} in `{path}` is damaged: {e}", n + 1))?;
    }
    Ok(certificates)
}

fn parse_key(path: &str, pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|e| match e {
        pem::Error::NoItemsFound if String::from_utf8_lossy(pem).contains("ENCRYPTED") => {
            format!(
                "the private key in `{path}` is encrypted; store it decrypted and guard the file"
            )
        }
        pem::Error::NoItemsFound => {
            format!("`{path}` has no private key in PEM format (`-----BEGIN PRIVATE KEY-----`)")
        }
        e => format!("`{path}` is no valid PEM file: {e}"),
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use rcgen::{CertificateParams, CertifiedIssuer, KeyPair, generate_simple_self_signed};

    /// A directory for one test, removed at its end.
    pub struct Files(std::path::PathBuf);

    impl Files {
        pub fn new() -> Self {
            let name = format!(
                "sluicegate-tls-{}-{:x}",
                std::process::id(),
                fastrand::u64(..)
            );
            let path = std::env::temp_dir().join(name);
            std::fs::create_dir(&path).unwrap();
            Self(path)
        }

        pub fn put(&self, name: &str, text: &str) -> String {
            let path = self.0.join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        }
    }

    impl Drop for Files {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn error(config: UpstreamTls) -> String {
        match Certificates::read(&config) {
            Ok(_) => panic!("should have been refused"),
            Err(e) => e,
        }
    }

    fn ca(path: String) -> UpstreamTls {
        UpstreamTls {
            ca: Some(path),
            ..UpstreamTls::default()
        }
    }

    fn client(cert: &str, key: &str) -> UpstreamTls {
        UpstreamTls {
            cert: Some(cert.into()),
            key: Some(key.into()),
            ..UpstreamTls::default()
        }
    }

    #[test]
    fn a_bundle_of_authorities_is_read_whole() {
        let files = Files::new();
        let pem = |name: &str| {
            let made = generate_simple_self_signed([name.to_owned()]).unwrap();
            made.cert.pem()
        };
        let bundle = format!("# two of them\n{}\n{}", pem("a.test"), pem("b.test"));
        let read = Certificates::read(&ca(files.put("ca.pem", &bundle))).unwrap();
        assert_eq!(read.ca.unwrap().len(), 2);
        assert!(read.client.is_none());
    }

    #[test]
    fn a_client_certificate_is_read_with_its_chain() {
        let files = Files::new();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["client.test".into()])
            .unwrap()
            .signed_by(&key, &issuer)
            .unwrap();
        let chain = files.put("chain.pem", &(leaf.pem() + &issuer.pem()));
        let secret = files.put("key.pem", &key.serialize_pem());
        let read = Certificates::read(&client(&chain, &secret)).unwrap();
        assert_eq!(read.client.unwrap().intermediates().len(), 1);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_with_its_name() {
        let files = Files::new();
        let made = generate_simple_self_signed(["a.test".to_owned()]).unwrap();
        let cert = files.put("cert.pem", &made.cert.pem());
        let key = files.put("key.pem", &made.signing_key.serialize_pem());
        let other = files.put("other.pem", &KeyPair::generate().unwrap().serialize_pem());
        let text = files.put("text.pem", "hello");
        let cut = files.put("cut.pem", &made.cert.pem()[..200]);
        let odd = files.put(
            "odd.pem",
            "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n",
        );
        let locked = files.put(
            "locked.pem",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\naGVsbG8=\n-----END ENCRYPTED PRIVATE KEY-----\n",
        );
        for (config, file, reason) in [
            (ca("/no/such/file".into()), "/no/such/file", "cannot read"),
            (ca(text.clone()), "text.pem", "no certificate in PEM"),
            (ca(key.clone()), "key.pem", "no certificate in PEM"),
            (ca(cut), "cut.pem", "no valid PEM"),
            (ca(odd), "odd.pem", "damaged"),
            (client(&cert, &text), "text.pem", "no private key in PEM"),
            (client(&cert, &locked), "locked.pem", "is encrypted"),
            (client(&cert, &other), "other.pem", "do not work together"),
        ] {
            let message = error(config);
            assert!(
                message.contains(file) && message.contains(reason),
                "{message}"
            );
        }
    }

    #[test]
    fn the_fingerprint_changes_with_the_contents_of_a_file() {
        let files = Files::new();
        let write = || {
            let made = generate_simple_self_signed(["a.test".to_owned()]).unwrap();
            ca(files.put("ca.pem", &made.cert.pem()))
        };
        let fingerprint = |config| Certificates::read(config).unwrap().fingerprint;
        let config = write();
        let first = fingerprint(&config);
        assert_eq!(fingerprint(&config), first);
        assert_ne!(fingerprint(&write()), first);
    }
}
