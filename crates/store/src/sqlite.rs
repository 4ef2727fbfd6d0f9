//! SQLite: one writer, several readers, one file.
//!
//! WAL lets readers go on while the writer writes. Connections are kept in two lanes of our own (a pool would cost
//! a spawned task for each return); each connection has its thread, made by the engine's binding.

use std::{
    fs, io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use sqlx::{
    Arguments, AssertSqlSafe, ConnectOptions, Connection, Decode, Row as _, SqlSafeStr, Sqlite, SqliteConnection,
    TypeInfo, ValueRef,
    sqlite::{
        SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous,
        SqliteTransactionManager,
    },
};
use sqlx_core::transaction::TransactionManager;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{Access, Limits, Row, Store, StoreError, Tx, Value};

/// How long a statement waits for another *process* that holds the file (the command line beside the server).
const BUSY_PATIENCE: Duration = Duration::from_secs(5);

/// Statements kept prepared on each connection. Lower: more parsing; higher: some kilobytes each.
const PREPARED: usize = 200;

/// Rows the engine's thread may be ahead of us. Higher: fewer thread switches on long answers.
const ROWS_AHEAD: usize = 64;

pub(crate) struct SqliteStore {
    readers: Arc<Lane>,
    writer: Arc<Lane>,
    patience: Duration,
}

/// Some connections of the same kind, opened when first needed.
struct Lane {
    options: SqliteConnectOptions,
    idle: Mutex<Vec<SqliteConnection>>,
    turns: Arc<Semaphore>,
    /// The single connection of `:memory:` serves readers too and must be told each time what it may do.
    is_shared: bool,
}

impl SqliteStore {
    pub(crate) async fn open(path: &str, limits: Limits) -> Result<Self, StoreError> {
        let common = SqliteConnectOptions::new()
            .foreign_keys(true)
            .busy_timeout(BUSY_PATIENCE)
            .statement_cache_capacity(PREPARED)
            .row_buffer_size(ROWS_AHEAD)
            .disable_statement_logging();
        if path == ":memory:" {
            let lane = Lane::new(common.in_memory(true), 1, true);
            return Ok(SqliteStore { readers: lane.clone(), writer: lane, patience: limits.begin });
        }
        create_private(Path::new(path))
            .map_err(|error| StoreError::Unavailable(format!("cannot open the database file {path}: {error}")))?;
        let file = common
            .filename(path)
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .pragma("journal_size_limit", "67108864");
        let store = SqliteStore {
            readers: Lane::new(file.clone().pragma("query_only", "ON"), limits.connections as usize, false),
            writer: Lane::new(file, 1, false),
            patience: limits.begin,
        };
        // The first connection makes the file a WAL one and shows that it is a database at all.
        drop(store.take(&store.writer).await?);
        Ok(store)
    }

    async fn take(&self, lane: &Arc<Lane>) -> Result<Held, StoreError> {
        let turn = timeout(self.patience, lane.turns.clone().acquire_owned()).await.map_err(|_| {
            StoreError::Unavailable(format!("no connection became free within {} ms", self.patience.as_millis()))
        })?;
        let turn = turn.map_err(|_| StoreError::Unavailable("the store is closed".into()))?;
        let idle = lane.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => SqliteConnection::connect_with(&lane.options).await.map_err(tell)?,
        };
        Ok(Held { connection: Some(connection), lane: lane.clone(), is_open: false, _turn: turn })
    }
}

impl Lane {
    fn new(options: SqliteConnectOptions, turns: usize, is_shared: bool) -> Arc<Self> {
        Arc::new(Lane { options, idle: Mutex::new(Vec::new()), turns: Arc::new(Semaphore::new(turns)), is_shared })
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<SqliteConnection>> {
        // A push or a pop cannot leave the list half done, so a poisoned lock is still good.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn begin(&self, access: Access) -> Result<Box<dyn Tx>, StoreError> {
        let lane = match access {
            Access::Read => &self.readers,
            Access::Write => &self.writer,
        };
        let mut held = self.take(lane).await?;
        if lane.is_shared {
            held.restrict(access).await?;
        }
        let statement = match access {
            Access::Read => "BEGIN",
            // Taken at once: a unit that reads first and writes later would fail if another wrote in between.
            Access::Write => "BEGIN IMMEDIATE",
        };
        held.is_open = true;
        SqliteTransactionManager::begin(held.connection()?, Some(statement.into_sql_str())).await.map_err(|error| {
            match tell(error) {
                // Another process kept the file longer than we wait; waiting as long again would not be right.
                StoreError::Conflict(why) => StoreError::Unavailable(why),
                other => other,
            }
        })?;
        Ok(Box::new(SqliteTx { held, is_broken: false }))
    }

    async fn read(&self, sql: &str, args: &[Value]) -> Result<Vec<Row>, StoreError> {
        let mut held = self.take(&self.readers).await?;
        if self.readers.is_shared {
            held.restrict(Access::Read).await?;
        }
        rows(held.connection()?, sql, args).await
    }
}

/// A connection on loan. Dropping it undoes an open unit and gives the connection back, then the turn.
struct Held {
    connection: Option<SqliteConnection>,
    lane: Arc<Lane>,
    is_open: bool,
    _turn: OwnedSemaphorePermit,
}

impl Held {
    fn connection(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        self.connection.as_mut().ok_or_else(|| StoreError::Bug("a connection was used after its return".into()))
    }

