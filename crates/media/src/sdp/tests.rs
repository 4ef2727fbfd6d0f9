use super::transport::Hash;
use super::*;

const CHROMIUM: &str = include_str!("../../tests/offers/chromium-156.sdp");
const FIREFOX: &str = include_str!("../../tests/offers/firefox-esr.sdp");
const AIORTC: &str = include_str!("../../tests/offers/aiortc-1.16.sdp");
const WHIP: &str = include_str!("../../tests/offers/whip-h264.sdp");

const VIDEO: [FormatName; 4] = [FormatName::Vp8, FormatName::H264, FormatName::Vp9, FormatName::Av1];

fn decide_after(offer: &str, before: Option<&Negotiated>) -> Result<(Negotiated, Remote), OfferError> {
    let mut next = before.map_or(100, |_| 900);
    let mut ssrc = || {
        next += 1;
        next
    };
    answer(offer, before, &mut Policy { video: &VIDEO, ssrc: &mut ssrc })
}

fn decide(offer: &str) -> Result<(Negotiated, Remote), OfferError> {
    decide_after(offer, None)
}

const CANDIDATES: &[core::net::SocketAddr] =
    &[core::net::SocketAddr::new(core::net::IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, 1)), 3478)];

fn local(setup: &str) -> Local<'_> {
    Local {
        ufrag: "ufrag",
        pwd: "a-password-of-22-chars",
        fingerprint: "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF",
        candidates: CANDIDATES,
        setup,
        is_lite: setup == "passive",
    }
}

fn formats(line: &Line) -> Vec<FormatName> {
    let mut names: Vec<FormatName> = line.codecs.iter().map(|codec| codec.format.name()).collect();
    names.dedup();
    names
}

#[test]
fn chromium_offers_simulcast_slots_and_data() {
    let (agreed, remote) = decide(CHROMIUM).expect("an offer that browsers make");
    assert_eq!((remote.ufrag.as_str(), remote.pwd.len()), ("DsfU", 24));
    assert_eq!(remote.fingerprints[0].hash, Hash::Sha256);
    let [microphone, camera, audio, video, data] = &agreed.lines[..] else { panic!("five m-lines") };

    assert!(microphone.receives && microphone.sends);
    assert_eq!(
        microphone.codecs[..],
        [Codec {
            payload_type: 111,
            rtx: None,
            format: Format::Opus { is_stereo: false, has_fec: true, has_dtx: false },
            has_transport_feedback: true,
            has_nack: false,
            has_pli: false,
            has_fir: false,
            has_remb: false,
        }]
    );
    assert_eq!(microphone.stream, Some(SendingStream { ssrc: 101, rtx: None }));
    assert_eq!(microphone.announced.len(), 1);

    assert!(camera.receives && !camera.sends && camera.stream.is_none());
    assert_eq!(camera.rids.iter().map(|rid| &**rid).collect::<Vec<_>>(), ["h", "m", "l"]);
    assert_eq!(formats(camera), [FormatName::Vp8, FormatName::H264, FormatName::Vp9, FormatName::Av1]);
    assert_eq!((camera.codecs[0].payload_type, camera.codecs[0].rtx), (96, Some(97)));
    assert!(camera.codecs.iter().all(|codec| match codec.format {
        Format::H264 { packetization_mode, .. } => packetization_mode == 1,
        Format::Vp9 { profile } | Format::Av1 { profile } => profile == 0,
        Format::Vp8 | Format::Opus { .. } => true,
    }));
    assert!(camera.codecs[0].has_transport_feedback && !camera.codecs[0].has_remb);

    assert!(audio.sends && !audio.receives);
    assert_eq!(video.stream, Some(SendingStream { ssrc: 103, rtx: Some(104) }));
    assert_eq!(data.kind, Kind::Data);
    assert_eq!((agreed.sctp_port, agreed.max_message_size), (Some(5000), 262_144));
    let expected = ExtensionIds {
        audio_level: 1,
        absolute_send_time: 2,
        transport_sequence: 3,
        mid: 4,
        rid: 10,
        repaired_rid: 11,
        orientation: 13,
    };
    assert_eq!(agreed.extensions, expected);
}

