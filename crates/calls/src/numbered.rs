//! Lists whose items keep their numbers when others are forgotten.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Items by number, in order of having come. Numbers count from 0 and are never given twice.
///
/// Bound: its owner's, who forgets what is over.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Numbered<T> {
    next: u32,
    kept: BTreeMap<u32, T>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Numbered<T> {
        Numbered { next: 0, kept: BTreeMap::new() }
    }
}

impl<T> Numbered<T> {
    /// The number that the next item gets.
    pub(crate) fn next(&self) -> u32 {
        self.next
    }

    /// Keeps one more item and gives its number.
    pub(crate) fn push(&mut self, item: T) -> u32 {
        let number = self.next;
        self.kept.insert(number, item);
        self.next = self.next.saturating_add(1);
        number
    }

    /// Forgets an item.
    pub(crate) fn forget(&mut self, number: u32) {
        self.kept.remove(&number);
    }

    /// How many are kept.
    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        self.kept.get(&number)
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        self.kept.get_mut(&number)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.kept.iter().map(|(number, item)| (*number, item))
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.kept.values()
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.kept.values_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_never_given_twice() {
        let mut list = Numbered::default();
        assert_eq!([list.push('a'), list.push('b')], [0, 1]);
        list.forget(1);
        assert_eq!(list.push('c'), 2);
        assert_eq!(list.iter().collect::<Vec<_>>(), [(0, &'a'), (2, &'c')]);
        assert_eq!((list.get(1), list.len(), list.next()), (None, 2, 3));
    }
}
