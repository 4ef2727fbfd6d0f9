use centrale_codec::vp8;

use super::*;

fn id(number: usize) -> ParticipantId {
    // Different shades for different people.
    ParticipantId::from_u128((number as u128) << 64 | number as u128)
}

/// What a sender's camera sees: one colour, with a moving bar.
fn scene(width: usize, height: usize, color: [u8; 3], step: usize) -> Picture {
    let mut picture = Picture::new(width, height);
    for (plane, value) in color.into_iter().enumerate() {
        picture.plane_mut(plane).0.fill(value);
    }
    let (luma, stride) = picture.plane_mut(0);
    for row in luma.chunks_mut(stride).skip(height / 4).take(4) {
        row[(step * 4) % (width - 8)..][..8].fill(235);
    }
    picture
}

/// Colours that are far from one another.
const COLORS: [[u8; 3]; 6] =
    [[120, 90, 200], [60, 200, 90], [180, 60, 60], [200, 128, 128], [90, 160, 160], [140, 40, 190]];

struct Sender {
    id: ParticipantId,
    source: Source,
    ssrc: u32,
    color: [u8; 3],
    size: (usize, usize),
    encoder: vp8::Encoder,
    packetizer: payload::Packetizer,
    sequence: u16,
}

impl Sender {
    fn new(number: usize, source: Source, size: (usize, usize)) -> Sender {
        let settings = vp8::Settings { width: size.0, height: size.1, bitrate: 800_000, frame_rate: 25, speed: 12 };
        Sender {
            id: id(number),
            source,
            ssrc: number as u32 * 10,
            color: COLORS[number % COLORS.len()],
            size,
            encoder: vp8::Encoder::new(settings).unwrap(),
            packetizer: payload::Packetizer::default(),
            sequence: 65_530,
        }
    }

    fn packets(&mut self, step: usize, is_key: bool) -> Vec<VideoPacket> {
        let picture = scene(self.size.0, self.size.1, self.color, step);
        let mut frame = Vec::new();
        self.encoder.encode(&picture.view(), is_key, &mut frame).unwrap();
        let payloads = self.packetizer.cut(VideoCodec::Vp8, &frame, 1000);
        let last = payloads.len() - 1;
        payloads
            .into_iter()
            .enumerate()
            .map(|(index, payload)| {
                self.sequence = self.sequence.wrapping_add(1);
                VideoPacket {
                    codec: VideoCodec::Vp8,
                    ssrc: self.ssrc,
                    sequence: self.sequence,
                    timestamp: step as u32 * 3600,
                    is_marked: index == last,
                    quarter_turns: 0,
                    payload,
                }
            })
            .collect()
    }
}

/// A composer with senders and one who looks.
struct Room {
    composer: Composer,
    senders: Vec<Sender>,
    now: Time,
    step: usize,
    asked: Vec<(ParticipantId, u32)>,
    frames: Vec<Composed>,
    eye: Eye,
}

/// Puts payloads together and decodes them, as a browser would.
struct Eye {
    id: ParticipantId,
    decoder: vp8::Decoder,
    picture: Option<Picture>,
}

impl Eye {
    fn new(number: usize) -> Eye {
        Eye { id: id(number), decoder: vp8::Decoder::new().unwrap(), picture: None }
    }

    fn look(&mut self, composed: &Composed) {
        let Composed::Frame { viewers, payloads, .. } = composed else { return };
        if !viewers.contains(&self.id) {
            return;
        }
        let mut frame = Vec::new();
        payloads.iter().for_each(|payload| assert!(payload::add_to_frame(VideoCodec::Vp8, payload, &mut frame)));
        self.decoder.decode(&frame).unwrap();
        self.picture = self.decoder.picture().map(|picture| picture.to_picture());
    }
}

const VIEWER: usize = 90;

fn view(layout: Layout, quality: Quality) -> View {
    View { codec: VideoCodec::Vp8, layout, quality }
}

impl Room {
    fn new(senders: Vec<Sender>, view: View) -> Room {
        let now = Time::from_millis(1000);
        let mut composer = Composer::new(ComposerSettings::default(), now);
        for sender in &senders {
            composer.set_person(sender.id, &format!("Person {}", sender.ssrc / 10));
        }
        composer.set_viewer(id(VIEWER), view);
        Room { composer, senders, now, step: 0, asked: Vec::new(), frames: Vec::new(), eye: Eye::new(VIEWER) }
    }

