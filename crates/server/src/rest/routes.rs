//! The route table: one line per operation.

use centrale_exchange::{identity, relay, usage};
use centrale_wire::identity as id;
use centrale_wire::{admin, relay as traversal};

use super::router::{Router, Routes};
use super::{dev, health, openapi, status, web, well_known};

/// Everything that this program answers on the HTTPS port.
///
/// `more` adds what is served with the help of other rooms of the server (event connections, for example).
pub fn routes(is_dev: bool, more: impl FnOnce(&mut Routes)) -> Router {
    let mut r = Routes::new();

    r.mount::<id::CreateUser>(identity::create_user);
    r.mount::<id::DeleteUser>(identity::delete_user);
    r.mount::<id::IssueToken>(identity::issue_token);
    r.mount::<id::RevokeTokens>(identity::revoke_tokens);
    r.mount::<id::ExchangeTeamsToken>(identity::exchange_teams_token);
    r.mount::<id::ExchangeEntraToken>(identity::exchange_entra_token);
    r.mount::<id::ExchangeTeamsExtensionToken>(identity::exchange_teams_extension_token);
    r.mount::<id::GetAssignment>(identity::get_assignment);
    r.mount::<id::PutAssignment>(identity::put_assignment);
    r.mount::<id::DeleteAssignment>(identity::delete_assignment);

    r.mount::<traversal::IssueRelayConfiguration>(relay::issue_relay_configuration);

    r.mount::<admin::ListUsage>(usage::list_usage);
    r.mount::<admin::ListKeys>(identity::list_keys);
    r.mount::<admin::RegenerateKey>(identity::regenerate_key);
    r.mount::<admin::IssueIceServers>(relay::issue_ice_servers);
    status::mount(&mut r);

    more(&mut r);

    health::mount(&mut r);
    well_known::mount(&mut r);
    if is_dev {
        dev::mount(&mut r);
    }
    web::mount(&mut r);
    openapi::mount(&mut r);
    r.build()
}
