//! The steps of a script, each followed by its argument; and scripts that reach every end.

/// The shell provides so many pieces.
pub const PROVIDE: u8 = 0;
/// The office accepts from this position on.
pub const ACCEPT: u8 = 1;
/// The office has stored so many segments.
pub const PROGRESS: u8 = 2;
/// The office's receipt: 0 the right one, others forged.
pub const RECEIPT: u8 = 3;
/// The office refuses.
pub const REFUSE: u8 = 4;
/// A reset: 0 refused, 1 unavailable, others unknown.
pub const RESET: u8 = 5;
/// The office's side ends.
pub const END: u8 = 6;
/// The connection is lost.
pub const LOST: u8 = 7;
/// So many seconds pass.
pub const WAIT: u8 = 8;
/// The next connection.
pub const RECONNECT: u8 = 9;
/// The next reply arrives with this bit flipped.
pub const DAMAGE: u8 = 10;
/// The last reply arrives once more.
pub const REPEAT: u8 = 11;
/// So many bytes of the script arrive as they are.
pub const BYTES: u8 = 12;
/// From here on the content has another byte here.
pub const CHANGE: u8 = 13;
/// The shell provides a piece that is none: 0 too short, 1 too long, 2 said to be the last, 3 of another position.
pub const MISUSE: u8 = 14;
/// The transport took bytes.
pub const SENT: u8 = 15;

/// Scripts that reach every end, for the corpus.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("delivered", vec![0, PROVIDE, 1, ACCEPT, 0, PROGRESS, 1, RECEIPT, 0]),
        ("empty", vec![1, ACCEPT, 0, PROVIDE, 1, RECEIPT, 0]),
        ("early-receipt", vec![6, ACCEPT, 0, PROVIDE, 1, RECEIPT, 0]),
        (
            "resumed",
            vec![6, PROVIDE, 2, ACCEPT, 0, PROGRESS, 1, LOST, 0, RECONNECT, 0, ACCEPT, 1, PROVIDE, 9, RECEIPT, 0],
        ),
        ("resumed-in-padding", vec![7, PROVIDE, 20, ACCEPT, 0, LOST, 0, RECONNECT, 0, ACCEPT, 15, RECEIPT, 0]),
        ("resumed-behind-the-end", vec![0, PROVIDE, 1, ACCEPT, 0, LOST, 0, RECONNECT, 0, ACCEPT, 9]),
        ("changed", vec![6, PROVIDE, 2, ACCEPT, 0, LOST, 0, CHANGE, 1, RECONNECT, 0, ACCEPT, 0, PROVIDE, 9]),
        ("ends-early", vec![6, PROVIDE, 3, ACCEPT, 0, LOST, 0, RECONNECT, 0, ACCEPT, 1, MISUSE, 2, RECEIPT, 0]),
        ("refused", vec![0, PROVIDE, 1, REFUSE, 0]),
        ("uniformly", vec![0, RESET, 0, RECONNECT, 0, RESET, 1, RECONNECT, 0, RESET, 2]),
        ("reset-late", vec![0, PROVIDE, 1, ACCEPT, 0, RESET, 0]),
        ("silent", vec![4, PROVIDE, 1, WAIT, 29, SENT, 0, WAIT, 29, END, 0]),
        ("times-out", vec![4, PROVIDE, 1, WAIT, 31]),
        ("damaged", vec![0, PROVIDE, 1, DAMAGE, 200, ACCEPT, 0]),
        ("accepted-twice", vec![0, ACCEPT, 0, ACCEPT, 0]),
        ("repeated", vec![0, ACCEPT, 0, REPEAT, 0]),
        ("progress-first", vec![0, PROGRESS, 1]),
        ("bytes", vec![0, BYTES, 6, 0x21, 1, 0, 0, 0, 7]),
        ("misused", vec![4, MISUSE, 0, MISUSE, 1, MISUSE, 3, PROVIDE, 2, ACCEPT, 0, RECEIPT, 0]),
        ("forged", {
            let mut script = vec![0, PROVIDE, 1];
            (1..9).for_each(|forgery| script.extend([ACCEPT, 0, RECEIPT, forgery, RECONNECT, 0]));
            script.extend([ACCEPT, 2, RECEIPT, 0]);
            script
        }),
    ]
}
