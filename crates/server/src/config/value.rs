//! A value before it is read: text, and where it came from.

use std::fmt;

/// Why the configuration cannot be used: one sentence that names the key and says what to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(pub String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

/// A value as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The name under which it was given: `--https`, `CENTRALE_HTTPS`, `listen.https`.
    pub name: String,
    /// The text; several for a list.
    pub texts: Vec<String>,
}

impl Given {
    /// One value.
    pub fn one(name: impl Into<String>, text: impl Into<String>) -> Given {
        Given { name: name.into(), texts: vec![text.into()] }
    }

    /// Reads the value, or says what to write instead.
    pub(super) fn read<T>(&self, wanted: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, ConfigError> {
        let text = self.texts.first().map(String::as_str).unwrap_or_default();
        if self.texts.len() > 1 {
            return Err(ConfigError(format!("{} is given more than once: write {wanted}.", self.name)));
        }
        read(text).ok_or_else(|| self.wrong(text, wanted))
    }

    /// Reads every value of a list.
    pub(super) fn read_all<T>(&self, wanted: &str, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, ConfigError> {
        self.texts
            .iter()
            .flat_map(|text| text.split(','))
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(|text| read(text).ok_or_else(|| self.wrong(text, wanted)))
            .collect()
    }

    fn wrong(&self, text: &str, wanted: &str) -> ConfigError {
        ConfigError(format!("{} is \"{}\": write {wanted}.", self.name, text.escape_debug()))
    }
}
