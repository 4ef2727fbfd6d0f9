//! The media room as part of a node: its addresses, its desk, its counters.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use centrale_exchange::calls::MediaDesk;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::relaying::is_own;
use super::{StartError, in_use};
use crate::config::Config;
use crate::media::{self, Heard, MediaConfig, MediaHandle};
use crate::metrics::{self, Source};

/// How often the node says how much it has to do: twice within the time after which it would be taken for gone, and once to spare.
const ANNOUNCE: Duration = Duration::from_secs(2);

/// Opens the media room's sockets and starts its threads.
pub(super) fn start(config: &Config) -> Result<(MediaHandle, mpsc::Receiver<Heard>), StartError> {
    let settings = MediaConfig {
        listen: places(config.listen.media, &config.public.addresses, is_own),
        advertised: config.public.addresses.clone(),
        workers: config.media.workers,
        max_participants: config.participants,
        ..MediaConfig::default()
    };
    let refused = |error: &std::io::Error| StartError(in_use("listen.media", config.listen.media, error));
    match media::start(&settings) {
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && !config.listen.is_media_given => {
            tracing::warn!(
                first = config.listen.media.port(),
                "the usual ports for group calls are in use and others are taken: write listen.media to choose"
            );
            let listen = settings.listen.iter().map(|address| SocketAddr::new(address.ip(), 0)).collect();
            media::start(&MediaConfig { listen, ..settings }).map_err(|error| refused(&error))
        }
        started => started.map_err(|error| refused(&error)),
    }
}

/// Where a worker listens: as told, or, when told "everywhere", once for each family. Where a family has one public address and it is
/// this machine's, that one: answers then leave from the address that was asked.
fn places(told: SocketAddr, public: &[IpAddr], is_own: impl Fn(IpAddr) -> bool) -> Vec<SocketAddr> {
    if !told.ip().is_unspecified() {
        return vec![told];
    }
    let families: &[bool] = if told.is_ipv6() { &[true, false] } else { &[true] };
    let of = |is_v4: bool| {
        let mut all = public.iter().copied().filter(|ip| ip.is_ipv4() == is_v4);
        match (all.next(), all.next()) {
            (Some(ip), None) if is_own(ip) => Some(ip),
            (None, None) => None,
            _ if is_v4 => Some(Ipv4Addr::UNSPECIFIED.into()),
            _ => Some(Ipv6Addr::UNSPECIFIED.into()),
        }
    };
    let found: Vec<SocketAddr> =
        families.iter().filter_map(|is_v4| Some(SocketAddr::new(of(*is_v4)?, told.port()))).collect();
    if found.is_empty() { vec![told] } else { found }
}

/// Serves the node's desk until the bus ends: commands in, events out, and now and then how much there is to do.
pub(super) async fn serve(mut desk: MediaDesk, media: Arc<MediaHandle>, mut hearing: mpsc::Receiver<Heard>) {
    let teller = desk.teller();
    let hears = media.clone();
    tokio::spawn(async move {
        while let Some(heard) = hearing.recv().await {
            match heard {
                Heard::Event(event) => teller.tell(event).await,
                Heard::Empty { conference, latest } => hears.forget(conference, latest),
            }
        }
    });
    let mut beat = tokio::time::interval(ANNOUNCE);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut has_retired = false;
    loop {
        tokio::select! {
            asked = desk.next() => {
                let Some(asked) = asked else { return };
                // Commands go to their workers in the order in which they came; only the answers are waited for aside.
                let answer = media.command(asked.command.clone());
                tokio::spawn(async move { asked.answer(answer.await.as_ref()) });
            }
            _ = beat.tick() => {
                let said = match (media.is_draining(), has_retired) {
                    (true, true) => continue,
                    (true, false) => desk.retire().await,
                    (false, _) => desk.announce(weight(&media)).await,
                };
                has_retired = media.is_draining() && said.is_ok();
                if let Err(error) = said {
                    tracing::warn!(%error, "the exchange was not told how much this media node has to do");
                }
            }
        }
    }
}

