use std::time::Duration;

use schleuse_protocol::limits::IDLE_TIMEOUT;
use schleuse_protocol::time::{Millis, Now};
use schleuse_protocol::wire::refusal::STOP_ENOUGH;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;
use crate::endpoint::Limits;
use crate::net::{Connection, Endpoint, ReadError, ReadToEndError, WriteError};
use crate::testing::{Ca, connect, dialler, soon};
use crate::tls::Peers;

/// A sender and an office with a relay between them.
struct Path {
    sender: Side,
    office: Side,
    /// Ends with what the machine says.
    relay: JoinHandle<(RelayEnd, u64, u64)>,
    office_connection: Connection,
    to_office: Connection,
    /// Kept open, so that nothing but the relay ends the streams.
    _open: (Vec<Endpoint>, [Connection; 4]),
}

impl Path {
    async fn new() -> Self {
        Self::idle_for(Duration::ZERO).await
    }

    /// A path on which nothing has moved for a while when the relay begins.
    async fn idle_for(idle: Duration) -> Self {
        Self::in_room(idle, Room::unbounded(), Limits::LINK).await
    }

    /// The same, where it may stand still only as `room` says, and the office takes only so much at a time.
    async fn in_room(idle: Duration, room: Room, office_limits: Limits) -> Self {
        let clock = Clock { start: Instant::now().checked_sub(IDLE_TIMEOUT).unwrap() };
        let ca = Ca::new("net");
        let outer = ca.listener("outer-1", &Peers::Anonymous, &Limits::PUBLIC);
        let office = ca.listener("office-1", &Peers::Members(ca.roots()), &office_limits);
        let (sender, inner) = (dialler(ca.sender()), dialler(ca.link("inner-1", &Limits::LINK)));
        let (from_sender, at_outer) = connect(&sender, &outer, "outer-1").await;
        let (to_office, at_office) = connect(&inner, &office, "office-1").await;

        // A stream exists for the peer only once something was sent on it.
        let mut sender_side = Side::from(from_sender.open_bi().await.unwrap());
        sender_side.send.write_all(b"open").await.unwrap();
        let mut near = Side::from(soon(at_outer.accept_bi()).await.unwrap());
        let mut far = Side::from(to_office.open_bi().await.unwrap());
        let mut opening = [0; 4];
        near.recv.read_exact(&mut opening).await.unwrap();
        far.send.write_all(&opening).await.unwrap();
        let mut office_side = Side::from(soon(at_office.accept_bi()).await.unwrap());
        office_side.recv.read_exact(&mut opening).await.unwrap();

        let idle = u64::try_from(idle.as_millis()).unwrap();
        let relay = tokio::spawn(async move {
            let mut machine = Relay::new(Now { millis: Millis(clock.millis().0 - idle), ..clock.now() });
            let end = relay_within(near, far, &mut machine, clock, &room).await;
            (end, machine.total(Direction::ToOffice), machine.total(Direction::ToSender))
        });
        let open = (vec![outer, office, sender, inner], [from_sender, at_outer, to_office.clone(), at_office.clone()]);
        Self { sender: sender_side, office: office_side, relay, office_connection: at_office, to_office, _open: open }
    }
}

fn unavailable() -> Code {
    refusal_code(StreamRefusal::Unavailable)
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n * 31 % 251) as u8).collect()
}

#[tokio::test]
async fn bytes_and_ends_pass_both_ways_and_are_counted() {
    const UP: usize = 3_000_000;
    const DOWN: usize = 700_001;
    let Path { mut sender, mut office, relay, _open, .. } = Path::new().await;
    let uploading = async {
        sender.send.write_all(&pattern(UP)).await.unwrap();
        sender.send.finish().unwrap();
        sender.recv.read_to_end(DOWN).await.unwrap()
    };
    let answering = async {
        let received = office.recv.read_to_end(UP).await.unwrap();
        office.send.write_all(&pattern(DOWN)).await.unwrap();
        office.send.finish().unwrap();
        received
    };
    let (answer, received) = soon(async { tokio::join!(uploading, answering) }).await;
    assert!(received == pattern(UP) && answer == pattern(DOWN));
    assert_eq!(soon(relay).await.unwrap(), (RelayEnd::Finished, UP as u64, DOWN as u64));
}

#[tokio::test]
async fn an_end_of_one_direction_leaves_the_other_open() {
    let Path { mut sender, mut office, relay, _open, .. } = Path::new().await;
    sender.send.finish().unwrap();
    assert!(soon(office.recv.read_to_end(0)).await.unwrap().is_empty());
    for _ in 0..3 {
        office.send.write_all(b"progress").await.unwrap();
        let mut answer = [0; 8];
        soon(sender.recv.read_exact(&mut answer)).await.unwrap();
        assert_eq!(&answer, b"progress");
    }
    office.send.finish().unwrap();
    assert!(soon(sender.recv.read_to_end(0)).await.unwrap().is_empty());
    assert_eq!(soon(relay).await.unwrap(), (RelayEnd::Finished, 0, 24));
}

