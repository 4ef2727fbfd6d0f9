//! Calls through the switchboard: what each client hears, what is kept, what survives.

#[path = "support/calls.rs"]
mod support;

use std::time::Duration;

use centrale_exchange::calls::explain;
use centrale_exchange::{Kind, usage};
use centrale_model::{CallId, CallState, EndReason};
use centrale_relay::{Fact, Reason, RecordId, Refused, Transport, Usage, Whose};
use centrale_wire::admin::UsageRecord;
use centrale_wire::explain::ExplainCall;
use centrale_wire::signal::{Event, Sending, Signal, TransferOf, TransferTarget};
use support::{Client, House, key_caller, kinds, offer};

fn id(number: u128) -> CallId {
    CallId::from_u128(number)
}

fn end_of(events: &[Event]) -> Option<EndReason> {
    events.iter().find_map(|event| match event {
        Event::Ended { reason, .. } => Some(*reason),
        _ => None,
    })
}

#[tokio::test]
async fn two_people_ring_talk_and_hang_up_and_it_is_all_kept() {
    let house = House::new().await;
    let board = house.node("one", true).await;
    let mut alice = Client::new(&board, 1).await;
    let mut bob = Client::new(&board, 2).await;
    alice.call(id(1), &bob.identity()).await.expect("placed");
    let heard = bob.hears().await;
    assert_eq!(kinds(&heard), ["incomingCall"]);
    let Event::IncomingCall(incoming) = &heard[0] else { panic!() };
    assert_eq!(incoming.offer, offer(0));
    assert_eq!(incoming.caller.identity, alice.identity());
    bob.does(id(1), vec![Signal::Ringing]).await.expect("taken");
    assert!(kinds(&alice.hears().await).contains(&"ringing"));
    bob.accepts(id(1)).await;
    assert!(kinds(&alice.hears().await).contains(&"accepted"));
    assert!(kinds(&bob.hears().await).contains(&"joined"));
    house.clock.advance(Duration::from_secs(10));
    alice.does(id(1), vec![Signal::HangUp { for_everyone: false }]).await.expect("taken");
    assert_eq!(end_of(&alice.hears().await), Some(EndReason::HUNG_UP));
    assert_eq!(end_of(&bob.hears().await), Some(EndReason::HUNG_UP));
    assert_eq!(board.hosted(), 0);

    let totals = usage::totals(board.context(), &usage::Filter::default()).await.expect("totals");
    assert_eq!(totals.len(), 1);
    assert_eq!((totals[0].quantity, totals[0].records), (20_000, 2));
    let story =
        explain::explain_call(board.context(), &key_caller(), ExplainCall { call_id: id(1) }).await.expect("a story");
    assert_eq!(story.legs.len(), 2);
    assert_eq!(story.call.end_reason, Some(EndReason::HUNG_UP));
    assert!(story.text.contains("is connected"), "{}", story.text);
}

#[tokio::test]
async fn a_repeated_request_changes_nothing() {
    let house = House::new().await;
    let board = house.node("one", true).await;
    let alice = Client::new(&board, 1).await;
    let mut bob = Client::new(&board, 2).await;
    alice.call(id(1), &bob.identity()).await.expect("placed");
    alice.call(id(1), &bob.identity()).await.expect("the same call again");
    assert_eq!(kinds(&bob.hears().await), ["incomingCall"]);
    assert!(bob.asks(id(1), "x".into(), vec![Signal::Ringing]).await.expect("taken"));
    assert!(!bob.asks(id(1), "x".into(), vec![Signal::Ringing]).await.expect("known"));
}

#[tokio::test]
async fn who_cannot_be_reached_is_told_apart() {
    let house = House::new().await;
    let board = house.node("one", true).await;
    let mut alice = Client::new(&board, 1).await;
    let mut bob = Client::new(&board, 2).await;
    let nobody =
        "8:acs:00000000-0000-0000-0000-00000000cafe_00000000-0000-4000-8000-000000000001".parse().expect("an id");
    alice.call(id(1), &nobody).await.expect("placed");
    assert_eq!(end_of(&alice.hears().await), Some(EndReason::NO_ENDPOINT));
    bob.lose_connection().await;
    house.clock.advance(Duration::from_secs(60));
    alice.call(id(2), &bob.identity()).await.expect("placed");
    assert_eq!(end_of(&alice.hears().await), Some(EndReason::OFFLINE));
}

