//! What a command makes of a call: its machine is stepped, and nothing is kept and nobody is told yet.

use centrale_calls::{DescriptionKind, Forbidden, Heard, Input, LegState, Notice, Output, Target, Who};
use centrale_model::{CallId, EndpointId, Identity, LegId, ParticipantId, ParticipantRole, Timestamp};
use centrale_wire::signal::{CandidateReport, MediaState, Signal};

use super::command::{self, Answer, Join, Presence, What};
use super::hosted::Hosted;
use super::ledger::Entry;
use super::speak;
use super::switchboard::no_call;
use crate::{Context, Error, Result};

/// What one command made of a call.
pub(super) struct Work {
    pub(super) outputs: Vec<Output>,
    pub(super) notes: Vec<Entry>,
    /// The machine or its host's memory changed although nothing came out.
    pub(super) is_changed: bool,
    /// What the host remembers of it changed: it must be kept although nothing came out.
    pub(super) must_keep: bool,
    pub(super) answer: Answer,
}

impl Work {
    pub(super) fn new(answer: Answer) -> Work {
        Work { outputs: Vec::new(), notes: Vec::new(), is_changed: true, must_keep: false, answer }
    }
}

/// Does a command to a machine. Pure: nothing is kept and nobody is told yet.
pub(super) fn perform(hosted: &mut Hosted, ctx: &Context, what: &What) -> Result<Work> {
    let now = ctx.now();
    let mut work = Work::new(Answer::Done);
    match what {
        What::Input(input) => hosted.step(input.clone(), now, &mut work.outputs),
        What::View { endpoint } => {
            work.is_changed = false;
            let view = hosted.call.leg_of(*endpoint).and_then(|leg| hosted.call.view_for(leg));
            work.answer = Answer::View(view.map(|view| Box::new(speak::say_view(view))));
        }
        What::TransferAsked { identity, transfer } => {
            work.is_changed = false;
            let asked = hosted
                .call
                .legs()
                .filter(|leg| leg.is_live() && leg.identity() == identity)
                .find_map(|leg| hosted.call.view_for(leg.id())?.transfer);
            work.answer = Answer::Transfer(match asked {
                Some(Notice::TransferRequested { transfer: number, transferor, target }) if number == *transfer => {
                    Some((transferor, speak::say_target(target)))
                }
                _ => None,
            });
        }
        What::DeviceAppeared { identity, endpoint } => {
            if hosted.call.leg_of(*endpoint).is_none() && rings(hosted, identity) {
                // Not chance, but unique and unguessable enough: nothing secret hangs on a participant's id.
                let participant_id = ParticipantId::from_random(mixed(hosted.call.id(), *endpoint));
                let device = centrale_calls::Device { endpoint: *endpoint, participant_id, is_busy: false };
                let input = Input::DeviceAppeared { identity: identity.clone(), device };
                hosted.step(input, now, &mut work.outputs);
            }
        }
        What::Presence { endpoint, presence } => {
            if let Some(leg) = hosted.call.leg_of(*endpoint) {
                let input = match presence {
                    Presence::Online => Input::Back(leg),
                    Presence::Offline => Input::Lost { leg, is_leaving: false },
                    Presence::Leaving => Input::Lost { leg, is_leaving: true },
                    Presence::Gone => Input::HangUp { leg, for_everyone: false },
                    Presence::TokenOver => Input::TokenOver(leg),
                };
                hosted.step(input, now, &mut work.outputs);
            }
        }
        What::Signals { identity, endpoint, request, signals, targets } => {
            let leg = living_leg(hosted, identity, *endpoint)?;
            let fresh = hosted.take(leg, request);
            work.answer = Answer::Taken { fresh };
            if fresh {
                let mut targets = targets.iter();
                for signal in signals {
                    one_signal(hosted, leg, signal, &mut targets, now, &mut work)?;
                }
            }
        }
        What::Join(join) => join_call(hosted, join, ctx.relay.enabled, now, &mut work)?,
        What::Seat { node } => {
            let is_free = hosted.media_node.is_none();
            let holder = hosted.media_node.get_or_insert_with(|| node.clone());
            work.answer = Answer::Node(holder.clone());
            (work.is_changed, work.must_keep) = (is_free, is_free);
        }
        What::Unseat { node } => {
            if hosted.media_node.as_ref() == Some(node) {
                hosted.media_node = None;
                work.must_keep = true;
                hosted.step(Input::Heard(Heard::Lost), now, &mut work.outputs);
            } else {
                work.is_changed = false;
            }
        }
    }
    hosted.forget_old_legs();
    Ok(work)
}

