//! A small network in a temporary folder, made with the library, and what its office hands out.

use std::path::PathBuf;

use schleuse_directory::{Directory, Member, OrAny, Role, RootKeys, Rule, SignedDirectory};
use schleuse_operator::pki::{Authority, Validity};
use schleuse_protocol::limits::VERSION;
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::hello::ContentHash;
use schleuse_protocol::wire::name::{MemberId, PayloadKind};
use schleuse_protocol::wire::proof::{Attestation, Proof};
use schleuse_protocol::wire::receipt::{Receipt, ReceiptBody};
use schleuse_protocol::wire::ticket::{Purpose, Route, Suite, Ticket, TicketBody, TicketId, TicketSecret};
use schleuse_protocol::wire::token::{Epoch, RouteNonce, RouteToken};
use schleuse_seal::keys::SigningKey;
use schleuse_seal::{Label, OneTimeSecret, sign_receipt, sign_ticket, system_rng};
use schleuse_transport::clock::Clock;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

pub(crate) struct Network {
    folder: TempDir,
    office: SigningKey,
    vendor: SigningKey,
}

impl Network {
    /// With an outer proxy at this address.
    pub(crate) fn new(outer_address: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let now = now();
        let authority = Authority::new("Test CA", Validity::days(now, 100)).expect("a CA");
        authority.write(folder.path()).expect("writes");
        let mut members = Vec::new();
        let (mut office, mut vendor) = (None, None);
        for (id, role) in
            [("ga-a", Role::Office), ("vendor-a", Role::Vendor), ("outer-a", Role::Outer), ("inner-a", Role::Inner)]
        {
            let id = id.parse().expect("an id");
            let keys = authority.issue(&id, role, Validity::days(now, 50)).expect("issues");
            keys.write(&folder.path().join(id.as_str())).expect("writes");
            let addresses = if role == Role::Outer { vec![outer_address.to_owned()] } else { Vec::new() };
            members.push(Member { addresses, ..keys.entry(id.as_str()) });
            match role {
                Role::Office => office = keys.signing_key,
                Role::Vendor => vendor = keys.signing_key,
                _ => {}
            }
        }
        let permissions = vec![Rule { from: vec![OrAny::Any], kinds: vec![OrAny::Any], to: vec![OrAny::Any] }];
        let expires = UnixSeconds(now.0 + 86_400);
        let directory = Directory { version: 3, issued: now, expires, members, permissions };
        let root = SigningKey::from_bytes(&[1; 32]);
        let roots = RootKeys::new(1, vec![root.public()]).expect("roots");
        let signed = SignedDirectory::sign(&directory, &[&root]).expect("signs").to_bytes().expect("writes");
        std::fs::write(folder.path().join("directory.json"), signed).expect("writes");
        std::fs::write(folder.path().join("root-keys.toml"), roots.to_toml().expect("writes")).expect("writes");
        let (office, vendor) = (office.expect("there is an office"), vendor.expect("there is a vendor"));
        Self { folder, office, vendor }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A ticket of suite 1 with so many routes, valid between these seconds from now.
    pub(crate) fn ticket(&self, routes: usize, valid: (i64, i64), purpose: Option<Purpose>) -> Ticket {
        let mut rng = system_rng();
        let (_, key) = OneTimeSecret::generate(Suite::X25519, &mut rng);
        let from_now = |seconds: i64| UnixSeconds(now().0.checked_add_signed(seconds).expect("in range"));
        let token = RouteToken {
            epoch: Epoch::of(from_now(valid.1)),
            nonce: RouteNonce([9; 16]),
            sealed: [0xa5; 48],
            mac: [0x5a; 16],
        };
        let body = TicketBody {
            version: VERSION,
            office: "ga-a".parse().expect("an id"),
            id: TicketId([4; 16]),
            key,
            secret: TicketSecret([0xee; 32]),
            not_before: from_now(valid.0),
            not_after: from_now(valid.1),
            routes: vec![Route { inner: "inner-a".parse().expect("an id"), token }; routes],
            purpose,
        };
        sign_ticket(body, &self.office)
    }

    /// A ticket in a file, valid for an hour.
    pub(crate) fn ticket_file(&self) -> PathBuf {
        let path = self.path("ticket.txt");
        std::fs::write(&path, self.ticket(1, (-5, 3600), None).to_uri()).expect("writes");
        path
    }

    /// The office's receipt for this content under the tickets of this network.
    pub(crate) fn receipt(&self, content: &[u8]) -> schleuse_client::Receipt {
        let body = ReceiptBody {
            version: VERSION,
            office: "ga-a".parse().expect("an id"),
            ticket: TicketId([4; 16]),
            kind: "guest-list".parse().expect("a kind"),
            sender: None,
            length: content.len() as u64,
            content_hash: ContentHash(Sha256::digest(content).into()),
            stored_at: now(),
        };
        let receipt: Receipt = sign_receipt(body, &self.office);
        receipt.into()
    }

    /// What the office keeps of a content that the vendor has signed under a ticket, written out from protocol.md 6.5 and 6.8.
    pub(crate) fn proof(&self, ticket: &Ticket, content: &[u8]) -> Proof {
        let (office, vendor) = (member("ga-a"), member("vendor-a"));
        let kind: PayloadKind = "guest-list".parse().expect("a kind");
        let content_hash = ContentHash(Sha256::digest(content).into());
        let id = ticket.body().id;
        let body = ReceiptBody {
            version: VERSION,
            office,
            ticket: id,
            kind,
            sender: Some(vendor),
            length: content.len() as u64,
            content_hash,
            stored_at: now(),
        };
        let ticket_hash: [u8; 32] = Sha256::digest(ticket.as_bytes()).into();
        let encapsulated_hash: [u8; 32] = Sha256::digest([7; 32]).into();
        let parts: [&[u8]; 7] = [
            vendor.as_bytes(),
            office.as_bytes(),
            &id.0,
            &ticket_hash,
            &encapsulated_hash,
            kind.as_bytes(),
            &content_hash.0,
        ];
        let signature = self.vendor.sign(Label::Identity, &parts);
        let attestation = Attestation { ticket_hash, encapsulated_hash, signature };
        Proof { receipt: sign_receipt(body, &self.office), attestation }
    }
}

fn member(name: &str) -> MemberId {
    name.parse().expect("an id")
}

pub(crate) fn now() -> UnixSeconds {
    Clock::start().unix()
}
