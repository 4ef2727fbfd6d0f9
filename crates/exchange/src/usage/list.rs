//! Usage, read back.

use centrale_store::{Row, Value};
use centrale_wire::admin::{ListUsageRequest, UsagePage, UsageRecord, UsageTotal};

use crate::identity::Caller;
use crate::{Context, Error, Result};

/// Which records. Everything absent matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// `VoIP` or `NAT`.
    pub kind: Option<String>,
    /// A raw id.
    pub identity: Option<String>,
    /// A call's id.
    pub call: Option<String>,
    /// Records that ended at or after this moment, in milliseconds since 1970.
    pub from: Option<i64>,
    /// Records that began before this moment, in milliseconds since 1970.
    pub until: Option<i64>,
}

const WHERE: &str = "(CAST($1 AS TEXT) IS NULL OR kind = $1)
     AND (CAST($2 AS TEXT) IS NULL OR identity = $2)
     AND (CAST($3 AS TEXT) IS NULL OR call_id = $3)
     AND (CAST($4 AS BIGINT) IS NULL OR ended >= $4)
     AND (CAST($5 AS BIGINT) IS NULL OR started < $5)";

impl Filter {
    fn args(&self) -> Vec<Value> {
        vec![
            self.kind.as_ref().into(),
            self.identity.as_ref().into(),
            self.call.as_ref().into(),
            self.from.into(),
            self.until.into(),
        ]
    }
}

/// Records in order of their end, at most `top`, after the record named by `after` (its end and id).
pub async fn list(ctx: &Context, filter: &Filter, after: Option<(i64, &str)>, top: u32) -> Result<Vec<UsageRecord>> {
    let (ended, id) = after.unwrap_or((i64::MIN, ""));
    let mut args = filter.args();
    args.extend([ended.into(), id.into(), top.into()]);
    let sql = format!(
        "SELECT record_id, kind, unit, quantity, identity, call_id, participant_id, transport, direction, started, ended
         FROM usage_record WHERE {WHERE} AND (ended > $6 OR (ended = $6 AND record_id > $7))
         ORDER BY ended, record_id LIMIT $8"
    );
    ctx.store.read(&sql, &args).await?.iter().map(read).collect()
}

/// Sums of everything that matches, by kind, unit and direction.
pub async fn totals(ctx: &Context, filter: &Filter) -> Result<Vec<UsageTotal>> {
    let sql = format!(
        "SELECT kind, unit, direction, CAST(SUM(quantity) AS BIGINT), COUNT(*) FROM usage_record WHERE {WHERE}
         GROUP BY kind, unit, direction ORDER BY kind, unit, direction LIMIT 100"
    );
    let rows = ctx.store.read(&sql, &filter.args()).await?;
    rows.iter()
        .map(|row| {
            Ok(UsageTotal {
                kind: row.text(0)?.to_owned(),
                unit: row.text(1)?.to_owned(),
                direction: row.opt_text(2)?.map(str::to_owned),
                quantity: u64::try_from(row.int(3)?).unwrap_or(0),
                records: u64::try_from(row.int(4)?).unwrap_or(0),
            })
        })
        .collect()
}

/// Records and totals for the operator.
///
/// # Errors
/// `Invalid` when `top` is outside 1 to 1000 or the cursor is not one of ours.
pub async fn list_usage(ctx: &Context, _caller: &Caller, request: ListUsageRequest) -> Result<UsagePage> {
    let top = request.top.unwrap_or(100);
    let top = u32::try_from(top)
        .ok()
        .filter(|top| (1..=1000).contains(top))
        .ok_or_else(|| Error::validation("top", "top is between 1 and 1000."))?;
    let after = request.after.as_deref().map(cursor).transpose()?;
    let filter = Filter {
        kind: request.kind,
        identity: request.identity,
        call: request.call,
        from: request.from,
        until: request.until,
    };
    let value = list(ctx, &filter, after, top).await?;
    let totals = totals(ctx, &filter).await?;
    let next_link = value.last().filter(|_| value.len() == top as usize).map(|last| next_link(&filter, last, top));
    Ok(UsagePage { value, totals, next_link })
}

fn cursor(text: &str) -> Result<(i64, &str)> {
    text.split_once('.')
        .and_then(|(ended, id)| Some((ended.parse().ok()?, id)))
        .ok_or_else(|| Error::validation("after", "after is the cursor of an earlier page."))
}

fn next_link(filter: &Filter, last: &UsageRecord, top: u32) -> String {
    let mut link = format!("/admin/usage?top={top}&after={}.{}", last.ended, encode(&last.record_id));
    for (name, value) in [("kind", &filter.kind), ("identity", &filter.identity), ("call", &filter.call)] {
        if let Some(value) = value {
            link.push_str(&format!("&{name}={}", encode(value)));
        }
    }
    for (name, value) in [("from", filter.from), ("until", filter.until)] {
        if let Some(value) = value {
            link.push_str(&format!("&{name}={value}"));
        }
    }
    link
}

/// Percent-encodes all but unreserved characters (RFC 3986 section 2.3).
fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn read(row: &Row) -> Result<UsageRecord> {
    Ok(UsageRecord {
        record_id: row.text(0)?.to_owned(),
        kind: row.text(1)?.to_owned(),
        unit: row.text(2)?.to_owned(),
        quantity: u64::try_from(row.int(3)?).unwrap_or(0),
        identity: row.text(4)?.to_owned(),
        call_id: row.opt_text(5)?.map(str::to_owned),
        participant_id: row.opt_text(6)?.map(str::to_owned),
        transport: row.opt_text(7)?.map(str::to_owned),
        direction: row.opt_text(8)?.map(str::to_owned),
        started: row.int(9)?,
        ended: row.int(10)?,
    })
}
