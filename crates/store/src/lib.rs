//! centrale-store
