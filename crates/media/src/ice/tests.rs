use centrale_model::Time;
use centrale_stun::{Class, Message, Method, TransactionId, Writer, attribute};

use super::lite::Check;
use super::*;
use crate::peer::{Chance, MAX_ADDRESSES};

const LOCAL_PWD: &str = "the-password-of-the-server";

fn credentials(ufrag: &str, pwd: &str) -> Credentials {
    Credentials { ufrag: ufrag.into(), pwd: pwd.into() }
}

fn lite() -> Lite {
    Lite::new(credentials("SRVR", LOCAL_PWD), "CLNT".into())
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 7], port))
}

fn request(username: &str) -> Writer {
    Writer::new(Class::Request, Method::BINDING, TransactionId([7; 12]))
        .attribute(attribute::USERNAME, username.as_bytes())
        .number(attribute::PRIORITY, 1)
        .attribute(ICE_CONTROLLING, &[1; 8])
}

fn sealed(writer: Writer, pwd: &str) -> Vec<u8> {
    writer.integrity(pwd.as_bytes()).fingerprint().finish()
}

fn handle(lite: &mut Lite, from: SocketAddr, bytes: &[u8]) -> (Check, Vec<Found>) {
    let mut found = Vec::new();
    let check = lite.handle(from, bytes, &mut found);
    (check, found)
}

#[test]
fn a_right_check_is_answered_with_where_it_came_from() {
    let mut lite = lite();
    let (check, found) = handle(&mut lite, address(1), &sealed(request("SRVR:CLNT"), LOCAL_PWD));
    assert_eq!(check, Check::Right);
    let [Found::Transmit(to, answer), Found::Reachable(reachable)] = &found[..] else { panic!("{found:?}") };
    assert_eq!((*to, *reachable), (address(1), address(1)));
    let answer = Message::parse(answer).expect("an answer");
    assert_eq!((answer.class(), answer.transaction()), (Class::Success, TransactionId([7; 12])));
    assert!(answer.has_integrity(LOCAL_PWD.as_bytes()) && answer.fingerprint() == Some(true));
    let mapped = answer.get(attribute::XOR_MAPPED_ADDRESS).expect("an address");
    assert_eq!(attribute::read_xor_address(mapped, answer.transaction()), Some(address(1)));
    assert_eq!(lite.selected(), None);
}

#[test]
fn the_newest_nomination_is_the_path() {
    let mut lite = lite();
    let nominate = sealed(request("SRVR:CLNT").attribute(attribute::USE_CANDIDATE, &[]), LOCAL_PWD);
    let (_, found) = handle(&mut lite, address(1), &nominate);
    assert_eq!(found.last(), Some(&Found::Selected(address(1))));
    // The network address translator in front of the client forgot its binding.
    let (_, found) = handle(&mut lite, address(2), &nominate);
    assert_eq!(found[1..], [Found::Reachable(address(2)), Found::Selected(address(2))]);
    let (_, found) = handle(&mut lite, address(2), &nominate);
    assert_eq!(found.len(), 1);
}

#[test]
fn strangers_get_no_answer() {
    let mut lite = lite();
    let good = sealed(request("SRVR:CLNT"), LOCAL_PWD);
    let without_fingerprint = request("SRVR:CLNT").integrity(LOCAL_PWD.as_bytes()).finish();
    let without_integrity = request("SRVR:CLNT").fingerprint().finish();
    let mut changed = good.clone();
    changed[30] ^= 1;
    let indication = Writer::new(Class::Indication, Method::BINDING, TransactionId([1; 12])).fingerprint().finish();
    for bytes in [
        sealed(request("SRVR:CLNT"), "another-password-than-that"),
        sealed(request("OTHR:CLNT"), LOCAL_PWD),
        sealed(request("SRVR:OTHR"), LOCAL_PWD),
        sealed(request("SRVR"), LOCAL_PWD),
        without_fingerprint,
        without_integrity,
        changed,
        indication,
        good[..19].to_vec(),
        Vec::new(),
    ] {
        assert_eq!(handle(&mut lite, address(1), &bytes), (Check::Ignored, Vec::new()));
    }
}

#[test]
fn a_side_that_believes_to_be_controlled_is_corrected() {
    let mut lite = lite();
    let request = Writer::new(Class::Request, Method::BINDING, TransactionId([7; 12]))
        .attribute(attribute::USERNAME, b"SRVR:CLNT")
        .attribute(attribute::ICE_CONTROLLED, &[1; 8]);
    let (_, found) = handle(&mut lite, address(1), &sealed(request, LOCAL_PWD));
    let [Found::Transmit(_, answer)] = &found[..] else { panic!("{found:?}") };
    let answer = Message::parse(answer).expect("an answer");
    assert_eq!(answer.class(), Class::Error);
    assert_eq!(answer.get(attribute::ERROR_CODE).expect("a code")[2..4], [4, 87]);
}

