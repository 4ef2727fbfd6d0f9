//! The API document (OpenAPI 3.1), made of what is mounted.

use std::sync::Arc;

use centrale_wire::{Auth, ErrorBody, Operation, QueryKind};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::router::{Incoming, Router, Routes};
use super::{Answer, Node, answer};

/// What the document says of an operation.
pub(super) struct Documented {
    path: &'static str,
    method: &'static str,
    describe: fn(&mut SchemaGenerator) -> Value,
}

impl Documented {
    pub(super) fn of<Op: Operation>() -> Documented {
        Documented { path: Op::PATH, method: Op::METHOD.as_str(), describe: describe::<Op> }
    }
}

/// The whole document.
pub fn document(router: &Router) -> Value {
    build(&router.documented)
}

/// Mounts the document; the last line of the table, so that it lists all that came before it.
pub(super) fn mount(routes: &mut Routes) {
    let document = Arc::new(build(&routes.documented));
    routes.raw(centrale_wire::Method::Get, "/openapi.json", true, move |node: Arc<Node>, _: Incoming| {
        let document = document.clone();
        async move { serve(&node, &document) }
    });
}

fn serve(node: &Node, document: &Value) -> Answer {
    let body = node.openapi.get_or_init(|| {
        let mut document = document.clone();
        document["servers"] = json!([{ "url": node.ctx.public_url }]);
        document.to_string().into()
    });
    answer::with_body(http::StatusCode::OK, body.clone().into())
}

fn build(documented: &[Documented]) -> Value {
    let mut generator = SchemaSettings::draft2020_12()
        .with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        })
        .into_generator();
    let mut paths = Map::new();
    for operation in documented {
        let described = (operation.describe)(&mut generator);
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.to_ascii_lowercase()] = described;
    }
    generator.subschema_for::<ErrorBody>();
    let schemas = generator.take_definitions(true);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Centrale",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What this exchange really answers, made from its route table.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" }
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "accessKey": {
                    "type": "apiKey", "in": "header", "name": "Authorization",
                    "description": "HMAC-SHA256 over method, path, date, host and body hash with an access key."
                },
                "userToken": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" }
            }
        }
    })
}

fn describe<Op: Operation>(generator: &mut SchemaGenerator) -> Value {
    let mut parameters: Vec<Value> = Vec::new();
    let mut taken: Vec<&str> = Vec::new();
    if !Op::VERSIONS.is_empty() {
        parameters.push(json!({
            "name": "api-version", "in": "query", "required": true,
            "schema": { "type": "string", "enum": Op::VERSIONS.0 }
        }));
    }
    for name in Op::PATH.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
        parameters.push(json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
        taken.push(name);
    }
    for query in Op::QUERY {
        let kind = match query.kind {
            QueryKind::Text => "string",
            QueryKind::Integer => "integer",
            QueryKind::Bool => "boolean",
        };
        parameters.push(json!({ "name": query.name, "in": "query", "schema": { "type": kind } }));
        taken.push(query.name);
    }
    let mut operation = json!({
        "operationId": Op::NAME,
        "summary": Op::SUMMARY,
        "parameters": parameters,
        "responses": {
            Op::STATUS.to_string(): success::<Op>(generator),
            "default": {
                "description": "What went wrong.",
                "content": { "application/json": { "schema": { "$ref": "#/components/schemas/ErrorBody" } } }
            }
        }
    });
    operation["security"] = match Op::AUTH {
        Auth::AccessKey => json!([{ "accessKey": [] }]),
        Auth::User => json!([{ "userToken": Op::SCOPES }]),
        Auth::Open => json!([]),
    };
    if let Some(limit) = Op::LIMIT {
        operation["x-limit"] = json!({ "name": limit.name, "count": limit.count, "windowMs": limit.window_ms });
    }
    if let Some(body) = request_schema::<Op>(generator, &taken) {
        operation["requestBody"] = json!({ "content": { "application/json": { "schema": body } } });
    }
    operation
}

fn success<Op: Operation>(generator: &mut SchemaGenerator) -> Value {
    let schema: Schema = <Op::Response as JsonSchema>::json_schema(generator);
    if schema.get("type").and_then(Value::as_str) == Some("null") {
        return json!({ "description": "Done." });
    }
    let schema = generator.subschema_for::<Op::Response>();
    json!({ "description": "Done.", "content": { "application/json": { "schema": schema } } })
}

/// The body's schema: the request's without what comes from path and query. None when nothing is left.
fn request_schema<Op: Operation>(generator: &mut SchemaGenerator, taken: &[&str]) -> Option<Value> {
    let mut schema = <Op::Request as JsonSchema>::json_schema(generator).to_value();
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    if let Some(properties) = properties {
        for name in taken {
            properties.remove(*name);
        }
        if properties.is_empty() {
            return None;
        }
    } else if schema.get("oneOf").is_none() && schema.get("anyOf").is_none() {
        return None;
    }
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| !name.as_str().is_some_and(|name| taken.contains(&name)));
    }
    Some(schema)
}
