//! Offers of clients that do not renegotiate: what they send, in which direction, and the offer of an ICE restart.

use centrale_wire::signal::Sending;

use super::Side;

/// Turns an offer both ways into one in the direction of the protocol (RFC 9725 §4.4: a WHIP client only sends; a WHEP client only receives).
pub(super) fn one_way(offer: &str, side: Side) -> String {
    let way = match side {
        Side::Sender => "a=sendonly",
        Side::Receiver => "a=recvonly",
    };
    rewrite(offer, |line| Some(if line == "a=sendrecv" { way.to_owned() } else { line.to_owned() }))
}

/// What a client sends that offers this.
pub(super) fn sending(offer: &str) -> Sending {
    let mut sending = Sending { muted: true, video: false, screen: false };
    let mut is_video = false;
    let mut videos = 0;
    for line in offer.lines().map(str::trim_end) {
        if let Some(media) = line.strip_prefix("m=") {
            is_video = media.starts_with("video");
        }
        if line != "a=sendonly" {
            continue;
        }
        match is_video {
            true => videos += 1,
            false => sending.muted = false,
        }
    }
    sending.video = videos > 0;
    sending.screen = videos > 1;
    sending
}

/// The same offer with other ICE credentials, and without the candidates that belonged to the old ones.
pub(super) fn restarted(offer: &str, ufrag: &str, password: &str) -> String {
    rewrite(offer, |line| {
        if line.starts_with("a=candidate:") || line == "a=end-of-candidates" {
            None
        } else if line.starts_with("a=ice-ufrag:") {
            Some(format!("a=ice-ufrag:{ufrag}"))
        } else if line.starts_with("a=ice-pwd:") {
            Some(format!("a=ice-pwd:{password}"))
        } else {
            Some(line.to_owned())
        }
    })
}

/// The ICE user name fragment of an offer.
pub(super) fn ufrag(offer: &str) -> Option<&str> {
    offer.lines().find_map(|line| line.trim_end().strip_prefix("a=ice-ufrag:"))
}

fn rewrite(offer: &str, change: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(offer.len() + 64);
    for line in offer.lines().map(str::trim_end).filter_map(change) {
        out.push_str(&line);
        out.push_str("\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:old1\r\na=ice-pwd:oldpassword\r\na=sendrecv\r\n\
                         a=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=ice-ufrag:old1\r\na=sendrecv\r\n";

    #[test]
    fn a_sender_only_sends_and_a_receiver_only_receives() {
        let sent = one_way(OFFER, Side::Sender);
        assert_eq!(sending(&sent), Sending { muted: false, video: true, screen: false });
        let received = one_way(OFFER, Side::Receiver);
        assert_eq!(sending(&received), Sending { muted: true, video: false, screen: false });
        assert_eq!(received.matches("a=recvonly\r\n").count(), 2);
    }

    #[test]
    fn a_restart_has_other_credentials_and_no_old_candidates() {
        let restarted = restarted(OFFER, "new1", "newpassword");
        assert_eq!(ufrag(&restarted), Some("new1"));
        assert!(!restarted.contains("old") && !restarted.contains("candidate") && restarted.contains("m=video"));
    }
}
