//! Idle connections, many of them: of offices at an inner proxy, and of nobody in particular at plain quinn.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use quinn::{ClientConfig, Connection, Endpoint, SendStream};
use schleuse_protocol::limits::VERSION;
use schleuse_protocol::wire::frame::FrameType;
use schleuse_protocol::wire::hop::OfficeToInner;
use schleuse_transport::endpoint::{Limits, client_config, dial_only};
use schleuse_transport::framed::write_message;
use schleuse_transport::tls::{self, Identity, Roots};
use tokio::task::JoinSet;

use super::{Order, Said, orders, quic, say};
use crate::net::{CROWD_FILE, CrowdKeys, INNER};

/// Handshakes at a time: fewer than make a listener ask for a proof of address.
const AT_A_TIME: usize = 16;

/// Plain quinn.
pub(super) async fn naive(keys: &Path, target: SocketAddr) -> Result<()> {
    let endpoint = quic::client(keys)?;
    hold(|_| {
        let endpoint = endpoint.clone();
        async move { quic::connect(&endpoint, target, quic::NAME).await }
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
    hold(|number| {
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

async fn office(endpoint: &Endpoint, config: ClientConfig, target: SocketAddr) -> Result<(Connection, SendStream)> {
    let connection = endpoint.connect_with(config, target, &tls::server_name(INNER))?.await?;
    let (mut control, _) = connection.open_bi().await?;
    write_message(&mut control, FrameType::Control, &OfficeToInner::Hello(VERSION)).await?;
    Ok((connection, control))
}

/// Adds connections as ordered and keeps them all.
async fn hold<T, F>(connect: impl Fn(usize) -> F) -> Result<()>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let mut held = Vec::new();
    let mut orders = orders();
    say(&Said::Ready { address: None })?;
    while let Some(order) = orders.recv().await {
        let Order::Connect { connections } = order else { bail!("a crowd only connects") };
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
