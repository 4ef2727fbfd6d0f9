//! A call against a simpler model of it, in a small world of clients that lose, delay, repeat and reorder what they say,
//! on a host that restarts, in simulated time.
//!
//! A failure names its seed: `World::of(seed)` plays it again.

mod chance;
mod client;
mod group_client;
mod group_rules;
mod group_witness;
mod group_world;
mod model;
mod witness;
mod world;

use proptest::prelude::*;

use group_world::GroupWorld;
use world::World;

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn a_call_does_what_its_model_says(seed in any::<u64>()) {
        World::of(seed).play();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn a_group_call_does_what_it_ought_to(seed in any::<u64>()) {
        GroupWorld::of(seed).play();
    }
}

#[test]
fn people_meet_in_the_world_of_groups_and_calls_move_there() {
    let played: Vec<_> = (0..100).map(|seed| GroupWorld::of(seed).play()).collect();
    let reasons: std::collections::BTreeSet<String> = played.iter().map(|one| one.reason.to_string()).collect();
    assert!(played.iter().map(|one| one.inputs).sum::<u64>() > 3_000);
    assert!(played.iter().filter(|one| one.most >= 3).count() > 20, "three are together at times");
    assert!(played.iter().filter(|one| one.moved).count() > 2, "calls between two are moved at times");
    assert!(reasons.len() >= 4, "{reasons:?}");
}

/// The recorded run: `cargo test -p centrale-calls --release --test reference -- --ignored --nocapture`.
#[test]
#[ignore = "takes about a minute; run it in release"]
fn a_million_inputs_agree_with_the_model() {
    let (mut inputs, mut calls, mut answered) = (0_u64, 0_u64, 0_u64);
    let mut reasons = std::collections::BTreeMap::<String, u64>::new();
    while inputs < 1_000_000 {
        let played = World::of(calls).play();
        inputs += played.inputs;
        answered += u64::from(played.was_answered);
        *reasons.entry(played.reason.to_string()).or_default() += 1;
        calls += 1;
    }
    println!("seeds 0..{calls}: {inputs} inputs, {answered} of {calls} calls answered, over because of {reasons:?}");
    assert!(answered > calls / 4, "the world should let people talk");
    assert!(reasons.len() >= 12, "the world should end calls in many ways");
}
