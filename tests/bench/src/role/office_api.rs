//! The receiver's local API, as a program of the office uses it: HTTP/1.1 over a Unix socket, connections kept open.

use std::path::Path;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use schleuse_client::Ticket;
use serde_json::{Value, json};
use tokio::net::UnixStream;

/// One connection to a receiver.
pub(crate) struct OfficeApi {
    sender: SendRequest<Full<Bytes>>,
}

impl OfficeApi {
    pub(crate) async fn connect(socket: &Path) -> Result<Self> {
        let stream = UnixStream::connect(socket).await.with_context(|| format!("{}", socket.display()))?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender })
    }

    /// Mints tickets for guest lists of anyone, `count` with one request.
    pub(crate) async fn mint(&mut self, suite: u8, count: usize) -> Result<Vec<Ticket>> {
        let wanted = json!({ "count": count, "suite": suite, "kind": "guest-list" });
        let (status, body) = self.ask(Method::POST, "/v1/tickets", &wanted.to_string()).await?;
        if status != StatusCode::CREATED {
            bail!("the receiver mints nothing: {status} {}", String::from_utf8_lossy(&body));
        }
        let answer: Value = serde_json::from_slice(&body)?;
        answer["tickets"].as_array().context("an answer without tickets")?.iter().map(parse).collect()
    }

    async fn ask(&mut self, method: Method, path: &str, body: &str) -> Result<(StatusCode, Bytes)> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.to_owned())))?;
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await?;
        let status = answer.status();
        Ok((status, answer.into_body().collect().await?.to_bytes()))
    }
}

fn parse(ticket: &Value) -> Result<Ticket> {
    let text = ticket["ticket"].as_str().context("an answer without a ticket")?;
    text.parse().context("a ticket that cannot be read")
}
