//! The client API and the stories of calls, on the route table.

use axum::body::Body;
use centrale_exchange::Error;
use centrale_exchange::calls::{Switchboard, explain};
use centrale_wire::Method;
use centrale_wire::client::{
    JoinCall, LeaveEndpoint, PollEvents, RegisterEndpoint, SendSignals, SignalsTaken, StartCall, UnregisterEndpoint,
};
use centrale_wire::explain::{ExplainCall, ListCalls};

use super::upgrade;
use crate::rest::{self, Routes};

/// Adds what clients ask of the switchboard, and what operators ask about calls.
pub fn mount(r: &mut Routes, board: Switchboard) {
    r.mount::<ListCalls>(explain::list_calls);
    r.mount::<ExplainCall>(explain::explain_call);

    let at = board.clone();
    r.mount_node::<StartCall, _, _>(move |_, caller, request| {
        let board = at.clone();
        async move { board.start_call(caller.user()?, request).await }
    });
    let at = board.clone();
    r.mount_node::<JoinCall, _, _>(move |_, caller, request| {
        let board = at.clone();
        async move { board.join_call(caller.user()?, request).await }
    });
    let at = board.clone();
    r.mount_node::<SendSignals, _, _>(move |_, caller, request| {
        let board = at.clone();
        async move {
            let identity = &caller.user()?.identity;
            let SendSignals { call_id, endpoint_id, request_id, signals } = request;
            let fresh = board.signal(identity, call_id, endpoint_id, request_id, signals).await?;
            Ok(SignalsTaken { fresh })
        }
    });
    let at = board.clone();
    r.mount_node::<RegisterEndpoint, _, _>(move |_, caller, request| {
        let board = at.clone();
        async move {
            let RegisterEndpoint { endpoint_id, display_name, after } = request;
            board.register_for_polls(caller.user()?, endpoint_id, display_name, after).await
        }
    });
    let at = board.clone();
    r.mount_node::<PollEvents, _, _>(move |_, caller, request| {
        let board = at.clone();
        async move { board.poll(caller.user()?, &request).await }
    });
    let at = board.clone();
    r.mount_node::<LeaveEndpoint, _, _>(move |_, caller, request| {
        let board = at.clone();
        async move { board.leaving(caller.user()?, request.endpoint_id).await }
    });
    let at = board.clone();
    r.mount_node::<UnregisterEndpoint, _, _>(move |_, caller, request| {
        let board = at.clone();
        async move { board.unregister(caller.user()?, request.endpoint_id).await }
    });
    r.raw(Method::Get, "/client/events", false, move |_, incoming| {
        let board = board.clone();
        async move {
            if upgrade::is_upgrade(incoming.request.headers()) {
                upgrade::accept(board, incoming.request).map(|()| Body::empty())
            } else {
                rest::error(&Error::invalid("Events come over a WebSocket; without one, poll /client/events/poll."))
            }
        }
    });
}
