//! What the scenarios, the simulation and the fuzzers share. Not published.

pub mod fuzz;
