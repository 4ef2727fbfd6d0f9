//! What goes into a statement and what comes back.

use bytes::Bytes;

use crate::StoreError;

/// One value of a row or of a statement's arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// No value; fits columns of every type.
    Null,
    /// UTF-8 text without NUL characters (PostgreSQL cannot keep them: `Bug`).
    Text(String),
    /// A whole number of 64 bits; also times in milliseconds, and flags as 0 or 1.
    Int(i64),
    /// Bytes, up to some megabytes.
    Blob(Bytes),
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Value::Null => "NULL",
            Value::Text(_) => "text",
            Value::Int(_) => "a number",
            Value::Blob(_) => "bytes",
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Value::Text(text.clone())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Int(number)
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Value::Int(number.into())
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Value::Int(number.into())
    }
}

impl From<u16> for Value {
    fn from(number: u16) -> Self {
        Value::Int(number.into())
    }
}

impl From<u8> for Value {
    fn from(number: u8) -> Self {
        Value::Int(number.into())
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Value::Int(flag.into())
    }
}

impl From<Bytes> for Value {
    fn from(bytes: Bytes) -> Self {
        Value::Blob(bytes)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Value::Blob(bytes.into())
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Value::Blob(Bytes::copy_from_slice(bytes))
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// One row of an answer, read by position from 0.
///
/// Each getter fails with [`StoreError::Bug`] when the column is missing or of another type; the plain ones also when it is NULL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    values: Vec<Value>,
}

impl Row {
    /// Makes a row; for drivers, and for tests that stand in for one.
    pub fn new(values: Vec<Value>) -> Self {
        Row { values }
    }

    /// Gives the number of columns.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Tells whether the row has no column.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Gives all values in order.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// Reads text.
    pub fn text(&self, column: usize) -> Result<&str, StoreError> {
        self.opt_text(column)?.ok_or_else(|| missing(column, "text"))
    }

    /// Reads a number.
    pub fn int(&self, column: usize) -> Result<i64, StoreError> {
        self.opt_int(column)?.ok_or_else(|| missing(column, "a number"))
    }

    /// Reads a flag: 0 is false, 1 is true, anything else is a `Bug`.
    pub fn flag(&self, column: usize) -> Result<bool, StoreError> {
        match self.int(column)? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(StoreError::Bug(format!("column {column} holds {other} where a flag was expected"))),
        }
    }

    /// Reads bytes; the clone shares them.
    pub fn blob(&self, column: usize) -> Result<Bytes, StoreError> {
        self.opt_blob(column)?.ok_or_else(|| missing(column, "bytes"))
    }

    /// Reads text, or nothing from NULL.
    pub fn opt_text(&self, column: usize) -> Result<Option<&str>, StoreError> {
        match self.value(column)? {
            Value::Text(text) => Ok(Some(text)),
            Value::Null => Ok(None),
            other @ (Value::Int(_) | Value::Blob(_)) => Err(mismatch(column, other, "text")),
        }
    }

    /// Reads a number, or nothing from NULL.
    pub fn opt_int(&self, column: usize) -> Result<Option<i64>, StoreError> {
        match self.value(column)? {
            Value::Int(number) => Ok(Some(*number)),
            Value::Null => Ok(None),
            other @ (Value::Text(_) | Value::Blob(_)) => Err(mismatch(column, other, "a number")),
        }
    }

    /// Reads bytes, or nothing from NULL.
    pub fn opt_blob(&self, column: usize) -> Result<Option<Bytes>, StoreError> {
        match self.value(column)? {
            Value::Blob(bytes) => Ok(Some(bytes.clone())),
            Value::Null => Ok(None),
            other @ (Value::Text(_) | Value::Int(_)) => Err(mismatch(column, other, "bytes")),
        }
    }

    fn value(&self, column: usize) -> Result<&Value, StoreError> {
        self.values.get(column).ok_or_else(|| {
            StoreError::Bug(format!("column {column} asked of a row with {} columns", self.values.len()))
        })
    }
}

fn missing(column: usize, wanted: &str) -> StoreError {
    StoreError::Bug(format!("column {column} is NULL where {wanted} was expected"))
}

fn mismatch(column: usize, found: &Value, wanted: &str) -> StoreError {
    StoreError::Bug(format!("column {column} holds {} where {wanted} was expected", found.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_type_is_a_bug_and_names_the_column() {
        let row = Row::new(vec![Value::from("a"), Value::from(7), Value::Null]);
        assert_eq!(row.text(0), Ok("a"));
        assert_eq!(row.int(1), Ok(7));
        assert_eq!(row.opt_text(2), Ok(None));
        assert_eq!(row.opt_int(2), Ok(None));
        assert_eq!(row.int(0), Err(StoreError::Bug("column 0 holds text where a number was expected".into())));
        assert_eq!(row.text(2), Err(StoreError::Bug("column 2 is NULL where text was expected".into())));
        assert!(matches!(row.blob(3), Err(StoreError::Bug(_))));
        assert!(matches!(row.flag(1), Err(StoreError::Bug(_))));
    }

    #[test]
    fn an_option_becomes_its_value_or_null() {
        assert_eq!(Value::from(Some("x")), Value::Text("x".into()));
        assert_eq!(Value::from(None::<i64>), Value::Null);
        assert_eq!(Value::from(true), Value::Int(1));
    }
}
