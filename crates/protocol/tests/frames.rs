//! Frames: the same whatever the chunks, refused before they cost anything.

use proptest::prelude::*;
use schleuse_protocol::limits::MAX_SEGMENT_BODY;
use schleuse_protocol::wire::frame::{Frame, FrameError, FrameReader, FrameType, encode_raw};

fn read_all(reader: &mut FrameReader, mut input: &[u8]) -> Result<Vec<Frame>, FrameError> {
    let mut frames = Vec::new();
    while let Some(frame) = reader.read(&mut input, &FrameType::ALL)? {
        frames.push(frame);
    }
    assert!(input.is_empty(), "a reader that wants more has taken all");
    Ok(frames)
}

fn frame() -> impl Strategy<Value = Frame> {
    (prop::sample::select(&FrameType::ALL[..]), 0usize..3000, any::<u8>()).prop_map(|(frame_type, length, byte)| {
        let length = length.min(frame_type.max_body());
        Frame { frame_type, body: vec![byte; length] }
    })
}

proptest! {
    #[test]
    fn every_chunking_gives_the_same_frames(
        frames in prop::collection::vec(frame(), 0..6),
        cuts in prop::collection::vec(1usize..900, 0..40),
    ) {
        let bytes: Vec<u8> = frames.iter().flat_map(|frame| encode_raw(frame.frame_type, &[&frame.body])).collect();
        let (mut reader, mut read, mut rest) = (FrameReader::new(), Vec::new(), bytes.as_slice());
        for cut in cuts {
            let (chunk, tail) = rest.split_at(cut.min(rest.len()));
            read.extend(read_all(&mut reader, chunk).unwrap());
            rest = tail;
        }
        read.extend(read_all(&mut reader, rest).unwrap());
        prop_assert_eq!(read, frames);
        prop_assert!(reader.is_at_boundary());
    }

    #[test]
    fn arbitrary_bytes_are_frames_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let mut reader = FrameReader::new();
        if let Ok(frames) = read_all(&mut reader, &bytes) {
            let again: Vec<u8> = frames.iter().flat_map(|frame| encode_raw(frame.frame_type, &[&frame.body])).collect();
            prop_assert!(bytes.starts_with(&again));
            prop_assert_eq!(reader.is_at_boundary(), again.len() == bytes.len());
        }
    }
}

#[test]
fn the_limit_of_each_type_is_exact() {
    for frame_type in FrameType::ALL {
        let (largest, head) = (frame_type.max_body() as u32, frame_type as u8);
        let claim = |length: u32| [&[head][..], &length.to_le_bytes()].concat();
        assert_eq!(read_all(&mut FrameReader::new(), &claim(largest)), Ok(vec![]));
        let expected = Err(FrameError::TooLong(frame_type, largest + 1));
        assert_eq!(read_all(&mut FrameReader::new(), &claim(largest + 1)), expected);
    }
    assert_eq!(FrameType::Segment.max_body(), MAX_SEGMENT_BODY);
}

#[test]
fn a_type_that_is_not_due_is_refused_with_its_first_byte() {
    for frame_type in FrameType::ALL {
        for due in FrameType::ALL.into_iter().filter(|due| *due != frame_type) {
            let mut input: &[u8] = &[frame_type as u8];
            assert_eq!(FrameReader::new().read(&mut input, &[due]), Err(FrameError::NotDue(frame_type)));
        }
    }
}

#[test]
fn an_unknown_type_is_refused_with_its_first_byte() {
    for number in (0..=255).filter(|number| FrameType::from_u8(*number).is_none()) {
        assert_eq!(read_all(&mut FrameReader::new(), &[number]), Err(FrameError::UnknownType(number)));
    }
}
