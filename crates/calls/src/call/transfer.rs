//! Transfers: one side asks the other to talk to somebody else.
//!
//! ```text
//!   transferor          this call           transferee           the transferee's new call
//!       │── Transfer ──────▶│                    │
//!       │◀─ Transferring ───┤── TransferRequested ▶│── Start (TransferOf) ──▶│
//!       │                   │◀────────────── TransferProgress ──────────────┤ answered, or over
//!       │◀─ Transferred, Ended ─┤── Ended ──────▶│      (or: Failed, and this call goes on)
//! ```

use centrale_model::{EndReason, Identity, LegId, TransferState};
use serde::{Deserialize, Serialize};

use super::Call;
use crate::{Fact, LegState, Notice, TransferTarget, Why};

/// One transfer of a call. The call keeps the latest; one at a time is under way.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Transfer {
    number: u32,
    transferor: LegId,
    transferee: LegId,
    target: TransferTarget,
    progress: Progress,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Progress {
    UnderWay,
    Done,
    Failed(EndReason),
}

impl Transfer {
    /// What a leg would have to be told of it again.
    pub(super) fn notice_for(&self, leg: LegId, transferor: &Identity) -> Option<Notice> {
        if leg == self.transferor {
            let (state, error) = match self.progress {
                Progress::UnderWay => (TransferState::Transferring, None),
                Progress::Done => (TransferState::Transferred, None),
                Progress::Failed(reason) => (TransferState::Failed, Some(reason)),
            };
            return Some(Notice::Transfer { transfer: self.number, state, error });
        }
        let is_asked = leg == self.transferee && self.progress == Progress::UnderWay;
        is_asked.then(|| Notice::TransferRequested {
            transfer: self.number,
            transferor: transferor.clone(),
            target: self.target.clone(),
        })
    }

    pub(super) fn transferor(&self) -> LegId {
        self.transferor
    }
}

impl Call {
    /// Asks the other side to call somebody else. Ignored while a transfer is under way.
    pub(super) fn request_transfer(&mut self, id: LegId, target: TransferTarget) {
        if !self.is_leg(id, LegState::Connected) || self.transfer_under_way().is_some() {
            return;
        }
        let (Some(transferee), Some(transferor)) =
            (self.other_side(id), self.leg(id).map(|leg| leg.identity().clone()))
        else {
            return;
        };
        let number = self.transfer.as_ref().map_or(0, |last| last.number + 1);
        self.transfer =
            Some(Transfer { number, transferor: id, transferee, target: target.clone(), progress: Progress::UnderWay });
        self.deadlines.set(Why::Transfer(number), self.now + self.timers.transfer);
        self.record(Fact::Transfer(number, TransferState::Transferring));
        self.tell(id, Notice::Transfer { transfer: number, state: TransferState::Transferring, error: None });
        self.tell(transferee, Notice::TransferRequested { transfer: number, transferor, target });
    }

    /// The transferee's new call was answered, and this one is over; or it came to nothing, and this one goes on.
    pub(super) fn transfer_progress(&mut self, number: u32, outcome: Result<(), EndReason>) {
        let Some(transfer) = self.transfer_under_way().filter(|t| t.number == number) else {
            return;
        };
        let transferor = transfer.transferor;
        match outcome {
            Err(reason) => self.fail_transfer(reason),
            Ok(()) => {
                self.settle_transfer(Progress::Done);
                self.record(Fact::Transfer(number, TransferState::Transferred));
                self.tell(
                    transferor,
                    Notice::Transfer { transfer: number, state: TransferState::Transferred, error: None },
                );
                self.end_connected(EndReason::TRANSFERRED);
            }
        }
    }

    /// The transfer under way came to nothing: its transferor hears it, the call goes on.
    pub(super) fn fail_transfer(&mut self, reason: EndReason) {
        if let Some((number, transferor)) = self.abandon_transfer(reason) {
            self.tell(
                transferor,
                Notice::Transfer { transfer: number, state: TransferState::Failed, error: Some(reason) },
            );
        }
    }

    /// The transfer under way came to nothing; nobody is told.
    pub(super) fn abandon_transfer(&mut self, reason: EndReason) -> Option<(u32, LegId)> {
        let transfer = self.transfer_under_way()?;
        let (number, transferor) = (transfer.number, transfer.transferor);
        self.settle_transfer(Progress::Failed(reason));
        self.record(Fact::Transfer(number, TransferState::Failed));
        Some((number, transferor))
    }

    fn settle_transfer(&mut self, progress: Progress) {
        if let Some(transfer) = &mut self.transfer {
            transfer.progress = progress;
            self.deadlines.clear(Why::Transfer(transfer.number));
        }
    }

    fn transfer_under_way(&self) -> Option<&Transfer> {
        self.transfer.as_ref().filter(|transfer| transfer.progress == Progress::UnderWay)
    }
}
