use schleuse_directory::SignedDirectory;
use schleuse_directory::limits::EXPIRY_GRACE;
use schleuse_seal::keys::SigningKey;

use super::*;

const EXPIRES: UnixSeconds = UnixSeconds(1_798_761_600);
const KEY: Fingerprint = [1; 32];

fn text(version: u64, expires: &str) -> String {
    format!(
        "version = {version}\nissued = \"2026-06-01T00:00:00Z\"\nexpires = \"{expires}\"\n[[members]]\nid = \"outer-1\"\n\
         role = \"outer\"\nname = \"Outer\"\nfingerprints = [\"{}\"]\naddresses = [\"outer-1.example.org:443\"]\n",
        "01".repeat(32)
    )
}

struct Files {
    folder: tempfile::TempDir,
    root: SigningKey,
}

impl Files {
    fn new() -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap(), root: SigningKey::from_bytes(&[9; 32]) };
        let roots = RootKeys::new(1, vec![files.root.public()]).unwrap();
        std::fs::write(files.path("roots.toml"), roots.to_toml().unwrap()).unwrap();
        files.write(7, "2027-01-01T00:00:00Z");
        files
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, version: u64, expires: &str) {
        let directory = Directory::from_toml(&text(version, expires)).unwrap();
        let signed = SignedDirectory::sign(&directory, &[&self.root]).unwrap();
        std::fs::write(self.path("directory.json"), signed.to_bytes().unwrap()).unwrap();
    }

    fn load(&self, now: UnixSeconds) -> Result<Members, AppError> {
        Members::load(&self.path("directory.json").into(), &self.path("roots.toml").into(), now)
    }
}

fn later(seconds: u64) -> UnixSeconds {
    UnixSeconds(EXPIRES.0 + seconds)
}

/// At the start and while running the same: believed for a week, then nobody is a member.
#[tokio::test]
async fn an_expired_directory_means_the_same_at_the_start_and_while_running() {
    let files = Files::new();
    let running = files.load(EXPIRES).unwrap();
    assert!(running.trouble(EXPIRES).is_none());
    for (age, believed) in [(1, true), (EXPIRY_GRACE, true), (EXPIRY_GRACE + 1, false)] {
        running.look(later(age));
        assert_eq!(running.by_fingerprint(&KEY).is_some(), believed, "{age}");
        assert!(running.trouble(later(age)).is_some_and(|trouble| trouble.contains("expired")));
        assert_eq!(files.load(later(age)).is_ok(), believed, "{age}");
    }
    let peer = Peer { id: "outer-1".parse().unwrap(), role: Role::Outer };
    running.removed(KEY, peer).await;

    files.write(8, "2028-01-01T00:00:00Z");
    running.look(later(EXPIRY_GRACE + 60));
    assert_eq!(running.by_fingerprint(&KEY), Some(peer), "the next look finds the new one");
}

#[test]
fn a_file_that_is_gone_takes_nobody_away_before_its_time() {
    let files = Files::new();
    let running = files.load(EXPIRES).unwrap();
    std::fs::remove_file(files.path("directory.json")).unwrap();
    running.look(later(1));
    assert!(running.by_fingerprint(&KEY).is_some());
    running.look(later(EXPIRY_GRACE + 1));
    assert!(running.by_fingerprint(&KEY).is_none());
}

#[test]
fn an_older_directory_is_not_taken_over() {
    let files = Files::new();
    let running = files.load(EXPIRES).unwrap();
    files.write(6, "2028-01-01T00:00:00Z");
    let error = running.replace(files.load(EXPIRES).unwrap()).unwrap_err();
    assert!(error.to_string().contains("version 6 is older than version 7"), "{error}");
    files.write(8, "2028-01-01T00:00:00Z");
    assert_eq!(running.replace(files.load(EXPIRES).unwrap()), Ok(8));
}
