//! The one-time sealed connection of Schleuse: wire format, limits, and one state machine per party.
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

pub mod relay;

pub mod wire;

pub mod limits;
pub mod padding;
pub mod time;

#[cfg(test)]
mod toy;
