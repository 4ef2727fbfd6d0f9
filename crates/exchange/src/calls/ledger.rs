//! The rows of calls: what one step of a machine leaves behind, in one transaction.

use std::sync::Arc;
use std::time::Duration;

use centrale_calls::{Fact, Notice, Output};
use centrale_model::{
    CallId, EndReason, EndpointId, GroupId, Identity, LegId, ParticipantId, Sequence, StreamName, Timestamp, UsageKind,
    UsageUnit,
};
use centrale_store::{Row, Store, StoreError, Tx};
use centrale_wire::explain::CallSummary;
use centrale_wire::signal::{CandidateReport, MediaReport};
use serde::{Deserialize, Serialize};

use super::hosted::Hosted;
use super::speak;
use crate::events::Post;
use crate::{Context, Error, Result, events, usage};

/// What is kept in a call's own stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Entry {
    /// What the machine recorded.
    Fact(Fact),
    /// Candidates that a leg sent.
    Candidates(LegId, Vec<CandidateReport>),
    /// What a leg's client saw of its media path.
    Report(LegId, Box<MediaReport>),
}

/// One step of a call, ready to be kept.
pub(crate) struct Step<'a> {
    pub(crate) hosted: &'a Hosted,
    pub(crate) outputs: &'a [Output],
    pub(crate) notes: &'a [Entry],
    pub(crate) now: Timestamp,
    /// The node that does it; the step fails when the call belongs to another by now.
    pub(crate) node: &'a str,
}

/// The last notice as it is said: one change is told to everybody in a call, and is written down once.
#[derive(Default)]
struct Saying<'a>(Option<(&'a Notice, Arc<str>)>);

impl<'a> Saying<'a> {
    fn of(&mut self, call: CallId, place: ParticipantId, notice: &'a Notice) -> Result<Arc<str>> {
        if let Some((last, said)) = &self.0
            && *last == notice
            && !matches!(notice, Notice::Incoming { .. })
        {
            return Ok(said.clone());
        }
        let said: Arc<str> = to_json(&speak::say_notice(call, place, notice.clone()))?.into();
        self.0 = Some((notice, said.clone()));
        Ok(said)
    }
}

/// Which bells to ring after the commit.
pub(crate) type Bells = Vec<(StreamName, Sequence)>;

/// Keeps a step. All or nothing.
///
/// # Errors
/// `Gone` when the call is owned by another node by now: this node's machine is stale.
pub(crate) async fn keep(ctx: &Context, step: &Step<'_>) -> Result<Bells> {
    let snapshot = step.hosted.to_snapshot()?;
    centrale_store::transact!(ctx.store, |tx| {
        update_call(tx, step, &snapshot).await?;
        let mut posts = Vec::with_capacity(step.notes.len() + step.outputs.len());
        let call_stream = StreamName::call(step.hosted.call.id());
        for note in step.notes {
            posts.push(Post { stream: call_stream.clone(), endpoint: None, body: to_json(note)?.into() });
        }
        let mut saying = Saying::default();
        for output in step.outputs {
            match output {
                Output::Tell(leg, notice) => {
                    let Some(leg) = step.hosted.call.leg(*leg) else { continue };
                    let body = saying.of(step.hosted.call.id(), leg.participant_id(), notice)?;
                    posts.push(Post { stream: StreamName::user(leg.identity()), endpoint: Some(leg.endpoint()), body });
                }
                Output::Record(fact) => {
                    let body = to_json(&Entry::Fact(fact.clone()))?.into();
                    posts.push(Post { stream: call_stream.clone(), endpoint: None, body });
                    fact_rows(tx, step, fact).await?;
                }
                Output::Change(_) | Output::Order(_) => {}
            }
        }
        let mut bells = events::append_all(tx, step.now, &posts).await?;
        bells.retain(|(stream, _)| *stream != call_stream);
        Ok::<_, Error>(bells)
    })
}

/// Makes the row of a new call, and of its group. `false` when the id is taken, or the group has a call.
pub(crate) async fn create(
    ctx: &Context,
    node: &str,
    hosted: &Hosted,
    caller: &Identity,
    targets: &[Identity],
    group: Option<GroupId>,
) -> Result<bool> {
    let changed = centrale_store::transact!(ctx.store, |tx| {
        let targets = to_json(&targets)?;
        if let Some(group) = group {
            let added = tx
                .execute(
                    "INSERT INTO call_groups (group_id, call_id) VALUES ($1, $2) ON CONFLICT (group_id) DO UPDATE \
                     SET call_id = excluded.call_id WHERE NOT EXISTS (SELECT calls.id FROM calls \
                     WHERE calls.id = call_groups.call_id AND calls.ended_at IS NULL \
                     AND (calls.snapshot IS NOT NULL OR calls.started_at > $3))",
                    &[
                        group.to_string().into(),
                        hosted.call.id().to_string().into(),
                        hosted.born.minus(UNBORN).as_millis().into(),
                    ],
                )
                .await?;
            if added == 0 {
                return Ok(0);
            }
        }
        Ok::<_, Error>(
            tx.execute(
                "INSERT INTO calls (id, owner, started_at, caller, targets, snapshot) VALUES ($1, $2, $3, $4, $5, NULL) \
                 ON CONFLICT (id) DO NOTHING",
                &[
                    hosted.call.id().to_string().into(),
                    node.into(),
                    hosted.born.as_millis().into(),
                    caller.to_string().into(),
                    targets.into(),
                ],
            )
            .await?,
        )
    })?;
    Ok(changed == 1)
}

