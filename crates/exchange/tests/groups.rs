//! Group calls through the switchboard, with a media node that answers every offer.

#[path = "support/calls.rs"]
mod support;

use std::time::Duration;

use centrale_exchange::calls::explain;
use centrale_exchange::{Kind, usage};
use centrale_media::{Command, RefusedBecause};
use centrale_model::{
    CallId, CallState, EndReason, GroupId, ParticipantId, ParticipantRole, ParticipantState, ReceiveMode, Scope, Scopes,
};
use centrale_wire::client::Locator;
use centrale_wire::explain::ExplainCall;
use centrale_wire::signal::{Event, Participant, Sending, Signal};
use support::{Client, House, key_caller, kinds};

const GROUP: Locator = Locator::Group { group_id: GroupId::from_u128(0xabc) };

fn id(number: u128) -> CallId {
    CallId::from_u128(number)
}

fn end_of(events: &[Event]) -> Option<EndReason> {
    events.iter().find_map(|event| match event {
        Event::Ended { reason, .. } => Some(*reason),
        _ => None,
    })
}

/// Everybody of whom somebody was told, in order.
fn seen(events: &[Event]) -> Vec<Participant> {
    let mut all = Vec::new();
    for event in events {
        match event {
            Event::Participant { participant, .. } => all.push(participant.clone()),
            Event::Participants { participants, .. } => all.extend(participants.iter().cloned()),
            _ => {}
        }
    }
    all
}

fn sees(who: ParticipantId, state: ParticipantState) -> impl Fn(&Event) -> bool {
    move |event| {
        seen(std::slice::from_ref(event)).iter().any(|one| one.participant_id == Some(who) && one.state == state)
    }
}

async fn hang_up(client: &mut Client, call: CallId) {
    client.does(call, vec![Signal::HangUp { for_everyone: false }]).await.expect("taken");
}

#[tokio::test]
async fn three_meet_in_a_group_and_are_metered_for_60_60_and_43_minutes() {
    let house = House::new().await;
    let board = house.node("one", true).await;
    let media = house.media("one").await;
    let mut people = Vec::new();
    for number in 1..=3 {
        people.push(Client::new(&board, number).await);
    }
    let first = people[0].joins(GROUP, 0).await.expect("joined");
    let call = first.call_id;
    assert!(first.answer.sdp.contains(&first.participant_id.to_string()));
    assert_eq!((first.call.state, first.call.is_group, first.call.conference), (CallState::Connected, true, true));
    assert_eq!(first.call.group_id, Some(GroupId::from_u128(0xabc)));
    let second = people[1].joins(GROUP, 0).await.expect("joined");
    assert_eq!(second.call_id, call);
    assert_eq!(second.call.participants.len(), 1);
    people[0].hears_until(sees(second.participant_id, ParticipantState::Connected)).await;
    // A picture of the conference shows that media flows.
    board.look_at_conferences().await;
    house.clock.advance(Duration::from_secs(17 * 60));
    media.announce().await;
    let third = people[2].joins(Locator::Call { call_id: call }, 0).await.expect("joined");
    assert_eq!(third.call.participants.len(), 2);
    assert_eq!(media.present(call).len(), 3);
    board.look_at_conferences().await;
    house.clock.advance(Duration::from_secs(43 * 60));
    for client in &mut people {
        hang_up(client, call).await;
    }
    assert_eq!(board.hosted(), 0);
    media.told(|command| matches!(command, Command::Close { .. })).await;
    let totals = usage::totals(board.context(), &usage::Filter::default()).await.expect("totals");
    assert_eq!((totals[0].quantity, totals[0].records), (163 * 60_000, 3));
    let records = usage::list(board.context(), &usage::Filter::default(), None, 100).await.expect("records");
    let mut minutes: Vec<u64> = records.iter().map(|record| record.quantity / 60_000).collect();
    minutes.sort_unstable();
    assert_eq!(minutes, [43, 60, 60]);

    let story =
        explain::explain_call(board.context(), &key_caller(), ExplainCall { call_id: call }).await.expect("a story");
    assert_eq!(story.call.media_node.as_deref(), Some("one"));
    assert!(story.call.is_group);
    assert_eq!(story.legs.iter().map(|leg| leg.role.as_str()).collect::<Vec<_>>(), ["joined"; 3]);
    assert_eq!(story.legs[2].connected_ms, Some(43 * 60_000));
    assert!(story.text.contains("by way of the media processor of one"), "{}", story.text);

    // The group's next call is another one.
    media.announce().await;
    let next = people[0].joins(GROUP, 0).await.expect("joined");
    assert_ne!(next.call_id, call);
}

