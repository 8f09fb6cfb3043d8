//! What each request does.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use futures::stream;
use schleuse_protocol::wire::ticket::TicketId;
use serde::Deserialize;

use super::error::ApiError;
use super::model::{DeletedView, MintBody, MintedView, PageView, SubmissionView, parse_cursor};
use crate::content::{Content, ContentError};
use crate::core::Core;
use crate::inbox::Status;
use crate::mint::mint_many;
use crate::store::parse_ticket_id;

type Shared = State<Arc<Core>>;

/// Submissions of a page, unless the request says otherwise.
const DEFAULT_PAGE: u32 = 50;

pub(super) async fn mint(
    State(core): Shared,
    body: Result<Json<MintBody>, JsonRejection>,
) -> Result<(StatusCode, Json<MintedView>), ApiError> {
    let Json(body) = body.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
    let tickets = mint_many(&core, &body.request()?, body.count.unwrap_or(1)).await?;
    Ok((StatusCode::CREATED, Json(MintedView::of(&tickets))))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InboxQuery {
    after: Option<String>,
    limit: Option<u32>,
}

pub(super) async fn inbox(
    State(core): Shared,
    query: Result<Query<InboxQuery>, QueryRejection>,
) -> Result<Json<PageView>, ApiError> {
    let Query(query) = query.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
    let after = match query.after.as_deref() {
        None => None,
        Some(text) => {
            Some(parse_cursor(text).ok_or_else(|| ApiError::invalid("after must be the next of an earlier page"))?)
        }
    };
    let page = core.inbox(after, query.limit.unwrap_or(DEFAULT_PAGE)).await?;
    Ok(Json(PageView::of(&page)))
}

pub(super) async fn submission(State(core): Shared, Path(id): Path<String>) -> Result<Json<SubmissionView>, ApiError> {
    let id = parse_id(&id)?;
    let submission = core.submission(id).await?.ok_or_else(|| no_submission(id))?;
    Ok(Json(SubmissionView::of(&submission)))
}

pub(super) async fn content(State(core): Shared, Path(id): Path<String>) -> Result<Response, ApiError> {
    let id = parse_id(&id)?;
    let content = core.content(id).await?.ok_or_else(|| no_submission(id))?;
    // Never a type that a browser would render: this is what a stranger sent.
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (CONTENT_LENGTH, content.length().to_string()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, Body::from_stream(stream::try_unfold(content, next_piece))).into_response())
}

pub(super) async fn proof(State(core): Shared, Path(id): Path<String>) -> Result<Response, ApiError> {
    let id = parse_id(&id)?;
    let proof = core.proof(id).await?.ok_or_else(|| no_submission(id))?;
    let unsigned = || ApiError::not_found(format!("nobody's signature is kept of submission {id}"));
    let headers = [(CONTENT_TYPE, "application/octet-stream"), (CACHE_CONTROL, "no-store")];
    Ok((headers, proof.ok_or_else(unsigned)?.to_bytes()).into_response())
}

async fn next_piece(mut content: Content) -> Result<Option<(Bytes, Content)>, ContentError> {
    Ok(content.next().await?.map(|piece| (Bytes::from_owner(piece), content)))
}

pub(super) async fn delete(State(core): Shared, Path(id): Path<String>) -> Result<Json<DeletedView>, ApiError> {
    let id = parse_id(&id)?;
    if core.delete(id).await? { Ok(Json(DeletedView { deleted: id.to_string() })) } else { Err(no_submission(id)) }
}

pub(super) async fn status(State(core): Shared) -> Result<Json<Status>, ApiError> {
    Ok(Json(core.status().await?))
}

pub(super) async fn not_found() -> ApiError {
    ApiError::not_found("there is nothing at this path")
}

fn parse_id(text: &str) -> Result<TicketId, ApiError> {
    parse_ticket_id(text).ok_or_else(|| ApiError::invalid("an id has 32 hexadecimal digits in lower case"))
}

fn no_submission(id: TicketId) -> ApiError {
    ApiError::not_found(format!("there is no submission {id}"))
}
