//! The nouns of the exchange: ids, identities, tokens' scopes, calls, time and units.
//!
//! Everything here is plain data that parses from text, prints to text and knows the small rules that need nothing else
//! ("may this scope do that"). A value that exists is a value that is right: constructors parse, nobody validates later.
//!
//! Not here: behaviour that needs a store, a socket, a clock or chance. `Time` is monotonic and has no `now()`.

mod call;
mod event;
mod id;
mod identity;
mod private;
mod time;
mod token;
mod unit;
mod usage;

pub use call::{
    CallState, Direction, EndReason, MediaKind, ParticipantRole, ParticipantState, ReceiveMode, TransferState,
};
pub use event::{Sequence, StreamName};
pub use id::{CallId, EndpointId, GroupId, IdError, LegId, ParticipantId, ResourceId, UserId};
pub use identity::{Identity, IdentityError, PhoneNumber};
pub use private::Private;
pub use time::{Time, Timestamp};
pub use token::{Scope, ScopeError, Scopes};
pub use unit::{Bitrate, Bytes};
pub use usage::{UsageKind, UsageUnit};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