#[tokio::test]
async fn a_request_to_join_whose_answer_was_lost_is_answered_again() {
    let house = House::new().await;
    let board = house.node("one", true).await;
    let media = house.media("one").await;
    let alice = Client::new(&board, 1).await;
    media.lose_answers(1);
    let first = alice.joins(GROUP, 0).await.expect("carried twice");
    let again = alice.joins(GROUP, 0).await.expect("the same request");
    assert_eq!((again.participant_id, &again.answer), (first.participant_id, &first.answer));
    assert_eq!(media.present(first.call_id), [first.participant_id]);
    // Another request with an epoch that is used: a client that does not know where it stands.
    let stale = alice.joins_by(GROUP, 0, "another").await.expect_err("stale");
    assert_eq!(stale.kind(), Kind::Conflict);
    let reloaded = alice.joins(GROUP, 1).await.expect("the next epoch");
    assert_eq!(reloaded.participant_id, first.participant_id);
    assert_eq!(reloaded.answer.epoch, 1);
}

#[tokio::test]
async fn who_may_only_join_begins_no_call() {
    let house = House::new().await;
    let board = house.node("one", true).await;
    let _media = house.media("one").await;
    let mut guest = Client::new(&board, 1).await;
    guest.bearer.scopes = Scopes::NONE.with(Scope::VoipJoin);
    assert_eq!(guest.joins(GROUP, 0).await.expect_err("no call").kind(), Kind::Forbidden);
    let host = Client::new(&board, 2).await;
    host.joins(GROUP, 0).await.expect("joined");
    guest.joins(GROUP, 0).await.expect("joined");
    let unknown = guest.joins(Locator::Call { call_id: id(99) }, 0).await.expect_err("unknown");
    assert_eq!(unknown.kind(), Kind::NotFound);
}

#[tokio::test]
async fn a_full_call_says_so() {
    let house = House::new().await;
    let board = house.small_node("one", 2).await;
    let _media = house.media("one").await;
    let mut people = Vec::new();
    for number in 1..=3 {
        people.push(Client::new(&board, number).await);
    }
    let call = people[0].joins(GROUP, 0).await.expect("joined").call_id;
    people[1].joins(GROUP, 0).await.expect("joined");
    let full = people[2].joins(GROUP, 0).await.expect_err("full");
    assert_eq!((full.kind(), full.wire_code()), (Kind::Forbidden, "CallIsFull"));
    let third = people[2].identity();
    let add = vec![Signal::AddParticipant { identity: third, alternate_caller_id: None }];
    let full = people[0].does(call, add).await.expect_err("full");
    assert_eq!(full.wire_code(), "CallIsFull");
    hang_up(&mut people[1], call).await;
    people[2].joins(GROUP, 0).await.expect("there is room now");
}

