//! Tests of `strict`.

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
