//! When a rule applies: days of the week and a stretch of the day, in a time zone.

use crate::yaml::problem::did_you_mean;
use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use std::fmt;

/// Minutes in a day.
const DAY: u16 = 24 * 60;

/// The days, Monday first, by the names that a policy uses.
const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// Days and a stretch of each. A stretch that ends before it begins goes past midnight and belongs to
/// the day on which it began.
#[derive(Clone, Debug, PartialEq)]
pub struct Hours {
    days: Vec<Weekday>,
    from: u16,
    to: u16,
    zone: TimeZone,
}

/// What is wrong with hours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HoursError {
    /// Not a day or a stretch of days.
    #[error(
        "`{0}` is not a day: write mon, tue, wed, thu, fri, sat or sun, or a stretch such as mon-fri"
    )]
    Day(String),
    /// Not a time of the day.
    #[error("`{0}` is not a time of the day: write hours and minutes in quotes, as in \"07:00\"")]
    Time(String),
    /// Not in the time zone database.
    #[error("`{0}` is not a time zone: write its IANA name, such as Europe/Zurich or UTC")]
    Zone(String),
    /// No time at all, or all of it; nobody can tell.
    #[error("`from` and `to` are the same time: leave both out for the whole day")]
    Same,
}

impl Hours {
    /// Days and minutes since midnight; the day of `from` counts.
    pub fn new(days: Vec<Weekday>, from: u16, to: u16, zone: TimeZone) -> Result<Self, HoursError> {
        if from == to {
            return Err(HoursError::Same);
        }
        Ok(Self {
            days,
            from,
            to,
            zone,
        })
    }

    /// The same hours on every day, as people write them: `20:00`, `07:00`, `Europe/Zurich`.
    pub fn daily(from: &str, to: &str, zone: &str) -> Result<Self, HoursError> {
        let (from, to) = (parse_time(from)?, parse_time(to)?);
        Self::new(every_day(), from, to, parse_zone(zone)?)
    }

    /// Whether `now` lies within.
    pub fn contain(&self, now: Timestamp) -> bool {
        let local = self.zone.to_datetime(now);
        let minutes = u16::try_from(local.hour())
            .unwrap_or_default()
            .saturating_mul(60)
            .saturating_add(u16::try_from(local.minute()).unwrap_or_default());
        let today = local.weekday();
        let on = |day: &Weekday| self.days.contains(day);
        if self.from < self.to {
            on(&today) && (self.from..self.to).contains(&minutes)
        } else {
            (on(&today) && minutes >= self.from) || (on(&today.previous()) && minutes < self.to)
        }
    }
}

/// All seven.
pub(in crate::policy) fn every_day() -> Vec<Weekday> {
    DAYS.map(|(_, day)| day).to_vec()
}

/// `mon`, `mon-fri`, `fri-mon`.
pub(in crate::policy) fn parse_days(text: &str) -> Result<Vec<Weekday>, HoursError> {
    let day = |name: &str| {
        let name = name.trim().to_lowercase();
        let found = DAYS.iter().find(|(known, _)| *known == name);
        found
            .map(|(_, day)| *day)
            .ok_or_else(|| HoursError::Day(text.to_owned()))
    };
    let Some((first, last)) = text.split_once('-') else {
        return Ok(vec![day(text)?]);
    };
    let (first, last) = (day(first)?, day(last)?);
    let until_last = first.cycle_forward().take_while(|day| *day != last).take(7);
    Ok(until_last.chain([last]).collect())
}

/// `07:00` to `24:00`, in minutes since midnight.
pub(in crate::policy) fn parse_time(text: &str) -> Result<u16, HoursError> {
    let wrong = || HoursError::Time(text.to_owned());
    let two = |part: &str| {
        let plain = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        plain
            .then(|| part.parse::<u16>().ok())
            .flatten()
            .ok_or_else(wrong)
    };
    let (hours, minutes) = text.split_once(':').ok_or_else(wrong)?;
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    let total = hours.saturating_mul(60).saturating_add(minutes);
    if minutes < 60 && total <= DAY {
        Ok(total)
    } else {
        Err(wrong())
    }
}

/// A zone of the database that is part of the program, so that every machine agrees.
pub(in crate::policy) fn parse_zone(name: &str) -> Result<TimeZone, HoursError> {
    TimeZoneDatabase::bundled()
        .get(name)
        .map_err(|_| HoursError::Zone(name.to_owned()))
}

/// The zone that somebody may have meant.
pub(in crate::policy) fn near_zone(name: &str) -> Option<String> {
    let known: Vec<String> = TimeZoneDatabase::bundled()
        .available()
        .map(|zone| zone.to_string())
        .collect();
    did_you_mean(name, known.iter().map(String::as_str))
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |day: &Weekday| {
            let found = DAYS.iter().find(|(_, known)| known == day);
            found.map_or("", |(name, _)| name)
        };
        let days: Vec<&str> = self.days.iter().map(name).collect();
        let clock = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        let zone = self.zone.iana_name().unwrap_or("UTC");
        let (from, to) = (clock(self.from), clock(self.to));
        write!(f, "{} from {from} to {to} {zone}", days.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(days: &str, from: &str, to: &str) -> Hours {
        let zone = parse_zone("Europe/Zurich").unwrap();
        let (from, to) = (parse_time(from).unwrap(), parse_time(to).unwrap());
        Hours::new(parse_days(days).unwrap(), from, to, zone).unwrap()
    }

    fn at(hours: &Hours, text: &str) -> bool {
        hours.contain(text.parse().unwrap())
    }

    #[test]
    fn office_hours_follow_the_zone_through_the_year() {
        let office = hours("mon-fri", "07:00", "19:00");
        assert!(at(&office, "2026-01-05T06:00:00Z"), "07:00 in winter");
        assert!(!at(&office, "2026-01-05T05:59:59Z"));
        assert!(at(&office, "2026-07-06T05:00:00Z"), "07:00 in summer");
        assert!(!at(&office, "2026-01-05T18:00:00Z"), "19:00 is over");
        assert!(!at(&office, "2026-01-04T09:00:00Z"), "a Sunday");
    }

    #[test]
    fn a_night_belongs_to_the_day_it_began() {
        let night = hours("fri", "22:00", "06:00");
        assert!(at(&night, "2026-01-09T22:00:00Z"), "Friday 23:00");
        assert!(at(&night, "2026-01-10T04:59:00Z"), "Saturday 05:59");
        assert!(!at(&night, "2026-01-09T03:00:00Z"), "Friday 04:00");
        assert!(!at(&night, "2026-01-10T22:00:00Z"), "Saturday 23:00");
    }

    #[test]
    fn stretches_of_days_wrap_around() {
        assert_eq!(
            parse_days("sat-mon").unwrap(),
            [Weekday::Saturday, Weekday::Sunday, Weekday::Monday]
        );
        assert_eq!(parse_days("Mon").unwrap(), [Weekday::Monday]);
        assert_eq!(parse_days("mon-sun").unwrap().len(), 7);
        assert!(parse_days("mon-").is_err());
        assert!(parse_days("montag").is_err());
    }

    #[test]
    fn times_have_two_digits_each() {
        assert_eq!(parse_time("00:00"), Ok(0));
        assert_eq!(parse_time("24:00"), Ok(DAY));
        for wrong in ["7:00", "24:01", "12:60", "12", "12:00:00", "+1:00", "noon"] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
        assert!(parse_zone("Europe/Zürich").is_err());
        assert_eq!(
            hours("mon", "07:00", "24:00").to_string(),
            "mon from 07:00 to 24:00 Europe/Zurich"
        );
    }
}
