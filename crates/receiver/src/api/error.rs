//! Errors of the API.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::model::ErrorView;
use crate::content::ContentError;
use crate::mint::MintError;
use crate::store::StoreError;

/// A status, a code for programs, a text for people.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl ApiError {
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "invalid", message: message.into() }
    }

    pub(super) fn not_found(what: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, code: "not-found", message: what.into() }
    }

    pub(super) fn unauthorized() -> Self {
        let message = "send the token as 'Authorization: Bearer …'".into();
        Self { status: StatusCode::UNAUTHORIZED, code: "unauthorized", message }
    }

    fn unavailable(code: &'static str, message: String) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, code, message }
    }

    fn failed(message: String) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, code: "failed", message }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(ErrorView { error: self.code.to_owned(), message: self.message })).into_response()
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Stopped => {
                Self::unavailable("store-unavailable", error.to_string())
            }
            _ => Self::failed(error.to_string()),
        }
    }
}

impl From<MintError> for ApiError {
    fn from(error: MintError) -> Self {
        match error {
            MintError::Invalid(message) => Self::invalid(message),
            MintError::NoRoute => Self::unavailable("no-route", error.to_string()),
            MintError::FewTokens { .. } => Self::unavailable("few-tokens", error.to_string()),
            MintError::Store(error) => error.into(),
            MintError::Random(_) => Self::failed(error.to_string()),
        }
    }
}

impl From<ContentError> for ApiError {
    fn from(error: ContentError) -> Self {
        match error {
            ContentError::Store(error) => error.into(),
            ContentError::Deleted(_) => Self::not_found(error.to_string()),
            ContentError::Key(_) | ContentError::Damaged { .. } => Self::failed(error.to_string()),
        }
    }
}
