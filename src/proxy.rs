//! A request's way through the gateway, told in order.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use bytes::Bytes;
use pingora::{
    Error, Result,
    http::{RequestHeader, ResponseHeader},
    proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, Session},
    upstreams::peer::HttpPeer,
};

use crate::{config::snapshot::Live, limits::address::Addresses};

pub mod admit;
pub mod buffered;
pub mod dispatch;
pub mod exchange;
pub mod intake;
pub mod relay;
pub mod reply;
pub mod settle;

use exchange::Exchange;

/// The gateway as Pingora sees it.
pub struct Gateway {
    live: Arc<Live>,
    addresses: Arc<Addresses>,
    draining: Arc<AtomicBool>,
}

impl Gateway {
    /// A gateway over the running configuration; `draining` makes it refuse new requests.
    pub const fn new(
        live: Arc<Live>,
        addresses: Arc<Addresses>,
        draining: Arc<AtomicBool>,
    ) -> Self {
        Self {
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
            Ok(()) => Ok(false),
            Err(failure) => Err(x.fail(failure)),
        }
    }

    /// Called again for each attempt, so retry and fallback are one decision.
    async fn upstream_peer(&self, _: &mut Session, x: &mut Self::CTX) -> Result<Box<HttpPeer>> {
        dispatch::next_target(x)
            .await
            .map_err(|failure| x.fail(failure))
    }

    async fn upstream_request_filter(
        &self,
        s: &mut Session,
        head: &mut RequestHeader,
        x: &mut Self::CTX,
    ) -> Result<()> {
        dispatch::write_head(s, head, x)
    }

    /// Called exactly once for each attempt: the body that `next_target` wrote takes the place of the marker.
    async fn request_body_filter(
        &self,
        _: &mut Session,
        body: &mut Option<Bytes>,
        _: bool,
        x: &mut Self::CTX,
    ) -> Result<()> {
        *body = Some(x.body.clone());
        Ok(())
    }

    async fn upstream_response_filter(
        &self,
        _: &mut Session,
        head: &mut ResponseHeader,
        x: &mut Self::CTX,
    ) -> Result<()> {
        relay::judge(head, x)
    }

    async fn response_filter(
        &self,
        s: &mut Session,
        head: &mut ResponseHeader,
        x: &mut Self::CTX,
    ) -> Result<()> {
        relay::head_for_client(s, head, x)
    }

    fn response_body_filter(
        &self,
        s: &mut Session,
        chunk: &mut Option<Bytes>,
        end: bool,
        x: &mut Self::CTX,
    ) -> Result<Option<std::time::Duration>> {
        if s.response_written().is_some() {
            x.release_request(); // no other attempt can follow
        }
        relay::body(chunk, end, x).map(|()| None)
    }

    async fn response_trailer_filter(
        &self,
        _: &mut Session,
        _: &mut http::HeaderMap,
        x: &mut Self::CTX,
    ) -> Result<Option<Bytes>> {
        // Trailers end an answer whose last piece did not say so.
        let mut last = None;
        relay::body(&mut last, true, x)?;
        Ok(last)
    }

    fn fail_to_connect(
        &self,
        s: &mut Session,
        _: &HttpPeer,
        x: &mut Self::CTX,
        e: Box<Error>,
    ) -> Box<Error> {
        dispatch::lost(s, e, x)
    }

    fn error_while_proxy(
        &self,
        _: &HttpPeer,
        s: &mut Session,
        e: Box<Error>,
        x: &mut Self::CTX,
        reused: bool,
    ) -> Box<Error> {
        let mut e = e;
        if !reused {
            // Only a pooled connection can be stale.
            e.retry.decide_reuse(false);
        }
        dispatch::lost(s, e, x)
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

    fn suppress_proxy_warn_log(
        &self,
        _: &Session,
        _: &Self::CTX,
        _: &Error,
        _: ProxyWarnLogContext,
    ) -> bool {
        true
    }
}
