//! The key-encryption key, and what it wraps: ticket, one-time private key, reference, segment key.

use std::path::Path;

use schleuse_protocol::wire::ticket::{Purpose, Ticket, TicketId};
use schleuse_seal::{Kek, OneTimeSecret, RecordContext, StorageKey, TicketKeys, system_rng};
use schleuse_transport::config::NamedFile;
use schleuse_transport::exit::{self, AppError};
use schleuse_transport::secret::Secret;
use zeroize::Zeroizing;

use crate::store::{Command, LiveTicket, Store, StoreError};

/// Name of the systemd credential that holds the key, when the configuration names no file.
pub const CREDENTIAL: &str = "key-encryption-key";

/// Version of the meaning of every wrapped column.
const VERSION: u32 = 1;
const CHECK_NAME: &str = "kek-check";
const CHECK_VALUE: &[u8] = b"schleuse receiver: this is the right key-encryption key";

/// Wraps and unwraps the columns of the store.
pub(crate) struct Vault {
    kek: Kek,
}

/// The wrapped columns.
#[derive(Clone, Copy)]
enum Column {
    Ticket,
    OneTimeKey,
    Reference,
    SegmentKey,
}

impl Column {
    fn place(self) -> (&'static str, &'static str) {
        match self {
            Self::Ticket => ("ticket", "ticket_sealed"),
            Self::OneTimeKey => ("ticket", "key_sealed"),
            Self::Reference => ("ticket", "reference_sealed"),
            Self::SegmentKey => ("submission", "key_sealed"),
        }
    }
}

/// A wrapped column does not open: the database was changed, or comes from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a wrapped record of ticket {0} does not open: the database was changed outside of this program; restore it from a backup"
)]
pub struct DamagedRecord(pub TicketId);

/// Why the database's ticket is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TicketFault {
    #[error(transparent)]
    Damaged(#[from] DamagedRecord),
    /// Its record is whole, so this is how it was minted.
    #[error("ticket {0} is one of an earlier version of this program, and cannot be used any more: mint it anew")]
    Earlier(TicketId),
}

impl Vault {
    /// Reads the key: 64 hexadecimal digits, or 32 raw bytes.
    pub(crate) fn load(file: &NamedFile) -> Result<Self, AppError> {
        let secret = Secret::read(file).map_err(|error| file.blame(error))?;
        let key = parse_key(secret.expose()).ok_or_else(|| {
            file.blame(AppError::new(
                exit::CONFIG,
                format!(
                    "the key-encryption key {} has neither 64 hexadecimal digits nor 32 bytes: is it the right file? \
                     A new one is made by 'schleuse-receiver init'",
                    file.display()
                ),
            ))
        })?;
        Ok(Self { kek: Kek::from_bytes(&key) })
    }

    /// Compares the key with the one that wrapped the database; a new database remembers this one.
    pub(crate) async fn check(&self, store: &Store) -> Result<(), AppError> {
        let context = RecordContext { table: "meta", id: CHECK_NAME.as_bytes(), column: "value", version: VERSION };
        let failed = |error: StoreError| AppError::new(exit::IO, error);
        match store.meta(CHECK_NAME).await.map_err(failed)? {
            Some(wrapped) if self.kek.unwrap(&context, &wrapped).is_ok_and(|value| *value == CHECK_VALUE) => Ok(()),
            Some(_) => Err(AppError::new(
                exit::CONFIG,
                format!(
                    "the key-encryption key is not the one that protects the database {}: configure the key with which \
                     it was made, or another database",
                    store.path().display()
                ),
            )),
            None => {
                let value = self.kek.wrap(&context, CHECK_VALUE, &mut system_rng());
                store.write(Command::SetMeta { name: CHECK_NAME, value }).await.map_err(failed)?;
                Ok(())
            }
        }
    }

    pub(crate) fn wrap_ticket(&self, ticket: &Ticket) -> Vec<u8> {
        self.wrap(Column::Ticket, ticket.body().id, ticket.as_bytes())
    }

