//! What a call ought to be, told without outputs, snapshots, candidates or descriptions' ways.
//!
//! It asks at every moment which of a short list of deadlines is due, and keeps no queue. Broken media paths are not part of it
//! (the witness and the scripts have them); media that never comes is.

use std::collections::BTreeMap;
use std::time::Duration;

use centrale_calls::{Call, Input, LegState, MediaReport, Sending, Timers};
use centrale_model::{CallState, EndReason, LegId, Time};

const CALLER: LegId = LegId(0);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Why {
    Nobody,
    Unanswered,
    Silence,
    Away(LegId),
    Transfer,
}

#[derive(Default)]
pub(crate) struct Model {
    pub(crate) legs: BTreeMap<LegId, (u128, LegState)>,
    pub(crate) holds: BTreeMap<LegId, bool>,
    pub(crate) sends: BTreeMap<LegId, Sending>,
    pub(crate) winner: Option<(LegId, Time)>,
    pub(crate) over: Option<(Time, EndReason)>,
    pub(crate) has_alerted: bool,
    pub(crate) epoch: u32,
    is_relay_allowed: bool,
    had_media: bool,
    /// Since when a leg is away, until when it may be, and what it is told then.
    away: BTreeMap<LegId, (Time, EndReason)>,
    placed: Option<Time>,
    /// Until the host is there for as long as it must be, nobody is found to be late.
    least: Time,
    silence: Option<Time>,
    transfer: Option<Time>,
    transfers: u32,
}

impl Model {
    pub(crate) fn step(&mut self, input: &Input, now: Time) {
        if *input == Input::TakenOver {
            self.least = now + Timers::TAKE_OVER_GRACE;
            let windows = self.away.values_mut().map(|(at, _)| at);
            for at in windows.chain(&mut self.silence).chain(&mut self.transfer) {
                *at = self.least.max(*at);
            }
        }
        while let Some((at, why)) = self.due().filter(|(at, _)| *at <= now) {
            self.expire(at, why, now);
        }
        if self.over.is_none() {
            self.take(input, now);
        }
    }

    /// The soonest of all deadlines; of two at one moment, the one that is listed first.
    fn due(&self) -> Option<(Time, Why)> {
        if self.over.is_some() {
            return None;
        }
        let after = |secs| self.placed.map(|at| self.least.max(at + Duration::from_secs(secs)));
        let mut all = Vec::new();
        if self.winner.is_none() {
            all.extend(after(85).filter(|_| !self.has_alerted).map(|at| (at, Why::Nobody)));
            all.extend(after(120).map(|at| (at, Why::Unanswered)));
        }
        all.extend(self.silence.map(|at| (at, Why::Silence)));
        for reason in [EndReason::NETWORK_LOST, EndReason::VANISHED] {
            let with = self.away.iter().filter(|(_, (_, why))| *why == reason);
            all.extend(with.map(|(leg, (at, _))| (*at, Why::Away(*leg))));
        }
        all.extend(self.transfer.map(|at| (at, Why::Transfer)));
        all.into_iter().min_by_key(|(at, _)| *at)
    }

    fn expire(&mut self, _at: Time, why: Why, now: Time) {
        match why {
            Why::Nobody => self.end(now, Call::UNREACHABLE, &[]),
            Why::Unanswered => self.end(now, EndReason::NOT_ANSWERED, &[]),
            Why::Transfer => self.transfer = None,
            Why::Away(leg) => {
                let (_, reason) = self.away.remove(&leg).expect("it is away");
                self.lose(leg, reason, EndReason::OFFLINE, EndReason::VANISHED, now);
            }
            Why::Silence => {
                let lost = self.away.keys().copied().filter(|leg| self.is(*leg, LegState::Connected)).max();
                match lost {
                    Some(_) if self.had_media => self.silence = Some(now + Duration::from_secs(25)),
                    _ if self.had_media => self.end(now, EndReason::NETWORK_LOST, &[]),
                    Some(CALLER) => self.end(now, EndReason::VANISHED, &[]),
                    Some(_) => self.end(now, EndReason::SETUP_UNFINISHED, &[]),
                    None if self.is_relay_allowed => self.end(now, EndReason::NO_PATH_AT_SETUP, &[]),
                    None => self.end(now, EndReason::NETWORK_MISCONFIGURED, &[]),
                }
            }
        }
    }