#[test]
fn firefox_offers_bundle_only_lines() {
    let (agreed, remote) = decide(FIREFOX).expect("an offer that browsers make");
    assert_eq!(remote.ufrag, "00fce26d");
    assert_eq!(agreed.lines.len(), 5);
    assert!(agreed.lines.iter().all(|line| !line.is_rejected));
    assert!(agreed.lines[2].sends && agreed.lines[3].sends);
    assert_eq!(agreed.lines[1].rids.len(), 3);
    assert!(agreed.lines[1].announced.is_empty());
    assert!(matches!(agreed.lines[0].codecs[0].format, Format::Opus { is_stereo: true, has_fec: true, .. }));
    assert_eq!((agreed.extensions.rid, agreed.extensions.repaired_rid), (9, 10));
    // It refuses an answer that names an extension on an m-line that has not got it.
    let answer = write_answer(&agreed, &local("passive"));
    let audio = answer.split("m=").nth(1).expect("the first m-line");
    assert!(!audio.contains("abs-send-time") && audio.contains("a=extmap:7 http://www.ietf.org/"), "{audio}");
}

#[test]
fn aiortc_offers_estimates_instead_of_transport_feedback() {
    let (agreed, remote) = decide(AIORTC).expect("an offer that aiortc makes");
    assert_eq!(remote.fingerprints.len(), 3);
    assert_eq!(remote.candidates.len(), 2);
    let video = &agreed.lines[1];
    assert!(video.codecs[0].has_remb && !video.codecs[0].has_transport_feedback);
    assert_eq!(video.announced[..], [Repairs { ssrc: 2_329_199_096, rtx: Some(1_068_732_720) }]);
    assert!(video.sends && video.receives);
}

#[test]
fn whip_publishers_put_the_transport_in_front() {
    let (agreed, remote) = decide(WHIP).expect("an offer that encoders make");
    assert_eq!(remote.ufrag, "Kz7P");
    assert_eq!(agreed.sctp_port, None);
    assert_eq!(formats(&agreed.lines[1]), [FormatName::H264]);
    assert_eq!(agreed.lines[1].announced[..], [Repairs { ssrc: 1002, rtx: None }]);
    assert!(agreed.lines.iter().all(|line| line.receives && !line.sends));
}

#[test]
fn the_answer_to_chromium_reads_as_it_should() {
    let (agreed, _) = decide(CHROMIUM).expect("an offer");
    let answer = write_answer(&agreed, &local("passive"));
    let head = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=ice-lite\r\na=group:BUNDLE 0 1 2 3 4\r\n\
                a=extmap-allow-mixed\r\na=msid-semantic: WMS *\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\n\
                a=mid:0\r\na=ice-ufrag:ufrag\r\na=ice-pwd:a-password-of-22-chars\r\na=fingerprint:sha-256 00:11:";
    assert_eq!(answer[..head.len()], *head);
    let camera = answer.split("m=").nth(2).expect("the second m-line");
    for line in [
        "a=recvonly",
        "a=rtcp-mux",
        "a=rtcp-rsize",
        "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
        "a=rtpmap:96 VP8/90000",
        "a=rtcp-fb:96 nack pli",
        "a=fmtp:97 apt=96",
        "a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
        "a=rid:h recv",
        "a=simulcast:recv h;m;l",
        "a=candidate:1 1 udp 2130706431 192.0.2.1 3478 typ host",
        "a=setup:passive",
    ] {
        assert!(camera.contains(&format!("{line}\r\n")), "{line} is missing in {camera}");
    }
    assert!(!camera.contains("goog-remb") && !camera.contains("a=ssrc"));
    let slot = answer.split("m=").nth(4).expect("the fourth m-line");
    assert!(slot.contains("a=ssrc-group:FID 103 104\r\n") && slot.contains("a=msid:slot-3 slot-3\r\n"));
    let data = answer.split("m=").nth(5).expect("the fifth m-line");
    assert!(data.contains("a=sctp-port:5000\r\na=max-message-size:65536\r\n"));
}

