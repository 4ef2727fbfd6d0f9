//! Users, tokens and keys, on an embedded store and under a clock that only moves by hand.

mod common;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use centrale_exchange::identity::{
    self, Bearer, Caller, KeyName, KeyUse, Revocation, is_still_valid, verify_user_token, watch_revocations,
};
use centrale_exchange::{Context, Kind};
use centrale_model::Scope;
use centrale_wire::admin::RegenerateKeyRequest;
use centrale_wire::identity::{
    AccessToken, CreateUserRequest, ExchangeTeamsTokenRequest, IssueTokenRequest, UserRequest,
};
use common::{World, world};

const PRIMARY: Caller = Caller::Key(KeyUse { name: KeyName::Primary, generation: 1 });
const SECONDARY: Caller = Caller::Key(KeyUse { name: KeyName::Secondary, generation: 1 });

async fn user(ctx: &Context) -> String {
    identity::create_user(ctx, &PRIMARY, CreateUserRequest::default()).await.expect("a user").identity.id
}

async fn token_under(ctx: &Context, caller: &Caller, id: &str) -> AccessToken {
    let request = IssueTokenRequest {
        id: id.to_owned(),
        scopes: Some(vec!["voip".to_owned(), "chat".to_owned()]),
        expires_in_minutes: Some(60),
    };
    identity::issue_token(ctx, caller, request).await.expect("a token")
}

async fn token(ctx: &Context, id: &str) -> String {
    token_under(ctx, &PRIMARY, id).await.token
}

async fn verified(ctx: &Context, token: &str) -> Bearer {
    verify_user_token(ctx, token).await.expect("a good token")
}

async fn is_refused(ctx: &Context, token: &str) -> bool {
    matches!(verify_user_token(ctx, token).await, Err(error) if error.kind() == Kind::Unauthenticated)
}

#[tokio::test]
async fn a_token_says_what_packages_read_and_nothing_that_they_cannot() {
    let World { ctx, .. } = world().await;
    let id = user(&ctx).await;
    let issued = token_under(&ctx, &PRIMARY, &id).await;
    assert_eq!(issued.expires_on, "2026-11-21T01:00:00.0000000+00:00");
    let payload = issued.token.split('.').nth(1).expect("three parts");
    let bytes = URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    // One vendor package decodes with the standard alphabet; the two must agree.
    assert!(!payload.contains(['-', '_']) && bytes.is_ascii() && !bytes.iter().any(|b| b">?~".contains(b)));
    let claims: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
    assert_eq!(claims["skypeid"], id.trim_start_matches("8:"));
    assert_eq!(claims["acsScope"], "chat,voip");
    assert_eq!(claims["scp"], 1792);
    assert_eq!(claims["exp"], common::BEGIN + 3600);
    assert_eq!(claims["iat"], common::BEGIN);
    assert_eq!(claims["csi"], common::BEGIN.to_string());
    assert_eq!(claims["iss"], "https://localhost:8443");
    assert_eq!(claims["resourceId"], ctx.resource.to_string());
    for claim in ["rgn", "resourceLocation"] {
        assert!(claims[claim].is_string(), "{claim}");
    }
}

#[tokio::test]
async fn anybody_can_check_a_token_with_the_published_keys() {
    let World { ctx, .. } = world().await;
    let token = token(&ctx, &user(&ctx).await).await;
    let kid = jsonwebtoken::decode_header(&token).expect("a header").kid.expect("a key's name");
    let keys = identity::key_set(&ctx);
    let key = keys.iter().find(|key| key.kid == kid).expect("the key is published");
    let decoding = jsonwebtoken::DecodingKey::from_ec_components(&key.x, &key.y).expect("a public key");
    let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
    rules.set_issuer(&["https://localhost:8443"]);
    rules.validate_exp = false;
    jsonwebtoken::decode::<serde_json::Value>(&token, &decoding, &rules).expect("another library agrees");
}

