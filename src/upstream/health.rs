//! Active health checks: Pingora's, one for each endpoint, since hosts and names in TLS differ.

use std::{net::SocketAddr, path::Path, sync::Arc};

use async_trait::async_trait;
use pingora::{
    Error, ErrorType,
    connectors::{ConnectorOptions, http::Connector},
    http::RequestHeader,
    lb::{
        Backend,
        health_check::{HealthCheck, HttpHealthCheck, TcpHealthCheck},
    },
};

use super::{
    BaseUrl, HealthConfig, HttpVersion, endpoint::Members, peer, pool::PoolConfig,
    tls::Certificates,
};

/// Checks any endpoint of a pool.
pub struct Probe {
    members: Arc<Members>,
    health: HealthConfig,
    check: Check,
}

enum Check {
    Tcp(Box<TcpHealthCheck>),
    /// One for each configured endpoint.
    Http(Vec<HttpHealthCheck>),
}

impl Probe {
    /// Prepares the checks that `health` asks for.
    ///
    /// # Errors
    /// If the path cannot be asked for.
    pub fn new(
        members: &Arc<Members>,
        health: &HealthConfig,
        certificates: &Certificates,
    ) -> Result<Self, String> {
        let config = &members.config;
        let check = match &health.http {
            None => {
                let mut check = TcpHealthCheck::new();
                check.peer_template.options.connection_timeout = Some(health.timeout.get());
                Check::Tcp(check)
            }
            Some(path) => {
                let check = |url| http_check(url, path, health, config, certificates);
                let urls = config.endpoints.iter().map(|endpoint| &endpoint.url);
                Check::Http(urls.map(check).collect::<Result<_, _>>()?)
            }
        };
        Ok(Self {
            members: members.clone(),
            health: health.clone(),
            check,
        })
    }
}

#[async_trait]
impl HealthCheck for Probe {
    async fn check(&self, target: &Backend) -> pingora::Result<()> {
        let check = match &self.check {
            Check::Tcp(check) => check.check(target),
            Check::Http(checks) => {
                let table = self.members.table.load();
                let found = target.addr.as_inet().and_then(|a| table.find(*a));
                match found {
                    // Of host names that share an address the first one is asked.
                    Some(endpoint) => checks[endpoint.faces[0].index].check(target),
                    None => {
                        return Error::e_explain(ErrorType::InternalError, "no member any more");
                    }
                }
            }
        };
        let limit = self.health.timeout.get();
        tokio::time::timeout(limit, check)
            .await
            .unwrap_or_else(|_| {
                Error::e_explain(
                    ErrorType::ReadTimedout,
                    format!("health check took longer than {limit:?}"),
                )
            })
    }

    fn backend_summary(&self, target: &Backend) -> String {
        let table = self.members.table.load();
        match target.addr.as_inet().and_then(|a| table.find(*a)) {
            Some(endpoint) => self.members.describe(endpoint),
            None => format!("{}: {}", self.members.config.name, target.addr),
        }
    }

    fn health_threshold(&self, success: bool) -> usize {
        let times = match success {
            true => self.health.healthy_after,
            false => self.health.unhealthy_after,
        };
        times.max(1)
    }
}

fn http_check(
    url: &BaseUrl,
    path: &str,
    health: &HealthConfig,
    config: &PoolConfig,
    certificates: &Certificates,
) -> Result<HttpHealthCheck, String> {
    let authority = url.authority();
    let mut options = ConnectorOptions::new(1);
    if !url.tls || certificates.ca.is_some() {
        // The system's authorities are not needed, and take a while to read.
        options.ca_file = Some("/dev/null".to_owned()).filter(|path| Path::new(path).exists());
    }
    let connector = Connector::new(Some(options));
    let mut check = HttpHealthCheck::new_custom(&authority, url.tls, connector);
    let nowhere = SocketAddr::from(([0, 0, 0, 0], 1));
    check.peer_template = peer::template(nowhere, url, config, certificates);
    let limit = Some(health.timeout.get());
    let options = &mut check.peer_template.options;
    options.connection_timeout = limit;
    options.total_connection_timeout = limit;
    options.read_timeout = limit;
    options.write_timeout = limit;
    // HTTP/2 takes `:scheme` and `:authority` from the URI; HTTP/1.1 servers must accept that form
    // too (RFC 9112, section 3.2.2), but some do not, so it is used only where HTTP/2 is sure.
    let target = if config.http == HttpVersion::Http2 {
        let scheme = if url.tls { "https" } else { "http" };
        format!("{scheme}://{authority}{path}")
    } else {
        options.set_http_version(1, 1);
        path.to_owned()
    };
    let uri = target
        .parse()
        .map_err(|e| format!("`{path}` is no path to ask for: {e}"))?;
    let mut request = RequestHeader::build("GET", b"/", Some(2)).expect("a plain request");
    request.set_uri(uri);
    for (name, value) in [("host", authority.as_str()), ("user-agent", "sluicegate")] {
        request
            .insert_header(name, value)
            .map_err(|e| format!("`{value}` cannot stand in a header: {e}"))?;
    }
    check.req = request;
    check.validator = Some(Box::new(|response| {
        if response.status.is_success() {
            return Ok(());
        }
        let status = response.status.as_u16();
        Error::e_explain(ErrorType::HTTPStatus(status), "health check")
    }));
    Ok(check)
}
