//! Users, their tokens, and the keys behind both.
//!
//! A user token is not kept anywhere. It names the generation of its user and of the access key it was made under;
//! revoking, deleting and rotating change those numbers, and comparing numbers is all that verifying costs. Numbers are
//! cached for a moment and changed on every node as soon as the bell rings.

mod access;
mod admin;
mod cache;
mod exchange;
mod jwt;
mod resource;
mod signing;
mod sql;
mod state;
mod tokens;
mod users;
mod verify;
mod watch;

pub use access::{AccessKey, KeyName, KeyRing, KeyUse};
pub use admin::{list_keys, regenerate_key};
pub use exchange::{
    delete_assignment, exchange_entra_token, exchange_teams_extension_token, exchange_teams_token, get_assignment,
    put_assignment,
};
pub use signing::{JsonWebKey, key_set};
pub use tokens::{MAX_MINUTES, MIN_MINUTES, issue_token, revoke_tokens};
pub use users::{REMEMBERED, count, create_user, delete_user, deleted_users, require_user};
pub use verify::{Bearer, Caller, is_still_valid, verify_user_token};
pub use watch::{Revocation, bell, keep, watch_revocations};

pub(crate) use resource::found;
pub(crate) use state::State;