#[tokio::test]
async fn several_are_called_and_the_call_goes_on_without_who_declines() {
    let house = House::new().await;
    let board = house.node("one", true).await;
    let media = house.media("one").await;
    let mut alice = Client::new(&board, 1).await;
    let mut bob = Client::new(&board, 2).await;
    let mut carol = Client::new(&board, 3).await;
    let started = alice.call_group(id(1), vec![bob.identity(), carol.identity()]).await.expect("placed");
    let answer = started.answer.expect("the media processor answers");
    assert!(answer.sdp.contains(&started.participant_id.to_string()));
    let again = alice.call_group(id(1), vec![bob.identity(), carol.identity()]).await.expect("the same call");
    assert_eq!((again.participant_id, again.answer), (started.participant_id, Some(answer)));
    let Event::IncomingCall(incoming) = &bob.hears().await[0] else { panic!("it rings") };
    assert!(incoming.conference && incoming.offer.is_none());
    carol.does(id(1), vec![Signal::Decline { busy: false }]).await.expect("taken");
    let with_answer = Signal::Accept { answer: Some(support::answer(0)), offer: None, sending: Sending::default() };
    let wrong = bob.does(id(1), vec![with_answer]).await.expect_err("a conference wants an offer");
    assert_eq!(wrong.kind(), Kind::Invalid);
    bob.accepts_with_offer(id(1)).await;
    let heard = bob.hears_until(|event| matches!(event, Event::Conference { .. })).await;
    assert_eq!(kinds(&heard), ["joined", "participants", "conference"]);
    let heard = alice.hears_until(|event| matches!(event, Event::State { state: CallState::Connected, .. })).await;
    let gone = seen(&heard).into_iter().find(|one| one.identity == carol.identity() && one.end_reason.is_some());
    assert_eq!(gone.and_then(|one| one.end_reason), Some(EndReason::DECLINED));
    assert_eq!(media.present(id(1)).len(), 2);
    alice.does(id(1), vec![Signal::HangUp { for_everyone: true }]).await.expect("taken");
    assert_eq!(end_of(&bob.hears().await), Some(EndReason::ENDED_FOR_ALL));
}

#[tokio::test]
async fn nobody_who_is_called_comes_and_the_caller_is_told_as_between_two() {
    let house = House::new().await;
    let board = house.node("one", true).await;
    let _media = house.media("one").await;
    let mut alice = Client::new(&board, 1).await;
    let nobody = |user: u32| {
        format!("8:acs:00000000-0000-0000-0000-00000000cafe_00000000-0000-4000-8000-{user:012}").parse().expect("an id")
    };
    let started = alice.call_group(id(1), vec![nobody(1), nobody(2)]).await.expect("placed");
    assert_eq!(started.answer, None);
    assert_eq!(end_of(&alice.hears().await), Some(EndReason::NO_ENDPOINT));
    let twice = alice.call_group(id(2), vec![nobody(1), nobody(1)]).await.expect_err("twice the same");
    assert_eq!(twice.kind(), Kind::Invalid);
}

#[tokio::test]
async fn a_call_between_two_becomes_a_group_call_when_somebody_is_added() {
    let house = House::new().await;
    let board = house.node("one", true).await;
    let media = house.media("one").await;
    let mut alice = Client::new(&board, 1).await;
    let mut bob = Client::new(&board, 2).await;
    let mut carol = Client::new(&board, 3).await;
    alice.call(id(1), &bob.identity()).await.expect("placed");
    bob.accepts(id(1)).await;
    for client in [&mut alice, &mut bob] {
        client.does(id(1), vec![Signal::Media { report: support::connected() }]).await.expect("taken");
        client.hears().await;
    }
    let muting = alice.does(id(1), vec![Signal::MuteOthers { participants: None }]).await.expect_err("between two");
    assert_eq!(muting.kind(), Kind::Conflict);
    let add = Signal::AddParticipant { identity: carol.identity(), alternate_caller_id: None };
    alice.does(id(1), vec![add]).await.expect("taken");
    for client in [&mut alice, &mut bob] {
        let heard = client.hears().await;
        assert!(heard.contains(&Event::Convene { call_id: id(1), epoch: 1, is_group: true }), "{heard:?}");
        client.describes(id(1), 1).await;
    }
    for client in [&mut alice, &mut bob] {
        let heard = client.hears_until(|event| matches!(event, Event::Convened { .. })).await;
        assert!(kinds(&heard).contains(&"conference"), "{heard:?}");
    }
    assert_eq!(kinds(&carol.hears().await), ["incomingCall"]);
    carol.accepts_with_offer(id(1)).await;
    let heard = carol.hears_until(|event| matches!(event, Event::Conference { .. })).await;
    assert_eq!(seen(&heard).len(), 2);
    assert_eq!(media.present(id(1)).len(), 3);
    let carols = carol.connect().await.calls[0].participant_id;
    bob.hears_until(sees(carols, ParticipantState::Connected)).await;
    alice
        .does(id(1), vec![Signal::RemoveParticipant { participant: Some(carols), identity: None }])
        .await
        .expect("taken");
    assert_eq!(end_of(&carol.hears().await), Some(EndReason::REMOVED));
    hang_up(&mut alice, id(1)).await;
    assert_eq!(end_of(&bob.hears().await), None);
    hang_up(&mut bob, id(1)).await;
    assert_eq!(board.hosted(), 0);
}

