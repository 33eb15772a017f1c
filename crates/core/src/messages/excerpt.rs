//! The beginning of what somebody answered, fit for a log: bounded, printable, and without secrets.

/// How much is shown, in bytes.
const LONGEST: usize = 500;

/// How much of it is looked at, in bytes: what is shown must not end in half a secret.
const LOOKED_AT: usize = 4096;

/// A word of at least so many characters with a digit in it may be a token.
const TOKEN: usize = 20;

/// What stands in a secret's place.
const MASK: &str = "***";

/// The beginning of `body`. What stands in it of `url`, the secret address that answered, is masked, but
/// for its host, and so is every other URL's path and what looks like a token.
pub fn excerpt(body: &[u8], url: &str) -> String {
    let looked_at = body.get(..LOOKED_AT.min(body.len())).unwrap_or_default();
    let mut text = String::from_utf8_lossy(looked_at).into_owned();
    for part in parts(url) {
        text = text.replace(part, MASK);
    }
    let words: Vec<String> = text.split_whitespace().map(tame).collect();
    let mut text = words.join(" ");
    if text.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or_default());
        text.push('…');
    }
    text
}

/// The parts of a URL that may be secret: its path and query, and each part of them.
fn parts(url: &str) -> Vec<&str> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let Some((host, path)) = rest.split_once('/') else {
        return Vec::new();
    };
    let user = host.rsplit_once('@').map(|(user, _)| user);
    let pieces = path.split(['/', '?', '&', '=', '#']);
    let mut parts: Vec<&str> = pieces.chain([path]).chain(user).collect();
    parts.retain(|part| part.len() >= 4);
    // The longest first: a part must not break up what holds it.
    parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
    parts
}

/// A word without what may be secret in it, and without signs that a terminal acts on.
fn tame(word: &str) -> String {
    if let Some((before, rest)) = word.split_once("://") {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        let all = rest.len() == host.len();
        let path = if all {
            String::new()
        } else {
            format!("/{MASK}")
        };
        return printable(&format!("{before}://{host}{path}"));
    }
    let mut tamed = String::new();
    let mut run = String::new();
    let is_of_token = |letter: char| letter.is_ascii_alphanumeric() || "-_.~+%".contains(letter);
    for letter in word.chars().map(Some).chain([None]) {
        if let Some(letter) = letter.filter(|letter| is_of_token(*letter)) {
            run.push(letter);
            continue;
        }
        let token = run.len() >= TOKEN && run.bytes().any(|byte| byte.is_ascii_digit());
        tamed.push_str(if token { MASK } else { &run });
        run.clear();
        tamed.extend(letter);
    }
    printable(&tamed)
}

fn printable(text: &str) -> String {
    let hidden = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let replaced = text.chars().map(|c| if hidden(c) { '\u{fffd}' } else { c });
    replaced.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const URL: &str = "https://hooks.example.com/services/T0001/hunter2hunter2?sig=s3cr";

    #[test]
    fn excerpt_shows_the_reason_and_no_secret() {
        for (body, shown) in [
            ("invalid_payload", "invalid_payload"),
            (
                "no such hook:  /services/T0001/hunter2hunter2?sig=s3cr\n",
                "no such hook: /***",
            ),
            ("T0001 is unknown", "*** is unknown"),
            (
                "see https://doorward.contoso.com/requests/eyJhbGciOi1.x for more",
                "see https://doorward.contoso.com/*** for more",
            ),
            (
                "{\"token\":\"eyJhbGciOiJIUzI1NiIsInR5cCI6\"}",
                "{\"token\":\"***\"}",
            ),
            ("a\u{1b}[31mb", "a\u{fffd}[31mb"),
        ] {
            assert_eq!(excerpt(body.as_bytes(), URL), shown, "{body}");
        }
        let long = excerpt("ab ".repeat(1000).as_bytes(), URL);
        assert!(long.len() <= LONGEST + 3 && long.ends_with('…'), "{long}");
    }

    proptest! {
        #[test]
        fn excerpt_never_holds_a_part_of_the_url(before in "\\PC{0,600}", after in "\\PC{0,20}") {
            let body = format!("{before}{URL}{after} hunter2hunter2{after}");
            let shown = excerpt(body.as_bytes(), URL);
            prop_assert!(!shown.contains("hunter2hunter2"), "{}", shown);
        }
    }
}
