//! The command line: a scenario, then `--key value` pairs.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::str::FromStr;

use crate::client::Target;
use crate::link::Transport;
use crate::meter::Meter;
use crate::tls;

pub(crate) struct Args {
    pub(crate) scenario: String,
    values: BTreeMap<String, String>,
}

impl Args {
    pub(crate) fn read(mut words: impl Iterator<Item = String>) -> io::Result<Args> {
        let scenario = words.next().ok_or_else(|| io::Error::other("which scenario?"))?;
        let mut values = BTreeMap::new();
        while let Some(word) = words.next() {
            let key = word.strip_prefix("--").ok_or_else(|| io::Error::other(format!("{word} is not --key")))?;
            let value = words.next().ok_or_else(|| io::Error::other(format!("--{key} needs a value")))?;
            values.insert(key.to_owned(), value);
        }
        Ok(Args { scenario, values })
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

    pub(crate) fn address(&self, key: &str) -> io::Result<SocketAddr> {
        self.text(key, "").parse().map_err(|_| io::Error::other(format!("--{key} must be ip:port")))
    }

    pub(crate) fn target(&self) -> io::Result<Rc<Target>> {
        let transport = self.text("transport", "udp");
        Ok(Rc::new(Target {
            server: self.address("server")?,
            transport: Transport::named(&transport)
                .ok_or_else(|| io::Error::other("--transport is udp, tcp or tls"))?,
            secret: self.text("secret", ""),
            tls: tls::client(self.text("tls", "1.2") == "1.3")?,
            is_floor: self.text("protocol", "turn") == "floor",
            spreads_v6: self.text("spread-v6", "no") == "yes",
        }))
    }

    pub(crate) fn meter(&self) -> io::Result<Meter> {
        let pid: u32 = self.number("pid", 0)?;
        Ok(Meter::new((pid != 0).then_some(pid)))
    }
}