    fn take(&mut self, input: &Input, now: Time) {
        match input {
            Input::Start { endpoint, targets, offer, sending, is_relay_allowed, .. } => {
                if self.placed.is_some() {
                    return;
                }
                self.placed = Some(now);
                self.epoch = offer.epoch;
                self.is_relay_allowed = *is_relay_allowed;
                self.legs.insert(CALLER, (bits(*endpoint), LegState::Calling));
                self.sends.insert(CALLER, *sending);
                for device in &targets[0].devices {
                    self.add(bits(device.endpoint), device.is_busy);
                }
                if self.legs.len() == 1 {
                    self.end(now, targets[0].absence, &[]);
                } else {
                    self.end_if_nothing_rings(now);
                }
            }
            Input::DeviceAppeared { device, .. } => {
                if self.placed.is_some() && self.winner.is_none() {
                    self.add(bits(device.endpoint), device.is_busy);
                }
            }
            Input::Ringing(leg) => self.has_alerted |= self.is(*leg, LegState::Ringing),
            Input::Accept { leg, sending, answer, .. } => {
                if self.is(*leg, LegState::Ringing) {
                    self.winner = Some((*leg, now));
                    self.silence = Some(now + Duration::from_secs(25));
                    self.epoch = self.epoch.max(answer.epoch);
                    self.sends.insert(*leg, *sending);
                    let keep = [CALLER, *leg];
                    for (id, (_, state)) in &mut self.legs {
                        if keep.contains(id) {
                            *state = LegState::Connected;
                        } else if *state == LegState::Ringing {
                            *state = LegState::Over(EndReason::ACCEPTED_ELSEWHERE);
                            self.away.remove(id);
                        }
                    }
                }
            }
            Input::Decline { leg, is_busy } => {
                let reason = if *is_busy { EndReason::BUSY } else { EndReason::DECLINED };
                self.stop_ringing(*leg, reason, now);
            }
            Input::HangUp { leg, for_everyone } => {
                if self.is(*leg, LegState::Ringing) {
                    self.stop_ringing(*leg, EndReason::DECLINED, now);
                } else if self.is(*leg, LegState::Calling) {
                    self.end(now, EndReason::CANCELLED, &[(*leg, EndReason::HUNG_UP)]);
                } else if self.is(*leg, LegState::Connected) && *for_everyone {
                    self.end(now, EndReason::ENDED_FOR_ALL, &[(*leg, EndReason::HUNG_UP)]);
                } else if self.is(*leg, LegState::Connected) {
                    self.end(now, EndReason::HUNG_UP, &[]);
                }
            }
            Input::Describe(leg, description) => {
                let counts = self.is(*leg, LegState::Connected)
                    || self.is(*leg, LegState::Calling) && description.kind == centrale_calls::DescriptionKind::Offer;
                if counts && description.epoch > self.epoch {
                    self.epoch = description.epoch;
                    if self.winner.is_some() {
                        self.silence = Some(now + Duration::from_secs(25));
                    }
                }
            }
            Input::Sending(leg, sending) => {
                if self.is(*leg, LegState::Connected) || self.is(*leg, LegState::Calling) {
                    self.sends.insert(*leg, *sending);
                }
            }
            Input::Hold(leg) | Input::Resume(leg) => {
                if self.is(*leg, LegState::Connected) {
                    self.holds.insert(*leg, matches!(input, Input::Hold(_)));
                }
            }
            Input::Transfer(leg, _) => {
                if self.is(*leg, LegState::Connected) && self.transfer.is_none() {
                    self.transfer = Some(now + Duration::from_secs(60));
                    self.transfers += 1;
                }
            }
            Input::TransferProgress { transfer, outcome } => {
                if self.transfer.is_some() && *transfer + 1 == self.transfers {
                    self.transfer = None;
                    if outcome.is_ok() {
                        self.end(now, EndReason::TRANSFERRED, &[]);
                    }
                }
            }
            Input::Replaced => {
                if self.placed.is_some() {
                    self.end(now, EndReason::TRANSFERRED, &[]);
                }
            }
            Input::Media(leg, MediaReport::Connected) => {
                if self.is(*leg, LegState::Connected) {
                    self.had_media = true;
                    self.silence = None;
                }
            }
            Input::Lost { leg, is_leaving } => {
                if self.is_live(*leg) {
                    let (secs, reason) =
                        if *is_leaving { (60, EndReason::VANISHED) } else { (120, EndReason::NETWORK_LOST) };
                    let window = (now + Duration::from_secs(secs), reason);
                    let old = *self.away.entry(*leg).or_insert(window);
                    if old.1 == EndReason::NETWORK_LOST && window.0 < old.0 {
                        self.away.insert(*leg, window);
                    }
                }
            }
            Input::Back(leg) => {
                self.away.remove(leg);
            }
            Input::TokenOver(leg) => {
                let reason = EndReason::TOKEN_INVALID;
                self.lose(*leg, reason, reason, reason, now);
            }
            Input::Candidates(..) | Input::TakenOver | Input::Tick => {}
            Input::Join { .. }
            | Input::Add { .. }
            | Input::Remove { .. }
            | Input::MuteOthers { .. }
            | Input::RaiseHand(..)
            | Input::LowerHands { .. }
            | Input::Spotlight { .. }
            | Input::Receive(..)
            | Input::Convene(_)
            | Input::Role { .. }
            | Input::Heard(_) => unreachable!("groups have a model of their own"),
            Input::Media(_, MediaReport::Interrupted | MediaReport::Failed) => {
                unreachable!("broken media is not part of the model")
            }
        }
    }

