//! Looks at the length of every message before it is buffered: no client can make the tap hold more than one limit.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// Longest message of a client, in bytes. The longest question that people or dashboards ask is a few KiB; parameters
/// are ids. PostgreSQL's own bound, 1 GiB a connection, would be the whole machine.
pub(super) const MESSAGE_LIMIT: usize = 1 << 20;

/// Longest message of a client that is not let in yet, in bytes: PostgreSQL's own bound on a start message.
const START_LIMIT: usize = 10_000;

/// Bytes that a client may send before it is let in. Logging in takes a few hundred; what follows no message boundary
/// could otherwise be buffered up to the protocol's own bound.
const LOGIN_BYTES: usize = 64 << 10;

/// Codes that stand where a start message has its protocol version: cancel, TLS and GSS requests. After these, the
/// next message has no type byte either.
const REQUEST_CODES: std::ops::RangeInclusive<u32> = 80_877_102..=80_877_104;

/// How long a client may take nothing of an answer: one that never reads would hold its answer in memory for ever.
const STALL_TIME: Duration = Duration::from_secs(60);

/// A stream that ends with an error when a message claims an impossible or too great length, or when the client stops
/// taking what it asked for.
#[derive(Debug)]
pub(super) struct Gate<S> {
    stream: S,
    frames: Frames,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Gate<S> {
    /// Guards `stream`, at the start of a connection.
    pub(super) fn new(stream: S) -> Self {
        Self { stream, frames: Frames::default(), stalled: None }
    }

    /// The client has shown who it is: from now on it may ask long questions.
    pub(super) fn let_in(&mut self) {
        self.frames.let_in = true;
    }

    /// The stream without its guard.
    pub(super) fn into_inner(self) -> S {
        self.stream
    }
}

/// Follows the message boundaries of what a client sends.
#[derive(Debug, Default)]
struct Frames {
    started: bool,
    let_in: bool,
    /// Bytes that came before it was let in.
    early: usize,
    header: [u8; 8],
    have: usize,
    body_left: usize,
}

impl Frames {
    fn pass(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        if !self.let_in {
            self.early = self.early.saturating_add(bytes.len());
            if self.early > LOGIN_BYTES {
                let reason = format!("more than {LOGIN_BYTES} bytes without a login");
                return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
            }
        }
        while !bytes.is_empty() {
            if self.body_left > 0 {
                let skipped = self.body_left.min(bytes.len());
                self.body_left -= skipped;
                bytes = &bytes[skipped..];
                continue;
            }
            // A type byte and a length, or, before the start, a length and a code.
            let wanted = if self.started { 5 } else { 8 };
            let taken = (wanted - self.have).min(bytes.len());
            self.header[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
            self.have += taken;
            bytes = &bytes[taken..];
            if self.have == wanted {
                self.open()?;
            }
        }
        Ok(())
    }

    fn open(&mut self) -> io::Result<()> {
        let word = |at: usize| u32::from_be_bytes([0, 1, 2, 3].map(|n| self.header[at + n]));
        let (length, counted, limit) = match self.started {
            true => (word(1) as usize, 4, if self.let_in { MESSAGE_LIMIT } else { START_LIMIT }),
            false => (word(0) as usize, 8, START_LIMIT),
        };
        if length < counted || length > limit {
            let reason = format!("message of {length} bytes: this door takes {counted} to {limit}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        self.started = self.started || !REQUEST_CODES.contains(&word(4));
        self.have = 0;
        self.body_left = length - counted;
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gate<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        Poll::Ready(self.frames.pass(&buf.filled()[before..]))
    }
}

impl<S> Gate<S> {
    /// What `written` is, unless nothing could be written for too long.
    fn in_time<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(STALL_TIME)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gate<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.in_time(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.in_time(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: [u8; 8] = [0, 0, 0, 8, 0, 3, 0, 0];
    const TLS: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

    fn passes(bytes: &[u8], step: usize) -> bool {
        let mut frames = Frames { let_in: true, ..Frames::default() };
        bytes.chunks(step).all(|chunk| frames.pass(chunk).is_ok())
    }

    #[test]
    fn lengths_are_checked_wherever_the_reads_cut() {
        let fine = [&TLS[..], &START, b"Q\0\0\0\x06;\0", b"S\0\0\0\x04"].concat();
        let long = [&START[..], b"Q\x00\x20\0\0"].concat();
        let short = [&START[..], b"Q\0\0\0\x03"].concat();
        for step in 1..12 {
            assert!(passes(&fine, step));
            assert!(!passes(&long, step));
            assert!(!passes(&short, step));
            assert!(!passes(b"GET / HTTP/1.1\r\n\r\n", step));
            assert!(!passes(b"\x16\x03\x01\x02\x00\x01\x00\x01", step));
        }
    }

    #[test]
    fn who_is_not_let_in_cannot_send_much() {
        let question = [&START[..], b"Q\0\0\x40\0"].concat();
        assert!(passes(&question, 64));
        assert!(Frames::default().pass(&question).is_err());
    }
}
