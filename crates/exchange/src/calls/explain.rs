//! The story of a call, told from its stream, its rows and its usage: why it went the way it did.

use std::fmt::Write as _;
use std::time::Duration;

use centrale_calls::{Fact, MediaReport as Path};
use centrale_model::{EndReason, LegId, StreamName, Timestamp};
use centrale_store::Store;
use centrale_wire::explain::{CallList, CallSummary, ExplainCall, Explanation, LegStory, ListCalls, Step};
use centrale_wire::signal::{CandidateReport, MediaState, PairReport};

use super::ledger::{self, Entry};
use crate::identity::Caller;
use crate::{Context, Error, Result, events, usage};

/// The longest story: a call of hours with a quality report each ten seconds has about a thousand entries.
const LONGEST: u32 = 20_000;

/// How long before and after a call its users' relay requests may belong to it.
const AROUND: Duration = Duration::from_secs(10);

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
    story.add_refusals(store, call.started, call.ended).await?;
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
        path: path_in_words(&story.legs),
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
}

impl Story {
    fn new(call: &CallSummary) -> Story {
        let mut story = Story { born: Timestamp::from_millis(call.started), legs: Vec::new(), steps: Vec::new() };
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

    /// What relays refused to the call's users around its time.
    async fn add_refusals(&mut self, store: &dyn Store, started: i64, ended: Option<i64>) -> Result<()> {
        // Browsers may ask for a relayed address a little before the call is placed, and notice a refusal after its end.
        let from = Timestamp::from_millis(started).minus(AROUND);
        let until = ended.map_or(Timestamp::from_millis(i64::MAX), |ended| Timestamp::from_millis(ended).plus(AROUND));
        let mut seen: Vec<String> = Vec::new();
        for at in 0..self.legs.len() {
            let (leg, user) = (LegId(self.legs[at].leg), self.legs[at].identity.to_string());
            // Of a user's several devices it is not known which one it was.
            if seen.contains(&user) {
                continue;
            }
            for refused in usage::refused(store, &user, from, until).await? {
                self.say(Timestamp::from_millis(refused.from), Some(leg), refusal_in_words(&refused));
            }
            seen.push(user);
        }
        self.steps.sort_by_key(|step| step.at_ms);
        Ok(())
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

    fn leave(&mut self, at: Timestamp, leg: LegId, reason: EndReason, verb: &str) {
        self.say(at, Some(leg), format!("{verb}: {}", reason_in_words(reason)));
        if let Some(known) = self.leg(leg) {
            known.end_reason = Some(reason);
        }
    }
}

/// What a relay refused, why, and with which answer.
fn refusal_in_words(refused: &usage::Refused) -> String {
    let what = match refused.reason.as_str() {
        "user_allocations" => "an allocation (486): its user has as many as one may have",
        "source_allocations" => "an allocation (486): its address has as many as one may have",
        "resource_allocations" => "an allocation (486): all users together have as many as there may be",
        "user_day" => "an allocation (486): its user's bytes of the day are used up",
        "source_day" => "an allocation (486): its address's bytes of the day are used up",
        "resource_day" => "an allocation (486): everybody's bytes of the day are used up",
        "user_bandwidth" => "packets (dropped): its user relays faster than one may",
        "source_bandwidth" => "packets (dropped): its address relays faster than one may",
        "resource_bandwidth" => "packets (dropped): all users together relay faster than they may",
        "user_day_bytes" => "packets (dropped): its user's bytes of the day are used up",
        "source_day_bytes" => "packets (dropped): its address's bytes of the day are used up",
        "resource_day_bytes" => "packets (dropped): everybody's bytes of the day are used up",
        "capacity" => "an address or peer (508): no port or room is left",
        "draining" => "an allocation (300 or 508): it is about to end",
        "peer" => "a peer (403): its address is not a public one",
        "expired" => "the credential (401): its time is over",
        "revoked" => "the credential (401): the user was deleted",
        other => other,
    };
    let times = if refused.times == 1 { String::new() } else { format!(", {} times", refused.times) };
    format!("is refused {what}, by the relay over {}{times}", refused.transport)
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
        EndReason::TOKEN_INVALID => "the token is over or revoked",
        _ => "see the table of end reasons",
    };
    format!("{words} ({reason})")
}

fn as_text(explanation: &Explanation) -> String {
    let call = &explanation.call;
    let mut text = String::new();
    let _ = writeln!(text, "call {}", call.call_id);
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

fn seconds(milliseconds: u64) -> String {
    format!("{}.{:03} s", milliseconds / 1000, milliseconds % 1000)
}
