use super::*;

fn only(bytes: &[u8]) -> Packet<'_> {
    let mut all = packets(bytes);
    let packet = all.next().expect("a packet");
    assert_eq!(all.next(), None);
    packet
}

#[test]
fn reports_are_read_as_they_were_written() {
    let info = SenderInfo { ntp: 0x0123_4567_89AB_CDEF, timestamp: 90_000, packets: 7, bytes: 1000 };
    let report = Report {
        ssrc: 9,
        fraction_lost: 25,
        lost: -3,
        highest_sequence: 0x0001_FFFF,
        jitter: 12,
        last_report: info.middle(),
        delay: 65_536,
    };
    let mut bytes = Vec::new();
    write::sender_report(&mut bytes, 1, &info, &[report]);
    write::description(&mut bytes, 1, "name");
    write::receiver_report(&mut bytes, 2, &[report, report]);
    write::goodbye(&mut bytes, &[1, 2]);
    let all: Vec<Packet<'_>> = packets(&bytes).collect();
    let [
        Packet::SenderReport { ssrc: 1, info: read, reports },
        Packet::Description,
        Packet::ReceiverReport { ssrc: 2, reports: second },
        Packet::Goodbye(gone),
    ] = all[..]
    else {
        panic!("other packets: {all:?}");
    };
    assert_eq!(read, info);
    assert_eq!(reports.collect::<Vec<_>>(), [report]);
    assert_eq!(second.collect::<Vec<_>>(), [report, report]);
    assert_eq!(gone.collect::<Vec<_>>(), [1, 2]);
    assert_eq!(report.round_trip(info.middle().wrapping_add(65_536 + 6554)), Some(6554));
}

#[test]
fn missing_packets_share_words() {
    let missing = [65_534, 65_535, 3, 14, 15, 100];
    let mut bytes = Vec::new();
    write::nack(&mut bytes, 1, 2, &missing);
    assert_eq!(bytes.len(), 12 + 3 * 4);
    let Packet::Nack { media: 2, missing: read } = only(&bytes) else { panic!("not a NACK") };
    assert_eq!(read.collect::<Vec<_>>(), missing);
}

#[test]
fn wishes_for_key_frames_name_their_stream() {
    let mut bytes = Vec::new();
    write::pli(&mut bytes, 1, 77);
    assert_eq!(only(&bytes), Packet::Pli { media: 77 });
    bytes.clear();
    write::fir(&mut bytes, 1, 78, 4);
    let Packet::Fir(mut wishes) = only(&bytes) else { panic!("not a FIR") };
    assert_eq!(wishes.next(), Some((78, 4)));
    assert_eq!(wishes.next(), None);
}

#[test]
fn bitrates_are_rounded_down_to_eighteen_bits() {
    for (bitrate, read_back) in
        [(0, 0), (262_143, 262_143), (2_500_001, 2_500_000), (u64::from(u32::MAX), 4_294_950_912)]
    {
        let mut bytes = Vec::new();
        write::remb(&mut bytes, 1, bitrate, &[5, 6]);
        let Packet::Remb(remb) = only(&bytes) else { panic!("not a REMB") };
        assert_eq!(remb.bitrate, read_back);
        assert_eq!(remb.ssrcs.collect::<Vec<_>>(), [5, 6]);
    }
}

fn feedback(first: u16, arrivals: &[Option<i64>]) -> (usize, Vec<(u16, Option<i64>)>) {
    let mut bytes = Vec::new();
    let taken = write::transport_feedback(&mut bytes, 1, 2, 3, first, arrivals);
    assert_eq!(bytes.len() % 4, 0);
    let Packet::TransportFeedback(read) = only(&bytes) else { panic!("not a feedback") };
    assert_eq!((read.first, usize::from(read.count), read.feedback_count), (first, taken, 3));
    (taken, read.arrivals().map(|arrival| (arrival.sequence, arrival.at)).collect())
}

#[test]
fn arrivals_are_read_as_they_were_written() {
    let at = |ms: i64| Some(ms * 1000);
    let arrivals = [at(1000), at(1005), None, at(1004), at(1200), None, None, at(1200), at(1201)];
    let (taken, read) = feedback(65_533, &arrivals);
    assert_eq!(taken, 9);
    assert_eq!(read.iter().map(|(_, at)| *at).collect::<Vec<_>>(), arrivals);
    assert_eq!(read[4].0, 1);
}

#[test]
fn long_runs_and_gaps_are_read_as_they_were_written() {
    let mut arrivals: Vec<Option<i64>> = (0..300).map(|n| Some(n * 250)).collect();
    arrivals.extend([None; 50]);
    arrivals.push(Some(5_000_000));
    let (taken, read) = feedback(7, &arrivals);
    assert_eq!(taken, arrivals.len());
    assert_eq!(read.iter().map(|(_, at)| *at).collect::<Vec<_>>(), arrivals);
}

#[test]
fn what_does_not_fit_is_left_for_another_feedback() {
    let (taken, _) = feedback(7, &[Some(0), Some(250), None, Some(9_000_000)]);
    assert_eq!(taken, 2);
    let many = vec![Some(0); 500];
    assert_eq!(feedback(7, &many).0, write::MAX_ARRIVALS);
    let mut nothing = Vec::new();
    assert_eq!(write::transport_feedback(&mut nothing, 1, 2, 3, 4, &[None, Some(5)]), 0);
    assert!(nothing.is_empty());
}

#[test]
fn a_packet_that_is_too_short_does_not_hide_its_neighbours() {
    let mut bytes = vec![0x80, 200, 0, 0];
    write::pli(&mut bytes, 1, 77);
    assert_eq!(only(&bytes), Packet::Pli { media: 77 });
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(mut bytes: Vec<u8>, packet_type in 200u8..208) {
        if let [first, second, ..] = &mut bytes[..] {
            *first = (*first & 0x3F) | 0x80;
            *second = packet_type;
        }
        walk(&bytes);
    }

    #[test]
    fn no_feedback_makes_the_reader_panic(mut body in proptest::collection::vec(0u8..=255, 20..200)) {
        let words = (body.len() / 4 - 1) as u16;
        body[..2].copy_from_slice(&[0x8F, 205]);
        body[2..4].copy_from_slice(&words.to_be_bytes());
        walk(&body);
    }

    #[test]
    fn any_arrivals_survive_the_way(arrivals in proptest::collection::vec(proptest::option::of(0i64..6_000_000), 1..80)) {
        let arrivals: Vec<Option<i64>> = core::iter::once(Some(0)).chain(arrivals).map(|at| at.map(|at| at / 250 * 250)).collect();
        let (taken, read) = feedback(0, &arrivals);
        assert_eq!(read.iter().map(|(_, at)| *at).collect::<Vec<_>>(), arrivals[..taken]);
    }
}

fn walk(bytes: &[u8]) {
    for packet in packets(bytes) {
        match packet {
            Packet::SenderReport { reports, .. } | Packet::ReceiverReport { reports, .. } => drop(reports.count()),
            Packet::Goodbye(ssrcs) => drop(ssrcs.count()),
            Packet::Nack { missing, .. } => drop(missing.count()),
            Packet::Fir(wishes) => drop(wishes.count()),
            Packet::Remb(remb) => drop(remb.ssrcs.count()),
            Packet::TransportFeedback(feedback) => drop(feedback.arrivals().count()),
            Packet::Description | Packet::Pli { .. } | Packet::Unknown { .. } => {}
        }
    }
}