/// A call's row.
pub(crate) struct CallRow {
    pub(crate) owner: String,
    pub(crate) is_over: bool,
    pub(crate) snapshot: Option<String>,
}

/// How long a call may take from its row to its first step. One that took longer died with its node, and its group is free.
const UNBORN: Duration = Duration::from_secs(10);

/// The living call of a group.
pub(crate) async fn call_of_group(store: &dyn Store, group: GroupId, now: Timestamp) -> Result<Option<CallId>> {
    let rows = store
        .read(
            "SELECT call_groups.call_id FROM call_groups JOIN calls ON calls.id = call_groups.call_id \
             WHERE call_groups.group_id = $1 AND calls.ended_at IS NULL \
             AND (calls.snapshot IS NOT NULL OR calls.started_at > $2)",
            &[group.to_string().into(), now.minus(UNBORN).as_millis().into()],
        )
        .await?;
    rows.first().map(|row| call_id(row, 0)).transpose()
}

/// Whether a call is over, or was never there.
pub(crate) async fn is_over(store: &dyn Store, call: CallId) -> Result<bool> {
    let rows = store.read("SELECT ended_at FROM calls WHERE id = $1", &[call.to_string().into()]).await?;
    match rows.first() {
        Some(row) => Ok(row.opt_int(0)?.is_some()),
        None => Ok(true),
    }
}

/// The node whose media processor holds, or held, a call's conference.
pub(crate) async fn media_node_of(store: &dyn Store, call: CallId) -> Result<Option<String>> {
    let rows = store.read("SELECT media_node FROM calls WHERE id = $1", &[call.to_string().into()]).await?;
    match rows.first() {
        Some(row) => Ok(row.opt_text(0)?.map(str::to_owned)),
        None => Ok(None),
    }
}

/// Finds a call.
pub(crate) async fn find(store: &dyn Store, call: CallId) -> Result<Option<CallRow>> {
    let rows =
        store.read("SELECT owner, ended_at, snapshot FROM calls WHERE id = $1", &[call.to_string().into()]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(CallRow {
        owner: row.text(0)?.to_owned(),
        is_over: row.opt_int(1)?.is_some(),
        snapshot: row.opt_text(2)?.map(str::to_owned),
    }))
}

/// Makes this node the owner of a call; `false` when somebody else was quicker.
pub(crate) async fn take_over(ctx: &Context, call: CallId, from: &str, to: &str) -> Result<bool> {
    let changed = centrale_store::transact!(ctx.store, |tx| {
        tx.execute(
            "UPDATE calls SET owner = $3 WHERE id = $1 AND owner = $2",
            &[call.to_string().into(), from.into(), to.into()],
        )
        .await
    })?;
    Ok(changed == 1)
}

/// The calls that are not over and belong to a node whose lease is over, or to `node` itself; at most `limit`.
pub(crate) async fn orphans(store: &dyn Store, node: &str, now: Timestamp, limit: u32) -> Result<Vec<CallId>> {
    let rows = store
        .read(
            "SELECT id FROM calls WHERE ended_at IS NULL AND (owner = $1 OR NOT EXISTS \
             (SELECT name FROM lease WHERE lease.name = 'node/' || calls.owner AND lease.ends > $2)) LIMIT $3",
            &[node.into(), now.as_millis().into(), limit.into()],
        )
        .await?;
    rows.iter().map(|row| call_id(row, 0)).collect()
}

/// The calls in which an endpoint has a living leg.
pub(crate) async fn calls_of_endpoint(store: &dyn Store, endpoint: EndpointId) -> Result<Vec<CallId>> {
    let rows = store
        .read(
            "SELECT call_id FROM call_legs WHERE endpoint = $1 AND until IS NULL ORDER BY since LIMIT 64",
            &[endpoint.to_string().into()],
        )
        .await?;
    rows.iter().map(|row| call_id(row, 0)).collect()
}

