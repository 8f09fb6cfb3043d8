//! What a script says, and how it is read from the fuzzer's bytes: every input is a script, and every byte of it counts.
//! In all codes zero is what an honest sender does.

/// How many streams there are at a time.
pub(super) const PLACES: u8 = 3;

/// Bytes as they come; zeros after their end.
struct Reader<'i>(&'i [u8]);

impl Reader<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }
}

/// Structs of byte codes, which are read and written in the order of their fields.
macro_rules! coded {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default)]
        pub(super) struct $name {
            $($(#[$field_doc])* pub(super) $field: u8),+
        }

        impl $name {
            fn read(reader: &mut Reader<'_>) -> Self {
                Self { $($field: reader.byte()),+ }
            }

            fn write(self, out: &mut Vec<u8>) {
                $(out.push(self.$field);)+
            }
        }
    )+};
}

coded! {
    /// What holds for a whole script.
    Setting {
        /// Which ticket: without and with a purpose.
        ticket,
        /// When it begins: in the ticket's validity, before, shortly before its end, after.
        time,
        /// How streams are cut: 0 into 64 KiB, n into n² bytes.
        cut,
        /// How the store works: 0 at once, 1 reads at once and writes when told to, 2 only when told to.
        store,
    }

    /// A hello.
    HelloStep {
        /// Which encapsulated key.
        key,
        /// Attempt number; from 0xf0 on, numbers about the limits.
        attempt,
        /// See `known::KINDS`.
        kind,
        /// See `known::SENDERS`.
        sender,
        /// Announced length: none, right, one more, all there is, one less.
        announce,
        /// Language.
        language,
        /// Which byte of the intro's plaintext is changed,
        at,
        /// and how.
        xor,
    }

    /// What an honest sender would send from now on.
    ContentStep {
        /// Length, see [`length`].
        high,
        /// Length.
        low,
        /// Which content of that length.
        fill,
    }

    /// A segment with any plaintext.
    SegmentStep {
        /// In the frame, see [`position`].
        position,
        /// In the nonce.
        sealed,
        /// See [`flags`].
        flags,
        /// Bytes of data, see [`length`].
        data_high,
        /// Bytes of data.
        data_low,
        /// Bytes of padding.
        padding_high,
        /// Bytes of padding.
        padding_low,
        /// How many data its plaintext claims: right, one more, one less, all there is; or a plaintext that is cut.
        claim,
        /// The last byte of the padding.
        dirty,
    }

    /// A final with any trailer.
    FinalStep {
        /// In the frame, see [`position`].
        position,
        /// In the nonce.
        sealed,
        /// See [`flags`].
        flags,
        /// Length: of the content, of what was said, one more, one less, all there is.
        length,
        /// Hash: of the content, of what was said, a bit of it wrong, none.
        hash,
        /// Identity: right, none, the vendor's own, another vendor's, and more that are wrong.
        identity,
        /// Which byte of the trailer's plaintext is changed,
        at,
        /// and how,
        xor,
        /// and how many bytes are missing at its end.
        short,
    }

    /// A frame's head, and as much of its body as is there.
    RawStep {
        /// Type.
        number,
        /// Length.
        high,
        /// Length.
        low,
        /// Bytes that follow.
        body,
    }
}

/// Bits of the flags of a segment or final.
pub(super) mod flags {
    /// The nonce says the contrary about being the last.
    pub(in super::super) const LAST: u8 = 1;
    /// The frame says that it is the other of the two.
    pub(in super::super) const TYPE: u8 = 2;
    /// The sender goes on at the same position.
    pub(in super::super) const AGAIN: u8 = 4;
}

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// A new stream at a place; one that was there is lost.
    Open(u8),
    /// The next steps are about the stream at this place.
    Select(u8),
    Hello(HelloStep),
    Content(ContentStep),
    /// So many of the next frames of the content as an honest sender would send them, all with 0.
    Honest(u8),
    Segment(SegmentStep),
    Final(FinalStep),
    /// One of the frames that were sent in this script, counted from the latest.
    Repeat(u8),
    Raw(RawStep),
    /// The sender goes on at this position; 0: where the office said.
    Seek(u8),
    /// The sender ends the stream.
    End,
    /// The stream is lost.
    Lose,
    /// The store commits so many commands, all with 0.
    Commit(u8),
    /// The store fails at its next write.
    Fail,
    /// Seconds pass; from 0xf0 on, hours.
    Wait(u8),
    /// A stored segment is gone (even) or another one (odd).
    Damage(u8),
    /// The office deletes what it has of the ticket.
    Delete,
    /// The office is started anew: what was not durable is lost.
    Crash,
}

