//! Days, and hours of the week, as price lists know them: in UTC.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// A day, written as `2026-11-22`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    // In this order, so that earlier days are smaller.
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// A day of the Gregorian calendar; `None` if it has no such day.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let leap =
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => return None,
        };
        ((1970..=9999).contains(&year) && (1..=days).contains(&day)).then_some(Self {
            year,
            month,
            day,
        })
    }

    /// The day in UTC, so many seconds after 1970 began.
    ///
    /// `civil_from_days` of <https://howardhinnant.github.io/date_algorithms.html>.
    pub fn at(unix_seconds: u64) -> Self {
        // No clock that anybody has goes beyond the year 9999.
        let days = (unix_seconds / 86_400).min(2_932_896) + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        let small = "a day has small numbers";
        Self {
            year: u16::try_from(year).expect(small),
            month: u8::try_from(month).expect(small),
            day: u8::try_from(day).expect(small),
        }
    }

    /// Reads eight digits, as in `20251001`.
    pub fn compact(digits: &str) -> Option<Self> {
        if digits.len() != 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let number = |from, to| digits[from..to].parse::<u16>().ok();
        Self::new(
            number(0, 4)?,
            number(4, 6)?.try_into().ok()?,
            number(6, 8)?.try_into().ok()?,
        )
    }
}

impl FromStr for Date {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = match text.as_bytes() {
            [_, _, _, _, b'-', _, _, b'-', _, _] if text.is_ascii() => text.replace('-', ""),
            _ => String::new(),
        };
        Self::compact(&digits).ok_or_else(|| format!("`{text}` is no date; write it as 2026-11-22"))
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        text(input)
    }
}

impl JsonSchema for Date {
    fn schema_name() -> Cow<'static, str> {
        "Date".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "date",
            "description": "A day in UTC: 2026-11-22."
        })
    }
}

/// Hours that come back every week, in UTC: `mon-fri 01:00-04:00`, `sun 00:00-24:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    /// First and last day, counted from Monday.
    days: (u8, u8),
    /// First minute of the day, and the one at which they are over.
    minutes: (u16, u16),
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Hours {
    /// Whether a moment, in seconds after 1970 began, is within them.
    pub fn contain(&self, unix_seconds: u64) -> bool {
        // 1 January 1970 was a Thursday.
        let day = (unix_seconds / 86_400 + 3) % 7;
        let minute = unix_seconds % 86_400 / 60;
        (u64::from(self.days.0)..=u64::from(self.days.1)).contains(&day)
            && (u64::from(self.minutes.0)..u64::from(self.minutes.1)).contains(&minute)
    }
}

impl FromStr for Hours {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (days, minutes) = text.split_once(' ')?;
            let (first, last) = days.split_once('-').unwrap_or((days, days));
            let (from, until) = minutes.split_once('-')?;
            let hours = Self {
                days: (day(first)?, day(last)?),
                minutes: (minute(from)?, minute(until)?),
            };
            let forward = hours.days.0 <= hours.days.1 && hours.minutes.0 < hours.minutes.1;
            forward.then_some(hours)
        };
        read().ok_or_else(|| {
            format!("`{text}` are no hours of a week; write them as `mon-fri 01:00-04:00`, in UTC")
        })
    }
}

fn day(name: &str) -> Option<u8> {
    DAYS.iter()
        .position(|day| *day == name)
        .and_then(|n| n.try_into().ok())
}

fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let number = |digits: &str| {
        (digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit()))
            .then(|| digits.parse::<u16>().ok())?
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    (minute < 60 && hour * 60 + minute <= 24 * 60).then_some(hour * 60 + minute)
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let name = |day: u8| DAYS[usize::from(day)];
        f.write_str(name(self.days.0))?;
        if self.days.0 != self.days.1 {
            write!(f, "-{}", name(self.days.1))?;
        }
        let (from, until) = self.minutes;
        let (h, m) = (from / 60, from % 60);
        write!(f, " {h:02}:{m:02}-{:02}:{:02}", until / 60, until % 60)
    }
}

impl<'de> Deserialize<'de> for Hours {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        text(input)
    }
}

impl JsonSchema for Hours {
    fn schema_name() -> Cow<'static, str> {
        "Hours".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[a-z]{3}(-[a-z]{3})? [0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2}$",
            "description": "Hours of every week, in UTC: mon-fri 01:00-04:00."
        })
    }
}

/// Reads what is written as a text.
pub(super) fn text<'de, T, D>(input: D) -> Result<T, D::Error>
where
    T: FromStr<Err = String>,
    D: Deserializer<'de>,
{
    let text = Cow::<str>::deserialize(input)?;
    text.parse().map_err(de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_and_written_alike() {
        for text in ["1970-01-01", "2024-02-29", "2026-11-22", "9999-12-31"] {
            assert_eq!(text.parse::<Date>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in [
            "",
            "2026-13-01",
            "2025-02-29",
            "2100-02-29",
            "2026-00-10",
            "2026-01-00",
            "1969-12-31",
            "26-01-01",
            "2026-1-1",
            "2026/01/01",
            "20260101",
            "+026-01-01",
            "2026-01-0é",
        ] {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_day_of_a_moment_is_the_one_in_utc() {
        let day = |seconds| Date::at(seconds).to_string();
        assert_eq!(day(0), "1970-01-01");
        assert_eq!(day(951_782_399), "2000-02-28");
        assert_eq!(day(951_782_400), "2000-02-29");
        assert_eq!(day(1_795_305_599), "2026-11-21");
        assert_eq!(day(1_795_305_600), "2026-11-22");
        assert_eq!(day(u64::MAX), "9999-12-31");
    }

    #[test]
    fn earlier_days_are_smaller() {
        let day = |text: &str| text.parse::<Date>().unwrap();
        assert!(day("2025-12-31") < day("2026-01-01"));
        assert!(day("2026-01-31") < day("2026-02-01"));
    }

    #[test]
    fn hours_hold_on_their_days_from_their_first_minute_to_before_their_end() {
        let hours: Hours = "mon-fri 01:00-04:00".parse().unwrap();
        let sunday = 1_795_305_600; // 2026-11-22T00:00:00Z
        let (day, hour) = (86_400, 3600);
        assert!(!hours.contain(sunday + 2 * hour));
        assert!(!hours.contain(sunday + day + hour - 1));
        assert!(hours.contain(sunday + day + hour));
        assert!(hours.contain(sunday + 5 * day + 4 * hour - 1));
        assert!(!hours.contain(sunday + 5 * day + 4 * hour));
        assert!(!hours.contain(sunday + 6 * day + 2 * hour));
    }

    #[test]
    fn hours_are_read_and_written_alike() {
        for text in [
            "mon-fri 01:00-04:00",
            "sun 00:00-24:00",
            "sat-sun 10:30-11:05",
        ] {
            assert_eq!(text.parse::<Hours>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_hours_is_refused() {
        for text in [
            "",
            "mon",
            "mon 04:00-01:00",
            "fri-mon 01:00-02:00",
            "mon 1:00-2:00",
            "mon 00:00-24:01",
            "mon 00:60-01:00",
            "Mon 00:00-01:00",
        ] {
            assert!(text.parse::<Hours>().is_err(), "{text}");
        }
    }
}
