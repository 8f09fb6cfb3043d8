//! How many streams may stand still, by their office.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use schleuse_protocol::wire::name::MemberId;
use schleuse_transport::endpoint::Limits;
use schleuse_transport::relay::Standstill;

/// What streams that have a window in common may stand still, by their office: no office can fill it and so hold up others.
pub(crate) struct Standstills {
    window: u32,
    offices: Mutex<HashMap<MemberId, Standstill>>,
}

impl Standstills {
    /// A quarter of a connection's window for each office.
    pub(crate) fn of_window(window: u32) -> Self {
        Self { window, offices: Mutex::default() }
    }

    /// For an office that a valid token names, so there are no more of them than offices.
    pub(crate) fn towards(&self, office: MemberId) -> Standstill {
        let mut offices = self.offices.lock().unwrap_or_else(PoisonError::into_inner);
        offices.entry(office).or_insert_with(|| Standstill::quarter_of(self.window, &Limits::LINK)).clone()
    }
}