#[tokio::test]
async fn manners_reach_the_media_processor_and_everybody() {
    let house = House::new().await;
    let board = house.node("one", true).await;
    let media = house.media("one").await;
    let mut alice = Client::new(&board, 1).await;
    let mut bob = Client::new(&board, 2).await;
    let call = alice.joins(GROUP, 0).await.expect("joined").call_id;
    let bobs = bob.joins(GROUP, 0).await.expect("joined").participant_id;
    bob.hears().await;
    alice.hears().await;
    let signals = vec![
        Signal::MuteOthers { participants: None },
        Signal::Spotlight { participants: Some(vec![bobs]), on: true },
        Signal::Receive { mode: ReceiveMode::Mixed },
        Signal::Hold,
    ];
    alice.does(call, signals).await.expect("taken");
    bob.does(call, vec![Signal::RaiseHand { raised: true }]).await.expect("taken");
    let heard = bob.hears().await;
    assert!(kinds(&heard).contains(&"mutedByOthers"), "{heard:?}");
    let own = seen(&heard).into_iter().rfind(|one| one.participant_id == Some(bobs)).expect("seen");
    assert!(own.is_muted_by_others && own.is_spotlighted && own.sending.muted);
    assert_eq!((own.hand_raised, own.role), (Some(1), ParticipantRole::Presenter));
    assert!(!kinds(&heard).contains(&"state"), "hold is local");
    media.told(|command| matches!(command, Command::Hold { is_held: true, .. })).await;
    let commands = media.commands();
    let is_muted = |command: &Command| matches!(command, Command::Allow { participant, rights, .. } if *participant == bobs && !rights.audio);
    assert!(commands.iter().any(is_muted), "{commands:?}");
    let is_lit =
        |command: &Command| matches!(command, Command::Spotlight { participants, .. } if *participants == [bobs]);
    assert!(commands.iter().any(is_lit), "{commands:?}");
    let nobody = bob.does(call, vec![Signal::RemoveParticipant { participant: None, identity: None }]).await;
    assert_eq!(nobody.expect_err("who?").kind(), Kind::Invalid);
}

#[tokio::test]
async fn the_echo_bot_is_the_media_processor() {
    let house = House::new().await;
    let board = house.node("one", true).await;
    let media = house.media("one").await;
    let mut alice = Client::new(&board, 1).await;
    let bot = "8:echo123".parse().expect("a raw id");
    let started = alice.call_group(id(1), vec![bot]).await.expect("placed");
    assert!(started.answer.is_some());
    let heard = alice.hears_until(|event| matches!(event, Event::Participant { .. })).await;
    assert_eq!(kinds(&heard), ["state", "participant"]);
    let commands = media.commands();
    assert!(matches!(commands[0], Command::Join { is_echo: true, .. }), "{commands:?}");
    board.look_at_conferences().await;
    house.clock.advance(Duration::from_secs(60));
    hang_up(&mut alice, id(1)).await;
    let totals = usage::totals(board.context(), &usage::Filter::default()).await.expect("totals");
    assert_eq!((totals[0].quantity, totals[0].records), (60_000, 1));
}

