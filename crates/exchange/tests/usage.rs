//! Usage: never lost, never counted twice. Leases: one owner at a time.

mod common;

use std::sync::Arc;
use std::time::Duration;

use centrale_exchange::identity::Caller;
use centrale_exchange::usage::{self, Filter, Ledger, Record};
use centrale_exchange::{Context, Error, Kind, lease};
use centrale_model::{Timestamp, UsageKind, UsageUnit};
use centrale_relay::{RecordId, Transport, Usage};
use centrale_store::transact;
use centrale_wire::admin::ListUsageRequest;
use common::{World, world};

fn minutes(id: &str, identity: &str, end: i64) -> Record {
    Record {
        record_id: id.to_owned(),
        kind: UsageKind::Voip,
        unit: UsageUnit::Milliseconds,
        quantity: 60_000,
        identity: identity.to_owned(),
        call_id: Some("c1".to_owned()),
        participant_id: None,
        transport: None,
        direction: None,
        started: Timestamp::from_millis(end - 60_000),
        ended: Timestamp::from_millis(end),
    }
}

async fn put(ctx: &Context, record: &Record) -> bool {
    transact!(ctx.store, |tx| { usage::record(tx, record).await }).expect("written")
}

fn measured(part: u32, up: u64, down: u64) -> Usage {
    Usage {
        id: RecordId { instance: 7, allocation: 1, part },
        user: Arc::from("8:acs:a_b"),
        transport: Transport::Tcp,
        bytes_up: up,
        bytes_down: down,
        packets_up: 1,
        packets_down: 1,
        from: Timestamp::from_secs(100),
        to: Timestamp::from_secs(105),
        started: Timestamp::from_secs(100),
        is_last: false,
    }
}

#[tokio::test]
async fn a_record_written_twice_counts_once() {
    let World { ctx, .. } = world().await;
    let record = minutes("r1", "8:echo123", 100_000);
    assert!(put(&ctx, &record).await);
    assert!(!put(&ctx, &record).await);
    let totals = usage::totals(&ctx, &Filter::default()).await.expect("totals");
    assert_eq!((totals[0].quantity, totals[0].records), (60_000, 1));
}

#[tokio::test]
async fn pages_give_every_record_once() {
    let World { ctx, .. } = world().await;
    for number in 0..25 {
        // Several end in the same moment.
        assert!(put(&ctx, &minutes(&format!("r{number:02}"), "8:echo123", 100_000 + number / 10)).await);
    }
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let request = ListUsageRequest { top: Some(7), after: after.clone(), ..ListUsageRequest::default() };
        let page = usage::list_usage(&ctx, &Caller::Open, request).await.expect("a page");
        assert_eq!(page.totals[0].records, 25);
        after = page.value.last().map(|last| format!("{}.{}", last.ended, last.record_id));
        seen.extend(page.value.into_iter().map(|record| record.record_id));
        if page.next_link.is_none() {
            break;
        }
    }
    assert_eq!(seen, (0..25).map(|number| format!("r{number:02}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn filters_narrow_by_kind_person_call_and_time() {
    let World { ctx, .. } = world().await;
    put(&ctx, &minutes("a", "8:alice", 100_000)).await;
    put(&ctx, &minutes("b", "8:bob", 500_000)).await;
    let count = async |filter: Filter| usage::list(&ctx, &filter, None, 100).await.expect("a list").len();
    assert_eq!(count(Filter { identity: Some("8:bob".into()), ..Filter::default() }).await, 1);
    assert_eq!(count(Filter { kind: Some("NAT".into()), ..Filter::default() }).await, 0);
    assert_eq!(count(Filter { call: Some("c1".into()), ..Filter::default() }).await, 2);
    assert_eq!(count(Filter { from: Some(100_001), ..Filter::default() }).await, 1);
    assert_eq!(count(Filter { until: Some(440_000), ..Filter::default() }).await, 1);
}

#[tokio::test]
async fn relayed_bytes_arrive_in_the_store_once_whatever_is_repeated() {
    let World { ctx, .. } = world().await;
    let ledger = Ledger::new();
    for _ in 0..2 {
        ledger.add(measured(0, 1000, 2000));
        ledger.add(measured(1, 10, 0));
        ledger.flush(&ctx).await.expect("written");
    }
    let totals = usage::totals(&ctx, &Filter::default()).await.expect("totals");
    let sum = |direction: Option<&str>| {
        totals
            .iter()
            .find(|total| total.direction.as_deref() == direction)
            .map(|total| (total.quantity, total.unit.as_str()))
    };
    assert_eq!(sum(Some("sent")), Some((1010, "bytes")));
    assert_eq!(sum(Some("received")), Some((2000, "bytes")));
    assert_eq!(sum(None), Some((10_000, "milliseconds")));
}

#[tokio::test]
async fn many_measurements_are_written_in_batches_and_all_of_them() {
    let World { ctx, .. } = world().await;
    let ledger = Ledger::new();
    for part in 0..1000 {
        ledger.add(measured(part, 3, 0));
    }
    ledger.flush(&ctx).await.expect("written");
    let filter = Filter { kind: Some("NAT".into()), ..Filter::default() };
    let totals = usage::totals(&ctx, &filter).await.expect("totals");
    assert!(totals.iter().any(|total| total.quantity == 3000 && total.records == 1000));
}

#[tokio::test]
async fn a_page_of_none_or_of_too_many_is_refused() {
    let World { ctx, .. } = world().await;
    for (top, after) in [(Some(0), None), (Some(1001), None), (None, Some("x".to_owned()))] {
        let request = ListUsageRequest { top, after, ..ListUsageRequest::default() };
        let refused = usage::list_usage(&ctx, &Caller::Open, request).await;
        assert_eq!(refused.expect_err("refused").kind(), Kind::Invalid);
    }
}

#[tokio::test]
async fn a_lease_has_one_owner_until_it_is_over() {
    let World { ctx, .. } = world().await;
    let at = Timestamp::from_secs;
    let term = Duration::from_secs(15);
    let take = async |owner: &str, now| {
        transact!(ctx.store, |tx| { lease::take(tx, "call/1", owner, now, term).await }).expect("the store answers")
    };
    let first = take("a", at(0)).await.expect("free");
    assert_eq!(take("b", at(14)).await, None);
    let again = take("a", at(14)).await.expect("ours");
    assert_eq!((first.term, again.term, again.ends), (1, 1, at(29)));
    let second = take("b", at(29)).await.expect("over");
    assert_eq!((second.owner.as_str(), second.term), ("b", 2));
    let renewed =
        transact!(ctx.store, |tx| { lease::renew(tx, &first, at(30), term).await }).expect("the store answers");
    assert!(!renewed, "a lost lease is not renewed");
    transact!(ctx.store, |tx| {
        lease::release(tx, &second).await?;
        assert_eq!(lease::holder(tx, "call/1", at(30)).await?, None);
        Ok::<_, Error>(())
    })
    .expect("the store answers");
    assert_eq!(take("a", at(30)).await.expect("given back").term, 3);
}
