//! The story of a call, told from its stream, its rows and its usage: why it went the way it did.

use std::fmt::Write as _;

use centrale_calls::{Fact, MediaReport as Path, SeatFact};
use centrale_model::{EndReason, LegId, ReceiveMode, StreamName, Timestamp};
use centrale_wire::explain::{CallList, CallSummary, ExplainCall, Explanation, LegStory, ListCalls, Step};
use centrale_wire::signal::{CandidateReport, MediaState, PairReport};

use super::ledger::{self, Entry};
use crate::identity::Caller;
use crate::{Context, Error, Result, events, usage};

/// The longest story: a call of hours with a quality report each ten seconds has about a thousand entries.
const LONGEST: u32 = 20_000;

/// The latest calls, newest first.
///
/// # Errors
/// `Invalid` when `top` is outside 1 to 200.
pub async fn list_calls(ctx: &Context, _caller: &Caller, request: ListCalls) -> Result<CallList> {
    let top = request.top.unwrap_or(50);
    if !(1..=200).contains(&top) {
        return Err(Error::validation("top", "top is between 1 and 200."));
    }
    let value =
        ledger::list(ctx.store.as_ref(), request.identity.as_ref(), request.active.unwrap_or(false), top).await?;
    Ok(CallList { value })
}

/// Why a call went the way it did.
///
/// # Errors
/// `NotFound` when there is no such call.
pub async fn explain_call(ctx: &Context, _caller: &Caller, request: ExplainCall) -> Result<Explanation> {
    let store = ctx.store.as_ref();
    let Some(call) = ledger::summary_of(store, request.call_id).await? else {
        return Err(Error::not_found("There is no such call."));
    };
    let mut story = Story::new(&call);
    for recorded in events::all(store, &StreamName::call(request.call_id), LONGEST).await? {
        match serde_json::from_str::<Entry>(&recorded.body) {
            Ok(entry) => story.add(recorded.at, entry),
            Err(error) => tracing::error!(%error, "an entry of a call's stream cannot be read"),
        }
    }
    for (leg, participant_id, endpoint) in ledger::legs_of(store, request.call_id).await? {
        if let Some(known) = story.leg(leg) {
            known.participant_id = participant_id;
            known.endpoint_id = endpoint;
        }
    }
    let filter = usage::Filter { call: Some(request.call_id.to_string()), ..usage::Filter::default() };
    let records = usage::list(ctx, &filter, None, 1000).await?;
    let relayed_bytes = records.iter().filter(|record| record.unit == "bytes").map(|record| record.quantity).sum();
    let mut explanation = Explanation {
        path: match &call.media_node {
            Some(node) if story.is_conference => format!("by way of the media processor of {node}"),
            _ => path_in_words(&story.legs),
        },
        call,
        legs: story.legs,
        steps: story.steps,
        usage: records,
        relayed_bytes,
        text: String::new(),
    };
    explanation.text = as_text(&explanation);
    Ok(explanation)
}

struct Story {
    born: Timestamp,
    legs: Vec<LegStory>,
    steps: Vec<Step>,
    /// Media went to the media processor at last.
    is_conference: bool,
}

impl Story {
    fn new(call: &CallSummary) -> Story {
        let born = Timestamp::from_millis(call.started);
        let mut story = Story { born, legs: Vec::new(), steps: Vec::new(), is_conference: false };
        story.meet(LegId(0), call.caller.clone(), "caller");
        story
    }

    fn meet(&mut self, leg: LegId, identity: centrale_model::Identity, role: &str) {
        self.legs.push(LegStory {
            leg: leg.0,
            identity,
            endpoint_id: centrale_model::EndpointId::from_u128(0),
            participant_id: centrale_model::ParticipantId::from_u128(0),
            role: role.to_owned(),
            receives: None,
            media_connections: 0,
            connected_ms: None,
            end_reason: None,
            candidates: Vec::new(),
            selected: None,
            pairs: Vec::new(),
            why_not_better: Vec::new(),
            setup_ms: None,
            streams: Vec::new(),
        });
    }

