//! The few requests that ACME needs: one connection each, HTTP/1.1 over TLS.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::super::certificate::CertificateError;

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of an answer.
const ANSWER: usize = 1024 * 1024;

struct Client(Arc<ClientConfig>);

/// A client that trusts the authorities in `roots`, or the system's.
pub(super) fn client(roots: Option<&Path>) -> Result<Box<dyn HttpClient>, CertificateError> {
    let mut trusted = RootCertStore::empty();
    match roots {
        Some(path) => {
            for certificate in
                CertificateDer::pem_file_iter(path).map_err(|error| CertificateError::unreadable(path, error))?
            {
                let certificate = certificate.map_err(|error| CertificateError::unreadable(path, error))?;
                trusted.add(certificate).map_err(|error| CertificateError::unreadable(path, error))?;
            }
        }
        None => {
            trusted.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if trusted.is_empty() {
                return Err(CertificateError::made(
                    "this system trusts no authority: install its certificates (ca-certificates), or write tls.acme.roots",
                ));
            }
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(CertificateError::made)?
        .with_root_certificates(trusted)
        .with_no_client_auth();
    Ok(Box::new(Client(Arc::new(tls))))
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let tls = self.0.clone();
        Box::pin(async move {
            match tokio::time::timeout(PATIENCE, exchange(tls, request)).await {
                Ok(Ok(response)) => {
                    let (parts, body) = response.into_parts();
                    Ok(BytesResponse { parts, body: Box::new(body) })
                }
                Ok(Err(error)) => Err(Error::Other(error)),
                Err(_) => Err(Error::Other("no answer in half a minute".into())),
            }
        })
    }
}

type Fault = Box<dyn std::error::Error + Send + Sync>;

async fn exchange(tls: Arc<ClientConfig>, mut request: Request<BodyWrapper<Bytes>>) -> Result<Response<Bytes>, Fault> {
    let host = request.uri().host().ok_or("an address without a host")?.trim_matches(['[', ']']).to_owned();
    if request.uri().scheme_str() != Some("https") {
        return Err("the directory names an address that is not https".into());
    }
    let port = request.uri().port_u16().unwrap_or(443);
    let named = request.uri().authority().map(|authority| authority.as_str().to_owned()).unwrap_or_default();
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).parse()?;
    *request.uri_mut() = path;
    request.headers_mut().insert(header::HOST, HeaderValue::from_str(&named)?);
    let stream = TcpStream::connect((host.as_str(), port)).await?;
    let stream = TlsConnector::from(tls).connect(ServerName::try_from(host)?, stream).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let driving = tokio::spawn(connection);
    let response = sender.send_request(request).await?;
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, ANSWER).collect().await.map_err(io::Error::other)?.to_bytes();
    driving.abort();
    Ok(Response::from_parts(parts, body))
}