    pub(crate) fn wrap_one_time_key(&self, id: TicketId, secret: &OneTimeSecret) -> Vec<u8> {
        self.wrap(Column::OneTimeKey, id, &*secret.to_bytes())
    }

    pub(crate) fn wrap_reference(&self, id: TicketId, reference: &str) -> Vec<u8> {
        self.wrap(Column::Reference, id, reference.as_bytes())
    }

    pub(crate) fn wrap_segment_key(&self, id: TicketId, key: &StorageKey) -> Vec<u8> {
        self.wrap(Column::SegmentKey, id, &*key.to_bytes())
    }

    /// The ticket as it was minted, and its private half.
    pub(crate) fn open_ticket(&self, row: &LiveTicket) -> Result<(Ticket, TicketKeys), TicketFault> {
        let damaged = DamagedRecord(row.id);
        let bytes = self.open(Column::Ticket, row.id, &row.ticket_sealed)?;
        let ticket = Ticket::from_bytes(bytes.to_vec()).map_err(|_| TicketFault::Earlier(row.id))?;
        let seed = self.open(Column::OneTimeKey, row.id, &row.key_sealed)?;
        let seed = seed.as_slice().try_into().map_err(|_| damaged)?;
        let secret = OneTimeSecret::from_bytes(ticket.body().key.suite(), seed);
        Ok((ticket, TicketKeys::new(secret)))
    }

    /// What a ticket asks for.
    pub(crate) fn open_purpose(&self, id: TicketId, sealed: &[u8]) -> Result<Option<Purpose>, DamagedRecord> {
        let bytes = self.open(Column::Ticket, id, sealed)?;
        let ticket = Ticket::from_bytes(bytes.to_vec()).map_err(|_| DamagedRecord(id))?;
        Ok(ticket.body().purpose.clone())
    }

    pub(crate) fn open_reference(&self, id: TicketId, wrapped: &[u8]) -> Result<String, DamagedRecord> {
        let bytes = self.open(Column::Reference, id, wrapped)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| DamagedRecord(id))
    }

    pub(crate) fn open_segment_key(&self, id: TicketId, wrapped: &[u8]) -> Result<StorageKey, DamagedRecord> {
        let bytes = self.open(Column::SegmentKey, id, wrapped)?;
        Ok(StorageKey::from_bytes(bytes.as_slice().try_into().map_err(|_| DamagedRecord(id))?))
    }

    fn wrap(&self, column: Column, id: TicketId, plaintext: &[u8]) -> Vec<u8> {
        self.kek.wrap(&context(column, &id), plaintext, &mut system_rng())
    }

    fn open(&self, column: Column, id: TicketId, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, DamagedRecord> {
        self.kek.unwrap(&context(column, &id), wrapped).map_err(|_| DamagedRecord(id))
    }
}

fn context(column: Column, id: &TicketId) -> RecordContext<'_> {
    let (table, column) = column.place();
    RecordContext { table, id: &id.0, column, version: VERSION }
}

/// Where the key is: the configured file, or the systemd credential.
pub(crate) fn key_file(configured: Option<&NamedFile>) -> Result<NamedFile, AppError> {
    match (configured, std::env::var_os("CREDENTIALS_DIRECTORY")) {
        (Some(file), _) => Ok(file.clone()),
        (None, Some(folder)) => Ok(Path::new(&folder).join(CREDENTIAL).into()),
        (None, None) => Err(AppError::new(
            exit::CONFIG,
            format!(
                "no key-encryption key: set key_encryption_key in the configuration, or give the service the systemd \
                 credential '{CREDENTIAL}'"
            ),
        )),
    }
}