#[tokio::test]
async fn a_reset_is_passed_on_with_its_code_and_ends_both_directions() {
    let Path { mut sender, mut office, relay, _open, .. } = Path::new().await;
    let refused = refusal_code(StreamRefusal::Refused);
    office.send.reset(refused).unwrap();
    let error = soon(sender.recv.read_to_end(9)).await.unwrap_err();
    assert!(matches!(error, ReadToEndError::Read(ReadError::Reset(code)) if code == refused), "{error}");
    assert_eq!(soon(sender.send.stopped()).await, Ok(Some(refused)));
    assert!(matches!(soon(office.recv.read(&mut [0])).await, Err(ReadError::Reset(code)) if code == refused));
    assert_eq!(soon(relay).await.unwrap().0, RelayEnd::Failed);
}

#[tokio::test]
async fn a_reset_behind_a_stalled_receiver_is_passed_on_once_it_reads() {
    let Path { mut sender, mut office, relay, _open, .. } = Path::new().await;
    let stalled = tokio::time::timeout(Duration::from_millis(500), sender.send.write_all(&pattern(8_000_000))).await;
    assert!(stalled.is_err());
    sender.send.reset(refusal_code(StreamRefusal::Refused)).unwrap();
    let end = soon(async {
        loop {
            if let Err(error) = office.recv.read_chunk(usize::MAX).await {
                return error;
            }
        }
    });
    assert_eq!(end.await, ReadError::Reset(refusal_code(StreamRefusal::Refused)));
    assert_eq!(soon(relay).await.unwrap().0, RelayEnd::Failed);
}

#[tokio::test]
async fn codes_that_the_protocol_does_not_have_are_not_passed_on() {
    let Path { mut sender, mut office, relay, _open, .. } = Path::new().await;
    office.recv.stop(Code::from_u32(78)).unwrap();
    assert_eq!(soon(sender.send.stopped()).await, Ok(Some(unavailable())));
    office.send.reset(Code::from_u32(77)).unwrap();
    let error = soon(sender.recv.read_to_end(9)).await.unwrap_err();
    assert!(matches!(error, ReadToEndError::Read(ReadError::Reset(code)) if code == unavailable()), "{error}");
    assert_eq!(soon(relay).await.unwrap().0, RelayEnd::Failed);
}

#[tokio::test]
async fn a_stop_is_passed_on_while_the_source_is_silent_and_the_answer_still_comes() {
    let Path { mut sender, mut office, relay, _open, .. } = Path::new().await;
    let enough = Code::from_u64(STOP_ENOUGH).unwrap();
    office.recv.stop(enough).unwrap();
    assert_eq!(soon(sender.send.stopped()).await, Ok(Some(enough)));
    assert_eq!(sender.send.write(b"x").await, Err(WriteError::Stopped(enough)));
    office.send.write_all(b"receipt").await.unwrap();
    office.send.finish().unwrap();
    assert_eq!(soon(sender.recv.read_to_end(99)).await.unwrap(), b"receipt");
    assert_eq!(soon(relay).await.unwrap(), (RelayEnd::Finished, 0, 7));
}

#[tokio::test]
async fn a_stalled_receiver_bounds_what_is_read_and_nothing_is_lost() {
    const LENGTH: usize = 8_000_000;
    let Path { mut sender, mut office, relay, _open, .. } = Path::new().await;
    let mut accepted = 0;
    let data = pattern(LENGTH);
    let _ = tokio::time::timeout(Duration::from_secs(1), async {
        while accepted < LENGTH {
            accepted += sender.send.write(&data[accepted..]).await.unwrap();
        }
    })
    .await;
    // Where bytes can be: the office's window, the relay's chunks and its window.
    let windows = Limits::LINK.stream_window + Limits::PUBLIC.stream_window;
    let bound = windows as usize + CHUNKS * 1500;
    assert!(accepted <= bound, "{accepted} bytes were taken from the sender, {bound} can be on the way");

    let rest = async {
        sender.send.write_all(&data[accepted..]).await.unwrap();
        sender.send.finish().unwrap();
    };
    let (received, ()) = soon(async { tokio::join!(office.recv.read_to_end(LENGTH), rest) }).await;
    assert!(received.unwrap() == data);
    office.send.finish().unwrap();
    assert_eq!(soon(relay).await.unwrap(), (RelayEnd::Finished, LENGTH as u64, 0));
}

