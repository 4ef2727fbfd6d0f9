//! The tables, in the order in which they came to be. A released step is never edited.

use centrale_store::Migration;

/// Every step.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration { number: 1, name: "identity", sql: include_str!("schema/0001_identity.sql") },
    Migration { number: 2, name: "usage", sql: include_str!("schema/0002_usage.sql") },
    Migration { number: 3, name: "lease", sql: include_str!("schema/0003_lease.sql") },
    Migration { number: 4, name: "events", sql: include_str!("schema/0004_events.sql") },
    Migration { number: 5, name: "calls", sql: include_str!("schema/0005_calls.sql") },
    Migration { number: 6, name: "relay", sql: include_str!("schema/0006_relay.sql") },
];