#[tokio::test]
async fn a_device_with_two_calls_is_busy_for_a_third() {
    let house = House::new().await;
    let board = house.node("one", true).await;
    let mut bob = Client::new(&board, 9).await;
    for number in 1..=3 {
        let mut caller = Client::new(&board, number).await;
        caller.call(id(number), &bob.identity()).await.expect("placed");
        let end = end_of(&caller.hears().await);
        assert_eq!(end, if number < 3 { None } else { Some(EndReason::BUSY) });
    }
    assert_eq!(kinds(&bob.hears().await), ["incomingCall", "incomingCall"]);
}

#[tokio::test]
async fn of_two_devices_the_first_to_answer_wins() {
    let house = House::new().await;
    let board = house.node("one", true).await;
    let alice = Client::new(&board, 1).await;
    let mut desk = Client::new(&board, 2).await;
    let mut mobile = Client::of(&board, desk.identity(), 3).await;
    alice.call(id(1), &desk.identity()).await.expect("placed");
    mobile.accepts(id(1)).await;
    assert_eq!(end_of(&desk.hears().await), Some(EndReason::ACCEPTED_ELSEWHERE));
    assert!(kinds(&mobile.hears().await).contains(&"joined"));
    let error = desk.does(id(1), vec![Signal::Hold]).await.expect_err("it is over there");
    assert_eq!(error.kind(), Kind::Gone);
}

#[tokio::test]
async fn a_stranger_is_told_nothing_of_a_call() {
    let house = House::new().await;
    let board = house.node("one", true).await;
    let alice = Client::new(&board, 1).await;
    let bob = Client::new(&board, 2).await;
    let mut eve = Client::new(&board, 3).await;
    alice.call(id(1), &bob.identity()).await.expect("placed");
    let of_a_call = eve.does(id(1), vec![Signal::HangUp { for_everyone: true }]).await.expect_err("not hers");
    let of_no_call = eve.does(id(7), vec![Signal::HangUp { for_everyone: true }]).await.expect_err("none");
    assert_eq!((of_a_call.kind(), of_a_call.message()), (of_no_call.kind(), of_no_call.message()));
    assert_eq!(of_a_call.kind(), Kind::NotFound);
    assert!(eve.hears().await.is_empty());
    let taken = eve.call(id(1), &bob.identity()).await.expect_err("the id is taken");
    assert_eq!(taken.kind(), Kind::Conflict);
}

#[tokio::test]
async fn nobody_answers_and_time_ends_the_call() {
    let house = House::new().await;
    let board = house.node("one", true).await;
    let mut alice = Client::new(&board, 1).await;
    let mut bob = Client::new(&board, 2).await;
    alice.call(id(1), &bob.identity()).await.expect("placed");
    bob.does(id(1), vec![Signal::Ringing]).await.expect("taken");
    house.clock.advance(Duration::from_secs(121));
    board.tick().await;
    assert_eq!(end_of(&alice.hears().await), Some(EndReason::NOT_ANSWERED));
    assert_eq!(end_of(&bob.hears().await), Some(EndReason::NOT_ANSWERED));
}

#[tokio::test]
async fn a_call_survives_its_node_and_can_be_controlled_again() {
    let house = House::new().await;
    let before = house.node("one", true).await;
    let mut alice = Client::new(&before, 1).await;
    let mut bob = Client::new(&before, 2).await;
    alice.call(id(1), &bob.identity()).await.expect("placed");
    bob.accepts(id(1)).await;
    alice.does(id(1), vec![Signal::Media { report: connected() }]).await.expect("taken");
    alice.hears().await;
    bob.hears().await;
    // The node dies: nothing of `before` is used any more. It starts again under its name.
    let after = house.node("one", true).await;
    alice.board = after.clone();
    bob.board = after.clone();
    let welcome = alice.connect().await;
    assert!(!welcome.reset, "the cursor is still good");
    assert_eq!(welcome.calls.len(), 1);
    assert_eq!(welcome.calls[0].state, CallState::Connected);
    bob.connect().await;
    bob.does(id(1), vec![Signal::Sending { sending: Sending { muted: true, ..Sending::default() } }])
        .await
        .expect("taken");
    let heard = alice.hears().await;
    assert!(
        heard.iter().any(|event| matches!(event, Event::Participant { participant, .. } if participant.sending.muted))
    );
    house.clock.advance(Duration::from_secs(200));
    after.tick().await;
    assert_eq!(end_of(&alice.hears().await), None, "both are back, so nothing times out");
    bob.does(id(1), vec![Signal::HangUp { for_everyone: false }]).await.expect("taken");
    assert_eq!(end_of(&alice.hears().await), Some(EndReason::HUNG_UP));
}