#[tokio::test]
async fn a_verified_token_gives_its_bearer() {
    let World { ctx, .. } = world().await;
    let id = user(&ctx).await;
    let bearer = verified(&ctx, &token(&ctx, &id).await).await;
    assert_eq!(bearer.identity.to_string(), id);
    assert!(bearer.scopes.has(Scope::Voip) && bearer.scopes.has(Scope::Chat) && !bearer.scopes.has(Scope::VoipJoin));
    assert_eq!(bearer.expires.as_secs(), common::BEGIN + 3600);
}

#[tokio::test]
async fn validity_is_60_to_1440_minutes() {
    let World { ctx, .. } = world().await;
    let id = user(&ctx).await;
    for (minutes, is_good) in [(59, false), (60, true), (1440, true), (1441, false), (-1, false), (i64::MAX, false)] {
        let scopes = Some(vec!["voip".to_owned()]);
        let issue = IssueTokenRequest { id: id.clone(), scopes: scopes.clone(), expires_in_minutes: Some(minutes) };
        let create = CreateUserRequest { create_token_with_scopes: scopes, expires_in_minutes: Some(minutes) };
        let issued = identity::issue_token(&ctx, &PRIMARY, issue).await;
        let created = identity::create_user(&ctx, &PRIMARY, create).await;
        assert_eq!(issued.is_ok(), is_good, "{minutes}");
        assert_eq!(created.is_ok(), is_good, "{minutes}");
        if let Err(error) = issued {
            let body = error.to_body().error;
            assert_eq!(
                (body.code.as_str(), body.target.as_deref(), body.message.as_str()),
                (
                    "ValidationError",
                    Some("ExpiresInMinutes"),
                    &*format!(
                        "ExpiresInMinutes value {minutes} is invalid. Value must be within the [60, 1440] interval."
                    )
                )
            );
        }
    }
}

#[tokio::test]
async fn a_refused_creation_makes_no_user() {
    let World { ctx, .. } = world().await;
    let request = CreateUserRequest { create_token_with_scopes: Some(vec!["all".into()]), expires_in_minutes: None };
    identity::create_user(&ctx, &PRIMARY, request).await.expect_err("an unknown scope");
    assert_eq!(identity::count(&ctx).await.expect("a count"), 0);
}

#[tokio::test]
async fn scopes_are_required_and_known() {
    let World { ctx, .. } = world().await;
    let id = user(&ctx).await;
    for scopes in [None, Some(vec![]), Some(vec!["sip".to_owned()]), Some(vec![String::new()])] {
        let request = IssueTokenRequest { id: id.clone(), scopes, expires_in_minutes: None };
        let error = identity::issue_token(&ctx, &PRIMARY, request).await.expect_err("refused");
        assert_eq!((error.kind(), error.wire_code()), (Kind::Invalid, "ValidationError"));
        assert_eq!(error.to_body().error.target.as_deref(), Some("Scopes"));
    }
}

#[tokio::test]
async fn strangers_have_no_tokens() {
    let World { ctx, .. } = world().await;
    let other = "8:acs:11111111-1111-4111-8111-111111111111_11111111-1111-4111-8111-111111111111".to_owned();
    let ours = format!("8:acs:{}_11111111-1111-4111-8111-111111111111", ctx.resource);
    for (id, kind) in [
        (other, Kind::NotFound),
        (ours, Kind::NotFound),
        ("4:+3225550100".to_owned(), Kind::Invalid),
        ("nonsense".to_owned(), Kind::Invalid),
        (String::new(), Kind::Invalid),
        ("x".repeat(100_000), Kind::Invalid),
    ] {
        let request = IssueTokenRequest { id: id.clone(), scopes: Some(vec!["voip".into()]), expires_in_minutes: None };
        assert_eq!(identity::issue_token(&ctx, &PRIMARY, request).await.expect_err("refused").kind(), kind);
        assert_eq!(
            identity::revoke_tokens(&ctx, &PRIMARY, UserRequest { id }).await.expect_err("refused").kind(),
            kind
        );
    }
}

