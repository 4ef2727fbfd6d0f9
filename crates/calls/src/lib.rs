//! centrale-calls
