use std::io::Write;

use super::*;

fn sample(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index * 7 + index / 251) as u8).collect()
}

async fn all(content: &mut Content) -> Result<Vec<u8>, ContentError> {
    let mut bytes = Vec::new();
    for position in 0.. {
        let segment = content.segment(position).await?;
        bytes.extend_from_slice(&segment.data);
        if segment.last {
            return Ok(bytes);
        }
        assert_eq!(segment.data.len(), SEGMENT_DATA);
        content.release(position + 1);
    }
    unreachable!("positions do not end")
}

fn file_with(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

#[tokio::test]
async fn every_kind_of_content_yields_the_same_segments() {
    for length in [0, 1, SEGMENT_DATA - 1, SEGMENT_DATA, SEGMENT_DATA + 1, 3 * SEGMENT_DATA, 3 * SEGMENT_DATA + 17] {
        let bytes = sample(length);
        let file = file_with(&bytes);
        let reader = Content::reader(std::io::Cursor::new(bytes.clone()));
        for mut content in [Content::from(bytes.clone()), Content::file(file.path()).unwrap(), reader] {
            assert_eq!(all(&mut content).await.unwrap(), bytes, "{length}");
        }
    }
}

#[tokio::test]
async fn a_file_can_be_read_again_from_any_segment() {
    let bytes = sample(2 * SEGMENT_DATA + 5);
    let file = file_with(&bytes);
    let mut content = Content::file(file.path()).unwrap();
    all(&mut content).await.unwrap();
    let second = content.segment(1).await.unwrap();
    assert_eq!(second.data, bytes[SEGMENT_DATA..2 * SEGMENT_DATA]);
    assert!(!second.last);
}

#[tokio::test]
async fn a_file_that_changes_its_length_is_noticed() {
    for (at_first, later) in [(10, 9), (10, 11), (SEGMENT_DATA + 1, SEGMENT_DATA)] {
        let file = file_with(&sample(at_first));
        let mut content = Content::file(file.path()).unwrap();
        file.as_file().set_len(later as u64).unwrap();
        assert!(matches!(all(&mut content).await, Err(ContentError::Changed)), "{at_first} -> {later}");
    }
}

#[tokio::test]
async fn a_file_that_is_written_over_is_noticed() {
    let file = file_with(&sample(SEGMENT_DATA + 1));
    file.as_file().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    let mut content = Content::file(file.path()).unwrap();
    content.segment(0).await.unwrap();
    std::fs::write(file.path(), vec![0; SEGMENT_DATA + 1]).unwrap();
    assert!(matches!(content.segment(1).await, Err(ContentError::Changed)));
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_named() {
    let error = Content::file("/nonexistent/list.json").unwrap_err();
    assert!(error.to_string().contains("/nonexistent/list.json"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    assert!(Content::file(folder.path()).is_err());
}

#[tokio::test]
async fn a_reader_keeps_what_is_not_stored_and_nothing_else() {
    let bytes = sample((WINDOW + 8) * SEGMENT_DATA);
    let mut content = Content::reader(std::io::Cursor::new(bytes.clone()));
    let mut position = 0;
    while content.has_room_for(position) {
        content.segment(position).await.unwrap();
        position += 1;
    }
    assert_eq!(position as usize, WINDOW);
    content.release(3);
    assert!(content.has_room_for(position));
    assert_eq!(content.segment(3).await.unwrap().data, bytes[3 * SEGMENT_DATA..4 * SEGMENT_DATA]);
    assert!(matches!(content.segment(2).await, Err(ContentError::Gone)));
}

#[tokio::test]
async fn dropping_a_read_of_a_reader_loses_nothing() {
    let (mut writer, reader) = tokio::io::duplex(16);
    let mut content = Content::reader(reader);
    let feed = async move {
        for byte in sample(100) {
            tokio::io::AsyncWriteExt::write_all(&mut writer, &[byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let read = async {
        loop {
            tokio::select! {
                biased;
                segment = content.segment(0) => break segment.unwrap(),
                () = tokio::task::yield_now() => {}
            }
        }
    };
    let ((), segment) = tokio::join!(feed, read);
    assert_eq!(segment.data, sample(100));
}

#[tokio::test]
async fn a_value_is_sent_as_json() {
    let mut content = Content::json(&serde_json::json!({ "guests": [] })).unwrap();
    assert_eq!(all(&mut content).await.unwrap(), br#"{"guests":[]}"#);
}