    fn leg(&mut self, leg: LegId) -> Option<&mut LegStory> {
        self.legs.iter_mut().find(|known| known.leg == leg.0)
    }

    fn say(&mut self, at: Timestamp, leg: Option<LegId>, what: impl Into<String>) {
        let at_ms = u64::try_from(at.since(self.born).as_millis()).unwrap_or(u64::MAX);
        self.steps.push(Step { at_ms, leg: leg.map(|leg| leg.0), what: what.into() });
    }

    fn add(&mut self, at: Timestamp, entry: Entry) {
        match entry {
            Entry::Fact(fact) => self.add_fact(at, fact),
            Entry::Candidates(leg, found) => {
                let words: Vec<String> = found.iter().map(candidate_in_words).collect();
                self.say(at, Some(leg), format!("offers {}", words.join(", ")));
                if let Some(known) = self.leg(leg) {
                    for candidate in found {
                        if known.candidates.len() < 256 && !known.candidates.contains(&candidate) {
                            known.candidates.push(candidate);
                        }
                    }
                }
            }
            Entry::Report(leg, report) => {
                let words = match (report.state, &report.selected) {
                    (MediaState::Connected, Some(pair)) => Some(format!("media flows: {}", pair_in_words(pair))),
                    (MediaState::Connected, None) => Some("media flows".to_owned()),
                    (MediaState::Interrupted, _) => Some("the media path is interrupted".to_owned()),
                    (MediaState::Failed, _) => Some("found no media path".to_owned()),
                    (MediaState::Quality, _) => None,
                };
                if let Some(words) = words {
                    self.say(at, Some(leg), words);
                }
                let Some(known) = self.leg(leg) else { return };
                if report.selected.is_some() {
                    known.selected = report.selected;
                }
                if !report.pairs.is_empty() {
                    known.why_not_better = why_not_better(known.selected.as_ref(), &report.pairs);
                    known.pairs = report.pairs;
                }
                if known.setup_ms.is_none() {
                    known.setup_ms = report.setup_ms;
                }
                if !report.streams.is_empty() {
                    known.streams = report.streams;
                }
            }
        }
    }

