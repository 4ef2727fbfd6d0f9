//! The configuration file: TOML, whose leaves become values under dotted names.

use std::collections::BTreeMap;
use std::path::Path;

use super::nearest::nearest;
use super::sample::KEYS;
use super::value::{ConfigError, Given};

/// Reads a file. Each key must be known.
pub(super) fn read(path: &Path) -> Result<BTreeMap<String, Given>, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError(format!("--config {}: the file cannot be read ({error}).", path.display())))?;
    let table: toml::Table = toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(0, |span| text[..span.start.min(text.len())].lines().count().max(1));
        ConfigError(format!("--config {}, line {line}: not TOML ({}).", path.display(), error.message()))
    })?;
    let mut found = BTreeMap::new();
    flatten("", &table, &mut found)?;
    Ok(found)
}

fn flatten(prefix: &str, table: &toml::Table, found: &mut BTreeMap<String, Given>) -> Result<(), ConfigError> {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        if let toml::Value::Table(inner) = value {
            if !KEYS.iter().any(|known| known.key.starts_with(&format!("{key}."))) {
                return Err(unknown(&key));
            }
            flatten(&key, inner, found)?;
            continue;
        }
        if !KEYS.iter().any(|known| known.key == key) {
            return Err(unknown(&key));
        }
        let texts = match value {
            toml::Value::Array(items) => items.iter().map(plain).collect(),
            other => vec![plain(other)],
        };
        found.insert(key.clone(), Given { name: key, texts });
    }
    Ok(())
}

fn plain(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn unknown(key: &str) -> ConfigError {
    match nearest(key, KEYS.iter().map(|known| known.key)) {
        Some(near) => {
            ConfigError(format!("{key} is not a key of the configuration file: write {near}, or leave it out."))
        }
        None => ConfigError(format!("{key} is not a key of the configuration file: leave it out.")),
    }
}
