//! Idle connections, many of them: of offices at an inner proxy, and of nobody in particular at plain quinn.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use schleuse_protocol::limits::{HEADER_TIMEOUT, VERSION};
use schleuse_protocol::wire::frame::FrameType;
use schleuse_protocol::wire::hop::{OfficeToInner, RunId};
use schleuse_protocol::wire::token::StoreId;
use schleuse_transport::backoff::Backoff;
use schleuse_transport::endpoint::{Limits, client_config, dial_only};
use schleuse_transport::framed::write_message;
use schleuse_transport::net::{ClientConfig, Connection, Endpoint, RecvStream, SendStream};
use schleuse_transport::tls::{self, Identity, Roots};
use tokio::task::JoinSet;

use super::{Order, Said, orders, quic, say};
use crate::net::{CROWD_FILE, CrowdKeys, INNER};

/// Handshakes at a time: fewer than make a listener ask for a proof of address.
const AT_A_TIME: usize = 16;
/// First and longest delay before an office dials again, as in the receiver.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// Plain quinn.
pub(super) async fn naive(keys: &Path, target: SocketAddr) -> Result<()> {
    let endpoint = quic::client(keys)?;
    hold(move |_| {
        let endpoint = endpoint.clone();
        async move {
            let connection = quic::connect(&endpoint, target, quic::NAME).await?.into();
            Ok(Idle { connection, _control: None })
        }
    })
    .await
}

/// Offices as the network has them: certificate, control stream, hello, keep-alive.
pub(super) async fn offices(root: &Path, target: SocketAddr) -> Result<()> {
    let roots = Roots::load(&root.join("ca.pem"))?;
    let file = std::fs::read(root.join(CROWD_FILE)).context("the file of the crowd's keys")?;
    let keys: Vec<CrowdKeys> = serde_json::from_slice(&file)?;
    let configs: Vec<ClientConfig> = keys.iter().map(|keys| office_config(&roots, keys)).collect::<Result<_>>()?;
    let configs = Arc::new(configs);
    let first = configs.first().context("a crowd of nobody")?.clone();
    let endpoint = dial_only(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), first)?;
    hold(move |number| {
        let (endpoint, configs) = (endpoint.clone(), configs.clone());
        // With more connections than offices, some offices have several.
        async move { office(&endpoint, configs[number % configs.len()].clone(), target).await }
    })
    .await
}

fn office_config(roots: &Roots, keys: &CrowdKeys) -> Result<ClientConfig> {
    let identity = Identity::from_pem(keys.certificate.as_bytes(), keys.key.as_bytes())?;
    Ok(client_config(tls::link(roots, &identity)?, &Limits::LINK))
}

/// A connection that is kept, with what must stay open on it.
struct Idle {
    connection: Connection,
    _control: Option<(SendStream, RecvStream)>,
}

async fn office(endpoint: &Endpoint, config: ClientConfig, target: SocketAddr) -> Result<Idle> {
    let connection = endpoint.connect_with(config, target, &tls::server_name(INNER))?.await?;
    let (mut control, answers) = connection.open_bi().await?;
    let hello = OfficeToInner::Hello { version: VERSION, store: StoreId([0; 8]), run: RunId([0; 8]) };
    write_message(&mut control, FrameType::Control, &hello).await?;
    Ok(Idle { connection, _control: Some((control, answers)) })
}

/// Adds connections as ordered and keeps them all.
async fn hold<F>(connect: impl Fn(usize) -> F + Clone + Send + 'static) -> Result<()>
where
    F: Future<Output = Result<Idle>> + Send + 'static,
{
    let mut held = Vec::new();
    let mut orders = orders();
    say(&Said::Ready { address: None })?;
    while let Some(order) = orders.recv().await {
        let connections = match order {
            Order::Connect { connections } => connections,
            Order::Relink => {
                held = relink(held, &connect).await?;
                say(&Said::Idle)?;
                continue;
            }
            _ => bail!("a crowd only connects"),
        };
        let mut dialling = JoinSet::new();
        for number in held.len()..connections {
            if dialling.len() == AT_A_TIME
                && let Some(dialled) = dialling.join_next().await
            {
                held.push(dialled??);
            }
            dialling.spawn(connect(number));
        }
        while let Some(dialled) = dialling.join_next().await {
            held.push(dialled??);
        }
        say(&Said::Idle)?;
    }
    Ok(())
}

/// Waits until every connection is lost and there again.
async fn relink<F>(held: Vec<Idle>, connect: &(impl Fn(usize) -> F + Clone + Send + 'static)) -> Result<Vec<Idle>>
where
    F: Future<Output = Result<Idle>> + Send + 'static,
{
    let mut offices = JoinSet::new();
    for (number, idle) in held.into_iter().enumerate() {
        let connect = connect.clone();
        offices.spawn(async move {
            idle.connection.closed().await;
            let mut backoff = Backoff::new(BACKOFF.0, BACKOFF.1);
            loop {
                tokio::time::sleep(backoff.next_delay()).await;
                if let Ok(Ok(linked)) = tokio::time::timeout(HEADER_TIMEOUT, connect(number)).await {
                    return linked;
                }
            }
        });
    }
    let mut linked = Vec::with_capacity(offices.len());
    while let Some(office) = offices.join_next().await {
        linked.push(office?);
    }
    Ok(linked)
}
