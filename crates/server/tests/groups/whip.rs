//! An encoder and a player, by HTTP alone.

use centrale_server::command::Reply;

use super::client::{Client, drive};
use super::common::{Exchange, is_error};
use super::{GROUP, PATIENCE};

const SDP: (&str, &str) = ("content-type", "application/sdp");
const FRAGMENT: (&str, &str) = ("content-type", "application/trickle-ice-sdpfrag");

/// A session that was made.
struct Session {
    place: String,
    etag: String,
    bearer: String,
    answer: String,
}

impl Session {
    fn begin(exchange: &Exchange, folder: &str, offer: &str) -> Session {
        let (_, token) = exchange.user(&["voip"]);
        let bearer = format!("Bearer {token}");
        let target = format!("/{folder}/{GROUP}");
        let made = exchange.plain("POST", &target, &[SDP, ("authorization", &bearer)], offer.as_bytes());
        assert_eq!(made.status, 201, "{}\n{}", made.head, text(&made));
        let place = made.header("location").expect("where the session is").to_owned();
        assert!(place.starts_with(&format!("{target}/")), "{place}");
        assert_eq!(made.header("content-type"), Some("application/sdp"));
        let etag = made.header("etag").expect("an entity tag").to_owned();
        assert!(made.head.to_ascii_lowercase().contains("link: <stun:"), "{}", made.head);
        assert!(made.head.contains("credential-type=\"password\""), "{}", made.head);
        Session { place, etag, bearer, answer: text(&made) }
    }

    fn ask(&self, exchange: &Exchange, method: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let headers: Vec<_> = headers.iter().copied().chain([("authorization", self.bearer.as_str())]).collect();
        exchange.plain(method, &self.place, &headers, body.as_bytes())
    }
}

fn text(reply: &Reply) -> String {
    String::from_utf8(reply.body.clone()).expect("text")
}

/// The lines of an offer that belong into a fragment.
fn fragment(offer: &str) -> String {
    let wanted = ["a=ice-ufrag:", "a=ice-pwd:", "m=", "a=mid:"];
    let mut out = String::new();
    for line in offer.lines().filter(|line| wanted.iter().any(|wanted| line.starts_with(wanted))).take(4) {
        out.push_str(line);
        out.push_str("\r\n");
    }
    out + "a=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host\r\n"
}

#[test]
fn what_an_encoder_sends_reaches_a_player_until_either_leaves() {
    let exchange = Exchange::dev(&[]);
    let sending = Client::dial(1);
    let whip = Session::begin(&exchange, "whip", sending.offer());
    assert!(!whip.answer.contains("a=sendrecv") && whip.answer.contains("a=recvonly"), "{}", whip.answer);
    let receiving = Client::dial(2);
    let whep = Session::begin(&exchange, "whep", receiving.offer());
    assert!(!whep.answer.contains("a=sendrecv") && whep.answer.contains("a=sendonly"), "{}", whep.answer);
    let mut clients = [Client::connect(sending, 1, &whip.answer), Client::connect(receiving, 2, &whep.answer)];
    drive(&mut clients, PATIENCE, |clients| clients[1].voices >= 20 && clients[1].pictures >= 20);
    assert_eq!((clients[0].voices, clients[0].pictures, clients[1].strangers), (0, 0, 0));

    let (_, stranger) = exchange.user(&["voip"]);
    let stranger = format!("Bearer {stranger}");
    let refused = exchange.plain("DELETE", &whip.place, &[("authorization", &stranger)], b"");
    is_error(&refused, 404, "NotFound");
    assert_eq!(whip.ask(&exchange, "DELETE", &[], "").status, 200);
    is_error(&whip.ask(&exchange, "DELETE", &[], ""), 404, "NotFound");
    drive(&mut clients[..1], PATIENCE, |clients| clients[0].is_closed);
    let before = clients[1].voices;
    assert_eq!(whep.ask(&exchange, "DELETE", &[], "").status, 200);
    drive(&mut clients[1..], PATIENCE, |clients| clients[0].is_closed);
    assert!(clients[1].voices <= before + 50, "nothing more came");
}