#[tokio::test]
async fn a_conference_that_a_worker_lost_is_convened_anew_and_again_after_a_second_loss() {
    let house = House::new().await;
    let board = house.node("one", true).await;
    let media = house.media("one").await;
    let mut alice = Client::new(&board, 1).await;
    let call = alice.joins(GROUP, 0).await.expect("joined").call_id;
    media.lose(call, true).await;
    media.lose(call, true).await;
    let heard = alice.hears_until(|event| matches!(event, Event::Convene { .. })).await;
    assert_eq!(heard.last(), Some(&Event::Convene { call_id: call, epoch: 1, is_group: true }));
    alice.describes(call, 1).await;
    alice.hears_until(|event| matches!(event, Event::Conference { description, .. } if description.epoch == 1)).await;
    // This loss is never told: the look finds it.
    media.lose(call, false).await;
    board.look_at_conferences().await;
    let heard = alice.hears_until(|event| matches!(event, Event::Convene { .. })).await;
    assert!(heard.contains(&Event::Convene { call_id: call, epoch: 2, is_group: true }), "{heard:?}");
    // Old news of the first loss: the conference is there.
    alice.describes(call, 2).await;
    alice.hears_until(|event| matches!(event, Event::Conference { .. })).await;
    media.tell(centrale_media::Event::Lost { conference: centrale_media::ConferenceId(call) }).await;
    board.look_at_conferences().await;
    assert_eq!(alice.hears().await, []);
}

#[tokio::test]
async fn a_media_node_that_dies_is_found_and_another_holds_the_conference() {
    let house = House::new().await;
    let board = house.node("one", true).await;
    let first = house.media("m-first").await;
    let mut alice = Client::new(&board, 1).await;
    let call = alice.joins(GROUP, 0).await.expect("joined").call_id;
    assert_eq!(first.present(call).len(), 1);
    let second = house.media("m-second").await;
    drop(first);
    let begin = tokio::time::Instant::now();
    alice.hears_until(|event| matches!(event, Event::Convene { .. })).await;
    assert!(begin.elapsed() < Duration::from_secs(10), "found after {:?}", begin.elapsed());
    alice.describes(call, 1).await;
    alice.hears_until(|event| matches!(event, Event::Conference { .. })).await;
    assert_eq!(second.present(call).len(), 1);
    let story =
        explain::explain_call(board.context(), &key_caller(), ExplainCall { call_id: call }).await.expect("a story");
    assert_eq!(story.call.media_node.as_deref(), Some("m-second"));
    assert!(story.text.contains("lost the conference"), "{}", story.text);
}

#[tokio::test]
async fn ghosts_and_whoever_is_missing_are_put_right() {
    let house = House::new().await;
    let board = house.node("one", true).await;
    let media = house.media("one").await;
    let alice = Client::new(&board, 1).await;
    let call = alice.joins(GROUP, 0).await.expect("joined").call_id;
    let ghost = ParticipantId::from_u128(0x6057);
    media.haunt(call, ghost);
    board.look_at_conferences().await;
    media.told(|command| matches!(command, Command::Leave { participant, .. } if *participant == ghost)).await;
    assert_eq!(media.present(call).len(), 1);
}

#[tokio::test]
async fn without_a_media_node_nobody_joins_and_nothing_stays_behind() {
    let house = House::new().await;
    let board = house.node("one", true).await;
    let alice = Client::new(&board, 1).await;
    assert_eq!(alice.joins(GROUP, 0).await.expect_err("no media").kind(), Kind::Unavailable);
    assert_eq!(board.hosted(), 0);
    let media = house.media("one").await;
    media.refuse(Some(RefusedBecause::BadOffer));
    assert_eq!(alice.joins(GROUP, 0).await.expect_err("refused").kind(), Kind::Invalid);
    media.refuse(None);
    alice.joins(GROUP, 0).await.expect("joined");
}

