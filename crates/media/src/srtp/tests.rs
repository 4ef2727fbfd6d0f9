use super::cipher::Which;
use super::derive::{Label, Master, counter_key, counter_mode};
use super::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn counting(length: u8) -> Vec<u8> {
    (0..length).collect()
}

const GCM_SALT: [u8; 12] = *b"Quid pro quo";

const PROFILES: [Profile; 3] = [Profile::AeadAes128Gcm, Profile::AeadAes256Gcm, Profile::Aes128CmSha1];

/// Both ends of one direction.
fn pair(profile: Profile) -> (Sealer, Opener) {
    let material: Vec<u8> = (0..88).collect();
    let (client, _) = from_exported(profile, &material, Side::Client).expect("88 bytes are enough");
    let (_, server) = from_exported(profile, &material, Side::Server).expect("88 bytes are enough");
    (client, server)
}

fn rtp(sequence: u16, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 96, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    packet[2..4].copy_from_slice(&sequence.to_be_bytes());
    packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
    packet.extend_from_slice(payload);
    packet
}

fn sealed(sealer: &mut Sealer, plain: &[u8]) -> Vec<u8> {
    let mut buffer = plain.to_vec();
    buffer.resize(plain.len() + RTP_ROOM, 0);
    let length = sealer.seal_rtp(&mut buffer, plain.len()).expect("there is room");
    buffer.truncate(length);
    buffer
}

fn sealed_rtcp(sealer: &mut Sealer, plain: &[u8]) -> Vec<u8> {
    let mut buffer = plain.to_vec();
    buffer.resize(plain.len() + RTCP_ROOM, 0);
    let length = sealer.seal_rtcp(&mut buffer, plain.len()).expect("there is room");
    buffer.truncate(length);
    buffer
}

fn opened(opener: &mut Opener, sealed: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut packet = sealed.to_vec();
    let length = opener.open_rtp(&mut packet)?.length;
    packet.truncate(length);
    Ok(packet)
}

#[test]
fn rfc_7714_section_16_rtp_vectors() {
    let plain = [&hex("8040f17b 8041f8d3 5501a0b2")[..], b"Gallia est omnis divisa in partes tres"].concat();
    let cases = [
        (
            16,
            "f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833
             899d7f27 beb16a91 52cf765e e4390cce",
        ),
        (
            32,
            "32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b
             7aa3db36 dfffd6b0 f9bb7878 d7a76c13",
        ),
    ];
    for (key, expected) in cases {
        let cipher = Cipher::gcm(&counting(key), GCM_SALT);
        let which = Which { ssrc: 0x5501_a0b2, index: 0xf17b };
        let mut buffer = plain.clone();
        buffer.resize(plain.len() + RTP_ROOM, 0);
        let length = cipher.seal_rtp(which, &mut buffer, 12, plain.len()).expect("there is room");
        assert_eq!(buffer[12..length], hex(expected));
        assert_eq!(cipher.open_rtp(which, &mut buffer, 12), Some(plain.len()));
        assert_eq!(buffer[..plain.len()], plain);
    }
}

