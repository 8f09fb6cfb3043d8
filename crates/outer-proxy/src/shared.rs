//! What the parts of the proxy share.

use std::net::SocketAddr;
use std::sync::Arc;

use schleuse_transport::carry;
use schleuse_transport::clock::Clock;
use schleuse_transport::endpoint::WindowBudget;
use schleuse_transport::seats::Seats;
use schleuse_transport::shutdown::Shutdown;
use schleuse_transport::troubles::Troubles;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::config::Settings;
use crate::current::Current;
use crate::inners::Inners;
use crate::limits::WINDOW_BUDGET;

/// Everything that an outer proxy can know about one stream: its sender's address, and to which inner proxy it went.
pub type StreamRecord = carry::StreamRecord<SocketAddr>;
/// Where records go, for the demo and tests.
pub type Observer = carry::Observer<SocketAddr>;

/// What all threads share.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) observer: Option<Observer>,
    /// Every stream that is being carried, over all threads: the end of a drain waits for them.
    pub(crate) streams: TaskTracker,
    /// For connections of senders.
    pub(crate) seats: Arc<Seats>,
    /// For the receive windows of senders' connections.
    pub(crate) windows: Arc<WindowBudget>,
    /// Links to inner proxies, over all threads.
    pub(crate) links: watch::Sender<usize>,
    pub(crate) current: watch::Sender<Arc<Current>>,
    /// Which links there are not, and why.
    pub(crate) troubles: Troubles,
}

impl Shared {
    pub(crate) fn new(settings: Settings, current: Current, observer: Option<Observer>) -> Arc<Self> {
        Arc::new(Self {
            clock: Clock::start(),
            observer,
            streams: TaskTracker::new(),
            seats: Seats::new(settings.limits.connections.get()),
            windows: WindowBudget::new(WINDOW_BUDGET),
            links: watch::Sender::new(0),
            current: watch::Sender::new(Arc::new(current)),
            troubles: Troubles::default(),
            settings,
        })
    }
}

/// What the tasks of one thread share.
#[derive(Clone)]
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) inners: Arc<Inners>,
    pub(crate) shutdown: Shutdown,
}
