//! The key pairs that sign user tokens, changed on a schedule.
//!
//! A pair signs for thirty days. The next one is made a day before, so that whoever fetched the key set knows it in
//! time; the old one stays in the key set until the last token it signed is over.

use std::time::Duration;

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use centrale_model::Timestamp;
use centrale_store::{Store, transact};
use serde::Serialize;

use super::jwt::{self, Claims};
use super::sql::{self, SigningRow};
use crate::{Context, Error, Result};

/// How long a pair signs.
const SIGNS: Duration = Duration::from_secs(30 * 86_400);
/// How long before its turn a pair is made and published.
const AHEAD: Duration = Duration::from_secs(86_400);
/// How long after its turn a pair is published: the longest token, and an hour for clocks that differ.
const AFTER: Duration = Duration::from_secs(25 * 3600);

/// A key pair, ready to sign and verify.
pub(super) struct SigningKey {
    kid: String,
    pair: EcdsaKeyPair,
    header: String,
    from: Timestamp,
    until: Timestamp,
}

impl SigningKey {
    fn new(row: &SigningRow) -> Result<SigningKey> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &row.pkcs8)
            .map_err(|error| Error::bug(format!("signing key {} in the store is damaged: {error}", row.number)))?;
        Ok(SigningKey {
            header: jwt::header(&row.kid),
            kid: row.kid.clone(),
            pair,
            from: row.signs_from,
            until: row.signs_until,
        })
    }

    /// Signs claims and gives the whole token.
    pub(super) fn sign(&self, claims: &Claims) -> Result<String> {
        let text = jwt::signed_text(&self.header, claims);
        let signature = self
            .pair
            .sign(&SystemRandom::new(), text.as_bytes())
            .map_err(|_| Error::bug("the signing key could not sign"))?;
        Ok(jwt::finish(text, signature.as_ref()))
    }

    /// Whether this pair signed the text.
    pub(super) fn verifies(&self, text: &str, signature: &[u8; 64]) -> bool {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.pair.public_key().as_ref())
            .verify(text.as_bytes(), signature)
            .is_ok()
    }

    fn to_public(&self) -> JsonWebKey {
        let point = self.pair.public_key().as_ref();
        JsonWebKey {
            kty: "EC",
            crv: "P-256",
            alg: "ES256",
            usage: "sig",
            kid: self.kid.clone(),
            x: URL_SAFE_NO_PAD.encode(point.get(1..33).unwrap_or_default()),
            y: URL_SAFE_NO_PAD.encode(point.get(33..65).unwrap_or_default()),
        }
    }
}

/// The public half of a pair (RFC 7517, RFC 7518 section 6.2).
#[derive(Clone, Debug, Serialize)]
pub struct JsonWebKey {
    /// `EC`.
    pub kty: &'static str,
    /// `P-256`.
    pub crv: &'static str,
    /// `ES256`.
    pub alg: &'static str,
    /// `sig`.
    #[serde(rename = "use")]
    pub usage: &'static str,
    /// The name that tokens give it.
    pub kid: String,
    /// The point's first half, base64url.
    pub x: String,
    /// The point's second half, base64url.
    pub y: String,
}

/// All pairs that are published now.
pub(super) struct SigningKeys(Vec<SigningKey>);

impl SigningKeys {
    /// The pair whose turn it is; the youngest when no turn fits the clock.
    pub(super) fn current(&self, now: Timestamp) -> Option<&SigningKey> {
        self.0.iter().find(|key| key.from <= now && now < key.until).or(self.0.last())
    }

    /// The pair of a name.
    pub(super) fn get(&self, kid: &str) -> Option<&SigningKey> {
        self.0.iter().find(|key| key.kid == kid)
    }
}

/// Makes the pair that is due, forgets those whose tokens are all over, and gives the rest.
pub(super) async fn refresh(store: &dyn Store, now: Timestamp) -> Result<SigningKeys> {
    let rows = transact!(store, |tx| {
        let mut rows = sql::signing_rows(tx).await?;
        for over in rows.iter().filter(|row| row.signs_until.plus(AFTER) <= now) {
            sql::delete_signing(tx, over.number).await?;
        }
        let youngest = rows.last().map(|row| (row.number, row.signs_until));
        let due = youngest.is_none_or(|(_, until)| until <= now.plus(AHEAD));
        if due {
            let number = youngest.map_or(1, |(number, _)| number + 1);
            let from = youngest.map_or(now, |(_, until)| until.max(now));
            let row = make(number, from)?;
            sql::insert_signing(tx, &row).await?;
            rows.push(row);
        }
        rows.retain(|row| row.signs_until.plus(AFTER) > now);
        Ok::<_, Error>(rows)
    })?;
    Ok(SigningKeys(rows.iter().map(SigningKey::new).collect::<Result<_>>()?))
}

fn make(number: i64, from: Timestamp) -> Result<SigningRow> {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
        .map_err(|_| Error::bug("a signing key could not be made"))?;
    let pkcs8 = pair.to_pkcs8v1().map_err(|_| Error::bug("a signing key could not be written"))?;
    // The name is the thumbprint of the public half, shortened.
    let print = digest::digest(&digest::SHA256, pair.public_key().as_ref());
    Ok(SigningRow {
        number,
        kid: URL_SAFE_NO_PAD.encode(print.as_ref().get(..15).unwrap_or_default()),
        pkcs8: pkcs8.as_ref().to_vec().into(),
        signs_from: from,
        signs_until: from.plus(SIGNS),
    })
}

/// The key set by which anybody can check user tokens (RFC 7517 section 5).
pub fn key_set(ctx: &Context) -> Vec<JsonWebKey> {
    ctx.identity.signing().0.iter().map(SigningKey::to_public).collect()
}