#[test]
fn rfc_7714_section_17_rtcp_vectors() {
    let plain = hex("81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930
         4c756e61 deadbeef deadbeef deadbeef deadbeef deadbeef");
    let expected =
        hex("81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46
         86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4");
    let cipher = Cipher::gcm(&counting(16), GCM_SALT);
    let which = Which { ssrc: 0x4d61_7273, index: 0x5d4 };
    let mut buffer = plain.clone();
    buffer.resize(plain.len() + RTCP_ROOM, 0);
    assert_eq!(cipher.seal_rtcp(which, &mut buffer, plain.len()), Some(expected.len()));
    assert_eq!(buffer, expected);
    assert_eq!(cipher.rtcp_index(&buffer), Some(0x5d4));
    assert_eq!(cipher.open_rtcp(which, &mut buffer), Some(plain.len()));
    assert_eq!(buffer[..plain.len()], plain);
}

#[test]
fn rfc_3711_appendix_b_2_keystream() {
    let key = counter_key(&hex("2B7E151628AED2A6ABF7158809CF4F3C"));
    let mut block = [0; 16];
    block[..14].copy_from_slice(&hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"));
    let mut stream = [0; 48];
    counter_mode(&key, block, &mut stream);
    let expected =
        hex("E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0");
    assert_eq!(stream, *expected);
}

#[test]
fn rfc_3711_appendix_b_3_derivation() {
    let master = Master::new(&hex("E1F97A0D3E018BE0D64FA32C06DE4139"), &hex("0EC675AD498AFEEBB6960B3AABE6"));
    let derived = |label, length| {
        let mut out = vec![0; length];
        master.derive(label, &mut out);
        out
    };
    assert_eq!(derived(Label::RtpEncryption, 16), hex("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(derived(Label::RtpSalt, 14), hex("30CBBC08863D8C85D49DB34A9AE1"));
    assert_eq!(derived(Label::RtpAuthentication, 20), hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
}

#[test]
fn packets_are_opened_as_they_were_sealed() {
    for profile in PROFILES {
        let (mut sealer, mut opener) = pair(profile);
        for payload in [&b""[..], b"x", &[7; 1200]] {
            let plain = rtp(payload.len() as u16, 1, payload);
            let sealed = sealed(&mut sealer, &plain);
            assert!(payload.len() < 2 || sealed[12..12 + payload.len()] != *payload);
            assert_eq!(opened(&mut opener, &sealed), Ok(plain));
        }
    }
}

#[test]
fn header_extensions_stay_in_plain() {
    for profile in PROFILES {
        let (mut sealer, mut opener) = pair(profile);
        let mut plain = rtp(5, 1, &[0xBE, 0xDE, 0, 1, 0x10, 9, 0, 0, 1, 2, 3]);
        plain[0] |= 0x10;
        let sealed = sealed(&mut sealer, &plain);
        assert_eq!(sealed[..20], plain[..20]);
        assert_eq!(opened(&mut opener, &sealed), Ok(plain));
    }
}

#[test]
fn a_packet_is_taken_once() {
    for profile in PROFILES {
        let (mut sealer, mut opener) = pair(profile);
        let first = sealed(&mut sealer, &rtp(10, 1, b"one"));
        let second = sealed(&mut sealer, &rtp(11, 1, b"two"));
        assert!(opened(&mut opener, &second).is_ok());
        assert!(opened(&mut opener, &first).is_ok());
        assert_eq!(opened(&mut opener, &first), Err(Refused::Replayed));
        assert_eq!(opened(&mut opener, &second), Err(Refused::Replayed));
    }
}

#[test]
fn no_changed_bit_is_overlooked() {
    for profile in PROFILES {
        let (mut sealer, mut opener) = pair(profile);
        let sealed = sealed(&mut sealer, &rtp(10, 1, b"payload"));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(opened(&mut opener, &changed).is_err(), "byte {at}, {profile:?}");
        }
        assert!(opened(&mut opener, &sealed[..sealed.len() - 1]).is_err());
        assert!(opened(&mut opener, &sealed).is_ok(), "forgeries left no trace");
    }
}

#[test]
fn sequence_numbers_roll_over_on_both_sides() {
    for profile in PROFILES {
        let (mut sealer, mut opener) = pair(profile);
        let mut late = None;
        for sequence in (0u32..140_000).step_by(100) {
            let plain = rtp(sequence as u16, 1, &sequence.to_be_bytes());
            let sealed = sealed(&mut sealer, &plain);
            if sequence == 65_500 {
                late = Some((plain, sealed));
                continue;
            }
            assert_eq!(opened(&mut opener, &sealed), Ok(plain), "packet {sequence}, {profile:?}");
            // One that belongs to the count before comes after the wrap.
            if let Some((plain, sealed)) = late.take_if(|_| sequence > 65_536) {
                assert_eq!(opened(&mut opener, &sealed), Ok(plain));
            }
        }
        assert!(late.is_none());
    }
}

#[test]
fn an_older_packet_of_a_fresh_stream_is_not_put_before_its_beginning() {
    assert_eq!(nearest_index(3, 65_535), 65_535);
    assert_eq!(nearest_index(65_535, 0), 65_536);
    assert_eq!(nearest_index(65_537, 65_535), 65_535);
    assert_eq!(nearest_index((7 << 16) | 40_000, 10), (8 << 16) | 10);
}

#[test]
fn streams_do_not_share_windows_and_are_bounded() {
    let (mut sealer, mut opener) = pair(Profile::AeadAes128Gcm);
    for ssrc in 0..MAX_STREAMS as u32 {
        assert!(opened(&mut opener, &sealed(&mut sealer, &rtp(1, ssrc, b"x"))).is_ok());
    }
    let plain = rtp(1, 1000, b"x");
    let mut buffer = plain.clone();
    buffer.resize(plain.len() + RTP_ROOM, 0);
    assert_eq!(sealer.seal_rtp(&mut buffer, plain.len()), None);
    let (mut other, _) = pair(Profile::AeadAes128Gcm);
    assert_eq!(opened(&mut opener, &sealed_by(&mut other, &plain)), Err(Refused::TooMany));
}

fn sealed_by(sealer: &mut Sealer, plain: &[u8]) -> Vec<u8> {
    sealed(sealer, plain)
}

#[test]
fn reports_are_opened_once_and_unchanged() {
    for profile in PROFILES {
        let (mut sealer, mut opener) = pair(profile);
        let mut plain = Vec::new();
        crate::rtcp::write::pli(&mut plain, 5, 6);
        for _ in 0..3 {
            let sealed = sealed_rtcp(&mut sealer, &plain);
            for at in 0..sealed.len() {
                let mut changed = sealed.clone();
                changed[at] ^= 0x40;
                assert!(opener.open_rtcp(&mut changed).is_err(), "byte {at}, {profile:?}");
            }
            let mut packet = sealed.clone();
            assert_eq!(opener.open_rtcp(&mut packet), Ok(plain.len()));
            assert_eq!(packet[..plain.len()], plain);
            assert_eq!(opener.open_rtcp(&mut sealed.clone()), Err(Refused::Replayed));
        }
    }
}

#[test]
fn keys_of_the_two_directions_differ() {
    let material: Vec<u8> = (0..88).collect();
    for profile in PROFILES {
        let (mut client, mut client_in) = from_exported(profile, &material, Side::Client).expect("enough");
        let (mut server, mut server_in) = from_exported(profile, &material, Side::Server).expect("enough");
        let plain = rtp(1, 1, b"x");
        let (one, two) = (sealed(&mut client, &plain), sealed(&mut server, &plain));
        assert_eq!(opened(&mut client_in, &one), Err(Refused::Forged));
        assert_eq!(opened(&mut client_in, &two), Ok(plain.clone()));
        assert_eq!(opened(&mut server_in, &one), Ok(plain));
        assert!(from_exported(profile, &material[..40], Side::Client).is_none());
    }
}

#[test]
fn state_is_small() {
    assert!(core::mem::size_of::<Window16>() <= 32);
    let (sealer, opener) = pair(Profile::AeadAes128Gcm);
    let size = core::mem::size_of_val(&sealer) + core::mem::size_of_val(&opener);
    assert!(size < 4096, "{size} bytes");
}

type Window16 = (super::window::Window, u32);

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, profile in 0usize..3) {
        let (mut sealer, mut opener) = pair(PROFILES[profile]);
        let _ = opener.open_rtp(&mut bytes.clone());
        let _ = opener.open_rtcp(&mut bytes.clone());
        for length in [0, bytes.len() / 2, bytes.len(), bytes.len() + 1] {
            let _ = sealer.seal_rtp(&mut bytes.clone(), length);
            let _ = sealer.seal_rtcp(&mut bytes.clone(), length);
        }
    }
}
