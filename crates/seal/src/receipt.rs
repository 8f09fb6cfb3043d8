//! Receipts: the office's Ed25519 signature that it holds a content. A third party can check it with the office's
//! public key alone.

use schleuse_protocol::wire::Wire;
use schleuse_protocol::wire::receipt::{Receipt, ReceiptBody};

use crate::keys::{SigningKey, verify};
use crate::label::Label;

/// Signs a receipt: Ed25519 over the receipt label and the body's encoding.
pub fn sign_receipt(body: ReceiptBody, key: &SigningKey) -> Receipt {
    let signature = key.sign(Label::Receipt, &[&body.to_wire()]);
    Receipt::assemble(body, &signature)
}

/// Whether the office with this signing key issued the receipt. Whether the key is that of [`ReceiptBody::office`] is
/// for the caller to know, from the directory.
pub fn verify_receipt(receipt: &Receipt, office_public: &[u8; 32]) -> bool {
    verify(office_public, Label::Receipt, &[receipt.signed_bytes()], &receipt.signature())
}
