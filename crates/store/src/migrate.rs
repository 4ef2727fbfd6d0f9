//! Bringing a database's schema to the one this program was built for.

use sha2::{Digest, Sha256};

use crate::{Row, Store, StoreError, Tx, script, transact};

/// One step of the schema. A step that was released is never edited; the next one mends it.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Its place, counted from 1 without gaps.
    pub number: u32,
    /// A word for people.
    pub name: &'static str,
    /// Statements in the portable SQL, separated by semicolons.
    pub sql: &'static str,
}

/// Applies the migrations that the database does not have yet, in one unit of work.
///
/// Nodes that start together are safe: one applies, the others wait and find the work done.
///
/// # Errors
/// `Schema` when an applied migration differs from ours or the database has one that we do not know (it was
/// made by a newer program); nothing is changed then. `Bug` when the list is not counted 1, 2, 3… or its SQL is refused.
pub async fn migrate(store: &dyn Store, migrations: &[Migration]) -> Result<(), StoreError> {
    for (index, migration) in migrations.iter().enumerate() {
        if migration.number as usize != index + 1 {
            return Err(StoreError::Bug(format!(
                "migration {} ({}) stands at place {}",
                migration.number,
                migration.name,
                index + 1
            )));
        }
    }
    transact!(store, |tx| { prepare(tx).await })?;
    transact!(store, |tx| { apply(tx, migrations).await })
}

async fn prepare(tx: &mut dyn Tx) -> Result<(), StoreError> {
    tx.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations (number BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL)",
        &[],
    )
    .await?;
    tx.execute("CREATE TABLE IF NOT EXISTS schema_turn (one BIGINT PRIMARY KEY, turn BIGINT NOT NULL)", &[]).await?;
    Ok(())
}

async fn apply(tx: &mut dyn Tx, migrations: &[Migration]) -> Result<(), StoreError> {
    // Whoever takes this row first makes the others wait, then conflict, then look again.
    tx.execute(
        "INSERT INTO schema_turn (one, turn) VALUES ($1, $2) ON CONFLICT (one) DO UPDATE SET turn = schema_turn.turn + excluded.turn",
        &[1.into(), 1.into()],
    )
    .await?;
    let applied = tx.query("SELECT number, name, checksum FROM schema_migrations ORDER BY number", &[]).await?;
    for (index, row) in applied.iter().enumerate() {
        check(row, index, migrations)?;
    }
    for migration in &migrations[applied.len()..] {
        for statement in script::statements(migration.sql) {
            tx.execute(statement, &[]).await.map_err(|error| in_migration(migration, error))?;
        }
        tx.execute(
            "INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)",
            &[migration.number.into(), migration.name.into(), checksum(migration).into()],
        )
        .await?;
        tracing::info!(number = migration.number, name = migration.name, "schema migrated");
    }
    Ok(())
}

fn check(row: &Row, index: usize, migrations: &[Migration]) -> Result<(), StoreError> {
    let (number, name) = (row.int(0)?, row.text(1)?);
    let Some(ours) = migrations.get(index) else {
        return Err(StoreError::Schema(format!(
            "the database has migration {number} ({name}), which this program does not know: start the newer program, or restore an older backup"
        )));
    };
    if number != i64::from(ours.number) || row.text(2)? != checksum(ours) {
        return Err(StoreError::Schema(format!(
            "migration {number} ({name}) was applied to the database in another form than this program has ({}): start the program that made it",
            ours.name
        )));
    }
    Ok(())
}

fn in_migration(migration: &Migration, error: StoreError) -> StoreError {
    match error {
        StoreError::Bug(why) => StoreError::Bug(format!("migration {} ({}): {why}", migration.number, migration.name)),
        other @ (StoreError::Conflict(_) | StoreError::Unavailable(_) | StoreError::Schema(_)) => other,
    }
}

fn checksum(migration: &Migration) -> String {
    let digest = Sha256::digest(migration.sql.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
