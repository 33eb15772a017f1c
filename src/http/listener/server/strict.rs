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
mod tests {
    use super::*;

    /// Whether all is as it should be, in however many pieces it comes.
    fn is_good(text: &str) -> bool {
        let whole = refused_at(&[text.as_bytes()]);
        for at in 0..text.len() {
            let (one, other) = text.as_bytes().split_at(at);
            assert_eq!(refused_at(&[one, other]), whole, "{text:?} cut at {at}");
        }
        whole.is_none()
    }

    fn refused_at(pieces: &[&[u8]]) -> Option<usize> {
        let (mut framing, mut before) = (Framing::default(), 0);
        for piece in pieces {
            if let Some(at) = framing.follow(piece) {
                return Some(before + at);
            }
            before += piece.len();
        }
        None
    }

    const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

    #[test]
    fn good_requests_pass_one_behind_the_other() {
        for text in [
            GET,
            "\r\nGET / HTTP/1.1\r\nHost:a\r\nx: \r\n\r\n",
            "GET / HTTP/1.0\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\n\n\n\n",
            "POST / HTTP/1.1\r\nhost: a\r\nContent-Length: 0\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: Chunked\r\n\r\n2;a=b\r\n\n\n\r\nA\r\n0123456789\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: y\r\n\r\n",
        ] {
            assert!(is_good(text), "{text:?}");
            assert!(is_good(&format!("{text}{GET}")), "{text:?}");
            let bad = format!("{text}GET / HTTP/1.1\nhost: a\r\n\r\n");
            assert!(!is_good(&bad), "what follows is looked at: {text:?}");
        }
    }

    #[test]
    fn http_2_is_not_looked_at() {
        assert!(is_good("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\n\n anything \n"));
    }

    #[test]
    fn line_ends_are_a_carriage_return_and_a_line_feed() {
        for text in [
            "GET / HTTP/1.1\nhost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\n\n",
            "GET / HTTP/1.1\r\nhost: a\r\nx: a\rb\r\n\r\n",
            "\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
        ] {
            assert!(!is_good(text), "{text:?}");
        }
        for body in [
            "2\n\n\n\r\n0\r\n\r\n",
            "2\r\n\n\n\r\n0\n\r\n",
            "2\r\n\n\n\r\n0\r\n\n",
            "0\r\nx: y\n\r\n",
            "5 \r\nhello\r\n0\r\n\r\n",
            "5\t\r\nhello\r\n0\r\n\r\n",
            " 5\r\nhello\r\n0\r\n\r\n",
            "5 ;a\r\nhello\r\n0\r\n\r\n",
            "0x5\r\nhello\r\n0\r\n\r\n",
            "+5\r\nhello\r\n0\r\n\r\n",
            "\r\n0\r\n\r\n",
            "ffffffffffffffffff\r\n",
            "ffffffffffffffff\r\n",
        ] {
            let text =
                format!("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{body}");
            assert!(!is_good(&text), "{text:?}");
        }
    }

    #[test]
    fn a_request_says_once_whom_it_is_for_and_how_long_it_is() {
        for headers in [
            "",
            "x: y\r\n",
            "host: a\r\nhost: a\r\n",
            "host: a\r\nHOST: b\r\n",
            "host: a\r\ncontent-length: 1\r\ncontent-length: 1\r\n",
            "host: a\r\ncontent-length: 1, 1\r\n",
            "host: a\r\ncontent-length: +1\r\n",
            "host: a\r\ncontent-length: -1\r\n",
            "host: a\r\ncontent-length: \r\n",
            "host: a\r\ncontent-length: 99999999999999999999\r\n",
            "host: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n",
            "host: a\r\ntransfer-encoding: chunked\r\ncontent-length: 1\r\n",
            "host: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
            "host: a\r\ntransfer-encoding: gzip, chunked\r\n",
            "host: a\r\ntransfer-encoding: identity\r\n",
        ] {
            assert!(
                !is_good(&format!("POST / HTTP/1.1\r\n{headers}\r\n")),
                "{headers:?}"
            );
        }
    }

    #[test]
    fn a_line_without_an_end_is_not_kept() {
        let mut framing = Framing::default();
        assert_eq!(framing.follow(&vec![b'a'; 1 << 20]), None);
        assert!(framing.line.len() <= LONGEST_LINE + 1);
    }
}
