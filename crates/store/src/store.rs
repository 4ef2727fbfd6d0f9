//! The door: begin, query, execute, commit.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::{Row, StoreError, Value, postgres, sqlite};

/// What a unit of work wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Look only; a statement that changes something is refused with `Bug`.
    Read,
    /// Look and change.
    Write,
}

/// Where state is kept. SQLite when alone, PostgreSQL when together.
#[async_trait]
pub trait Store: Send + Sync {
    /// Begins a unit of work.
    ///
    /// Fails with `Unavailable` when none can begin within [`Limits::begin`]. Do not begin a second unit while
    /// holding one: with every connection held that way, each waits for the others.
    async fn begin(&self, access: Access) -> Result<Box<dyn Tx>, StoreError>;

    /// Asks one question: the same as a reading unit with a single query, at a third of its cost.
    async fn read(&self, sql: &str, args: &[Value]) -> Result<Vec<Row>, StoreError> {
        self.begin(Access::Read).await?.query(sql, args).await
    }
}

/// A unit of work. Dropping it undoes it, also in a panic or when its task is cancelled.
///
/// After a statement failed, the unit is broken: whatever comes next answers `Bug` and `commit` undoes.
#[async_trait]
pub trait Tx: Send {
    /// Runs one statement and gives its rows, all in memory: bound what it can return with `LIMIT`.
    async fn query(&mut self, sql: &str, args: &[Value]) -> Result<Vec<Row>, StoreError>;

    /// Runs one statement and gives the number of rows it changed.
    async fn execute(&mut self, sql: &str, args: &[Value]) -> Result<u64, StoreError>;

    /// Keeps what was done.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
}

/// Bounds of an open store.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How many units of work run at once: on PostgreSQL of any kind, on SQLite readers (there is one writer).
    ///
    /// Higher: more memory and, on PostgreSQL, more of the server's `max_connections`. Lower: units wait for one another.
    pub connections: u32,
    /// How long `begin` may wait for its turn before it answers `Unavailable`.
    ///
    /// Lower: callers learn sooner that the store is behind. Higher: bursts are ridden out.
    pub begin: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, |cores| cores.get());
        Limits { connections: u32::try_from(cores * 2).unwrap_or(16).clamp(4, 16), begin: Duration::from_secs(10) }
    }
}

/// Opens a store.
///
/// `address` is `postgres://…`, `sqlite:PATH`, a plain path, or `:memory:` for a private SQLite that ends with the
/// store (one connection, so readers and writers take turns).
///
/// Fails with `Unavailable` when the engine cannot be reached or the file cannot be opened.
pub async fn open(address: &str) -> Result<Arc<dyn Store>, StoreError> {
    open_with(address, Limits::default()).await
}

/// Opens a store with other bounds than the usual ones.
pub async fn open_with(address: &str, limits: Limits) -> Result<Arc<dyn Store>, StoreError> {
    if address.starts_with("postgres://") || address.starts_with("postgresql://") {
        return Ok(Arc::new(postgres::PostgresStore::open(address, limits).await?));
    }
    let path = address.strip_prefix("sqlite://").or_else(|| address.strip_prefix("sqlite:")).unwrap_or(address);
    if path.contains("://") || path.is_empty() {
        // The address may hold a password; only its scheme is repeated.
        let scheme = path.split("://").next().unwrap_or_default();
        return Err(StoreError::Unavailable(format!(
            "no engine for store address \"{scheme}…\"; write postgres://…, sqlite:PATH or a path"
        )));
    }
    Ok(Arc::new(sqlite::SqliteStore::open(path, limits).await?))
}
