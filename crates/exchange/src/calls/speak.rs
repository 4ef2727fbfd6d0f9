//! From the wire's words to the call machine's and back. No rule lives here.

use centrale_calls as machine;
use centrale_model::CallId;
use centrale_wire::signal as wire;

use crate::{Error, Result};

/// Longest SDP, in bytes. A browser's offer with three media descriptions is 6 to 12 KiB.
const SDP_LIMIT: usize = 64 * 1024;
/// Most candidates in one signal, and the longest of one, in bytes of JSON.
const CANDIDATES_LIMIT: usize = 64;
const CANDIDATE_LIMIT: usize = 2 * 1024;

/// Reads a description.
pub(crate) fn description(said: &wire::Description) -> Result<machine::Description> {
    if said.sdp.len() > SDP_LIMIT {
        return Err(Error::validation("sdp", "A description has at most 65536 bytes."));
    }
    if !said.sdp.starts_with("v=0") {
        return Err(Error::validation("sdp", "A description is SDP: it begins with v=0."));
    }
    Ok(machine::Description {
        kind: match said.kind {
            wire::DescriptionKind::Offer => machine::DescriptionKind::Offer,
            wire::DescriptionKind::Answer => machine::DescriptionKind::Answer,
        },
        epoch: said.epoch,
        sdp: machine::Sealed(said.sdp.clone()),
    })
}

/// Says a description.
pub(crate) fn say_description(known: machine::Description) -> wire::Description {
    wire::Description {
        kind: match known.kind {
            machine::DescriptionKind::Offer => wire::DescriptionKind::Offer,
            machine::DescriptionKind::Answer => wire::DescriptionKind::Answer,
        },
        epoch: known.epoch,
        sdp: known.sdp.0,
    }
}

/// Reads candidates: each is sealed as JSON.
pub(crate) fn candidates(said: &wire::Candidates) -> Result<machine::Candidates> {
    if said.list.len() > CANDIDATES_LIMIT {
        return Err(Error::validation("candidates", "At most 64 candidates at once."));
    }
    let list = said.list.iter().map(|candidate| {
        let text = serde_json::to_string(candidate).map_err(|error| Error::bug(error.to_string()))?;
        if text.len() > CANDIDATE_LIMIT {
            return Err(Error::validation("candidates", "A candidate has at most 2048 bytes."));
        }
        Ok(machine::Sealed(text))
    });
    Ok(machine::Candidates { epoch: said.epoch, list: list.collect::<Result<_>>()? })
}

/// Says candidates.
pub(crate) fn say_candidates(known: machine::Candidates) -> wire::Candidates {
    wire::Candidates {
        epoch: known.epoch,
        list: known.list.iter().filter_map(|sealed| serde_json::from_str(&sealed.0).ok()).collect(),
    }
}

/// Reads what a leg sends.
pub(crate) fn sending(said: wire::Sending) -> machine::Sending {
    machine::Sending { muted: said.muted, video: said.video, screen: said.screen }
}

/// Says what a leg sends.
pub(crate) fn say_sending(known: machine::Sending) -> wire::Sending {
    wire::Sending { muted: known.muted, video: known.video, screen: known.screen }
}

/// Says a participant.
pub(crate) fn say_participant(known: machine::ParticipantView) -> wire::Participant {
    wire::Participant {
        identity: known.identity,
        participant_id: known.participant_id,
        display_name: known.display_name,
        state: known.state,
        sending: say_sending(known.sending),
        role: known.role,
        hand_raised: known.hand_raised,
        is_spotlighted: known.is_spotlighted,
        is_muted_by_others: known.is_muted_by_others,
        receives: known.receives,
        end_reason: known.end_reason,
    }
}

/// Says where a transfer leads.
pub(crate) fn say_target(known: machine::TransferTarget) -> wire::TransferTarget {
    match known {
        machine::TransferTarget::Identity(identity) => wire::TransferTarget::Participant { identity },
        machine::TransferTarget::Call { call, identity } => {
            wire::TransferTarget::Call { call_id: call, identity: Some(identity) }
        }
    }
}

/// What a leg said of its media path, as far as the machine cares.
pub(crate) fn media(said: wire::MediaState) -> Option<machine::MediaReport> {
    match said {
        wire::MediaState::Connected => Some(machine::MediaReport::Connected),
        wire::MediaState::Interrupted => Some(machine::MediaReport::Interrupted),
        wire::MediaState::Failed => Some(machine::MediaReport::Failed),
        wire::MediaState::Quality => None,
    }
}