#[tokio::test]
async fn a_token_ends_at_its_time() {
    let World { ctx, clock } = world().await;
    let token = token(&ctx, &user(&ctx).await).await;
    clock.pass(Duration::from_millis(3_599_999));
    let bearer = verified(&ctx, &token).await;
    clock.pass(Duration::from_millis(1));
    assert!(is_refused(&ctx, &token).await);
    assert!(!is_still_valid(&ctx, &bearer).await.expect("the store answers"));
}

#[tokio::test]
async fn revoking_ends_every_earlier_token_at_once_and_no_later_one() {
    let World { ctx, .. } = world().await;
    let (alice, bob) = (user(&ctx).await, user(&ctx).await);
    let early = [token(&ctx, &alice).await, token(&ctx, &alice).await];
    let bobs = token(&ctx, &bob).await;
    let bearer = verified(&ctx, &early[0]).await;
    identity::revoke_tokens(&ctx, &PRIMARY, UserRequest { id: alice.clone() }).await.expect("revoked");
    for token in &early {
        assert!(is_refused(&ctx, token).await);
    }
    assert!(!is_still_valid(&ctx, &bearer).await.expect("the store answers"));
    // In the very same millisecond.
    verified(&ctx, &token(&ctx, &alice).await).await;
    verified(&ctx, &bobs).await;
}

#[tokio::test]
async fn deleting_ends_tokens_for_ever_and_may_be_repeated() {
    let World { ctx, .. } = world().await;
    let id = user(&ctx).await;
    let token = token(&ctx, &id).await;
    for _ in 0..2 {
        identity::delete_user(&ctx, &PRIMARY, UserRequest { id: id.clone() }).await.expect("deleted");
        assert!(is_refused(&ctx, &token).await);
    }
    let request = IssueTokenRequest { id, scopes: Some(vec!["voip".into()]), expires_in_minutes: None };
    assert_eq!(identity::issue_token(&ctx, &PRIMARY, request).await.expect_err("gone").kind(), Kind::NotFound);
}

#[tokio::test]
async fn replacing_a_key_ends_the_tokens_made_under_it_and_no_other() {
    let World { ctx, .. } = world().await;
    let id = user(&ctx).await;
    let under_primary = token(&ctx, &id).await;
    let under_secondary = token_under(&ctx, &SECONDARY, &id).await.token;
    let before = ctx.access_keys().primary.secret.clone();
    let request = RegenerateKeyRequest { key_type: Some("Primary".to_owned()) };
    let keys = identity::regenerate_key(&ctx, &PRIMARY, request).await.expect("a new key");
    assert_ne!(&keys.primary_key, before.reveal());
    assert_eq!(STANDARD.decode(&keys.primary_key).expect("base64").len(), 32);
    assert_eq!(
        keys.primary_connection_string,
        format!("endpoint=https://localhost:8443/;accesskey={}", keys.primary_key)
    );
    assert!(is_refused(&ctx, &under_primary).await);
    verified(&ctx, &under_secondary).await;
}

#[tokio::test]
async fn only_the_two_keys_can_be_replaced() {
    let World { ctx, .. } = world().await;
    for key_type in [None, Some("tertiary".to_owned()), Some(String::new())] {
        let error = identity::regenerate_key(&ctx, &PRIMARY, RegenerateKeyRequest { key_type }).await;
        assert_eq!(error.expect_err("refused").kind(), Kind::Invalid);
    }
}

