//! A thread of the test on another host.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Command;

use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};

/// Moves the calling thread, and those that it will start, onto a host for good: its interfaces and its `/etc/hosts`, as
/// `ip netns exec` does for a process.
///
/// # Panics
/// The system refuses.
pub fn enter(namespace: &str) {
    move_into(namespace);
    unshare_mounts();
    let (from, to) = (super::etc(namespace).join("hosts"), Path::new("/etc/hosts"));
    mount(&["--make-rslave".as_ref(), "/".as_ref()]);
    mount(&["--bind".as_ref(), &from, to]);
}

/// Only its interfaces.
pub(super) fn move_into(namespace: &str) {
    let path = Path::new("/run/netns").join(namespace);
    let file = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).expect("root may enter a namespace");
}

#[expect(deprecated, reason = "unsafe only where file descriptors are unshared, which they are not here")]
fn unshare_mounts() {
    rustix::thread::unshare(UnshareFlags::FS | UnshareFlags::NEWNS).expect("root may have mounts of its own");
}

/// A child of this thread sees and changes this thread's mounts.
fn mount(arguments: &[&Path]) {
    let done = Command::new("mount").args(arguments).output().expect("there is a program mount");
    assert!(done.status.success(), "mount {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}
