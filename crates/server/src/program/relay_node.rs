//! A node that relays and does nothing else: no store, no identities, no REST.
//!
//! It knows the relay secret and its own address. On the HTTPS port it tells whether it lives, looks at other nodes when asked,
//! and takes TURN. What it relays it reports to a node with a store, when there is a bus; else it is in the counters and the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use centrale_exchange::usage::Told;
use centrale_exchange::{Clock, Error, SystemClock};
use centrale_relay::Fact;
use http::{Method, Request, StatusCode};
use serde_json::json;
use tokio::sync::watch;

use super::revocations::{self, Revocations};
use super::spool::{self, Spool};
use super::{StartError, bind, drain, files, gauges, local, outside, public_url, ready, relaying};
use crate::config::Config;
use crate::listener::{self, Serving};
use crate::rest::{self, Answer};
use crate::vantage::{self, Eyes};
use crate::{metrics, tls};

/// Runs the node until it is told to end.
pub(super) async fn run(config: Config) -> Result<(), StartError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let Some(secret) = config.relay.secret.clone() else {
        return Err(StartError(
            "relay.secret is missing: write the one that the exchange has (relay.secret there, or the file relay-secret in its data directory).".into(),
        ));
    };
    let folder = files::Folder::open(&config.data)?;
    let https = bind("listen.https", config.listen.https).await?;
    let metrics = bind("listen.metrics", config.listen.metrics).await?;
    let (https_address, metrics_address) = (local(&https)?, local(&metrics)?);
    let public_url = public_url(&config.public.name, https_address.port());

    let origin = super::certificate_origin(&config, &folder, clock.now())?;
    let certified = tls::load(&origin, clock.now()).map_err(|error| StartError(error.to_string()))?;

    let bus = config.cluster.bus.as_ref().map(|address| address.reveal().clone());
    let spool = match &bus {
        Some(_) => Some(Arc::new(Spool::open(folder.path()).map_err(|error| StartError(format!("data: {error}.")))?)),
        None => None,
    };
    let meter = Arc::new(gauges::Meter::default());
    let sink = {
        let (meter, spool) = (meter.clone(), spool.clone());
        move |fact: Fact| {
            meter.add(&fact);
            match &spool {
                Some(spool) => spool.add(Told::from(&fact)),
                None => log(&fact),
            }
        }
    };
    let relay = Arc::new(relaying::start(&config, &secret, &certified, &[https_address, metrics_address], sink)?);
    // Also without a bus: who was deleted while there was one stays out.
    let revocations = Revocations::open(relay.clone(), folder.path(), &*clock)
        .map_err(|error| StartError(format!("data: revoked.jsonl: {error}.")))?;
    let runtime = files::Runtime::of_relay(&public_url, metrics_address, relay.addresses(), &folder.ca_file());

    let is_draining = Arc::new(AtomicBool::new(false));
    let open = Arc::new(AtomicUsize::new(0));
    let eyes = Arc::new(Eyes::new(&secret));
    let answering: listener::Answering = {
        let is_draining = is_draining.clone();
        Arc::new(move |request, peer| {
            let (is_draining, eyes) = (is_draining.load(Ordering::Relaxed), eyes.clone());
            Box::pin(async move { answer(request, is_draining, &eyes, peer).await })
        })
    };
    let mut sources = vec![
        metrics::presence(Instant::now(), open.clone(), {
            let is_draining = is_draining.clone();
            move || is_draining.load(Ordering::Relaxed)
        }),
        gauges::counters(&relay, &meter),
        certified.counters(clock.clone()),
    ];
    sources.extend(spool.as_ref().map(Spool::counters));
    tokio::spawn(metrics::serve(metrics, sources));

    let (end, ended) = watch::channel(false);
    let serving = Serving { answering, open, tls: tls::https(&certified), adopt: Some(super::adopt(&relay)) };
    let accepting = tokio::spawn(listener::serve(https, serving, ended));
    tokio::spawn(tls::keep_fresh(certified, origin, clock.clone()));
    if let (Some(spool), Some(bus)) = (&spool, &bus) {
        tokio::spawn(spool::keep(spool.clone(), bus.clone()));
        tokio::spawn(revocations::keep_over_bus(bus.clone(), clock, revocations));
    }

    folder.write_runtime_alone(&runtime)?;
    ready(&config.public.name, https_address);
    tokio::spawn(outside::look(config.public.clone(), runtime, secret));

    let begin = || {
        is_draining.store(true, Ordering::Relaxed);
        relay.drain(config.relay.alternates.clone());
    };
    drain::until_told(begin, async || drain::allocations(&relay).await, config.drain_deadline).await;

    folder.remove_runtime();
    let _ = end.send(true);
    let _ = tokio::time::timeout(Duration::from_secs(5), accepting).await;
    let stopping = relay.clone();
    let _ = tokio::task::spawn_blocking(move || stopping.stop()).await;
    // The relay's last measurements were put in while it stopped.
    if let Some(spool) = &spool {
        spool::finish(spool, bus.as_deref()).await;
    }
    Ok(())
}

/// What was relayed, where nobody else keeps it. Who did is for those who look closely.
fn log(fact: &Fact) {
    let usage = match fact {
        Fact::Relayed(usage) => usage,
        Fact::Refused(refused) => {
            let (reason, times) = (refused.reason.as_str(), refused.times);
            tracing::debug!(user = %refused.user, id = %refused.id, reason, times, "refused");
            return;
        }
    };
    let (sent, received) = (usage.bytes_up, usage.bytes_down);
    let transport = centrale_exchange::usage::transport(usage.transport);
    tracing::debug!(user = %usage.user, id = %usage.id, sent, received, transport, "relayed");
    if usage.is_last {
        let seconds = usage.to.since(usage.started).as_secs();
        tracing::info!(id = %usage.id, seconds, transport, "an allocation ended");
    }
}

async fn answer(request: Request<Body>, is_draining: bool, eyes: &Eyes, peer: std::net::SocketAddr) -> Answer {
    match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/health/live") => rest::json(StatusCode::OK, &json!({ "status": "live" })),
        (&Method::GET | &Method::HEAD, "/health/ready") if is_draining => {
            rest::json(StatusCode::SERVICE_UNAVAILABLE, &json!({ "status": "draining" }))
        }
        (&Method::GET | &Method::HEAD, "/health/ready") => rest::json(StatusCode::OK, &json!({ "status": "ready" })),
        (&Method::POST, vantage::PATH) => eyes.answer(request, peer).await,
        _ => rest::error(&Error::not_found("This node relays and does nothing else.")),
    }
}
