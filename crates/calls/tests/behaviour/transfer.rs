//! Transfers, seen from the call they are asked for in, from the new call, and from the one it replaces.

use centrale_calls::{Call, Change, Fact, Input, Notice, Origin, Output, TransferTarget, Why};
use centrale_model::{CallId, EndReason, LegId, TransferState};

use crate::script::*;

fn to_carol() -> TransferTarget {
    TransferTarget::Identity(carol())
}

fn moves(transfer: u32, to: LegId, state: TransferState, error: Option<EndReason>) -> [Output; 2] {
    [record(Fact::Transfer(transfer, state)), tell(to, Notice::Transfer { transfer, state, error })]
}

fn asked(transfer: u32, target: TransferTarget) -> Vec<Output> {
    let mut outputs = moves(transfer, ALICE, TransferState::Transferring, None).to_vec();
    outputs.push(tell(BOB, Notice::TransferRequested { transfer, transferor: alice(), target }));
    outputs
}

#[test]
fn a_blind_transfer_ends_the_call_once_the_target_answered() {
    let mut script = Script::talking();
    script.play(10_000, Input::Transfer(ALICE, to_carol()), asked(0, to_carol()));
    script.awaits(70_000, Why::Transfer(0));
    script.nothing(11_000, Input::Transfer(ALICE, to_carol()));
    script.nothing(11_000, Input::Transfer(BOB, to_carol()));
    script.nothing(12_000, Input::TransferProgress { transfer: 1, outcome: Ok(()) });
    let expected =
        all([moves(0, ALICE, TransferState::Transferred, None).to_vec(), both_left(EndReason::TRANSFERRED, 19_000)]);
    script.play(20_000, Input::TransferProgress { transfer: 0, outcome: Ok(()) }, expected);
    script.ends(EndReason::TRANSFERRED);
}

#[test]
fn a_consultative_transfer_names_the_other_call() {
    let target = TransferTarget::Call { call: CallId::from_u128(9), identity: carol() };
    let mut script = Script::talking();
    script.play(10_000, Input::Transfer(ALICE, target.clone()), asked(0, target));
}

#[test]
fn the_callee_can_transfer_the_caller() {
    let mut script = Script::talking();
    let mut expected = moves(0, BOB, TransferState::Transferring, None).to_vec();
    expected.push(tell(ALICE, Notice::TransferRequested { transfer: 0, transferor: bob(), target: to_carol() }));
    script.play(10_000, Input::Transfer(BOB, to_carol()), expected);
}

#[test]
fn a_failed_transfer_leaves_the_call_as_it_was_and_another_can_follow() {
    let mut script = Script::talking();
    script.play(10_000, Input::Transfer(ALICE, to_carol()), asked(0, to_carol()));
    let declined = Input::TransferProgress { transfer: 0, outcome: Err(EndReason::DECLINED) };
    script.play(20_000, declined.clone(), moves(0, ALICE, TransferState::Failed, Some(EndReason::DECLINED)));
    script.nothing(20_001, declined);
    script.awaits_nothing();
    script.play(30_000, Input::Transfer(ALICE, to_carol()), asked(1, to_carol()));
    script.awaits(90_000, Why::Transfer(1));
}

#[test]
fn a_transfer_that_leads_nowhere_fails_in_time() {
    let mut script = Script::talking();
    script.play(10_000, Input::Transfer(ALICE, to_carol()), asked(0, to_carol()));
    script.expire(70_000, Why::Transfer(0), moves(0, ALICE, TransferState::Failed, Some(Call::TIMED_OUT)));
    script.nothing(71_000, Input::TransferProgress { transfer: 0, outcome: Ok(()) });
    script.awaits_nothing();
}

#[test]
fn hanging_up_in_the_middle_of_a_transfer_ends_it_too() {
    let mut script = Script::talking();
    script.play(10_000, Input::Transfer(ALICE, to_carol()), asked(0, to_carol()));
    let expected = all([
        left(ALICE, EndReason::HUNG_UP, 14_000).to_vec(),
        left(BOB, EndReason::HUNG_UP, 14_000).to_vec(),
        vec![record(Fact::Transfer(0, TransferState::Failed)), ended(EndReason::HUNG_UP)],
    ]);
    script.play(15_000, Input::HangUp { leg: ALICE, for_everyone: false }, expected);
    script.ends(EndReason::HUNG_UP);
}

#[test]
fn nobody_transfers_a_call_that_only_rings() {
    let mut script = Script::ringing(1);
    script.nothing(100, Input::Transfer(ALICE, to_carol()));
    script.nothing(100, Input::Transfer(BOB, to_carol()));
}

fn by_transfer(replaces: Option<CallId>) -> Start {
    let origin = Origin::TransferOf { call: CallId::from_u128(7), transfer: 3, transferor: carol(), replaces };
    Start { origin, ..Start::default() }
}

fn progress(outcome: Result<(), EndReason>) -> Output {
    change(Change::TransferProgress { call: CallId::from_u128(7), transfer: 3, outcome })
}

#[test]
fn the_new_call_tells_the_old_one_that_it_was_answered() {
    let mut script = Script::placed(by_transfer(None));
    script.play(1000, accept(BOB), all([answered_on(BOB), vec![progress(Ok(()))]]));
    script.play(2000, Input::HangUp { leg: BOB, for_everyone: false }, both_left(EndReason::HUNG_UP, 1000));
    script.ends(EndReason::HUNG_UP);
}

#[test]
fn the_new_call_takes_the_place_of_the_one_it_replaces() {
    let replaced = CallId::from_u128(8);
    let mut script = Script::placed(by_transfer(Some(replaced)));
    let changes = vec![progress(Ok(())), change(Change::Replaced { call: replaced })];
    script.play(1000, accept(BOB), all([answered_on(BOB), changes]));
}

#[test]
fn the_new_call_tells_the_old_one_that_it_came_to_nothing() {
    let mut script = Script::placed(by_transfer(Some(CallId::from_u128(8))));
    let over =
        vec![told_end(ALICE, EndReason::DECLINED), progress(Err(EndReason::DECLINED)), ended(EndReason::DECLINED)];
    let expected = all([declined(BOB, EndReason::DECLINED).to_vec(), over]);
    script.play(1000, Input::Decline { leg: BOB, is_busy: false }, expected);
    script.ends(EndReason::DECLINED);
}

#[test]
fn the_call_that_is_replaced_ends() {
    let mut script = Script::talking();
    script.play(9000, Input::Replaced, both_left(EndReason::TRANSFERRED, 8000));
    script.ends(EndReason::TRANSFERRED);

    let mut script = Script::ringing(1);
    let expected = all([
        vec![told_end(ALICE, EndReason::TRANSFERRED)],
        not_answered(BOB, EndReason::TRANSFERRED).to_vec(),
        vec![ended(EndReason::TRANSFERRED)],
    ]);
    script.play(9000, Input::Replaced, expected);
    script.ends(EndReason::TRANSFERRED);
}