#[test]
fn attributes_that_must_be_understood_are_named_when_they_are_not() {
    let mut lite = lite();
    let (_, found) = handle(&mut lite, address(1), &sealed(request("SRVR:CLNT").attribute(0x7123, &[]), LOCAL_PWD));
    let [Found::Transmit(_, answer)] = &found[..] else { panic!("{found:?}") };
    let answer = Message::parse(answer).expect("an answer");
    assert_eq!(answer.get(attribute::ERROR_CODE).expect("a code")[2..4], [4, 20]);
    assert_eq!(answer.get(attribute::UNKNOWN_ATTRIBUTES), Some(&[0x71, 0x23][..]));
}

#[test]
fn addresses_are_bounded_and_the_selected_one_stays() {
    let mut lite = lite();
    let nominate = sealed(request("SRVR:CLNT").attribute(attribute::USE_CANDIDATE, &[]), LOCAL_PWD);
    handle(&mut lite, address(1), &nominate);
    let check = sealed(request("SRVR:CLNT"), LOCAL_PWD);
    for port in 2..=MAX_ADDRESSES as u16 {
        handle(&mut lite, address(port), &check);
    }
    handle(&mut lite, address(2), &check);
    let (_, found) = handle(&mut lite, address(100), &check);
    assert!(found.contains(&Found::Forgotten(address(3))), "{found:?}");
    assert_eq!(lite.selected(), Some(address(1)));
}

#[test]
fn a_restart_takes_both_names_until_the_new_path_is_nominated() {
    let mut lite = lite();
    let nominate = |name, pwd| sealed(request(name).attribute(attribute::USE_CANDIDATE, &[]), pwd);
    handle(&mut lite, address(1), &nominate("SRVR:CLNT", LOCAL_PWD));
    lite.restart(credentials("SRV2", "another-password-of-server"), "CLN2".into());
    assert_eq!(lite.selected(), Some(address(1)));
    assert_eq!(handle(&mut lite, address(1), &nominate("SRVR:CLNT", LOCAL_PWD)).0, Check::Right);
    assert_eq!(handle(&mut lite, address(2), &nominate("SRV2:CLN2", "another-password-of-server")).0, Check::Right);
    assert_eq!(lite.selected(), Some(address(2)));
    assert_eq!(handle(&mut lite, address(1), &nominate("SRVR:CLNT", LOCAL_PWD)).0, Check::Ignored);
}

#[test]
fn a_client_finds_the_candidate_that_answers_and_asks_on() {
    let (mut lite, mut found) = (lite(), Vec::new());
    let mut client = Client::new(
        credentials("CLNT", "the-password-of-the-client"),
        credentials("SRVR", LOCAL_PWD),
        &[address(3), address(4)],
        Chance::new(&[1; 32]),
        Time::ZERO,
    );
    client.handle_timeout(Time::ZERO, &mut found);
    assert_eq!(found.len(), 2, "both candidates are tried");
    // Nothing arrives the first time; the second check reaches the second candidate.
    let now = client.timeout();
    assert_eq!(now, Time::from_millis(100));
    found.clear();
    client.handle_timeout(now, &mut found);
    let Found::Transmit(to, check) = &found[1] else { panic!("{found:?}") };
    assert_eq!(*to, address(4));
    let (check, answers) = handle(&mut lite, address(9), check);
    assert_eq!((check, lite.selected()), (Check::Right, Some(address(9))));
    let Found::Transmit(_, answer) = &answers[0] else { panic!("{answers:?}") };
    found.clear();
    assert!(!client.handle(address(3), answer, now, &mut found), "an answer from elsewhere is none");
    assert!(client.handle(address(4), answer, now, &mut found));
    assert_eq!(found, [Found::Reachable(address(4)), Found::Selected(address(4))]);
    // From here on only the path is asked, every four to six seconds.
    for _ in 0..5 {
        let next = client.timeout();
        found.clear();
        client.handle_timeout(next, &mut found);
        assert_eq!(found.len(), 1);
        let wait = client.timeout() - next;
        assert!((4000..=6000).contains(&wait.as_millis()), "{wait:?}");
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        let mut lite = lite();
        let _ = handle(&mut lite, address(1), &bytes);
        let _ = handle(&mut lite, address(1), &sealed(request("SRVR:CLNT").attribute(0x0024, &bytes), LOCAL_PWD));
    }
}
