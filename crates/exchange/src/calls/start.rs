//! Placing a call: who is called, where it rings.

use centrale_calls::{Device, Form, Input, Origin, Sealed, Target, TransferTarget};
use centrale_model::{CallId, EndReason, Identity, LegId, ParticipantId, ResourceId};
use centrale_wire::client::{CallStarted, StartCall};
use centrale_wire::signal as wire;

use super::hosted::Hosted;
use super::join::BY_PLACING;
use super::presence::ice_configuration;
use super::switchboard::Switchboard;
use super::{endpoints, ledger, speak};
use crate::identity::Bearer;
use crate::{Error, Result};

/// Calls that one device takes at a time: one that talks and one that waits or is held. A further caller hears that it is busy.
const CALLS_PER_DEVICE: i64 = 2;

/// Whom one call may be placed to at once. More are added one by one.
const MOST_TARGETS: usize = 100;

/// The raw id of the echo bot (B-CALL-12).
const ECHO: &str = "8:echo123";

/// Longest display name, in characters.
pub(super) const NAME_LIMIT: usize = 256;

/// Longest custom context, in bytes of JSON.
const CONTEXT_LIMIT: usize = 4 * 1024;

impl Switchboard {
    /// Places a call. Asked again with the same id by the same device, it is the same call.
    ///
    /// Whom it cannot reach it tells as any end of a call: by an `ended` event with its reason.
    ///
    /// # Errors
    /// `Invalid` when the request is malformed or names an endpoint that is not registered; `Conflict` when the id is another
    /// call's; `Unavailable` while the node drains.
    pub async fn start_call(&self, caller: &Bearer, request: StartCall) -> Result<CallStarted> {
        let ctx = self.context();
        if self.is_draining() {
            return Err(Error::unavailable("the node is draining"));
        }
        let form = form(&request, &caller.identity)?;
        if request.offer.kind != wire::DescriptionKind::Offer || request.offer.epoch != 0 {
            return Err(Error::validation("offer", "A call begins with an offer of epoch 0."));
        }
        let offer = speak::description(&request.offer)?;
        let context = sealed_context(request.custom_context.as_ref())?;
        let display_name = checked_name(request.display_name.clone())?;
        let Some(registered_name) = endpoints::name(ctx.store.as_ref(), &caller.identity, request.endpoint_id).await?
        else {
            return Err(Error::validation("endpointId", "This endpoint is not registered for this user."));
        };
        let origin = self.origin(caller, request.transfer_of.as_ref()).await?;
        let participant_id = ParticipantId::from_random(ctx.random_16());
        let (timers, participants) = (self.0.settings.timers.clone(), self.0.settings.participants);
        let mut hosted = Hosted::new(request.call_id, ctx.now(), timers, participants);
        if !ledger::create(ctx, &self.0.node, &hosted, &caller.identity, &request.targets, None).await? {
            return self.same_call(caller, &request).await;
        }
        let mut targets = Vec::with_capacity(request.targets.len());
        for target in &request.targets {
            targets.push(self.target(target, request.endpoint_id, &origin).await?);
        }
        let start = Input::Start {
            caller: caller.identity.clone(),
            endpoint: request.endpoint_id,
            participant_id,
            display_name: display_name.or(registered_name),
            form,
            targets,
            offer,
            sending: speak::sending(request.sending),
            origin,
            context,
            is_relay_allowed: ctx.relay.enabled,
        };
        let answer = if form == Form::Pair {
            self.host_new(hosted, start).await?;
            None
        } else {
            hosted.joined_by(LegId(0), BY_PLACING);
            self.place_at_media(hosted, start, (request.call_id, participant_id, request.offer.epoch)).await?
        };
        let ice = ice_configuration(ctx, &caller.identity);
        Ok(CallStarted { call_id: request.call_id, participant_id, answer, ice })
    }

    /// Places a call whose offer goes to the media processor. No answer when the call was over at once: its end is told as an event.
    async fn place_at_media(
        &self,
        hosted: Hosted,
        start: Input,
        offer: (CallId, ParticipantId, u32),
    ) -> Result<Option<wire::Description>> {
        let waiting = self.await_answer(offer.0, offer.1, offer.2);
        self.host_new(hosted, start).await?;
        if ledger::is_over(self.context().store.as_ref(), offer.0).await? {
            return Ok(None);
        }
        let sdp = self.answer_to(offer, waiting).await?;
        Ok(Some(wire::Description { kind: wire::DescriptionKind::Answer, epoch: offer.2, sdp }))
    }

    /// The answer to a request that was made before: the same call, or somebody else's id.
    async fn same_call(&self, caller: &Bearer, request: &StartCall) -> Result<CallStarted> {
        let views = self.views(request.endpoint_id).await?;
        let view = views
            .into_iter()
            .find(|view| view.call_id == request.call_id && view.direction == centrale_model::Direction::Outgoing)
            .ok_or_else(|| Error::conflict("This call id is taken.").target("callId"))?;
        let was_placed_there = view.conference && view.epoch == request.offer.epoch;
        Ok(CallStarted {
            call_id: view.call_id,
            participant_id: view.participant_id,
            answer: if was_placed_there { Some(self.answer_again(caller, request).await?) } else { None },
            ice: ice_configuration(self.context(), &caller.identity),
        })
    }

