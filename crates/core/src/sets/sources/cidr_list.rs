//! A list of networks in a text file: one CIDR or address a line, `#` starts a comment.

use crate::sets::parse_cidr;
use crate::yaml::problem::{Place, Problems, Sink};
use ipnet::IpNet;

/// Reads a whole list; `name` is what the user calls the file. One wrong line costs the list: a
/// block list that is read in part would let through what the other part blocks.
pub fn parse(name: &str, text: &str) -> Result<Vec<IpNet>, Problems> {
    let mut sink = Sink::new(name, text);
    let mut networks = Vec::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (index, line) in text.lines().enumerate() {
        let entry = line.split('#').next().unwrap_or_default();
        let word = entry.trim();
        if word.is_empty() {
            continue;
        }
        match parse_cidr(word) {
            Ok(network) => networks.push(network),
            Err(error) => {
                let before = entry.chars().take_while(|letter| letter.is_whitespace());
                let place = Place {
                    line: index.saturating_add(1),
                    column: before.count().saturating_add(1),
                    width: word.chars().count(),
                    bytes: 0..0,
                };
                let help = "write one CIDR or address a line; `#` starts a comment";
                sink.error(&place, "", error.to_string(), help);
            }
        }
    }
    if sink.failed() {
        Err(sink.finish())
    } else {
        Ok(networks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_blank_lines_are_skipped() {
        let text = "\u{feff}# ours\r\n20.1.2.0/24 # office\r\n\r\n 20.9.9.9\n2603:1030::/32";
        let networks = parse("ours.txt", text).unwrap();
        let texts: Vec<String> = networks.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["20.1.2.0/24", "20.9.9.9/32", "2603:1030::/32"]);
    }

    #[test]
    fn every_wrong_line_is_reported() {
        insta::assert_snapshot!(parse("ours.txt", "20.1.2.0/24\n  20.1.2.3/24\nfoo\n").unwrap_err(), @r"
        error: `20.1.2.3/24` has bits set beyond its prefix length: write `20.1.2.0/24` for the network, or the address alone
         --> ours.txt:2:3
          |
        2 |   20.1.2.3/24
          |   ^^^^^^^^^^^
          = help: write one CIDR or address a line; `#` starts a comment

        error: `foo` is neither an address nor a CIDR such as 20.1.2.0/24
         --> ours.txt:3:1
          |
        3 | foo
          | ^^^
          = help: write one CIDR or address a line; `#` starts a comment
        ");
    }
}
