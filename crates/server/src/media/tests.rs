//! Workers with real sockets, and peers of our own on the other side.

mod client;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use centrale_media::{Command, ConferenceId, Event, Mode, RefusedBecause, Rights};
use centrale_model::{CallId, ParticipantId};
use tokio::sync::mpsc;

use super::handle::Told;
use super::*;
use client::{Client, drive};

const PATIENCE: Duration = Duration::from_secs(20);

fn conference(number: u8) -> ConferenceId {
    ConferenceId(CallId::from_random([number; 16]))
}

fn who(number: u8) -> ParticipantId {
    ParticipantId::from_random([number; 16])
}

fn on_loopback(workers: usize) -> (MediaHandle, mpsc::Receiver<Heard>) {
    let config = MediaConfig {
        listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))],
        advertised: vec![Ipv4Addr::LOCALHOST.into()],
        workers,
        ..MediaConfig::default()
    };
    start(&config).expect("sockets on loopback")
}

fn ask(media: &MediaHandle, command: Command) -> Option<Event> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(media.command(command))
}

fn join(media: &MediaHandle, conference: ConferenceId, number: u8) -> Client {
    try_join(media, conference, number, 1).expect("an answer")
}

fn try_join(media: &MediaHandle, conference: ConferenceId, number: u8, epoch: u32) -> Result<Client, RefusedBecause> {
    let dialing = Client::dial(number);
    let command = Command::Join {
        conference,
        participant: who(number),
        epoch,
        display_name: None,
        offer: dialing.offer().to_owned(),
        rights: Rights::ALL,
        mode: Mode::Forwarded,
        is_echo: false,
    };
    match ask(media, command) {
        Some(Event::Answered { answer, .. }) => Ok(Client::connect(dialing, number, &answer)),
        Some(Event::Refused { because, .. }) => Err(because),
        other => panic!("{other:?}"),
    }
}

/// Waits for an event of a kind.
fn hear<T>(hearing: &mut mpsc::Receiver<Heard>, is_it: impl Fn(&Heard) -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        match hearing.try_recv() {
            Ok(heard) => {
                if let Some(found) = is_it(&heard) {
                    return found;
                }
            }
            Err(_) => {
                assert!(Instant::now() < end, "nothing of that kind was heard");
                std::thread::yield_now();
            }
        }
    }
}

#[test]
fn two_peers_hear_and_see_each_other_through_a_worker() {
    let (media, mut hearing) = on_loopback(1);
    let mut clients = [join(&media, conference(1), 1), join(&media, conference(1), 2)];
    drive(&mut clients, PATIENCE, |clients| clients.iter().all(|client| client.voices >= 20 && client.pictures >= 20));
    let [one, other] = &clients;
    assert_eq!((one.strangers, other.strangers), (0, 0), "each heard the other and nobody else");
    let mut connected = vec![hear(&mut hearing, connected_one), hear(&mut hearing, connected_one)];
    connected.sort_unstable();
    let mut both = vec![who(1), who(2)];
    both.sort_unstable();
    assert_eq!(connected, both);
    let stats = media.stats();
    assert!(stats.runs > 0, "a picture's packets leave in one send");
    assert_eq!((stats.peers, stats.conferences, stats.failed_sends), (2, 1, 0));
}

fn connected_one(heard: &Heard) -> Option<ParticipantId> {
    match heard {
        Heard::Event(Event::Connected { participant, .. }) => Some(*participant),
        Heard::Event(_) | Heard::Empty { .. } => None,
    }
}

#[test]
fn conferences_are_spread_over_workers_each_with_its_own_port() {
    let (media, _hearing) = on_loopback(3);
    let ports: std::collections::BTreeSet<u16> = media.addresses().iter().map(SocketAddr::port).collect();
    assert_eq!(ports.len(), 3);
    let ports_used: std::collections::BTreeSet<u16> =
        (0..3).map(|number| join(&media, conference(number), number).server_port()).collect();
    assert_eq!(ports_used, ports);
    let third = join(&media, conference(1), 9);
    assert_eq!(join(&media, conference(1), 10).server_port(), third.server_port(), "a conference is in one place");
}

