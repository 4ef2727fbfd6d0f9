//! `stun_parse`: parse, write, parse again; and cutting a stream gives the same messages however it arrives.

use std::net::SocketAddr;

use centrale_relay::stun::{
    Attribute, Class, Frame, MAGIC_COOKIE, Message, Method, TransactionId, Writer, attribute, frame,
};

use crate::reach::reached;

/// Attributes whose value is an address hidden by the cookie and the transaction.
const HIDDEN: [u16; 3] = [attribute::XOR_MAPPED_ADDRESS, attribute::XOR_PEER_ADDRESS, attribute::XOR_RELAYED_ADDRESS];

/// The target.
///
/// # Panics
/// When a message does not survive being written and parsed, or a stream is cut differently in pieces.
pub fn stun_parse(bytes: &[u8]) {
    judge(bytes);
    // Most mutations break the framing and end there. Mended, they reach the attributes.
    let mut mended = bytes.to_vec();
    mended.truncate(bytes.len() & !3);
    if mended.len() >= 20 {
        mended[0] &= 0x3f;
        let length = (mended.len() - 20) as u16;
        mended[2..4].copy_from_slice(&length.to_be_bytes());
        mended[4..8].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
        let mut at = 20;
        while let Some(head) = mended.get(at..at + 4) {
            let rest = mended.len() - at - 4;
            let size = usize::from(u16::from_be_bytes([head[2], head[3]])) % (rest + 1);
            mended[at + 2..at + 4].copy_from_slice(&(size as u16).to_be_bytes());
            at += 4 + size.next_multiple_of(4);
        }
        judge(&mended);
    }
}

fn judge(bytes: &[u8]) {
    if let Ok(message) = Message::parse(bytes) {
        reached([("messages", 1), ("attributes", message.attributes().count() as u64)]);
        survives_writing(&message);
        checks_hold(&message);
    }
    cuts_alike(bytes);
}

fn survives_writing(message: &Message<'_>) {
    let attributes: Vec<Attribute<'_>> = message.attributes().collect();
    let mut writer = Writer::new(message.class(), message.method(), message.transaction());
    for attribute in &attributes {
        writer = writer.attribute(attribute.kind, attribute.value);
    }
    let written = writer.finish();
    let again = Message::parse(&written).expect("what was written parses");
    assert_eq!(
        (again.class(), again.method(), again.transaction()),
        (message.class(), message.method(), message.transaction())
    );
    let same: Vec<Attribute<'_>> = again.attributes().collect();
    assert_eq!(same, attributes, "attributes, values and places");
    for attribute in attributes.iter().filter(|a| HIDDEN.contains(&a.kind)) {
        if let Some(address) = attribute::read_xor_address(attribute.value, message.transaction()) {
            hidden_address_comes_back(address, message.transaction());
        }
    }
}

fn hidden_address_comes_back(address: SocketAddr, transaction: TransactionId) {
    let written = Writer::new(Class::Indication, Method::DATA, transaction)
        .xor_address(attribute::XOR_PEER_ADDRESS, address)
        .finish();
    let message = Message::parse(&written).expect("what was written parses");
    let value = message.get(attribute::XOR_PEER_ADDRESS).expect("it was written");
    assert_eq!(attribute::read_xor_address(value, transaction), Some(address));
}

fn checks_hold(message: &Message<'_>) {
    let key = b"a key that signed nothing";
    assert!(!message.has_integrity(key) && !message.has_integrity_sha256(key), "nobody has this key");
    let _ = message.fingerprint();
    let covered = message.covered().count();
    assert!(covered <= message.attributes().count());
    // Sealed by us, it must hold; with one bit changed it must not.
    let sealed = Writer::new(message.class(), message.method(), message.transaction())
        .integrity(key)
        .integrity_sha256(key)
        .fingerprint()
        .finish();
    let good = Message::parse(&sealed).expect("what was written parses");
    assert!(good.has_integrity(key) && good.has_integrity_sha256(key) && good.fingerprint() == Some(true));
    let mut damaged = sealed.clone();
    damaged[12] ^= 1;
    let bad = Message::parse(&damaged).expect("still well formed");
    assert!(!bad.has_integrity(key) && !bad.has_integrity_sha256(key) && bad.fingerprint() == Some(false));
}

/// Cuts the stream as one and byte by byte: the same messages, and no message before its last byte.
fn cuts_alike(stream: &[u8]) {
    let mut rest = stream;
    while let Frame::Whole { message, taken } = frame(rest) {
        assert!(message <= taken && taken <= rest.len() && taken > 0 && taken - message < 4);
        if taken <= 512 {
            for short in 0..taken {
                match frame(&rest[..short]) {
                    Frame::Partial { needed } => assert!(needed > short && needed <= taken, "waits for what comes"),
                    other => panic!("{short} of {taken} bytes: {other:?}"),
                }
            }
        }
        rest = &rest[taken..];
    }
    if let Frame::Partial { needed } = frame(rest) {
        assert!(needed > rest.len());
    }
}

/// Messages of each kind, sealed in each way.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let transaction = TransactionId([7; 12]);
    let v4: SocketAddr = ([192, 0, 2, 1], 32853).into();
    let v6: SocketAddr = "[2001:db8::1]:5".parse().expect("an address");
    let mut seeds = Vec::new();
    for method in [Method::BINDING, Method::ALLOCATE, Method::REFRESH, Method::CHANNEL_BIND, Method::SEND, Method::DATA]
    {
        for class in [Class::Request, Class::Indication, Class::Success, Class::Error] {
            let plain = Writer::new(class, method, transaction)
                .attribute(attribute::USERNAME, b"1700000000:somebody")
                .attribute(attribute::REALM, b"realm")
                .attribute(attribute::NONCE, b"obMatJos2AAAA")
                .xor_address(attribute::XOR_PEER_ADDRESS, v4)
                .xor_address(attribute::XOR_MAPPED_ADDRESS, v6)
                .attribute(attribute::DATA, b"five.")
                .number(attribute::LIFETIME, 600)
                .error_code(438, "Stale");
            seeds.push(plain.clone().finish());
            seeds.push(plain.clone().integrity(b"key").fingerprint().finish());
            seeds.push(plain.integrity_sha256(b"key").finish());
        }
    }
    let mut stream = vec![0x40, 0, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0];
    stream.extend_from_slice(&seeds[0]);
    seeds.push(stream);
    seeds
}
