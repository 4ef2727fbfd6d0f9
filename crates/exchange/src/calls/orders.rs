//! From the call machine's orders to the media processor's commands, and from its events to what the machine hears. No rule lives here.

use centrale_calls::{Heard, Order, Refusal, Rights, Sealed};
use centrale_media::{Command, ConferenceId, Event, Mode, RefusedBecause};
use centrale_model::{CallId, ReceiveMode};

/// Says an order to the media processor.
pub(crate) fn command(call: CallId, order: Order) -> Command {
    let conference = ConferenceId(call);
    match order {
        Order::Admit { place, epoch, display_name, offer, rights, mode, is_echo } => Command::Join {
            conference,
            participant: place,
            epoch,
            display_name,
            offer: offer.0,
            rights: say_rights(rights),
            mode: say_mode(mode),
            is_echo,
        },
        Order::Describe { place, epoch, offer } => {
            Command::Describe { conference, participant: place, epoch, offer: offer.0 }
        }
        Order::Expel(participant) => Command::Leave { conference, participant },
        Order::Allow(participant, rights) => Command::Allow { conference, participant, rights: say_rights(rights) },
        Order::Receive(participant, mode) => Command::Receive { conference, participant, mode: say_mode(mode) },
        Order::Hold(participant, is_held) => Command::Hold { conference, participant, is_held },
        Order::Spotlight(participants) => Command::Spotlight { conference, participants },
        Order::Close => Command::Close { conference },
    }
}

/// What the machine hears in an event.
pub(crate) fn heard(event: Event) -> Heard {
    match event {
        Event::Answered { participant, epoch, answer, .. } => {
            Heard::Answered { place: participant, epoch, answer: Sealed(answer) }
        }
        Event::Refused { participant, epoch, because, .. } => Heard::Refused {
            place: participant,
            epoch,
            because: match because {
                RefusedBecause::BadOffer => Refusal::BadOffer,
                RefusedBecause::Full => Refusal::Full,
                RefusedBecause::Unknown => Refusal::Unknown,
            },
        },
        Event::Connected { participant, epoch, .. } => Heard::Connected { place: participant, epoch },
        Event::Interrupted { participant, .. } => Heard::Interrupted(participant),
        Event::Gone { participant, epoch, .. } => Heard::Gone { place: participant, epoch },
        Event::Receives { participant, mode, .. } => Heard::Receives(
            participant,
            match mode {
                Mode::Forwarded => ReceiveMode::Forwarded,
                Mode::Mixed => ReceiveMode::Mixed,
                Mode::Auto => ReceiveMode::Auto,
            },
        ),
        Event::Lost { .. } => Heard::Lost,
        Event::Summary { summary, .. } => Heard::Summary(summary.map(|summary| summary.participants)),
    }
}

fn say_rights(rights: Rights) -> centrale_media::Rights {
    let Rights { audio, video, screen, data } = rights;
    centrale_media::Rights { audio, video, screen, data }
}

fn say_mode(mode: ReceiveMode) -> Mode {
    match mode {
        ReceiveMode::Auto => Mode::Auto,
        ReceiveMode::Forwarded => Mode::Forwarded,
        ReceiveMode::Mixed => Mode::Mixed,
    }
}
