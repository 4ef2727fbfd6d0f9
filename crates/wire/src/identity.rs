//! Identities and their access tokens (wire notes section 7).

mod assignment;
mod exchange;
mod token;
mod user;

pub use assignment::{
    Assignment, AssignmentRequest, DeleteAssignment, GetAssignment, PutAssignment, PutAssignmentRequest,
};
pub use exchange::{
    ExchangeEntraToken, ExchangeRequest, ExchangeTeamsExtensionToken, ExchangeTeamsToken, ExchangeTeamsTokenRequest,
};
pub use token::{AccessToken, IssueToken, IssueTokenRequest, RevokeTokens};
pub use user::{CreateUser, CreateUserRequest, CreatedUser, DeleteUser, UserRef, UserRequest};

use crate::{Limit, Per, Versions};

/// Every version of the identity service that a released package sends (wire notes 1.1, B-ID-6).
pub const VERSIONS: Versions =
    Versions(&["2021-03-07", "2022-06-01", "2022-10-01", "2023-10-01", "2025-06-30", "2026-09-23"]);

/// The versions of the Entra exchange: the identity service's, and the preview that the common package sends.
const ENTRA_VERSIONS: Versions = Versions(&[
    "2021-03-07",
    "2022-06-01",
    "2022-10-01",
    "2023-10-01",
    "2025-03-02-preview",
    "2025-06-30",
    "2026-09-23",
]);

/// A limit of so many requests in 30 seconds, counted for the whole resource (acs-behaviour section 21).
const fn per_half_minute(name: &'static str, count: u32) -> Option<Limit> {
    Some(Limit { name, count, window_ms: 30_000, per: Per::Resource })
}
