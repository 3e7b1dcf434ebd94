//! The HTTP/1.1 server under every HTTP service: accepts, makes the TLS handshake, applies faults, records.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::header::{DATE, HeaderMap, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use time::OffsetDateTime;
use time::macros::format_description;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::faults::{FaultSwitch, Silence};
use crate::records::{HttpExchange, Records, Service};
use crate::stream::FaultyStream;

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type ReplyBody = UnsyncBoxBody<Bytes, BoxError>;

/// What one service does with a request when there is no fault.
#[async_trait::async_trait]
pub(crate) trait Handler: Send + Sync + 'static {
    /// `peer_name` is the common name of the client's certificate.
    async fn handle(&self, request: Request<Incoming>, peer_name: Option<&str>) -> Response<ReplyBody>;
}

/// One service on one port.
#[derive(Clone)]
pub(crate) struct HttpServer {
    pub(crate) service: Service,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) switch: Arc<FaultSwitch>,
    pub(crate) records: Records,
    pub(crate) handler: Arc<dyn Handler>,
}

impl HttpServer {
    /// Serves until the runtime ends.
    pub(crate) async fn run(self, listener: TcpListener) {
        loop {
            // An accept that fails (for instance for want of file descriptors) may succeed the next time.
            let Ok((tcp, _)) = listener.accept().await else { continue };
            let server = self.clone();
            tokio::spawn(async move {
                let (service, records) = (server.service, server.records.clone());
                server.connection(tcp).await;
                records.count(service, |counts| counts.closed += 1);
            });
        }
    }

    async fn connection(self, tcp: TcpStream) {
        self.records.count(self.service, |counts| counts.connections += 1);
        let fault = self.switch.take_for_connection();
        if fault.as_ref().is_some_and(|fault| fault.silence == Some(Silence::Connection)) {
            std::future::pending::<()>().await;
        }
        let Ok(stream) = FaultyStream::accept(tcp, self.tls.as_ref(), fault.as_ref()).await else {
            self.records.count(self.service, |counts| counts.failed_handshakes += 1);
            return;
        };
        let peer_name = stream.peer_name();
        let answer = service_fn(|request| self.answer(request, peer_name.as_deref()));
        // A connection that breaks is the client's affair, or a fault's purpose.
        let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        peer_name: Option<&str>,
    ) -> Result<Response<ReplyBody>, BoxError> {
        self.records.count(self.service, |counts| counts.requests += 1);
        let mut exchange = HttpExchange {
            service: self.service,
            method: request.method().to_string(),
            path: request.uri().path_and_query().map(ToString::to_string).unwrap_or_default(),
            headers: header_list(request.headers()),
            status: 0,
            at: Instant::now(),
        };
        let fault = self.switch.take_for_request(|_| true).unwrap_or_default();
        let mut response = if fault.silence == Some(Silence::Reply) {
            drain(request).await?;
            std::future::pending().await
        } else if let Some(answer) = fault.answer {
            if !answer.before_body {
                drain(request).await?;
            }
            answer.into_response()
        } else {
            self.handler.handle(request, peer_name).await
        };
        tokio::time::sleep(fault.delay).await;
        if let Ok(date) = HeaderValue::try_from(http_date(self.switch.now())) {
            response.headers_mut().insert(DATE, date);
        }
        exchange.status = response.status().as_u16();
        self.records.exchanged(exchange);
        Ok(response)
    }
}

/// Headers as pairs; a value that is no UTF-8 is shown lossily.
pub(crate) fn header_list(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect()
}

async fn drain(request: Request<Incoming>) -> Result<(), BoxError> {
    let mut body = request.into_body();
    while let Some(frame) = body.frame().await {
        frame?;
    }
    Ok(())
}

/// The IMF-fixdate of RFC 9110 section 5.6.7.
fn http_date(time: OffsetDateTime) -> String {
    let format =
        format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
    time.format(&format).unwrap_or_default()
}