#[tokio::test]
async fn a_standstill_is_given_up_and_progress_puts_that_off() {
    const LEFT: Duration = Duration::from_secs(1);
    let Path { mut sender, mut office, relay, _open, .. } = Path::idle_for(IDLE_TIMEOUT - LEFT).await;
    assert_eq!(soon(relay).await.unwrap().0, RelayEnd::TimedOut);
    assert_eq!(soon(sender.send.stopped()).await, Ok(Some(unavailable())));
    assert!(matches!(soon(sender.recv.read(&mut [0])).await, Err(ReadError::Reset(code)) if code == unavailable()));
    assert!(matches!(soon(office.recv.read(&mut [0])).await, Err(ReadError::Reset(code)) if code == unavailable()));

    let Path { mut sender, mut office, relay, _open, .. } = Path::idle_for(IDLE_TIMEOUT - LEFT).await;
    office.send.write_all(b"progress").await.unwrap();
    soon(sender.recv.read_exact(&mut [0; 8])).await.unwrap();
    assert!(tokio::time::timeout(2 * LEFT, relay).await.is_err());
}

#[tokio::test]
async fn a_lost_connection_ends_the_stream_on_the_other_side() {
    let Path { mut sender, relay, office_connection, _open, .. } = Path::new().await;
    office_connection.close(Code::NONE, b"");
    assert!(matches!(soon(sender.recv.read(&mut [0])).await, Err(ReadError::Reset(code)) if code == unavailable()));
    assert_eq!(soon(sender.send.stopped()).await, Ok(Some(unavailable())));
    assert_eq!(soon(relay).await.unwrap().0, RelayEnd::Failed);
}

#[tokio::test]
async fn a_dropped_relay_does_not_look_like_a_proper_end() {
    let Path { mut sender, mut office, relay, _open, .. } = Path::new().await;
    sender.send.write_all(b"half a submission").await.unwrap();
    soon(office.recv.read_exact(&mut [0; 17])).await.unwrap();
    relay.abort();
    assert_eq!(soon(office.recv.read(&mut [0])).await, Err(ReadError::Reset(unavailable())));
    assert_eq!(soon(sender.recv.read(&mut [0])).await, Err(ReadError::Reset(unavailable())));
    assert_eq!(soon(sender.send.stopped()).await, Ok(Some(unavailable())));
}

/// No place to stand still.
fn no_place() -> Standstill {
    Standstill::of(0)
}

#[tokio::test]
async fn an_office_that_takes_a_few_bytes_now_and_then_stands_still() {
    let room = Room { uploads: no_place(), ..Room::unbounded() };
    let Path { mut sender, mut office, mut relay, _open, .. } =
        Path::in_room(Duration::ZERO, room, Limits { stream_window: 64, ..Limits::LINK }).await;
    let dripping = async {
        loop {
            soon(office.recv.read_exact(&mut [0; 64])).await.ok()?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let content = pattern(100_000);
    tokio::select! {
        end = soon(&mut relay) => assert_eq!(end.unwrap().0, RelayEnd::Failed),
        _ = sender.send.write_all(&content) => { assert_eq!(soon(relay).await.unwrap().0, RelayEnd::Failed) }
        None::<()> = dripping => {}
    }
}

#[tokio::test]
async fn a_sender_that_takes_no_answers_stands_still() {
    let room = Room { answers: no_place(), ..Room::unbounded() };
    let Path { sender, mut office, relay, _open, .. } = Path::in_room(Duration::ZERO, room, Limits::LINK).await;
    let answering = tokio::spawn(async move { office.send.write_all(&pattern(8_000_000)).await });
    assert_eq!(soon(relay).await.unwrap().0, RelayEnd::Failed);
    assert_eq!(soon(answering).await.unwrap(), Err(WriteError::Stopped(unavailable())));
    drop(sender);
}

#[tokio::test]
async fn a_silent_source_is_heard_while_its_sink_has_no_room_even_for_a_question() {
    const ROOM: u32 = 100_000;
    let limits = Limits { connection_window: ROOM, ..Limits::LINK };
    let Path { mut sender, relay, to_office, _open, .. } =
        Path::in_room(Duration::ZERO, Room::unbounded(), limits).await;
    // Another stream fills the window that both share.
    let (mut other, _recv) = soon(to_office.open_bi()).await.unwrap();
    let full = tokio::time::timeout(Duration::from_millis(500), other.write_all(&pattern(2 * ROOM as usize))).await;
    assert!(full.is_err());
    // Long enough for the relay to have asked whether the office wants anything.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    sender.send.reset(unavailable()).unwrap();
    assert_eq!(soon(relay).await.unwrap().0, RelayEnd::Failed);
}