#[test]
fn a_panic_loses_the_conferences_of_its_worker_and_nothing_else() {
    let (media, mut hearing) = on_loopback(2);
    let mut lost = [join(&media, conference(1), 1), join(&media, conference(1), 2)];
    let mut kept = [join(&media, conference(2), 3), join(&media, conference(2), 4)];
    drive(&mut lost, PATIENCE, |clients| clients.iter().all(|client| client.voices > 0));
    drive(&mut kept, PATIENCE, |clients| clients.iter().all(|client| client.voices > 0));

    let port = lost[0].server_port();
    let worker = media.addresses().iter().position(|address| address.port() == port).expect("its worker");
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    media.tell(worker, Told::Break);
    let told = hear(&mut hearing, |heard| match heard {
        Heard::Event(Event::Lost { conference }) => Some(*conference),
        Heard::Event(_) | Heard::Empty { .. } => None,
    });
    std::panic::set_hook(hook);
    assert_eq!(told, conference(1));

    let before: Vec<usize> = kept.iter().map(|client| client.voices).collect();
    drive(&mut kept, PATIENCE, |clients| {
        clients.iter().zip(&before).all(|(client, before)| client.voices > before + 20)
    });
    // With the next epoch everybody is back.
    let mut again = [1, 2].map(|number| try_join(&media, conference(1), number, 2).expect("an answer"));
    drive(&mut again, PATIENCE, |clients| clients.iter().all(|client| client.voices > 20));
    let stats = media.stats();
    assert_eq!((stats.panics, stats.lost_conferences, stats.peers), (1, 1, 4));
}

#[test]
fn a_draining_node_keeps_its_conferences_and_takes_no_others() {
    let (media, _hearing) = on_loopback(1);
    let _first = join(&media, conference(1), 1);
    media.drain();
    assert!(try_join(&media, conference(1), 2, 1).is_ok());
    assert_eq!(try_join(&media, conference(2), 3, 1).err(), Some(RefusedBecause::Full));
    assert!(media.is_draining());
    assert_eq!((media.load().peers, media.load().conferences), (2, 1));
}

#[test]
fn what_is_asked_of_conferences_that_are_nowhere_is_answered() {
    let (media, _hearing) = on_loopback(1);
    let nowhere = conference(1);
    let summary = ask(&media, Command::Ask { conference: nowhere });
    assert_eq!(summary, Some(Event::Summary { conference: nowhere, summary: None }));
    let (participant, epoch) = (who(1), 3);
    let described = ask(&media, Command::Describe { conference: nowhere, participant, epoch, offer: String::new() });
    let because = RefusedBecause::Unknown;
    assert_eq!(described, Some(Event::Refused { conference: nowhere, participant, epoch, because }));
    assert_eq!(ask(&media, Command::Leave { conference: nowhere, participant }), None);
    assert_eq!(media.load().conferences, 0);
}

#[test]
fn whoever_closes_a_conference_ends_its_peer_connections() {
    let (media, _hearing) = on_loopback(1);
    let mut clients = [join(&media, conference(1), 1), join(&media, conference(1), 2)];
    drive(&mut clients, PATIENCE, |clients| clients.iter().all(|client| client.voices > 0));
    assert_eq!(ask(&media, Command::Close { conference: conference(1) }), None);
    drive(&mut clients, PATIENCE, |clients| clients.iter().all(|client| client.is_closed));
    assert_eq!(media.stats().peers, 0);
}

#[test]
fn both_families_have_one_port() {
    let config = MediaConfig {
        listen: vec!["127.0.0.1:0".parse().expect("an address"), "[::1]:0".parse().expect("an address")],
        advertised: vec!["127.0.0.1".parse().expect("an address"), "::1".parse().expect("an address")],
        workers: 2,
        ..MediaConfig::default()
    };
    let (media, _hearing) = start(&config).expect("sockets");
    let [a, b, c, d] = media.addresses() else { panic!("{:?}", media.addresses()) };
    assert_eq!((a.port(), c.port()), (b.port(), d.port()));
    assert_ne!(a.port(), c.port());
    let dialing = Client::dial(1);
    let command = Command::Join {
        conference: conference(1),
        participant: who(1),
        epoch: 1,
        display_name: None,
        offer: dialing.offer().to_owned(),
        rights: Rights::ALL,
        mode: Mode::Auto,
        is_echo: false,
    };
    let Some(Event::Answered { answer, .. }) = ask(&media, command) else { panic!("refused") };
    assert!(answer.contains(&format!("127.0.0.1 {} typ host", a.port())), "{answer}");
    assert!(answer.contains(&format!("::1 {} typ host", a.port())), "{answer}");
}
