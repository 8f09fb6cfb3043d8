//! The operators' tools behind the `schleuse` command: keys, directory, tickets, sending, checking, and the demo.
//!
//! **What it is.** Thin: what a command does is in the crates below; here are arguments, files, texts and exit codes.
//! It is a library as well, so that the demo and the tests make their networks with the same code as operators.
//!
//! **What it leaves out on purpose.** It runs no daemon (except all of them together in the demo), and it knows no
//! secret of a running network: root keys and the CA's key are files of the person at the keyboard.
//!
//! **Where to read next.** [`cli`] for the commands, [`pki`] for what a member's folder contains.

pub mod cli;
pub mod demo;
pub mod directory_tool;
pub mod files;
pub mod pki;
pub mod qr;