#[tokio::test]
async fn another_node_passes_joins_on_and_takes_over_with_the_conference() {
    let house = House::new().await;
    let one = house.mortal("one").await;
    let two = house.mortal("two").await;
    let media = house.media_beside(&two).await;
    let alice = Client::new(&one.board, 1).await;
    let mut bob = Client::new(&two.board, 2).await;
    let call = alice.joins(GROUP, 0).await.expect("joined").call_id;
    let joined = bob.joins(GROUP, 0).await.expect("passed on");
    assert_eq!((joined.call_id, joined.call.participants.len()), (call, 1));
    assert_eq!(one.board.hosted(), 1);
    drop(one);
    house.clock.advance(Duration::from_secs(20));
    media.announce().await;
    bob.does(call, vec![Signal::RaiseHand { raised: true }]).await.expect("the other node took it over");
    assert_eq!(two.board.hosted(), 1);
    assert_eq!(media.present(call).len(), 2);
    // The media node tells the new owner from now on.
    two.board.look_at_conferences().await;
    media.lose(call, true).await;
    bob.hears_until(|event| matches!(event, Event::Convene { .. })).await;
}

#[tokio::test]
async fn the_least_loaded_media_node_is_chosen() {
    let house = House::new().await;
    let board = house.node("one", true).await;
    let busy = house.media_with_load("a-busy", 10).await;
    let idle = house.media_with_load("b-idle", 3).await;
    let alice = Client::new(&board, 1).await;
    let call = alice.joins(GROUP, 0).await.expect("joined").call_id;
    assert_eq!((busy.present(call).len(), idle.present(call).len()), (0, 1));
}

#[tokio::test]
async fn in_a_call_of_many_each_change_is_one_event_for_each() {
    const MANY: usize = 23;
    let house = House::new().await;
    let board = house.node("one", true).await;
    let media = house.media("one").await;
    let mut people = Vec::new();
    for number in 0..MANY {
        people.push(Client::new(&board, number as u128 + 1).await);
    }
    let mut call = id(0);
    for (before, person) in people.iter().enumerate() {
        let joined = person.joins(GROUP, 0).await.expect("joined");
        assert_eq!(joined.call.participants.len(), before);
        call = joined.call_id;
    }
    assert_eq!(media.present(call).len(), MANY);
    for (number, person) in people.iter_mut().enumerate() {
        let came = kinds(&person.hears().await).into_iter().filter(|kind| *kind == "participant").count();
        assert_eq!(came, MANY - 1 - number, "each who came later, once");
    }
    people[0].does(call, vec![Signal::MuteOthers { participants: None }]).await.expect("taken");
    for (number, person) in people.iter_mut().enumerate() {
        let heard = person.hears().await;
        let expected: &[&str] = if number == 0 { &["participants"] } else { &["mutedByOthers", "participants"] };
        assert_eq!(kinds(&heard), expected);
        assert_eq!(seen(&heard).len(), MANY - 1);
    }
}

#[tokio::test]
async fn a_group_whose_call_died_before_its_first_step_is_free_again() {
    let house = House::new().await;
    let board = house.node("one", true).await;
    let media = house.media("one").await;
    let store = board.context().store.clone();
    let now = centrale_exchange::Context::now(board.context()).as_millis();
    centrale_store::transact!(store, |tx| {
        let (group, unborn) = (GroupId::from_u128(0xabc).to_string(), id(5).to_string());
        tx.execute(
            "INSERT INTO call_groups (group_id, call_id) VALUES ($1, $2)",
            &[group.into(), unborn.clone().into()],
        )
        .await?;
        tx.execute(
            "INSERT INTO calls (id, owner, started_at, caller, targets) VALUES ($1, $2, $3, $4, $5)",
            &[unborn.clone().into(), "dead".into(), now.into(), "8:somebody".into(), "[]".into()],
        )
        .await?;
        Ok::<_, centrale_store::StoreError>(())
    })
    .expect("written");
    house.clock.advance(Duration::from_secs(11));
    media.announce().await;
    let alice = Client::new(&board, 1).await;
    alice.joins(GROUP, 0).await.expect("joined");
}
