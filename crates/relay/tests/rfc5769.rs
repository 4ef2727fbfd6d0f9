//! The test vectors of RFC 5769, byte for byte.

use centrale_relay::LongTermKey;
use centrale_relay::stun::{Class, Message, Method, attribute};

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let text = |pair: &[u8]| u8::from_str_radix(core::str::from_utf8(pair).expect("ASCII"), 16).expect("hex");
    digits.chunks(2).map(text).collect()
}

const SHORT_TERM: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";

const REQUEST: &str = "00010058 2112a442 b7e7a701bc34d686fa87dfae 80220010 5354554e207465737420636c69656e74
    00240004 6e0001ff 80290008 932ff9b151263b36 00060009 6576746a3a68367659202020
    00080014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2 80280004 e57a3bcf";
const RESPONSE_V4: &str = "0101003c 2112a442 b7e7a701bc34d686fa87dfae 8022000b 7465737420766563746f7220
    00200008 0001a147e112a643 00080014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7 80280004 c07d4c96";
const RESPONSE_V6: &str = "01010048 2112a442 b7e7a701bc34d686fa87dfae 8022000b 7465737420766563746f7220
    00200014 0002a1470113a9faa5d3f179bc25f4b5bed2b9d9 00080014 a382954e4be67bf11784c97c8292c275bfe3ed41
    80280004 c8fb0b4c";
const LONG_TERM: &str = "00010060 2112a442 78ad3433c6ad72c029da412e
    00060012 e3839ee38388e383aae38383e382afe382b90000
    0015001c 662f2f3439396b39353464364f4c33346f4c39465354767936347341
    0014000b 6578616d706c652e6f726700 00080014 f67024656dd64a3e02b8e0712e85c9a28ca89666";

#[test]
fn the_sample_request_is_genuine() {
    let bytes = bytes(REQUEST);
    let message = Message::parse(&bytes).expect("a message");
    assert_eq!((message.class(), message.method()), (Class::Request, Method::BINDING));
    assert_eq!(message.get(attribute::USERNAME), Some(&b"evtj:h6vY"[..]));
    assert_eq!(message.get(attribute::PRIORITY), Some(&[0x6e, 0, 1, 0xff][..]));
    assert!(message.has_integrity(SHORT_TERM));
    assert!(!message.has_integrity(b"another"));
    assert_eq!(message.fingerprint(), Some(true));
}

#[test]
fn the_sample_responses_are_genuine_and_say_the_address() {
    for (hex, expected) in
        [(RESPONSE_V4, "192.0.2.1:32853"), (RESPONSE_V6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853")]
    {
        let bytes = bytes(hex);
        let message = Message::parse(&bytes).expect("a message");
        assert_eq!((message.class(), message.method()), (Class::Success, Method::BINDING));
        let value = message.get(attribute::XOR_MAPPED_ADDRESS).expect("an address");
        let address = attribute::read_xor_address(value, message.transaction()).expect("an address");
        assert_eq!(address.to_string(), expected);
        assert!(message.has_integrity(SHORT_TERM));
        assert_eq!(message.fingerprint(), Some(true));
    }
}

#[test]
fn the_long_term_request_is_genuine() {
    let bytes = bytes(LONG_TERM);
    let message = Message::parse(&bytes).expect("a message");
    let username = message.get(attribute::USERNAME).expect("a user name");
    let key = LongTermKey::md5(username, b"example.org", b"TheMatrIX");
    assert!(message.has_integrity(key.as_bytes()));
    assert_eq!(message.fingerprint(), None);
}

#[test]
fn one_flipped_bit_anywhere_is_noticed() {
    let genuine = bytes(REQUEST);
    for at in 0..genuine.len() * 8 {
        let mut bytes = genuine.clone();
        bytes[at / 8] ^= 1 << (at % 8);
        let is_whole =
            Message::parse(&bytes).is_ok_and(|m| m.fingerprint() == Some(true) && m.has_integrity(SHORT_TERM));
        assert!(!is_whole, "bit {at}");
    }
}
