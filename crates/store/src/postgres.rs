//! PostgreSQL: the same promises for nodes that are together.

use std::{io::ErrorKind, str::FromStr, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use sqlx::{
    Arguments, AssertSqlSafe, ConnectOptions, Connection, Decode, PgPool, Postgres, Row as _, Transaction, Type,
    TypeInfo, ValueRef,
    encode::{Encode, IsNull},
    postgres::{
        PgArgumentBuffer, PgArguments, PgConnectOptions, PgPoolOptions, PgRow, PgTypeInfo, PgValueRef, types::Oid,
    },
};
use tokio::time::{Instant, timeout_at};

use crate::{Access, Limits, Row, Store, StoreError, Tx, Value, script};

/// A connection that rested longer than this is tried before it is lent.
///
/// Lower: a round trip more for most units. Higher: more units meet a connection that died while it rested.
const RESTED: Duration = Duration::from_secs(5);

pub(crate) struct PostgresStore {
    pool: PgPool,
    patience: Duration,
}

impl PostgresStore {
    pub(crate) async fn open(address: &str, limits: Limits) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(address)
            .map_err(|error| StoreError::Unavailable(format!("the store address is not understood: {error}")))?
            .application_name("centrale")
            // A unit whose task was cancelled, or whose node froze, must not hold its rows for ever. Reading is the usual
            // mode, so that a lone question cannot change anything; units that write say so.
            .options([
                ("statement_timeout", "30s"),
                ("idle_in_transaction_session_timeout", "30s"),
                ("default_transaction_read_only", "on"),
            ])
            .disable_statement_logging();
        let pool = PgPoolOptions::new()
            .max_connections(limits.connections)
            .acquire_timeout(limits.begin)
            .test_before_acquire(false)
            .before_acquire(|connection, rest| {
                Box::pin(async move {
                    if rest.idle_for > RESTED {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_with(options)
            .await
            .map_err(tell)?;
        Ok(PostgresStore { pool, patience: limits.begin })
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn begin(&self, access: Access) -> Result<Box<dyn Tx>, StoreError> {
        let statement = match access {
            Access::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            // As on SQLite, units that write must look as if they ran one after another.
            Access::Write => "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE",
        };
        let end = Instant::now() + self.patience;
        let mut stale = 0;
        loop {
            match self.in_time(end, self.pool.begin_with(statement)).await? {
                Ok(tx) => return Ok(Box::new(PostgresTx { tx, is_broken: false })),
                Err(error) => self.replace(error, &mut stale)?,
            }
        }
    }

    async fn read(&self, sql: &str, args: &[Value]) -> Result<Vec<Row>, StoreError> {
        let end = Instant::now() + self.patience;
        let mut stale = 0;
        loop {
            let mut connection = match self.in_time(end, self.pool.acquire()).await? {
                Ok(connection) => connection,
                Err(error) => {
                    self.replace(error, &mut stale)?;
                    continue;
                }
            };
            let found = sqlx::query_with(AssertSqlSafe(sql), arguments(args)?).fetch_all(&mut *connection).await;
            match found {
                Ok(rows) => return rows.iter().map(row).collect(),
                Err(error) => self.replace(error, &mut stale)?,
            }
        }
    }
}

impl PostgresStore {
    async fn in_time<T>(&self, end: Instant, work: impl Future<Output = T>) -> Result<T, StoreError> {
        timeout_at(end, work).await.map_err(|_| {
            StoreError::Unavailable(format!("no connection became free within {} ms", self.patience.as_millis()))
        })
    }

    /// Lets a connection that died while it rested be replaced: nothing was done on it yet, so trying the next one is safe. Every
    /// connection of the pool may be such a one, but no more; anything else is told.
    fn replace(&self, error: sqlx::Error, stale: &mut u32) -> Result<(), StoreError> {
        *stale += 1;
        if is_stale(&error) && *stale <= self.pool.options().get_max_connections() { Ok(()) } else { Err(tell(error)) }
    }
}

struct PostgresTx {
    tx: Transaction<'static, Postgres>,
    is_broken: bool,
}

impl PostgresTx {
    fn check(&self) -> Result<(), StoreError> {
        if self.is_broken {
            return Err(StoreError::Bug("a statement of this unit failed before; begin a fresh unit".into()));
        }
        Ok(())
    }
}

#[async_trait]
impl Tx for PostgresTx {
    async fn query(&mut self, sql: &str, args: &[Value]) -> Result<Vec<Row>, StoreError> {
        self.check()?;
        let result = query(&mut self.tx, sql, args).await;
        self.is_broken = result.is_err();
        result
    }

    async fn execute(&mut self, sql: &str, args: &[Value]) -> Result<u64, StoreError> {
        self.check()?;
        let result = execute(&mut self.tx, sql, args).await;
        self.is_broken = result.is_err();
        result
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.check()?;
        self.tx.commit().await.map_err(tell)
    }
}

async fn query(tx: &mut Transaction<'static, Postgres>, sql: &str, args: &[Value]) -> Result<Vec<Row>, StoreError> {
    let sql = script::for_postgres(sql);
    let rows = sqlx::query_with(AssertSqlSafe(&*sql), arguments(args)?).fetch_all(&mut **tx).await.map_err(tell)?;
    rows.iter().map(row).collect()
}

async fn execute(tx: &mut Transaction<'static, Postgres>, sql: &str, args: &[Value]) -> Result<u64, StoreError> {
    let sql = script::for_postgres(sql);
    let done = sqlx::query_with(AssertSqlSafe(&*sql), arguments(args)?).execute(&mut **tx).await.map_err(tell)?;
    Ok(done.rows_affected())
}

fn arguments(args: &[Value]) -> Result<PgArguments, StoreError> {
    let mut out = PgArguments::default();
    for value in args {
        match value {
            Value::Null => out.add(Untyped),
            Value::Text(text) if text.contains('\0') => {
                return Err(StoreError::Bug("text with a NUL character".into()));
            }
            Value::Text(text) => out.add(text.as_str()),
            Value::Int(number) => out.add(*number),
            Value::Blob(bytes) => out.add(&bytes[..]),
        }
        .map_err(|error| StoreError::Bug(format!("argument refused: {error}")))?;
    }
    Ok(out)
}

/// A NULL whose type the server finds out from where it stands (type number 0: not specified).
struct Untyped;

impl Type<Postgres> for Untyped {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(0))
    }
}

impl Encode<'_, Postgres> for Untyped {
    fn encode_by_ref(&self, _: &mut PgArgumentBuffer) -> Result<IsNull, Box<dyn std::error::Error + Send + Sync>> {
        Ok(IsNull::Yes)
    }
}

fn row(row: &PgRow) -> Result<Row, StoreError> {
    let mut values = Vec::with_capacity(row.len());
    for column in 0..row.len() {
        let raw = row.try_get_raw(column).map_err(tell)?;
        if raw.is_null() {
            values.push(Value::Null);
            continue;
        }
        let kind = raw.type_info();
        let value = match kind.name() {
            "TEXT" | "VARCHAR" | "NAME" | "\"CHAR\"" | "CHAR" | "UNKNOWN" => {
                Decode::<Postgres>::decode(raw).map(Value::Text)
            }
            "INT8" => Decode::<Postgres>::decode(raw).map(Value::Int),
            "INT4" => <i32 as Decode<Postgres>>::decode(raw).map(|number| Value::Int(number.into())),
            "INT2" => <i16 as Decode<Postgres>>::decode(raw).map(|number| Value::Int(number.into())),
            "BOOL" => <bool as Decode<Postgres>>::decode(raw).map(|flag| Value::Int(flag.into())),
            "BYTEA" => <Vec<u8> as Decode<Postgres>>::decode(raw).map(|bytes| Value::Blob(Bytes::from(bytes))),
            "NUMERIC" => numeric(raw).map(Value::Int),
            other => {
                return Err(StoreError::Bug(format!("column {column} has the type {other}, which is not portable")));
            }
        };
        values.push(value.map_err(|error| StoreError::Bug(format!("column {column} cannot be read: {error}")))?);
    }
    Ok(Row::new(values))
}

/// Reads a whole number out of the server's decimal form, which is what `SUM` of `BIGINT` gives.
///
/// ```text
///  0        2        4      6       8
/// ┌────────┬────────┬──────┬───────┬───────────────┐
/// │ digits │ weight │ sign │ scale │ digit, digit… │  16 bits each; a digit is 0..=9999
/// └────────┴────────┴──────┴───────┴───────────────┘
/// ```
fn numeric(raw: PgValueRef<'_>) -> Result<i64, Box<dyn std::error::Error + Send + Sync>> {
    let bytes = raw.as_bytes()?;
    let words: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    let [_, weight, sign, _, digits @ ..] = &words[..] else { return Err("a decimal that is too short".into()) };
    let whole = usize::try_from(i32::from(weight.cast_signed()) + 1).unwrap_or(0);
    if digits.iter().skip(whole).any(|digit| *digit != 0) {
        return Err("a decimal that is not whole".into());
    }
    let mut number: i128 = 0;
    for place in 0..whole {
        let digit = digits.get(place).copied().unwrap_or(0);
        number = number.checked_mul(10_000).ok_or("a decimal that is too large")? + i128::from(digit);
    }
    match sign {
        0x0000 => Ok(i64::try_from(number)?),
        0x4000 => Ok(i64::try_from(-number)?),
        _ => Err("a decimal that is not a number".into()),
    }
}

fn is_stale(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => !matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound),
        // 57P01: the server ended this connection on its way down or at an operator's wish.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| code == "57P01" || code == "25P03"),
        _ => false,
    }
}

/// Sorts the server's SQLSTATE codes (PostgreSQL documentation, appendix A).
fn tell(error: sqlx::Error) -> StoreError {
    let text = error.to_string();
    let sqlx::Error::Database(database) = &error else {
        return match error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => StoreError::Unavailable(text),
            _ => StoreError::Bug(text),
        };
    };
    let code = database.code().unwrap_or_default();
    let text = format!("{} ({code})", database.message());
    match &*code {
        // Serialization failure, deadlock, unique, foreign key, exclusion, lock not available.
        "40001" | "40P01" | "23505" | "23503" | "23P01" | "55P03" => StoreError::Conflict(text),
        // Statement cancelled by its limit; unit ended for idling; prepared statement outlived its table's shape.
        "57014" | "25P03" | "0A000" => StoreError::Unavailable(text),
        // Connection, authorization, resources, operator, system, configuration.
        code if ["08", "28", "3D", "53", "57", "58", "F0", "XX"].contains(&code.get(..2).unwrap_or_default()) => {
            StoreError::Unavailable(text)
        }
        _ => StoreError::Bug(text),
    }
}