    /// 40 ms; a sender that was asked for a key frame makes one.
    fn pass(&mut self) {
        for sender in &mut self.senders {
            let is_key = self.asked.contains(&(sender.id, sender.ssrc));
            for packet in sender.packets(self.step, is_key) {
                self.composer.push(sender.id, sender.source, packet, self.now);
            }
        }
        self.asked.clear();
        self.tick();
    }

    fn tick(&mut self) {
        assert_eq!(self.composer.timeout(), Some(self.now));
        self.composer.tick(self.now);
        self.frames.clear();
        while let Some(composed) = self.composer.poll() {
            match composed {
                Composed::AskKeyFrame { participant, ssrc, .. } => self.asked.push((participant, ssrc)),
                frame @ Composed::Frame { .. } => {
                    self.eye.look(&frame);
                    self.frames.push(frame);
                }
            }
        }
        self.now = self.now + Duration::from_millis(40);
        self.step += 1;
    }

    fn seen(&self) -> PictureRef<'_> {
        self.eye.picture.as_ref().expect("a picture came").view()
    }
}

/// The colour in the middle of an area.
fn color_at(picture: &PictureRef<'_>, x: usize, y: usize) -> [u8; 3] {
    [picture.y.row(y)[x], picture.u.row(y / 2)[x / 2], picture.v.row(y / 2)[x / 2]]
}

fn is_near(a: [u8; 3], b: [u8; 3]) -> bool {
    a.iter().zip(b).all(|(a, b)| a.abs_diff(b) < 14)
}

#[test]
fn each_sender_is_at_its_place_after_decoding() {
    let senders = (0..4).map(|number| Sender::new(number, Source::Camera, (640, 360))).collect();
    let mut room = Room::new(senders, view(Layout::Auto, Quality::High));
    for _ in 0..6 {
        room.pass();
    }
    let seen = room.seen();
    assert_eq!((seen.width(), seen.height()), (1280, 720));
    for (number, (x, y)) in [(320, 230), (960, 230), (320, 590), (960, 590)].into_iter().enumerate() {
        let color = color_at(&seen, x, y);
        assert!(is_near(color, COLORS[number]), "{number}: {color:?}");
    }
    let visible = room.composer.visible();
    assert_eq!(visible.len(), 4);
    assert!(visible.iter().all(|tile| (tile.width, tile.height) == (628, 348) && tile.source == Source::Camera));
    let stats = room.composer.stats();
    assert_eq!((stats.decodes, stats.broken, stats.encodes, stats.key_frames), (24, 0, 6, 1), "{stats:?}");
}

#[test]
fn all_viewers_of_one_kind_share_an_encode() {
    let senders = (0..2).map(|number| Sender::new(number, Source::Camera, (320, 180))).collect();
    let mut room = Room::new(senders, view(Layout::Auto, Quality::Medium));
    for number in 0..15 {
        room.composer.set_viewer(id(100 + number), view(Layout::Auto, Quality::Medium));
    }
    for number in 0..3 {
        room.composer.set_viewer(id(200 + number), view(Layout::Auto, Quality::Low));
    }
    for _ in 0..5 {
        room.pass();
    }
    assert_eq!(room.frames.len(), 2);
    assert_eq!(room.composer.stats().encodes, 10);
    let counts: Vec<usize> = room
        .frames
        .iter()
        .map(|frame| match frame {
            Composed::Frame { viewers, timestamp, .. } => {
                assert_eq!(*timestamp, 4 * 3600);
                viewers.len()
            }
            Composed::AskKeyFrame { .. } => 0,
        })
        .collect();
    assert_eq!(counts, [3, 16]);
}

#[test]
fn whoever_comes_later_begins_with_a_key_frame_and_one_that_lost_it_gets_one() {
    let senders = vec![Sender::new(0, Source::Camera, (320, 180))];
    let mut room = Room::new(senders, view(Layout::Auto, Quality::Low));
    for _ in 0..20 {
        room.pass();
    }
    assert_eq!(room.composer.stats().key_frames, 1);
    let mut late = Eye::new(91);
    room.composer.set_viewer(late.id, view(Layout::Auto, Quality::Low));
    room.pass();
    room.frames.iter().for_each(|frame| late.look(frame));
    assert!(late.picture.is_some());
    assert_eq!(room.composer.stats().key_frames, 2);
    for _ in 0..10 {
        // A storm of requests is one key frame each half second.
        room.composer.request_key_frame(id(VIEWER));
        room.pass();
    }
    assert_eq!(room.composer.stats().key_frames, 2);
    for _ in 0..10 {
        room.pass();
    }
    assert_eq!(room.composer.stats().key_frames, 3);
}

