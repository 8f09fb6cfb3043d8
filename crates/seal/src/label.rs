//! Labels: what a key, a signature or an associated datum is *for*. Nothing is derived or signed without one.
//!
//! The encoding is prefix-free, so bytes made for one purpose never stand for another:
//!
//! ```text
//! bind(label, parts) = len(label) u8 | label | (len(part) u32 LE | part)*
//! ```
//!
//! Each label has a fixed number of parts. The crate `schleuse-admission`, which outer proxies link and which must
//! not link this one, has two more labels of the same form; docs/cryptography.md lists all of them.

/// Every purpose in this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Label {
    /// HPKE `info` (RFC 9180 section 5.1): version, ticket hash.
    Info,
    /// Associated data of the sealed intro: frame type, suite, `enc`, commitment.
    Intro,
    /// HPKE export (RFC 9180 section 5.3): the key commitment in the hello.
    Commitment,
    /// HPKE export: key of the segments.
    SegmentKey,
    /// HPKE export: the secret behind the replies of all streams of one attempt.
    ReplySecret,
    /// HKDF: key of the replies of one stream.
    ReplyKey,
    /// Signature of an office under a ticket: ticket body.
    Ticket,
    /// Signature of an office under a receipt: receipt body.
    Receipt,
    /// Signature of a sender under a content: member, office, ticket id, ticket hash, SHA-256 of `enc`, kind, content hash.
    Identity,
    /// Signature of a root key under the directory: directory bytes.
    Directory,
    /// HKDF: the key that wraps records at rest.
    AtRestKey,
    /// Associated data of a record at rest: table, id, column, version.
    AtRest,
    /// HKDF: key of an inner proxy's route tokens: epoch.
    RouteKey,
    /// Associated data of a sealed route: epoch.
    Route,
    /// HKDF: the name by which an inner proxy tells offices with which secret it mints tokens.
    TokenKeyId,
}

impl Label {
    /// All labels.
    pub const ALL: [Self; 15] = [
        Self::Info,
        Self::Intro,
        Self::Commitment,
        Self::SegmentKey,
        Self::ReplySecret,
        Self::ReplyKey,
        Self::Ticket,
        Self::Receipt,
        Self::Identity,
        Self::Directory,
        Self::AtRestKey,
        Self::AtRest,
        Self::RouteKey,
        Self::Route,
        Self::TokenKeyId,
    ];

    /// The label as it is encoded.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "schleuse/1 hpke info",
            Self::Intro => "schleuse/1 intro",
            Self::Commitment => "schleuse/1 commitment",
            Self::SegmentKey => "schleuse/1 segment key",
            Self::ReplySecret => "schleuse/1 reply secret",
            Self::ReplyKey => "schleuse/1 reply key",
            Self::Ticket => "schleuse/1 ticket",
            Self::Receipt => "schleuse/1 receipt",
            Self::Identity => "schleuse/1 identity",
            Self::Directory => "schleuse/1 directory",
            Self::AtRestKey => "schleuse/1 at-rest key",
            Self::AtRest => "schleuse/1 at-rest record",
            Self::RouteKey => "schleuse/1 route key",
            Self::Route => "schleuse/1 route",
            Self::TokenKeyId => "schleuse/1 token key id",
        }
    }

    /// Label and parts as one unambiguous string of bytes.
    ///
    /// # Panics
    /// If a part has 4 GiB or more.
    pub fn bind(self, parts: &[&[u8]]) -> Vec<u8> {
        let label = self.as_str().as_bytes();
        let length: usize = parts.iter().map(|part| part.len() + 4).sum();
        let mut bytes = Vec::with_capacity(1 + label.len() + length);
        bytes.push(u8::try_from(label.len()).expect("labels are short"));
        bytes.extend_from_slice(label);
        for part in parts {
            let length = u32::try_from(part.len()).expect("what is bound is far below 4 GiB");
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(part);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_differ() {
        let mut names: Vec<_> = Label::ALL.iter().map(|label| label.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Label::ALL.len());
    }

    #[test]
    fn the_encoding_is_what_the_documentation_says() {
        assert_eq!(Label::Route.bind(&[&[1, 2], &[]]), b"\x10schleuse/1 route\x02\0\0\0\x01\x02\0\0\0\0");
    }

    #[test]
    fn moving_a_byte_between_parts_changes_the_encoding() {
        assert_ne!(Label::AtRest.bind(&[b"ab", b"c"]), Label::AtRest.bind(&[b"a", b"bc"]));
        assert_ne!(Label::AtRest.bind(&[b"ab"]), Label::AtRest.bind(&[b"ab", b""]));
    }

    #[test]
    fn the_table_in_the_documentation_is_complete() {
        let table = include_str!("../../../docs/cryptography.md");
        for label in Label::ALL {
            let row = format!("| `{}` |", label.as_str());
            assert!(table.contains(&row), "docs/cryptography.md has no row {row}");
        }
    }
}