#[test]
fn lines_without_anything_in_common_are_rejected_in_their_place() {
    let offer = CHROMIUM.replace("opus/48000", "speex/16000");
    let (agreed, _) = decide(&offer).expect("video is left");
    assert!(agreed.lines[0].is_rejected && !agreed.lines[1].is_rejected);
    let answer = write_answer(&agreed, &local("passive"));
    assert!(answer.contains("a=group:BUNDLE 1 3 4\r\n"), "{answer}");
    assert!(answer.contains("m=audio 0 "));
}

#[test]
fn what_a_peer_connection_needs_must_be_there() {
    let without = |what: &str| {
        WHIP.lines().filter(|line| !line.starts_with(what)).map(|line| format!("{line}\r\n")).collect::<String>()
    };
    let error = |offer: &str| decide(offer).map(|_| ()).expect_err("a broken offer");
    assert_eq!(error(&without("a=ice-ufrag")), OfferError::MissingIce);
    assert_eq!(error(&without("a=ice-pwd")), OfferError::MissingIce);
    assert_eq!(error(&without("a=fingerprint")), OfferError::MissingFingerprint);
    assert_eq!(error(&without("a=group")), OfferError::NotBundled);
    assert_eq!(error(&without("a=rtcp-mux")), OfferError::NotBundled);
    assert_eq!(error(&WHIP.replace("actpass", "passive")), OfferError::BadSetup);
    assert_eq!(error(&WHIP.replace("a=mid:1", "a=mid:0")), OfferError::BadName);
    assert_eq!(error(&WHIP.replace("sha-256", "md5")), OfferError::MissingFingerprint);
    assert_eq!(error(&WHIP.replace("a=mid:1", "a=mid:with space")), OfferError::BadName);
    assert_eq!(error(&WHIP.replace("m=video 9", "m=video x")), OfferError::BadLine);
    assert_eq!(error("not a description"), OfferError::BadLine);
    assert_eq!(error(""), OfferError::NothingInCommon);
    assert_eq!(error(&"a".repeat(MAX_DESCRIPTION + 1)), OfferError::TooLong);
    let many: String = (0..40).map(|_| "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n").collect();
    assert_eq!(error(&many), OfferError::TooMany);
}

#[test]
fn a_second_offer_keeps_the_numbers_of_the_first() {
    let (first, _) = decide(CHROMIUM).expect("an offer");
    let (second, _) = decide_after(&CHROMIUM.replace("a=sendonly", "a=sendrecv"), Some(&first)).expect("an offer");
    assert_eq!(second.lines[0].stream, first.lines[0].stream);
    assert_eq!(second.lines[3].stream, first.lines[3].stream);
    assert_eq!(second.lines[1].stream, Some(SendingStream { ssrc: 901, rtx: Some(902) }));
    let shorter = &CHROMIUM[..CHROMIUM.find("m=application").expect("data")].replace(" 3 4\n", " 3\n");
    assert_eq!(decide_after(shorter, Some(&first)).map(|_| ()), Err(OfferError::LinesChanged));
    let renamed = CHROMIUM.replace("a=mid:3", "a=mid:7").replace("BUNDLE 0 1 2 3", "BUNDLE 0 1 2 7");
    assert_eq!(decide_after(&renamed, Some(&first)).map(|_| ()), Err(OfferError::LinesChanged));
}

