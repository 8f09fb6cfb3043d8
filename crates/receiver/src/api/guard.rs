//! The bearer token of the loopback listener.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use schleuse_transport::secret::Secret;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::error::ApiError;

/// Fewest characters of a token.
pub(super) const MIN_TOKEN: usize = 32;

/// The token. Compared in constant time.
#[derive(Clone)]
pub(super) struct Token(Arc<Zeroizing<Vec<u8>>>);

impl Token {
    pub(super) fn from_secret(secret: &Secret) -> Option<Self> {
        let token = secret.expose().trim_ascii();
        let fine = token.len() >= MIN_TOKEN && token.iter().all(u8::is_ascii_graphic);
        fine.then(|| Self(Arc::new(Zeroizing::new(token.to_vec()))))
    }

    fn matches(&self, presented: &[u8]) -> bool {
        // A length that differs ends this early; the length of a token is no secret.
        bool::from(self.0.as_slice().ct_eq(presented))
    }
}

/// Refuses every request without the token.
pub(super) fn protect(router: Router, token: Token) -> Router {
    router.layer(from_fn_with_state(token, check))
}

async fn check(State(token): State<Token>, request: Request, next: Next) -> Response {
    let presented = request.headers().get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    if presented.is_some_and(|presented| token.matches(presented)) {
        return next.run(request).await;
    }
    ([(WWW_AUTHENTICATE, "Bearer")], ApiError::unauthorized()).into_response()
}
