//! Receipts as a sender keeps them, and how anybody checks one later without a network.

use std::fmt;

use data_encoding::{BASE64, HEXLOWER};
use schleuse_directory::{Role, VerifiedDirectory};
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::hello::ContentHash;
use schleuse_protocol::wire::name::{MemberId, PayloadKind};
use schleuse_protocol::wire::receipt as wire;
use schleuse_protocol::wire::ticket::{Ticket, TicketId};
use serde::{Deserialize, Serialize};

use crate::text::Moment;

/// The office's signed statement that it holds a content durably. Keep it (`to_json`): together with the ticket and
/// the directory it proves the delivery to anybody, see [`verify_receipt`].
#[derive(Clone, PartialEq, Eq)]
pub struct Receipt(wire::Receipt);

impl Receipt {
    /// The office that stored the content.
    pub fn office(&self) -> MemberId {
        self.0.body().office
    }

    /// The ticket under which it came.
    pub fn ticket(&self) -> TicketId {
        self.0.body().ticket
    }

    /// What the content was declared to be.
    pub fn kind(&self) -> PayloadKind {
        self.0.body().kind
    }

    /// The member that signed the content, if one did.
    pub fn sender(&self) -> Option<MemberId> {
        self.0.body().sender
    }

    /// Length of the content in bytes.
    pub fn length(&self) -> u64 {
        self.0.body().length
    }

    /// SHA-256 of the content: compare it with that of your file.
    pub fn content_hash(&self) -> ContentHash {
        self.0.body().content_hash
    }

    /// When it was stored.
    pub fn stored_at(&self) -> UnixSeconds {
        self.0.body().stored_at
    }

    /// The receipt as it stands in the protocol.
    pub fn wire(&self) -> &wire::Receipt {
        &self.0
    }

    /// The form to keep. `receipt` holds the signed bytes; the other fields say the same for people.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(&ReceiptFile::of(self)).expect("texts and numbers can always be written")
    }

    /// Reads the kept form. The signature is not verified by this, see [`verify_receipt`].
    ///
    /// # Errors
    /// Not a receipt, or one whose readable fields were changed.
    pub fn from_json(text: &str) -> Result<Self, ReceiptError> {
        let file: ReceiptFile = serde_json::from_str(text).map_err(|error| ReceiptError::Json(error.to_string()))?;
        let bytes = BASE64.decode(file.receipt.as_bytes()).map_err(|_| ReceiptError::Damaged)?;
        let receipt = Self(wire::Receipt::from_bytes(bytes).map_err(|_| ReceiptError::Damaged)?);
        if ReceiptFile::of(&receipt) == file { Ok(receipt) } else { Err(ReceiptError::Altered) }
    }
}

impl From<wire::Receipt> for Receipt {
    fn from(receipt: wire::Receipt) -> Self {
        Self(receipt)
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.body().fmt(f)
    }
}

/// One line for people.
impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = self.0.body();
        write!(f, "{} holds {} ({} bytes, SHA-256 {})", body.office, body.kind, body.length, body.content_hash)?;
        write!(f, " under ticket {} since {}", body.ticket, Moment(body.stored_at))
    }
}

/// Checks, without a network, that `receipt` is the signed word of the office of `ticket` for that ticket.
///
/// What was delivered is [`Receipt::content_hash`]: compare it with the SHA-256 of your copy.
///
/// The key is the one in `directory`: for an old receipt, take the directory of its time.
///
/// # Errors
/// The first thing that does not fit.
pub fn verify_receipt(receipt: &Receipt, ticket: &Ticket, directory: &VerifiedDirectory) -> Result<(), ReceiptError> {
    let (said, asked) = (receipt.0.body(), ticket.body());
    if said.office != asked.office || said.ticket != asked.id {
        return Err(ReceiptError::OtherTicket { ticket: said.ticket });
    }
    let office = directory.member(&said.office).filter(|member| member.role == Role::Office);
    let key = office.and_then(|office| office.signing_key).ok_or(ReceiptError::UnknownOffice(said.office))?;
    schleuse_seal::verify_ticket(ticket, &key.0).map_err(|_| ReceiptError::ForgedTicket(said.office))?;
    if !schleuse_seal::verify_receipt(&receipt.0, &key.0) {
        return Err(ReceiptError::Forged(said.office));
    }
    Ok(())
}

/// Why a receipt proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// The text is no receipt.
    #[error("not a receipt: {0}")]
    Json(String),
    /// The signed bytes are damaged.
    #[error("the receipt is damaged: its signed bytes cannot be read")]
    Damaged,
    /// The readable fields differ from the signed bytes.
    #[error("the receipt was altered: its readable fields differ from what was signed")]
    Altered,
    /// It belongs to another ticket.
    #[error("the receipt is for another ticket ({ticket})")]
    OtherTicket {
        /// The ticket that it names.
        ticket: TicketId,
    },
    /// No key to check it with.
    #[error("the office '{0}' is not in the directory: use the directory of the time of the receipt")]
    UnknownOffice(MemberId),
    /// The ticket does not come from the office.
    #[error("the ticket's signature is not that of '{0}'")]
    ForgedTicket(MemberId),
    /// The receipt does not come from the office.
    #[error("the receipt's signature is not that of '{0}': it is damaged or forged")]
    Forged(MemberId),
}

#[derive(PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ReceiptFile {
    r#type: String,
    office: String,
    ticket: String,
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sender: Option<String>,
    length: u64,
    sha256: String,
    stored_at: String,
    receipt: String,
}

impl ReceiptFile {
    fn of(receipt: &Receipt) -> Self {
        let body = receipt.0.body();
        Self {
            r#type: "schleuse-receipt".to_owned(),
            office: body.office.to_string(),
            ticket: body.ticket.to_string(),
            kind: body.kind.to_string(),
            sender: body.sender.map(|sender| sender.to_string()),
            length: body.length,
            sha256: HEXLOWER.encode(&body.content_hash.0),
            stored_at: Moment(body.stored_at).to_string(),
            receipt: BASE64.encode(receipt.0.as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use schleuse_protocol::limits::VERSION;
    use schleuse_protocol::wire::signed::Signature;

    use super::*;

    fn receipt() -> Receipt {
        let body = wire::ReceiptBody {
            version: VERSION,
            office: "ga-koeln".parse().unwrap(),
            ticket: TicketId([7; 16]),
            kind: "guest-list".parse().unwrap(),
            sender: Some("tickets-gmbh".parse().unwrap()),
            length: 4711,
            content_hash: ContentHash([9; 32]),
            stored_at: UnixSeconds(1_790_000_000),
        };
        Receipt(wire::Receipt::assemble(body, &Signature([3; 64])))
    }

    #[test]
    fn is_read_as_it_was_kept() {
        let json = receipt().to_json();
        assert_eq!(Receipt::from_json(&json).unwrap(), receipt());
        assert!(json.contains("\"office\": \"ga-koeln\""), "{json}");
    }

    #[test]
    fn an_altered_field_is_noticed() {
        let json = receipt().to_json();
        assert_eq!(Receipt::from_json(&json.replace("4711", "4712")), Err(ReceiptError::Altered));
        assert_eq!(Receipt::from_json(&json.replace("tickets-gmbh", "other")), Err(ReceiptError::Altered));
        assert!(matches!(Receipt::from_json("{}"), Err(ReceiptError::Json(_))));
    }
}
