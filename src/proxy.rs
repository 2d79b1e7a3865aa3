//! A request's way through the gateway, told in order.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use pingora::{
    Error, ErrorType, Result,
    connectors::http::Connector,
    modules::http::HttpModules,
    proxy::{FailToProxy, ProxyHttp, Session},
    upstreams::peer::HttpPeer,
};

use crate::{config::snapshot::Live, limits::address::Addresses};

pub mod admit;
pub mod attempt;
pub mod convert;
pub mod dispatch;
mod ending;
pub mod exchange;
pub mod intake;
pub mod judge;
pub mod models;
pub mod realtime;
pub mod relay;
pub mod reply;
pub mod screen;
pub mod settle;
pub mod watch;

use exchange::Exchange;

/// The gateway as Pingora sees it.
pub struct Gateway {
    connector: Connector,
    live: Arc<Live>,
    addresses: Arc<Addresses>,
    draining: Arc<AtomicBool>,
}

impl Gateway {
    /// A gateway over the running configuration that reaches upstreams through `connector`; `draining` makes it
    /// refuse new requests.
    pub const fn new(
        connector: Connector,
        live: Arc<Live>,
        addresses: Arc<Addresses>,
        draining: Arc<AtomicBool>,
    ) -> Self {
        Self {
            connector,
            live,
            addresses,
            draining,
        }
    }

    /// What every address has open.
    pub const fn addresses(&self) -> &Arc<Addresses> {
        &self.addresses
    }

    /// Whether the process is about to end.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl ProxyHttp for Gateway {
    /// Boxed, since Pingora's futures hold it several times over.
    type CTX = Box<Exchange>;

    fn new_ctx(&self) -> Self::CTX {
        crate::limits::head::arrived();
        Box::new(Exchange::new(self.live.get()))
    }

    /// None: answers are not compressed here.
    fn init_downstream_modules(&self, _: &mut HttpModules) {}

    /// What can be decided from the head alone.
    async fn early_request_filter(&self, s: &mut Session, x: &mut Self::CTX) -> Result<()> {
        admit::enter(self, s, x).map_err(|failure| x.fail(failure))
    }

    /// Everything that can be decided without a provider.
    async fn request_filter(&self, s: &mut Session, x: &mut Self::CTX) -> Result<bool> {
        let outcome = async {
            admit::identify(s, x)?; // who is calling
            intake::decode(self, s, x).await // what they ask, and who could answer
        };
        match outcome.await {
            Ok(None) => Ok(false),
            Ok(Some(answer)) => reply::whole_answer(s, answer, x).await.map(|()| true),
            Err(failure) => Err(x.fail(failure)),
        }
    }

    /// Asks one target after the other until one answers, and passes its answer on as it comes.
    async fn proxy_upstream_filter(&self, s: &mut Session, x: &mut Self::CTX) -> Result<bool> {
        dispatch::until_answered(&self.connector, s, x).await?;
        Ok(false) // answered; see attempt.rs for why Pingora's own loop is not used
    }

    async fn upstream_peer(&self, _: &mut Session, _: &mut Self::CTX) -> Result<Box<HttpPeer>> {
        Error::e_explain(ErrorType::InternalError, "answered before this phase")
    }

    async fn fail_to_proxy(&self, s: &mut Session, e: &Error, x: &mut Self::CTX) -> FailToProxy {
        reply::failed(s, e, x).await
    }

    /// Called exactly once, whatever happened.
    async fn logging(&self, s: &mut Session, _: Option<&Error>, x: &mut Self::CTX) {
        settle::settle(s, x);
    }

    fn suppress_error_log(&self, _: &Session, _: &Self::CTX, _: &Error) -> bool {
        true // `settle` records every request, and `dispatch` logs every failed attempt
    }
}
