//! The server's certificate: given by the operator, ordered over ACME, or made by an authority of our own in the data directory.

mod acme;
mod authority;
mod certificate;
mod expiry;

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::version::{TLS12, TLS13};

pub use authority::{Authority, make_private_folder, write_private};
pub use certificate::{CertificateError, Certified, Origin, keep_fresh, load};

/// The TLS of the HTTPS port: 1.2 or later, HTTP/1.1, and the names under which TURN clients ask (RFC 7443).
pub fn https(certified: &Arc<Certified>) -> Arc<ServerConfig> {
    let mut config = plain(certified);
    let names: [&[u8]; 4] = [b"http/1.1", b"stun.turn", b"stun.nat-discovery", certificate::CHALLENGE];
    config.alpn_protocols = names.map(<[u8]>::to_vec).to_vec();
    Arc::new(config)
}

/// The TLS of the relay's own port: any protocol name is fine.
pub fn relay(certified: &Arc<Certified>) -> Arc<ServerConfig> {
    Arc::new(plain(certified))
}

/// When the certificate ends that came over ACME; none when there is none for these names.
pub fn ordered(acme: &crate::config::Acme, folder: &std::path::Path) -> Option<centrale_model::Timestamp> {
    let key = acme::Shelf::new(folder).read(acme)?;
    key.cert.first().and_then(|leaf| expiry::validity(leaf)).map(|(_, end)| end)
}

fn plain(certified: &Arc<Certified>) -> ServerConfig {
    let mut config = ServerConfig::builder_with_protocol_versions(&[&TLS13, &TLS12])
        .with_no_client_auth()
        .with_cert_resolver(certified.clone());
    config.max_early_data_size = 0;
    config
}
