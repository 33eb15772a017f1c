//! The framing of HTTP/1 requests, held to the letter of RFC 9112.
//!
//! hyper also accepts line ends without a carriage return, white space behind a chunk's size, several
//! Host headers or none, and both lengths at once. A proxy in front of doorward may read such bytes
//! otherwise, and then the two see different requests. This follows the bytes as they come in; in place
//! of the first that does not belong there hyper is shown what it refuses as well (400).

/// The longest line that is followed; hyper ends a connection before it.
const LONGEST_LINE: usize = crate::http::listener::server::LARGEST_HEAD as usize;

/// What stands in place of all that follows, in a head as in a chunk's frame: nothing that hyper accepts.
pub(super) const REFUSED: &[u8] = b"\0\r\n\r\n";

/// Follows the requests of one connection.
#[derive(Debug, Default)]
pub(super) struct Framing {
    at: At,
    line: Vec<u8>,
    head: Head,
}

/// Which part of a request comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    /// Its first line.
    #[default]
    Start,
    /// Its headers.
    Headers,
    /// So many bytes of a body, or of a chunk; whether more chunks follow.
    Body { left: u64, chunked: bool },
    /// A chunk's size.
    Size,
    /// What follows the last chunk.
    Trailers,
    /// Nothing more is looked at: HTTP/2, or a request that is refused.
    Over,
}

/// What the headers of one request have said so far.
#[derive(Debug, Default)]
struct Head {
    needs_host: bool,
    hosts: usize,
    length: Option<u64>,
    chunked: bool,
}

impl Framing {
    /// Looks at what has come in; how much of it is good, if not all.
    pub(super) fn follow(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            match self.at {
                At::Over => return None,
                At::Body { left, chunked } => {
                    let here = bytes.len().saturating_sub(at);
                    at = at.saturating_add(self.body(left, chunked, here));
                }
                At::Start | At::Headers | At::Size | At::Trailers => {
                    if self.letter(*byte).is_none() {
                        self.at = At::Over;
                        return Some(at);
                    }
                    at = at.saturating_add(1);
                }
            }
        }
        None
    }

    /// How many of these bytes are the body's.
    fn body(&mut self, left: u64, chunked: bool, here: usize) -> usize {
        let passed = usize::try_from(left).map_or(here, |left| left.min(here));
        let left = left.saturating_sub(passed as u64);
        self.at = match (left, chunked) {
            (0, true) => At::Size,
            (0, false) => At::Start,
            _ => At::Body { left, chunked },
        };
        passed
    }

    /// One letter of a line; none if it cannot stand there.
    fn letter(&mut self, letter: u8) -> Option<()> {
        match (letter, self.line.last() == Some(&b'\r')) {
            (b'\n', true) => {
                let mut line = std::mem::take(&mut self.line);
                line.pop();
                self.at = self.next(&line)?;
                line.clear();
                self.line = line;
                Some(())
            }
            (b'\n', false) | (_, true) => None,
            _ => {
                self.line.push(letter);
                if self.line.len() > LONGEST_LINE {
                    self.at = At::Over;
                }
                Some(())
            }
        }
    }

    /// What follows this line.
    fn next(&mut self, line: &[u8]) -> Option<At> {
        Some(match self.at {
            // Empty lines may stand before a request.
            At::Start | At::Trailers if line.is_empty() => At::Start,
            At::Start if line == b"PRI * HTTP/2.0" => At::Over,
            At::Start => {
                self.head = Head {
                    needs_host: line.ends_with(b" HTTP/1.1"),
                    ..Head::default()
                };
                At::Headers
            }
            At::Headers if line.is_empty() => self.head.body()?,
            At::Headers => {
                self.head.header(line)?;
                At::Headers
            }
            At::Size => match chunk_size(line)? {
                0 => At::Trailers,
                // The line end behind the chunk counts as part of it: hyper looks at it.
                size => At::Body {
                    left: size.checked_add(2)?,
                    chunked: true,
                },
            },
            At::Trailers => At::Trailers,
            At::Body { .. } | At::Over => return None,
        })
    }
}

impl Head {
    /// Takes in a header; none if it cannot stand beside the others.
    fn header(&mut self, line: &[u8]) -> Option<()> {
        let mut parts = line.splitn(2, |letter| *letter == b':');
        let (name, value) = (parts.next()?, parts.next()?.trim_ascii());
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        if is("host") {
            self.hosts = self.hosts.saturating_add(1);
            (self.hosts == 1).then_some(())
        } else if is("content-length") {
            let length = value.iter().all(u8::is_ascii_digit);
            let length = length.then(|| str::from_utf8(value).ok()?.parse().ok())?;
            let alone = self.length.is_none() && !self.chunked;
            self.length = length;
            (alone && length.is_some()).then_some(())
        } else if is("transfer-encoding") {
            let alone = self.length.is_none() && !self.chunked;
            self.chunked = true;
            (alone && value.eq_ignore_ascii_case(b"chunked")).then_some(())
        } else {
            Some(())
        }
    }

    /// What follows the headers; none if they are not enough.
    fn body(&self) -> Option<At> {
        if self.needs_host && self.hosts == 0 {
            return None;
        }
        Some(match (self.chunked, self.length) {
            (true, _) => At::Size,
            (false, Some(left)) if left > 0 => At::Body {
                left,
                chunked: false,
            },
            _ => At::Start,
        })
    }
}

/// A chunk's size: hexadecimal digits, and nothing else before an extension.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|letter| *letter == b';').next()?;
    if digits.is_empty() || digits.len() > 16 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u64::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests;
