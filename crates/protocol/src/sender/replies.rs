//! The office's answer: its salt, then sealed replies.

use crate::channel::{ReplyOpener, SenderChannel};
use crate::wire::frame::{Frame, FrameReader, FrameType};
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
        if self.opener.is_none() {
            let Some(start) = self.next(input, FrameType::ReplyStart)? else { return Ok(None) };
            let salt = start.body.as_slice().try_into().map_err(|_| BadReply)?;
            self.opener = Some(channel.replies(&salt));
        }
        let Some(reply) = self.next(input, FrameType::Reply)? else { return Ok(None) };
        let Some(opener) = &mut self.opener else { return Ok(None) };
        opener.open(&reply.body).map(Some).map_err(|_| BadReply)
    }

    fn next(&mut self, input: &mut &[u8], due: FrameType) -> Result<Option<Frame>, BadReply> {
        self.frames.read(input, &[due]).map_err(|_| BadReply)
    }
}
