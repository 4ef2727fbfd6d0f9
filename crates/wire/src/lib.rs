//! centrale-wire
