//! Strangers say anything on every port: the daemons stay up, their memory stays bounded, and honest senders get through.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use rustls::RootCertStore;
use schleuse_directory::Role;
use schleuse_operator::pki::{Authority, Validity};
use schleuse_protocol::limits::HEADER_TIMEOUT;
use schleuse_protocol::wire::Wire;
use schleuse_protocol::wire::frame::{FrameType, encode_frame};
use schleuse_protocol::wire::hop::Open;
use schleuse_protocol::wire::ticket::Route;
use schleuse_protocol::wire::token::RouteToken;
use schleuse_tests::daemon::Daemon;
use schleuse_tests::flood::half_open;
use schleuse_tests::hostile::incoming;
use schleuse_tests::member::TestMember;
use schleuse_tests::network::Network;
use schleuse_tests::sealed::open;
use schleuse_tests::wait::{SOON, until_true};
use schleuse_tests::wire::{
    Dialled, Outcome, dial, dial_as_office, dial_as_outer, dial_as_sender, link_config, outcome,
};
use schleuse_transport::clock::Clock;
use schleuse_transport::endpoint::{Limits, client_config};
use schleuse_transport::net::ClientConfig;
use schleuse_transport::tls;

use crate::REFUSED;

/// What a daemon may take more than before, at any time while strangers are at it.
const GROWTH_KIB: u64 = 32 * 1024;

/// The daemon's memory before the attack, compared with its peak afterwards.
struct Watched<'a> {
    daemon: &'a Daemon,
    before: u64,
}

impl<'a> Watched<'a> {
    fn all(network: &'a Network) -> Vec<Self> {
        let daemons = [&network.outer(0).daemon, &network.inner(0).daemon, network.office(0).daemon()];
        daemons.into_iter().map(|daemon| Self { daemon, before: daemon.resident() }).collect()
    }

    fn assert_unharmed(&self) {
        assert!(self.daemon.is_running(), "{} is down: {}", self.daemon.name(), self.daemon.log());
        let (before, peak) = (self.before, self.daemon.peak_resident());
        println!("{}: {before} KiB before, at most {peak} KiB", self.daemon.name());
        assert!(peak < before + GROWTH_KIB, "{} grew from {before} to {peak} KiB", self.daemon.name());
        assert!(!self.daemon.log().contains("panicked"), "{}", self.daemon.log());
    }
}

fn send_one(network: &Network) {
    let ticket = network.office(0).mint(&[]);
    network.send(0, &ticket, "honest").unwrap();
    assert_eq!(network.office(0).read(&ticket).unwrap(), b"honest");
}

#[test]
fn random_bytes_on_every_port() {
    let network = Network::of(1, 1, 1, 1).tapped().start();
    let watched = Watched::all(&network);
    // The office listens nowhere, but its socket has a port.
    let office = network.tap("office", network.inner(0)).seen()[0].dialler;
    let ports = [network.outer(0).address, network.inner(0).address, office];
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut rng = StdRng::seed_from_u64(3);
    for round in 0..5 {
        for number in 0..2000 {
            let mut datagram = vec![0; rng.random_range(1..1452)];
            rng.fill_bytes(&mut datagram);
            match number % 4 {
                // Looks like the first packet of a connection (RFC 9000, 17.2.2), of this version or of none.
                0 if datagram.len() > 5 => datagram[..5].copy_from_slice(&[0xc3, 0, 0, 0, 1]),
                1 if datagram.len() > 5 => datagram[..5].copy_from_slice(&[0xc3, 0x1a, 0x2a, 0x3a, 0x4a]),
                2 => datagram[0] = 0x40 | datagram[0] & 0x3f,
                _ => {}
            }
            for port in ports {
                socket.send_to(&datagram, port).unwrap();
            }
        }
        if round % 2 == 0 {
            send_one(&network);
        }
    }
    random_bytes_on_the_local_api(&network, &mut rng);
    send_one(&network);
    watched.iter().for_each(Watched::assert_unharmed);
}

