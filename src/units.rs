//! Durations and sizes as people write them in a configuration: `250ms`, `20s`, `20MiB`.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// A span of time written as `500ms`, `20s`, `5m` or `1h` (a bare number means seconds).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(std::time::Duration);

impl Duration {
    /// `n` seconds.
    pub const fn secs(n: u64) -> Self {
        Self(std::time::Duration::from_secs(n))
    }

    /// `n` milliseconds.
    pub const fn millis(n: u64) -> Self {
        Self(std::time::Duration::from_millis(n))
    }

    /// The same span as the standard library's type.
    pub const fn get(self) -> std::time::Duration {
        self.0
    }

    /// Whether this is no time at all, which switches most limits off.
    pub const fn is_zero(self) -> bool {
        self.0.is_zero()
    }
}

impl FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = split_number(text);
        let value: f64 = number.parse().map_err(|_| duration_help(text))?;
        let seconds = match unit {
            "ms" => value / 1e3,
            "s" | "" => value,
            "m" => value * 60.0,
            "h" => value * 3600.0,
            "d" => value * 86_400.0,
            _ => return Err(duration_help(text)),
        };
        std::time::Duration::try_from_secs_f64(seconds)
            .map(Self)
            .map_err(|_| duration_help(text))
    }
}

fn duration_help(text: &str) -> String {
    format!("`{text}` is no duration; write it as 500ms, 20s, 5m or 1h")
}

/// A number of bytes written as `512`, `64KiB`, `20MiB` or `1GB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub usize);

impl Bytes {
    /// `n` times 1,024 bytes.
    pub const fn kib(n: usize) -> Self {
        Self(n * 1024)
    }

    /// `n` times 1,048,576 bytes.
    pub const fn mib(n: usize) -> Self {
        Self(n * 1024 * 1024)
    }
}

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = split_number(text);
        let help = || format!("`{text}` is no size; write it as 512, 64KiB, 20MiB or 1GB");
        let value: f64 = number.parse().map_err(|_| help())?;
        let factor: f64 = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 1.0,
            "kb" => 1e3,
            "mb" => 1e6,
            "gb" => 1e9,
            "k" | "kib" => 1024.0,
            "m" | "mib" => 1024.0 * 1024.0,
            "g" | "gib" => 1024.0 * 1024.0 * 1024.0,
            _ => return Err(help()),
        };
        let bytes = value * factor;
        if !(0.0..=1e15).contains(&bytes) {
            return Err(help());
        }
        Ok(Self(bytes as usize))
    }
}

fn split_number(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    (&text[..end], text[end..].trim())
}

/// Accepts a number or a text and hands the text form to `FromStr`.
struct TextOrNumber<T>(std::marker::PhantomData<T>, &'static str);

impl<T: FromStr<Err = String>> de::Visitor<'_> for TextOrNumber<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.1)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(TextOrNumber(Default::default(), "a duration such as 20s"))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(TextOrNumber(Default::default(), "a size such as 20MiB"))
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "number"],
            "minimum": 0,
            "pattern": r"^[0-9.]+ *(ms|s|m|h|d)?$",
            "description": "A span of time: 500ms, 20s, 5m, 1h; a bare number means seconds."
        })
    }
}

impl JsonSchema for Bytes {
    fn schema_name() -> Cow<'static, str> {
        "Bytes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "minimum": 0,
            "pattern": r"^[0-9.]+ *([kKmMgG]?[iI]?[bB]?)$",
            "description": "A number of bytes: 512, 64KiB, 20MiB, 1GB."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_every_unit() {
        for (text, ms) in [
            ("500ms", 500),
            ("20s", 20_000),
            ("1.5s", 1_500),
            ("5m", 300_000),
            ("1h", 3_600_000),
            ("7", 7_000),
        ] {
            assert_eq!(
                text.parse::<Duration>().unwrap().get().as_millis(),
                ms,
                "{text}"
            );
        }
        assert!("soon".parse::<Duration>().is_err());
        assert!("-3s".parse::<Duration>().is_err());
    }

    #[test]
    fn sizes_are_read_in_every_unit() {
        for (text, bytes) in [
            ("512", 512),
            ("64KiB", 65_536),
            ("20MiB", 20_971_520),
            ("1GB", 1_000_000_000),
        ] {
            assert_eq!(text.parse::<Bytes>().unwrap().0, bytes, "{text}");
        }
        assert!("big".parse::<Bytes>().is_err());
        assert!("1XB".parse::<Bytes>().is_err());
    }
}