#[tokio::test]
async fn open_connections_hear_of_each_revocation() {
    let World { ctx, .. } = world().await;
    let id = user(&ctx).await;
    let bearer = verified(&ctx, &token(&ctx, &id).await).await;
    let mut heard = watch_revocations(&ctx);
    identity::revoke_tokens(&ctx, &PRIMARY, UserRequest { id: id.clone() }).await.expect("revoked");
    identity::delete_user(&ctx, &PRIMARY, UserRequest { id }).await.expect("deleted");
    let request = RegenerateKeyRequest { key_type: Some("secondary".to_owned()) };
    identity::regenerate_key(&ctx, &PRIMARY, request).await.expect("a new key");
    let user = bearer.user;
    assert_eq!(heard.recv().await, Ok(Revocation::Tokens { user, valid_from: 2 }));
    assert_eq!(heard.recv().await, Ok(Revocation::Deleted { user }));
    assert_eq!(heard.recv().await, Ok(Revocation::Key { name: KeyName::Secondary }));
}

#[tokio::test]
async fn a_second_node_hears_of_revocations_and_new_keys() {
    let World { ctx, clock } = world().await;
    let other = common::node(&clock, ctx.store.clone(), ctx.bus.clone()).await;
    let keeping = tokio::spawn(identity::keep(other.clone()));
    tokio::time::sleep(Duration::from_millis(50)).await;
    let id = user(&ctx).await;
    let early = token(&ctx, &id).await;
    let mut heard = watch_revocations(&other);
    verified(&other, &early).await;
    identity::revoke_tokens(&ctx, &PRIMARY, UserRequest { id }).await.expect("revoked");
    heard.recv().await.expect("the other node hears");
    assert!(is_refused(&other, &early).await);
    let request = RegenerateKeyRequest { key_type: Some("primary".to_owned()) };
    identity::regenerate_key(&ctx, &PRIMARY, request).await.expect("a new key");
    heard.recv().await.expect("the other node hears");
    assert_eq!(other.access_keys().primary.key.generation, 2);
    keeping.abort();
}

