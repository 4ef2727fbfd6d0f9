//! From an HTTP request to an event connection (RFC 6455 section 4.2).

use centrale_exchange::calls::Switchboard;
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::socket;

/// The longest frame that a client may send: a hello with its token is 2 to 3 KiB.
const FRAME_LIMIT: usize = 16 * 1024;

/// Whether a request asks for a WebSocket.
pub(super) fn is_upgrade(headers: &HeaderMap) -> bool {
    let has = |name, wanted: &str| {
        headers
            .get(name)
            .and_then(|value: &http::HeaderValue| value.to_str().ok())
            .is_some_and(|text| text.split(',').any(|part| part.trim().eq_ignore_ascii_case(wanted)))
    };
    has(UPGRADE, "websocket") && has(CONNECTION, "upgrade") && headers.contains_key(SEC_WEBSOCKET_KEY)
}

/// Accepts an event connection; it is served on its own from then on.
///
/// Answers 101, or 426 when the client speaks another version of the protocol. The token comes in the first frame, so nothing is
/// refused here for want of one.
pub(super) fn accept<B>(board: Switchboard, mut request: Request<B>) -> Response<()> {
    let mut response = Response::new(());
    let headers = request.headers();
    let key = headers.get(SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes()));
    let speaks_13 = headers.get(SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
    let accepted = key.filter(|_| speaks_13).and_then(|key| http::HeaderValue::try_from(key).ok());
    let Some(accepted) = accepted else {
        *response.status_mut() = StatusCode::UPGRADE_REQUIRED;
        response.headers_mut().insert(SEC_WEBSOCKET_VERSION, http::HeaderValue::from_static("13"));
        return response;
    };
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let config = WebSocketConfig::default()
            .max_message_size(Some(FRAME_LIMIT))
            .max_frame_size(Some(FRAME_LIMIT))
            .max_write_buffer_size(1024 * 1024);
        let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
        socket::serve(board, socket).await;
    });
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(UPGRADE, http::HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, http::HeaderValue::from_static("upgrade"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accepted);
    response
}
