//! Under construction.

mod crash;
pub mod store;
