//! The promises of a bus, as one list that is run against every implementation.