    async fn restrict(&mut self, access: Access) -> Result<(), StoreError> {
        let sql = match access {
            Access::Read => "PRAGMA query_only = ON",
            Access::Write => "PRAGMA query_only = OFF",
        };
        sqlx::query(sql).execute(self.connection()?).await.map_err(tell)?;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        if self.is_open {
            // Only queued: the connection's thread undoes before it looks at the next borrower's first command.
            SqliteTransactionManager::start_rollback(&mut connection);
        }
        self.lane.idle().push(connection);
    }
}

struct SqliteTx {
    held: Held,
    is_broken: bool,
}

impl SqliteTx {
    fn usable(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        if self.is_broken {
            return Err(broken());
        }
        self.held.connection()
    }
}

#[async_trait]
impl Tx for SqliteTx {
    async fn query(&mut self, sql: &str, args: &[Value]) -> Result<Vec<Row>, StoreError> {
        let result = rows(self.usable()?, sql, args).await;
        self.is_broken = result.is_err();
        result
    }

    async fn execute(&mut self, sql: &str, args: &[Value]) -> Result<u64, StoreError> {
        let connection = self.usable()?;
        let result = match arguments(args) {
            Ok(arguments) => sqlx::query_with(AssertSqlSafe(sql), arguments)
                .execute(connection)
                .await
                .map(|done| done.rows_affected())
                .map_err(tell),
            Err(error) => Err(error),
        };
        self.is_broken = result.is_err();
        result
    }

    async fn commit(mut self: Box<Self>) -> Result<(), StoreError> {
        SqliteTransactionManager::commit(self.usable()?).await.map_err(tell)?;
        self.held.is_open = false;
        Ok(())
    }
}

async fn rows(connection: &mut SqliteConnection, sql: &str, args: &[Value]) -> Result<Vec<Row>, StoreError> {
    let rows = sqlx::query_with(AssertSqlSafe(sql), arguments(args)?).fetch_all(connection).await.map_err(tell)?;
    rows.iter().map(row).collect()
}

fn arguments(args: &[Value]) -> Result<SqliteArguments, StoreError> {
    let mut out = SqliteArguments::default();
    for value in args {
        match value {
            Value::Null => out.add(None::<i64>),
            Value::Text(text) if text.contains('\0') => {
                return Err(StoreError::Bug("text with a NUL character".into()));
            }
            Value::Text(text) => out.add(text.clone()),
            Value::Int(number) => out.add(*number),
            Value::Blob(bytes) => out.add(bytes.to_vec()),
        }
        .map_err(|error| StoreError::Bug(format!("argument refused: {error}")))?;
    }
    Ok(out)
}

fn row(row: &SqliteRow) -> Result<Row, StoreError> {
    let mut values = Vec::with_capacity(row.len());
    for column in 0..row.len() {
        let raw = row.try_get_raw(column).map_err(tell)?;
        if raw.is_null() {
            values.push(Value::Null);
            continue;
        }
        let kind = raw.type_info();
        let value = match kind.name() {
            "TEXT" => Decode::<Sqlite>::decode(raw).map(Value::Text),
            "INTEGER" | "BOOLEAN" => Decode::<Sqlite>::decode(raw).map(Value::Int),
            "BLOB" => <Vec<u8> as Decode<Sqlite>>::decode(raw).map(|bytes| Value::Blob(Bytes::from(bytes))),
            other => {
                return Err(StoreError::Bug(format!("column {column} has the type {other}, which is not portable")));
            }
        };
        values.push(value.map_err(|error| StoreError::Bug(format!("column {column} cannot be read: {error}")))?);
    }
    Ok(Row::new(values))
}

/// Makes the file if it is missing, for its owner's eyes only; the engine gives the same mode to the files beside it.
fn create_private(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

fn broken() -> StoreError {
    StoreError::Bug("a statement of this unit failed before; begin a fresh unit".into())
}

/// Sorts the engine's result codes (sqlite.org/rescode.html). The lower eight bits are the primary code.
fn tell(error: sqlx::Error) -> StoreError {
    let sqlx::Error::Database(database) = &error else {
        return match error {
            sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed | sqlx::Error::BeginFailed => {
                StoreError::Unavailable(error.to_string())
            }
            other => StoreError::Bug(other.to_string()),
        };
    };
    let code: i32 = database.code().and_then(|code| code.parse().ok()).unwrap_or(0);
    let text = format!("{} ({code})", database.message());
    match code {
        // UNIQUE, PRIMARY KEY, ROWID and FOREIGN KEY constraints: another unit came first.
        2067 | 1555 | 2579 | 787 => return StoreError::Conflict(text),
        _ => {}
    }
    match code & 0xff {
        // BUSY, LOCKED.
        5 | 6 => StoreError::Conflict(text),
        // PERM, NOMEM, IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL, NOLFS, NOTADB.
        3 | 7 | 10 | 11 | 13 | 14 | 15 | 22 | 26 => StoreError::Unavailable(text),
        // READONLY is ours when a reading unit writes, the disk's otherwise.
        8 if code == 8 => StoreError::Bug(text),
        8 => StoreError::Unavailable(text),
        _ => StoreError::Bug(text),
    }
}
