//! Files that the daemon's user may not read. Root may read every file: there the daemons run as somebody else.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use schleuse_tests::binaries::binaries;
use schleuse_tests::skip::skip;

use super::{Case, NO_PERMISSION, built};

const NOBODY: u32 = 65_534;
/// From util-linux.
const AS_NOBODY: &[&str] = &["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];

/// Whom the daemons run as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum User {
    /// Whoever runs the test; not root.
    Same,
    Nobody,
}

impl User {
    /// Whoever may not read everything, given the folder; none if this machine lets nobody be somebody else, or that user not
    /// come as far as the folder.
    fn without_privileges(folder: &Path) -> Option<Self> {
        if fs::metadata(folder).unwrap().uid() != 0 {
            Self::Same.give(folder);
            return Some(Self::Same);
        }
        Self::Nobody.give(folder);
        let tried = Command::new(AS_NOBODY[0]).args(&AS_NOBODY[1..]).arg("ls").arg(folder).output();
        tried.is_ok_and(|output| output.status.success()).then_some(Self::Nobody)
    }

    fn starter(self) -> &'static [&'static str] {
        if self == Self::Nobody { AS_NOBODY } else { &[] }
    }

    /// Makes everything below the folder this user's.
    fn give(self, folder: &Path) {
        self.allow(folder);
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { self.give(&path) } else { self.allow(&path) }
        }
    }

    fn allow(self, path: &Path) {
        if self == Self::Nobody {
            chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        fs::set_permissions(path, Permissions::from_mode(if path.is_dir() { 0o700 } else { 0o600 })).unwrap();
    }

    fn deny(self, path: &Path) {
        match self {
            Self::Same => fs::set_permissions(path, Permissions::from_mode(0o000)).unwrap(),
            Self::Nobody => chown(path, Some(0), Some(0)).unwrap(),
        }
    }

    /// A copy in a folder that this user may enter, which the place where cargo builds need not be.
    fn program(self, program: &Path, folder: &Path) -> PathBuf {
        let copy = folder.join(program.file_name().unwrap());
        fs::copy(program, &copy).unwrap();
        if self == Self::Nobody {
            chown(&copy, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        copy
    }

    fn output(self, program: &Path, arguments: &[&str], file: &Path) -> Output {
        let words = self.starter().iter().map(OsStr::new).chain([program.as_os_str()]);
        let mut words = words.chain(arguments.iter().map(OsStr::new)).chain([file.as_os_str()]);
        Command::new(words.next().unwrap()).args(words).output().unwrap()
    }
}

#[test]
fn a_file_that_the_daemons_user_may_not_read() {
    let network = built();
    let root = network.root();
    let Some(user) = User::without_privileges(root) else {
        return skip("root may read every file, and there is no setpriv, or no right, to be somebody else here");
    };
    let checker = user.program(&binaries().schleuse, root);
    let files = [
        &["cert.pem", "tls.key", "../ca.pem", "cluster.secret"][..],
        &["cert.pem", "tls.key", "../ca.pem", "cluster.secret", "../directory.json", "../root-keys.toml"],
        &["cert.pem", "tls.key", "../ca.pem", "signing.key", "kek", "../directory.json", "../root-keys.toml"],
    ];
    for (case, files) in Case::all(&network).into_iter().zip(files) {
        let case = Case { program: user.program(&case.program, root), starter: user.starter(), ..case };
        for name in files {
            let file = case.file(name);
            let (place, denied) = (case.place(name), format!("{}: Permission denied", file.display()));
            let words = [place.as_str(), denied.as_str(), "chown"];
            user.deny(&file);
            case.fails(NO_PERMISSION, &words);
            let checked = user.output(&checker, &["check"], &case.config);
            user.allow(&file);
            let said = String::from_utf8(checked.stdout).unwrap();
            assert_eq!(checked.status.code(), Some(NO_PERMISSION), "{said}");
            let findings: Vec<_> = said.lines().filter(|line| line.starts_with("  ")).collect();
            assert_eq!(findings.len(), 1, "{said}");
            assert!(words.iter().all(|word| findings[0].contains(*word)), "{words:?} in {said}");
        }
        user.deny(&case.config);
        case.fails(NO_PERMISSION, &[&format!("{}: Permission denied", case.config.display()), "chown"]);
        user.allow(&case.config);
        // It was that one file each time.
        let checked = user.output(&checker, &["check"], &case.config);
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    }
}
