//! Drops what a terminal would not show, and writes one character for one thing: `'`, `"`, blank, line end.

use crate::intake::work::WorkBudget;

/// The longest operating system command, a link say, that is looked for the end of.
const COMMAND: usize = 2048;

/// The tidied text; `None` if it was tidy.
pub(in crate::intake::extract) fn tidy(text: &str, work: &WorkBudget) -> Option<String> {
    // What is not ASCII is looked at as what it is further down.
    let perhaps = |byte: u8| !byte.is_ascii() || untidy(char::from(byte));
    let first = text.bytes().position(perhaps)?;
    let (tidy, mut rest) = text.split_at(first);
    let mut out = String::with_capacity(text.len());
    out.push_str(tidy);
    while let Some(at) = rest.find(untidy) {
        let (before, special) = rest.split_at(at);
        out.push_str(before);
        if !work.charge(1) {
            break;
        }
        rest = put_in_order(special, &mut out, work);
    }
    out.push_str(rest);
    Some(out)
}

fn untidy(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        '[' | '^' => true,
        _ if character.is_ascii() => character.is_ascii_control(),
        _ => replacement(character).is_some(),
    }
}

/// What a character is replaced by; `Some("")` if it shows nothing; `None` if it stays.
fn replacement(character: char) -> Option<&'static str> {
    Some(match character {
        '‘' | '’' | '‚' | '‛' | '′' | '´' | '＇' | 'ʼ' => "'",
        '“' | '”' | '„' | '‟' | '″' | '＂' => "\"",
        '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{b}' | '\u{c}' => "\n",
        '\u{ad}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{feff}' => "",
        _ if character.is_control() || matches!(character, '␛' | 'â') => "",
        _ if character.is_whitespace() => " ",
        _ => return None,
    })
}

/// Handles the untidy place that `special` starts with; returns what follows it.
fn put_in_order<'t>(special: &'t str, out: &mut String, work: &WorkBudget) -> &'t str {
    let mut characters = special.chars();
    let Some(first) = characters.next() else {
        return "";
    };
    let rest = characters.as_str();
    match first {
        '\r' => {
            if !rest.starts_with('\n') {
                out.push('\n');
            }
            rest
        }
        '\u{1b}' | '␛' => escape_sequence(rest, work),
        '\u{9b}' => control_sequence(rest),
        '^' => match rest.strip_prefix('[').and_then(colour) {
            Some(after) => after,
            None => match rest.strip_prefix("[[").map(control_sequence) {
                Some(after) => after,
                None => stays(first, rest, out),
            },
        },
        // A colour whose escape character a shipper has dropped.
        '[' => match colour(rest) {
            Some(after) => after,
            None => stays(first, rest, out),
        },
        // A typographic quote whose UTF-8 was read as Windows-1252.
        'â' => match rest
            .strip_prefix('€')
            .map(|after| (after, after.chars().next()))
        {
            Some((after, Some('™' | '˜'))) => {
                out.push('\'');
                skip_one(after)
            }
            Some((after, Some('œ' | '\u{9d}' | '\u{fffd}'))) => {
                out.push('"');
                skip_one(after)
            }
            _ => stays(first, rest, out),
        },
        _ => {
            out.push_str(replacement(first).unwrap_or_default());
            rest
        }
    }
}

fn stays<'t>(character: char, rest: &'t str, out: &mut String) -> &'t str {
    out.push(character);
    rest
}

fn skip_one(text: &str) -> &str {
    let mut characters = text.chars();
    characters.next();
    characters.as_str()
}

/// What follows an escape character: a control sequence, an operating system command (a link), or
/// one character.
fn escape_sequence<'t>(rest: &'t str, work: &WorkBudget) -> &'t str {
    if let Some(after) = rest.strip_prefix('[') {
        return control_sequence(after);
    }
    if let Some(command) = rest.strip_prefix(']') {
        let end = command
            .char_indices()
            .take(COMMAND)
            .find(|(_, character)| matches!(character, '\u{7}' | '\u{1b}' | '␛' | '\n'));
        work.charge(end.map_or(COMMAND, |(at, _)| at));
        return match end {
            Some((at, '\u{1b}' | '␛')) => {
                let after = command.get(at..).map(skip_one).unwrap_or_default();
                after.strip_prefix('\\').unwrap_or(after)
            }
            Some((at, '\u{7}')) => command.get(at..).map(skip_one).unwrap_or_default(),
            Some(_) | None => command,
        };
    }
    skip_one(rest)
}

/// The parameters and the last letter of a control sequence (ECMA-48, 5.4).
fn control_sequence(rest: &str) -> &str {
    let after = rest
        .trim_start_matches(|c: char| matches!(c, '0'..='?'))
        .trim_start_matches(|c: char| matches!(c, ' '..='/'));
    match after.chars().next() {
        Some('@'..='~') => skip_one(after),
        _ => after,
    }
}

/// `31m`, `1;31m`, `m`: a colour after its bracket.
fn colour(rest: &str) -> Option<&str> {
    let digits = rest
        .bytes()
        .take(16)
        .take_while(|byte| byte.is_ascii_digit() || *byte == b';')
        .count();
    let (parameters, after) = rest.split_at_checked(digits)?;
    let known = parameters.starts_with(|c: char| c.is_ascii_digit());
    after.strip_prefix('m').filter(|_| known)
}
