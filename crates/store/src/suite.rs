//! The promises of a store, as one list that is run against every engine.