    fn add(&mut self, endpoint: u128, is_busy: bool) {
        let is_known = self.legs.values().any(|(other, state)| {
            *other == endpoint
                && match state {
                    LegState::Calling | LegState::Ringing | LegState::Joining | LegState::Connected => true,
                    LegState::Over(EndReason::DECLINED) => true,
                    LegState::Over(_) => is_busy,
                }
        });
        if !is_known && self.legs.len() < 64 {
            let id = LegId(u32::try_from(self.legs.len()).expect("few legs"));
            let state = if is_busy { LegState::Over(EndReason::BUSY) } else { LegState::Ringing };
            self.legs.insert(id, (endpoint, state));
        }
    }

    /// A leg is gone: one that rings with `ringing`, another with `own` and the call with `call`.
    fn lose(&mut self, leg: LegId, own: EndReason, ringing: EndReason, call: EndReason, now: Time) {
        if self.is(leg, LegState::Ringing) {
            self.stop_ringing(leg, ringing, now);
        } else if self.is_live(leg) {
            let others = self.legs.keys().filter(|other| **other != leg).map(|other| (*other, EndReason::VANISHED));
            let mut told: Vec<_> = others.collect();
            told.push((leg, own));
            self.end(now, call, &told);
        }
    }

    fn stop_ringing(&mut self, leg: LegId, reason: EndReason, now: Time) {
        if self.is(leg, LegState::Ringing) {
            self.set(leg, LegState::Over(reason));
            self.away.remove(&leg);
            self.end_if_nothing_rings(now);
        }
    }

    fn end_if_nothing_rings(&mut self, now: Time) {
        let states: Vec<LegState> = self.legs.values().map(|(_, state)| *state).collect();
        if states.contains(&LegState::Ringing) || self.winner.is_some() {
            return;
        }
        let any = |reason| states.contains(&LegState::Over(reason));
        // Only clients that never decline as busy are in the world, so busy devices are those that did not ring.
        let rung = states.iter().skip(1).filter(|state| **state != LegState::Over(EndReason::BUSY)).count();
        let reason = match (any(EndReason::DECLINED), any(EndReason::BUSY)) {
            (true, _) if rung == 1 => EndReason::DECLINED,
            (true, _) => EndReason::DECLINED_BY_ALL,
            (false, true) => EndReason::BUSY,
            (false, false) => EndReason::OFFLINE,
        };
        self.end(now, reason, &[]);
    }

    /// All live legs are told `reason`, but for those that are told something else.
    fn end(&mut self, now: Time, reason: EndReason, told: &[(LegId, EndReason)]) {
        for (id, (_, state)) in &mut self.legs {
            if !matches!(state, LegState::Over(_)) {
                let own = told.iter().find(|(leg, _)| leg == id).map_or(reason, |(_, reason)| *reason);
                *state = LegState::Over(own);
            }
        }
        self.over = Some((now, reason));
    }

    fn is(&self, leg: LegId, state: LegState) -> bool {
        self.legs.get(&leg).is_some_and(|(_, is)| *is == state)
    }

    fn is_live(&self, leg: LegId) -> bool {
        self.legs.get(&leg).is_some_and(|(_, is)| !matches!(is, LegState::Over(_)))
    }

    fn set(&mut self, leg: LegId, state: LegState) {
        if let Some((_, is)) = self.legs.get_mut(&leg) {
            *is = state;
        }
    }

    /// The call as a live leg ought to see it.
    pub(crate) fn state_for(&self, leg: LegId) -> CallState {
        let holds = |leg: &LegId| self.holds.get(leg).copied().unwrap_or(false);
        match self.legs[&leg].1 {
            LegState::Calling if !self.has_alerted => CallState::Connecting,
            LegState::Calling | LegState::Ringing => CallState::Ringing,
            LegState::Joining => CallState::Connecting,
            LegState::Over(_) => CallState::Disconnected,
            LegState::Connected if holds(&leg) => CallState::LocalHold,
            LegState::Connected if self.legs.keys().any(holds) => CallState::RemoteHold,
            LegState::Connected => CallState::Connected,
        }
    }
}

fn bits(endpoint: centrale_model::EndpointId) -> u128 {
    u128::from_str_radix(&endpoint.to_string().replace('-', ""), 16).expect("a GUID")
}
