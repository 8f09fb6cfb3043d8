use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::quic::{ClientConnection, ServerConnection, Version};
use rustls::{HandshakeKind, NamedGroup};
use rustls_pki_types::ServerName;

use super::*;
use crate::endpoint::{Limits, client_config};
use crate::net::{ClientConfig, Connection, ConnectionError, Endpoint};
use crate::testing::{Ca, connect, dialler, open_gate, soon};

fn members(ca: &Ca) -> Peers {
    Peers::Members(ca.roots())
}

/// How a handshake that must fail looks from both sides. With TLS 1.3 the dialling side may believe for a moment that it
/// is connected before it hears that its certificate was refused.
async fn refusal(config: ClientConfig, listener: &Endpoint, name: &str) -> (ConnectionError, bool) {
    let client = dialler(config);
    let address = listener.local_addr().unwrap();
    let gate = open_gate();
    let dial = async {
        match client.connect(address, &server_name(name)).unwrap().await {
            Ok(connection) => connection.closed().await,
            Err(error) => error,
        }
    };
    let accept = async { gate.accept(listener).await.unwrap().complete().await.is_err() };
    soon(async { tokio::join!(dial, accept) }).await
}

fn alert(error: &ConnectionError) -> Option<u8> {
    match error {
        ConnectionError::Tls { alert, .. } => Some(*alert),
        _ => None,
    }
}

fn protocol(connection: &Connection) -> Vec<u8> {
    let Connection::Quic(connection) = connection;
    let data = connection.handshake_data().unwrap();
    data.downcast::<quinn::crypto::rustls::HandshakeData>().unwrap().protocol.unwrap()
}

#[tokio::test]
async fn members_of_one_network_know_each_others_keys() {
    let ca = Ca::new("net");
    let (inner, outer) = (ca.issue("inner-1"), ca.issue("outer-1"));
    let (inner_key, outer_key) = (inner.fingerprint(), outer.fingerprint());
    assert_ne!(inner_key, outer_key);
    let listener = Ca::listener_of(&inner, &members(&ca), &Limits::LINK);
    let client = dialler(client_config(link(&ca.roots(), &outer).unwrap(), &Limits::LINK));
    let (dialled, accepted) = connect(&client, &listener, "inner-1").await;
    assert_eq!(peer_fingerprint(&dialled), Some(inner_key));
    assert_eq!(peer_fingerprint(&accepted), Some(outer_key));
    assert_eq!(protocol(&dialled), ALPN_LINK);
}

#[tokio::test]
async fn a_sender_stays_nameless() {
    let ca = Ca::new("net");
    let listener = ca.listener("outer-1", &Peers::Anonymous, &Limits::PUBLIC);
    let (dialled, accepted) = connect(&dialler(ca.sender()), &listener, "outer-1").await;
    assert_eq!(peer_fingerprint(&accepted), None);
    assert!(peer_fingerprint(&dialled).is_some());
    assert_eq!(protocol(&accepted), ALPN_SENDER);
}

#[tokio::test]
async fn a_link_without_certificate_is_refused() {
    let ca = Ca::new("net");
    let listener = ca.listener("inner-1", &members(&ca), &Limits::LINK);
    let mut tls = client_tls(&ca.roots(), None).unwrap();
    // Otherwise right, so that only the certificate is missing.
    tls.alpn_protocols = vec![ALPN_LINK.to_vec()];
    let config = client_config(ClientTls { quic: tls.try_into().unwrap() }, &Limits::LINK);
    let (error, refused) = refusal(config, &listener, "inner-1").await;
    assert!(refused);
    // certificate_required, RFC 8446, 6.2
    assert_eq!(alert(&error), Some(116), "{error}");
}

#[tokio::test]
async fn a_certificate_of_another_network_is_refused_by_either_side() {
    let (ca, other) = (Ca::new("net"), Ca::new("net"));
    let listener = ca.listener("inner-1", &members(&ca), &Limits::LINK);
    let stranger = link(&ca.roots(), &other.issue("outer-1")).unwrap();
    let (error, refused) = refusal(client_config(stranger, &Limits::LINK), &listener, "inner-1").await;
    assert!(refused && alert(&error).is_some(), "{error}");
    let (error, refused) = refusal(other.link("outer-1", &Limits::LINK), &listener, "inner-1").await;
    assert!(refused && alert(&error).is_some(), "{error}");
}

#[tokio::test]
async fn another_members_certificate_is_refused() {
    let ca = Ca::new("net");
    let listener = ca.listener("inner-2", &members(&ca), &Limits::LINK);
    let (error, refused) = refusal(ca.link("outer-1", &Limits::LINK), &listener, "inner-1").await;
    assert!(refused && alert(&error).is_some(), "{error}");
}

#[tokio::test]
async fn another_protocol_is_refused() {
    let ca = Ca::new("net");
    let listener = ca.listener("inner-1", &members(&ca), &Limits::LINK);
    let mut tls = client_tls(&ca.roots(), Some(&ca.issue("outer-1"))).unwrap();
    tls.alpn_protocols = vec![b"h3".to_vec()];
    let config = client_config(ClientTls { quic: tls.try_into().unwrap() }, &Limits::LINK);
    let (error, refused) = refusal(config, &listener, "inner-1").await;
    assert!(refused);
    // no_application_protocol, RFC 7301, 3.2
    assert_eq!(alert(&error), Some(120), "{error}");
}

