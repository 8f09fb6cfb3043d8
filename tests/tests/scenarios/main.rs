//! What must hold, against the real daemons: each is a process with files on disk and sockets on loopback.
//!
//! One binary, so that the suite links once; each file is one topic.

mod idle;
