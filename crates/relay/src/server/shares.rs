//! Who has how much: users, sources and resources, each with a share of allocations, of bandwidth and of the day's bytes.
//!
//! An allocation counts for three at once: the user of its credential, the address it came from, and the resource that the user
//! is of. Bytes pass when all three have room, and then count for all three; else for none.

use core::net::IpAddr;
use std::sync::Arc;

use centrale_model::Time;

use super::records::{Allocation, NONE};
use super::{Cap, Reason, Server, Whose};
use crate::ClientAddr;
use crate::limit::{Bucket, source};

/// Whose use is added up.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sharer {
    User(Arc<str>),
    Source(IpAddr),
    Resource(Arc<str>),
}

impl Sharer {
    fn whose(&self) -> Whose {
        match self {
            Sharer::User(_) => Whose::User,
            Sharer::Source(_) => Whose::Source,
            Sharer::Resource(_) => Whose::Resource,
        }
    }
}

/// Where an allocation would count.
pub(super) enum Place {
    /// Nowhere: there is no limit.
    Unlimited,
    Known(u32),
    New(Sharer),
}

/// The resource in `8:acs:<resource>_<user>`; of other names nothing, so that they are of one resource together.
fn resource_of(user: &str) -> &str {
    user.strip_prefix("8:acs:").and_then(|rest| rest.split_once('_')).map_or("", |(resource, _)| resource)
}

/// What one of them has used.
pub(super) struct Share {
    sharer: Sharer,
    allocations: u32,
    bucket: Bucket,
    /// Days since 1970 that `day_bytes` is about.
    day: i64,
    day_bytes: u64,
}

impl Share {
    fn bytes_of(&self, day: i64) -> u64 {
        if self.day == day { self.day_bytes } else { 0 }
    }
}

impl Server {
    /// Says where one more allocation would count, in the order of [`Whose::ALL`], or why there may not be one.
    pub(super) fn check_shares(&self, user: &Arc<str>, client: ClientAddr, now: Time) -> Result<[Place; 3], Reason> {
        let today = self.today(now);
        let mut places = [const { Place::Unlimited }; 3];
        for (whose, cap) in Whose::ALL.into_iter().zip(self.config.limits.caps()) {
            if cap == Cap::default() {
                continue;
            }
            let sharer = match whose {
                Whose::User => Sharer::User(user.clone()),
                Whose::Source => Sharer::Source(source(client.addr.ip())),
                Whose::Resource => Sharer::Resource(resource_of(user).into()),
            };
            places[whose as usize] = match self.shares_by_name.get(&sharer) {
                None => Place::New(sharer),
                Some(slot) => {
                    let share = &self.shares[*slot as usize];
                    if cap.allocations > 0 && share.allocations >= cap.allocations {
                        return Err(Reason::Allocations(whose));
                    }
                    if cap.bytes_per_day > 0 && share.bytes_of(today) >= cap.bytes_per_day {
                        return Err(Reason::Day(whose));
                    }
                    Place::Known(*slot)
                }
            };
        }
        Ok(places)
    }

    /// Counts one more allocation; gives the slots of its shares, or nothing when a table is full of those that have some.
    pub(super) fn enter_shares(&mut self, places: [Place; 3]) -> Option<[u32; 3]> {
        for (whose, place) in Whose::ALL.into_iter().zip(&places) {
            let is_full = |server: &Server| server.share_counts[whose as usize] >= server.config.limits.users;
            if matches!(place, Place::New(_)) && is_full(self) {
                self.forget_idle_shares(whose);
                if is_full(self) {
                    return None;
                }
            }
        }
        let slots = places.map(|place| match place {
            Place::Unlimited => NONE,
            Place::Known(slot) => slot,
            Place::New(sharer) => self.add_share(sharer),
        });
        for slot in slots.into_iter().filter(|slot| *slot != NONE) {
            self.shares[slot as usize].allocations += 1;
        }
        Some(slots)
    }

