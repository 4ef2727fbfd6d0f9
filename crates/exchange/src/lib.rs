//! centrale-exchange
