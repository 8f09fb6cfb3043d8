//! Tokens: minted, expired, used; and a proxy that restarts without remembering anything.

use std::time::Duration;

use schleuse_admission::AdmissionKey;
use schleuse_protocol::limits::{EPOCH, MAX_TOKEN_BATCH};
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::hop::OfficeToInner;
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_protocol::wire::token::{Epoch, RouteClaims, StoreId};
use schleuse_seal::{RouteSealer, system_rng};

use crate::peers::{id, soon};
use crate::process::free_address;
use crate::support::{Members, Network, Office, Outer, header, now};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_batch_is_as_large_as_asked_for_and_valid_for_one_epoch_at_most() {
    let mut network = Network::new().await;
    let batch = u16::try_from(MAX_TOKEN_BATCH).unwrap();
    let wanted = now().after(MINUTE);
    let (not_after, tokens) = network.office.tokens(batch, wanted).await;
    assert_eq!((not_after, tokens.len()), (wanted, MAX_TOKEN_BATCH));

    let before = now();
    let (not_after, tokens) = network.office.tokens(1, UnixSeconds(u64::MAX)).await;
    assert!(not_after >= before.after(EPOCH) && not_after <= now().after(EPOCH));
    assert_eq!(tokens[0].epoch, Epoch::of(not_after));
    let (_send, _recv) = network.outer.stream(&header(tokens[0]), b"").await;
    assert_eq!(network.office.stream().await.0.nonce, tokens[0].nonce, "a token of the next epoch is good already");
}

#[tokio::test]
async fn an_expired_token_is_refused_although_everything_else_is_right() {
    let network = Network::new().await;
    let secret = [0xc1; 32];
    let minted = |not_after| {
        let claims = RouteClaims { office: id("ga-koeln"), store: StoreId([1; 8]), not_after };
        let mut token = RouteSealer::new(&secret).seal(&claims, &mut system_rng());
        AdmissionKey::derive(&secret, token.epoch).mac(&mut token);
        header(token)
    };
    let expired = minted(UnixSeconds(now().0 - 1));
    assert_eq!(network.outer.refused(&expired).await, StreamRefusal::Refused);
    let long_expired = minted(UnixSeconds(now().0 - EPOCH.as_secs()));
    assert_eq!(network.outer.refused(&long_expired).await, StreamRefusal::Refused);
    let alive = minted(now().after(MINUTE));
    let (_send, _recv) = network.outer.stream(&alive, b"").await;
    assert_eq!(network.office.stream().await.0.nonce, alive.token.nonce);
}

#[tokio::test]
async fn a_used_token_is_refused_but_only_if_its_own_office_says_so() {
    let mut network = Network::new().await;
    let open = network.office.header().await;
    let mut bonn = Office::link(&network.members.pki, "ga-bonn", network.address()).await;
    bonn.0.say(&OfficeToInner::Used(vec![open.token.nonce])).await;
    // An answer shows that what was said before has been heard.
    bonn.header().await;
    let (_send, _recv) = network.outer.stream(&open, b"").await;
    assert_eq!(network.office.stream().await.0.nonce, open.token.nonce);

    network.office.0.say(&OfficeToInner::Used(vec![open.token.nonce])).await;
    let other = network.office.header().await;
    assert_eq!(network.outer.refused(&open).await, StreamRefusal::Refused);
    let (_send, _recv) = network.outer.stream(&other, b"").await;
    assert_eq!(network.office.stream().await.0.nonce, other.token.nonce);
}

#[tokio::test]
async fn a_token_that_was_minted_before_a_restart_is_good_after_it() {
    let (members, address) = (Members::new(), free_address());
    members.replace("127.0.0.1:0", &address.to_string());
    let (inner, _records) = members.start();
    let mut office = Office::link(&members.pki, "ga-koeln", address).await;
    let outer = Outer::link(&members.pki, "outer-1", address).await;
    let open = office.header().await;
    inner.stop();
    soon(inner.finished()).await.unwrap();
    assert_eq!(outer.0.turned_away().await, StreamRefusal::Unavailable);

    let (inner, _records) = members.start();
    let office = Office::link(&members.pki, "ga-koeln", address).await;
    let outer = Outer::link(&members.pki, "outer-1", address).await;
    soon(inner.until_connected(1)).await;
    let (_send, _recv) = outer.stream(&open, b"").await;
    assert_eq!(office.stream().await.0.nonce, open.token.nonce);
}

#[tokio::test]
async fn an_office_that_asks_for_too_much_is_answered_late_and_not_refused() {
    let members = Members::new();
    members.replace("grace_seconds", "limits = { tokens_per_second = 480, token_burst = 48 }\ngrace_seconds");
    let (inner, _records) = members.start();
    let mut office = Office::link(&members.pki, "ga-koeln", inner.addresses()[0]).await;
    let began = tokio::time::Instant::now();
    for _ in 0..4 {
        assert_eq!(office.tokens(48, now().after(MINUTE)).await.1.len(), 48);
    }
    // The burst covers the first batch, the others fill at a tenth of a second each.
    assert!(began.elapsed() >= Duration::from_millis(290), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_drain_waits_for_nobody_who_only_waits_for_tokens() {
    let members = Members::new();
    members.replace("grace_seconds", "limits = { tokens_per_second = 1, token_burst = 48 }\ngrace_seconds");
    let (inner, _records) = members.start();
    let mut office = Office::link(&members.pki, "ga-koeln", inner.addresses()[0]).await;
    office.tokens(48, now().after(MINUTE)).await;
    office.0.say(&OfficeToInner::TokensWanted { count: 48, not_after: now().after(MINUTE) }).await;
    inner.drain();
    soon(inner.finished()).await.unwrap();
}
