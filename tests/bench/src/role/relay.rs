//! The naive relay: the least code that joins streams of one connection with streams of another.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;
use bytes::Bytes;
use quinn::{Connection, RecvStream, SendStream};

use super::{Said, quic, say};

pub(super) async fn run(keys: &Path, next: SocketAddr) -> Result<()> {
    let dialler = quic::client(keys)?;
    let next = quic::connect(&dialler, next, quic::NAME).await?;
    let endpoint = quic::server(keys, true)?;
    say(&Said::Ready { address: Some(endpoint.local_addr()?) })?;
    while let Some(incoming) = endpoint.accept().await {
        let next = next.clone();
        tokio::spawn(async move {
            if let Ok(connection) = incoming.await {
                streams(connection, next).await;
            }
        });
    }
    Ok(())
}

async fn streams(connection: Connection, next: Connection) {
    while let Ok(near) = connection.accept_bi().await {
        let next = next.clone();
        tokio::spawn(async move {
            let far = next.open_bi().await?;
            tokio::try_join!(pump(near.1, far.0), pump(far.1, near.0))
        });
    }
}

async fn pump(mut from: RecvStream, mut to: SendStream) -> Result<()> {
    let mut chunks = [const { Bytes::new() }; 16];
    while let Some(filled) = from.read_chunks(&mut chunks).await? {
        to.write_all_chunks(&mut chunks[..filled]).await?;
    }
    to.finish()?;
    Ok(())
}