#[tokio::test]
async fn who_stays_away_is_out_after_the_reconnect_window() {
    let house = House::new().await;
    let board = house.node("one", true).await;
    let mut alice = Client::new(&board, 1).await;
    let mut bob = Client::new(&board, 2).await;
    alice.call(id(1), &bob.identity()).await.expect("placed");
    bob.accepts(id(1)).await;
    alice.does(id(1), vec![Signal::Media { report: connected() }]).await.expect("taken");
    bob.lose_connection().await;
    house.clock.advance(Duration::from_secs(121));
    board.tick().await;
    assert_eq!(end_of(&alice.hears().await), Some(EndReason::VANISHED));
}

#[tokio::test]
async fn a_reloaded_page_finds_its_call_again() {
    let house = House::new().await;
    let board = house.node("one", true).await;
    let mut alice = Client::new(&board, 1).await;
    let mut bob = Client::new(&board, 2).await;
    alice.call(id(1), &bob.identity()).await.expect("placed");
    bob.accepts(id(1)).await;
    board.leaving(&bob.bearer, bob.endpoint).await.expect("noted");
    bob.lose_connection().await;
    bob.seen = centrale_model::Sequence(0);
    let welcome = bob.connect().await;
    assert!(welcome.reset);
    assert_eq!(welcome.calls.len(), 1);
    alice.hears().await;
    bob.does(id(1), vec![Signal::Describe { description: offer(1) }]).await.expect("taken");
    let heard = alice.hears().await;
    assert!(
        heard.iter().any(|event| matches!(event, Event::Description { description, .. } if description.epoch == 1))
    );
}

#[tokio::test]
async fn a_blind_transfer_leads_the_transferee_to_its_target() {
    let house = House::new().await;
    let board = house.node("one", true).await;
    let mut alice = Client::new(&board, 1).await;
    let mut bob = Client::new(&board, 2).await;
    let mut carol = Client::new(&board, 3).await;
    alice.call(id(1), &bob.identity()).await.expect("placed");
    bob.accepts(id(1)).await;
    bob.hears().await;
    let target = TransferTarget::Participant { identity: carol.identity() };
    alice.does(id(1), vec![Signal::Transfer { target }]).await.expect("taken");
    let heard = bob.hears().await;
    let Some(Event::TransferRequested { transfer, .. }) = heard.last() else { panic!("{heard:?}") };
    let wrong = TransferOf { call_id: id(1), transfer: transfer + 7 };
    assert_eq!(bob.call_as(id(8), &carol.identity(), Some(wrong)).await.expect_err("not asked").kind(), Kind::Invalid);
    let transfer_of = TransferOf { call_id: id(1), transfer: *transfer };
    bob.call_as(id(2), &carol.identity(), Some(transfer_of)).await.expect("placed");
    carol.accepts(id(2)).await;
    // The change of the first call follows on its own.
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        if board.hosted() == 1 {
            break;
        }
    }
    assert_eq!(end_of(&bob.hears().await), Some(EndReason::TRANSFERRED));
    assert_eq!(end_of(&alice.hears().await), Some(EndReason::TRANSFERRED));
}

