//! Segments: in order, verified, stored; or compared with what is there (protocol.md 8.5 and 8.7).

use super::OfficeStream;
use super::action::{OfficeAction, OfficePolicy};
use super::session::Session;
use super::state::{Comparing, Receiving, State};
use crate::channel::{ChannelError, OfficeChannel, OfficeSeal};
use crate::time::Now;
use crate::wire::frame::{Frame, FrameType};
use crate::wire::refusal::StreamRefusal;
use crate::wire::reply::{Reason, Reply};

/// What one segment frame was.
enum Piece<'f> {
    Segment(&'f [u8]),
    Final(&'f [u8]),
}

/// The frame at the one position that is expected. Anything else is not what the sender sent.
fn piece(frame: &Frame, expected: u32) -> Option<Piece<'_>> {
    match (frame.frame_type, frame.segment().ok()?) {
        (FrameType::Segment, (position, ciphertext)) if position == expected => Some(Piece::Segment(ciphertext)),
        (FrameType::Final, (position, ciphertext)) if position == expected => Some(Piece::Final(ciphertext)),
        _ => None,
    }
}

impl<S: OfficeSeal, P: OfficePolicy> OfficeStream<S, P> {
    /// protocol.md 8.5: position by position, nothing twice, nothing left out.
    pub(super) fn receive(&mut self, mut receiving: Receiving<S>, frame: Frame, now: Now) {
        match piece(&frame, receiving.expected) {
            // A proxy's tampering must not look like the sender's fault: the sender may send the same bytes over another route.
            None => self.reset(StreamRefusal::Refused),
            Some(Piece::Final(ciphertext)) => self.finish(receiving, ciphertext, now),
            Some(Piece::Segment(ciphertext)) => {
                let data_len = match receiving.session.channel.open_segment(receiving.expected, ciphertext) {
                    Ok(data_len) => data_len,
                    Err(error) => return self.fail_receiving(receiving.session, error),
                };
                receiving.length += u64::from(data_len);
                // protocol.md 8.5: refused during the upload, not at its end
                if receiving.length > receiving.max_length {
                    let reason = Reason::TooLarge(receiving.max_length);
                    return self.reject(receiving.session, reason);
                }
                self.actions.push_back(OfficeAction::Store {
                    ticket: receiving.session.id(),
                    attempt: receiving.session.intro.attempt,
                    position: receiving.expected,
                    ciphertext: frame.into_ciphertext(),
                    data_len,
                });
                receiving.expected += 1;
                self.state = State::Receiving(receiving);
            }
        }
    }

    /// Tells the sender how far the store has got.
    pub(super) fn acknowledge(&mut self, stored: u32) {
        if let State::Receiving(receiving) = &mut self.state {
            let bytes = receiving.session.reply(&Reply::Progress { stored });
            self.actions.push_back(OfficeAction::Send(bytes));
        }
    }

    /// protocol.md 8.7: another hello after completion. Nothing of it is stored.
    pub(super) fn compare(&mut self, mut comparing: Comparing<S>, frame: &Frame) {
        match piece(frame, comparing.expected) {
            None => self.reset(StreamRefusal::Refused),
            Some(Piece::Final(ciphertext)) => self.finish_comparing(comparing, ciphertext),
            Some(Piece::Segment(ciphertext)) => {
                match comparing.session.channel.open_segment(comparing.expected, ciphertext) {
                    Ok(data_len) => comparing.length += u64::from(data_len),
                    Err(error) => return self.fail_comparing(comparing.session, error),
                }
                if comparing.length > comparing.receipt.body().length {
                    return self.refuse(comparing.session, Reason::AlreadyUsed);
                }
                comparing.expected += 1;
                self.state = State::Comparing(comparing);
            }
        }
    }

    fn finish_comparing(&mut self, mut comparing: Comparing<S>, ciphertext: &[u8]) {
        let trailer = match comparing.session.channel.open_final(comparing.expected, ciphertext) {
            Ok(trailer) => trailer,
            Err(error) => return self.fail_comparing(comparing.session, error),
        };
        if comparing.session.intro.length.is_some_and(|announced| announced != trailer.length) {
            return self.refuse(comparing.session, Reason::Malformed);
        }
        if !self.is_vouched(&comparing.session, &trailer) {
            return self.refuse(comparing.session, Reason::BadIdentity);
        }
        // Compared only after the signature is verified: somebody who cannot sign for a member does not learn whether that
        // member sent the submission.
        let (intro, stored) = (&comparing.session.intro, comparing.receipt.body());
        let is_same =
            trailer.content_hash == stored.content_hash && (intro.sender, intro.kind) == (stored.sender, stored.kind);
        if is_same {
            self.promise(comparing.session, comparing.receipt);
        } else {
            self.refuse(comparing.session, Reason::AlreadyUsed);
        }
    }

    /// A segment or the trailer of a new submission did not open.
    pub(super) fn fail_receiving(&mut self, session: Session<S>, error: ChannelError) {
        match error {
            ChannelError::Malformed => self.reject(session, Reason::Malformed),
            ChannelError::NotAuthentic | ChannelError::PlaintextDiffers => self.reset(StreamRefusal::Refused),
        }
    }

    /// A segment or the trailer of a repetition did not open.
    fn fail_comparing(&mut self, session: Session<S>, error: ChannelError) {
        match error {
            ChannelError::Malformed => self.refuse(session, Reason::Malformed),
            ChannelError::NotAuthentic | ChannelError::PlaintextDiffers => self.reset(StreamRefusal::Refused),
        }
    }
}