/// How many living legs each endpoint of a user has: `(endpoint, legs)`.
pub(crate) async fn legs_by_endpoint(store: &dyn Store, identity: &Identity) -> Result<Vec<(String, i64)>> {
    let rows = store
        .read(
            "SELECT endpoint, COUNT(*) FROM call_legs WHERE identity = $1 AND until IS NULL GROUP BY endpoint LIMIT 1000",
            &[identity.to_string().into()],
        )
        .await?;
    Ok(rows.iter().map(|row| Ok((row.text(0)?.to_owned(), row.int(1)?))).collect::<Result<_, StoreError>>()?)
}

/// The calls that are being offered to a user and not answered, in which more devices may ring.
pub(crate) async fn calls_ringing(store: &dyn Store, identity: &Identity) -> Result<Vec<CallId>> {
    let rows = store
        .read(
            "SELECT call_id FROM call_legs WHERE identity = $1 AND until IS NULL GROUP BY call_id LIMIT 64",
            &[identity.to_string().into()],
        )
        .await?;
    rows.iter().map(|row| call_id(row, 0)).collect()
}

/// The endpoints with which a user is in a call.
pub(crate) async fn endpoints_in(store: &dyn Store, call: CallId, identity: &Identity) -> Result<Vec<EndpointId>> {
    let rows = store
        .read(
            "SELECT endpoint FROM call_legs WHERE call_id = $1 AND identity = $2 AND until IS NULL LIMIT 64",
            &[call.to_string().into(), identity.to_string().into()],
        )
        .await?;
    rows.iter().map(|row| row.text(0)?.parse().map_err(|_| Error::bug("an endpoint's id is no GUID"))).collect()
}

/// The legs of a call: number, place in the call, device.
pub(crate) async fn legs_of(
    store: &dyn Store,
    call: CallId,
) -> Result<Vec<(LegId, centrale_model::ParticipantId, EndpointId)>> {
    let rows = store
        .read(
            "SELECT leg, participant_id, endpoint FROM call_legs WHERE call_id = $1 ORDER BY leg LIMIT 1000",
            &[call.to_string().into()],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let broken = |_| Error::bug("a leg's row holds no GUID");
            let leg = LegId(u32::try_from(row.int(0)?).unwrap_or(u32::MAX));
            Ok((leg, row.text(1)?.parse().map_err(broken)?, row.text(2)?.parse().map_err(broken)?))
        })
        .collect()
}

/// Calls in a line each, newest first.
pub(crate) async fn list(
    store: &dyn Store,
    identity: Option<&Identity>,
    only_active: bool,
    top: u32,
) -> Result<Vec<CallSummary>> {
    let rows = store
        .read(
            "SELECT id, caller, targets, started_at, ended_at, end_code, end_sub_code, is_group, group_id, media_node FROM calls \
             WHERE (CAST($1 AS TEXT) IS NULL OR id IN (SELECT call_id FROM call_legs WHERE identity = $1)) \
             AND (CAST($2 AS BIGINT) = 0 OR ended_at IS NULL) ORDER BY started_at DESC LIMIT $3",
            &[identity.map(ToString::to_string).into(), only_active.into(), top.into()],
        )
        .await?;
    rows.iter().map(summary).collect()
}

/// One call in a line.
pub(crate) async fn summary_of(store: &dyn Store, call: CallId) -> Result<Option<CallSummary>> {
    let rows = store
        .read(
            "SELECT id, caller, targets, started_at, ended_at, end_code, end_sub_code, is_group, group_id, media_node FROM calls WHERE id = $1",
            &[call.to_string().into()],
        )
        .await?;
    rows.first().map(summary).transpose()
}

fn summary(row: &Row) -> Result<CallSummary> {
    let reason = match (row.opt_int(5)?, row.opt_int(6)?) {
        (Some(code), Some(sub_code)) => {
            Some(EndReason::new(u16::try_from(code).unwrap_or_default(), u32::try_from(sub_code).unwrap_or_default()))
        }
        _ => None,
    };
    Ok(CallSummary {
        call_id: call_id(row, 0)?,
        caller: row.text(1)?.parse().map_err(|_| Error::bug("a caller's raw id cannot be read"))?,
        targets: serde_json::from_str(row.text(2)?).map_err(|_| Error::bug("a call's targets cannot be read"))?,
        is_group: row.int(7)? != 0,
        group_id: row.opt_text(8)?.and_then(|group| group.parse().ok()),
        media_node: row.opt_text(9)?.map(str::to_owned),
        started: row.int(3)?,
        ended: row.opt_int(4)?,
        end_reason: reason,
    })
}

