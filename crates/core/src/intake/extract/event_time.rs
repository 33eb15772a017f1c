//! When a record or a line says that it was written. The oldest credible time of the nearest record or
//! line counts; a time that nobody could have written down says nothing.

use super::record::{Leaf, Named};
use super::registry::sibling_fields::pairs;
use super::text::window;
use crate::intake::document::{Map, Value};
use crate::intake::work::WorkBudget;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use regex::{Captures, Regex};
use std::sync::LazyLock;

/// The names that a record's own time goes by, lower-case.
const NAMES: &[&str] = &[
    "@t",
    "@timestamp",
    "__realtime_timestamp",
    "_source_realtime_timestamp",
    "asctime",
    "date",
    "datetime",
    "date_time",
    "epoch",
    "event_time",
    "event_timestamp",
    "eventtime",
    "eventtimestamp",
    "fireddatetime",
    "last_updated",
    "log_time",
    "logged_at",
    "logtime",
    "observed_time_unix_nano",
    "observed_timestamp",
    "observedtimestamp",
    "observedtimeunixnano",
    "occurred_at",
    "occurredat",
    "starts_at",
    "startsat",
    "syslog_timestamp",
    "time",
    "time_nano",
    "time_unix_nano",
    "timegenerated",
    "timegenerated [utc]",
    "timegenerated_s",
    "timegenerated_t",
    "timenano",
    "timestamp",
    "timestamp_ms",
    "timestampms",
    "timeunixnano",
    "ts",
];

/// Of what happens again and again, when it last did: this counts before when it first did.
const LAST: &[&str] = &[
    "deprecatedlasttimestamp",
    "last_seen",
    "lastobservedtime",
    "lastseen",
    "lasttimestamp",
];

/// The first and the last day of credible times.
const FIRST: Date = Date::constant(2015, 1, 1);
const FINAL: Date = Date::constant(2100, 1, 1);

/// How far a clock without a zone may be behind UTC: it is not older than this says.
const BEHIND: SignedDuration = SignedDuration::from_hours(12);

/// How much of a line is looked at for a time in front of it, and how far above a message its line's
/// time may stand.
const FRONT: usize = 120;
const ABOVE: usize = 8192;

