//! What streams of one outer proxy's link may stand still.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use schleuse_protocol::wire::name::MemberId;
use schleuse_transport::endpoint::Limits;
use schleuse_transport::relay::Standstill;

/// What streams of one link may stand still, by their office: no office can fill the link's window and so block others.
#[derive(Default)]
pub(crate) struct Standstills(Mutex<HashMap<MemberId, Standstill>>);

impl Standstills {
    /// For an office that a valid token names, so there are no more of them than offices.
    pub(crate) fn towards(&self, office: MemberId) -> Standstill {
        let mut offices = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        offices.entry(office).or_insert_with(|| Standstill::quarter_of(&Limits::LINK)).clone()
    }
}