#[tokio::test]
async fn another_node_passes_on_and_takes_over() {
    let house = House::new().await;
    let one = house.mortal("one").await;
    let two = house.mortal("two").await;
    let mut alice = Client::new(&one.board, 1).await;
    let mut bob = Client::new(&two.board, 2).await;
    alice.call(id(1), &bob.identity()).await.expect("placed");
    assert_eq!(kinds(&bob.hears().await), ["incomingCall"]);
    bob.accepts(id(1)).await;
    assert!(kinds(&alice.hears().await).contains(&"accepted"));
    alice.does(id(1), vec![Signal::Media { report: connected() }]).await.expect("taken");
    bob.hears().await;
    assert_eq!((one.board.hosted(), two.board.hosted()), (1, 0));

    drop(one);
    alice.board = two.board.clone();
    let error = bob.does(id(1), vec![Signal::Hold]).await.expect_err("the owner may only have paused");
    assert_eq!(error.kind(), Kind::Unavailable);
    house.clock.advance(Duration::from_secs(10));
    bob.does(id(1), vec![Signal::Hold]).await.expect("the owner's lease is over, and the call goes on here");
    assert_eq!(two.board.hosted(), 1);
    let welcome = alice.connect().await;
    assert!(!welcome.reset, "the cursor is good on every node");
    assert_eq!(welcome.calls.len(), 1);
    let heard = alice.hears().await;
    assert!(kinds(&heard).contains(&"participant"), "{heard:?}");
    alice.does(id(1), vec![Signal::HangUp { for_everyone: false }]).await.expect("taken");
    assert_eq!(end_of(&bob.hears().await), Some(EndReason::HUNG_UP));
}

#[tokio::test]
async fn who_was_connected_to_a_dead_node_and_stays_away_is_out() {
    let house = House::new().await;
    let one = house.mortal("one").await;
    let two = house.mortal("two").await;
    let mut alice = Client::new(&one.board, 1).await;
    let mut bob = Client::new(&two.board, 2).await;
    alice.call(id(1), &bob.identity()).await.expect("placed");
    bob.accepts(id(1)).await;
    alice.does(id(1), vec![Signal::Media { report: connected() }]).await.expect("taken");
    bob.hears().await;
    drop(one);
    house.clock.advance(Duration::from_secs(10));
    bob.does(id(1), vec![Signal::Hold]).await.expect("taken over");
    house.clock.advance(Duration::from_secs(121));
    two.board.tick().await;
    assert_eq!(end_of(&bob.hears().await), Some(EndReason::VANISHED));
}

#[tokio::test]
async fn who_was_connected_to_a_dead_node_is_offline() {
    let house = House::new().await;
    let one = house.mortal("one").await;
    let two = house.mortal("two").await;
    let alice = Client::new(&one.board, 1).await;
    let mut bob = Client::new(&two.board, 2).await;
    drop(one);
    house.clock.advance(Duration::from_secs(60));
    bob.call(id(1), &alice.identity()).await.expect("placed");
    assert_eq!(end_of(&bob.hears().await), Some(EndReason::OFFLINE));
}

fn connected() -> centrale_wire::signal::MediaReport {
    centrale_wire::signal::MediaReport {
        state: centrale_wire::signal::MediaState::Connected,
        selected: None,
        pairs: Vec::new(),
        setup_ms: Some(80),
        streams: Vec::new(),
    }
}