/// Makes a new key file that only its owner may read. An existing one is never overwritten: it may be the only key to a
/// database.
pub fn create_key_file(path: &Path) -> Result<(), AppError> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => AppError::new(
            exit::CONFIG,
            format!(
                "the key-encryption key {} exists already: it is kept, because it may protect data",
                path.display()
            ),
        ),
        std::io::ErrorKind::PermissionDenied => AppError::new(
            exit::NO_PERMISSION,
            format!("no permission to write the key-encryption key {}: run this as the service's user", path.display()),
        ),
        _ => AppError::new(exit::IO, format!("cannot write the key-encryption key {}: {error}", path.display())),
    };
    let mut key = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *key).map_err(|error| AppError::new(exit::FAILURE, format!("no random numbers: {error}")))?;
    let mut text = Zeroizing::new(data_encoding::HEXLOWER.encode(&*key));
    text.push('\n');
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}

fn parse_key(bytes: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    if let Ok(raw) = <[u8; 32]>::try_from(bytes) {
        return Some(Zeroizing::new(raw));
    }
    let decoded = Zeroizing::new(data_encoding::HEXLOWER_PERMISSIVE.decode(bytes.trim_ascii()).ok()?);
    Some(Zeroizing::new(decoded.as_slice().try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_hex_or_raw_and_of_32_bytes() {
        assert_eq!(*parse_key(&[7; 32]).unwrap(), [7; 32]);
        assert_eq!(*parse_key(format!("{}\n", "0F".repeat(32)).as_bytes()).unwrap(), [15; 32]);
        for bad in [&[7; 31][..], &[7; 33], b"", "0f".repeat(31).as_bytes()] {
            assert!(parse_key(bad).is_none());
        }
    }

    #[tokio::test]
    async fn a_wrong_key_is_named_and_the_right_one_accepted() {
        let folder = tempfile::tempdir().unwrap();
        let [first, second] = ["first", "second"].map(|name| NamedFile::from(folder.path().join(name)));
        create_key_file(&first).unwrap();
        create_key_file(&second).unwrap();
        assert_eq!(std::fs::metadata(&first).unwrap().permissions().mode() & 0o777, 0o600);
        let kept = create_key_file(&first).unwrap_err();
        assert!(kept.to_string().contains("exists already"), "{kept}");
        let store = Store::open(&folder.path().join("office.sqlite"), None).await.unwrap();
        Vault::load(&first).unwrap().check(&store).await.unwrap();
        Vault::load(&first).unwrap().check(&store).await.unwrap();
        let error = Vault::load(&second).unwrap().check(&store).await.unwrap_err();
        assert_eq!(error.code(), exit::CONFIG);
        assert!(error.to_string().contains("office.sqlite"), "{error}");
    }

    #[test]
    fn a_ticket_of_an_earlier_version_is_no_damage() {
        let vault = Vault { kek: Kek::from_bytes(&[1; 32]) };
        let id = TicketId([1; 16]);
        let mut row = LiveTicket {
            id,
            ticket_sealed: vault.wrap(Column::Ticket, id, b"another form"),
            key_sealed: vec![],
            max_bytes: 1,
            sender_rule: String::new(),
            is_untouched: true,
        };
        let error = vault.open_ticket(&row).err().unwrap();
        assert!(error.to_string().contains("mint it anew"), "{error}");
        row.ticket_sealed[20] ^= 1;
        assert_eq!(vault.open_ticket(&row).err().unwrap(), TicketFault::Damaged(DamagedRecord(id)));
    }

    #[test]
    fn a_wrapped_record_opens_only_in_its_place() {
        let vault = Vault { kek: Kek::from_bytes(&[1; 32]) };
        let (one, two) = (TicketId([1; 16]), TicketId([2; 16]));
        let wrapped = vault.wrap_reference(one, "Az. 53/2021");
        assert_eq!(vault.open_reference(one, &wrapped).unwrap(), "Az. 53/2021");
        assert_eq!(vault.open_reference(two, &wrapped), Err(DamagedRecord(two)));
        assert!(vault.open_segment_key(one, &wrapped).is_err());
    }
}
