//! centrale-relay