#[test]
fn a_lost_packet_is_waited_for_and_then_a_key_frame_is_asked_for() {
    let mut room = Room::new(vec![Sender::new(0, Source::Camera, (320, 180))], view(Layout::Auto, Quality::Low));
    for _ in 0..5 {
        room.pass();
    }
    let _lost = room.senders[0].packets(5, false);
    let mut asked = 0;
    for _ in 0..7 {
        room.pass();
        asked += room.asked.len();
        room.asked.clear();
    }
    assert_eq!((asked, room.composer.stats().decodes), (0, 5));
    for _ in 0..2 {
        room.pass();
    }
    assert_eq!(room.composer.stats().broken, 0);
    for _ in 0..3 {
        room.pass();
    }
    assert!(room.composer.stats().decodes >= 7, "{:?}", room.composer.stats());
}

#[test]
fn a_screen_takes_the_stage_whole_and_leaves_it() {
    let mut senders: Vec<Sender> = (0..3).map(|number| Sender::new(number, Source::Camera, (320, 180))).collect();
    senders.push(Sender { color: [50, 150, 150], ssrc: 77, ..Sender::new(1, Source::Screen, (800, 600)) });
    let mut room = Room::new(senders, view(Layout::Auto, Quality::High));
    for _ in 0..8 {
        room.pass();
    }
    let seen = room.seen();
    assert!(is_near(color_at(&seen, 500, 360), [50, 150, 150]));
    // 4:3 on a wide stage: bars left and right, and the people beside it.
    assert!(color_at(&seen, 20, 360)[0] < 40 && color_at(&seen, 1000, 360)[0] < 40);
    for (number, y) in [218, 360, 500].into_iter().enumerate() {
        assert!(is_near(color_at(&seen, 1160, y), COLORS[number]), "{number}: {:?}", color_at(&seen, 1160, y));
    }
    let screen = room.composer.visible().into_iter().find(|tile| tile.source == Source::Screen);
    assert!(screen.is_some_and(|tile| tile.participant == id(1) && tile.width > 900));
    room.senders.pop();
    room.composer.set_sending(id(1), Source::Screen, false);
    for _ in 0..4 {
        room.pass();
    }
    assert!(is_near(color_at(&room.seen(), 320, 200), COLORS[0]));
}

#[test]
fn names_are_drawn_and_initials_stand_for_whom_there_is_no_picture_of() {
    let bright = |picture: &PictureRef<'_>, (x, y): (usize, usize), (width, height): (usize, usize)| {
        let rows = y..y + height;
        rows.flat_map(|y| picture.y.row(y)[x..x + width].to_vec()).filter(|pixel| *pixel > 190).count()
    };
    let mut room = Room::new(vec![Sender::new(0, Source::Camera, (640, 360))], view(Layout::Auto, Quality::High));
    room.composer.set_person(id(0), "Łucja Ångström");
    room.composer.set_person(id(1), "Grace Hopper");
    for _ in 0..6 {
        room.pass();
    }
    let seen = room.seen();
    // Two tiles side by side, 628x470 from 126 down: the pill is in the lower left corner, the initials in the middle.
    let name = bright(&seen, (16, 550), (220, 36));
    assert!(name > 250, "{name}");
    let initials = bright(&seen, (860, 300), (200, 120));
    assert!(initials > 400, "{initials}");
    room.composer.set_person(id(0), "");
    for _ in 0..12 {
        room.pass();
    }
    let name = bright(&room.seen(), (16, 550), (220, 36));
    assert!(name < 20, "{name}");
}

#[test]
fn whoever_speaks_has_a_frame_and_of_many_is_larger() {
    let mut room = Room::new(Vec::new(), view(Layout::Auto, Quality::High));
    for number in 0..6 {
        room.composer.set_person(id(number), "Somebody");
    }
    room.composer.set_speakers(&[id(3)], &[id(3)]);
    for _ in 0..3 {
        room.tick();
    }
    let tiles = room.composer.visible();
    let largest = tiles.iter().max_by_key(|tile| tile.width).unwrap();
    assert_eq!((largest.participant, tiles.len()), (id(3), 6));
    // Above the large tile's upper edge.
    let [_, u, v] = color_at(&room.seen(), 400, 8);
    assert!(v < 120 && u < 128, "green: {u} {v}");
}

#[test]
fn little_bandwidth_means_a_smaller_picture_and_more_a_larger_one_again() {
    let mut room = Room::new(vec![Sender::new(0, Source::Camera, (320, 180))], view(Layout::Auto, Quality::High));
    room.pass();
    for (kilobits, width) in [(2000, 1280), (400, 640), (850, 640), (100, 320), (260, 320), (310, 640), (1200, 1280)] {
        room.composer.set_bandwidth(id(VIEWER), Bitrate::from_kilobits(kilobits));
        for _ in 0..3 {
            room.pass();
        }
        assert_eq!(room.seen().width(), width, "{kilobits}");
    }
}

