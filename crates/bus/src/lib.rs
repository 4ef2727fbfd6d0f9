//! centrale-bus