/// The oldest of several times.
#[derive(Clone, Copy, Default)]
struct Oldest {
    any: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl Oldest {
    fn add(&mut self, name: &str, says: impl FnOnce() -> Option<Timestamp>) {
        let known = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        let place = if known(LAST) {
            &mut self.last
        } else if known(NAMES) {
            &mut self.any
        } else {
            return;
        };
        if let Some(at) = says() {
            *place = Some(place.map_or(at, |oldest| oldest.min(at)));
        }
    }

    fn told(self) -> Option<Timestamp> {
        self.last.or(self.any)
    }
}

/// When the record was written that an object or an array is, by its own fields.
pub(super) fn of_record(record: &Value<'_>) -> Option<Timestamp> {
    let mut oldest = Oldest::default();
    match record {
        Value::Object(fields) => {
            for (name, value) in fields.iter() {
                let series = value.as_object().filter(|_| name == "series");
                for (name, value) in series.into_iter().flat_map(Map::iter) {
                    oldest.add(name, || of_value(value));
                }
                oldest.add(name, || of_value(value));
            }
        }
        // `[time, record]`
        Value::Array(items) if items.len() <= 3 && items.first().is_some_and(Value::is_number) => {
            return items.first().and_then(of_value);
        }
        Value::Array(_) => {
            for (name, value) in pairs(record).unwrap_or_default() {
                oldest.add(name, || of_value(value));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    oldest.told()
}

/// The same of a flat object.
pub(crate) fn of_named(names: &[Named<'_>]) -> Option<Timestamp> {
    let mut oldest = Oldest::default();
    for Named { name, value, .. } in names {
        if let Leaf::Said(text) = value {
            oldest.add(name, || of_text(text));
        }
    }
    oldest.told()
}

fn of_value(value: &Value<'_>) -> Option<Timestamp> {
    match value {
        Value::String(text) => of_text(text),
        Value::Number(number) => of_text(&number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The time that a text is, and nothing else.
pub(super) fn of_text(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.len() > 64 || !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if let Some(at) = of_epoch(text) {
        return Some(at);
    }
    if is_plain(text) {
        return credible(text.parse().ok()?);
    }
    let (at, from, _) = written(text)?;
    (from == 0 || text.get(..from)?.ends_with(", ")).then_some(at)
}

/// Whether a time is written as in RFC 3339, in UTC, to the nanosecond at most.
fn is_plain(text: &str) -> bool {
    const FORM: &[u8; 19] = b"dddd-dd-ddTdd:dd:dd";
    let Some((clock, rest)) = text.as_bytes().split_first_chunk::<19>() else {
        return false;
    };
    let fits = |(byte, form): (&u8, &u8)| match form {
        b'd' => byte.is_ascii_digit(),
        _ => byte == form,
    };
    // Sixty seconds are a leap second, which is read as the one before.
    let leaps = clock.get(17).is_none_or(|tens| *tens >= b'6');
    let rest = rest.strip_suffix(b"Z");
    let fraction = rest.and_then(|rest| match rest {
        [] => Some(rest),
        [b'.', digits @ ..] if (1..=9).contains(&digits.len()) => Some(digits),
        _ => None,
    });
    !leaps
        && clock.iter().zip(FORM).all(fits)
        && fraction.is_some_and(|digits| digits.iter().all(u8::is_ascii_digit))
}

/// Seconds, milliseconds, microseconds or nanoseconds since 1970, by how many digits there are.
fn of_epoch(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 18 {
        return None;
    }
    let number: i64 = whole.parse().ok()?;
    let at = match whole.len() {
        10 => Timestamp::from_second(number),
        13 => Timestamp::from_millisecond(number),
        16 => Timestamp::from_microsecond(number),
        19 => Timestamp::from_nanosecond(i128::from(number)),
        _ => return None,
    };
    credible(at.ok()?)
}

fn credible(at: Timestamp) -> Option<Timestamp> {
    let day = at.to_zoned(TimeZone::UTC).date();
    (FIRST..FINAL).contains(&day).then_some(at)
}

static WRITTEN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let time = r"(?P<hour>[0-9][0-9]?):(?P<minute>[0-9][0-9]):(?P<second>[0-9][0-9])(?:[.,](?P<fraction>[0-9]{1,9})[0-9]*)?(?P<half> ?[AaPp][Mm])?";
    let zone = r"(?: ?(?P<utc>[Zz]\b|UTC\b|GMT\b)| ?(?P<sign>[+-])(?P<east>[0-9][0-9]):?(?P<rest>[0-9][0-9])\b)?";
    let digits = r"(?P<year>[0-9]{4})[-/](?P<month>[0-9][0-9])[-/](?P<day>[0-9][0-9])[Tt _]";
    let words = r"(?P<day2>[0-9][0-9]?)[ /-](?P<name>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*[ /-](?P<year2>[0-9]{4})[ :]";
    let american = r"(?P<month3>[0-9][0-9]?)/(?P<day3>[0-9][0-9]?)/(?P<year3>[0-9]{4}),? ";
    Regex::new(&format!(
        r"(?:^|[^0-9A-Za-z./:-]|\b[A-Z][a-z]{{2}}, )(?:{digits}|{words}|{american}){time}{zone}"
    ))
    .ok()
});

/// The first time that is written in a text, and from where to where.
fn written(text: &str) -> Option<(Timestamp, usize, usize)> {
    let found = WRITTEN.as_ref()?.captures(text)?;
    let whole = found.get(0)?;
    let first = ["year", "day2", "month3"]
        .iter()
        .find_map(|name| found.name(name))?;
    let at = credible(time(&found)?)?;
    Some((at, first.start(), whole.end()))
}

/// The time that was found. Without a zone it is the latest that it can be, so that nothing is taken for
/// older than it is.
fn time(found: &Captures<'_>) -> Option<Timestamp> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let any = |names: &[&str]| -> Option<i16> {
        let text = names.iter().find_map(|name| found.name(name))?;
        text.as_str().parse().ok()
    };
    let narrow = |number: i16| i8::try_from(number).ok();
    let named = || {
        let at = MONTHS.find(found.name("name")?.as_str())?;
        i16::try_from(at.div_euclid(3).saturating_add(1)).ok()
    };
    let month = any(&["month", "month3"]).or_else(named)?;
    let date = Date::new(
        any(&["year", "year2", "year3"])?,
        narrow(month)?,
        narrow(any(&["day", "day2", "day3"])?)?,
    );
    let half = found.name("half").map(|half| half.as_str().trim());
    let hour = any(&["hour"])?;
    let hour = match half {
        Some(half) if half.starts_with(['p', 'P']) && hour < 12 => hour.checked_add(12)?,
        Some(half) if half.starts_with(['a', 'A']) && hour == 12 => 0,
        _ => hour,
    };
    let (minute, second) = (any(&["minute"])?, any(&["second"])?.min(59));
    let date = date.ok()?;
    let fraction = found
        .name("fraction")
        .map_or("", |fraction| fraction.as_str());
    let fraction: i32 = format!("{fraction:0<9}").parse().ok()?;
    let clock = jiff::civil::Time::new(narrow(hour)?, narrow(minute)?, narrow(second)?, fraction);
    let at = date.to_datetime(clock.ok()?);
    let in_zone = |offset: Offset| offset.to_timestamp(at).ok();
    if found.name("utc").is_some() {
        return in_zone(Offset::UTC);
    }
    let Some(sign) = found.name("sign") else {
        return in_zone(Offset::UTC)?.checked_add(BEHIND).ok();
    };
    let minutes = i32::from(any(&["east"])?).checked_mul(60)?;
    let minutes = minutes.checked_add(i32::from(any(&["rest"])?))?;
    let seconds = minutes.checked_mul(if sign.as_str() == "-" { -60 } else { 60 })?;
    in_zone(Offset::from_seconds(seconds).ok()?)
}

/// A time in front of a line, and where it ends in the text.
type Front = (usize, Timestamp);

/// Where lines of a text have a time in front, in order.
pub(super) fn fronts(text: &str, work: &WorkBudget) -> Vec<Front> {
    let mut found = Vec::new();
    let mut at: usize = 0;
    for line in text.split_inclusive('\n') {
        let head = window::first(line, FRONT);
        if !work.charge(head.len().saturating_mul(2)) {
            break;
        }
        if let Some((time, end)) = in_front(head) {
            found.push((at.saturating_add(end), time));
        }
        at = at.saturating_add(line.len());
    }
    found
}

/// The time that a line begins with, behind what a log may put before it.
fn in_front(head: &str) -> Option<(Timestamp, usize)> {
    static EPOCH: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r#"(?-u)^[\[(" \t]*(?:(?:ts|time|timestamp)[=:]"?)?(?P<epoch>\d{10}(?:\d{3}|\d{6}|\d{9})?(?:\.\d{1,9})?)(?:[\]):," \t\r\n]|$)"#).ok()
    });
    let digit = |byte: &u8| byte.is_ascii_digit();
    if head.bytes().filter(digit).take(10).count() < 10 {
        return None;
    }
    // An epoch begins the line, or its name does; any other time has a colon between digits.
    let begins = head.trim_start_matches(['[', '(', '"', ' ', '\t']);
    let epoch = begins.starts_with(|first: char| first.is_ascii_digit() || first == 't');
    let bytes = head.as_bytes();
    let clock = |at: usize| {
        let around = bytes.get(at.saturating_sub(1)..at.saturating_add(2));
        matches!(around, Some([b'0'..=b'9', _, b'0'..=b'9']))
    };
    if !epoch && !memchr::memchr_iter(b':', bytes).any(clock) {
        return None;
    }
    if let Some(found) = EPOCH.as_ref().and_then(|epoch| epoch.captures(head)) {
        let epoch = found.name("epoch")?;
        return Some((of_epoch(epoch.as_str())?, epoch.end()));
    }
    let (at, _, end) = written(head)?;
    Some((at, end))
}

/// The time of the line that a place is on, or else of the nearest line above that has one.
pub(super) fn of_line(fronts: &[Front], place: usize) -> Option<Timestamp> {
    let before = fronts.partition_point(|(end, _)| *end <= place);
    let (end, at) = fronts.get(before.checked_sub(1)?)?;
    (place.saturating_sub(*end) <= ABOVE).then_some(*at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn times_are_read_in_every_form() {
        for text in [
            "2026-11-20T10:00:00Z",
            "2026-11-20T10:00:00.4779266Z",
            "2026-11-20T11:00:00+01:00",
            "2026-11-20T04:30:00-0530",
            "2026-11-20 10:00:00.4779266 +0000 UTC",
            "2026-11-20 10:00:00 UTC",
            "2026/11/20 10:00:00Z",
            "20/Nov/2026:10:00:00 +0000",
            "Fri, 20 Nov 2026 10:00:00 GMT",
            "11/20/2026, 10:00:00.000 AM UTC",
            "1795168800",
            "1795168800.5",
            "1795168800123",
            "1795168800123456",
            "1795168800123456789",
            " 1795168800 ",
        ] {
            let read = of_text(text).map(Timestamp::as_second);
            assert_eq!(read, Some(1_795_168_800), "{text}");
        }
        // Whose clock has no zone may be half a day behind.
        let late = of_text("2026-11-20 10:00:00,123");
        assert_eq!(late, Some(at("2026-11-20T22:00:00.123Z")));
        for text in [
            "",
            "0",
            "-1",
            "12",
            "9999-12-31T23:59:59Z",
            "0001-01-01T00:00:00Z",
            "1970-01-01T00:00:00Z",
            "2026-13-20T10:00:00Z",
            "2026-11-20",
            "99999999999",
            "10:00:00",
            "since 2026-11-20T10:00:00Z",
        ] {
            assert_eq!(of_text(text), None, "{text}");
        }
    }

    #[test]
    fn the_oldest_time_of_a_record_counts_and_of_a_series_the_last() {
        let old = Some(at("2026-11-20T10:00:00Z"));
        for record in [
            json!({ "Time": "2026-11-20T10:00:00Z", "TimeGenerated": "2026-11-27T10:00:00Z" }),
            json!({ "@timestamp": "2026-11-20T10:00:00Z" }),
            json!({ "timeUnixNano": "1795168800000000000", "observedTimeUnixNano": "1795773600000000000" }),
            json!({ "date": 1_795_168_800.0 }),
            json!({ "firstTimestamp": "2026-01-01T00:00:00Z", "eventTime": "2026-02-01T00:00:00Z", "lastTimestamp": "2026-11-20T10:00:00Z" }),
            json!({ "eventTime": "2026-02-01T00:00:00Z", "series": { "lastObservedTime": "2026-11-20T10:00:00Z" } }),
            json!([{ "name": "TimeGenerated", "value": "2026-11-20T10:00:00Z" }, { "name": "a", "value": "b" }]),
            json!([1_795_168_800, { "log": "x" }]),
        ] {
            assert_eq!(of_record(&record.clone().into()), old, "{record}");
        }
        assert_eq!(
            of_record(&json!({ "lastTimestamp": null, "size": 1_795_168_800 }).into()),
            None
        );
    }

    #[test]
    fn a_line_has_its_time_or_that_of_a_line_above() {
        let text = "2026-11-20T10:00:00Z stderr F one\ntwo\n[1795168801] three\n<34>1 2026-11-20T10:00:02Z host four";
        let fronts = fronts(text, &WorkBudget::unlimited());
        let second = |word: &str| {
            let at = of_line(&fronts, text.find(word).unwrap());
            at.map(|at| at.as_second() - 1_795_168_800)
        };
        assert_eq!(
            ["2026", "one", "two", "three", "four"].map(second),
            [None, Some(0), Some(0), Some(1), Some(2)]
        );
    }
}
