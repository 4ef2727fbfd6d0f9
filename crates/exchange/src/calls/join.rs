//! Joining a group call by its group or by itself.

use std::time::Duration;

use centrale_calls::Input;
use centrale_model::{CallId, GroupId, ParticipantId, ParticipantRole, ReceiveMode};
use centrale_wire::client::{CallJoined, JoinCall, Locator, StartCall};
use centrale_wire::signal as wire;

use super::command::{Answer, Command, Join, What};
use super::hosted::Hosted;
use super::presence::ice_configuration;
use super::start::{checked_name, checked_request};
use super::switchboard::{Switchboard, no_call};
use super::{endpoints, ledger, speak};
use crate::identity::Bearer;
use crate::{Error, Kind, Result};

/// How often joining looks anew for the call of a group: it may end, or be made by somebody else, at this very moment.
const LOOKS: u32 = 8;

/// The request by which whoever places a group call comes into it.
pub(super) const BY_PLACING: &str = "placed";

impl Switchboard {
    /// Joins a group call; the first who joins a group makes its call (B-CALL-7).
    ///
    /// # Errors
    /// `NotFound` when there is no such call; `Forbidden` when it is full (`CallIsFull`), or when there is none and the token only permits to
    /// join; `Conflict` when it is no group call, or the device has described itself with this epoch already; `Invalid` when the request or
    /// the offer is malformed; `Unavailable` while no media processor answers.
    pub async fn join_call(&self, bearer: &Bearer, request: JoinCall) -> Result<CallJoined> {
        let ctx = self.context();
        checked_request(&request.request_id)?;
        if request.offer.kind != wire::DescriptionKind::Offer {
            return Err(Error::validation("offer", "A call is joined with an offer."));
        }
        speak::description(&request.offer)?;
        let display_name = checked_name(request.display_name)?;
        let registered = endpoints::name(ctx.store.as_ref(), &bearer.identity, request.endpoint_id).await?;
        let Some(registered) = registered else {
            return Err(Error::validation("endpointId", "This endpoint is not registered for this user."));
        };
        let join = Join {
            identity: bearer.identity.clone(),
            endpoint: request.endpoint_id,
            participant_id: ParticipantId::from_random(ctx.random_16()),
            display_name: display_name.or(registered),
            request: request.request_id,
            offer: request.offer,
            sending: request.sending,
            mode: request.media,
        };
        let joined = match request.locator {
            Locator::Call { call_id } => match self.join_known(call_id, &join).await {
                Err(error) if error.kind() == Kind::Gone => Err(no_call()),
                joined => joined,
            },
            Locator::Group { group_id } => self.join_group(bearer, group_id, &join).await,
        };
        let (answer, call) = joined?;
        Ok(CallJoined {
            call_id: call.call_id,
            participant_id: call.participant_id,
            answer,
            ice: ice_configuration(ctx, &bearer.identity),
            call,
        })
    }

    async fn join_group(
        &self,
        bearer: &Bearer,
        group: GroupId,
        join: &Join,
    ) -> Result<(wire::Description, wire::CallView)> {
        let mut last = no_call();
        for look in 0..LOOKS {
            if look > 0 {
                tokio::time::sleep(Duration::from_millis(25 << look.min(4))).await;
            }
            let Some(call) = ledger::call_of_group(self.context().store.as_ref(), group).await? else {
                match self.open_group(bearer, group, join).await? {
                    Some(joined) => return Ok(joined),
                    None => continue,
                }
            };
            match self.join_known(call, join).await {
                // Just over, or just being made.
                Err(error) if matches!(error.kind(), Kind::Gone | Kind::NotFound | Kind::Unavailable) => last = error,
                joined => return joined,
            }
        }
        Err(match last.kind() {
            Kind::Unavailable => last,
            _ => Error::unavailable("the group's call changes too often"),
        })
    }

    /// Makes the call of a group; nothing when somebody else was quicker.
    async fn open_group(
        &self,
        bearer: &Bearer,
        group: GroupId,
        join: &Join,
    ) -> Result<Option<(wire::Description, wire::CallView)>> {
        let ctx = self.context();
        if !bearer.scopes.may_start_calls() {
            return Err(Error::forbidden("There is no such call yet, and this token does not permit to begin one."));
        }
        if self.is_draining() {
            return Err(Error::unavailable("the node is draining"));
        }
        let call = CallId::from_random(ctx.random_16());
        let mut hosted = Hosted::new(call, ctx.now(), self.0.settings.timers.clone(), self.0.settings.participants);
        if !ledger::create(ctx, &self.0.node, &hosted, &bearer.identity, &[], Some(group)).await? {
            return Ok(None);
        }
        hosted.joined_by(centrale_model::LegId(0), &join.request);
        let start = Input::Join {
            identity: join.identity.clone(),
            endpoint: join.endpoint,
            participant_id: join.participant_id,
            display_name: join.display_name.clone(),
            group: Some(group),
            offer: speak::description(&join.offer)?,
            sending: speak::sending(join.sending),
            mode: join.mode,
            role: ParticipantRole::default(),
            is_relay_allowed: ctx.relay.enabled,
        };
        let offer = (call, join.participant_id, join.offer.epoch);
        let waiting = self.await_answer(offer.0, offer.1, offer.2);
        self.host_new(hosted, start).await?;
        let answer = self.answer_to(offer, waiting).await?;
        self.joined(call, join.endpoint, answer, join.offer.epoch).await.map(Some)
    }

    /// Joins a call that is there, wherever it is hosted.
    pub(super) async fn join_known(&self, call: CallId, join: &Join) -> Result<(wire::Description, wire::CallView)> {
        match self.command(Command { call, what: What::Join(Box::new(join.clone())) }).await? {
            Answer::Joined { answer, view } => Ok((answer, *view)),
            _ => Err(Error::bug("a join got an answer of another kind")),
        }
    }

    /// What a client that joined is told: the answer to its offer, and the call as it sees it now.
    pub(super) async fn joined(
        &self,
        call: CallId,
        endpoint: centrale_model::EndpointId,
        answer: String,
        epoch: u32,
    ) -> Result<(wire::Description, wire::CallView)> {
        let answer = wire::Description { kind: wire::DescriptionKind::Answer, epoch, sdp: answer };
        match self.command_here(&Command { call, what: What::View { endpoint } }).await? {
            Some(Answer::View(Some(view))) => Ok((answer, *view)),
            _ => Err(Error::gone("The call is over for this device.")),
        }
    }

    /// The answer to a call that was placed to the media processor before, by the same request.
    pub(super) async fn answer_again(&self, caller: &Bearer, request: &StartCall) -> Result<wire::Description> {
        let join = Join {
            identity: caller.identity.clone(),
            endpoint: request.endpoint_id,
            participant_id: ParticipantId::from_random(self.context().random_16()),
            display_name: None,
            request: BY_PLACING.to_owned(),
            offer: request.offer.clone(),
            sending: request.sending,
            mode: ReceiveMode::default(),
        };
        Ok(self.join_known(request.call_id, &join).await?.0)
    }
}
