//! Which worker has which conference.

use std::collections::BTreeMap;

use centrale_media::ConferenceId;

/// A conference's place.
struct Place {
    worker: usize,
    /// The number of the latest command that went there.
    latest: u64,
}

/// The table. It is looked at once per command, never for a packet.
#[derive(Default)]
pub(super) struct Seats {
    places: BTreeMap<ConferenceId, Place>,
    commands: u64,
}

impl Seats {
    /// Where a command about a conference goes, and the command's number.
    ///
    /// - `choose`: picks a worker for a conference that has none, by how many conferences each has; nothing: none is taken.
    pub(super) fn seat(
        &mut self,
        conference: ConferenceId,
        choose: impl FnOnce(&dyn Fn(usize) -> usize) -> Option<usize>,
    ) -> Option<(usize, u64)> {
        self.commands += 1;
        let number = self.commands;
        if let Some(place) = self.places.get_mut(&conference) {
            place.latest = number;
            return Some((place.worker, number));
        }
        let count = |worker| self.places.values().filter(|place| place.worker == worker).count();
        let worker = choose(&count)?;
        self.places.insert(conference, Place { worker, latest: number });
        Some((worker, number))
    }

    /// A worker found a conference empty after the command of this number. A later one may be on its way; then it stays.
    pub(super) fn forget(&mut self, conference: ConferenceId, number: u64) {
        if self.places.get(&conference).is_some_and(|place| place.latest == number) {
            self.places.remove(&conference);
        }
    }

    /// How many conferences there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }
}

#[cfg(test)]
mod tests {
    use centrale_model::CallId;

    use super::*;

    fn conference(number: u128) -> ConferenceId {
        ConferenceId(CallId::from_random(number.to_be_bytes()))
    }

    #[test]
    fn a_conference_stays_where_it_is_until_it_is_empty_and_nothing_is_on_its_way() {
        let mut seats = Seats::default();
        let one = conference(1);
        assert_eq!(seats.seat(one, |_| None), None);
        let (worker, first) = seats.seat(one, |_| Some(1)).expect("taken");
        assert_eq!(worker, 1);
        let (worker, second) = seats.seat(one, |_| panic!("it has a place")).expect("taken");
        assert_eq!(worker, 1);
        seats.forget(one, first);
        assert_eq!(seats.len(), 1, "the second command is on its way");
        seats.forget(one, second);
        assert_eq!(seats.len(), 0);
    }

    #[test]
    fn a_new_conference_can_go_where_the_fewest_are() {
        let mut seats = Seats::default();
        for number in 0..6 {
            seats.seat(conference(number), |count| (0..3).min_by_key(|worker| count(*worker)));
        }
        for worker in 0..3 {
            assert_eq!(seats.places.values().filter(|place| place.worker == worker).count(), 2);
        }
    }
}
