//! The chapter's rows.

use centrale_model::{Timestamp, UserId};
use centrale_store::{Row, Store, Tx};

use super::access::{AccessKey, KeyName, KeyRing, KeyUse};
use crate::{Error, Result};

pub(super) async fn setting(tx: &mut dyn Tx, name: &str) -> Result<Option<String>> {
    let rows = tx.query("SELECT value FROM setting WHERE name = $1", &[name.into()]).await?;
    rows.first().map(|row| Ok(row.text(0)?.to_owned())).transpose()
}

pub(super) async fn put_setting(tx: &mut dyn Tx, name: &str, value: &str) -> Result<()> {
    tx.execute(
        "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
        &[name.into(), value.into()],
    )
    .await?;
    Ok(())
}

pub(super) async fn insert_access_key(tx: &mut dyn Tx, name: KeyName, secret: &str, now: Timestamp) -> Result<()> {
    tx.execute(
        "INSERT INTO access_key (name, generation, secret, created) VALUES ($1, 1, $2, $3) ON CONFLICT (name) DO NOTHING",
        &[name.as_str().into(), secret.into(), now.as_millis().into()],
    )
    .await?;
    Ok(())
}

pub(super) async fn replace_access_key(tx: &mut dyn Tx, name: KeyName, secret: &str, now: Timestamp) -> Result<()> {
    tx.execute(
        "UPDATE access_key SET generation = generation + 1, secret = $1, created = $2 WHERE name = $3",
        &[secret.into(), now.as_millis().into(), name.as_str().into()],
    )
    .await?;
    Ok(())
}

pub(super) async fn key_ring(store: &dyn Store) -> Result<KeyRing> {
    let rows = store.read("SELECT name, generation, secret FROM access_key ORDER BY name", &[]).await?;
    let mut primary = None;
    let mut secondary = None;
    for row in &rows {
        let name = KeyName::parse(row.text(0)?);
        let Some(name) = name else { continue };
        let key = AccessKey::new(KeyUse { name, generation: row.int(1)? }, row.text(2)?.to_owned())?;
        match name {
            KeyName::Primary => primary = Some(key),
            KeyName::Secondary => secondary = Some(key),
        }
    }
    match (primary, secondary) {
        (Some(primary), Some(secondary)) => Ok(KeyRing { primary, secondary }),
        (None, _) | (_, None) => Err(Error::bug("an access key is missing from the store")),
    }
}

/// A key pair as its row holds it.
pub(super) struct SigningRow {
    pub(super) number: i64,
    pub(super) kid: String,
    pub(super) pkcs8: bytes::Bytes,
    pub(super) signs_from: Timestamp,
    pub(super) signs_until: Timestamp,
}

impl SigningRow {
    fn read(row: &Row) -> Result<SigningRow> {
        Ok(SigningRow {
            number: row.int(0)?,
            kid: row.text(1)?.to_owned(),
            pkcs8: row.blob(2)?,
            signs_from: Timestamp::from_millis(row.int(3)?),
            signs_until: Timestamp::from_millis(row.int(4)?),
        })
    }
}

pub(super) async fn signing_rows(tx: &mut dyn Tx) -> Result<Vec<SigningRow>> {
    tx.query("SELECT number, kid, pkcs8, signs_from, signs_until FROM signing_key ORDER BY number", &[])
        .await?
        .iter()
        .map(SigningRow::read)
        .collect()
}

pub(super) async fn insert_signing(tx: &mut dyn Tx, row: &SigningRow) -> Result<()> {
    tx.execute(
        "INSERT INTO signing_key (number, kid, pkcs8, signs_from, signs_until) VALUES ($1, $2, $3, $4, $5)",
        &[
            row.number.into(),
            (&row.kid).into(),
            row.pkcs8.clone().into(),
            row.signs_from.as_millis().into(),
            row.signs_until.as_millis().into(),
        ],
    )
    .await?;
    Ok(())
}

pub(super) async fn delete_signing(tx: &mut dyn Tx, number: i64) -> Result<()> {
    tx.execute("DELETE FROM signing_key WHERE number = $1", &[number.into()]).await?;
    Ok(())
}

pub(super) async fn insert_user(tx: &mut dyn Tx, user: UserId, now: Timestamp) -> Result<()> {
    tx.execute(
        "INSERT INTO user_account (id, generation, created) VALUES ($1, 1, $2)",
        &[user.to_string().into(), now.as_millis().into()],
    )
    .await?;
    Ok(())
}

pub(super) async fn user_generation(store: &dyn Store, user: UserId) -> Result<Option<i64>> {
    let rows = store.read("SELECT generation FROM user_account WHERE id = $1", &[user.to_string().into()]).await?;
    rows.first().map(|row| Ok(row.int(0)?)).transpose()
}

pub(super) async fn next_generation(tx: &mut dyn Tx, user: UserId) -> Result<Option<i64>> {
    let rows = tx
        .query(
            "UPDATE user_account SET generation = generation + 1 WHERE id = $1 RETURNING generation",
            &[user.to_string().into()],
        )
        .await?;
    rows.first().map(|row| Ok(row.int(0)?)).transpose()
}

pub(super) async fn delete_user(tx: &mut dyn Tx, user: UserId) -> Result<bool> {
    Ok(tx.execute("DELETE FROM user_account WHERE id = $1", &[user.to_string().into()]).await? > 0)
}

/// Remembers that a user was deleted, and forgets those whose deletion nobody need hear of any more.
pub(super) async fn insert_deleted(tx: &mut dyn Tx, user: UserId, now: Timestamp, oldest: Timestamp) -> Result<()> {
    tx.execute(
        "INSERT INTO deleted_user (id, deleted) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
        &[user.to_string().into(), now.as_millis().into()],
    )
    .await?;
    tx.execute("DELETE FROM deleted_user WHERE deleted < $1", &[oldest.as_millis().into()]).await?;
    Ok(())
}

/// Users who were deleted at or after a moment, in order of time and id, after `after`.
pub(super) async fn deleted_users(
    store: &dyn Store,
    from: Timestamp,
    after: &str,
    limit: u32,
) -> Result<Vec<(UserId, Timestamp)>> {
    let rows = store
        .read(
            "SELECT id, deleted FROM deleted_user WHERE deleted > $1 OR (deleted = $1 AND id > $2)
             ORDER BY deleted, id LIMIT $3",
            &[from.as_millis().into(), after.into(), limit.into()],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let user = row.text(0)?.parse().map_err(|_| Error::bug("a deleted user's id is no GUID"))?;
            Ok((user, Timestamp::from_millis(row.int(1)?)))
        })
        .collect()
}

pub(super) async fn count_users(store: &dyn Store) -> Result<u64> {
    let rows = store.read("SELECT COUNT(*) FROM user_account", &[]).await?;
    let count = rows.first().map_or(Ok(0), |row| row.int(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}
