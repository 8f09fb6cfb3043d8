//! The one-time sealed connection of Schleuse: wire format, limits, and one state machine per party.
//!
//! # The tour: one message, hop by hop
//!
//! 1. **The ticket.** An office keeps a stock of route tokens of each inner proxy ([`office::TokenPool`]), puts one of each
//!    into a [`Ticket`](wire::ticket::Ticket), signs it, and gives it to a sender.
//! 2. **The sender** ([`sender::SenderStream`]) opens a stream to any outer proxy. It writes
//!    [`Open`](wire::hop::Open) with the token of one route, the sealed [`Hello`](wire::hello::Hello), segments, and the
//!    final frame, without waiting.
//! 3. **The outer proxy** collects the header ([`hop::AwaitHeader`]) and judges it ([`outer::judge`]): it checks the token's MAC
//!    with a key that the inner proxy gave it ([`outer::AdmissionRing`]), forwards `Open` as it is, and from then on only
//!    counts bytes ([`relay::Relay`]).
//! 4. **The inner proxy** ([`inner::judge`]) opens the token, which tells it the office, refuses used ones
//!    ([`inner::UsedNonces`]), and replaces `Open` by [`Incoming`](wire::hop::Incoming).
//! 5. **The office** ([`office::OfficeStream`]) finds the ticket by the token's nonce, opens the hello, claims the ticket for
//!    this attempt ([`lease::Leases`]), has each verified segment stored, and with the final frame signs a receipt. When
//!    everything is durable it sends the receipt as a sealed [`Reply`](wire::reply::Reply).
//! 6. **The sender** verifies the receipt and keeps it: [`sender::SenderEvent::Receipt`].
//!
//! # How a machine is driven
//!
//! As in `quinn-proto`: `handle_*` takes an event in, `poll_*` hands out what is to be done, getters (`wanted`,
//! `wants_data`, `is_finished`) say how it stands; time is an argument. After each `handle_*`, call `poll_action` until it
//! is `None`, then `poll_timeout`. A machine never blocks, never asks a clock, never draws a random number.
//!
//! # What this crate leaves out on purpose
//!
//! Cryptography (the traits in [`channel`], implemented by `schleuse-seal`), MACs (`schleuse-admission`), clocks, randomness,
//! I/O, storage. It is `no_std` with `alloc`.
//!
//! # Where to read next
//!
//! `docs/protocol.md`, whose numbered sections the code cites; [`wire`] for the codec's rules; `tests/golden.rs` for the bytes;
//! the `simulation` in the tests package for all machines together on a network that misbehaves.
#![no_std]

extern crate alloc;

/// `Debug` and `Display` as lower-case hex.
macro_rules! hex_debug {
    ($name:ident) => {
        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Display::fmt(self, f)
            }
        }
    };
}

pub mod channel;
pub mod sender;

pub mod outer;

pub mod inner;

pub mod office;

pub mod lease;

pub mod hop;
pub mod relay;

pub mod wire;

pub mod limits;
pub mod padding;
pub mod time;

#[cfg(test)]
mod toy;