    /// Where a called identity can ring at the moment.
    pub(super) async fn target(
        &self,
        identity: &Identity,
        calling: centrale_model::EndpointId,
        origin: &Origin,
    ) -> Result<Target> {
        let ctx = self.context();
        if let Some(absence) = unreachable(identity, ctx.resource) {
            return Ok(Target { identity: identity.clone(), devices: Vec::new(), absence });
        }
        let store = ctx.store.as_ref();
        let known = endpoints::of(ctx, &self.0.node, identity).await?;
        let legs = ledger::legs_by_endpoint(store, identity).await?;
        let only = match origin {
            Origin::TransferOf { replaces: Some(call), .. } => ledger::endpoints_in(store, *call, identity).await?,
            Origin::TransferOf { replaces: None, .. } | Origin::Dialled => Vec::new(),
        };
        let now = ctx.now();
        let devices = known
            .iter()
            .filter(|endpoint| endpoint.id != calling && endpoint.can_ring(now))
            .filter(|endpoint| only.is_empty() || only.contains(&endpoint.id))
            .map(|endpoint| {
                let id = endpoint.id.to_string();
                let busy_with = legs.iter().find(|(known, _)| *known == id).map_or(0, |(_, count)| *count);
                Device {
                    endpoint: endpoint.id,
                    participant_id: ParticipantId::from_random(ctx.random_16()),
                    is_busy: busy_with >= CALLS_PER_DEVICE,
                }
            })
            .collect();
        let absence = if known.is_empty() { EndReason::NO_ENDPOINT } else { EndReason::OFFLINE };
        Ok(Target { identity: identity.clone(), devices, absence })
    }

    /// The transfer that a new call carries out: it must have been asked of this very user.
    async fn origin(&self, caller: &Bearer, transfer: Option<&wire::TransferOf>) -> Result<Origin> {
        let Some(transfer) = transfer else { return Ok(Origin::Dialled) };
        let asked = self.transfer_asked(&caller.identity, transfer.call_id, transfer.transfer).await?;
        let Some((transferor, target)) = asked else {
            return Err(Error::validation("transferOf", "No such transfer was asked of this user."));
        };
        Ok(Origin::TransferOf {
            call: transfer.call_id,
            transfer: transfer.transfer,
            transferor,
            replaces: match target {
                wire::TransferTarget::Call { call_id, .. } => Some(call_id),
                wire::TransferTarget::Participant { .. } => None,
            },
        })
    }
}

/// Reads where a transfer should lead. The other side of a call is filled in by [`Switchboard`] before the machine sees it.
pub(super) fn transfer_target(said: &wire::TransferTarget) -> Result<TransferTarget> {
    match said {
        wire::TransferTarget::Participant { identity } => Ok(TransferTarget::Identity(identity.clone())),
        wire::TransferTarget::Call { call_id, identity: Some(identity) } => {
            Ok(TransferTarget::Call { call: *call_id, identity: identity.clone() })
        }
        wire::TransferTarget::Call { identity: None, .. } => {
            Err(Error::validation("target", "There is no such call to transfer to."))
        }
    }
}

/// What kind of call is asked for: between two, a group, or with the echo bot.
fn form(request: &StartCall, caller: &Identity) -> Result<Form> {
    let targets = &request.targets;
    if targets.is_empty() || targets.len() > MOST_TARGETS {
        return Err(Error::validation("targets", "A call has 1 to 100 targets."));
    }
    let is_group = request.group || targets.len() > 1;
    let is_twice = |(at, target): (usize, &Identity)| targets[..at].contains(target);
    if is_group && (targets.contains(caller) || targets.iter().enumerate().any(is_twice)) {
        return Err(Error::validation("targets", "The targets of a group call are others, each once."));
    }
    if is_group && request.transfer_of.is_some() {
        return Err(Error::validation("transferOf", "A transfer leads to a call between two."));
    }
    match targets.as_slice() {
        [Identity::Unknown(raw)] if raw == ECHO && !is_group => Ok(Form::Echo),
        [_] if !is_group => Ok(Form::Pair),
        _ => Ok(Form::Group),
    }
}

/// Why an identity can never ring here; `None` when it may.
fn unreachable(identity: &Identity, resource: ResourceId) -> Option<EndReason> {
    match identity {
        Identity::User { resource: of, .. } if *of == resource => None,
        Identity::User { .. } | Identity::Unknown(_) => Some(EndReason::NO_ENDPOINT),
        Identity::Phone(_) => Some(EndReason::NO_TRUNK),
    }
}

/// Checks the name of a request.
pub(super) fn checked_request(request: &str) -> Result<()> {
    if request.is_empty() || request.len() > 64 || !request.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Error::validation("requestId", "requestId has 1 to 64 printable ASCII characters."));
    }
    Ok(())
}

/// Checks a display name: not too long, no control characters.
pub(super) fn checked_name(name: Option<String>) -> Result<Option<String>> {
    match name {
        Some(name) if name.chars().count() > NAME_LIMIT || name.chars().any(char::is_control) => Err(
            Error::validation("displayName", "A display name has at most 256 characters and no control characters."),
        ),
        Some(name) if name.is_empty() => Ok(None),
        other => Ok(other),
    }
}

fn sealed_context(context: Option<&serde_json::Value>) -> Result<Option<Sealed>> {
    let Some(context) = context.filter(|value| !value.is_null()) else { return Ok(None) };
    let text = context.to_string();
    if text.len() > CONTEXT_LIMIT {
        return Err(Error::validation("customContext", "A custom context has at most 4096 bytes of JSON."));
    }
    Ok(Some(Sealed(text)))
}
