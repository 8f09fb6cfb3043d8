//! What a test network is to be like.

use super::Network;

/// What a network is to be like.
pub struct Builder {
    pub(super) outers: usize,
    pub(super) inners: usize,
    pub(super) offices: usize,
    pub(super) vendors: usize,
    pub(super) log: String,
    pub(super) taps: bool,
    pub(super) apart: bool,
    pub(super) played_inner: bool,
    pub(super) played_offices: usize,
    pub(super) grace: u32,
    pub(super) outer_limits: String,
    pub(super) inner_limits: String,
    pub(super) receiver_limits: String,
    pub(super) tickets: String,
    pub(super) database: String,
}

impl Builder {
    pub(super) fn new(outers: usize, inners: usize, offices: usize, vendors: usize) -> Self {
        Self {
            outers,
            inners,
            offices,
            vendors,
            log: "info,schleuse=debug".into(),
            taps: false,
            apart: false,
            played_inner: false,
            played_offices: 0,
            grace: 10,
            outer_limits: String::new(),
            inner_limits: String::new(),
            receiver_limits: String::new(),
            tickets: String::new(),
            database: "office.sqlite".into(),
        }
    }

    /// What the daemons log (`SCHLEUSE_LOG`).
    pub fn log(mut self, filter: &str) -> Self {
        self.log = filter.to_owned();
        self
    }

    /// Puts a tap on every hop.
    pub fn tapped(mut self) -> Self {
        self.taps = true;
        self
    }

    /// Gives every daemon, and the sender, a host of its own: see [`Network::lab`].
    pub fn apart(mut self) -> Self {
        self.apart = true;
        self
    }

    /// `inner-1` is not started: the test plays it, see [`Network::play_inner`].
    pub fn played_inner(mut self) -> Self {
        self.played_inner = true;
        self
    }

    /// Offices that are in the directory (`played-1` …) but that the test plays.
    pub fn played_offices(mut self, count: usize) -> Self {
        self.played_offices = count;
        self
    }

    /// How long the proxies let running streams finish.
    pub fn grace(mut self, seconds: u32) -> Self {
        self.grace = seconds;
        self
    }

    /// The lines of `[limits]` in the outer proxies' files.
    pub fn outer_limits(mut self, lines: &str) -> Self {
        self.outer_limits = lines.to_owned();
        self
    }

    /// The same for inner proxies.
    pub fn inner_limits(mut self, lines: &str) -> Self {
        self.inner_limits = lines.to_owned();
        self
    }

    /// The same for receivers.
    pub fn receiver_limits(mut self, lines: &str) -> Self {
        self.receiver_limits = lines.to_owned();
        self
    }

    /// The lines of `[tickets]` in the receivers' files.
    pub fn tickets(mut self, lines: &str) -> Self {
        self.tickets = lines.to_owned();
        self
    }

    /// Where receivers have their database, relative to their folder or absolute.
    pub fn database(mut self, path: &str) -> Self {
        self.database = path.to_owned();
        self
    }

    /// Makes keys, directory and configuration files; starts nothing.
    pub fn build(self) -> Network {
        Network::build(self)
    }

    /// [`build`](Self::build), starts all daemons and waits until they are ready.
    pub fn start(self) -> Network {
        let network = self.build();
        network.start();
        network
    }
}
