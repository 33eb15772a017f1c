//! Prometheus' own text form of what is written as `OpenMetrics`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

/// A counter's family has the name of its samples there, with `_total`, and nothing marks the end
/// (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
pub(super) fn classic(text: &str) -> String {
    let counter = |line: &str| {
        let family = line.strip_prefix("# TYPE ")?.strip_suffix(" counter")?;
        Some(family.to_owned())
    };
    let counters: BTreeSet<String> = text.lines().filter_map(counter).collect();
    let mut classic = String::with_capacity(text.len());
    for line in text.lines() {
        if line == "# EOF" || line.starts_with("# UNIT ") {
            continue;
        }
        let mut parts = line.splitn(4, ' ');
        let head = (parts.next(), parts.next(), parts.next(), parts.next());
        match head {
            (Some("#"), Some(what), Some(family), Some(rest)) if counters.contains(family) => {
                // Writing into a string does not fail.
                write!(classic, "# {what} {family}_total {rest}").ok();
            }
            _ => classic.push_str(line),
        }
        classic.push('\n');
    }
    classic
}
