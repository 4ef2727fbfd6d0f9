//! Writing packets: each function appends one to `out`, which may hold others already. Together they make a compound packet.

use super::transport::{DELTA_UNIT, REFERENCE_UNIT};
use super::{Report, SenderInfo, packet_type};

/// The most report blocks that one report carries.
pub const MAX_REPORTS: usize = 31;

/// The most packets that one transport feedback speaks of: with large deltas it stays below 1,000 bytes.
pub const MAX_ARRIVALS: usize = 400;

/// Appends a sender's report; of more than [`MAX_REPORTS`] reports the first are written.
pub fn sender_report(out: &mut Vec<u8>, ssrc: u32, info: &SenderInfo, reports: &[Report]) {
    let reports = &reports[..reports.len().min(MAX_REPORTS)];
    let begin = begin(out, reports.len() as u8, packet_type::SENDER_REPORT);
    out.extend_from_slice(&ssrc.to_be_bytes());
    out.extend_from_slice(&info.ntp.to_be_bytes());
    out.extend_from_slice(&info.timestamp.to_be_bytes());
    out.extend_from_slice(&info.packets.to_be_bytes());
    out.extend_from_slice(&info.bytes.to_be_bytes());
    blocks(out, reports);
    end(out, begin);
}

/// Appends a receiver's report; of more than [`MAX_REPORTS`] reports the first are written.
pub fn receiver_report(out: &mut Vec<u8>, ssrc: u32, reports: &[Report]) {
    let reports = &reports[..reports.len().min(MAX_REPORTS)];
    let begin = begin(out, reports.len() as u8, packet_type::RECEIVER_REPORT);
    out.extend_from_slice(&ssrc.to_be_bytes());
    blocks(out, reports);
    end(out, begin);
}

/// Appends a description with the name that a source's streams share (CNAME); at most 255 bytes of it.
pub fn description(out: &mut Vec<u8>, ssrc: u32, cname: &str) {
    let cname = &cname.as_bytes()[..cname.len().min(255)];
    let begin = begin(out, 1, packet_type::DESCRIPTION);
    out.extend_from_slice(&ssrc.to_be_bytes());
    out.extend_from_slice(&[1, cname.len() as u8]);
    out.extend_from_slice(cname);
    // A zero ends the list of items, more of them fill the word (RFC 3550 §6.5).
    out.push(0);
    out.resize(begin + (out.len() - begin).next_multiple_of(4), 0);
    end(out, begin);
}

/// Appends a farewell of at most 31 streams.
pub fn goodbye(out: &mut Vec<u8>, ssrcs: &[u32]) {
    let ssrcs = &ssrcs[..ssrcs.len().min(31)];
    let begin = begin(out, ssrcs.len() as u8, packet_type::GOODBYE);
    for ssrc in ssrcs {
        out.extend_from_slice(&ssrc.to_be_bytes());
    }
    end(out, begin);
}

/// Appends a wish for missing packets of the stream `media`.
///
/// - `missing`: sequence numbers, the oldest first; neighbours within 16 share a word.
pub fn nack(out: &mut Vec<u8>, sender: u32, media: u32, missing: &[u16]) {
    let begin = begin(out, 1, packet_type::TRANSPORT_FEEDBACK);
    out.extend_from_slice(&sender.to_be_bytes());
    out.extend_from_slice(&media.to_be_bytes());
    let mut rest = missing.iter().copied().peekable();
    while let Some(base) = rest.next() {
        let mut mask = 0u16;
        while let Some(next) = rest.peek() {
            let distance = next.wrapping_sub(base);
            if !(1..=16).contains(&distance) {
                break;
            }
            mask |= 1 << (distance - 1);
            rest.next();
        }
        out.extend_from_slice(&base.to_be_bytes());
        out.extend_from_slice(&mask.to_be_bytes());
    }
    end(out, begin);
}

/// Appends a wish for a key frame of the stream `media`.
pub fn pli(out: &mut Vec<u8>, sender: u32, media: u32) {
    let begin = begin(out, 1, packet_type::PAYLOAD_FEEDBACK);
    out.extend_from_slice(&sender.to_be_bytes());
    out.extend_from_slice(&media.to_be_bytes());
    end(out, begin);
}

/// Appends a wish for a key frame of the stream `media`, number `count`: the same number again is the same wish.
pub fn fir(out: &mut Vec<u8>, sender: u32, media: u32, count: u8) {
    let begin = begin(out, 4, packet_type::PAYLOAD_FEEDBACK);
    out.extend_from_slice(&sender.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&media.to_be_bytes());
    out.extend_from_slice(&[count, 0, 0, 0]);
    end(out, begin);
}