#[test]
fn candidates_are_taken_and_ice_can_be_restarted() {
    let exchange = Exchange::dev(&[]);
    let dialing = Client::dial(1);
    let whip = Session::begin(&exchange, "whip", dialing.offer());
    let first = fragment(dialing.offer());
    let mut sender = [Client::connect(dialing, 1, &whip.answer)];
    drive(&mut sender, PATIENCE, |clients| clients[0].is_connected());

    let trickled = whip.ask(&exchange, "PATCH", &[FRAGMENT, ("if-match", &whip.etag)], &first);
    assert_eq!((trickled.status, trickled.body.len()), (204, 0), "{}", text(&trickled));

    let reoffer = sender[0].reoffer();
    let restarted = whip.ask(&exchange, "PATCH", &[FRAGMENT, ("if-match", "*")], &fragment(reoffer.offer()));
    assert_eq!(restarted.status, 200, "{}", text(&restarted));
    assert_eq!(restarted.header("content-type"), Some("application/trickle-ice-sdpfrag"));
    let etag = restarted.header("etag").expect("another tag").to_owned();
    assert_ne!(etag, whip.etag);
    let told = text(&restarted);
    let value = |name: &str| told.lines().find_map(|line| line.strip_prefix(name)).expect("a line").to_owned();
    assert!(told.contains("a=candidate:") && told.contains("a=ice-lite"), "{told}");
    sender[0].restart(reoffer, &whip.answer, &value("a=ice-ufrag:"), &value("a=ice-pwd:"));
    drive(&mut sender, PATIENCE, |clients| clients[0].is_connected());

    // Candidates of the session before the restart come too late.
    let late = whip.ask(&exchange, "PATCH", &[FRAGMENT, ("if-match", &whip.etag)], &first);
    assert_eq!(late.status, 412);

    // Whoever watches sees the sender that restarted.
    let receiving = Client::dial(2);
    let whep = Session::begin(&exchange, "whep", receiving.offer());
    let [sender] = sender;
    let mut both = [sender, Client::connect(receiving, 2, &whep.answer)];
    drive(&mut both, PATIENCE, |clients| clients[1].voices >= 20 && clients[1].pictures >= 20);
}

#[test]
fn what_makes_no_sense_is_refused_with_the_protocols_own_statuses() {
    let exchange = Exchange::dev(&[]);
    let (_, token) = exchange.user(&["voip"]);
    let (_, chat) = exchange.user(&["chat"]);
    let (bearer, chat) = (format!("Bearer {token}"), format!("Bearer {chat}"));
    let dialing = Client::dial(1);
    let target = format!("/whip/{GROUP}");
    let post =
        |target: &str, headers: &[(&str, &str)], body: &str| exchange.plain("POST", target, headers, body.as_bytes());

    is_error(&post(&target, &[SDP], dialing.offer()), 401, "Unauthorized");
    assert_eq!(post(&target, &[SDP, ("authorization", &chat)], dialing.offer()).status, 403);
    let json = ("content-type", "application/json");
    assert_eq!(post(&target, &[json, ("authorization", &bearer)], dialing.offer()).status, 415);
    assert_eq!(post("/whip/nonsense", &[SDP, ("authorization", &bearer)], dialing.offer()).status, 400);
    assert_eq!(post(&target, &[SDP, ("authorization", &bearer)], "v=0\r\nnonsense").status, 400);
    assert_eq!(exchange.plain("GET", &target, &[("authorization", &bearer)], b"").status, 405);

    let session = Session::begin(&exchange, "whip", dialing.offer());
    let fragment = fragment(dialing.offer());
    assert_eq!(session.ask(&exchange, "PATCH", &[FRAGMENT], &fragment).status, 428);
    assert_eq!(session.ask(&exchange, "PATCH", &[SDP, ("if-match", "*")], &fragment).status, 415);
    assert_eq!(session.ask(&exchange, "PATCH", &[FRAGMENT, ("if-match", "*")], "hello").status, 400);
    assert_eq!(session.ask(&exchange, "GET", &[], "").status, 405);

    let preflight = exchange.plain("OPTIONS", &target, &[("origin", "https://page.example")], b"");
    assert_eq!(
        (preflight.status, preflight.header("accept-post")),
        (204, Some("application/sdp")),
        "{}",
        preflight.head
    );
    assert_eq!(preflight.header("access-control-allow-origin"), Some("*"));
    assert!(preflight.header("access-control-allow-headers").is_some_and(|names| names.contains("if-match")));
}