async fn update_call(tx: &mut dyn Tx, step: &Step<'_>, snapshot: &str) -> Result<()> {
    let over = step.hosted.call.is_over();
    let changed = tx
        .execute(
            "UPDATE calls SET snapshot = $2, ended_at = COALESCE(ended_at, $3), end_code = COALESCE(end_code, $4), \
             end_sub_code = COALESCE(end_sub_code, $5), is_group = CASE WHEN $7 > 0 THEN 1 ELSE is_group END, \
             group_id = COALESCE(group_id, $8), media_node = COALESCE($9, media_node) WHERE id = $1 AND owner = $6",
            &[
                step.hosted.call.id().to_string().into(),
                // A call that is over is told by its stream alone.
                if over.is_some() { None } else { Some(snapshot) }.into(),
                over.map(|_| step.now.as_millis()).into(),
                over.map(|reason| i64::from(reason.code)).into(),
                over.map(|reason| i64::from(reason.sub_code)).into(),
                step.node.into(),
                step.hosted.call.is_group().into(),
                step.hosted.call.group_id().map(|group| group.to_string()).into(),
                step.hosted.media_node.as_ref().into(),
            ],
        )
        .await?;
    if over.is_some() && step.hosted.call.group_id().is_some() {
        tx.execute("DELETE FROM call_groups WHERE call_id = $1", &[step.hosted.call.id().to_string().into()]).await?;
    }
    if changed == 1 { Ok(()) } else { Err(Error::gone("The call is hosted elsewhere by now.")) }
}

async fn fact_rows(tx: &mut dyn Tx, step: &Step<'_>, fact: &Fact) -> Result<()> {
    let call_id = step.hosted.call.id().to_string();
    match fact {
        Fact::Started { .. } => leg_row(tx, step, LegId(0)).await,
        Fact::Rung(leg, ..) | Fact::Joining(leg, ..) => leg_row(tx, step, *leg).await,
        Fact::Declined(leg, _) | Fact::NotAnswered(leg, _) => {
            tx.execute(
                "UPDATE call_legs SET until = $3 WHERE call_id = $1 AND leg = $2 AND until IS NULL",
                &[call_id.into(), leg.0.into(), step.now.as_millis().into()],
            )
            .await?;
            Ok(())
        }
        Fact::Left { leg, identity, participant_id, connected_ms, .. } => {
            tx.execute(
                "UPDATE call_legs SET until = $3 WHERE call_id = $1 AND leg = $2 AND until IS NULL",
                &[call_id.as_str().into(), leg.0.into(), step.now.as_millis().into()],
            )
            .await?;
            let ended = step.now;
            let started = ended.minus(std::time::Duration::from_millis(*connected_ms));
            usage::record(
                tx,
                &usage::Record {
                    record_id: format!("voip-{call_id}-{}", leg.0),
                    kind: UsageKind::Voip,
                    unit: UsageUnit::Milliseconds,
                    quantity: *connected_ms,
                    identity: identity.to_string(),
                    call_id: Some(call_id),
                    participant_id: Some(participant_id.to_string()),
                    transport: None,
                    direction: None,
                    started,
                    ended,
                },
            )
            .await?;
            Ok(())
        }
        Fact::Ended(_) => {
            tx.execute(
                "UPDATE call_legs SET until = $2 WHERE call_id = $1 AND until IS NULL",
                &[call_id.into(), step.now.as_millis().into()],
            )
            .await?;
            Ok(())
        }
        Fact::Opened { .. }
        | Fact::Added(..)
        | Fact::Removed(..)
        | Fact::Seat(..)
        | Fact::Convening
        | Fact::Convened
        | Fact::Adjourned
        | Fact::ConferenceLost
        | Fact::Muted(..)
        | Fact::Hand(..)
        | Fact::Spotlight(..)
        | Fact::Role(..)
        | Fact::Receives(..)
        | Fact::Alerting(_)
        | Fact::Connected(..)
        | Fact::Media(..)
        | Fact::Presence(..)
        | Fact::Hold(..)
        | Fact::Sending(..)
        | Fact::Described(..)
        | Fact::Transfer(..) => Ok(()),
    }
}

async fn leg_row(tx: &mut dyn Tx, step: &Step<'_>, leg: LegId) -> Result<()> {
    let Some(leg) = step.hosted.call.leg(leg) else { return Ok(()) };
    tx.execute(
        "INSERT INTO call_legs (call_id, leg, identity, endpoint, participant_id, since) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (call_id, leg) DO NOTHING",
        &[
            step.hosted.call.id().to_string().into(),
            leg.id().0.into(),
            leg.identity().to_string().into(),
            leg.endpoint().to_string().into(),
            leg.participant_id().to_string().into(),
            step.now.as_millis().into(),
        ],
    )
    .await?;
    Ok(())
}

fn call_id(row: &Row, column: usize) -> Result<CallId> {
    row.text(column)?.parse().map_err(|_| Error::bug("a call's id is no GUID"))
}

fn to_json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::bug(format!("a fact cannot be written down: {error}")))
}