#[test]
fn another_layer_takes_over_at_its_key_frame() {
    let mut room = Room::new(vec![Sender::new(0, Source::Camera, (640, 360))], view(Layout::Auto, Quality::Low));
    for _ in 0..5 {
        room.pass();
    }
    // The small layer was going for a while: no key frame before it is asked for.
    let mut small = Sender { ssrc: 5, color: COLORS[3], ..Sender::new(0, Source::Camera, (320, 180)) };
    small.packets(0, true);
    room.senders[0] = small;
    room.pass();
    assert_eq!(room.asked, [(id(0), 5)]);
    assert!(is_near(color_at(&room.seen(), 160, 120), COLORS[0]), "the old picture stays");
    for _ in 0..3 {
        room.pass();
    }
    assert!(is_near(color_at(&room.seen(), 160, 120), COLORS[3]));
}

#[test]
fn nothing_moves_nothing_is_encoded_but_once_a_second() {
    let mut room = Room::new(Vec::new(), view(Layout::Auto, Quality::Low));
    room.composer.set_person(id(0), "Ada");
    for _ in 0..125 {
        room.tick();
    }
    let encodes = room.composer.stats().encodes;
    assert!((13..=20).contains(&encodes), "{encodes}");
}

#[test]
fn a_camera_that_fell_silent_is_not_a_frozen_face() {
    let mut room = Room::new(vec![Sender::new(0, Source::Camera, (320, 180))], view(Layout::Auto, Quality::Low));
    for _ in 0..5 {
        room.pass();
    }
    for _ in 0..130 {
        room.tick();
    }
    assert!(!is_near(color_at(&room.seen(), 40, 60), COLORS[0]));
    for _ in 0..2 {
        room.pass();
    }
    assert!(is_near(color_at(&room.seen(), 40, 60), COLORS[0]));
}

#[test]
fn a_slow_machine_makes_fewer_pictures() {
    let mut room = Room::new(Vec::new(), view(Layout::Auto, Quality::Low));
    for _ in 0..60 {
        room.composer.spent(Duration::from_millis(90));
    }
    room.composer.tick(room.now);
    let next = room.composer.timeout().unwrap().since(room.now);
    assert!((100..160).contains(&(next.as_millis() as u64)), "{next:?}");
}

#[cfg(feature = "h264")]
#[test]
fn h264_is_taken_in_and_given_out() {
    let mut now = Time::from_millis(0);
    let mut composer = Composer::new(ComposerSettings::default(), now);
    composer.set_person(id(0), "");
    composer
        .set_viewer(id(VIEWER), View { codec: VideoCodec::H264, layout: Layout::Speaker, quality: Quality::Medium });
    let settings = vp8::Settings { width: 640, height: 360, bitrate: 900_000, frame_rate: 25, speed: 0 };
    let mut encoder = centrale_codec::h264::Encoder::new(settings).unwrap();
    let mut decoder = centrale_codec::h264::Decoder::new().unwrap();
    let mut sequence = 0_u16;
    for step in 0..8 {
        let mut frame = Vec::new();
        encoder.encode(&scene(640, 360, COLORS[1], step).view(), false, &mut frame).unwrap();
        let payloads = payload::Packetizer::default().cut(VideoCodec::H264, &frame, 1000);
        let last = payloads.len().saturating_sub(1);
        for (index, payload) in payloads.into_iter().enumerate() {
            let packet = VideoPacket {
                codec: VideoCodec::H264,
                ssrc: 9,
                sequence,
                timestamp: step as u32 * 3600,
                is_marked: index == last,
                quarter_turns: 0,
                payload,
            };
            sequence += 1;
            composer.push(id(0), Source::Camera, packet, now);
        }
        composer.tick(now);
        while let Some(composed) = composer.poll() {
            if let Composed::Frame { payloads, .. } = composed {
                let mut frame = Vec::new();
                payloads.iter().for_each(|each| assert!(payload::add_to_frame(VideoCodec::H264, each, &mut frame)));
                decoder.decode(&frame).unwrap();
            }
        }
        now = now + Duration::from_millis(40);
    }
    let seen = decoder.picture().unwrap();
    assert!(is_near(color_at(&seen, 320, 240), COLORS[1]), "{:?}", color_at(&seen, 320, 240));
}