/// A device joins, or joins again: its offer goes to the media processor.
pub(super) fn join_call(
    hosted: &mut Hosted,
    join: &Join,
    is_relay_allowed: bool,
    now: Timestamp,
    work: &mut Work,
) -> Result<()> {
    let known = hosted.call.leg_of(join.endpoint);
    let offer = speak::description(&join.offer)?;
    let is_taken = known.is_some_and(|leg| hosted.call.is_described(leg, offer.epoch));
    if let Some(leg) = known.filter(|leg| is_taken && !hosted.is_joined_by(*leg, &join.request)) {
        return Err(stale(hosted.call.epoch_of(leg).unwrap_or_default()));
    }
    let epoch = offer.epoch;
    let input = Input::Join {
        identity: join.identity.clone(),
        endpoint: join.endpoint,
        participant_id: join.participant_id,
        display_name: join.display_name.clone(),
        group: None,
        offer,
        sending: speak::sending(join.sending),
        mode: join.mode,
        role: ParticipantRole::default(),
        is_relay_allowed,
    };
    permitted(hosted, &input)?;
    hosted.step(input, now, &mut work.outputs);
    let leg = hosted.call.leg_of(join.endpoint).and_then(|leg| hosted.call.leg(leg));
    let leg = leg.ok_or_else(|| Error::bug("who was permitted to join has no leg"))?;
    let (id, place) = (leg.id(), leg.participant_id());
    hosted.joined_by(id, &join.request);
    note_candidates(work, id, speak::candidates_in(&join.offer.sdp));
    work.answer = Answer::Offered { place, epoch };
    Ok(())
}

/// Says why an input would change nothing.
fn permitted(hosted: &Hosted, input: &Input) -> Result<()> {
    hosted.call.permits(input).map_err(|forbidden| match forbidden {
        Forbidden::ByRole => Error::forbidden("The role in this call does not permit that."),
        Forbidden::HereAndNow => Error::conflict("This call cannot do that, or not now."),
        Forbidden::Full => command::is_full(),
        Forbidden::Stale(epoch) => stale(epoch),
    })
}

fn stale(epoch: u32) -> Error {
    Error::conflict(format!("This device has described itself with epoch {epoch}: offer with the next one."))
        .target("offer")
}

fn living_leg(hosted: &Hosted, identity: &Identity, endpoint: EndpointId) -> Result<LegId> {
    let leg = hosted
        .call
        .legs()
        .filter(|leg| leg.endpoint() == endpoint && leg.identity() == identity)
        .last()
        .ok_or_else(no_call)?;
    match leg.state() {
        LegState::Over(_) => Err(Error::gone("The call is over for this device.")),
        LegState::Calling | LegState::Ringing | LegState::Joining | LegState::Connected => Ok(leg.id()),
    }
}