/// Appends what this side can take, in bits per second, for these streams (at most 255) together.
pub fn remb(out: &mut Vec<u8>, sender: u32, bitrate: u64, ssrcs: &[u32]) {
    let ssrcs = &ssrcs[..ssrcs.len().min(255)];
    let begin = begin(out, 15, packet_type::PAYLOAD_FEEDBACK);
    out.extend_from_slice(&sender.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(b"REMB");
    let exponent = (64 - bitrate.leading_zeros()).saturating_sub(18);
    let mantissa = (bitrate >> exponent) as u32;
    let word = ((ssrcs.len() as u32) << 24) | (exponent << 18) | mantissa;
    out.extend_from_slice(&word.to_be_bytes());
    for ssrc in ssrcs {
        out.extend_from_slice(&ssrc.to_be_bytes());
    }
    end(out, begin);
}

/// Appends transport-wide feedback.
///
/// - `media`: any of the streams that it speaks of. Chromium passes over feedback that names a stream it does not send.
/// - `first`: transport sequence number of `arrivals[0]`, which must have come.
/// - `arrivals`: when each packet came, in microseconds of one clock; nothing for packets that did not.
///
/// Gives how many arrivals were taken: fewer than all when there are more than [`MAX_ARRIVALS`] or two neighbours lie more than
/// 8 seconds apart; the rest is for another feedback. 0, and nothing is written, when the first did not come.
pub fn transport_feedback(
    out: &mut Vec<u8>,
    sender: u32,
    media: u32,
    feedback_count: u8,
    first: u16,
    arrivals: &[Option<i64>],
) -> usize {
    let Some(Some(start)) = arrivals.first() else { return 0 };
    let reference = start.div_euclid(REFERENCE_UNIT);
    let begin = begin(out, 15, packet_type::TRANSPORT_FEEDBACK);
    out.extend_from_slice(&sender.to_be_bytes());
    out.extend_from_slice(&media.to_be_bytes());
    out.extend_from_slice(&first.to_be_bytes());
    let count_at = out.len();
    out.extend_from_slice(&[0; 2]);
    out.extend_from_slice(&(((reference as u32) << 8) | u32::from(feedback_count)).to_be_bytes());

    // Deltas count from the moment as it was written, so that rounding does not add up.
    let mut deltas = [0i16; MAX_ARRIVALS];
    let mut statuses = [0u8; MAX_ARRIVALS];
    let mut count = 0;
    let mut at = reference * REFERENCE_UNIT;
    for arrival in arrivals.iter().take(MAX_ARRIVALS) {
        if let Some(moment) = arrival {
            let Ok(delta) = i16::try_from((moment - at).div_euclid(DELTA_UNIT)) else { break };
            at += i64::from(delta) * DELTA_UNIT;
            deltas[count] = delta;
            statuses[count] = if (0..256).contains(&delta) { 1 } else { 2 };
        }
        count += 1;
    }
    // Missing packets at the end are left for later: they may be on their way.
    while count > 0 && statuses[count - 1] == 0 {
        count -= 1;
    }
    out[count_at..count_at + 2].copy_from_slice(&(count as u16).to_be_bytes());
    chunks(out, &statuses[..count]);
    for (status, delta) in statuses.iter().zip(&deltas).take(count) {
        match status {
            1 => out.push(*delta as u8),
            2 => out.extend_from_slice(&delta.to_be_bytes()),
            _ => {}
        }
    }
    out.resize(begin + (out.len() - begin).next_multiple_of(4), 0);
    end(out, begin);
    count
}

/// Writes statuses as chunks: a run where seven or more are equal, otherwise seven two-bit symbols.
fn chunks(out: &mut Vec<u8>, mut statuses: &[u8]) {
    while let Some(symbol) = statuses.first() {
        let run = statuses.iter().take_while(|other| *other == symbol).count();
        let (word, taken) = if run >= 7 || run == statuses.len() {
            ((u16::from(*symbol) << 13) | run as u16, run)
        } else {
            let taken = statuses.len().min(7);
            let symbols = (0..7).fold(0u16, |word, i| (word << 2) | u16::from(statuses.get(i).copied().unwrap_or(0)));
            (0xC000 | symbols, taken)
        };
        out.extend_from_slice(&word.to_be_bytes());
        statuses = &statuses[taken..];
    }
}

fn blocks(out: &mut Vec<u8>, reports: &[Report]) {
    for report in reports {
        let lost = report.lost.clamp(-0x80_0000, 0x7F_FFFF) as u32 & 0xFF_FFFF;
        out.extend_from_slice(&report.ssrc.to_be_bytes());
        out.extend_from_slice(&((u32::from(report.fraction_lost) << 24) | lost).to_be_bytes());
        out.extend_from_slice(&report.highest_sequence.to_be_bytes());
        out.extend_from_slice(&report.jitter.to_be_bytes());
        out.extend_from_slice(&report.last_report.to_be_bytes());
        out.extend_from_slice(&report.delay.to_be_bytes());
    }
}

fn begin(out: &mut Vec<u8>, count: u8, packet_type: u8) -> usize {
    let begin = out.len();
    out.extend_from_slice(&[0x80 | count, packet_type, 0, 0]);
    begin
}

/// Writes the length of the packet that began at `begin` and ends here.
fn end(out: &mut [u8], begin: usize) {
    let words = ((out.len() - begin) / 4 - 1) as u16;
    out[begin + 2..begin + 4].copy_from_slice(&words.to_be_bytes());
}