impl Step {
    fn read(reader: &mut Reader<'_>) -> Self {
        match reader.byte() % 18 {
            0 => Self::Open(reader.byte()),
            1 => Self::Select(reader.byte()),
            2 => Self::Hello(HelloStep::read(reader)),
            3 => Self::Content(ContentStep::read(reader)),
            4 => Self::Honest(reader.byte()),
            5 => Self::Segment(SegmentStep::read(reader)),
            6 => Self::Final(FinalStep::read(reader)),
            7 => Self::Repeat(reader.byte()),
            8 => Self::Raw(RawStep::read(reader)),
            9 => Self::Seek(reader.byte()),
            10 => Self::End,
            11 => Self::Lose,
            12 => Self::Commit(reader.byte()),
            13 => Self::Fail,
            14 => Self::Wait(reader.byte()),
            15 => Self::Damage(reader.byte()),
            16 => Self::Delete,
            _ => Self::Crash,
        }
    }

    fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Open(place) => out.extend([0, place]),
            Self::Select(place) => out.extend([1, place]),
            Self::Hello(hello) => hello.write(numbered(out, 2)),
            Self::Content(content) => content.write(numbered(out, 3)),
            Self::Honest(count) => out.extend([4, count]),
            Self::Segment(segment) => segment.write(numbered(out, 5)),
            Self::Final(end) => end.write(numbered(out, 6)),
            Self::Repeat(which) => out.extend([7, which]),
            Self::Raw(raw) => raw.write(numbered(out, 8)),
            Self::Seek(position) => out.extend([9, position]),
            Self::End => out.push(10),
            Self::Lose => out.push(11),
            Self::Commit(count) => out.extend([12, count]),
            Self::Fail => out.push(13),
            Self::Wait(time) => out.extend([14, time]),
            Self::Damage(position) => out.extend([15, position]),
            Self::Delete => out.push(16),
            Self::Crash => out.push(17),
        }
    }
}

fn numbered(out: &mut Vec<u8>, number: u8) -> &mut Vec<u8> {
    out.push(number);
    out
}

/// The longest script.
const MOST: usize = 200;

/// Reads any bytes.
pub(super) fn read(input: &[u8]) -> (Setting, Vec<Step>) {
    let mut reader = Reader(input);
    let setting = Setting::read(&mut reader);
    let mut steps = Vec::new();
    while !reader.0.is_empty() && steps.len() < MOST {
        steps.push(Step::read(&mut reader));
    }
    (setting, steps)
}

/// Writes what [`read`] reads.
pub(super) fn write(setting: Setting, steps: &[Step]) -> Vec<u8> {
    let mut out = Vec::new();
    setting.write(&mut out);
    steps.iter().for_each(|step| step.write(&mut out));
    out
}

/// A number of bytes: two bytes of it, or from 0xc000 on so many full segments and a little less or more.
pub(super) fn length(high: u8, low: u8) -> usize {
    match high {
        0..0xc0 => usize::from(u16::from_be_bytes([high, low])),
        _ => {
            let segments = usize::from(high & 0x3f).min(40);
            (segments * schleuse_protocol::limits::SEGMENT_DATA + usize::from(low)).saturating_sub(128)
        }
    }
}

/// The code of so many full segments.
pub(super) fn segments(count: u8) -> (u8, u8) {
    (0xc0 | count, 128)
}

/// A position: the sender's own, the next, the one before, the last of all, or any.
pub(super) fn position(code: u8, own: u32) -> u32 {
    match code {
        0 => own,
        1 => own.wrapping_add(1),
        2 => own.wrapping_sub(1),
        3 => u32::MAX,
        other => u32::from(other - 4),
    }
}
