//! Drawings made here, from numbers: strips of ticks, bars, and charts, each with a text that says the same.

use askama::filters::HtmlSafe;
use doorward_core::messages::wording;
use doorward_core::states::Tally;
use jiff::{SignedDuration, Timestamp};
use std::fmt::{self, Write};

/// A drawing.
#[derive(Clone, Debug)]
pub(super) struct Drawing {
    /// Its class.
    pub(super) class: &'static str,
    /// Its width and height in its own units.
    pub(super) size: (u32, u32),
    /// Whether it is stretched to the room that there is.
    pub(super) stretched: bool,
    /// What it shows, in words.
    pub(super) label: String,
    /// Its shapes.
    pub(super) shapes: Shapes,
}

/// Markup that was made of numbers and fixed words alone.
#[derive(Clone, Debug, Default)]
pub(super) struct Shapes(String);

impl HtmlSafe for Shapes {}

impl fmt::Display for Shapes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Shapes {
    fn rect(&mut self, class: &'static str, (x, y): (f64, f64), (width, height): (f64, f64)) {
        if width > 0.0 && height > 0.0 {
            let shape = format_args!(
                "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
            );
            // Writing to a text does not fail.
            self.0.write_fmt(shape).ok();
        }
    }

    /// A text of our own: a time or a number.
    fn text(&mut self, (x, y): (f64, f64), anchor: &'static str, text: &str) {
        let clean = text
            .chars()
            .filter(|it| it.is_ascii_alphanumeric() || ":-. ".contains(*it));
        let clean: String = clean.collect();
        let shape =
            format_args!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{clean}</text>");
        self.0.write_fmt(shape).ok();
    }
}

#[expect(clippy::cast_precision_loss, reason = "a drawing is not that exact")]
fn float(number: u64) -> f64 {
    number as f64
}

/// What of a time is left: a bar to its end.
pub(super) fn until(begin: Timestamp, end: Timestamp, now: Timestamp) -> Drawing {
    let whole = end.duration_since(begin).as_secs_f64().max(1.0);
    let left = end.duration_since(now).as_secs_f64().clamp(0.0, whole);
    let part = 100.0 * left / whole;
    let mut shapes = Shapes::default();
    shapes.rect("gone", (0.0, 0.0), (100.0, 4.0));
    shapes.rect("left", (0.0, 0.0), (part, 4.0));
    Drawing {
        class: "until",
        size: (100, 4),
        stretched: true,
        label: format!("{part:.0} % of its time is left"),
        shapes,
    }
}

/// A list's places: ours, others', free.
pub(super) fn places(ours: usize, others: usize, limit: usize) -> Drawing {
    let number = |count: usize| float(u64::try_from(count).unwrap_or(u64::MAX));
    let whole = number(limit.max(ours.saturating_add(others)).max(1));
    let (first, second) = (100.0 * number(ours) / whole, 100.0 * number(others) / whole);
    let mut shapes = Shapes::default();
    shapes.rect("base", (0.0, 0.0), (100.0, 4.0));
    shapes.rect("good", (0.0, 0.0), (first, 4.0));
    shapes.rect("tick", (first, 0.0), (second, 4.0));
    Drawing {
        class: "until",
        size: (100, 4),
        stretched: true,
        label: format!("{ours} of doorward, {others} of others, of {limit}"),
        shapes,
    }
}

/// A day of quarters of an hour: a tick for each in which something was denied.
pub(super) fn strip(quarters: &[(Timestamp, Tally)]) -> Drawing {
    // A denial that came before its registry was known counts there by its verdict.
    let count = |tally: &Tally| tally.denials.max(tally.verdicts());
    let most = quarters.iter().map(|(_, it)| count(it)).max().unwrap_or(0);
    let mut shapes = Shapes::default();
    shapes.rect("base", (0.0, 0.0), (float(quarters.len() as u64), 20.0));
    let mut total = 0_u64;
    for (place, (_, tally)) in (0_u64..).zip(quarters) {
        let count = count(tally);
        total = total.saturating_add(count);
        if count > 0 {
            let height = 5.0 + 15.0 * float(count) / float(most.max(1));
            shapes.rect(class(tally), (float(place), 20.0 - height), (0.9, height));
        }
    }
    let last = quarters.iter().rev().find(|(_, it)| count(it) > 0);
    let last = last.map_or_else(String::new, |(at, _)| {
        format!(", the last after {}", wording::time(*at))
    });
    Drawing {
        class: "strip",
        size: (96, 20),
        stretched: true,
        label: match total {
            0 => "No denials within 24 hours".to_owned(),
            1 => format!("1 denial within 24 hours{last}"),
            _ => format!(
                "{total} denials within 24 hours, at most {most} in a quarter of an hour{last}"
            ),
        },
        shapes,
    }
}

