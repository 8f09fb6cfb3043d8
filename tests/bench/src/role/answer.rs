//! The far end of the references: reads a stream to its end and answers, or refuses it at once.

use std::path::Path;

use anyhow::Result;
use bytes::Bytes;
use quinn::{Connection, Endpoint, RecvStream, SendStream, VarInt};

use super::naive_load::REPLY;
use super::{Said, quic, say};

const REFUSED: VarInt = VarInt::from_u32(1);

pub(super) async fn answer(keys: &Path) -> Result<()> {
    let reply = Bytes::from(vec![0x5a; REPLY]);
    serve(quic::server(keys, true)?, move |streams| answer_one(streams, reply.clone())).await
}

pub(super) async fn refuse(keys: &Path) -> Result<()> {
    serve(quic::server(keys, true)?, refuse_one).await
}

pub(super) async fn hold(keys: &Path) -> Result<()> {
    serve(quic::server(keys, false)?, refuse_one).await
}

async fn serve<F>(
    endpoint: Endpoint,
    each: impl Fn((SendStream, RecvStream)) -> F + Clone + Send + 'static,
) -> Result<()>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    say(&Said::Ready { address: Some(endpoint.local_addr()?) })?;
    while let Some(incoming) = endpoint.accept().await {
        let each = each.clone();
        tokio::spawn(async move {
            if let Ok(connection) = incoming.await {
                streams(connection, each).await;
            }
        });
    }
    Ok(())
}

async fn streams<F>(connection: Connection, each: impl Fn((SendStream, RecvStream)) -> F)
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    while let Ok(streams) = connection.accept_bi().await {
        tokio::spawn(each(streams));
    }
}

async fn answer_one((mut send, mut recv): (SendStream, RecvStream), reply: Bytes) -> Result<()> {
    let mut chunks = [const { Bytes::new() }; 16];
    while recv.read_chunks(&mut chunks).await?.is_some() {}
    send.write_chunk(reply).await?;
    send.finish()?;
    Ok(())
}

async fn refuse_one((mut send, mut recv): (SendStream, RecvStream)) -> Result<()> {
    recv.read_chunk(4096, true).await?;
    send.reset(REFUSED)?;
    recv.stop(REFUSED)?;
    Ok(())
}