fn random_bytes_on_the_local_api(network: &Network, rng: &mut StdRng) {
    let path = network.office(0).member().file("api.sock");
    for number in 0..200 {
        let mut bytes = vec![0; rng.random_range(1..20_000)];
        rng.fill_bytes(&mut bytes);
        if number % 2 == 0 {
            bytes.splice(0..0, *b"POST /v1/tickets HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n");
        }
        let mut stream = UnixStream::connect(&path).unwrap();
        // It may well close the connection before it has read everything.
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

/// A dialling configuration with another protocol name than ours.
fn wrong_alpn(network: &Network, member: Option<&TestMember>) -> ClientConfig {
    let mut config = plain_tls(network, member);
    config.alpn_protocols = vec![b"h3".to_vec()];
    quic(config)
}

fn quic(config: rustls::ClientConfig) -> ClientConfig {
    let quic = quinn::crypto::rustls::QuicClientConfig::try_from(config).unwrap();
    client_config(quic.into(), &Limits::SENDER)
}

fn plain_tls(network: &Network, member: Option<&TestMember>) -> rustls::ClientConfig {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(network.root().join("ca.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots);
    match member {
        None => builder.with_no_client_auth(),
        Some(member) => {
            let chain = CertificateDer::pem_file_iter(member.file("cert.pem")).unwrap();
            let key = PrivateKeyDer::from_pem_file(member.file("tls.key")).unwrap();
            builder.with_client_auth_cert(chain.map(|part| part.unwrap()).collect(), key).unwrap()
        }
    }
}

/// Dials, and if the handshake works says hello: whether the other side refuses that, within a time that is longer than it
/// takes to close a connection and much shorter than the header timeout.
fn is_refused(network: &Network, address: SocketAddr, name: &'static str, config: ClientConfig) -> bool {
    network.background().run(async move {
        let Ok(dialled) = dial(address, name, config).await else { return true };
        let Ok((mut send, mut recv)) = dialled.connection.open_bi().await else { return true };
        let hello = encode_frame(FrameType::Control, &schleuse_protocol::wire::hop::OuterToInner::Hello(1));
        let _ = send.write_all(&hello).await;
        let refused = async {
            tokio::select! {
                ended = outcome(&mut recv) => !matches!(ended, Outcome::Finished(_)),
                _ = dialled.connection.closed() => true,
            }
        };
        tokio::time::timeout(Duration::from_secs(3), refused).await.unwrap_or(false)
    })
}

#[test]
fn wrong_protocol_wrong_certificate_wrong_role() {
    let network = Network::of(1, 1, 1, 1).played_offices(1).start();
    let watched = Watched::all(&network);
    let (outer, inner) = (network.outer(0), network.inner(0));
    let (office, vendor) = (&network.played()[0], network.vendor(0));
    let roots = network.roots();
    let link = |member: &TestMember| link_config(&roots, &member.identity());
    let at_outer = |config| is_refused(&network, outer.address, "outer-1", config);
    let at_inner = |config| is_refused(&network, inner.address, "inner-1", config);

    // The way to tell: these are served.
    let (address, as_office, as_outer) = (inner.address, link(office), link(&outer.member));
    network.background().run(async move {
        dial_as_office(address, "inner-1", as_office, 1).await;
        dial_as_outer(address, "inner-1", as_outer).await;
    });

    assert!(at_outer(wrong_alpn(&network, None)), "another protocol at the outer proxy");
    assert!(at_outer(link(office)), "the members' protocol at the outer proxy");
    assert!(at_inner(wrong_alpn(&network, Some(office))), "another protocol at the inner proxy");
    let sender = client_config(tls::sender(&roots).unwrap(), &Limits::SENDER);
    assert!(at_inner(sender), "a sender at the inner proxy");
    assert!(at_inner(link(vendor)), "a vendor's certificate");
    assert!(at_inner(link(&inner.member)), "an inner proxy's certificate");
    let validity = Validity::days(Clock::start().unix(), 1);
    let stranger = Authority::new("Another CA", validity).unwrap();
    let stranger = TestMember::issue(&stranger, &network.root().join("stranger"), "outer-1", Role::Outer, validity);
    assert!(at_inner(link(&stranger)), "the right name from another CA");
    let authority = Authority::load(network.root()).unwrap();
    let ghost = TestMember::issue(&authority, &network.root().join("ghost"), "ghost", Role::Outer, validity);
    assert!(at_inner(link(&ghost)), "a member that is not in the directory");
    let double = TestMember::issue(&authority, &network.root().join("double"), "outer-1", Role::Outer, validity);
    assert!(at_inner(link(&double)), "the right name from the right CA with a key that is not in the directory");

    send_one(&network);
    watched.iter().for_each(Watched::assert_unharmed);
}

#[test]
fn slow_bytes() {
    let network = Network::of(1, 1, 1, 1).played_offices(1).start();
    let watched = Watched::all(&network);
    let (outer, inner) = (network.outer(0).address, network.inner(0).address);
    let roots = network.roots();
    let config = link_config(&roots, &network.outer(0).member.identity());
    let slow = network.background().begin(async move {
        let mut dialled = vec![dial_as_outer(inner, "inner-1", config).await];
        for _ in 0..20 {
            dialled.push(dial_as_sender(outer, "outer-1", &roots).await);
        }
        let streams = dialled.iter().flat_map(|dialled| (0..4).map(move |_| drip(dialled)));
        futures::future::join_all(streams).await
    });
    send_one(&network);
    for (ended, after) in slow.wait() {
        assert_eq!(ended, REFUSED);
        assert!(after < 2 * HEADER_TIMEOUT, "a byte now and then kept a stream open for {after:?}");
    }
    send_one(&network);
    watched.iter().for_each(Watched::assert_unharmed);
}

/// A header, one byte a second.
async fn drip(dialled: &Dialled) -> (Outcome, Duration) {
    let since = Instant::now();
    let (mut send, mut recv) = dialled.connection.open_bi().await.expect("a stream");
    let token = RouteToken::from_wire(&[0; 84]).expect("any bytes are a token");
    let header = open(&Route { inner: "inner-1".parse().expect("a valid id"), token });
    let dripping = async {
        for byte in header {
            if send.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        std::future::pending().await
    };
    let ended = tokio::select! {
        ended = outcome(&mut recv) => ended,
        () = dripping => unreachable!("it goes on for ever"),
    };
    (ended, since.elapsed())
}

#[test]
fn ten_thousand_half_open_connections() {
    // The limits that an operator has who changes nothing.
    let network = Network::of(1, 1, 1, 1).outer_limits("connections = 1000").start();
    let watched = Watched::all(&network);
    let (outer, inner, roots) = (network.outer(0).address, network.inner(0).address, network.roots());
    let link = link_config(&roots, &network.office(0).member().identity());
    let sender = client_config(tls::sender(&roots).unwrap(), &Limits::SENDER);
    let floods = network.background().begin(async move {
        let to_outer = half_open(outer, "outer-1", sender, 10_000).await;
        (to_outer, half_open(inner, "inner-1", link, 10_000).await)
    });
    let mut sent = 0;
    while !floods.is_finished() {
        send_one(&network);
        sent += 1;
    }
    let (to_outer, to_inner) = floods.wait();
    println!("{to_outer} and {to_inner} connections begun, {sent} honest contents meanwhile");
    assert!(to_outer >= 10_000 && to_inner >= 10_000);
    assert!(sent > 0);
    send_one(&network);
    watched.iter().for_each(Watched::assert_unharmed);
}

/// A route token is checked before anything is opened: the inner proxy sees nothing of a stream that has none.
#[test]
fn a_stream_without_a_valid_token_never_reaches_the_inner_proxy() {
    let network = Network::of(1, 1, 1, 1).played_offices(1).start();
    let (outer, inner, roots) = (network.outer(0), network.inner(0), network.roots());
    let config = link_config(&roots, &network.played()[0].identity());
    let address = inner.address;
    let (office, tokens) = network.background().run(async move { dial_as_office(address, "inner-1", config, 2).await });
    let good = Route { inner: inner.member.id, token: tokens[0] };
    let streams = bad_headers(&good);
    let count = streams.len();
    let address = outer.address;
    let dialled = network.background().run(async move { dial_as_sender(address, "outer-1", &roots).await });
    let dialled = Arc::new(dialled);
    let said = dialled.clone();
    let outcomes = network.background().run(async move {
        let mut outcomes = Vec::new();
        for stream in streams {
            outcomes.push(said.say(&stream).await);
        }
        outcomes
    });
    assert_eq!(outcomes, vec![REFUSED; count]);
    let seen = || inner.daemon.log().matches("a stream has ended").count();
    assert_eq!(seen(), 0, "the inner proxy has seen a stream");

    // The way to tell: a good token is carried to the office, and the inner proxy says so.
    let said = dialled.clone();
    let saying = network.background().begin(async move { said.say(&[open(&good), vec![0x10]].concat()).await });
    let connection = office.connection.clone();
    let first = network.background().run(async move {
        let (_send, mut recv) = connection.accept_bi().await.expect("a stream");
        let mut first = vec![0; incoming(good.token.nonce).len()];
        recv.read_exact(&mut first).await.expect("the header");
        first
    });
    assert_eq!(first, incoming(good.token.nonce));
    saying.wait();
    until_true("the inner proxy has seen it", SOON, || seen() == 1);
}

/// Every bit of a valid token flipped; random ones; a token for a proxy that is not there; no header at all.
fn bad_headers(good: &Route) -> Vec<Vec<u8>> {
    let mut rng = StdRng::seed_from_u64(4);
    let bytes = good.token.to_wire();
    let mut headers: Vec<Vec<u8>> = (0..bytes.len() * 8)
        .map(|bit| {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            open(&Route { token: RouteToken::from_wire(&flipped).expect("any bytes are a token"), ..*good })
        })
        .collect();
    for _ in 0..200 {
        let mut token = good.token;
        rng.fill_bytes(&mut token.sealed);
        rng.fill_bytes(&mut token.mac);
        headers.push(open(&Route { token, ..*good }));
        let mut noise = vec![0; rng.random_range(1..3000)];
        rng.fill_bytes(&mut noise);
        headers.push(noise);
    }
    headers.push(open(&Route { inner: "inner-9".parse().expect("a valid id"), ..*good }));
    headers.push(open(&Route { inner: "office-1".parse().expect("a valid id"), ..*good }));
    headers.push(Vec::new());
    headers.push(open(good)[..50].to_vec());
    let other_version = Open { version: 2, inner: good.inner, token: good.token };
    headers.push(encode_frame(FrameType::Open, &other_version));
    headers
}

/// Somebody listens at an inner proxy's address with a certificate that the network's CA has issued for the very name,
/// but with another key: neither outer proxies nor offices take it for the inner proxy.
#[test]
fn an_impostor_in_the_place_of_an_inner_proxy() {
    let network = Network::of(1, 2, 1, 1).played_inner().build();
    let validity = Validity::days(Clock::start().unix(), 1);
    let authority = Authority::load(network.root()).unwrap();
    let folder = network.root().join("impostor");
    let impostor = TestMember::issue(&authority, &folder, "inner-1", Role::Inner, validity);
    let proxy = network.play_inner_as(&impostor);
    network.start_daemons();
    let (outer, office) = (network.outer(0), network.office(0));
    office.wait_ready(1);
    until_true("both have refused it", SOON, || {
        let refused = |log: &str| log.lines().any(|line| line.contains("inner-1") && line.contains("key"));
        refused(&outer.daemon.log()) && refused(&office.daemon().log())
    });
    assert_eq!(proxy.offices(), []);
    // The other inner proxy is enough.
    let ticket = office.mint(&[]);
    assert_eq!(ticket.body().routes.len(), 1);
    network.send(0, &ticket, "over the other").unwrap();
}
