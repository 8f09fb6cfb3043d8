//! What the scenarios, the simulation and the fuzzers share. Not published.
//!
//! A scenario builds a [`network::Network`] of the real daemons, each a process of its own with the files that an operator
//! would write, and drives it from outside: vendors through the client library or the command line, offices through
//! the receiver's local API. [`netns`] puts the members of a network on hosts of their own, with a router between them. [`hostile`], [`sealed`] and [`wire`] play the parties that do not keep to the rules, [`tap`]
//! and [`search`] look at what leaks.

pub mod fuzz;

pub mod simulation;

pub mod network;

pub mod background;
pub mod binaries;
pub mod daemon;
pub mod flood;
pub mod hostile;
pub mod member;
pub mod netns;
pub mod office;
pub mod sealed;
pub mod search;
pub mod skip;
pub mod tap;
pub mod wait;
pub mod wire;