#[tokio::test]
async fn what_a_relay_did_for_a_call_and_what_it_refused_are_in_the_calls_story() {
    let house = House::new().await;
    let board = house.node("one", true).await;
    let ctx = board.context();
    let mut alice = Client::new(&board, 1).await;
    let mut bob = Client::new(&board, 2).await;
    let begun = ctx.now();
    alice.call(id(1), &bob.identity()).await.expect("placed");
    bob.accepts(id(1)).await;
    house.clock.advance(Duration::from_secs(20));
    alice.does(id(1), vec![Signal::HangUp { for_everyone: false }]).await.expect("taken");

    let at = |seconds| begun.plus(Duration::from_secs(seconds));
    let of = |user: &Client| std::sync::Arc::from(user.identity().to_string());
    let record = |part| RecordId { instance: 1, allocation: 1, part };
    let relayed = |part, user: &Client, transport, from, to| Usage {
        id: record(part),
        user: of(user),
        transport,
        bytes_up: 1_000,
        bytes_down: 300,
        packets_up: 1,
        packets_down: 1,
        from: at(from),
        to: at(to),
        started: begun,
        is_last: false,
    };
    let refused = |part: u32, user: &Client, reason, times, from| {
        let (id, user, transport) = (record(100 + part), of(user), Transport::Tcp);
        Fact::Refused(Refused { id, user, transport, reason, times, from: at(from), to: at(from) })
    };
    let ledger = usage::Ledger::new();
    // Twice, as after a doubtful failure.
    for _ in 0..2 {
        ledger.add(relayed(0, &alice, Transport::Udp, 1, 5));
        ledger.add(relayed(1, &alice, Transport::Tls, 5, 10));
        ledger.add(relayed(2, &alice, Transport::Udp, 100, 105));
        ledger.add(refused(0, &bob, Reason::Allocations(Whose::User), 3, 2));
        ledger.add(refused(1, &alice, Reason::Bandwidth(Whose::Source), 1, 7));
        ledger.add(refused(2, &alice, Reason::Day(Whose::Resource), 9, 100));
        ledger.flush(ctx).await.expect("written");
    }

    // Per user, call, transport and direction.
    let filter = usage::Filter { kind: Some("NAT".into()), call: Some(id(1).to_string()), ..usage::Filter::default() };
    let lines = usage::list(ctx, &filter, None, 100).await.expect("lines");
    let bytes: Vec<_> = lines.iter().filter(|line| line.unit == "bytes").collect();
    for (transport, direction, quantity) in
        [("udp", "sent", 1_000), ("udp", "received", 300), ("tls", "sent", 1_000), ("tls", "received", 300)]
    {
        let is_it = |line: &&&UsageRecord| {
            line.transport.as_deref() == Some(transport) && line.direction.as_deref() == Some(direction)
        };
        let found: Vec<_> = bytes.iter().filter(is_it).collect();
        assert_eq!(found.len(), 1, "{transport} {direction}");
        assert_eq!((found[0].quantity, &found[0].identity), (quantity, &alice.identity().to_string()));
    }
    assert_eq!(bytes.len(), 4, "what was relayed a minute after the call is of no call");

    let story = explain::explain_call(ctx, &key_caller(), ExplainCall { call_id: id(1) }).await.expect("a story");
    assert_eq!(story.relayed_bytes, 2_600);
    let said: Vec<_> =
        story.steps.iter().filter(|step| step.what.contains("refused")).map(|step| (step.at_ms, step.leg)).collect();
    assert_eq!(said, [(2_000, Some(1)), (7_000, Some(0))]);
    assert!(
        story.text.contains(
            "leg 1 is refused an allocation (486): its user has as many as one may have, by the relay over tcp, 3 times"
        ),
        "{}",
        story.text
    );
    assert!(story.text.contains("leg 0 is refused packets (dropped): its address relays faster than one may"));
    assert!(!story.text.contains("bytes of the day"), "that was later: {}", story.text);
    assert!(story.steps.is_sorted_by_key(|step| step.at_ms));
}

#[tokio::test]
async fn every_reason_of_a_relay_has_words_of_its_own() {
    let house = House::new().await;
    let board = house.node("one", true).await;
    let alice = Client::new(&board, 1).await;
    let bob = Client::new(&board, 2).await;
    alice.call(id(1), &bob.identity()).await.expect("placed");
    let quotas = Whose::ALL.into_iter().flat_map(|whose| {
        [Reason::Allocations(whose), Reason::Day(whose), Reason::Bandwidth(whose), Reason::DayBytes(whose)]
    });
    let others = [Reason::Capacity, Reason::Draining, Reason::Peer, Reason::Expired, Reason::Revoked];
    let reasons: Vec<Reason> = quotas.chain(others).collect();
    let ledger = usage::Ledger::new();
    let (user, now) = (std::sync::Arc::<str>::from(alice.identity().to_string()), board.context().now());
    for (part, reason) in (0..).zip(&reasons) {
        let id = RecordId { instance: 1, allocation: 2, part };
        let (user, transport, reason) = (user.clone(), Transport::Udp, *reason);
        ledger.add(Fact::Refused(Refused { id, user, transport, reason, times: 1, from: now, to: now }));
    }
    ledger.flush(board.context()).await.expect("written");
    let story = explain::explain_call(board.context(), &key_caller(), ExplainCall { call_id: id(1) }).await;
    let story = story.expect("a story");
    let said: std::collections::BTreeSet<&str> =
        story.steps.iter().filter(|step| step.what.contains("refused")).map(|step| step.what.as_str()).collect();
    assert_eq!(said.len(), reasons.len());
    for what in said {
        let is_told_how =
            ["(486)", "(dropped)", "(508)", "(300 or 508)", "(403)", "(401)"].iter().any(|how| what.contains(how));
        assert!(is_told_how && what.ends_with("by the relay over udp"), "{what}");
    }
}