    fn add_fact(&mut self, at: Timestamp, fact: Fact) {
        match fact {
            Fact::Started { targets, .. } => {
                let whom: Vec<String> = targets.iter().map(ToString::to_string).collect();
                self.say(at, Some(LegId(0)), format!("calls {}", whom.join(", ")));
            }
            Fact::Opened { group, .. } => {
                if let Some(first) = self.leg(LegId(0)) {
                    first.role = "joined".to_owned();
                }
                let words =
                    group.map_or("begins a group call".to_owned(), |group| format!("begins the call of group {group}"));
                self.say(at, Some(LegId(0)), words);
            }
            Fact::Joining(leg, identity, endpoint) => {
                if self.leg(leg).is_none() {
                    self.meet(leg, identity, "joined");
                }
                self.say(at, Some(leg), format!("wants to come in from endpoint {endpoint}"));
            }
            Fact::Added(leg, identity) => self.say(at, Some(leg), format!("adds {identity}")),
            Fact::Removed(leg, identity) => self.say(at, Some(leg), format!("takes out {identity}")),
            Fact::Seat(leg, fact) => self.add_seat(at, leg, fact),
            Fact::Convening => self.say(at, None, "the call moves to the media processor"),
            Fact::Convened => {
                self.is_conference = true;
                self.say(at, None, "the call is at the media processor");
            }
            Fact::Adjourned => {
                self.is_conference = false;
                self.say(at, None, "the call did not get to the media processor");
            }
            Fact::ConferenceLost => self.say(at, None, "the media processor lost the conference"),
            Fact::Muted(leg, whom) => {
                let whom: Vec<String> = whom.iter().map(|leg| leg.0.to_string()).collect();
                self.say(at, Some(leg), format!("mutes {}", whom.join(", ")));
            }
            Fact::Hand(leg, true) => self.say(at, Some(leg), "raises its hand"),
            Fact::Hand(leg, false) => self.say(at, Some(leg), "its hand goes down"),
            Fact::Spotlight(leg, true) => self.say(at, Some(leg), "is on everybody's stage"),
            Fact::Spotlight(leg, false) => self.say(at, Some(leg), "leaves the stage"),
            Fact::Role(leg, role) => self.say(at, Some(leg), format!("is {role:?} now")),
            Fact::Receives(leg, mode) => {
                self.say(at, Some(leg), format!("receives {}", mode_in_words(mode)));
                if let Some(known) = self.leg(leg) {
                    known.receives = Some(mode);
                }
            }
            Fact::Rung(leg, identity, endpoint) => {
                self.meet(leg, identity, "callee");
                self.say(at, Some(leg), format!("is rung at endpoint {endpoint}"));
            }
            Fact::Alerting(leg) => self.say(at, Some(leg), "alerts its user"),
            Fact::Declined(leg, reason) => self.leave(at, leg, reason, "declined"),
            Fact::NotAnswered(leg, reason) => self.leave(at, leg, reason, "stopped ringing"),
            Fact::Connected(leg, ..) => self.say(at, Some(leg), "is connected"),
            // What the client reported beside it says more.
            Fact::Media(_, Path::Connected | Path::Interrupted | Path::Failed) => {}
            Fact::Presence(leg, true) => self.say(at, Some(leg), "its event connection is back"),
            Fact::Presence(leg, false) => self.say(at, Some(leg), "its event connection is gone"),
            Fact::Hold(leg, true) => self.say(at, Some(leg), "holds"),
            Fact::Hold(leg, false) => self.say(at, Some(leg), "resumes"),
            Fact::Sending(leg, sending) => {
                let words = format!(
                    "microphone {}, camera {}, screen {}",
                    if sending.muted { "muted" } else { "open" },
                    if sending.video { "on" } else { "off" },
                    if sending.screen { "on" } else { "off" },
                );
                self.say(at, Some(leg), words);
            }
            Fact::Described(leg, kind, epoch) => {
                let kind = match kind {
                    centrale_calls::DescriptionKind::Offer => "offer",
                    centrale_calls::DescriptionKind::Answer => "answer",
                };
                self.say(at, Some(leg), format!("sends another {kind} (peer connection {epoch})"));
            }
            Fact::Transfer(number, state) => self.say(at, None, format!("transfer {number}: {state:?}")),
            Fact::Left { leg, reason, connected_ms, .. } => {
                self.leave(at, leg, reason, "left");
                if let Some(known) = self.leg(leg) {
                    known.connected_ms = Some(connected_ms);
                }
            }
            Fact::Ended(reason) => self.say(at, None, format!("the call is over: {}", reason_in_words(reason))),
        }
    }

    fn add_seat(&mut self, at: Timestamp, leg: LegId, fact: SeatFact) {
        let words = match fact {
            SeatFact::Answered(epoch) => {
                // Whoever is not moving from a call between two.
                self.is_conference |= epoch == 0;
                format!("the media processor answers (peer connection {epoch})")
            }
            SeatFact::Refused(epoch, because) => {
                format!("the media processor refuses (peer connection {epoch}): {because:?}")
            }
            SeatFact::Up(epoch) => {
                if let Some(known) = self.leg(leg) {
                    known.media_connections += 1;
                }
                format!("media flows to the media processor (peer connection {epoch})")
            }
            SeatFact::Interrupted => "nothing comes to the media processor".to_owned(),
            SeatFact::Gone(epoch) => format!("its peer connection {epoch} to the media processor is over"),
            SeatFact::Convene(epoch) => format!("is asked for peer connection {epoch} to the media processor"),
        };
        self.say(at, Some(leg), words);
    }

    fn leave(&mut self, at: Timestamp, leg: LegId, reason: EndReason, verb: &str) {
        self.say(at, Some(leg), format!("{verb}: {}", reason_in_words(reason)));
        if let Some(known) = self.leg(leg) {
            known.end_reason = Some(reason);
        }
    }
}

