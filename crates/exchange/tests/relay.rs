//! ICE servers and their credentials.

mod common;

use std::time::Duration;

use centrale_exchange::identity::{self, Caller};
use centrale_exchange::relay::{Since, ask_revoked, revoked, serve_revoked};
use centrale_exchange::{Context, Kind, relay};
use centrale_model::{Identity, Timestamp};
use centrale_wire::identity::{CreateUserRequest, UserRequest};
use centrale_wire::relay::IssueRelayConfigurationRequest as Ask;
use common::{World, world};

#[tokio::test]
async fn each_route_has_two_addresses_at_most_and_all_four_fields() {
    let World { ctx, .. } = world().await;
    let answer = relay::issue_relay_configuration(&ctx, &Caller::Open, Ask::default()).await.expect("a configuration");
    let routes: Vec<&str> = answer.ice_servers.iter().map(|server| server.route_type.as_str()).collect();
    assert_eq!(routes, ["any", "nearest"]);
    assert_eq!(
        answer.ice_servers[0].urls,
        ["stun:relay.example.org:3478", "turn:relay.example.org:3478?transport=udp"]
    );
    assert_eq!(
        answer.ice_servers[1].urls,
        ["turn:relay.example.org:3478?transport=udp", "turns:relay.example.org:443?transport=tcp"]
    );
    assert!(answer.ice_servers.iter().all(|server| !server.username.is_empty() && !server.credential.is_empty()));
    assert_eq!(answer.expires_on, "2026-11-23T00:00:00.0000000+00:00");
}

#[tokio::test]
async fn a_credential_is_the_contracts_hash_and_lasts_as_long_as_was_asked() {
    let World { ctx, .. } = world().await;
    let made = identity::create_user(&ctx, &Caller::Open, CreateUserRequest::default()).await.expect("a user");
    let ask = Ask { id: Some(made.identity.id.clone()), route_type: Some("ANY".into()), ttl: Some(600) };
    let answer = relay::issue_relay_configuration(&ctx, &Caller::Open, ask).await.expect("a configuration");
    let [server] = &answer.ice_servers[..] else { panic!("one route was asked for") };
    let (ends, user) = server.username.split_once(':').expect("an end and a user");
    assert_eq!(user, made.identity.id);
    let ends: i64 = ends.parse().expect("seconds");
    assert!((common::BEGIN + 600..=common::BEGIN + 601).contains(&ends));
    let same =
        centrale_relay::Credential::mint(b"a secret for relays", user, Timestamp::from_secs(ends), Duration::ZERO);
    assert_eq!(same.password, server.credential);
}

#[tokio::test]
async fn wrong_lives_routes_and_users_are_refused() {
    let World { ctx, .. } = world().await;
    let ask = |id: Option<&str>, route: Option<&str>, ttl| Ask {
        id: id.map(str::to_owned),
        route_type: route.map(str::to_owned),
        ttl,
    };
    let made = identity::create_user(&ctx, &Caller::Open, CreateUserRequest::default()).await.expect("a user");
    let gone = made.identity.id;
    identity::delete_user(&ctx, &Caller::Open, UserRequest { id: gone.clone() }).await.expect("deleted");
    for (request, kind) in [
        (ask(None, None, Some(-1)), Kind::Invalid),
        (ask(None, None, Some(172_801)), Kind::Invalid),
        (ask(None, None, Some(i64::MIN)), Kind::Invalid),
        (ask(None, Some("furthest"), None), Kind::Invalid),
        (ask(Some("4:+12"), None, None), Kind::Invalid),
        (ask(Some("8:echo123"), None, None), Kind::NotFound),
        (ask(Some(&gone), None, None), Kind::NotFound),
    ] {
        let refused = relay::issue_relay_configuration(&ctx, &Caller::Open, request).await;
        assert_eq!(refused.expect_err("refused").kind(), kind);
    }
    relay::issue_relay_configuration(&ctx, &Caller::Open, ask(None, None, Some(0))).await.expect("zero is allowed");
}

#[tokio::test]
async fn a_browser_gets_every_way_in_the_order_of_their_cost() {
    let World { ctx, .. } = world().await;
    let identity: Identity = "8:echo123".parse().expect("an identity");
    let (servers, ends) = relay::ice_servers(&ctx, &identity, Duration::from_secs(60));
    let urls: Vec<&str> = servers.iter().flat_map(|server| server.urls.iter().map(String::as_str)).collect();
    assert_eq!(
        urls,
        [
            "stun:relay.example.org:3478",
            "turn:relay.example.org:3478?transport=udp",
            "turn:relay.example.org:3478?transport=tcp",
            "turns:relay.example.org:5349?transport=tcp",
            "turns:relay.example.org:443?transport=tcp"
        ]
    );
    assert_eq!(ends.as_secs(), common::BEGIN + 60);
}