/// Runs a handshake in memory and returns the group of the key exchange and whether it was resumed.
fn handshake(server: &Arc<rustls::ServerConfig>, client: &Arc<rustls::ClientConfig>) -> (NamedGroup, HandshakeKind) {
    let name = ServerName::try_from(server_name("outer-1")).unwrap();
    let mut client = ClientConnection::new(client.clone(), Version::V1, name, vec![]).unwrap();
    let mut server = ServerConnection::new(server.clone(), Version::V1, vec![]).unwrap();
    let mut quiet = 0;
    while quiet < 2 {
        // One call writes what belongs to one level of encryption; levels must not be mixed when reading.
        let (mut up, mut down) = (Vec::new(), Vec::new());
        client.write_hs(&mut up);
        server.read_hs(&up).unwrap();
        server.write_hs(&mut down);
        client.read_hs(&down).unwrap();
        quiet = if up.is_empty() && down.is_empty() { quiet + 1 } else { 0 };
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    let group = client.negotiated_key_exchange_group().unwrap().name();
    (group, client.handshake_kind().unwrap())
}

#[test]
fn every_hop_uses_the_hybrid_key_exchange_and_nothing_is_resumed() {
    let ca = Ca::new("net");
    let sender_hop = (server_tls(&ca.issue("outer-1"), &Peers::Anonymous), client_tls(&ca.roots(), None));
    let link_hop =
        (server_tls(&ca.issue("outer-1"), &members(&ca)), client_tls(&ca.roots(), Some(&ca.issue("inner-1"))));
    for (server, client) in [sender_hop, link_hop] {
        let (server, client) = (Arc::new(server.unwrap()), Arc::new(client.unwrap()));
        for _ in 0..2 {
            assert_eq!(handshake(&server, &client), (NamedGroup::X25519MLKEM768, HandshakeKind::Full));
        }
    }
}

#[test]
fn a_link_cannot_be_talked_down_to_a_classical_key_exchange() {
    let ca = Ca::new("net");
    let server = server_tls(&ca.issue("outer-1"), &members(&ca)).unwrap();
    assert_eq!(server.crypto_provider().kx_groups.len(), 1);
    let client = client_tls(&ca.roots(), Some(&ca.issue("inner-1"))).unwrap();
    assert_eq!(client.crypto_provider().kx_groups.len(), 1);
}

#[test]
fn a_fingerprint_is_of_the_key_and_not_of_the_certificate() {
    use rcgen::{CertificateParams, KeyPair, PublicKeyData};
    use sha2::{Digest, Sha256};
    let key = KeyPair::generate().unwrap();
    let certificate = |name: &str| CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
    let (one, two) = (certificate("a.example"), certificate("b.example"));
    assert_ne!(one.der(), two.der());
    let expected: Fingerprint = Sha256::digest(key.subject_public_key_info()).into();
    assert_eq!(fingerprint(one.der()).unwrap(), expected);
    assert_eq!(fingerprint(two.der()).unwrap(), expected);
    assert!(fingerprint(&vec![0x30, 0x00].into()).is_err());
}

#[test]
fn examples_are_found_by_name_or_by_the_marker_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let write = |ca: &Ca| {
        let (chain, key) = ca.issue_pem("outer-1");
        fs::write(path("chain.pem"), chain).unwrap();
        write_secret(&path("key.pem"), &key);
        fs::write(path("ca.pem"), ca.pem()).unwrap();
        let identity = Identity::load(&path("chain.pem"), &path("key.pem")).unwrap_or_else(|error| panic!("{error}"));
        (identity.is_example(), Roots::load(&path("ca.pem")).unwrap_or_else(|error| panic!("{error}")).is_example())
    };
    assert_eq!(write(&Ca::new("net")), (false, false));
    assert_eq!(write(&Ca::new("schleuse example CA")), (true, true));
    fs::write(path(EXAMPLE_MARKER_FILE), "").unwrap();
    assert_eq!(write(&Ca::new("net")), (true, true));
}

#[test]
fn broken_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = (folder.path().join("chain.pem"), folder.path().join("key.pem"));
    let (chain_pem, key_pem) = Ca::new("net").issue_pem("outer-1");
    let load = |chain_pem: &str, key_pem: &str| {
        fs::write(&chain, chain_pem).unwrap();
        write_secret(&key, key_pem);
        Identity::load(&chain, &key).err().map(|error| error.to_string())
    };
    assert_eq!(load(&chain_pem, &key_pem), None);
    assert!(load(&key_pem, &key_pem).unwrap().starts_with("no usable certificate in /"));
    assert!(load(&chain_pem, &chain_pem).unwrap().starts_with("no private key in /"));
    let broken = chain_pem.replacen("MI", "MJ", 1);
    assert!(load(&broken, &key_pem).unwrap().contains("chain.pem"));
    let absent = Roots::load(Path::new("/nonexistent/ca.pem")).err().unwrap().to_string();
    assert!(absent.starts_with("cannot read the certificate file /nonexistent/ca.pem: "), "{absent}");
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let ca = Ca::new("net");
    let ((chain, _), (_, key)) = (ca.issue_pem("outer-1"), ca.issue_pem("outer-1"));
    let identity = Identity::from_pem(chain.as_bytes(), key.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    assert!(matches!(server(&identity, &Peers::Anonymous), Err(TlsError::Rustls(_))));
    assert!(matches!(link(&ca.roots(), &identity), Err(TlsError::Rustls(_))));
}

fn write_secret(path: &Path, content: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}
