//! The local API: HTTP/1.1 with JSON, on a Unix socket or on loopback behind a token.
//!
//! | request | answer |
//! |---|---|
//! | `POST /v1/tickets` | mints up to 500, all or none; [`model::MintBody`] → [`model::MintedView`] |
//! | `GET /v1/inbox?after=CURSOR&limit=N` | a page, newest first: [`model::PageView`] |
//! | `GET /v1/submissions/{id}` | one submission: [`model::SubmissionView`] |
//! | `GET /v1/submissions/{id}/content` | the original bytes, streamed |
//! | `GET /v1/submissions/{id}/proof` | the receipt and the sender's signature, for anybody to verify (protocol.md 6.8) |
//! | `DELETE /v1/submissions/{id}` | shreds it and revokes its ticket; answered when no file of the database holds its key |
//! | `GET /v1/status` | links, tokens, counts: [`crate::inbox::Status`] |
//!
//! Every error is `{"error": "<code>", "message": "<text>"}`.

mod error;
mod guard;
mod handlers;
pub mod model;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use axum::serve::Listener;
use schleuse_transport::exit::{self, AppError};
use schleuse_transport::parts::Parts;
use schleuse_transport::secret::Secret;
use tokio::net::{TcpListener, UnixListener, UnixStream};

use crate::config::Loopback;
use crate::core::Core;
use guard::Token;

/// Largest body of a request.
const MAX_BODY: usize = 64 * 1024;

/// Where the API can be reached.
#[derive(Default)]
pub(crate) struct Served {
    /// Sockets to remove at the end.
    pub(crate) sockets: Vec<PathBuf>,
    pub(crate) loopback: Option<SocketAddr>,
}

/// Starts what is configured; it ends when the daemon drains.
pub(crate) async fn serve(core: &Arc<Core>, parts: &mut Parts) -> Result<Served, AppError> {
    let mut served = Served::default();
    if let Some(socket) = &core.config.api.socket {
        let listener = bind_socket(&socket.path, socket.mode).await.map_err(|error| socket.path.blame(error))?;
        served.sockets.push(socket.path.to_path_buf());
        let name = format!("the API at {}", socket.path.display());
        parts.run(name, run(core, listener, router(core)));
    }
    if let Some(loopback) = &core.config.api.loopback {
        let (listener, token) = bind_loopback(loopback).await?;
        served.loopback = listener.local_addr().ok();
        let name = format!("the API at {}", loopback.listen);
        parts.run(name, run(core, listener, guard::protect(router(core), token)));
    }
    Ok(served)
}

/// Running requests may finish while the daemon drains, and are cut off when it must stop.
fn run<L>(core: &Arc<Core>, listener: L, router: Router) -> impl Future<Output = Result<(), AppError>> + Send + use<L>
where
    L: Listener,
    L::Addr: std::fmt::Debug,
{
    let shutdown = core.shutdown.clone();
    core.tasks.track_future(async move {
        let draining = shutdown.clone();
        let draining = async move { draining.draining().await };
        let serving = axum::serve(listener, router).with_graceful_shutdown(draining).into_future();
        match shutdown.unless_stopped(serving).await {
            Some(Err(error)) => Err(AppError::new(exit::FAILURE, error)),
            _ => Ok(()),
        }
    })
}

fn router(core: &Arc<Core>) -> Router {
    Router::new()
        .route("/v1/tickets", post(handlers::mint))
        .route("/v1/inbox", get(handlers::inbox))
        .route("/v1/submissions/{id}", get(handlers::submission).delete(handlers::delete))
        .route("/v1/submissions/{id}/content", get(handlers::content))
        .route("/v1/submissions/{id}/proof", get(handlers::proof))
        .route("/v1/status", get(handlers::status))
        .fallback(handlers::not_found)
        .layer(axum::extract::DefaultBodyLimit::max(MAX_BODY))
        .with_state(Arc::clone(core))
}

/// Binds a Unix socket with exactly the configured mode. A stale one of a daemon that was killed is replaced, a living
/// one is not.
async fn bind_socket(path: &Path, mode: u32) -> Result<UnixListener, AppError> {
    if std::fs::symlink_metadata(path).is_ok() {
        if UnixStream::connect(path).await.is_ok() {
            let what = format!("the socket {} is in use: stop the other process", path.display());
            return Err(AppError::new(exit::UNAVAILABLE, what));
        }
        remove_stale(path)?;
    }
    let failed = |error: std::io::Error| {
        let code = match error.kind() {
            std::io::ErrorKind::NotFound => exit::CONFIG,
            std::io::ErrorKind::PermissionDenied => exit::NO_PERMISSION,
            _ => exit::IO,
        };
        AppError::new(code, format!("cannot make the socket {}: {error}: check its folder", path.display()))
    };
    // Bound under another name and moved there once its mode is right, so that there is no moment with a wider mode.
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    let _ = std::fs::remove_file(&draft);
    let listener = UnixListener::bind(&draft).map_err(failed)?;
    set_mode(&draft, mode).and_then(|()| std::fs::rename(&draft, path)).map_err(failed)?;
    Ok(listener)
}

fn set_mode(path: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

fn remove_stale(path: &Path) -> Result<(), AppError> {
    use std::os::unix::fs::FileTypeExt as _;
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    if !is_socket {
        let what = format!("{} is in the way of the API's socket: remove it or configure another path", path.display());
        return Err(AppError::new(exit::CONFIG, what));
    }
    std::fs::remove_file(path).map_err(|error| {
        AppError::new(exit::NO_PERMISSION, format!("cannot remove the stale socket {}: {error}", path.display()))
    })
}

/// Whether the token of the loopback listener can be used.
pub(crate) fn check_token(loopback: &Loopback) -> Result<(), AppError> {
    token(loopback).map(drop)
}

fn token(loopback: &Loopback) -> Result<Token, AppError> {
    read_token(&loopback.token_file).map_err(|error| loopback.token_file.blame(error))
}

fn read_token(file: &Path) -> Result<Token, AppError> {
    let secret = Secret::read(file)?;
    Token::from_secret(&secret).ok_or_else(|| {
        AppError::new(
            exit::CONFIG,
            format!(
                "the token in {} is too short: put at least {} characters without white space into it, such as from \
                 'openssl rand -hex 32'",
                file.display(),
                guard::MIN_TOKEN
            ),
        )
    })
}

async fn bind_loopback(loopback: &Loopback) -> Result<(TcpListener, Token), AppError> {
    let token = token(loopback)?;
    let listener = TcpListener::bind(loopback.listen).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => AppError::new(
            exit::UNAVAILABLE,
            format!("TCP {} is in use: stop the other process or configure another port", loopback.listen),
        ),
        _ => AppError::new(exit::CONFIG, format!("cannot listen on TCP {}: {error}", loopback.listen)),
    })?;
    Ok((listener, token))
}
