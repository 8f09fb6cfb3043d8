//! What the peers of both proxies do in tests: wait, open streams, and take them to their end.

use std::time::Duration;

use schleuse_protocol::wire::Wire;
use schleuse_protocol::wire::frame::{FRAME_HEAD, FrameReader, FrameType, encode_frame};
use schleuse_protocol::wire::hop::Open;
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_transport::net::{Connection, ReadError, RecvStream, SendStream};
use schleuse_transport::relay::refusal_code;

pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Both halves of a stream at one of its ends.
pub(crate) type Stream = (SendStream, RecvStream);

/// Fails a test instead of hanging it.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it did not happen within 10 seconds")
}

pub(crate) fn id(name: &str) -> MemberId {
    name.parse().expect("a name")
}

/// Opens a stream that begins with `header`, followed by `rest`.
pub(crate) async fn stream(connection: &Connection, header: &Open, rest: &[u8]) -> Stream {
    let (mut send, recv) = soon(connection.open_bi()).await.expect("a stream");
    send.write_all(&encode_frame(FrameType::Open, header)).await.expect("the header is taken");
    send.write_all(rest).await.expect("the rest is taken");
    (send, recv)
}

/// How the proxy refused the stream.
pub(crate) async fn refusal(recv: &mut RecvStream) -> StreamRefusal {
    match soon(recv.read_chunk(1)).await {
        Err(ReadError::Reset(code)) if code == refusal_code(StreamRefusal::Refused) => StreamRefusal::Refused,
        Err(ReadError::Reset(code)) if code == refusal_code(StreamRefusal::Unavailable) => StreamRefusal::Unavailable,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

/// The next stream that the proxy brings, and its header.
pub(crate) async fn next_stream<H: Wire>(connection: &Connection) -> (H, SendStream, RecvStream) {
    let (send, mut recv) = soon(connection.accept_bi()).await.expect("a stream");
    let mut header = vec![0; FRAME_HEAD + H::MAX];
    soon(recv.read_exact(&mut header)).await.expect("a header");
    let frame = FrameReader::new().read(&mut &header[..], &FrameType::ALL).expect("a frame").expect("a whole one");
    (frame.decode().expect("a header"), send, recv)
}

/// The sender's end of a stream is finished, the other has then got `content`, and the answer arrives.
pub(crate) async fn deliver((mut send, mut recv): Stream, (mut reply, mut carried): Stream, content: &[u8]) {
    send.finish().expect("it is open");
    assert_eq!(soon(carried.read_to_end(100)).await.expect("a proper end"), content);
    reply.write_all(b"receipt").await.expect("the sender reads");
    reply.finish().expect("it is open");
    assert_eq!(soon(recv.read_to_end(100)).await.expect("a proper end"), b"receipt");
}

/// Carries 100 MiB from one end of a stream to the other.
pub(crate) async fn carry_100_mib(mut send: SendStream, mut far: RecvStream) {
    let chunk = vec![0x5a; 1024 * 1024];
    let (sent, received) = tokio::join!(
        async {
            for _ in 0..100 {
                send.write_all(&chunk).await.expect("it is carried");
            }
            send.finish().expect("it is open");
        },
        async {
            let mut total = 0;
            while let Some(chunk) = far.read_chunk(usize::MAX).await.expect("it is carried") {
                total += chunk.len();
            }
            total
        },
    );
    assert_eq!((sent, received), ((), 100 * 1024 * 1024));
}
