//! What one participant receives: slots, each an unbroken stream, and what is put into them.

pub(crate) mod allocation;
mod history;
mod rewrite;
mod slot;

pub(crate) use slot::{Carries, Passed, Slot, SlotKey};
