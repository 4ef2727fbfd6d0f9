//! How far inputs get. A target whose inputs all end at the first check proves nothing, so the driver prints what was reached
//! how often, and what never.

use std::collections::BTreeMap;
use std::sync::Mutex;

static REACHED: Mutex<BTreeMap<&'static str, u64>> = Mutex::new(BTreeMap::new());

/// Adds to a place's count.
pub(crate) fn reached(places: impl IntoIterator<Item = (&'static str, u64)>) {
    let mut counts = REACHED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    for (place, times) in places {
        *counts.entry(place).or_default() += times;
    }
}

/// Takes all counts.
pub fn take() -> BTreeMap<&'static str, u64> {
    std::mem::take(&mut *REACHED.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
}
