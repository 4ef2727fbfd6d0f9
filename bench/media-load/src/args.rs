//! The command line: which server, then `--key value` pairs.

use std::collections::BTreeMap;
use std::io;
use std::str::FromStr;

pub(crate) struct Args {
    pub(crate) server: String,
    values: BTreeMap<String, String>,
}

impl Args {
    pub(crate) fn read(mut words: impl Iterator<Item = String>) -> io::Result<Args> {
        let server = words.next().ok_or_else(|| io::Error::other("which server: whip or janus?"))?;
        let mut values = BTreeMap::new();
        while let Some(word) = words.next() {
            let key = word.strip_prefix("--").ok_or_else(|| io::Error::other(format!("{word} is not --key")))?;
            let value = words.next().ok_or_else(|| io::Error::other(format!("--{key} needs a value")))?;
            values.insert(key.to_owned(), value);
        }
        Ok(Args { server, values })
    }

    pub(crate) fn text(&self, key: &str, default: &str) -> String {
        self.values.get(key).map_or(default, String::as_str).to_owned()
    }

    pub(crate) fn number<N: FromStr>(&self, key: &str, default: N) -> io::Result<N> {
        match self.values.get(key) {
            None => Ok(default),
            Some(value) => value.parse().map_err(|_| io::Error::other(format!("--{key} {value} is not a number"))),
        }
    }

    pub(crate) fn address(&self, key: &str) -> io::Result<std::net::SocketAddr> {
        self.text(key, "").parse().map_err(|_| io::Error::other(format!("--{key} must be ip:port")))
    }
}
