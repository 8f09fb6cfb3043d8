//! The daemons: started in the order of their needs, observed, stopped.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::Context as _;
use schleuse_inner_proxy as inner;
use schleuse_outer_proxy as outer;
use schleuse_protocol::wire::name::MemberId;
use tokio::sync::mpsc;

use super::ground::Ground;
use super::offices::Offices;
use super::plan::Plan;

/// How long a proxy may take to tell of a stream after the one before.
const LATE: Duration = Duration::from_secs(2);

/// A running network.
pub(super) struct Network {
    outers: Vec<Observed<outer::Handle, outer::StreamRecord>>,
    inners: Vec<Observed<inner::Handle, inner::StreamRecord>>,
    offices: Offices,
}

/// A proxy and what it has told of finished streams.
struct Observed<H, R> {
    id: MemberId,
    handle: H,
    records: mpsc::UnboundedReceiver<R>,
    seen: Vec<R>,
}

/// The proxies' own records.
pub(super) struct Records {
    pub(super) outers: Vec<(MemberId, Vec<outer::StreamRecord>)>,
    pub(super) inners: Vec<(MemberId, Vec<inner::StreamRecord>)>,
}

impl Network {
    /// Starts all daemons and waits until they are connected. Only outer proxies have fixed ports, because the
    /// directory names them; the others are told what those before them chose.
    pub(super) async fn start(plan: &Plan, ground: &mut Ground) -> anyhow::Result<Self> {
        let inners = plan.inners.iter().map(|id| start_inner(id, ground)).collect::<anyhow::Result<Vec<_>>>()?;
        let addresses = inners.iter().map(listening).collect::<anyhow::Result<Vec<_>>>()?;
        let start_outer = |id| start_outer(id, ground, &addresses);
        let outers = plan.outers.iter().map(start_outer).collect::<anyhow::Result<Vec<_>>>()?;
        let configs = plan.offices.iter().map(|office| Ok((*office, ground.office_config(office, &addresses)?)));
        let offices = Offices::start(configs.collect::<anyhow::Result<_>>()?).await?;
        for outer in &outers {
            outer.handle.until_linked().await;
        }
        for inner in &inners {
            inner.handle.until_connected(plan.offices.len()).await;
        }
        Ok(Self { outers, inners, offices })
    }

    pub(super) fn offices(&self) -> &Offices {
        &self.offices
    }

    /// Where a proxy listens.
    pub(super) fn address_of(&self, name: &str) -> String {
        let outer = self.outers.iter().find(|outer| outer.id.as_str() == name).map(|outer| outer.handle.addresses());
        let inner = || self.inners.iter().find(|inner| inner.id.as_str() == name).map(|inner| inner.handle.addresses());
        outer.or_else(inner).and_then(<[_]>::first).map_or_else(String::new, SocketAddr::to_string)
    }

    /// What the proxies have recorded so far. A proxy records a stream when both its sides have ended, so the last ones
    /// may come a moment after the receipt: `streams` says how many there must be at least on each kind of proxy.
    pub(super) async fn records(&mut self, streams: usize) -> Records {
        tokio::join!(gather(&mut self.outers, streams), gather(&mut self.inners, streams));
        Records {
            outers: self.outers.iter().map(|outer| (outer.id, outer.seen.clone())).collect(),
            inners: self.inners.iter().map(|inner| (inner.id, inner.seen.clone())).collect(),
        }
    }

    /// The next stream that any inner proxy has carried to its end.
    pub(super) async fn next_carried(&mut self) -> inner::StreamRecord {
        poll_fn(|cx| poll_next(&mut self.inners, cx)).await
    }

    /// Ends everything in good order: the offices first, then the proxies.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.offices.stop().await?;
        self.outers.iter().for_each(|outer| outer.handle.drain());
        self.inners.iter().for_each(|inner| inner.handle.drain());
        for outer in self.outers {
            outer.handle.finished().await.with_context(|| outer.id.to_string())?;
        }
        for inner in self.inners {
            inner.handle.finished().await.with_context(|| inner.id.to_string())?;
        }
        Ok(())
    }
}

/// Waits until the proxies have told of `streams` streams, or nothing new comes.
async fn gather<H, R: Clone>(proxies: &mut [Observed<H, R>], streams: usize) {
    while proxies.iter().map(|proxy| proxy.seen.len()).sum::<usize>() < streams {
        let next = poll_fn(|cx| poll_next(proxies, cx));
        if tokio::time::timeout(LATE, next).await.is_err() {
            return;
        }
    }
}

/// Notes the next record of any of the proxies.
fn poll_next<H, R: Clone>(proxies: &mut [Observed<H, R>], cx: &mut Context<'_>) -> Poll<R> {
    for proxy in proxies {
        if let Poll::Ready(Some(record)) = proxy.records.poll_recv(cx) {
            proxy.seen.push(record.clone());
            return Poll::Ready(record);
        }
    }
    Poll::Pending
}

fn start_inner(id: &MemberId, ground: &Ground) -> anyhow::Result<Observed<inner::Handle, inner::StreamRecord>> {
    let (observer, records) = mpsc::unbounded_channel();
    let handle = inner::start(inner::Config::load(&ground.inner_config(id)?)?, Some(observer))?;
    Ok(Observed { id: *id, handle, records, seen: Vec::new() })
}

fn listening(inner: &Observed<inner::Handle, inner::StreamRecord>) -> anyhow::Result<(MemberId, SocketAddr)> {
    let address = inner.handle.addresses().first().context("an inner proxy listens nowhere")?;
    Ok((inner.id, *address))
}

fn start_outer(
    id: &MemberId,
    ground: &mut Ground,
    inners: &[(MemberId, SocketAddr)],
) -> anyhow::Result<Observed<outer::Handle, outer::StreamRecord>> {
    let (observer, records) = mpsc::unbounded_channel();
    let config = outer::Config::load(&ground.outer_config(id, inners)?)?;
    ground.let_go(id);
    let handle = outer::start(config, Some(observer))?;
    Ok(Observed { id: *id, handle, records, seen: Vec::new() })
}
