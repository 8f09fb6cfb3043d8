//! A network of one machine for the client's tests: outer proxies that play the whole way to the office themselves, with
//! the real seal, so that each can misbehave exactly as a test wants.

#![allow(dead_code, unused_imports)] // each test file uses a part of it

mod office;
mod outer;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use schleuse_client::{Client, ClientBuilder, MemberId, Roots, SigningKey, Ticket, VerifiedDirectory};
use schleuse_directory::{Directory, Hex, Member, Role, RootKeys, SignedDirectory};
use schleuse_protocol::limits::VERSION;
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::ticket::{Purpose, Route, Suite, TicketBody, TicketId, TicketSecret};
use schleuse_protocol::wire::token::{Epoch, RouteNonce, RouteToken};
use schleuse_seal::{OneTimeSecret, TicketKeys, sign_ticket, system_rng};
use schleuse_transport::clock::Clock;
pub(crate) use schleuse_transport::endpoint::Limits;
use schleuse_transport::tls::{Identity, server_name};

pub(crate) use office::FakeOffice;
pub(crate) use outer::{Act, FakeOuter};
pub(crate) use wire::Wire;

pub(crate) const OFFICE: &str = "ga-koeln";
pub(crate) const VENDOR: &str = "tickets-gmbh";

pub(crate) fn id(name: &str) -> MemberId {
    name.parse().expect("a valid name")
}

/// One office, one vendor, two inner proxies that exist in the directory only, and the outer ones that a test adds.
pub(crate) struct Net {
    issuer: Issuer<'static, KeyPair>,
    ca_pem: String,
    office_seed: [u8; 32],
    vendor_seed: [u8; 32],
    pub(crate) office: Arc<FakeOffice>,
    outers: Vec<Member>,
}

