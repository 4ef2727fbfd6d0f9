//! Who of a Teams tenant may exchange tokens (wire notes 7 row 8).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{VERSIONS, per_half_minute};
use crate::{Auth, Limit, Method, Operation, Versions};

const PATH: &str = "/access/teamsExtension/tenants/{tenantId}/assignments/{objectId}";

/// Names an assignment.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssignmentRequest {
    /// The tenant's id.
    pub tenant_id: String,
    /// The Entra object's id.
    pub object_id: String,
}

/// An assignment as it shall be.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PutAssignmentRequest {
    /// The tenant's id.
    pub tenant_id: String,
    /// The Entra object's id.
    pub object_id: String,
    /// `user` or `resourceAccount`.
    #[serde(default)]
    pub principal_type: Option<String>,
    /// The apps that may exchange tokens.
    #[serde(default)]
    pub client_ids: Option<Vec<String>>,
}

/// An assignment as it is.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Assignment {
    /// The Entra object's id.
    pub object_id: String,
    /// The tenant's id.
    pub tenant_id: String,
    /// `user` or `resourceAccount`.
    pub principal_type: String,
    /// The apps that may exchange tokens.
    #[serde(default)]
    pub client_ids: Vec<String>,
}

/// *Get a Teams phone assignment*.
pub struct GetAssignment;
/// *Create or replace a Teams phone assignment*.
pub struct PutAssignment;
/// *Delete a Teams phone assignment*.
pub struct DeleteAssignment;

impl Operation for GetAssignment {
    type Request = AssignmentRequest;
    type Response = Assignment;
    const NAME: &'static str = "TeamsExtension_GetAssignment";
    const SUMMARY: &'static str = "Get a Teams phone assignment.";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = PATH;
    const STATUS: u16 = 200;
    const AUTH: Auth = Auth::AccessKey;
    const LIMIT: Option<Limit> = per_half_minute("identity.assignment", 500);
    const VERSIONS: Versions = VERSIONS;
}

impl Operation for PutAssignment {
    type Request = PutAssignmentRequest;
    type Response = Assignment;
    const NAME: &'static str = "TeamsExtension_UpsertAssignment";
    const SUMMARY: &'static str = "Create or replace a Teams phone assignment.";
    const METHOD: Method = Method::Put;
    const PATH: &'static str = PATH;
    const STATUS: u16 = 200;
    const AUTH: Auth = Auth::AccessKey;
    const LIMIT: Option<Limit> = per_half_minute("identity.assignment", 500);
    const VERSIONS: Versions = VERSIONS;
}

impl Operation for DeleteAssignment {
    type Request = AssignmentRequest;
    type Response = ();
    const NAME: &'static str = "TeamsExtension_DeleteAssignment";
    const SUMMARY: &'static str = "Delete a Teams phone assignment.";
    const METHOD: Method = Method::Delete;
    const PATH: &'static str = PATH;
    const STATUS: u16 = 204;
    const AUTH: Auth = Auth::AccessKey;
    const LIMIT: Option<Limit> = per_half_minute("identity.assignment", 500);
    const VERSIONS: Versions = VERSIONS;
}