#[tokio::test]
async fn without_turn_there_is_stun_alone() {
    let World { clock, .. } = world().await;
    let store = common::store().await;
    let bus = centrale_bus::open(None).await.expect("a bus");
    let mut parts = common::parts(&clock, store, bus, None);
    parts.relay.enabled = false;
    let ctx = Context::open(parts).await.expect("a context");
    let identity: Identity = "8:echo123".parse().expect("an identity");
    let (servers, _) = relay::ice_servers(&ctx, &identity, Duration::from_secs(60));
    assert!(
        servers.iter().all(|server| server.username.is_none() && server.urls.iter().all(|u| u.starts_with("stun:")))
    );
    let answer = relay::issue_relay_configuration(&ctx, &Caller::Open, Ask::default()).await.expect("an answer");
    assert!(answer.ice_servers.iter().flat_map(|server| &server.urls).all(|url| url.starts_with("stun:")));
}

async fn deleted(ctx: &Context) -> String {
    let made = identity::create_user(ctx, &Caller::Open, CreateUserRequest::default()).await.expect("a user");
    let id = made.identity.id;
    for _ in 0..2 {
        // The second time nothing is deleted, and nothing is told.
        identity::delete_user(ctx, &Caller::Open, UserRequest { id: id.clone() }).await.expect("deleted");
    }
    id
}

/// Everybody whom a relay would hear of, page by page.
async fn all(ctx: &Context, mut since: Since) -> Vec<String> {
    let mut users = Vec::new();
    loop {
        let page = revoked(ctx, &since).await.expect("a page");
        let Some(last) = page.last() else { return users };
        since = Since { from: last.deleted, after: last.id.to_string() };
        users.extend(page.into_iter().map(|revoked| revoked.user));
    }
}

#[tokio::test]
async fn who_is_deleted_is_told_to_relays_until_no_credential_of_theirs_is_good() {
    let World { ctx, clock } = world().await;
    assert_eq!(all(&ctx, Since::default()).await, Vec::<String>::new());
    let first = deleted(&ctx).await;
    clock.pass(Duration::from_secs(3600));
    let second = deleted(&ctx).await;
    assert_eq!(all(&ctx, Since::default()).await, [first.clone(), second.clone()], "the earliest first, each once");
    let page = revoked(&ctx, &Since::default()).await.expect("a page");
    assert_eq!(page[0].until().as_secs(), common::BEGIN + 172_860);
    let after = Since { from: page[0].deleted, after: page[0].id.to_string() };
    assert_eq!(all(&ctx, after).await.as_slice(), std::slice::from_ref(&second));
    // The first one's last credential is over; the next deletion lets go of it.
    clock.pass(Duration::from_secs(172_800 - 3600 + 61));
    let third = deleted(&ctx).await;
    assert_eq!(all(&ctx, Since::default()).await, [second, third]);
}

#[tokio::test]
async fn many_who_are_deleted_at_once_are_told_in_pages_and_all_of_them() {
    let World { ctx, .. } = world().await;
    let mut expected = std::collections::BTreeSet::new();
    for _ in 0..1_050 {
        expected.insert(deleted(&ctx).await);
    }
    assert_eq!(revoked(&ctx, &Since::default()).await.expect("a page").len(), 1_000);
    let told = all(&ctx, Since::default()).await;
    assert_eq!(told.len(), 1_050, "nobody twice");
    assert_eq!(told.into_iter().collect::<std::collections::BTreeSet<_>>(), expected);
}

#[tokio::test]
async fn a_relay_without_a_store_asks_over_the_bus() {
    let World { clock, .. } = world().await;
    let bus = centrale_bus::open(None).await.expect("a bus");
    let ctx = common::node(&clock, common::store().await, bus.clone()).await;
    let refused = ask_revoked(&*bus, &Since::default()).await.expect_err("nobody is there to tell");
    assert_eq!(refused.kind(), Kind::Unavailable);
    let id = deleted(&ctx).await;
    let telling = tokio::spawn({
        let ctx = ctx.clone();
        async move { serve_revoked(&ctx).await }
    });
    let mut bell = bus.subscribe(&identity::bell()).await.expect("an ear");
    let heard = loop {
        match ask_revoked(&*bus, &Since::default()).await {
            Ok(heard) => break heard,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    assert_eq!(heard.iter().map(|revoked| revoked.user.as_str()).collect::<Vec<_>>(), [id]);
    // Whoever listens to the bell knows when to ask again.
    let later = deleted(&ctx).await;
    assert!(bell.next().await.is_some());
    let since = Since { from: heard[0].deleted, after: String::new() };
    let heard = ask_revoked(&*bus, &since).await.expect("told");
    assert!(heard.iter().any(|revoked| revoked.user == later));
    telling.abort();
}