/// How direct a pair is: 0 between hosts, 1 through NATs, 2 relayed over UDP, 3 over TCP, 4 over TLS.
fn indirectness(pair: &PairReport) -> u8 {
    let of = |candidate: &CandidateReport| match (candidate.kind.as_str(), candidate.relay_protocol.as_deref()) {
        ("host", _) => 0,
        ("srflx" | "prflx", _) => 1,
        ("relay", Some("tls")) => 4,
        ("relay", Some("tcp")) => 3,
        _ => 2,
    };
    of(&pair.local).max(of(&pair.remote))
}

fn path_in_words(legs: &[LegStory]) -> String {
    let words = |rank: u8| match rank {
        0 => "direct, host to host",
        1 => "direct, through NAT with the help of STUN",
        2 => "through the relay over UDP",
        3 => "through the relay over TCP",
        _ => "through the relay over TLS",
    };
    let ranks: Vec<u8> = legs.iter().filter_map(|leg| leg.selected.as_ref()).map(indirectness).collect();
    // A relay may be seen by one side only. Without one the more direct view is the true one: a host candidate that was checked
    // before it was signalled looks like a reflexive one to the other side.
    match (ranks.iter().max(), ranks.iter().min()) {
        (Some(relayed @ 2..), _) => words(*relayed).to_owned(),
        (_, Some(direct)) => words(*direct).to_owned(),
        (_, None) => "no media path was reported".to_owned(),
    }
}

/// One sentence for each kind of pair that would have been more direct and was not used.
fn why_not_better(selected: Option<&PairReport>, pairs: &[PairReport]) -> Vec<String> {
    let rank = selected.map_or(u8::MAX, indirectness);
    let mut said: Vec<String> = Vec::new();
    for pair in pairs.iter().filter(|pair| indirectness(pair) < rank) {
        let why = match (pair.state.as_str(), pair.requests_sent, pair.responses_received) {
            ("succeeded", ..) => "worked, but another pair was nominated".to_owned(),
            (_, 0, _) => "was never checked".to_owned(),
            (_, sent, 0) => format!("{sent} checks got no answer: a firewall or NAT in between drops them"),
            (state, sent, received) => format!("{state} after {sent} checks with {received} answers"),
        };
        let sentence = format!("{}: {why}", pair_in_words(pair));
        if said.len() < 16 && !said.contains(&sentence) {
            said.push(sentence);
        }
    }
    said
}

fn pair_in_words(pair: &PairReport) -> String {
    let mut words = format!("{} to {}", candidate_in_words(&pair.local), candidate_in_words(&pair.remote));
    if let Some(rtt) = pair.rtt_ms {
        let _ = write!(words, " ({rtt} ms)");
    }
    words
}

fn candidate_in_words(candidate: &CandidateReport) -> String {
    let mut words = format!("{}/{}", candidate.kind, candidate.relay_protocol.as_ref().unwrap_or(&candidate.protocol));
    if let (Some(address), Some(port)) = (&candidate.address, candidate.port) {
        let _ = match address.contains(':') {
            true => write!(words, " [{address}]:{port}"),
            false => write!(words, " {address}:{port}"),
        };
    }
    words
}

