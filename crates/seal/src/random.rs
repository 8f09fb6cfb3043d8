//! Where randomness comes from in production. Everything else in this crate takes the generator as an argument.

use rand::CryptoRng;
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;

/// The operating system's generator (`getrandom`). Panics if the system has none, as nothing can be sealed then.
pub fn system_rng() -> impl CryptoRng + Send + Sync + Clone + 'static {
    UnwrapErr(SysRng)
}