#[test]
fn a_stopped_line_keeps_its_place_and_may_be_used_again() {
    let (first, _) = decide(CHROMIUM).expect("an offer");
    let begin = CHROMIUM
        .find("m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\nc=IN IP4 0.0.0.0\na=rtcp:9")
        .expect("audio");
    let mut stopped = CHROMIUM.to_owned();
    stopped.replace_range(begin..begin + "m=audio 9".len(), "m=audio 0");
    let stopped = stopped.replace("BUNDLE 0 1", "BUNDLE 1");
    let (second, _) = decide_after(&stopped, Some(&first)).expect("an offer");
    assert!(second.lines[0].is_rejected && !second.lines[0].sends);
    let again = CHROMIUM.replace("a=mid:0", "a=mid:9").replace("BUNDLE 0 1", "BUNDLE 9 1");
    let (third, _) = decide_after(&again, Some(&second)).expect("an offer");
    assert_eq!(&*third.lines[0].mid, "9");
    assert_ne!(third.lines[0].stream, first.lines[0].stream);
}

#[test]
fn h264_profiles_are_told_apart_and_levels_are_not() {
    let h264 = |profile| Format::H264 { packetization_mode: 1, profile };
    assert!(h264([0x42, 0xE0, 0x1F]).is_compatible(&h264([0x42, 0xE0, 0x34])));
    assert!(h264([0x42, 0xE0, 0x1F]).is_compatible(&h264([0x4D, 0x80, 0x1F])));
    assert!(!h264([0x42, 0xE0, 0x1F]).is_compatible(&h264([0x42, 0x00, 0x1F])));
    assert!(!h264([0x64, 0x00, 0x1F]).is_compatible(&h264([0x64, 0x0C, 0x1F])));
}

#[test]
fn this_sides_own_offer_is_understood_and_its_answer_taken() {
    let line = |mid: &str, kind, sends, receives, rids: &[&str], stream| Line {
        mid: mid.into(),
        kind,
        is_rejected: false,
        receives,
        sends,
        codecs: negotiate::own_codecs(kind, &[]),
        rids: rids.iter().map(|rid| Box::from(*rid)).collect(),
        stream,
        announced: Box::default(),
        extensions: ExtensionIds::default(),
    };
    let offered = offer(vec![
        line("0", Kind::Audio, true, true, &[], Some(SendingStream { ssrc: 5, rtx: None })),
        line("1", Kind::Video, true, false, &["h", "l"], Some(SendingStream { ssrc: 6, rtx: Some(7) })),
        line("2", Kind::Video, false, true, &[], None),
        line("3", Kind::Data, false, false, &[], None),
    ]);
    let (agreed, remote) = decide(&write_offer(&offered, &local("actpass"))).expect("our own offer");
    assert_eq!(remote.candidates, CANDIDATES);
    assert_eq!(agreed.lines[0].announced[..], [Repairs { ssrc: 5, rtx: None }]);
    assert_eq!(agreed.lines[1].rids.len(), 2);
    let (accepted, _) = accept(&write_answer(&agreed, &local("passive")), &offered).expect("our own answer");
    assert_eq!(accepted.extensions, offered.extensions);
    assert_eq!(accepted.sctp_port, Some(5000));
    assert_eq!(accepted.lines[1].rids, offered.lines[1].rids);
    assert_eq!(accepted.lines[1].codecs, offered.lines[1].codecs);
    assert!(accepted.lines[2].receives && !accepted.lines[2].sends);
    assert_eq!(accepted.lines[2].announced.len(), 1);
    assert_eq!(accepted.lines[0].announced[..], [Repairs { ssrc: 101, rtx: None }]);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text: String) {
        let _ = decide(&text);
    }

    #[test]
    fn no_changed_offer_makes_it_panic(edits in proptest::collection::vec((0usize..12_000, "[ -~]{0,12}|\n"), 1..12), which in 0usize..4) {
        let mut offer = [CHROMIUM, FIREFOX, AIORTC, WHIP][which].to_owned();
        for (at, text) in edits {
            let at = at % offer.len();
            let end = (at + text.len()).min(offer.len());
            offer.replace_range(at..end, &text);
        }
        if let Ok((agreed, _)) = decide(&offer) {
            let answer = write_answer(&agreed, &local("passive"));
            assert!(answer.lines().all(|line| line.as_bytes().get(1) == Some(&b'=')));
            let _ = decide_after(CHROMIUM, Some(&agreed));
            let _ = accept(&answer, &agreed);
        }
    }
}
