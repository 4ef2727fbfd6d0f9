//! centrale-model