/// What an end reason means (acs-behaviour section 10).
pub fn reason_in_words(reason: EndReason) -> String {
    let words = match reason {
        EndReason::HUNG_UP => "hung up",
        EndReason::CANCELLED => "the caller gave up",
        EndReason::DECLINED => "declined",
        EndReason::DECLINED_BY_ALL => "declined on every device",
        EndReason::ACCEPTED_ELSEWHERE => "answered on another device",
        EndReason::NOT_ANSWERED => "not answered in time",
        EndReason::NO_ENDPOINT => "the callee has no registered endpoint",
        EndReason::NO_TRUNK => "no trunk leads to telephones",
        EndReason::OFFLINE => "the callee is registered, but offline",
        EndReason::BUSY => "busy",
        EndReason::SETUP_UNFINISHED => "the callee did not finish set-up",
        EndReason::VANISHED => "the client vanished",
        EndReason::ENDED_FOR_ALL => "ended for everyone",
        EndReason::REMOVED => "removed by another participant",
        EndReason::TRANSFERRED => "transferred",
        EndReason::NO_PATH_AT_SETUP => "the clients' networks gave no media path",
        EndReason::NETWORK_MISCONFIGURED => "no media path without a relay, and the relay is switched off",
        EndReason::NETWORK_LOST => "the network was lost",
        EndReason::MEDIA_LOST => "the media path was lost",
        EndReason::NO_MEDIA_PATH => "no way to the media processor",
        EndReason::OFFER_REFUSED => "the media processor did not take the offer",
        EndReason::TOKEN_INVALID => "the token is over or revoked",
        _ => "see the table of end reasons",
    };
    format!("{words} ({reason})")
}

fn as_text(explanation: &Explanation) -> String {
    let call = &explanation.call;
    let mut text = String::new();
    let _ = writeln!(text, "call {}{}", call.call_id, if call.is_group { ", a group call" } else { "" });
    if let Some(group) = call.group_id {
        let _ = writeln!(text, "  group  {group}");
    }
    let _ = writeln!(text, "  placed {}", Timestamp::from_millis(call.started));
    match (call.ended, call.end_reason) {
        (Some(ended), Some(reason)) => {
            let _ = writeln!(
                text,
                "  over   {} after {}: {}",
                Timestamp::from_millis(ended),
                seconds(u64::try_from(ended - call.started).unwrap_or(0)),
                reason_in_words(reason)
            );
        }
        _ => text.push_str("  still going on\n"),
    }
    let _ = writeln!(text, "  media  {}, {} bytes relayed\n", explanation.path, explanation.relayed_bytes);
    for leg in &explanation.legs {
        let _ = writeln!(text, "leg {} ({}) {}", leg.leg, leg.role, leg.identity);
        if let Some(pair) = &leg.selected {
            let _ = writeln!(text, "  path       {}", pair_in_words(pair));
        }
        if let Some(mode) = leg.receives {
            let _ = writeln!(text, "  receives   {}", mode_in_words(mode));
        }
        if leg.media_connections > 1 {
            let _ = writeln!(text, "  needed     {} peer connections to the media processor", leg.media_connections);
        }
        if let Some(setup) = leg.setup_ms {
            let _ = writeln!(text, "  set-up     {}", seconds(u64::from(setup)));
        }
        for why in &leg.why_not_better {
            let _ = writeln!(text, "  not        {why}");
        }
        if let Some(connected) = leg.connected_ms {
            let _ = writeln!(text, "  connected  {}", seconds(connected));
        }
        for stream in &leg.streams {
            let _ = writeln!(
                text,
                "  {:<10} {} {}: {} packets, {} lost",
                stream.media, stream.direction, stream.codec, stream.packets, stream.packets_lost
            );
        }
    }
    text.push('\n');
    for step in &explanation.steps {
        let leg = step.leg.map(|leg| format!("leg {leg} ")).unwrap_or_default();
        let _ = writeln!(text, "{:>10}  {leg}{}", seconds(step.at_ms), step.what);
    }
    for record in &explanation.usage {
        let way = record.direction.as_deref().unwrap_or("");
        let transport = record.transport.as_deref().unwrap_or("");
        let _ = writeln!(text, "usage {} {} {} {way} {transport}", record.kind, record.quantity, record.unit);
    }
    text
}

fn mode_in_words(mode: ReceiveMode) -> &'static str {
    match mode {
        ReceiveMode::Auto => "as the media processor chooses",
        ReceiveMode::Forwarded => "each sender's streams",
        ReceiveMode::Mixed => "one mixed stream",
    }
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{:03} s", milliseconds / 1000, milliseconds % 1000)
}
