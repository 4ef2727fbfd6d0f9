//! Two devices join a group and hear and see each other.

use super::client::{Client, drive};
use super::common::Exchange;
use super::{PATIENCE, join};

#[test]
fn two_who_join_a_group_hear_and_see_each_other() {
    let exchange = Exchange::dev(&[]);
    let mut clients = [1u8, 2].map(|number| {
        let (_, token) = exchange.user(&["voip"]);
        let dialing = Client::dial(number);
        let joined = join(&exchange, &token, number.into(), dialing.offer());
        Client::connect(dialing, number, joined["answer"]["sdp"].as_str().expect("an answer"))
    });
    drive(&mut clients, PATIENCE, |clients| clients.iter().all(|client| client.voices >= 20 && client.pictures >= 20));
    assert!(clients.iter().all(|client| client.strangers == 0));
}