/// How much there is to do, in thousandths: nodes with less get new conferences first.
fn weight(media: &MediaHandle) -> u64 {
    let load = media.load();
    // Peers decide between nodes that are equally idle.
    (load.load * 1000.0) as u64 * 10_000 + load.peers.min(9_999) as u64
}

/// What the media room counts; nothing by participant or address.
pub(super) fn counters(media: &Arc<MediaHandle>) -> Source {
    let media = media.clone();
    Arc::new(move |out| {
        let stats = media.stats();
        metrics::line(out, "centrale_media_peers", "gauge", "Peer connections of group calls.", stats.peers);
        metrics::line(out, "centrale_media_conferences", "gauge", "Conferences there are.", stats.conferences);
        let name = "centrale_media_load";
        metrics::head(
            out,
            name,
            "gauge",
            "The busiest worker's share of a core, or of the peers it may have; 1 is full.",
        );
        let _ = writeln!(out, "{name} {}", media.load().load);
        let sfu = stats.sfu;
        for (name, help, value) in [
            ("received_datagrams", "Datagrams received.", stats.datagrams),
            ("sent_datagrams", "Datagrams sent.", stats.sent),
            ("runs", "Sends that carried more than one datagram.", stats.runs),
            ("failed_sends", "Datagrams that the kernel would not take.", stats.failed_sends),
            ("received_packets", "RTP packets taken from senders.", sfu.received),
            ("forwarded_packets", "RTP packets sent to receivers.", sfu.forwarded),
            ("forbidden_packets", "RTP packets dropped: their sender may not send them.", sfu.forbidden),
            ("repeated_packets", "Packets sent again because receivers missed them.", sfu.repeated),
            ("unrepeated_packets", "Packets that receivers missed and did not get again.", sfu.not_repeated),
            ("padding_packets", "Padding sent to find out what a path carries.", sfu.padding),
            ("paced_packets", "Packets that waited so that a path was not flooded.", sfu.paced),
            ("overdue_packets", "Packets dropped because too many waited.", sfu.overdue),
            ("strangers", "Datagrams that belong to no peer connection.", sfu.strangers),
            ("panics", "Workers that panicked and began anew.", stats.panics),
            ("lost_conferences", "Conferences lost by that.", stats.lost_conferences),
            ("lost_events", "Events that found their queue full.", stats.lost_events),
        ] {
            metrics::line(out, &format!("centrale_media_{name}_total"), "counter", help, value);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().expect("an address")).collect()
    }

    fn places(told: &str, public: &[&str], own: &[&str]) -> Vec<String> {
        let own = ips(own);
        let found = super::places(told.parse().expect("an address"), &ips(public), |ip| own.contains(&ip));
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_named_address_is_listened_on() {
        assert_eq!(places("10.0.0.1:3480", &["203.0.113.7"], &[]), ["10.0.0.1:3480"]);
    }

    #[test]
    fn everywhere_is_the_public_address_where_there_is_one_and_it_is_ours() {
        assert_eq!(places("0.0.0.0:3480", &["203.0.113.7"], &["203.0.113.7"]), ["203.0.113.7:3480"]);
        assert_eq!(places("0.0.0.0:3480", &["203.0.113.7"], &[]), ["0.0.0.0:3480"], "a translator's");
        assert_eq!(places("0.0.0.0:3480", &["10.0.0.1", "203.0.113.7"], &["10.0.0.1"]), ["0.0.0.0:3480"]);
    }

    #[test]
    fn both_families_are_listened_on_when_the_address_is_of_ipv6() {
        let both = ["203.0.113.7", "2001:db8::7"];
        assert_eq!(places("[::]:3480", &both, &both), ["203.0.113.7:3480", "[2001:db8::7]:3480"]);
        assert_eq!(places("0.0.0.0:3480", &both, &both), ["203.0.113.7:3480"]);
        assert_eq!(places("[::]:3480", &["2001:db8::7"], &[]), ["[::]:3480"]);
        assert_eq!(places("[::]:3480", &["203.0.113.7"], &["203.0.113.7"]), ["203.0.113.7:3480"]);
    }
}
