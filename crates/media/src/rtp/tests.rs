use super::*;

const IDS: ExtensionIds = ExtensionIds {
    audio_level: 1,
    mid: 4,
    rid: 10,
    repaired_rid: 11,
    transport_sequence: 3,
    absolute_send_time: 2,
    orientation: 13,
};

fn written(header: &Header, names: &[u8], ids: &ExtensionIds) -> Vec<u8> {
    let mut out = [0; MAX_HEADER];
    let length = header.write(names, ids, &mut out).expect("there is room");
    out[..length].to_vec()
}

#[test]
fn a_header_is_read_as_it_was_written() {
    let header = Header {
        is_marked: true,
        payload_type: 96,
        sequence: 0xFFFE,
        timestamp: 0xDEAD_BEEF,
        ssrc: 7,
        extensions: Extensions {
            audio_level: Some(AudioLevel { is_voice: true, below_full: 30 }),
            transport_sequence: Some(513),
            absolute_send_time: Some(0x12_3456),
            orientation: Some(Orientation(3)),
            mid: Span::whole(b"12"),
            rid: None,
            repaired_rid: None,
        },
    };
    let mut packet = written(&header, b"12", &IDS);
    packet.extend_from_slice(b"payload");
    let (read, layout) = Header::parse(&packet, &IDS).expect("what was written");
    assert_eq!(&packet[layout.payload_range()], b"payload");
    assert_eq!(read.extensions.mid.expect("a mid").of(&packet), b"12");
    assert_eq!(Header { extensions: Extensions { mid: header.extensions.mid, ..read.extensions }, ..read }, header);
}

#[test]
fn extensions_without_a_number_are_left_out() {
    let extensions = Extensions { transport_sequence: Some(1), ..Default::default() };
    let header = Header { extensions, ..Default::default() };
    assert_eq!(written(&header, &[], &ExtensionIds::default()).len(), FIXED_HEADER);
    assert_eq!(written(&header, &[], &IDS).len(), FIXED_HEADER + 8);
}

#[test]
fn large_numbers_and_long_names_take_the_two_byte_form() {
    let ids = ExtensionIds { transport_sequence: 20, mid: 4, ..Default::default() };
    let name = b"a-name-longer-than-sixteen";
    let extensions = Extensions { transport_sequence: Some(9), mid: Span::whole(name), ..Default::default() };
    let packet = written(&Header { extensions, ..Default::default() }, name, &ids);
    let (read, _) = Header::parse(&packet, &ids).expect("what was written");
    assert_eq!(read.extensions.transport_sequence, Some(9));
    assert_eq!(read.extensions.mid.expect("a mid").of(&packet), name);
}

#[test]
fn padding_is_told_from_payload() {
    let mut packet = written(&Header::default(), &[], &IDS);
    packet[0] |= 0x20;
    packet.extend_from_slice(&[1, 2, 3, 0, 0, 3]);
    let (_, layout) = Header::parse(&packet, &IDS).expect("a packet");
    assert_eq!((layout.payload, layout.padding), (3, 3));
    *packet.last_mut().expect("a byte") = 7;
    assert_eq!(Header::parse(&packet, &IDS), Err(ParseError::BadPadding));
    *packet.last_mut().expect("a byte") = 0;
    assert_eq!(Header::parse(&packet, &IDS), Err(ParseError::BadPadding));
}

#[test]
fn lengths_that_do_not_fit_are_refused() {
    assert_eq!(header_length(&[0x80; 11]), Err(ParseError::TooShort));
    assert_eq!(header_length(&[0x40; 12]), Err(ParseError::NotRtp));
    assert_eq!(header_length(&[0x81; 12]), Err(ParseError::TooShort));
    let mut packet = [0; 16];
    packet[0] = 0x90;
    packet[15] = 1;
    assert_eq!(header_length(&packet), Err(ParseError::TooShort));
    packet[15] = 0;
    assert_eq!(header_length(&packet), Ok(16));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes: Vec<u8>, ids in proptest::array::uniform7(0u8..=255)) {
        let [audio_level, mid, rid, repaired_rid, transport_sequence, absolute_send_time, orientation] = ids;
        let ids = ExtensionIds { audio_level, mid, rid, repaired_rid, transport_sequence, absolute_send_time, orientation };
        if let Ok((header, layout)) = Header::parse(&bytes, &ids) {
            assert_eq!(layout.header + layout.payload + layout.padding, bytes.len());
            let mut out = [0; 1024];
            let _ = header.write(&bytes, &ids, &mut out);
        }
    }

    #[test]
    fn extensions_of_any_shape_are_walked(mut bytes in proptest::collection::vec(0u8..=255, 16..120), two: bool) {
        bytes[0] = 0x90;
        let profile: u16 = if two { 0x1000 } else { 0xBEDE };
        bytes[12..14].copy_from_slice(&profile.to_be_bytes());
        let words = ((bytes.len() - 16) / 4) as u16;
        bytes[14..16].copy_from_slice(&words.to_be_bytes());
        let _ = Header::parse(&bytes, &IDS);
    }
}