fn one_signal<'a>(
    hosted: &mut Hosted,
    leg: LegId,
    signal: &Signal,
    targets: &mut impl Iterator<Item = &'a Target>,
    now: Timestamp,
    work: &mut Work,
) -> Result<()> {
    let input = match signal {
        Signal::Ringing => Input::Ringing(leg),
        Signal::Accept { answer, offer, sending } => {
            let described = described(hosted, answer.as_ref(), offer.as_ref())?;
            note_candidates(work, leg, speak::candidates_in(&described.sdp.0));
            Input::Accept { leg, display_name: None, answer: described, sending: speak::sending(*sending) }
        }
        Signal::Decline { busy } => Input::Decline { leg, is_busy: *busy },
        Signal::HangUp { for_everyone } => Input::HangUp { leg, for_everyone: *for_everyone },
        Signal::Describe { description } => {
            note_candidates(work, leg, speak::candidates_in(&description.sdp));
            Input::Describe(leg, speak::description(description)?)
        }
        Signal::Candidates { candidates } => {
            let sealed = speak::candidates(candidates)?;
            let lines = candidates.list.iter().filter_map(|one| speak::candidate_report(&one.candidate)).collect();
            note_candidates(work, leg, lines);
            Input::Candidates(leg, sealed)
        }
        Signal::Sending { sending } => Input::Sending(leg, speak::sending(*sending)),
        Signal::Hold => Input::Hold(leg),
        Signal::Resume => Input::Resume(leg),
        Signal::Transfer { target } => Input::Transfer(leg, super::start::transfer_target(target)?),
        Signal::AddParticipant { .. } => {
            let target = targets.next().ok_or_else(|| Error::bug("nobody looked where the added can ring"))?;
            Input::Add { leg, target: target.clone() }
        }
        Signal::RemoveParticipant { participant, identity } => {
            let who = match (participant, identity) {
                (Some(place), None) => Who::Place(*place),
                (None, Some(identity)) => Who::Everything(identity.clone()),
                _ => return Err(Error::validation("participant", "Either participant or identity says who is meant.")),
            };
            Input::Remove { leg, who }
        }
        Signal::MuteOthers { participants } => Input::MuteOthers { leg, whom: places(participants.as_ref())? },
        Signal::RaiseHand { raised } => Input::RaiseHand(leg, *raised),
        Signal::LowerHands { participants } => Input::LowerHands { leg, whose: places(participants.as_ref())? },
        Signal::Spotlight { participants, on } => {
            if *on && participants.is_none() {
                return Err(Error::validation("participants", "Somebody must be named for the stage."));
            }
            Input::Spotlight { leg, who: places(participants.as_ref())?, is_on: *on }
        }
        Signal::Receive { mode } => Input::Receive(leg, *mode),
        Signal::Convene => Input::Convene(leg),
        Signal::Media { report } => {
            let mut report = report.clone();
            report.pairs.truncate(64);
            report.streams.truncate(16);
            let state = report.state;
            if state != MediaState::Quality || !report.streams.is_empty() {
                work.notes.push(Entry::Report(leg, Box::new(report)));
            }
            match speak::media(state) {
                Some(report) => Input::Media(leg, report),
                None => return Ok(()),
            }
        }
    };
    // Between two a transfer that comes too late is passed over, as ever.
    if !matches!(input, Input::Transfer(..)) || hosted.call.is_group() {
        permitted(hosted, &input)?;
    }
    hosted.step(input, now, &mut work.outputs);
    Ok(())
}

/// The description with which a call is accepted: between two the answer, in a conference an offer.
fn described(
    hosted: &Hosted,
    answer: Option<&centrale_wire::signal::Description>,
    offer: Option<&centrale_wire::signal::Description>,
) -> Result<centrale_calls::Description> {
    let (said, field, kind, message) = if hosted.call.is_conference() {
        (offer, "offer", DescriptionKind::Offer, "A conference is accepted with an offer.")
    } else {
        (answer, "answer", DescriptionKind::Answer, "A call between two is accepted with an answer.")
    };
    let said = said.map(speak::description).transpose()?;
    said.filter(|said| said.kind == kind).ok_or_else(|| Error::validation(field, message))
}

/// Participants that are named: not more than a call has.
fn places(named: Option<&Vec<ParticipantId>>) -> Result<Option<Vec<ParticipantId>>> {
    match named {
        Some(named) if named.len() > centrale_calls::Call::MAX_PARTICIPANTS => {
            Err(Error::validation("participants", "At most 350 participants can be named."))
        }
        named => Ok(named.cloned()),
    }
}

fn note_candidates(work: &mut Work, leg: LegId, found: Vec<CandidateReport>) {
    if !found.is_empty() {
        work.notes.push(Entry::Candidates(leg, found));
    }
}

/// Whether somebody is being rung, and by name this identity.
fn rings(hosted: &Hosted, identity: &Identity) -> bool {
    hosted.call.legs().any(|leg| leg.state() == LegState::Ringing && leg.identity() == identity)
}

/// Sixteen bytes that differ for each call and endpoint.
fn mixed(call: CallId, endpoint: EndpointId) -> [u8; 16] {
    let text = format!("{call}/{endpoint}");
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.as_ref()[..16]);
    bytes
}
