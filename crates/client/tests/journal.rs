//! A sending that goes on after its program was ended.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "every function here is part of a test")]

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use schleuse_client::{CancellationToken, Content, JournalError, SendError};
use schleuse_protocol::limits::SEGMENT_DATA;
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_protocol::wire::reply::Reason;
use schleuse_protocol::wire::ticket::Ticket;
use schleuse_transport::clock::Clock;
use support::{Act, Net, sample};
use tempfile::TempDir;

const SHORT: Duration = Duration::from_millis(400);

struct Files {
    folder: TempDir,
}

impl Files {
    fn new(bytes: &[u8]) -> Self {
        let files = Self { folder: TempDir::new().unwrap() };
        files.write(bytes);
        files
    }

    fn write(&self, bytes: &[u8]) {
        fs::write(self.content(), bytes).unwrap();
    }

    fn content(&self) -> PathBuf {
        self.folder.path().join("list.json")
    }

    fn journal(&self) -> PathBuf {
        self.folder.path().join("list.journal")
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// Sends until `stored` bytes are durable, and ends there as a program that is killed.
async fn killed_after(net: &Net, ticket: &Ticket, files: &Files, stored: u64) {
    let cancel = CancellationToken::new();
    let killed = cancel.clone();
    let progress = move |progress: schleuse_client::Progress| {
        if progress.stored >= stored {
            killed.cancel();
        }
    };
    let client = net.client();
    let content = Content::file(files.content()).unwrap();
    let sending = client.send(ticket, content).journal(files.journal()).on_progress(progress).cancel(cancel);
    let error = sending.await.unwrap_err();
    assert!(matches!(error, SendError::Cancelled), "{error}");
}

async fn resume(net: &Net, ticket: &Ticket, files: &Files) -> Result<schleuse_client::Receipt, SendError> {
    let content = Content::file(files.content()).unwrap();
    net.client().send(ticket, content).journal(files.journal()).await
}

fn journal_error(error: SendError) -> JournalError {
    match error {
        SendError::Journal(error) => error,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_program_that_was_ended_goes_on_where_it_was() {
    let bytes = sample(40 * SEGMENT_DATA);
    let mut net = Net::new();
    net.outer(|stream| if stream == 0 { Act::MuteAfter(20) } else { Act::Deliver });
    let (ticket, files) = (net.ticket(), Files::new(&bytes));
    killed_after(&net, &ticket, &files, 20 * SEGMENT_DATA as u64).await;
    let mode = fs::metadata(files.journal()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = net.office.attempts();

    let receipt = resume(&net, &ticket, &files).await.unwrap();
    assert_eq!(receipt.length(), bytes.len() as u64);
    assert_eq!(net.office.attempts(), before, "the same attempt");
    net.office.look(&ticket, |stored| {
        assert_eq!(stored.content, bytes);
        assert_eq!(stored.received as usize, bytes.len().div_ceil(SEGMENT_DATA) + 1, "nothing came twice");
    });
    assert_eq!(files.names(), ["list.json"], "the journal is gone with the receipt");
    // Without a journal it is sent anew, and the office has it already.
    assert_eq!(resume(&net, &ticket, &files).await.unwrap().content_hash(), receipt.content_hash());
}

#[tokio::test]
async fn a_content_that_changed_meanwhile_is_sent_anew_and_whole() {
    let bytes = sample(12 * SEGMENT_DATA);
    let mut changed = bytes.clone();
    changed[3] ^= 1;
    // Another byte in what is stored already, one in what is not, a shorter and a longer content.
    let mut late = bytes.clone();
    late[11 * SEGMENT_DATA + 5] ^= 1;
    let longer = [&bytes[..], b"more"].concat();
    for new in [changed, late, bytes[..5 * SEGMENT_DATA].to_vec(), longer] {
        let mut net = Net::new();
        net.outer(|stream| if stream == 0 { Act::MuteAfter(6) } else { Act::Deliver });
        let (ticket, files) = (net.ticket(), Files::new(&bytes));
        killed_after(&net, &ticket, &files, 6 * SEGMENT_DATA as u64).await;
        let before = net.office.attempts();
        files.write(&new);
        let receipt = resume(&net, &ticket, &files).await.unwrap();
        assert_eq!(receipt.length(), new.len() as u64);
        assert!(net.office.attempts() != before, "another attempt, under other keys");
        net.office.look(&ticket, |stored| assert_eq!(stored.content, new));
        assert_eq!(files.names(), ["list.json"]);
    }
}

#[tokio::test]
async fn a_journal_is_kept_as_long_as_it_may_be_of_use() {
    let mut net = Net::new();
    net.outer(|stream| match stream {
        0 => Act::Mute,
        _ => Act::Refuse(Reason::Revoked),
    });
    let (ticket, files) = (net.ticket(), Files::new(b"a list"));
    let content = Content::file(files.content()).unwrap();
    let sending = net.client().send(&ticket, content).journal(files.journal()).patience(SHORT);
    let error = sending.await.unwrap_err();
    // The office may have been asked a second time by then.
    if error.may_retry() {
        assert_eq!(files.names(), ["list.journal", "list.json"], "{error}");
        let error = resume(&net, &ticket, &files).await.unwrap_err();
        assert!(matches!(error, SendError::Office(_)), "{error}");
    }
    assert_eq!(files.names(), ["list.json"], "refused for good: it is of no use any more");
}

/// No office takes its attempt: it would be refused as often as the sending is repeated.
#[tokio::test]
async fn a_journal_of_a_clock_that_was_days_ahead_is_not_gone_on_with() {
    const DAY: u64 = 86_400_000_000;
    let now = Clock::start().unix_micros();
    let bytes = sample(12 * SEGMENT_DATA);
    for (ahead, is_kept) in [(DAY / 2, true), (3 * DAY, false)] {
        let mut net = Net::new();
        net.outer(move |stream| match stream {
            0 => Act::Supersede(now + ahead),
            1 => Act::MuteAfter(6),
            _ => Act::Deliver,
        });
        let (ticket, files) = (net.ticket(), Files::new(&bytes));
        killed_after(&net, &ticket, &files, 6 * SEGMENT_DATA as u64).await;
        resume(&net, &ticket, &files).await.unwrap();
        let attempt = net.office.attempts()[&ticket.body().id.to_string()];
        assert_eq!(attempt == now + ahead + 1, is_kept, "{attempt}");
        assert!(attempt < now + DAY);
        net.office.look(&ticket, |stored| assert_eq!(stored.content, bytes));
        assert_eq!(files.names(), ["list.json"]);
    }
}

/// Anybody on the way can refuse without a reason; what the office has stored is not lost for that.
#[tokio::test]
async fn a_refusal_that_is_not_the_offices_leaves_the_journal() {
    let bytes = sample(12 * SEGMENT_DATA);
    let mut net = Net::new();
    net.outer(|stream| match stream {
        0 => Act::MuteAfter(6),
        1 | 2 => Act::Reset(StreamRefusal::Refused),
        _ => Act::Deliver,
    });
    let (ticket, files) = (net.ticket(), Files::new(&bytes));
    killed_after(&net, &ticket, &files, 6 * SEGMENT_DATA as u64).await;
    let error = resume(&net, &ticket, &files).await.unwrap_err();
    assert!(matches!(error, SendError::Refused { .. }), "{error}");
    assert_eq!(files.names(), ["list.journal", "list.json"]);
    resume(&net, &ticket, &files).await.unwrap();
    net.office.look(&ticket, |stored| assert_eq!(stored.received, 13, "nothing came twice"));
}

#[tokio::test]
async fn a_journal_that_does_not_fit_is_told_without_dialling() {
    let mut net = Net::new();
    let outer = net.outer(|_| Act::MuteAfter(1));
    let (ticket, files) = (net.ticket(), Files::new(&sample(3 * SEGMENT_DATA)));
    killed_after(&net, &ticket, &files, SEGMENT_DATA as u64).await;
    let (streams, good) = (outer.streams(), fs::read(files.journal()).unwrap());

    let error = journal_error(resume(&net, &net.ticket(), &files).await.unwrap_err());
    assert!(error.to_string().contains("another ticket"), "{error}");

    let mut damaged = good.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let mut newer = good.clone();
    newer[8] = 2;
    let cases: [(&[u8], &str); 4] = [
        (&damaged, "damaged"),
        (&good[..good.len() / 2], "damaged"),
        (&newer, "version 2"),
        (b"{\"guests\": []}", "no saved attempt"),
    ];
    for (bytes, expected) in cases {
        fs::write(files.journal(), bytes).unwrap();
        let error = journal_error(resume(&net, &ticket, &files).await.unwrap_err());
        assert!(!error.may_retry() && error.to_string().contains(expected), "{error}");
        assert!(error.to_string().contains("list.journal"), "{error}");
    }
    fs::write(files.journal(), &good).unwrap();

    let content = Content::file(files.content()).unwrap();
    let sending = net.anonymous().build().unwrap().send(&ticket, content).journal(files.journal());
    let error = journal_error(sending.await.unwrap_err());
    assert!(matches!(error, JournalError::OtherSending { .. }), "{error}");

    fs::set_permissions(files.journal(), Permissions::from_mode(0o640)).unwrap();
    let error = journal_error(resume(&net, &ticket, &files).await.unwrap_err());
    assert!(matches!(error, JournalError::OpenToOthers { mode: 0o640, .. }), "{error}");
    assert_eq!(outer.streams(), streams);
    assert_eq!(fs::read(files.journal()).unwrap(), good, "none of this touches it");
}

#[tokio::test]
async fn a_journal_is_for_one_process_and_a_content_that_can_be_read_again() {
    let mut net = Net::new();
    net.outer(|_| Act::Mute);
    let (ticket, files) = (net.ticket(), Files::new(b"a list"));
    let content = || Content::file(files.content()).unwrap();
    let first = tokio::spawn(net.client().send(&ticket, content()).journal(files.journal()).into_future());
    while fs::metadata(files.journal()).map_or(true, |journal| journal.len() == 0) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let error = journal_error(resume(&net, &ticket, &files).await.unwrap_err());
    assert!(matches!(error, JournalError::InUse { .. }) && error.may_retry(), "{error}");
    // It is written under another name first, which can be that of somebody else's.
    let shorter = files.folder.path().join("list");
    fs::rename(files.journal(), files.folder.path().join("list.new")).unwrap();
    let kept = fs::read(files.folder.path().join("list.new")).unwrap();
    let error = journal_error(net.client().send(&ticket, content()).journal(&shorter).await.unwrap_err());
    assert!(matches!(error, JournalError::InUse { .. }), "{error}");
    assert_eq!(fs::read(files.folder.path().join("list.new")).unwrap(), kept);
    first.abort();
    let _ = first.await;

    let precious = files.folder.path().join("precious");
    fs::write(&precious, "precious").unwrap();
    fs::set_permissions(&precious, Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::symlink(&precious, files.folder.path().join("link.new")).unwrap();
    let link = files.folder.path().join("link");
    let error = journal_error(net.client().send(&ticket, content()).journal(link).await.unwrap_err());
    assert!(matches!(error, JournalError::Io { .. }), "{error}");
    assert_eq!(fs::read(&precious).unwrap(), b"precious", "no link is followed");

    let journal = files.folder.path().join("other.journal");
    let reader = Content::reader(std::io::Cursor::new(b"a list".to_vec()));
    let error = journal_error(net.client().send(&net.ticket(), reader).journal(&journal).await.unwrap_err());
    assert!(matches!(error, JournalError::NotRepeatable), "{error}");
    let nowhere = Path::new("/nonexistent/folder/journal");
    let error = journal_error(net.client().send(&net.ticket(), content()).journal(nowhere).await.unwrap_err());
    assert!(matches!(error, JournalError::Io { .. }) && error.to_string().contains("/nonexistent"), "{error}");
}
