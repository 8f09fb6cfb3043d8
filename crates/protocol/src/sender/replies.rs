//! The office's answer: its salt, then sealed replies.

use crate::channel::{ReplyOpener, SenderChannel};
use crate::wire::frame::{FrameReader, FrameType};
use crate::wire::reply::Reply;

/// Cuts and opens the replies of one stream.
pub(super) struct Replies<R> {
    frames: FrameReader,
    opener: Option<R>,
}

/// What came is no answer of this office, or was damaged.
#[derive(Clone, Copy, Debug)]
pub(super) struct BadReply;

impl<R> Default for Replies<R> {
    fn default() -> Self {
        Self { frames: FrameReader::new(), opener: None }
    }
}

impl<R: ReplyOpener> Replies<R> {
    /// The next reply, if it is whole.
    pub(super) fn read<C>(&mut self, input: &mut &[u8], channel: &C) -> Result<Option<Reply>, BadReply>
    where
        C: SenderChannel<Replies = R>,
    {
        while let Some(frame) = self.frames.read(input).map_err(|_| BadReply)? {
            match (frame.frame_type, &mut self.opener) {
                (FrameType::ReplyStart, None) => {
                    let salt = frame.body.as_slice().try_into().map_err(|_| BadReply)?;
                    self.opener = Some(channel.replies(&salt));
                }
                (FrameType::Reply, Some(opener)) => {
                    return opener.open(&frame.body).map(Some).map_err(|_| BadReply);
                }
                _ => return Err(BadReply),
            }
        }
        Ok(None)
    }
}