    fn add_share(&mut self, sharer: Sharer) -> u32 {
        self.share_counts[sharer.whose() as usize] += 1;
        let share = Share { sharer: sharer.clone(), allocations: 0, bucket: Bucket::FULL, day: 0, day_bytes: 0 };
        let slot = match self.free_shares.pop() {
            Some(slot) => {
                self.shares[slot as usize] = share;
                slot
            }
            None => {
                self.shares.push(share);
                (self.shares.len() - 1) as u32
            }
        };
        self.shares_by_name.insert(sharer, slot);
        slot
    }

    /// Counts one allocation less. Who has none is remembered only while what it used matters.
    pub(super) fn leave_shares(&mut self, slots: [u32; 3]) {
        let counted = slots.into_iter().zip(self.config.limits.caps()).filter(|(slot, _)| *slot != NONE);
        for (slot, cap) in counted {
            let share = &mut self.shares[slot as usize];
            share.allocations -= 1;
            let matters = cap.bytes_per_second > 0 || (cap.bytes_per_day > 0 && share.day_bytes > 0);
            if share.allocations == 0 && !matters {
                self.forget_share(slot);
            }
        }
    }

    fn forget_share(&mut self, slot: u32) {
        let sharer = &self.shares[slot as usize].sharer;
        self.share_counts[sharer.whose() as usize] -= 1;
        self.shares_by_name.remove(sharer);
        self.free_shares.push(slot);
    }

    fn forget_idle_shares(&mut self, whose: Whose) {
        let is_idle = |share: &Share| share.allocations == 0 && share.sharer.whose() == whose;
        let idle: Vec<u32> =
            self.shares_by_name.values().copied().filter(|slot| is_idle(&self.shares[*slot as usize])).collect();
        for slot in idle {
            self.forget_share(slot);
        }
    }

    /// Counts bytes against the limits of an allocation's user, source and resource; says whether they may pass.
    #[inline]
    pub(super) fn admit(&mut self, allocation: u32, bytes: u64, now: Time) -> bool {
        !self.counts_bytes || self.admit_counted(allocation, bytes, now)
    }

    fn admit_counted(&mut self, allocation: u32, bytes: u64, now: Time) -> bool {
        let shares = self.allocations[allocation as usize].shares;
        let (caps, today) = (self.config.limits.caps(), self.today(now));
        let mut rests = [Bucket::FULL; 3];
        for (whose, (slot, cap)) in Whose::ALL.into_iter().zip(shares.into_iter().zip(caps)) {
            if slot == NONE {
                continue;
            }
            let share = &self.shares[slot as usize];
            if cap.bytes_per_day > 0 && share.bytes_of(today) + bytes > cap.bytes_per_day {
                self.drop_for(allocation, Reason::DayBytes(whose), now);
                return false;
            }
            let Some(rest) = share.bucket.without(bytes, cap.bytes_per_second, burst(cap), now) else {
                self.drop_for(allocation, Reason::Bandwidth(whose), now);
                return false;
            };
            rests[whose as usize] = rest;
        }
        for (slot, rest) in shares.into_iter().zip(rests).filter(|(slot, _)| *slot != NONE) {
            let share = &mut self.shares[slot as usize];
            share.bucket = rest;
            share.day_bytes = share.bytes_of(today) + bytes;
            share.day = today;
        }
        true
    }

    fn drop_for(&mut self, allocation: u32, reason: Reason, now: Time) {
        *self.stats.of(reason) += 1;
        let Allocation { user, client, .. } = &self.allocations[allocation as usize];
        let (user, transport) = (user.clone(), client.transport);
        self.note_refusal(user, transport, reason, now);
    }

    /// Days since 1970 in UTC.
    fn today(&self, now: Time) -> i64 {
        self.wall(now).as_secs().div_euclid(86_400)
    }
}

/// A quarter of a second at once, and never less than a few full datagrams.
fn burst(cap: Cap) -> u64 {
    (cap.bytes_per_second / 4).max(200_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raw_id_is_of_its_resource_and_every_other_name_of_none() {
        assert_eq!(
            resource_of("8:acs:00000000-0000-4000-8000-00000000cafe_1_2"),
            "00000000-0000-4000-8000-00000000cafe"
        );
        for name in ["", "alice", "8:acs:", "8:acs:only", "8:echo123", "a_b"] {
            assert_eq!(resource_of(name), "");
        }
    }
}
