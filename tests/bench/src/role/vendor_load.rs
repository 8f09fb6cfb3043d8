//! Load on the real network: submissions through the client library, each with a fresh ticket.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use schleuse_client::{Client, Content, Roots, SecretKey, SigningKey, Ticket, VerifiedDirectory, load_directory};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use super::naive_load::{REQUEST, begins, ends};
use super::{OfficeApi, OpenLoop, Order, Said, orders, say};
use crate::load::{self, Job};
use crate::net::{SOCKET, vendor_name};
use crate::stats::Latencies;

/// Tickets that are minted ahead of the submissions that use them.
const AHEAD: usize = 256;
/// Connections over which tickets are minted at the same time.
const MINTERS: usize = 4;
/// Tickets that are minted with one request: as an office's software that prints a batch of letters does it, not as a
/// desk at which somebody waits for one.
const BATCH: usize = 64;

pub(super) async fn run(root: &Path, directory: &str, vendors: usize) -> Result<()> {
    let place = Place { root: root.to_owned(), directory: directory.to_owned() };
    let clients = (1..=vendors).map(|number| place.client(number)).collect::<Result<Vec<_>>>()?;
    let work = Work { clients: Arc::new(clients), content: content() };
    let socket = root.join(SOCKET);
    let mut orders = orders();
    say(&Said::Ready { address: None })?;
    while let Some(order) = orders.recv().await {
        match order {
            Order::Closed(order) => {
                let (tickets, _minters) = mint_ahead(&socket, order.suite).await?;
                load::closed(work.job(tickets), order, begins, ends).await?;
            }
            Order::Open(order) => say(&open(&work, &socket, order).await?)?,
            Order::Cold { times } => say(&cold(&place, &work.content, &socket, times).await?)?,
            Order::Bulk { bytes } => say(&Said::TookSeconds(bulk(&work.clients[0], &socket, bytes).await?))?,
            // One submission of every vendor; their connections stay.
            Order::Connect { .. } => once_each(&work, &socket).await?,
            Order::Garbage(_) | Order::Relink => bail!("vendors send no garbage and hold nothing"),
        }
        say(&Said::Idle)?;
    }
    Ok(())
}

/// Where the files of the network are.
struct Place {
    root: PathBuf,
    directory: String,
}

impl Place {
    fn directory(&self) -> Result<VerifiedDirectory> {
        Ok(load_directory(self.root.join(&self.directory), self.root.join("root-keys.toml"))?)
    }

    /// A client as a vendor sets it up, with its own connections.
    fn client(&self, number: usize) -> Result<Client> {
        let name = vendor_name(number);
        let key = SecretKey::read(&self.root.join(&name).join("signing.key"))?;
        let client = Client::builder(self.directory()?)
            .roots(Roots::load(&self.root.join("ca.pem"))?)
            .identity(name.parse()?, SigningKey::from_bytes(key.expose()))
            .build()?;
        Ok(client)
    }
}

/// A guest list of exactly 2 KiB, filled up with white space.
fn content() -> Bytes {
    let lists = (1..).map(|guests| schleuse_payload::generate::guest_list_json(guests, 7));
    let mut list = lists.take_while(|list| list.len() <= REQUEST).last().unwrap_or_default();
    list.resize(REQUEST, b'\n');
    list.into()
}

struct Work {
    clients: Arc<Vec<Client>>,
    content: Bytes,
}

impl Work {
    fn job(&self, tickets: mpsc::Receiver<Ticket>) -> Submission {
        let (clients, content) = (self.clients.clone(), self.content.clone());
        Submission { clients, content, tickets: Arc::new(Mutex::new(tickets)) }
    }
}

/// One submission, from a ticket to a verified receipt.
#[derive(Clone)]
struct Submission {
    clients: Arc<Vec<Client>>,
    content: Bytes,
    tickets: Arc<Mutex<mpsc::Receiver<Ticket>>>,
}

impl Job for Submission {
    async fn run(&self, number: usize) -> Result<()> {
        let ticket = self.tickets.lock().await.recv().await.context("no tickets any more")?;
        send(&self.clients[number % self.clients.len()], &ticket, self.content.clone()).await
    }
}

async fn send(client: &Client, ticket: &Ticket, content: impl Into<Content>) -> Result<()> {
    client.send(ticket, content).kind("guest-list").await?;
    Ok(())
}

/// Minters that keep a stock of tickets, as fast as these are used.
async fn mint_ahead(socket: &Path, suite: u8) -> Result<(mpsc::Receiver<Ticket>, JoinSet<Result<()>>)> {
    let (stock, tickets) = mpsc::channel(AHEAD);
    let mut minters = JoinSet::new();
    for _ in 0..MINTERS {
        let mut api = OfficeApi::connect(socket).await?;
        let stock = stock.clone();
        minters.spawn(async move {
            loop {
                for ticket in api.mint(suite, BATCH).await? {
                    stock.send(ticket).await?;
                }
            }
        });
    }
    Ok((tickets, minters))
}

/// So many tickets of suite 1.
async fn mint(socket: &Path, count: usize) -> Result<Vec<Ticket>> {
    let mut api = OfficeApi::connect(socket).await?;
    let mut tickets = Vec::with_capacity(count);
    while tickets.len() < count {
        tickets.extend(api.mint(1, BATCH.min(count - tickets.len())).await?);
    }
    Ok(tickets)
}

/// The tickets are there beforehand: in practice they are minted long before they are used.
async fn open(work: &Work, socket: &Path, order: OpenLoop) -> Result<Said> {
    // A fifth more than will be needed on average.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let count = (order.rate * (order.warm_up + order.seconds) * 1.2) as usize + 100;
    let (stock, tickets) = mpsc::channel(count);
    for ticket in mint(socket, count).await? {
        stock.send(ticket).await?;
    }
    load::open(work.job(tickets), order).await
}

/// Each by a client that has never connected.
async fn cold(place: &Place, content: &Bytes, socket: &Path, times: usize) -> Result<Said> {
    let mut latencies = Latencies::default();
    for ticket in mint(socket, times).await?.iter().take(times) {
        let client = place.client(1)?;
        let since = Instant::now();
        send(&client, ticket, content.clone()).await?;
        latencies.add(since.elapsed());
        let _ = tokio::time::timeout(Duration::from_secs(1), client.close()).await;
    }
    Ok(Said::Took { latencies, sent: times as u64 })
}

async fn bulk(client: &Client, socket: &Path, bytes: u64) -> Result<f64> {
    let ticket = mint(socket, 1).await?.remove(0);
    let content = Bytes::from(vec![0xa5; usize::try_from(bytes)?]);
    let since = Instant::now();
    send(client, &ticket, content).await?;
    Ok(since.elapsed().as_secs_f64())
}

async fn once_each(work: &Work, socket: &Path) -> Result<()> {
    let tickets = mint(socket, work.clients.len()).await?;
    for (client, ticket) in work.clients.iter().zip(&tickets) {
        send(client, ticket, work.content.clone()).await?;
    }
    Ok(())
}
