//! One call, from the first ring to the last hang-up, as a machine without surroundings.
//!
//! Bytes are not its business, nor sockets, clocks or stores: [`Call::handle`] takes one [`Input`] at one moment of the call's
//! own [`Time`](centrale_model::Time) (zero is the call's birth), [`Call::poll`] gives the next [`Output`] until there is none, and
//! [`Call::timeout`] says when to come back. Descriptions and candidates pass through sealed.
//!
//! Media of a call between two goes directly. A group call's goes to a *conference* at the media processor, and a call between two moves there when
//! somebody is added: [`Order`] is what the call wants of the conference, [`Heard`] what it learns.
//!
//! A call has *participants* (identities) and *legs* (one per device that rings or talks). It knows legs by number, never by
//! protocol. The machine is plain data: its snapshot survives the node that hosts it.
//!
//! Behaviour: acs-behaviour sections 9 and 10 (B-CALL-*), timeouts in [`Timers`].

mod call;
mod conference;
mod input;
mod leg;
mod numbered;
mod output;
mod participant;
mod timer;
mod trickle;

pub use call::{Call, CallView};
pub use conference::{Forbidden, Heard, Order, Refusal, Rights};
pub use input::{
    Candidates, Description, DescriptionKind, Device, Form, Input, MediaReport, Origin, Sealed, Sending, Target,
    TransferTarget, Who,
};
pub use leg::{Leg, LegState};
pub use output::{Change, Fact, Notice, Output, ParticipantView, SeatFact};
pub use participant::Participant;
pub use timer::{Timers, Why};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