#[tokio::test]
async fn forged_tokens_are_refused() {
    let World { ctx, .. } = world().await;
    let good = token(&ctx, &user(&ctx).await).await;
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let none = encode(r#"{"alg":"none","typ":"JWT"}"#);
    let hs256 = encode(&format!(r#"{{"alg":"HS256","kid":"{}","typ":"JWT"}}"#, identity::key_set(&ctx)[0].kid));
    let other_payload = encode(r#"{"skypeid":"acs:a_b","exp":9999999999}"#);
    let mut flipped = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    flipped[10] ^= 1;
    let flipped = URL_SAFE_NO_PAD.encode(flipped);
    for forged in [
        format!("{none}.{payload}."),
        format!("{none}.{payload}.{signature}"),
        format!("{hs256}.{payload}.{signature}"),
        format!("{header}.{other_payload}.{signature}"),
        format!("{header}.{payload}.{flipped}"),
        format!("{header}.{payload}"),
        format!("{header}.{payload}.{signature}.x"),
        format!("{header}..{signature}"),
        "..".to_owned(),
        String::new(),
        "a".repeat(1_000_000),
        format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode([0; 64])),
    ] {
        assert!(is_refused(&ctx, &forged).await, "{}", &forged[..forged.len().min(100)]);
    }
    verified(&ctx, &good).await;
}

#[tokio::test]
async fn a_token_of_another_exchange_is_refused() {
    let (ours, theirs) = (world().await.ctx, world().await.ctx);
    let token = token(&theirs, &user(&theirs).await).await;
    assert!(is_refused(&ours, &token).await);
}

#[tokio::test]
async fn signing_keys_change_by_schedule_and_old_ones_stay_until_their_tokens_are_over() {
    let World { ctx, clock } = world().await;
    let keeper = |clock| common::node(clock, ctx.store.clone(), ctx.bus.clone());
    assert_eq!(identity::key_set(&ctx).len(), 1);
    // A day before its end the next key is published, and does not sign yet.
    clock.pass(Duration::from_secs(29 * 86_400));
    let early = keeper(&clock).await;
    assert_eq!(identity::key_set(&early).len(), 2);
    let id = user(&early).await;
    let first = identity::issue_token(
        &early,
        &PRIMARY,
        IssueTokenRequest { id: id.clone(), scopes: Some(vec!["voip".into()]), expires_in_minutes: None },
    )
    .await
    .expect("a token")
    .token;
    let name = |token: &str| jsonwebtoken::decode_header(token).expect("a header").kid.expect("a key's name");
    assert_eq!(name(&first), identity::key_set(&early)[0].kid);
    // After its end the next one signs, and the first still verifies what it signed.
    clock.pass(Duration::from_secs(86_400 - 60));
    clock.pass(Duration::from_secs(30));
    let last = token(&early, &id).await;
    assert_eq!(name(&last), name(&first));
    clock.pass(Duration::from_secs(31));
    let later = keeper(&clock).await;
    assert_ne!(name(&token(&later, &id).await), name(&first));
    verified(&later, &last).await;
    // When every token it signed is over, it is forgotten.
    clock.pass(Duration::from_secs(26 * 3600));
    let end = keeper(&clock).await;
    assert!(identity::key_set(&end).iter().all(|key| key.kid != name(&first)));
}

#[tokio::test]
async fn users_and_keys_survive_a_restart() {
    let World { ctx, clock } = world().await;
    let id = user(&ctx).await;
    let token = token(&ctx, &id).await;
    let again = common::node(&clock, ctx.store.clone(), ctx.bus.clone()).await;
    verified(&again, &token).await;
    assert_eq!(again.resource, ctx.resource);
    assert_eq!(again.access_keys().primary.secret, ctx.access_keys().primary.secret);
}

#[tokio::test]
async fn a_bell_that_was_lost_delays_a_revocation_by_ten_seconds_at_most() {
    let World { ctx, clock } = world().await;
    // This node does not listen to the bus.
    let deaf = common::node(&clock, ctx.store.clone(), ctx.bus.clone()).await;
    let id = user(&ctx).await;
    let token = token(&ctx, &id).await;
    verified(&deaf, &token).await;
    identity::revoke_tokens(&ctx, &PRIMARY, UserRequest { id }).await.expect("revoked");
    clock.pass(Duration::from_secs(10));
    assert!(is_refused(&deaf, &token).await);
}

#[tokio::test]
async fn the_teams_exchange_says_that_it_is_off() {
    let World { ctx, .. } = world().await;
    let request = ExchangeTeamsTokenRequest { token: Some("x".into()), app_id: None, user_id: None };
    let error = identity::exchange_teams_token(&ctx, &PRIMARY, request).await.expect_err("off");
    let body = error.to_body().error;
    assert_eq!((error.kind(), body.code.as_str()), (Kind::Unauthenticated, "InvalidAccessToken"));
    assert_eq!(body.innererror.expect("a reason").code, "FeatureDisabled");
}

#[tokio::test]
async fn a_developers_store_is_not_served_and_a_served_store_is_not_developed_on() {
    let World { clock, .. } = world().await;
    let store = common::store().await;
    let bus = centrale_bus::open(None).await.expect("a bus");
    let developer = common::parts(&clock, store.clone(), bus.clone(), Some(common::developer()));
    let ctx = Context::open(developer).await.expect("a developer's exchange");
    assert_eq!(ctx.resource.to_string(), "00000000-0000-4000-8000-00000000cafe");
    let served = Context::open(common::parts(&clock, store, bus.clone(), None)).await;
    assert_eq!(served.err().expect("refused").kind(), Kind::Invalid);
    let store = common::store().await;
    Context::open(common::parts(&clock, store.clone(), bus.clone(), None)).await.expect("a served exchange");
    let developed = Context::open(common::parts(&clock, store, bus, Some(common::developer()))).await;
    assert_eq!(developed.err().expect("refused").kind(), Kind::Invalid);
}
