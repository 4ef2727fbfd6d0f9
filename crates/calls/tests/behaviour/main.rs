//! What a call does: scripts of inputs with moments, exact outputs, and nothing left over.
//!
//! One file per behaviour. Every script runs twice, the second time through a snapshot before each input.

mod accept;
mod cancel;
mod candidates;
mod conference;
mod decline;
mod descriptions;
mod echo;
mod group;
mod group_dialled;
mod group_join;
mod group_leave;
mod hang_up;
mod hold;
mod manners;
mod media;
mod presence;
mod promotion;
mod ringing;
mod script;
mod sending;
mod start;
mod take_over;
mod token;
mod transfer;
mod view;