impl Net {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).expect("no names to refuse");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let ca_pem = params.self_signed(&key).expect("a certificate").pem();
        let (office_seed, vendor_seed) = ([1; 32], [2; 32]);
        let office = Arc::new(FakeOffice::new(SigningKey::from_bytes(&office_seed)));
        Self { issuer: Issuer::new(params, key), ca_pem, office_seed, vendor_seed, office, outers: Vec::new() }
    }

    /// An outer proxy that does with its n-th stream what `script` says.
    pub(crate) fn outer(&mut self, script: impl Fn(usize) -> Act + Send + Sync + 'static) -> Arc<FakeOuter> {
        self.outer_with(&Limits::PUBLIC, script)
    }

    /// The same with limits of its own.
    pub(crate) fn outer_with(
        &mut self,
        limits: &Limits,
        script: impl Fn(usize) -> Act + Send + Sync + 'static,
    ) -> Arc<FakeOuter> {
        let name = format!("outer-{}", self.outers.len() + 1);
        let identity = self.identity(&name);
        let fingerprint = identity.fingerprint();
        let outer = FakeOuter::start(&identity, self.office.clone(), limits, script);
        self.list_outer(&name, outer.address(), fingerprint);
        outer
    }

    /// An outer proxy of the directory at an address of the test's own.
    pub(crate) fn list_outer(&mut self, name: &str, address: SocketAddr, fingerprint: [u8; 32]) {
        let mut outer = member(name, Role::Outer);
        outer.fingerprints = vec![Hex(fingerprint)];
        outer.addresses = vec![address.to_string()];
        self.outers.push(outer);
    }

    /// Has the clients reach an outer proxy at another address.
    pub(crate) fn readdress(&mut self, index: usize, address: SocketAddr) {
        self.outers[index].addresses = vec![address.to_string()];
    }

    /// Has the clients expect another key of an outer proxy.
    pub(crate) fn pin(&mut self, index: usize, fingerprint: [u8; 32]) {
        self.outers[index].fingerprints = vec![Hex(fingerprint)];
    }

    fn identity(&self, name: &str) -> Identity {
        let params = CertificateParams::new(vec![server_name(name)]).expect("a valid name");
        let key = KeyPair::generate().expect("a key");
        let chain = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        Identity::from_pem(chain.as_bytes(), key.serialize_pem().as_bytes()).expect("what was just made")
    }

    pub(crate) fn directory(&self) -> VerifiedDirectory {
        let signed_by = |name: &str, role, seed: &[u8; 32]| {
            let mut member = member(name, role);
            member.signing_key = Some(Hex(SigningKey::from_bytes(seed).public()));
            member.fingerprints = if role == Role::Vendor { vec![] } else { vec![Hex(*seed)] };
            member
        };
        let inner = |name: &str, pin: u8| {
            let mut inner = member(name, Role::Inner);
            inner.fingerprints = vec![Hex([pin; 32])];
            inner
        };
        let now = Clock::start().unix();
        let mut members = vec![
            signed_by(OFFICE, Role::Office, &self.office_seed),
            signed_by(VENDOR, Role::Vendor, &self.vendor_seed),
            inner("inner-1", 11),
            inner("inner-2", 12),
        ];
        members.extend(self.outers.iter().cloned());
        let expires = UnixSeconds(now.0 + 3600);
        let directory = Directory { version: 1, issued: now, expires, members, permissions: vec![] };
        let root = SigningKey::from_bytes(&[3; 32]);
        let signed = SignedDirectory::sign(&directory, &[&root]).expect("a valid directory");
        let roots = RootKeys::new(1, vec![root.public()]).expect("one key");
        Directory::verify(&signed.to_bytes().expect("it can be written"), &roots, now, None).expect("just signed")
    }

    /// A client without identity.
    pub(crate) fn anonymous(&self) -> ClientBuilder {
        Client::builder(self.directory()).roots(Roots::from_pem(self.ca_pem.as_bytes()).expect("a CA"))
    }

    pub(crate) fn client(&self) -> Client {
        let key = SigningKey::from_bytes(&self.vendor_seed);
        self.anonymous().identity(id(VENDOR), key).build().expect("everything is there")
    }

    pub(crate) fn ticket(&self) -> Ticket {
        self.ticket_with(|_| {})
    }

    /// A ticket that differs from a good one, but is signed by the office.
    pub(crate) fn ticket_with(&self, change: impl FnOnce(&mut TicketBody)) -> Ticket {
        let (secret, key) = OneTimeSecret::generate(Suite::X25519, &mut system_rng());
        let now = Clock::start().unix();
        let mut body = TicketBody {
            version: VERSION,
            office: id(OFFICE),
            id: TicketId(rand::random()),
            key,
            secret: TicketSecret(rand::random()),
            not_before: now,
            not_after: UnixSeconds(now.0 + 600),
            routes: vec![route("inner-1"), route("inner-2")],
            purpose: Some(Purpose { kind: Some("guest-list".parse().expect("a kind")), ..Purpose::default() }),
        };
        change(&mut body);
        let ticket = sign_ticket(body, &SigningKey::from_bytes(&self.office_seed));
        self.office.expect(ticket.clone(), TicketKeys::new(secret));
        ticket
    }
}

/// The fake proxies find the ticket by the nonce, as the office does, and check nothing else of it.
pub(crate) fn route(inner: &str) -> Route {
    let token = RouteToken { epoch: Epoch(1), nonce: RouteNonce(rand::random()), sealed: [0; 48], mac: [0; 16] };
    Route { inner: id(inner), token }
}

fn member(name: &str, role: Role) -> Member {
    Member {
        id: id(name),
        role,
        name: name.to_owned(),
        groups: vec![],
        fingerprints: vec![],
        signing_key: None,
        kem_key: None,
        addresses: vec![],
        valid_from: None,
        valid_until: None,
    }
}

/// Bytes that differ from place to place.
pub(crate) fn sample(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index * 7 + index / 251) as u8).collect()
}
