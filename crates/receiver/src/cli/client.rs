//! HTTP/1.1 to the daemon over its Unix socket: one connection a request.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use schleuse_transport::exit::{self, AppError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::args::Place;
use crate::api::model::ErrorView;
use crate::config::Config;

/// Largest answer that is read as JSON: a full page of flagged submissions.
const MAX_JSON: usize = 16 * 1024 * 1024;

/// The daemon, seen from the command line.
pub(super) struct Client {
    socket: PathBuf,
}

impl Client {
    /// The socket of the arguments, or that of the configuration.
    pub(super) fn at(place: &Place) -> Result<Self, AppError> {
        if let Some(socket) = &place.socket {
            return Ok(Self { socket: socket.clone() });
        }
        match Config::load(&place.config)?.api.socket {
            Some(socket) => Ok(Self { socket: socket.path.to_path_buf() }),
            None => {
                let what = format!("{}: no api.socket is configured: add one, or use --socket", place.config.display());
                Err(AppError::new(exit::CONFIG, what))
            }
        }
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, AppError> {
        self.read(self.send(Method::GET, path, Bytes::new()).await?).await
    }

    pub(super) async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, AppError> {
        self.read(self.send(Method::DELETE, path, Bytes::new()).await?).await
    }

    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, AppError> {
        let body = serde_json::to_vec(body).map_err(|error| AppError::new(exit::FAILURE, error))?;
        self.read(self.send(Method::POST, path, body.into()).await?).await
    }

    /// The body of an answer, to be read piece by piece.
    pub(super) async fn stream(&self, path: &str) -> Result<Incoming, AppError> {
        let response = self.send(Method::GET, path, Bytes::new()).await?;
        if response.status().is_success() {
            return Ok(response.into_body());
        }
        Err(self.refused(response).await)
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Response<Incoming>, AppError> {
        let stream =
            UnixStream::connect(&self.socket).await.map_err(|error| unreachable_socket(&self.socket, &error))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.broken(&error))?;
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("content-type", "application/json")
            .body(Full::new(body))
            .map_err(|error| AppError::new(exit::USAGE, format!("'{path}' cannot be asked for: {error}")))?;
        sender.send_request(request).await.map_err(|error| self.broken(&error))
    }

    async fn read<T: DeserializeOwned>(&self, response: Response<Incoming>) -> Result<T, AppError> {
        if !response.status().is_success() {
            return Err(self.refused(response).await);
        }
        let bytes = self.collect(response).await?;
        serde_json::from_slice(&bytes).map_err(|error| self.strange(&error.to_string()))
    }

    async fn refused(&self, response: Response<Incoming>) -> AppError {
        let status = response.status();
        let view = match self.collect(response).await {
            Ok(bytes) => serde_json::from_slice::<ErrorView>(&bytes).ok(),
            Err(error) => return error,
        };
        let code = if status.as_u16() == 503 { exit::UNAVAILABLE } else { exit::FAILURE };
        AppError::new(code, view.map_or_else(|| format!("the daemon answered {status}"), |view| view.message))
    }

    async fn collect(&self, response: Response<Incoming>) -> Result<Bytes, AppError> {
        let limited = http_body_util::Limited::new(response.into_body(), MAX_JSON);
        Ok(limited.collect().await.map_err(|error| self.strange(&error.to_string()))?.to_bytes())
    }

    pub(super) fn broken(&self, error: &hyper::Error) -> AppError {
        AppError::new(exit::IO, format!("the connection to the daemon at {} broke: {error}", self.socket.display()))
    }

    fn strange(&self, error: &str) -> AppError {
        let what =
            format!("the daemon at {} answered strangely: {error}: is it of this version?", self.socket.display());
        AppError::new(exit::FAILURE, what)
    }
}

fn unreachable_socket(socket: &Path, error: &std::io::Error) -> AppError {
    let socket = socket.display();
    match error.kind() {
        std::io::ErrorKind::PermissionDenied => {
            AppError::new(exit::NO_PERMISSION, format!("no permission to use {socket}: join the service's group"))
        }
        _ => AppError::new(
            exit::UNAVAILABLE,
            format!("the daemon is not reachable at {socket} ({error}): is schleuse-receiver running?"),
        ),
    }
}