/// Says a notice. ICE servers of an incoming call are filled in when it is delivered, so that no credential is stored.
pub(crate) fn say_notice(
    call_id: CallId,
    own_place: centrale_model::ParticipantId,
    notice: machine::Notice,
) -> wire::Event {
    use machine::Notice;
    match notice {
        Notice::Incoming { caller, offer, candidates, transferor, replaces, context } => {
            wire::Event::IncomingCall(Box::new(wire::Incoming {
                call_id,
                participant_id: own_place,
                caller: say_participant(caller),
                conference: offer.is_none(),
                offer: offer.map(say_description),
                candidates: candidates.into_iter().map(say_candidates).collect(),
                transferor,
                replaces,
                custom_context: context.and_then(|sealed| serde_json::from_str(&sealed.0).ok()),
                ice: wire::IceConfiguration { stun: Vec::new(), turn: Vec::new(), expires_at: 0 },
            }))
        }
        Notice::Ringing => wire::Event::Ringing { call_id },
        Notice::Accepted { callee, answer, .. } => {
            wire::Event::Accepted { call_id, callee: say_participant(callee), answer: say_description(answer) }
        }
        Notice::Joined => wire::Event::Joined { call_id },
        Notice::Ended(reason) => wire::Event::Ended { call_id, reason },
        Notice::Description(from, known) => {
            wire::Event::Description { call_id, from, description: say_description(known) }
        }
        Notice::Candidates(from, known) => wire::Event::Candidates { call_id, from, candidates: say_candidates(known) },
        Notice::Participant(known) => wire::Event::Participant { call_id, participant: say_participant(known) },
        Notice::State(state) => wire::Event::State { call_id, state },
        Notice::TransferRequested { transfer, transferor, target } => {
            wire::Event::TransferRequested { call_id, transfer, transferor, target: say_target(target) }
        }
        Notice::Transfer { transfer, state, error } => wire::Event::Transfer { call_id, transfer, state, error },
        Notice::Conference(known) => wire::Event::Conference { call_id, description: say_description(known) },
        Notice::Convene { epoch, is_group } => wire::Event::Convene { call_id, epoch, is_group },
        Notice::Convened { epoch } => wire::Event::Convened { call_id, epoch },
        Notice::Adjourned { epoch } => wire::Event::Adjourned { call_id, epoch },
        Notice::MutedByOthers(by) => wire::Event::MutedByOthers { call_id, by },
        Notice::Participants(known) => {
            wire::Event::Participants { call_id, participants: known.into_iter().map(say_participant).collect() }
        }
    }
}

/// Says how a call looks from one of its legs.
pub(crate) fn say_view(view: machine::CallView) -> wire::CallView {
    let incoming = view.incoming.map(|notice| say_notice(view.call, view.participant_id, notice));
    wire::CallView {
        call_id: view.call,
        participant_id: view.participant_id,
        direction: view.direction,
        state: view.state,
        is_group: view.is_group,
        group_id: view.group,
        conference: view.is_conference,
        epoch: view.epoch,
        own: Some(say_participant(view.own)),
        sending: say_sending(view.sending),
        participants: view.others.into_iter().map(say_participant).collect(),
        incoming: match incoming {
            Some(wire::Event::IncomingCall(incoming)) => Some(*incoming),
            _ => None,
        },
    }
}

/// The parts of an ICE candidate line that `explain` shows (RFC 8839 section 5.1).
pub(crate) fn candidate_report(line: &str) -> Option<wire::CandidateReport> {
    let line = line.strip_prefix("a=").unwrap_or(line);
    let mut fields = line.strip_prefix("candidate:")?.split_ascii_whitespace();
    let (_foundation, _component) = (fields.next()?, fields.next()?);
    let protocol = fields.next()?.to_ascii_lowercase();
    let _priority = fields.next()?;
    let address = fields.next()?.to_owned();
    let port = fields.next()?.parse().ok()?;
    let kind = match (fields.next()?, fields.next()?) {
        ("typ", kind) => kind.to_owned(),
        _ => return None,
    };
    Some(wire::CandidateReport { kind, protocol, relay_protocol: None, address: Some(address), port: Some(port) })
}

/// The candidates inside a description.
pub(crate) fn candidates_in(sdp: &str) -> Vec<wire::CandidateReport> {
    let mut found: Vec<wire::CandidateReport> = Vec::new();
    for report in
        sdp.lines().filter(|line| line.starts_with("a=candidate:")).filter_map(|line| candidate_report(line.trim()))
    {
        if !found.contains(&report) && found.len() < CANDIDATES_LIMIT {
            found.push(report);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidate_lines_are_read_as_browsers_write_them() {
        let report = candidate_report(
            "candidate:842163049 1 udp 1677729535 203.0.113.5 45664 typ srflx raddr 10.0.0.2 rport 45664 generation 0",
        )
        .expect("a candidate");
        assert_eq!((report.kind.as_str(), report.protocol.as_str(), report.port), ("srflx", "udp", Some(45664)));
        assert_eq!(candidate_report("candidate:1 1 UDP"), None);
        assert_eq!(candidate_report(""), None);
    }
}