/// What a tick is coloured by: the worst of what was said.
fn class(tally: &Tally) -> &'static str {
    if tally.asked > 0 {
        "wait"
    } else if tally.allowed > 0 {
        "good"
    } else {
        "tick"
    }
}

/// The colours of charts: a class and what it stands for.
pub(super) const KEY: [(&str, &str); 3] = [
    ("good", "allowed"),
    ("wait", "asked a person"),
    ("", "opened nothing"),
];

/// Bars over time; `of` gives each bar's parts by class.
pub(super) fn chart(
    label: String,
    series: &[(Timestamp, Tally)],
    of: impl Fn(&Tally) -> Vec<(&'static str, u64)>,
) -> Drawing {
    const SIZE: (f64, f64) = (640.0, 150.0);
    let sum = |tally: &Tally| {
        of(tally)
            .iter()
            .fold(0, |sum: u64, (_, it)| sum.saturating_add(*it))
    };
    let most = series
        .iter()
        .map(|(_, it)| sum(it))
        .max()
        .unwrap_or(0)
        .max(1);
    let step = SIZE.0 / float(series.len().max(1) as u64);
    let mut shapes = Shapes::default();
    for (place, (_, tally)) in (0_u64..).zip(series) {
        let mut top = SIZE.1;
        for (class, count) in of(tally) {
            let height = (SIZE.1 - 14.0) * float(count) / float(most);
            top -= height;
            shapes.rect(
                class,
                (float(place) * step, top),
                ((step - 1.0).max(0.5), height),
            );
        }
    }
    shapes.text((2.0, 11.0), "start", &format!("{most}"));
    let spans_days = matches!(series, [(first, _), .., (last, _)] if last.duration_since(*first) > SignedDuration::from_hours(48));
    let said = |at: Timestamp| {
        let form = if spans_days { "%Y-%m-%d" } else { "%H:%M UTC" };
        at.strftime(form).to_string()
    };
    if let [(first, _), .., (last, _)] = series {
        shapes.text((2.0, SIZE.1 + 13.0), "start", &said(*first));
        shapes.text((SIZE.0 - 2.0, SIZE.1 + 13.0), "end", &said(*last));
    }
    Drawing {
        class: "chart",
        size: (640, 168),
        stretched: false,
        label,
        shapes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strip_says_in_words_what_it_draws() {
        let at = |index: i64| Timestamp::from_second(index * 900).unwrap();
        let mut quarters: Vec<_> = (0..96).map(|it| (at(it), Tally::default())).collect();
        assert_eq!(strip(&quarters).label, "No denials within 24 hours");
        quarters[3].1.denials = 2;
        quarters[5].1.denials = 4;
        let drawing = strip(&quarters);
        assert_eq!(
            drawing.label,
            "6 denials within 24 hours, at most 4 in a quarter of an hour, the last after 1970-01-01 01:15:00 UTC"
        );
        assert_eq!(drawing.shapes.0.matches("<rect").count(), 3);
    }

    #[test]
    fn bar_is_never_wider_than_its_time() {
        let at = |second| Timestamp::from_second(second).unwrap();
        for (now, said) in [(0, "100 %"), (50, "50 %"), (200, "0 %"), (-50, "100 %")] {
            let drawing = until(at(0), at(100), at(now));
            assert!(drawing.label.starts_with(said), "{}", drawing.label);
        }
    }
}
