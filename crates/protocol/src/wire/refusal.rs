//! The only two things that a stream's end tells the outside: QUIC application error codes of resets and stops.

/// Why a stream was reset, as far as anybody outside the seal may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StreamRefusal {
    /// The token, the seal or the protocol was not accepted. Which of them is not told; the same bytes on the same route
    /// are useless.
    Refused,
    /// There is no way to the office just now (next hop gone, draining, busy, or too slow): try another route, or later.
    Unavailable,
}

impl StreamRefusal {
    /// The QUIC application error code.
    pub fn code(self) -> u64 {
        match self {
            Self::Refused => 0x5301,
            Self::Unavailable => 0x5302,
        }
    }

    /// The refusal with this code. Codes that this version does not know mean [`Unavailable`](Self::Unavailable): they
    /// come from a network that broke, or from a later version.
    pub fn from_code(code: u64) -> Self {
        if code == Self::Refused.code() { Self::Refused } else { Self::Unavailable }
    }
}

/// The code with which a reader stops a writer whose remaining bytes do not matter: the office has answered. The
/// other direction of the stream goes on.
pub const STOP_ENOUGH: u64 = 0x5300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_back_and_unknown_ones_promise_nothing() {
        for refusal in [StreamRefusal::Refused, StreamRefusal::Unavailable] {
            assert_eq!(StreamRefusal::from_code(refusal.code()), refusal);
        }
        assert_eq!(StreamRefusal::from_code(0), StreamRefusal::Unavailable);
        assert_eq!(StreamRefusal::from_code(STOP_ENOUGH), StreamRefusal::Unavailable);
    }
}
