//! The sender's machine of `schleuse-protocol` over the real seal: what it sends has the one shape that an office takes.

use schleuse_protocol::channel::OfficeChannel;
use schleuse_protocol::limits::{SEGMENT_DATA, VERSION};
use schleuse_protocol::sender::{SenderAction, SenderStream, Start};
use schleuse_protocol::time::Now;
use schleuse_protocol::wire::frame::{Frame, FrameReader, FrameType};
use schleuse_protocol::wire::hop::Open;
use schleuse_seal::Sender;

use crate::common::*;

/// All frames of a content whose end the shell finds only when there is nothing left to read.
fn frames(mut stream: SenderStream<Sender>, content: &[u8]) -> Vec<Frame> {
    let (mut reader, mut frames, mut pieces) = (FrameReader::new(), Vec::new(), content.chunks(SEGMENT_DATA));
    loop {
        while let Some(action) = stream.poll_action() {
            match action {
                SenderAction::Send(bytes) => {
                    let mut rest = &bytes[..];
                    while let Some(frame) = reader.read(&mut rest, &FrameType::ALL).expect("frames") {
                        frames.push(frame);
                    }
                }
                SenderAction::FinishStream => return frames,
                SenderAction::Event(event) => panic!("{event:?}"),
            }
        }
        let position = stream.wanted().expect("it wants the next piece");
        let piece = pieces.next().unwrap_or_default();
        stream.provide(position, piece, piece.len() < SEGMENT_DATA, Now::default()).expect("the piece that it wanted");
    }
}

#[test]
fn what_the_machine_sends_opens() {
    for length in [0, 1, 1024, SEGMENT_DATA - 1, SEGMENT_DATA, SEGMENT_DATA + 1, 2 * SEGMENT_DATA, 3_000_000] {
        let minted = mint(SUITES[0], 1);
        let sender = sender(&minted, 1);
        let mut channel = open(&minted, &sender).unwrap().channel;
        let route = minted.ticket.body().routes[0];
        let over = Open { version: VERSION, inner: route.inner, token: route.token };
        let frames = frames(SenderStream::new(sender, over, Start::Fresh, Now::default()), &content(length));
        let (last, segments) = frames[2..].split_last().unwrap();
        for frame in segments {
            assert_eq!(frame.frame_type, FrameType::Segment);
            let (position, ciphertext) = frame.segment().unwrap();
            channel.open_segment(position, ciphertext).unwrap();
        }
        assert_eq!(last.frame_type, FrameType::Final);
        let (position, ciphertext) = last.segment().unwrap();
        assert_eq!(channel.open_final(position, ciphertext).unwrap().length, length as u64, "{length} bytes");
    }
}
